//! The operating system's sockets, readiness and sleep. In the library, only this module,
//! `clock.rs` and `keys/` make system calls.
//!
//! From the bottom up: `address_family`, `os_error` (error classes), `raw_socket` (one method per
//! system call; `batch` has the batched calls of Linux), `drain` (receives into slots),
//! `send_queue` (sends from slots), `poller` (sleeps), `registration` (the `Poll` of the socket).
//! [`Socket`] combines them.

mod address_family;
#[cfg(target_os = "linux")]
mod batch;
mod datagram;
mod drain;
#[cfg(target_os = "linux")]
mod kernel_drops;
mod os_error;
#[cfg(all(test, unix))]
mod os_error_tests;
mod poller;
mod raw_socket;
mod registration;
#[cfg(test)]
pub(crate) mod script;
mod send_queue;
mod stats;
mod waker;

pub(crate) use self::address_family::canonical;
pub use self::datagram::Datagram;
pub(crate) use self::poller::Poller;
pub use self::stats::{ErrorCounts, SocketStats};
pub use self::waker::Waker;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};
use std::{fmt, io};

use mio::{Interest, Registry, Token};

use self::drain::Drain;
use self::raw_socket::RawSocket;
use self::registration::Registration;
#[cfg(test)]
use self::script::Script;
use self::send_queue::{Blocked, SendQueue};
use crate::clock;
use crate::config::SocketConfig;
use crate::error::{BindError, SocketSendError};
use crate::limits::DATAGRAM_MAX;

/// Retry interval while the system has no buffers: 1 ms. No event reports free buffers.
const NO_BUFFERS_RETRY: Duration = Duration::from_millis(1);

/// A non-blocking UDP socket for your own loop: receives into fixed slots, sends in batches, and
/// sleeps only in [`wait`](Self::wait).
///
/// # A turn
///
/// ```
/// # use std::time::Duration;
/// use tickwire::Socket;
///
/// let mut socket = Socket::bind("127.0.0.1:0".parse().unwrap())?;
/// # socket.send(socket.local_addr(), b"hello")?;
/// // sends what is queued, then sleeps until a datagram comes, at most 16 ms
/// socket.wait(Some(Duration::from_millis(16)))?;
/// while let Some(datagram) = socket.recv()? {
///     println!("{}: {} bytes", datagram.from, datagram.bytes.len());
/// }
/// # assert_eq!(socket.stats().datagrams_received, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// An echo server uses [`split`](Self::split) to send a received datagram without a copy in
/// between:
///
/// ```
/// # use std::time::Duration;
/// use tickwire::Socket;
///
/// let mut socket = Socket::bind("127.0.0.1:0".parse().unwrap())?;
/// # let mut client = Socket::bind("127.0.0.1:0".parse().unwrap())?;
/// # client.send(socket.local_addr(), b"hello")?;
/// # client.flush()?;
/// # for _ in 0..1 {
/// // loop {
/// socket.wait(None)?;
/// let (mut rx, mut tx) = socket.split();
/// while let Some(d) = rx.recv()? { tx.send(d.from, d.bytes)?; }
/// // }
/// # }
/// # socket.flush()?;
/// # client.wait(Some(Duration::from_secs(10)))?;
/// # assert_eq!(client.recv()?.unwrap().bytes, b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A loop that never sleeps omits `wait` and calls only [`flush`](Self::flush) and
/// [`recv`](Self::recv): an empty turn is then a single system call.
///
/// # Operating system errors
///
/// All peers share one UDP socket, so an error caused by one peer must not disturb the others.
/// Errors are counted in [`SocketStats`] and logged as warnings, at most one per class and second.
///
/// | error | Unix | Windows | on receive | on send |
/// | --- | --- | --- | --- | --- |
/// | interrupted | EINTR | WSAEINTR | retried | retried |
/// | would block | EAGAIN | WSAEWOULDBLOCK | ends the drain | the rest stays queued in order; the writable interest is set until it is sent |
/// | refused, reset | ECONNREFUSED, ECONNRESET, ENETRESET | WSAECONNREFUSED, WSAECONNRESET, WSAENETRESET | ignored | reported for an earlier datagram: this one is retried once |
/// | unreachable | EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EADDRNOTAVAIL | the same with WSA | ignored | dropped, as the network would have |
/// | too long | EMSGSIZE | WSAEMSGSIZE | counted as `truncated` | dropped; [`flush`](Self::flush) returns [`TooLong`](SocketSendError::TooLong) |
/// | no buffers | ENOBUFS, ENOMEM | WSAENOBUFS | ends the drain; the next turn retries | stays queued; the next turn retries |
/// | permission | EPERM, EACCES | WSAEACCES | ignored | dropped (a firewall) |
/// | any other | | | returned | dropped; [`flush`](Self::flush) returns it |
pub struct Socket {
    socket: RawSocket,
    drain: Drain,
    queue: SendQueue,
    registration: Registration,
    woken: bool,
}

