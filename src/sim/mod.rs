//! A network simulator on virtual time.
//!
//! [`Link`] is one direction between two hosts. [`Network`] is several hosts with links between
//! them, for tests. [`Host::set_link_conditions`](crate::Host::set_link_conditions) puts links
//! between a host and its socket, for trying a game out.
//!
//! Imports from `proto` what a network drives, and nothing that touches the operating system.

mod bottleneck;
mod conditions;
mod in_flight;
mod link;
mod losses;
mod network;
mod rng;
mod simulated_links;
mod stats;

pub use self::conditions::{
    LINK_BURST_LENGTH_MAX, LINK_DELAY_MAX, LINK_HEADER_BYTES, LINK_QUEUE_BYTES_MAX, LINK_RATE_MAX,
    LinkConditions, Loss,
};
pub use self::in_flight::LINK_DATAGRAMS_MAX;
pub use self::link::Link;
pub use self::network::{Hooks, HostId, LinkId, Network, STALLED_DATAGRAMS_MAX, WireDatagram};
pub(crate) use self::simulated_links::SimulatedLinks;
pub use self::stats::LinkStats;
