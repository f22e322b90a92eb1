//! Requests to end the program: Ctrl-C (SIGINT) and SIGTERM. SIGHUP is not handled, for nohup(1).

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use log::warn;
use tickwire::Waker;

use crate::error::CliError;

/// A signal this long after the first one ends the process at once, because the loop is blocked in
/// a write. An earlier second signal does not: timeout(1) signals the process and then its group.
const FORCE_AFTER: Duration = Duration::from_secs(1);

/// As a shell reports SIGINT: 128 + 2.
const ENDED_BY_SIGNAL: i32 = 130;

#[derive(Debug)]
pub(crate) struct StopSignal {
    is_requested: Arc<AtomicBool>,
}

impl StopSignal {
    /// From now on a signal sets a flag and wakes the socket, instead of killing the process.
    pub(crate) fn on_signal(waker: Waker) -> Result<Self, CliError> {
        let is_requested = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_requested);
        let mut first = None;
        on_each_signal(move |_| {
            let now = Instant::now();
            if now.duration_since(*first.get_or_insert(now)) > FORCE_AFTER {
                process::exit(ENDED_BY_SIGNAL);
            }
            flag.store(true, Ordering::Release);
            if let Err(error) = waker.wake() {
                warn!("cannot wake the loop, it ends with the next datagram: {error}");
            }
        })
        .map_err(|error| CliError::Runtime(format!("cannot wait for signals: {error}")))?;
        Ok(Self { is_requested })
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.is_requested.load(Ordering::Acquire)
    }
}

/// Calls `clean_up` before a signal ends the program.
pub(crate) fn before_end(clean_up: impl Fn() + Send + 'static) {
    let result = on_each_signal(move |signal| {
        clean_up();
        end_by(signal);
    });
    if let Err(error) = result {
        // The clean-up is optional.
        warn!("cannot wait for signals: {error}");
    }
}

/// Calls `handle` on a thread, so it need not be async-signal-safe.
#[cfg(unix)]
fn on_each_signal(handle: impl FnMut(i32) + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};

    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || signals.forever().for_each(handle));
    Ok(())
}

#[cfg(not(unix))]
fn on_each_signal(mut handle: impl FnMut(i32) + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || handle(0))
}

/// Ends the process by the default action of the signal, which a shell can see.
fn end_by(signal: i32) {
    #[cfg(unix)]
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    #[cfg(not(unix))]
    let _ = signal;
    process::exit(ENDED_BY_SIGNAL);
}
