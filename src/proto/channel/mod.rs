//! Messages of one connection: `send` holds queued and unacknowledged messages, `recv` incomplete
//! and out-of-order ones, `receipts` reports the outcome of tracked messages, and `stale_notices`
//! reports stale sequenced messages to their sender.
//!
//! Knows packets only by the frames in them.

pub(crate) mod receipts;
pub(crate) mod recv;
pub(crate) mod send;
pub(crate) mod stale_notices;

use crate::limits::UNRELIABLE_MAX;
use crate::proto::delivery::Delivery;

/// Maximum length of a message in bytes; `reliable_max` is that of reliable messages.
pub(crate) fn message_max(delivery: Delivery, reliable_max: usize) -> usize {
    if delivery.is_reliable() {
        reliable_max
    } else {
        UNRELIABLE_MAX
    }
}

/// Memory of a used channel in bytes: its `Stream`, and the position of its number.
pub(crate) const fn channel_bytes<Stream>() -> usize {
    size_of::<Stream>() + size_of::<(u8, u64)>()
}
