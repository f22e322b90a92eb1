//! Messages between two hosts on virtual time: delivery, order, timing and receipts.
//!
//! `programs` checks random programs over random links against a model. Each other test checks one
//! property; a comment names the bug in another library that the test would have found.
//!
//! `TICKWIRE_SEEDS` raises the number of seeds, see `tests/world`.

#[macro_use]
#[path = "../common/protections.rs"]
mod protections;
#[path = "../world/mod.rs"]
mod world;

mod broadcast;
mod channels;
mod event_log;
mod flow;
mod fragments;
mod hostile;
mod idle;
mod limits;
mod long_runs;
mod loss;
mod model;
mod pair;
mod programs;
mod receipts;
mod steady_state;

use tickwire::Config;
use tickwire::sim::{LinkConditions, Loss};

use self::event_log::EventLog;
use self::pair::Pair;

/// The side that connects.
const CLIENT: usize = 0;
/// The side that is connected to.
const SERVER: usize = 1;

/// The length of a frame at 60 Hz, rounded up to milliseconds.
const TICK: std::time::Duration = world::ms(17);

/// A link with a latency in milliseconds and no impairments.
fn latency(time: u64) -> LinkConditions {
    LinkConditions {
        latency: world::ms(time),
        ..LinkConditions::default()
    }
}

/// A link with a latency in milliseconds and independent loss.
fn lossy(time: u64, probability: f64) -> LinkConditions {
    LinkConditions {
        loss: Loss::Independent { probability },
        ..latency(time)
    }
}

/// A link that drops every datagram.
fn partition() -> LinkConditions {
    LinkConditions {
        partitioned: true,
        ..LinkConditions::default()
    }
}

fn pair(seed: u64, conditions: &LinkConditions) -> Pair<EventLog> {
    pair_with(seed, [world::config(), world::config()], conditions)
}

/// Two connected hosts; the client's config comes first.
fn pair_with(seed: u64, configs: [Config; 2], conditions: &LinkConditions) -> Pair<EventLog> {
    let mut pair = Pair::new(seed, configs, conditions.latency, EventLog::default());
    pair.set_both(conditions);
    pair
}

#[cfg(feature = "noise")]
#[test]
fn every_test_runs_under_both_protections() {
    let (plain, noise) = protections::counts();
    assert_eq!(plain, noise);
    assert!(plain > 50, "{plain}");
}
