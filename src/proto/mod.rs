//! The protocol: no I/O, no clock, no entropy of its own, no logging of payloads.
//!
//! Time is an argument. Randomness comes from a generator that is seeded at construction, so the same seed
//! and the same calls give the same packets on every machine. `tests/tidy` enforces all of it.
//!
//! [`HostState`] is the entry point, for tests, benchmarks and engines that bring their own sockets and their
//! own time. [The guide](crate::guide::wire) specifies every packet.
//!
//! # Modules
//!
//! Each imports only modules further down this table. Files directly in `proto` (`time`, `rng`, `event`,
//! `delivery`, `peer_id`, `connection_id`, `buffers`, `pool`, `stats`) serve all of them.
//!
//! | module | content |
//! | --- | --- |
//! | `host` | all peers of a host: handshakes, admission, which peer is due, events |
//! | `connection` | one peer: receiving and sending packets, timeouts, closing, migration |
//! | `congestion` | pacing rate and congestion window |
//! | `channel` | messages on their way out (`send`) and in (`recv`), receipts |
//! | `recovery` | acknowledgements, loss detection, round-trip time |
//! | `noise` | the Noise handshake and the packet keys |
//! | `wire` | parsing and writing packets and frames, packet numbers |

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

/// Version of the wire format that this library speaks: see [the specification](crate::guide::wire).
pub const VERSION: u8 = wire::handshake::VERSION;
