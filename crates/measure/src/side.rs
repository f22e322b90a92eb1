//! One side of a conversation over UDP: it asks, or it echoes.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The longest datagram of a measurement, in bytes: tickwire's `DATAGRAM_MAX`.
pub const DATAGRAM_MAX: usize = 1024;

/// A received datagram.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Source address.
    pub from: SocketAddr,
    /// Payload, at most [`DATAGRAM_MAX`] bytes of it.
    pub bytes: &'a [u8],
    /// Whether the datagram was longer than `bytes`.
    pub truncated: bool,
    /// When the loop had it.
    pub at: Instant,
    /// How long it had waited in the kernel by then, where the kernel was asked.
    pub in_kernel: Option<Duration>,
}

impl<'a> Received<'a> {
    /// Received just now, without a timestamp of the kernel.
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

/// A loop around a UDP socket that can be either side of a conversation.
pub trait Side: Send + 'static {
    /// The address of its socket.
    ///
    /// # Errors
    ///
    /// The system does not tell.
    fn address(&self) -> io::Result<SocketAddr>;

    /// Sends a datagram at once, or with the next turn. A datagram that the system has no room for is lost.
    ///
    /// # Errors
    ///
    /// The system refuses the datagram.
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()>;

    /// One turn of the side that asks: sends what is queued, waits (a side that sleeps) until a datagram arrives or
    /// until `until`, and passes every received datagram to `take`. It may return early.
    ///
    /// # Errors
    ///
    /// A system call failed for another reason than an empty or a full socket.
    fn turn(
        &mut self,
        until: Option<Instant>,
        take: &mut impl FnMut(Received<'_>),
    ) -> io::Result<()>;

    /// One turn of the side that answers: as [`turn`](Self::turn) without a deadline, but every datagram goes back to
    /// its source at once, before the receive that finds the socket empty.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn).
    fn echo(&mut self) -> io::Result<()>;
}

/// `None` where there was nothing to read, no room to write, or the wait ended early.
///
/// # Errors
///
/// Every other error.
pub fn unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind as Kind;
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.kind() {
            // A process that was stopped (Ctrl-Z) and continued has its sleep interrupted.
            Kind::WouldBlock | Kind::TimedOut | Kind::Interrupted => Ok(None),
            _ => Err(error),
        },
    }
}
