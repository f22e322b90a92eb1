//! The protocol: no I/O, no clock, no entropy of its own, no logging of payloads.
//!
//! Time is an argument. Randomness comes from a generator that is seeded at construction, so the
//! same seed and the same calls give the same packets on every machine. `tests/tidy` enforces this.
//! [`HostState`] is the entry point; [the guide](crate::guide::wire) specifies every packet.
//!
//! # Modules
//!
//! Modules import only from rows below their own. Files directly in `proto` serve all of them.
//!
//! | module | content |
//! | --- | --- |
//! | `host` | all peers of a host: handshakes, admission, which peer is due, events |
//! | `connection` | one peer: receiving and sending packets, timeouts, closing, migration |
//! | `congestion` | pacing rate and congestion window |
//! | `channel` | messages to send (`send`) and received (`recv`), receipts |
//! | `recovery` | acknowledgements, loss detection, round-trip time |
//! | `noise` | the Noise handshake and the packet keys |
//! | `wire` | parsing and writing packets and frames, packet numbers |
//!
//! **A received datagram.** [`HostState::handle_datagram`] finds the connection by the id in the
//! packet and decrypts it in `host/recv.rs`; `host/accept.rs` and `host/connect.rs` handle
//! handshakes. `connection/recv.rs` processes the frames. Acknowledgements go to `recovery`, and
//! their outcomes through `connection/packet_outcome.rs` to congestion control and channels.
//! `channel/recv` reassembles and orders messages and puts them in the event queue of
//! [`HostState::poll_event`].
//!
//! **A sent message.** [`HostState::send`] copies it into the peer's `channel/send` and marks the
//! peer ready in `host/scheduler.rs`. [`HostState::poll_transmit`] takes ready peers in turn.
//! `connection/send.rs` fills one packet in the caller's buffer: acknowledgements, flow control,
//! then messages as pacing and the congestion window allow. It encrypts in place and records the
//! frames in `recovery/sent_packets.rs`.

mod buffers;
mod channel;
mod close_reason;
mod congestion;
mod connection;
mod connection_id;
mod delivery;
mod event;
mod host;
#[cfg(feature = "noise")]
mod noise;
mod peer_id;
mod pool;
mod recovery;
pub(crate) mod rng;
mod slot_index;
mod stats;
pub(crate) mod time;
mod wire;

pub use self::close_reason::CloseReason;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub use self::connection::packet_protection::ProtectionPair;
pub use self::delivery::{Delivery, Receipt};
pub use self::event::{ConnectError, DisconnectReason, Event};
pub use self::host::{Admission, Broadcast, ConnectOptions, HostState, Request, Transmit};
pub use self::peer_id::PeerId;
pub use self::stats::{HostStats, PeerStats, SendLimitedBy};

/// Version of the wire format: see [the specification](crate::guide::wire).
pub const VERSION: u8 = wire::handshake::VERSION;
