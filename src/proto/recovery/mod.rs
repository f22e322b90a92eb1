//! Acknowledgements, loss detection (RFC 9002) and round-trip time.
//!
//! Messages are retransmitted, not packets: this module reports which frames were lost or
//! acknowledged, and `channel` decides what to retransmit.

pub(crate) mod ack_tracker;
pub(crate) mod delivery_snapshot;
pub(crate) mod loss_rate;
pub(crate) mod replay_window;
pub(crate) mod rtt;
pub(crate) mod sent_packets;
