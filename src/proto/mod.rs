//! The protocol, pure: no I/O, no clock, no entropy of its own, no logging of payloads. Time is an
//! argument, and randomness comes from a generator that is seeded at construction, so that the same
//! seed and the same calls give the same run on every machine. A test reads the source and holds
//! this up.
//!
//! For tests, benchmarks and engines that bring their own sockets and their own time.
//!
//! - [`HostState`]: all peers of one host.
//! - [`wire`]: every packet, to the byte.
//! - [`link`]: one direction between two hosts, with whatever a bad network does to it.
//!
//! From below to above, inside: `wire` reads and writes packets; `sequence`, `replay_window`,
//! `received`, `sent`, `round_trip` and `loss_rate` number them, know the duplicates and the lost, and
//! measure; `outbox` and `inbox` are the messages on either side of a connection, `receipts` and
//! `too_late` tell what became of them, `rate`, `pacer` and `congestion` how fast they may leave; `introduction`, `closing` and
//! `path` are the other parts of a `connection`, `attempt` is what comes before one;
//! `cookie`, `answers` and `admission` are how a host treats strangers; `slots`, `timers`, `pool`
//! and `buffers` hold what many peers need; `host_state` is all of them together. All of them reckon with
//! the `time` of one word; what goes in and comes out has that of the standard library.

mod admission;
mod answers;
mod attempt;
mod buffers;
mod closing;
mod congestion;
mod connection;
mod connection_id;
mod cookie;
mod delivery;
mod event;
mod host_state;
mod inbox;
mod introduction;
pub mod link;
mod loss_rate;
mod memory;
#[cfg(feature = "noise")]
mod noise;
mod outbox;
mod pacer;
mod path;
mod peer_id;
mod pool;
mod protection;
mod random;
mod rate;
mod receipts;
mod received;
mod replay_window;
mod round_trip;
mod sent;
mod sequence;
mod shed;
mod slots;
mod stats;
mod time;
mod timers;
#[cfg(feature = "noise")]
mod token_bucket;
mod too_late;
pub mod wire;

pub use self::admission::{Admission, Request};
pub use self::delivery::{Delivery, Receipt};
pub use self::event::{ConnectError, DisconnectReason, Event};
pub use self::host_state::{Broadcast, ConnectOptions, HostState, Transmit};
pub use self::link::{Link, LinkConditions, LinkConditionsError, LinkStats, Loss};
pub use self::peer_id::PeerId;
#[doc(hidden)]
pub use self::protection::ProtectionPair;
pub use self::stats::{HostStats, PeerStats, SendLimit};
#[cfg(feature = "noise")]
pub use crate::keys::{KeyParseError, PrivateKey, PublicKey};

/// The version of the protocol that this library speaks: see [`wire`].
pub const VERSION: u8 = wire::handshake::VERSION;
