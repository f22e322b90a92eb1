//! The delivery state of a connection when a packet was sent.

use crate::proto::time::Instant;

/// Stored with a sent packet, and turned into a delivery rate sample by its acknowledgement
/// (draft-cheng-iccrg-delivery-rate-estimation).
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliverySnapshot {
    pub(crate) delivered: u64,
    pub(crate) delivered_at: Instant,
    /// When the first packet of the sample was sent.
    pub(crate) first_sent_at: Instant,
    /// The sample does not measure the path.
    pub(crate) is_app_limited: bool,
}

impl DeliverySnapshot {
    /// Snapshot before anything was delivered.
    pub(crate) fn initial(now: Instant) -> Self {
        Self {
            delivered: 0,
            delivered_at: now,
            first_sent_at: now,
            is_app_limited: true,
        }
    }
}
