//! A network simulator: links with latency, jitter, loss, duplication, reordering, a bottleneck and
//! partitions, on the caller's clock.
//!
//! [`Link`] is one direction between two hosts. [`Host::set_link_conditions`](crate::Host::set_link_conditions)
//! puts one in each direction between a host and its socket.

mod bottleneck;
mod conditions;
mod host_network;
mod in_flight;
mod link;
mod losses;
mod rng;
mod stats;

pub use self::conditions::{LinkConditions, Loss};
pub(crate) use self::host_network::HostNetwork;
pub use self::link::Link;
pub use self::stats::LinkStats;
