//! What the subjects have to do, said once for all of them, and the checks that they did it.

use std::hint::black_box;
use std::io;
use std::net::SocketAddr;

/// The length of every datagram, in bytes.
pub(crate) const DATAGRAM_LEN: usize = 64;

/// Has a socket that datagrams can be sent to.
pub(crate) trait Bound {
    fn address(&self) -> io::Result<SocketAddr>;
}

/// Empties its socket.
pub(crate) trait Drains: Bound {
    /// Receives until the socket is empty and shows each datagram to the digest.
    fn drain(&mut self) -> io::Result<Digest>;
}

/// Sends from its socket.
pub(crate) trait Sends {
    /// Sends `count` datagrams to `to`, the payload of number `n` being [`payload`]`(n)`.
    fn send_all(&mut self, to: SocketAddr, count: usize) -> io::Result<()>;
}

/// Either side of a conversation, on a thread of its own: it asks, or it answers.
pub(crate) trait Side: Bound + Send + 'static {
    /// Takes a datagram to be sent, at once or with the turn that follows.
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()>;

    /// One turn of the side that asks: sends what waits, sleeps until something comes (a side that
    /// sleeps), and hands over what came, each at once when it was received.
    fn turn(&mut self, take: &mut impl FnMut(&[u8])) -> io::Result<()>;

    /// One turn of the side that answers: the same, but each datagram goes back to where it is from.
    fn echo(&mut self) -> io::Result<()>;
}

/// What every subject looks at in a datagram: its source, its length, its first byte.
#[derive(Debug, Default)]
pub(crate) struct Digest {
    pub(crate) count: usize,
    bytes: usize,
    first_bytes: u64,
}

impl Digest {
    #[inline]
    pub(crate) fn add(&mut self, from_port: u16, bytes: &[u8]) {
        black_box(from_port);
        self.count += 1;
        self.bytes += bytes.len();
        self.first_bytes += u64::from(bytes.first().copied().unwrap_or_default());
    }

    /// Everything that [`Sends::send_all`] sent has come.
    pub(crate) fn check(&self, count: usize) -> io::Result<()> {
        let first_bytes = (0..count).map(|number| u64::from(payload(number)[0])).sum();
        let wanted = Self {
            count,
            bytes: count * DATAGRAM_LEN,
            first_bytes,
        };
        if (self.count, self.bytes, self.first_bytes)
            == (wanted.count, wanted.bytes, wanted.first_bytes)
        {
            return Ok(());
        }
        Err(io::Error::other(format!("wanted {wanted:?}, got {self:?}")))
    }
}

/// The payload of datagram `number`: never the same twice in a row, so that it has to be written.
#[inline]
pub(crate) fn payload(number: usize) -> [u8; DATAGRAM_LEN] {
    let mut payload = [0x5A; DATAGRAM_LEN];
    payload[0] = number.to_le_bytes()[0];
    black_box(payload)
}
