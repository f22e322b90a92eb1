//! The wish to end, from the outside: Ctrl-C (SIGINT) and SIGTERM.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use log::warn;
use tickwire::Waker;

use crate::error::CliError;

/// A signal that comes this long after the first one means it: the loop had its time to end and does
/// not, because whoever reads its output does not read. Not at once, because some senders signal
/// twice (timeout(1) signals the process and then its group).
const PATIENCE: Duration = Duration::from_secs(1);

/// What a shell reports of a program that SIGINT ended: 128 + 2.
const ENDED_BY_SIGNAL: i32 = 130;

/// Whether the program was asked to end.
#[derive(Debug)]
pub(crate) struct StopSignal {
    is_requested: Arc<AtomicBool>,
}

impl StopSignal {
    /// From now on a signal sets this and wakes the socket, instead of killing the process.
    pub(crate) fn on_signal(waker: Waker) -> Result<Self, CliError> {
        let is_requested = Arc::new(AtomicBool::new(false));
        let stop = Self {
            is_requested: Arc::clone(&is_requested),
        };
        let mut first = None;
        // Called on a thread of its own, so nothing here has to be async-signal-safe.
        let on_signal = move || {
            let now = Instant::now();
            if now.duration_since(*first.get_or_insert(now)) > PATIENCE {
                process::exit(ENDED_BY_SIGNAL);
            }
            is_requested.store(true, Ordering::Release);
            if let Err(error) = waker.wake() {
                warn!("the loop could not be woken, it ends with the next datagram: {error}");
            }
        };
        on_each_signal(on_signal)
            .map_err(|error| CliError::Runtime(format!("cannot wait for signals: {error}")))?;
        Ok(stop)
    }

    /// Whether a signal came.
    pub(crate) fn is_requested(&self) -> bool {
        self.is_requested.load(Ordering::Acquire)
    }
}

/// When a signal ends the program, does this first. The end is then what it is without it.
pub(crate) fn before_end(clean_up: impl Fn() + Send + 'static) {
    if let Err(error) = clean_up_and_end(clean_up) {
        // What is left lying about is no reason to do nothing.
        warn!("cannot wait for signals: {error}");
    }
}

#[cfg(unix)]
fn clean_up_and_end(clean_up: impl Fn() + Send + 'static) -> Result<(), std::io::Error> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::low_level::emulate_default_handler;

    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            clean_up();
            // A shell sees that it was the signal, and a script that runs it ends as well.
            if emulate_default_handler(signal).is_err() {
                process::exit(ENDED_BY_SIGNAL);
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn clean_up_and_end(clean_up: impl Fn() + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || {
        clean_up();
        process::exit(ENDED_BY_SIGNAL);
    })
}

/// Calls `react` for every signal, on a thread of its own. SIGHUP is left alone: a server that was
/// started with nohup(1) is to outlive its terminal.
#[cfg(unix)]
fn on_each_signal(mut react: impl FnMut() + Send + 'static) -> Result<(), std::io::Error> {
    use signal_hook::consts::{SIGINT, SIGTERM};

    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || signals.forever().for_each(|_| react()));
    Ok(())
}

#[cfg(not(unix))]
fn on_each_signal(react: impl FnMut() + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(react)
}
