//! Attacks by third parties and malicious peers. They change only counters.
//!
//! `TICKWIRE_SEEDS` raises the number of seeds, see `tests/world`.

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
fn every_test_runs_under_both_protections() {
    let (plain, noise) = protections::counts();
    assert_eq!(plain, noise);
    assert!(plain > 40, "{plain}");
}