impl Socket {
    /// Binds a UDP socket to `addr` with the default [`SocketConfig`]. With port 0 the system
    /// chooses a port: see [`local_addr`](Self::local_addr). `[::]` serves IPv6 and IPv4.
    ///
    /// # Errors
    ///
    /// See [`BindError`].
    pub fn bind(addr: SocketAddr) -> Result<Self, BindError> {
        Self::with_config(addr, &SocketConfig::default())
    }

    /// As [`bind`](Self::bind), with a config.
    ///
    /// # Errors
    ///
    /// See [`BindError`].
    pub fn with_config(addr: SocketAddr, config: &SocketConfig) -> Result<Self, BindError> {
        config.validate()?;
        let socket =
            RawSocket::bind(addr, config).map_err(|source| os_error::bind_error(addr, source))?;
        Ok(Self::with_raw(socket, config))
    }

    /// Takes over an existing socket, for example from a service manager. Makes it non-blocking and
    /// applies the buffer sizes, receive timestamps and code point of `config`; `None` leaves the
    /// socket unchanged. [`reuse_address`] and [`only_v6`] have no effect, because they must be set
    /// before binding; whether the socket serves IPv4 is read from it. Datagrams that are already
    /// in its receive buffer are received.
    ///
    /// [`reuse_address`]: SocketConfig::reuse_address
    /// [`only_v6`]: SocketConfig::only_v6
    ///
    /// # Errors
    ///
    /// - `InvalidInput` with the name of a `config` field that is out of its range.
    /// - `InvalidInput` if the socket is not bound, or is connected: every datagram has its own
    ///   destination.
    /// - The system's error when an option is set.
    ///
    /// On error the socket is closed.
    ///
    /// ```
    /// use std::net::UdpSocket;
    /// use tickwire::{Socket, SocketConfig};
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let address = socket.local_addr()?;
    /// let socket = Socket::from_std(socket, &SocketConfig::default())?;
    /// assert_eq!(socket.local_addr(), address);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(socket: std::net::UdpSocket, config: &SocketConfig) -> io::Result<Self> {
        config.validate()?;
        let socket = RawSocket::from_std(socket, config)?;
        Ok(Self::with_raw(socket, config))
    }

    fn with_raw(socket: RawSocket, config: &SocketConfig) -> Self {
        Self {
            drain: Drain::new(&socket, config),
            queue: SendQueue::new(config),
            socket,
            registration: Registration::Nowhere,
            woken: false,
        }
    }

    /// The address that the socket is bound to, with the actual port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.socket.local_addr()
    }

    /// Size of the kernel's receive buffer in bytes, as the system reports it. Linux reports twice
    /// the granted size, to include its own overhead (socket(7)).
    #[must_use]
    pub fn receive_buffer(&self) -> usize {
        self.socket.receive_buffer()
    }

    /// Sends queued datagrams, then sleeps until a datagram can be read, a [`Waker`] is used, the
    /// queue accepts datagrams again after a [`QueueFull`](SocketSendError::QueueFull), or
    /// `timeout` has passed (`None`: no limit). Then call [`recv`](Self::recv) until it returns
    /// `None`.
    ///
    /// Returns without sleeping if datagrams [may be pending](Self::may_have_more) without an
    /// event, if the waker was used, or if `timeout` is zero, which makes no system call unless
    /// datagrams are queued. It may also return early without a cause. The first sleep creates the
    /// socket's own poll.
    ///
    /// # Errors
    ///
    /// The system cannot create or query the poll, or the socket is registered with another one
    /// (`AlreadyExists`). Errors of single datagrams do not end a server's loop: they are logged,
    /// and the next [`flush`](Self::flush) returns the first.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.registration.refuse_elsewhere()?;
        self.queue.transmit(&self.socket);
        self.drain.on_turn();
        if self.registration.take_wake() {
            self.woken = true;
            return Ok(());
        }
        let has_room = self.queue.take_writable();
        if has_room || self.drain.has_unread() || timeout == Some(Duration::ZERO) {
            return Ok(());
        }
        self.sleep(timeout)
    }

    /// As [`wait`](Self::wait), until an instant, for example the next tick. An instant in the past
    /// is a timeout of zero.
    ///
    /// # Errors
    ///
    /// As `wait`.
    pub fn wait_until(&mut self, deadline: Instant) -> io::Result<()> {
        self.wait(Some(deadline.saturating_duration_since(clock::now())))
    }

    /// Receives the next datagram without a copy, borrowed until the next call. `None` ends the
    /// turn: the socket is empty, or the budget of the drain is spent
    /// ([`may_have_more`](Self::may_have_more) distinguishes them). The following call begins a new
    /// drain.
    ///
    /// # Errors
    ///
    /// An unexpected error of the system (see [above](Self#operating-system-errors)). Datagrams
    /// received before are not lost.
    #[inline]
    pub fn recv(&mut self) -> io::Result<Option<Datagram<'_>>> {
        self.drain.receive(&self.socket)
    }

    /// As [`recv`](Self::recv), with the kernel receive time: its `elapsed()` is the time in the
    /// receive buffer. It is wall clock time: if the clock is set, a difference may be wrong, and
    /// `elapsed` an error.
    ///
    /// The time is `None` unless [`receive_timestamps`](SocketConfig::receive_timestamps) is set,
    /// and on systems other than Linux.
    ///
    /// # Errors
    ///
    /// As `recv`.
    pub fn recv_stamped(&mut self) -> io::Result<Option<(Datagram<'_>, Option<SystemTime>)>> {
        self.drain.receive_stamped(&self.socket)
    }

    /// Whether datagrams may be pending without an event: the last drain spent its budget or was
    /// not finished. [`wait`](Self::wait) checks this itself; a loop with an external poll must
    /// call [`recv`](Self::recv) again before sleeping.
    #[must_use]
    pub fn may_have_more(&self) -> bool {
        self.drain.has_unread()
    }

    /// Queues a copy of one datagram of 0 to 1024 bytes. It is sent by the next
    /// [`flush`](Self::flush) or [`wait`](Self::wait), or at once when 64 are queued. Dropping the
    /// socket sends the queue as far as the system accepts it; the rest is lost.
    ///
    /// An unreachable destination is not an error: a delayed ICMP report is only counted.
    ///
    /// # Errors
    ///
    /// [`TooLong`](SocketSendError::TooLong), [`QueueFull`](SocketSendError::QueueFull) or
    /// [`WrongFamily`](SocketSendError::WrongFamily). On error nothing was queued.
    #[inline]
    pub fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> Result<(), SocketSendError> {
        self.queue.send(&self.socket, to, bytes)
    }

    /// Sends queued datagrams as far as the system accepts them. The rest stays
    /// [`queued`](Self::queued) in order, which is no error.
    ///
    /// # Errors
    ///
    /// The first datagram since the last `flush` that the system rejected (`TooLong` or any other
    /// error of [the table](Self#operating-system-errors)). It was removed and counted, and the
    /// datagrams behind it were sent. Do not let `?` end a server's loop: a datagram can come from
    /// port 0, and the reply to it fails in this way.
    pub fn flush(&mut self) -> io::Result<()> {
        self.queue.transmit(&self.socket);
        self.ask_writable_elsewhere()?;
        self.queue.take_refusal()
    }

    /// Number of queued datagrams.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Splits the socket into a receiving and a sending half, to send while a received datagram is
    /// borrowed: `while let Some(d) = rx.recv()? { tx.send(d.from, d.bytes)?; }`
    ///
    /// This `?` also ends the loop at [`QueueFull`](SocketSendError::QueueFull). Ignore that error
    /// to drop the reply instead.
    #[must_use]
    pub fn split(&mut self) -> (Receiver<'_>, Sender<'_>) {
        (
            Receiver {
                socket: &self.socket,
                drain: &mut self.drain,
            },
            Sender {
                socket: &self.socket,
                queue: &mut self.queue,
            },
        )
    }

    /// A handle that wakes this socket from [`wait`](Self::wait) in another thread.
    ///
    /// # Errors
    ///
    /// The system cannot create the poll or the wake-up object, or the socket is registered with
    /// another poll (`AlreadyExists`): use a waker of that poll.
    pub fn waker(&mut self) -> io::Result<Waker> {
        self.registration.own(&mut self.socket)?.waker()
    }

    /// Whether a [`Waker`] was used since the last call. Makes no system call.
    #[must_use]
    pub fn take_woken(&mut self) -> bool {
        self.registration.take_wake() | std::mem::take(&mut self.woken)
    }

    /// Counters since the socket was bound. On Linux this is a system call, which reads the
    /// kernel's drop counter.
    #[must_use]
    pub fn stats(&self) -> SocketStats {
        let sent = self.queue.stats();
        SocketStats {
            datagrams_sent: sent.datagrams_sent,
            bytes_sent: sent.bytes_sent,
            batches_sent: sent.batches_sent,
            send_would_block: sent.send_would_block,
            queue_full: sent.queue_full,
            discarded: sent.discarded,
            send_errors: sent.send_errors,
            dropped_by_kernel: u64::from(self.socket.dropped()),
            ..self.drain.stats()
        }
    }

    pub(crate) fn reaches(&self, to: SocketAddr) -> bool {
        self.socket.reaches(to)
    }

    /// Lets `write` write a datagram into the next slot of the send queue. Returns `false` if
    /// `write` returns `None`, or if the queue is still full after sending; then
    /// [`wait`](Self::wait) ends when it is not. A datagram to an address that this socket cannot
    /// reach is [`discarded`](SocketStats::discarded).
    pub(crate) fn send_with(
        &mut self,
        write: impl FnOnce(&mut [u8; DATAGRAM_MAX]) -> Option<(SocketAddr, usize)>,
    ) -> bool {
        let written = self.queue.next_slot(&self.socket).and_then(write);
        let Some((to, len)) = written else {
            return false;
        };
        if self.socket.reaches(to) {
            self.queue.commit(&self.socket, to, len);
        } else {
            self.queue.count_discarded();
        }
        true
    }

    /// Whether the last send would have blocked.
    pub(crate) fn is_blocked(&self) -> bool {
        self.queue.blocked().is_some()
    }

    /// As [`flush`](Self::flush), without returning errors of single datagrams.
    pub(crate) fn transmit(&mut self) -> io::Result<()> {
        self.queue.transmit(&self.socket);
        let _ = self.queue.take_refusal();
        self.ask_writable_elsewhere()
    }

    fn ask_writable_elsewhere(&mut self) -> io::Result<()> {
        if let Registration::ExternalPoll(external) = &mut self.registration {
            let blocked = self.queue.blocked() == Some(Blocked::WouldBlock);
            external.ask_writable(&mut self.socket, blocked)?;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn script(&self) -> &Script {
        &self.socket.script
    }

    /// Handles events of the send queue, and sleeps until there is an event for the caller.
    fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        // A deadline beyond the range of the clock never passes.
        let deadline = timeout.and_then(|timeout| clock::now().checked_add(timeout));
        let mut remaining = deadline.and(timeout);
        loop {
            let blocked = self.queue.blocked();
            let own = self.registration.own(&mut self.socket)?;
            own.ask_writable(&mut self.socket, blocked == Some(Blocked::WouldBlock))?;
            let seen = own.sleep(pause(remaining, blocked))?;
            self.woken |= seen.woken;
            if seen.readable {
                self.drain.on_readable();
            }
            if seen.readable || seen.woken {
                return Ok(());
            }
            if seen.writable || blocked == Some(Blocked::Retry) {
                self.queue.transmit(&self.socket);
                if self.queue.take_writable() {
                    return Ok(());
                }
            }
            if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(clock::now());
                if left.is_zero() {
                    return Ok(());
                }
                remaining = Some(left);
            }
        }
    }
}

