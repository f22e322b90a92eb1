//! Messages of one connection: `send` holds what is queued or unacknowledged, `recv` what is incomplete or
//! out of order, `receipts` reports the outcome of tracked messages, `stale_notices` tells the sender which
//! sequenced messages arrived too late.
//!
//! Knows packets only by the frames in them.

pub(crate) mod receipts;
pub(crate) mod recv;
pub(crate) mod send;
pub(crate) mod stale_notices;
