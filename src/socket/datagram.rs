//! A received datagram and its metadata.

use std::fmt;
use std::net::SocketAddr;

/// A received datagram, borrowed from its receive slot. `Debug` prints no content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Source address. Not authenticated: it may be spoofed.
    pub from: SocketAddr,
    /// Content, 0 to 1024 bytes.
    pub bytes: &'a [u8],
    /// Whether it was longer than 1024 bytes; the rest is lost.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReceivedMeta {
    pub(super) from: SocketAddr,
    pub(super) len: usize,
    pub(super) truncated: bool,
}