/// Prints no payload.
impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("local_addr", &self.local_addr())
            .field("receive_buffer", &self.receive_buffer())
            .field("queued", &self.queued())
            .field("may_have_more", &self.may_have_more())
            .finish_non_exhaustive()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.queue.transmit(&self.socket);
    }
}

/// Duration of the next sleep. A retry for lack of buffers has no event, so it limits the sleep.
fn pause(remaining: Option<Duration>, blocked: Option<Blocked>) -> Option<Duration> {
    if blocked != Some(Blocked::Retry) {
        return remaining;
    }
    Some(remaining.map_or(NO_BUFFERS_RETRY, |remaining| {
        remaining.min(NO_BUFFERS_RETRY)
    }))
}

/// Registers the socket with an external poll. When its token is ready, call [`recv`](Socket::recv)
/// until `None`, then [`flush`](Socket::flush). Readiness is edge-triggered, so while
/// [`may_have_more`](Socket::may_have_more) is true, call `recv` again before that poll sleeps.
///
/// While the socket would block, `flush` adds the writable interest, and removes it when the queue
/// is empty. Datagrams that stay [`queued`](Socket::queued) for lack of buffers cause no event:
/// limit the sleep of that poll meanwhile. [`wait`](Socket::wait) and [`waker`](Socket::waker) fail
/// while the socket is registered, and registering fails after they were used, both with
/// `AlreadyExists`.
impl mio::event::Source for Socket {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        let blocked = self.queue.blocked() == Some(Blocked::WouldBlock);
        self.registration
            .register(&mut self.socket, registry, token, interests, blocked)?;
        // An external poll announces no turns, and its first event reports readability.
        self.drain.on_turn();
        self.drain.on_turns_announced(false);
        Ok(())
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.registration
            .reregister(&mut self.socket, registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.registration.deregister(&mut self.socket, registry)?;
        self.drain.on_turns_announced(true);
        Ok(())
    }
}

