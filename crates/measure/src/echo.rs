//! The replying side, on its own thread.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, process};

use crate::affinity::{Affinity, Role};
use crate::floors::LOOPBACK;
use crate::side::Side;

/// Interval between datagrams that wake the thread so that it ends.
const NUDGE: Duration = Duration::from_millis(1);

const PAUSED: u8 = 0;
const SERVING: u8 = 1;
const ENDING: u8 = 2;

/// A running echo. A paused echo uses no CPU time. Dropping it ends the thread.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    state: Arc<AtomicU8>,
    thread: JoinHandle<()>,
}

impl Echo {
    /// Starts a paused echo.
    ///
    /// # Errors
    ///
    /// The system cannot create a thread or report the address.
    pub fn start(mut side: impl Side, affinity: Affinity) -> io::Result<Self> {
        let address = side.address()?;
        let state = Arc::new(AtomicU8::new(PAUSED));
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("echo".to_owned())
            .spawn(move || {
                if let Err(error) = run(&shared, &mut side, affinity) {
                    // Without an echo the client would wait forever.
                    eprintln!("cannot measure: the echo failed: {error}");
                    process::exit(1);
                }
            })?;
        Ok(Self {
            address,
            state,
            thread,
        })
    }

    /// Address of its socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts echoing.
    pub fn serve(&self) {
        self.set(SERVING);
    }

    /// Pauses after at most one more turn.
    pub fn pause(&self) {
        self.set(PAUSED);
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::Release);
        self.thread.thread().unpark();
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.set(ENDING);
        // Only a datagram wakes a sleeping thread; a lost one is sent again. If sending fails, the
        // thread ends with the process.
        let Ok(nudge) = UdpSocket::bind(LOOPBACK) else {
            return;
        };
        while !self.thread.is_finished() && nudge.send_to(&[], self.address).is_ok() {
            thread::park_timeout(NUDGE);
        }
    }
}

fn run(state: &AtomicU8, side: &mut impl Side, affinity: Affinity) -> io::Result<()> {
    let _pinned = affinity.pin(Role::Server)?;
    loop {
        match state.load(Ordering::Acquire) {
            SERVING => side.echo()?,
            PAUSED => thread::park(),
            _ => return Ok(()),
        }
    }
}
