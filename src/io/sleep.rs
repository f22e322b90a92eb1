//! Where a socket's readiness is asked for: in a poll of the endpoint's own, in somebody else's, or
//! nowhere yet.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token};

use super::socket::Socket;
use crate::limits::SLEEP_MAX;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// One event of the socket, one of the waker.
const EVENTS_MAX: usize = 2;

/// Wakes an [`Endpoint`](crate::Endpoint) out of its [`wait`](crate::Endpoint::wait) from another
/// thread. Made by [`Endpoint::waker`](crate::Endpoint::waker); all clones wake the same endpoint.
#[derive(Debug, Clone)]
pub struct Waker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waker: mio::Waker,
    is_set: AtomicBool,
}

impl Waker {
    /// Makes the `wait` that is going on, or else the next one, return at once, unless
    /// [`take_woken`](crate::Endpoint::take_woken) was told of it before. What this thread did
    /// before is visible to the other one then. Waking twice before the loop comes round
    /// wakes it once, and the second time costs no system call.
    ///
    /// # Errors
    ///
    /// What the system says of writing to its wake-up object; it does not happen in practice.
    pub fn wake(&self) -> io::Result<()> {
        if self.shared.is_set.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.shared.waker.wake().inspect_err(|_| {
            // Or the next one would believe that this one has done its work.
            self.shared.is_set.store(false, Ordering::Release);
        })
    }

    /// Whether it was used since the last call. Costs a load where it was not.
    fn take(&self) -> bool {
        let is_set = &self.shared.is_set;
        is_set.load(Ordering::Relaxed) && is_set.swap(false, Ordering::AcqRel)
    }
}

/// Where the socket is registered.
#[derive(Debug)]
pub(super) enum Registration {
    Nowhere,
    Own(Box<OwnPoll>),
    Elsewhere(Elsewhere),
}

impl Registration {
    /// The poll of the endpoint's own, made now if it has none.
    pub(super) fn own(&mut self, socket: &mut Socket) -> io::Result<&mut OwnPoll> {
        self.refuse_elsewhere()?;
        if matches!(self, Self::Nowhere) {
            *self = Self::Own(Box::new(OwnPoll::new(socket)?));
        }
        match self {
            Self::Own(own) => Ok(own),
            Self::Nowhere | Self::Elsewhere(_) => Err(registered_elsewhere()),
        }
    }

    /// An endpoint in somebody else's poll sleeps there.
    pub(super) fn refuse_elsewhere(&self) -> io::Result<()> {
        match self {
            Self::Elsewhere(_) => Err(registered_elsewhere()),
            Self::Nowhere | Self::Own(_) => Ok(()),
        }
    }

    /// Whether a waker was used since the last call.
    pub(super) fn take_wake(&self) -> bool {
        match self {
            Self::Own(own) => own.waker.as_ref().is_some_and(Waker::take),
            Self::Nowhere | Self::Elsewhere(_) => false,
        }
    }

    /// Registers the socket elsewhere; `blocked` asks for writability from the beginning.
    pub(super) fn register(
        &mut self,
        socket: &mut Socket,
        registry: &Registry,
        token: Token,
        interests: Interest,
        blocked: bool,
    ) -> io::Result<()> {
        match self {
            Self::Nowhere => {}
            Self::Own(_) => return Err(registered_own()),
            Self::Elsewhere(_) => return Err(registered_elsewhere()),
        }
        let elsewhere = Elsewhere {
            registry: registry.try_clone()?,
            token,
            interests,
            is_writable_asked: blocked,
        };
        socket.register(registry, token, with_writable(interests, blocked))?;
        *self = Self::Elsewhere(elsewhere);
        Ok(())
    }

    pub(super) fn reregister(
        &mut self,
        socket: &mut Socket,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        let Self::Elsewhere(elsewhere) = self else {
            return Err(not_registered());
        };
        let wanted = with_writable(interests, elsewhere.is_writable_asked);
        socket.reregister(registry, token, wanted)?;
        elsewhere.token = token;
        elsewhere.interests = interests;
        Ok(())
    }

    pub(super) fn deregister(
        &mut self,
        socket: &mut Socket,
        registry: &Registry,
    ) -> io::Result<()> {
        let Self::Elsewhere(_) = self else {
            return Err(not_registered());
        };
        socket.deregister(registry)?;
        *self = Self::Nowhere;
        Ok(())
    }
}

fn registered_elsewhere() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "the endpoint is registered with another poll: sleep in that one, or deregister it first",
    )
}

