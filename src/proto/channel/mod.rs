//! Messages of one connection: `send` has queued and unacknowledged messages, `recv` incomplete and
//! out-of-order ones, `receipts` the outcome of tracked messages, and `stale_notices` reports stale
//! sequenced messages to their sender. Knows packets only by their frames.

pub(crate) mod receipts;
pub(crate) mod recv;
pub(crate) mod send;
pub(crate) mod stale_notices;

use crate::limits::UNRELIABLE_MAX;
use crate::proto::delivery::Delivery;

/// Maximum length in bytes; `reliable_max` is that of reliable messages.
pub(crate) fn message_max(delivery: Delivery, reliable_max: usize) -> usize {
    if delivery.is_reliable() {
        reliable_max
    } else {
        UNRELIABLE_MAX
    }
}

/// Memory in bytes: a `Stream`, and the position of its number.
pub(crate) const fn channel_bytes<Stream>() -> usize {
    size_of::<Stream>() + size_of::<(u8, u64)>()
}
