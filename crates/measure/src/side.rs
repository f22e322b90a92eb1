//! One side of an exchange over UDP: requests or echoes.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Maximum length of a datagram in bytes: tickwire's `DATAGRAM_MAX`.
pub const DATAGRAM_MAX: usize = 1024;

/// A received datagram.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Source address.
    pub from: SocketAddr,
    /// Payload, at most [`DATAGRAM_MAX`] bytes.
    pub bytes: &'a [u8],
    /// Whether the datagram was longer than `bytes`.
    pub truncated: bool,
    /// When the loop received it.
    pub at: Instant,
    /// How long it waited in the kernel, if measured.
    pub in_kernel: Option<Duration>,
}

impl<'a> Received<'a> {
    /// A datagram received now, without a kernel timestamp.
    #[must_use]
    pub fn now(from: SocketAddr, bytes: &'a [u8], truncated: bool) -> Self {
        Self {
            from,
            bytes,
            truncated,
            at: Instant::now(),
            in_kernel: None,
        }
    }
}

/// A loop around a UDP socket that can be either side of an exchange.
pub trait Side: Send + 'static {
    /// The address of its socket.
    ///
    /// # Errors
    ///
    /// The system cannot report it.
    fn address(&self) -> io::Result<SocketAddr>;

    /// Sends a datagram at once or in the next turn. It is lost if the system has no buffer space.
    ///
    /// # Errors
    ///
    /// The system rejects the datagram.
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()>;

    /// One turn of the requesting side: sends queued datagrams, sleeps (if it sleeps) until a
    /// datagram arrives or until `until`, and passes every received datagram to `take`. It may
    /// return early.
    ///
    /// # Errors
    ///
    /// A system call failed, except for an empty or full socket.
    fn turn(
        &mut self,
        until: Option<Instant>,
        take: &mut impl FnMut(Received<'_>),
    ) -> io::Result<()>;

    /// One turn of the replying side: like [`turn`](Self::turn) without a deadline, but sends each
    /// datagram back at once, before the receive that finds the socket empty.
    ///
    /// # Errors
    ///
    /// Same as [`turn`](Self::turn).
    fn echo(&mut self) -> io::Result<()>;
}

/// `None` if the socket was empty or full, or the wait ended early.
///
/// # Errors
///
/// Every other error.
pub fn unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind as Kind;
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.kind() {
            // Ctrl-Z and `fg` interrupt the sleep.
            Kind::WouldBlock | Kind::TimedOut | Kind::Interrupted => Ok(None),
            _ => Err(error),
        },
    }
}
