//! One received datagram: as its receiver sees it, and as it lies in its slot.

use std::fmt;
use std::net::SocketAddr;

/// A received datagram, lent out of the slot that it came into.
///
/// `Debug` prints how many bytes it has, never their content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it. An address proves nothing: anybody can write any source on a datagram.
    pub from: SocketAddr,
    /// Its bytes, 0 to 1024. An empty datagram is a datagram.
    pub bytes: &'a [u8],
    /// It was longer than 1024 bytes and the rest is lost.
    pub truncated: bool,
}

impl fmt::Debug for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagram")
            .field("from", &self.from)
            .field("bytes", &format_args!("{} bytes", self.bytes.len()))
            .field("truncated", &self.truncated)
            .finish()
    }
}

/// What is known of a received datagram besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReceivedMeta {
    pub(super) from: SocketAddr,
    /// How many bytes of its slot are filled.
    pub(super) len: usize,
    pub(super) truncated: bool,
}
