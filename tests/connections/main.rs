//! Connections on virtual time: handshake, keep-alive, migration and disconnect.
//!
//! `TICKWIRE_SEEDS` raises the number of seeds, see `tests/world`.

#[macro_use]
#[path = "../common/protections.rs"]
mod protections;
#[path = "../world/mod.rs"]
mod world;

mod chaos;
mod connect;
mod disconnect;
mod idle_timeout;
mod many_clients;
mod migration;
mod sessions;
mod simultaneous_connect;

use tickwire::sim::LinkConditions;

/// A link with a latency in milliseconds and no impairments.
fn latency(time: u64) -> LinkConditions {
    LinkConditions {
        latency: world::ms(time),
        ..LinkConditions::default()
    }
}

/// A link that drops every datagram.
fn partition() -> LinkConditions {
    LinkConditions {
        partitioned: true,
        ..LinkConditions::default()
    }
}

#[cfg(feature = "noise")]
#[test]
fn every_test_runs_under_both_protections() {
    let (plain, noise) = protections::counts();
    assert_eq!(plain, noise);
    assert!(plain > 50, "{plain}");
}
