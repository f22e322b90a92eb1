//! The protocol, pure: no I/O, no clock, no entropy of its own.

mod admission;
mod answers;
mod attempt;
mod closing;
mod connection;
mod connection_id;
mod cookie;
mod event;
mod host_state;
mod outgoing;
mod path;
mod peer_id;
mod pool;
mod random;
mod received;
mod replay_window;
mod round_trip;
mod sent;
mod sequence;
mod slots;
mod stats;
mod timers;
pub mod wire;

pub use self::admission::{Admission, Request};
pub use self::event::{ConnectError, Delivery, DisconnectReason, Event};
pub use self::host_state::{Broadcast, ConnectOptions, HostState, Transmit};
pub use self::peer_id::PeerId;
pub use self::stats::{HostStats, PeerStats};

/// The version of the protocol that this library speaks: see [`wire`].
pub const VERSION: u8 = wire::handshake::VERSION;
