//! The socket's own poll.

use std::io;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token};

use crate::socket::raw_socket::RawSocket;
use crate::socket::waker::Waker;

/// Maximum duration of one sleep: 2^31 - 1 ms, almost 25 days. A longer wait sleeps repeatedly.
///
/// `epoll_wait(2)` takes milliseconds as a signed 32-bit integer, where negative means forever. mio
/// clamps a longer time (1.2) or truncates it to its lower 32 bits (1.1).
const SLEEP_MAX: Duration = Duration::from_millis(0x7fff_ffff);

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// One event of the socket, one of the waker.
const EVENTS_MAX: usize = 2;

#[derive(Debug)]
pub(crate) struct Poller {
    poll: Poll,
    events: Events,
    waker: Option<Waker>,
    is_writable_asked: bool,
}

/// What ended a sleep. If nothing is set, it timed out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PollOutcome {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) woken: bool,
}

impl Poller {
    pub(super) fn new(socket: &mut RawSocket) -> io::Result<Self> {
        let own = Self::without_socket()?;
        socket.register(own.poll.registry(), SOCKET, Interest::READABLE, false)?;
        Ok(own)
    }

    /// A poll that only a waker ends.
    pub(crate) fn without_socket() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            waker: None,
            is_writable_asked: false,
        })
    }

    pub(crate) fn waker(&mut self) -> io::Result<Waker> {
        if let Some(waker) = &self.waker {
            return Ok(waker.clone());
        }
        let waker = Waker::new(self.poll.registry(), WAKER)?;
        self.waker = Some(waker.clone());
        Ok(waker)
    }

    pub(crate) fn take_wake(&self) -> bool {
        self.waker.as_ref().is_some_and(Waker::take)
    }

    /// Enables or disables the writable interest. Off by default, because every datagram that
    /// leaves the machine would cause an edge.
    pub(super) fn ask_writable(&mut self, socket: &mut RawSocket, asked: bool) -> io::Result<()> {
        if self.is_writable_asked == asked {
            return Ok(());
        }
        socket.reregister(self.poll.registry(), SOCKET, Interest::READABLE, asked)?;
        self.is_writable_asked = asked;
        Ok(())
    }

    /// Sleeps until an event, `timeout`, or possibly a signal.
    pub(crate) fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<PollOutcome> {
        // A poll interrupted by a signal keeps the events of the previous one.
        self.events.clear();
        match self.poll_for(timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => result?,
        }
        let mut seen = PollOutcome::default();
        for event in &self.events {
            seen.add(event);
        }
        seen.woken = seen.woken && self.take_wake();
        Ok(seen)
    }

    /// `epoll_wait(2)` takes milliseconds and mio rounds up, which would delay a tick of 16.67 ms
    /// by up to 1 ms. So whole milliseconds are slept there, and the rest in `ppoll(2)`.
    #[cfg(target_os = "linux")]
    fn poll_for(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        use nix::poll::{PollFd, PollFlags, ppoll};
        use std::os::fd::AsFd;

        let Some(timeout) = timeout else {
            return self.poll.poll(&mut self.events, None);
        };
        let millis = whole_millis(timeout);
        if !millis.is_zero() {
            // The caller reads the clock and sleeps the rest.
            return self.poll.poll(&mut self.events, Some(millis));
        }
        let mut epoll = [PollFd::new(self.poll.registry().as_fd(), PollFlags::POLLIN)];
        if ppoll(&mut epoll, Some(timeout.into()), None)? > 0 {
            self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn poll_for(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|timeout| timeout.min(SLEEP_MAX));
        self.poll.poll(&mut self.events, timeout)
    }
}

/// `timeout` rounded down to milliseconds, at most [`SLEEP_MAX`].
#[cfg(target_os = "linux")]
fn whole_millis(timeout: Duration) -> Duration {
    let timeout = timeout.min(SLEEP_MAX);
    timeout - Duration::from_nanos(u64::from(timeout.subsec_nanos() % 1_000_000))
}

impl PollOutcome {
    fn add(&mut self, event: &Event) {
        match event.token() {
            WAKER => self.woken = true,
            _ => {
                self.writable |= event.is_writable();
                // The next receive reports the error.
                self.readable |= event.is_readable() || event.is_error();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn splits_a_timeout_into_milliseconds_and_rest() {
        let millis = |nanos| whole_millis(Duration::from_nanos(nanos)).as_nanos();
        assert_eq!(millis(16_666_667), 16_000_000);
        assert_eq!(millis(999_999), 0);
        assert_eq!(millis(5_000_000_000), 5_000_000_000);
        assert_eq!(millis(5_000_000_001), 5_000_000_000);
        assert_eq!(whole_millis(SLEEP_MAX), SLEEP_MAX);
        assert_eq!(
            whole_millis(SLEEP_MAX + Duration::from_millis(1)),
            SLEEP_MAX
        );
        assert_eq!(whole_millis(Duration::MAX), SLEEP_MAX);
    }
}
