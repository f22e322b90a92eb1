//! How a message travels, and the name of one whose fate is to be told.

use std::fmt;

/// How a message travels.
///
/// There is nothing to set up, and nothing that both sides must configure alike: a channel is there as
/// soon as somebody uses its number.
///
/// | | may be lost | may overtake others | for |
/// | --- | --- | --- | --- |
/// | [`Unreliable`](Self::Unreliable) | yes | yes | what the next one makes worthless, and order does not matter: effects, voice |
/// | [`Sequenced`](Self::Sequenced) | yes | no | what the next one makes worthless: positions, inputs, snapshots |
/// | [`Reliable`](Self::Reliable) | no | yes | what has to arrive, each for itself: a hit, an item |
/// | [`Ordered`](Self::Ordered) | no | not within its channel | what has to arrive one after the other: chat, a purchase |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// It may be lost and it may overtake others; it is not sent again. Up to
    /// [`UNRELIABLE_MAX`](crate::limits::UNRELIABLE_MAX) bytes. One that does not fit a datagram arrives
    /// whole or not at all.
    Unreliable,
    /// It may be lost, and never goes back in time: one that is older than the newest that arrived in its
    /// channel is dropped. Otherwise as [`Unreliable`](Self::Unreliable).
    Sequenced(u8),
    /// It arrives exactly once, as soon as it can, whatever else is missing. Up to the
    /// [`message_max`](crate::Config::message_max_from_clients) of the other side.
    Reliable,
    /// It arrives exactly once, after all that were sent before it in its channel. What is missing in one
    /// channel never delays another one. Otherwise as [`Reliable`](Self::Reliable).
    Ordered(u8),
}

impl Delivery {
    /// Whether it is sent until it arrives: [`Reliable`](Self::Reliable) and
    /// [`Ordered`](Self::Ordered).
    pub fn is_reliable(self) -> bool {
        matches!(self, Self::Reliable | Self::Ordered(_))
    }
}

/// The name of a message whose fate is told: returned by
/// [`send_tracked`](crate::proto::HostState::send_tracked), and named in
/// [`Acked`](crate::Event::Acked) or [`Lost`](crate::Event::Lost).
///
/// The receipts of one peer are all different, and those of two peers may be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub(crate) u64);

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
