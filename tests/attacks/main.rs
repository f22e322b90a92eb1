//! What strangers and bad peers may try, and what comes of it: nothing but a number that grows.
//!
//! `TICKWIRE_SEEDS` raises the number of seeds, and makes floods as long as they are meant to be; see
//! `tests/world`.

#[macro_use]
#[path = "../common/protections.rs"]
mod protections;
#[path = "../world/mod.rs"]
mod world;

#[cfg(feature = "noise")]
mod encryption;
mod floods;
mod handshake;
mod packets;
mod peers;

#[cfg(feature = "noise")]
#[test]
fn every_test_runs_under_both() {
    let (plain, noise) = protections::counts();
    assert_eq!(plain, noise);
    assert!(plain > 40, "{plain}");
}
