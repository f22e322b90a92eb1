//! Messages between two hosts on virtual time: what arrives, in which order, how often, when, and what
//! their senders are told.
//!
//! `programs` is the test that is not told what to look for: random programs over random links, against a
//! simple model. The others each hold one property. Where another library was seen to get something
//! wrong, the test that would have found it says so.
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
mod long;
mod losses;
mod model;
mod pair;
mod programs;
mod receipts;
mod steady;

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

/// A link that only takes its time.
fn latency(time: u64) -> LinkConditions {
    LinkConditions {
        latency: world::ms(time),
        ..LinkConditions::default()
    }
}

/// A link that takes its time, and loses this share of what goes there.
fn lossy(time: u64, probability: f64) -> LinkConditions {
    LinkConditions {
        loss: Loss::Independent { probability },
        ..latency(time)
    }
}

/// A link that nothing gets through.
fn partition() -> LinkConditions {
    LinkConditions {
        partitioned: true,
        ..LinkConditions::default()
    }
}

/// Two hosts with the usual config that are connected by such links.
fn pair(seed: u64, conditions: &LinkConditions) -> Pair<EventLog> {
    pair_with(seed, [world::config(), world::config()], conditions)
}

/// Two hosts, the client's config first.
fn pair_with(seed: u64, configs: [Config; 2], conditions: &LinkConditions) -> Pair<EventLog> {
    let mut pair = Pair::new(seed, configs, conditions.latency, EventLog::default());
    pair.set_both(conditions);
    pair
}

#[cfg(feature = "noise")]
#[test]
fn every_test_runs_under_both() {
    let (plain, noise) = protections::counts();
    assert_eq!(plain, noise);
    assert!(plain > 50, "{plain}");
}
