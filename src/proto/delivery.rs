//! How a message is delivered, and the receipt of a tracked message.

use std::fmt;

/// How a message is delivered: whether it may be lost, and whether it may be reordered.
///
/// Channels need no setup and no agreement between the two sides: a channel exists once its number is
/// used.
///
/// | | may be lost | may be reordered | for |
/// | --- | --- | --- | --- |
/// | [`Unreliable`](Self::Unreliable) | yes | yes | short-lived data whose order does not matter: effects, voice |
/// | [`Sequenced`](Self::Sequenced) | yes | no, stale ones are dropped | data that the next message supersedes: positions, inputs, snapshots |
/// | [`Reliable`](Self::Reliable) | no | yes | independent events that must arrive: a hit, an item |
/// | [`Ordered`](Self::Ordered) | no | not within its channel | events that must arrive in order: chat, a purchase |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// May be lost and reordered; never retransmitted. Up to
    /// [`UNRELIABLE_MAX`](crate::limits::UNRELIABLE_MAX) bytes. A message longer than a datagram is
    /// fragmented and arrives whole or not at all.
    Unreliable,
    /// May be lost, never goes back: a message older than the newest one that arrived in its channel is
    /// dropped. Otherwise as [`Unreliable`](Self::Unreliable).
    Sequenced(u8),
    /// Arrives exactly once, as soon as possible, whatever other messages are missing. Up to the
    /// [`message_max`](crate::Config::message_max_from_clients) of the other side.
    Reliable,
    /// Arrives exactly once, after all earlier messages of its channel. A gap in one channel never delays
    /// another channel. Otherwise as [`Reliable`](Self::Reliable).
    Ordered(u8),
}

impl Delivery {
    /// Whether messages are retransmitted until they arrive: [`Reliable`](Self::Reliable) and
    /// [`Ordered`](Self::Ordered).
    #[must_use]
    pub fn is_reliable(self) -> bool {
        matches!(self, Self::Reliable | Self::Ordered(_))
    }
}

/// Identifies a tracked message: returned by [`send_tracked`](crate::proto::HostState::send_tracked), and
/// reported in [`Acked`](crate::Event::Acked) or [`Lost`](crate::Event::Lost).
///
/// Receipts of one connection are unique. Receipts of two peers may be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub(crate) u64);

impl Receipt {
    /// The receipt with this number, for tests of code that handles [events](crate::Event). `Display`
    /// prints the number.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
