//! Connections, between hosts in a virtual world: they begin, last, move and end as the design says.
//!
//! `TICKWIRE_SEEDS` raises the number of seeds, see `tests/world`.

#[path = "../world/mod.rs"]
mod world;

mod beginning;
mod sessions;