/// The underlying socket, for inspection or to set options. Do not receive from it. For another
/// poll, register the [`Socket`]: this descriptor alone may miss an edge during a drain.
#[cfg(unix)]
impl std::os::fd::AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The underlying socket, for inspection or to set options.
#[cfg(windows)]
impl std::os::windows::io::AsSocket for Socket {
    fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
        self.socket.as_socket()
    }
}

/// The receiving half of a [`split`](Socket::split) socket.
pub struct Receiver<'e> {
    socket: &'e RawSocket,
    drain: &'e mut Drain,
}

impl Receiver<'_> {
    /// As [`Socket::recv`].
    ///
    /// # Errors
    ///
    /// As [`Socket::recv`].
    #[inline]
    pub fn recv(&mut self) -> io::Result<Option<Datagram<'_>>> {
        self.drain.receive(self.socket)
    }
}

impl fmt::Debug for Receiver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("local_addr", &self.socket.local_addr())
            .finish_non_exhaustive()
    }
}

impl Receiver<'_> {
    /// As [`Socket::recv_stamped`].
    ///
    /// # Errors
    ///
    /// As [`Socket::recv_stamped`].
    pub fn recv_stamped(&mut self) -> io::Result<Option<(Datagram<'_>, Option<SystemTime>)>> {
        self.drain.receive_stamped(self.socket)
    }
}

