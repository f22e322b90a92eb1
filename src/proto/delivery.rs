//! Delivery guarantee of a message, and the receipt of a tracked message.

use std::fmt;

/// Delivery guarantee of a message: whether it may be lost, and whether it may be reordered.
///
/// A channel exists once its number (0 to 255) is used, without setup on either side.
///
/// | | may be lost | may be reordered | example |
/// | --- | --- | --- | --- |
/// | [`Unreliable`](Self::Unreliable) | yes | yes | effects, voice |
/// | [`Sequenced`](Self::Sequenced) | yes | no, stale ones are dropped | positions, inputs, snapshots |
/// | [`Reliable`](Self::Reliable) | no | yes | a hit, an item |
/// | [`Ordered`](Self::Ordered) | no | not within its channel | chat, a purchase |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// May be lost and reordered; never retransmitted. Up to
    /// [`UNRELIABLE_MAX`](crate::limits::UNRELIABLE_MAX) (15,360) bytes. A message longer than a
    /// packet is fragmented and arrives whole or not at all.
    Unreliable,
    /// May be lost, but not reordered: a message older than the newest one received in its channel
    /// is dropped. Otherwise as [`Unreliable`](Self::Unreliable).
    Sequenced(u8),
    /// Arrives exactly once, without waiting for other messages. Up to
    /// [`message_max`](crate::Host::message_max) bytes.
    Reliable,
    /// Arrives exactly once, after all earlier messages of its channel. A gap in one channel never
    /// delays another. Otherwise as [`Reliable`](Self::Reliable).
    Ordered(u8),
}

impl Delivery {
    /// Whether messages are retransmitted until acknowledged: [`Reliable`](Self::Reliable) and
    /// [`Ordered`](Self::Ordered).
    #[must_use]
    pub fn is_reliable(self) -> bool {
        matches!(self, Self::Reliable | Self::Ordered(_))
    }
}

/// Identifies a tracked message: returned by [`send_tracked`](crate::Host::send_tracked), and
/// reported in [`Acked`](crate::Event::Acked) or [`Lost`](crate::Event::Lost). Unique within a
/// connection, not between peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub(crate) u64);

impl Receipt {
    /// The receipt with this number, for tests that handle [events](crate::Event). `Display` prints
    /// the number.
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
