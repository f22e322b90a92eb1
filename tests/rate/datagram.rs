//! What travels over the virtual link: no bytes, only what they would say.

use std::ops::RangeInclusive;

use crate::proto::time::{Duration, Instant};

/// Of which connection, and what.
#[derive(Debug, Clone)]
pub(crate) struct Datagram {
    pub(crate) flow: usize,
    pub(crate) body: Body,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Packet { number: u64, content: Content },
    Ack(Ack),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// The game's messages that waited, the oldest of this time.
    Game {
        count: u32,
        made_at: Instant,
    },
    Flood,
    /// A fragment of the transfer.
    Bulk,
    Ping,
}

/// The largest number first.
#[derive(Debug, Clone)]
pub(crate) struct Ack {
    pub(crate) ranges: Vec<RangeInclusive<u64>>,
    pub(crate) delay: Duration,
}

/// What a packet has around its messages, in bytes: header, tag, and the heads of messages.
pub(crate) const OVERHEAD: usize = 40;

/// How much of a transfer, or of a flood, a packet carries.
pub(crate) const PIECE: usize = 960;

/// An acknowledgement alone.
pub(crate) const ACK_LEN: usize = 60;
