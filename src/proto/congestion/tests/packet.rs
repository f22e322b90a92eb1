//! Datagrams of the simulated link, not encoded.

use std::ops::RangeInclusive;

use crate::proto::time::{Duration, Instant};

#[derive(Debug, Clone)]
pub(super) struct FlowDatagram {
    pub(super) flow: usize,
    pub(super) body: Body,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Packet { number: u64, payload: Payload },
    Ack(FlowAck),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Payload {
    /// `count` unreliable messages of the game, the oldest created at `made_at`.
    Game {
        count: u32,
        made_at: Instant,
    },
    Flood,
    Bulk,
    Ping,
}

/// The largest range first.
#[derive(Debug, Clone)]
pub(super) struct FlowAck {
    pub(super) ranges: Vec<RangeInclusive<u64>>,
    pub(super) delay: Duration,
}

/// Bytes of a packet besides its messages: header, tag and message headers.
pub(super) const PACKET_OVERHEAD: usize = 40;

/// Payload bytes of a packet of the transfer or of the flood.
pub(super) const FRAGMENT_LEN: usize = 960;

/// Length of an acknowledgement-only packet.
pub(super) const ACK_LEN: usize = 60;