fn registered_own() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "the endpoint has a poll of its own since `wait` or `waker` was called, \
         so it cannot be registered with another",
    )
}

fn not_registered() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        "the endpoint is not registered with a poll",
    )
}

/// A poll that holds nothing but the endpoint's socket and waker.
#[derive(Debug)]
pub(super) struct OwnPoll {
    poll: Poll,
    events: Events,
    waker: Option<Waker>,
    is_writable_asked: bool,
}

/// What a sleep ended with. Nothing of it: the time is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) woken: bool,
}

impl OwnPoll {
    fn new(socket: &mut Socket) -> io::Result<Self> {
        let poll = Poll::new()?;
        socket.register(poll.registry(), SOCKET, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            waker: None,
            is_writable_asked: false,
        })
    }

    pub(super) fn waker(&mut self) -> io::Result<Waker> {
        if let Some(waker) = &self.waker {
            return Ok(waker.clone());
        }
        let shared = Shared {
            waker: mio::Waker::new(self.poll.registry(), WAKER)?,
            is_set: AtomicBool::new(false),
        };
        let waker = Waker {
            shared: Arc::new(shared),
        };
        self.waker = Some(waker.clone());
        Ok(waker)
    }

    /// Asks for writability, or no longer. Not always: an edge would come with every datagram that
    /// leaves the machine.
    pub(super) fn ask_writable(&mut self, socket: &mut Socket, asked: bool) -> io::Result<()> {
        if self.is_writable_asked == asked {
            return Ok(());
        }
        let interests = with_writable(Interest::READABLE, asked);
        socket.reregister(self.poll.registry(), SOCKET, interests)?;
        self.is_writable_asked = asked;
        Ok(())
    }

    /// Sleeps until an event or until `timeout` is over; a signal may end it early.
    pub(super) fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<Seen> {
        // A poll ended by a signal keeps the events of the one before.
        self.events.clear();
        match self.poll_for(timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => result?,
        }
        let mut seen = Seen::default();
        for event in &self.events {
            seen.add(event);
        }
        seen.woken = seen.woken && self.waker.as_ref().is_some_and(Waker::take);
        Ok(seen)
    }

    /// `epoll_wait(2)` counts in milliseconds and mio rounds up, which would make a tick of 16.67 ms
    /// late by up to one. So whole milliseconds are slept there, and what is left in `ppoll(2)`.
    #[cfg(target_os = "linux")]
    fn poll_for(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        use nix::poll::{PollFd, PollFlags, ppoll};
        use std::os::fd::AsFd;

        let Some(timeout) = timeout else {
            return self.poll.poll(&mut self.events, None);
        };
        let millis = whole_millis(timeout);
        if !millis.is_zero() {
            // The rest is for the caller: he knows what time it is then.
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

/// `timeout` without what is less than a millisecond, and at most [`SLEEP_MAX`].
#[cfg(target_os = "linux")]
fn whole_millis(timeout: Duration) -> Duration {
    let timeout = timeout.min(SLEEP_MAX);
    timeout - Duration::from_nanos(u64::from(timeout.subsec_nanos() % 1_000_000))
}

impl Seen {
    fn add(&mut self, event: &Event) {
        match event.token() {
            WAKER => self.woken = true,
            _ => {
                self.writable |= event.is_writable();
                // An error is read like a datagram: the next receive brings it.
                self.readable |= event.is_readable() || event.is_error();
            }
        }
    }
}

/// Somebody else's poll, and what he asked of it.
#[derive(Debug)]
pub(super) struct Elsewhere {
    registry: Registry,
    token: Token,
    interests: Interest,
    is_writable_asked: bool,
}

impl Elsewhere {
    /// As [`OwnPoll::ask_writable`], on top of the interests that the socket was registered with.
    pub(super) fn ask_writable(&mut self, socket: &mut Socket, asked: bool) -> io::Result<()> {
        if self.is_writable_asked == asked {
            return Ok(());
        }
        let wanted = with_writable(self.interests, asked);
        socket.reregister(&self.registry, self.token, wanted)?;
        // Afterwards, as a request that failed has to be made again.
        self.is_writable_asked = asked;
        Ok(())
    }
}

fn with_writable(interests: Interest, asked: bool) -> Interest {
    if asked {
        interests | Interest::WRITABLE
    } else {
        interests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn whole_milliseconds_are_cut_off_and_the_rest_is_left() {
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
