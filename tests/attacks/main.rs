//! What strangers and bad peers may try, and what comes of it: nothing but a number that grows.
//!
//! `TICKWIRE_SEEDS` raises the number of seeds, and makes floods as long as they are meant to be; see
//! `tests/world`.

#[path = "../world/mod.rs"]
mod world;

mod floods;
mod handshake;
mod packets;
mod peers;
