//! Closing a connection.

use crate::limits::{DISCONNECT_COPIES, DISCONNECT_GAP};
use crate::proto::close_reason::CloseReason;
use crate::proto::time::{Duration, Instant};

/// Not retransmitted on loss: several copies are sent until one is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Closing {
    /// This side ends the connection.
    Announce {
        reason: CloseReason,
        copies_left: u32,
        next_at: Instant,
        gap: Duration,
    },
    /// The peer ended it, and receives one acknowledgement.
    LastAck {
        reason: CloseReason,
    },
    Over,
}

impl Closing {
    pub(crate) fn announce(reason: CloseReason, now: Instant) -> Self {
        Self::Announce {
            reason,
            copies_left: DISCONNECT_COPIES,
            next_at: now,
            gap: Duration::of(DISCONNECT_GAP),
        }
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        match self {
            Self::Announce { next_at, .. } => Some(*next_at),
            Self::LastAck { .. } | Self::Over => None,
        }
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        match self {
            Self::Announce { next_at, .. } => now >= *next_at,
            Self::LastAck { .. } => true,
            Self::Over => false,
        }
    }

    pub(crate) fn after_packet(self, now: Instant) -> Self {
        match self {
            Self::Announce {
                reason,
                copies_left,
                gap,
                ..
            } if copies_left > 1 => Self::Announce {
                reason,
                copies_left: copies_left - 1,
                next_at: now + gap,
                gap: gap * 2,
            },
            _ => Self::Over,
        }
    }
}

/// A disconnect once everything queued was sent and acknowledged.
#[derive(Debug)]
pub(crate) struct Linger {
    pub(crate) reason: CloseReason,
    pub(crate) until: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_five_disconnects_within_250_ms() {
        let start = Instant::START;
        let (mut closing, mut copies, mut now) = (Closing::announce(7.into(), start), 0, start);
        while let Some(at) = closing.next_at() {
            assert!(!closing.is_due(at - Duration::from_nanos(1)));
            assert!(closing.is_due(at));
            closing = closing.after_packet(at);
            (now, copies) = (at, copies + 1);
        }
        assert_eq!(copies, DISCONNECT_COPIES);
        assert_eq!(now - start, Duration::from_millis(16 + 32 + 64 + 128));
    }

    #[test]
    fn acknowledges_a_disconnect_once() {
        let now = Instant::START;
        let last_ack = Closing::LastAck { reason: 7.into() };
        assert!(last_ack.is_due(now));
        assert_eq!(last_ack.after_packet(now), Closing::Over);
        assert!(!Closing::Over.is_due(now));
    }
}