/// The sending half of a [`split`](Socket::split) socket.
pub struct Sender<'e> {
    socket: &'e RawSocket,
    queue: &'e mut SendQueue,
}

impl fmt::Debug for Sender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("local_addr", &self.socket.local_addr())
            .field("queued", &self.queue.len())
            .finish_non_exhaustive()
    }
}

impl Sender<'_> {
    /// As [`Socket::send`].
    ///
    /// # Errors
    ///
    /// As [`Socket::send`].
    #[inline]
    pub fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> Result<(), SocketSendError> {
        self.queue.send(self.socket, to, bytes)
    }

    /// Sends queued datagrams now, for a reply that must not wait for the batch. Costs a system
    /// call. With an external poll, only [`Socket::flush`] sets the writable interest.
    ///
    /// # Errors
    ///
    /// As [`Socket::flush`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.queue.transmit(self.socket);
        self.queue.take_refusal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_retry_limits_the_sleep() {
        let long = Some(Duration::from_secs(5));
        for blocked in [None, Some(Blocked::WouldBlock)] {
            assert_eq!(pause(None, blocked), None);
            assert_eq!(pause(long, blocked), long);
        }
        let short = Some(NO_BUFFERS_RETRY / 2);
        assert_eq!(pause(None, Some(Blocked::Retry)), Some(NO_BUFFERS_RETRY));
        assert_eq!(pause(long, Some(Blocked::Retry)), Some(NO_BUFFERS_RETRY));
        assert_eq!(pause(short, Some(Blocked::Retry)), short);
    }
}
