//! The protocol, pure: no I/O, no clock, no entropy of its own, no logging of payloads. Time is an
//! argument, and randomness comes from a generator that is seeded at construction, so that the same
//! seed and the same calls give the same run on every machine. A test reads the source and holds
//! this up.
//!
//! For tests, benchmarks and engines that bring their own sockets and their own time.
//!
//! - [`link`]: one direction between two hosts, with whatever a bad network does to it.

pub mod link;

pub use self::link::{Link, LinkConditions, LinkConditionsError, LinkStats, Loss};
