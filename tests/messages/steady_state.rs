//! Allocations of both hosts and the links in a steady state.

use std::time::Duration;

use allocation_counter::measure;
use tickwire::sim::LinkConditions;
use tickwire::{Delivery, Event};

use crate::pair::{Observer, Pair};
use crate::world::{config, ms};
use crate::{CLIENT, SERVER, TICK, latency, lossy};

struct Counter {
    received: [u64; 2],
}

impl Observer for Counter {
    fn on_event(&mut self, side: usize, _: Duration, event: Event, _: bool) {
        self.received[side] += u64::from(matches!(event, Event::Message { .. }));
    }
}

/// Traffic of a game in both directions.
fn play(pair: &mut Pair<Counter>, ticks: u64) {
    for _ in 0..ticks {
        for side in [CLIENT, SERVER] {
            pair.act(side, |host, peer| {
                host.send(peer, Delivery::Unreliable, &[1; 32]).unwrap();
                host.send(peer, Delivery::Sequenced(1), &[2; 200]).unwrap();
                host.send(peer, Delivery::Reliable, &[3; 40]).unwrap();
                host.send(peer, Delivery::Ordered(1), &[4; 40]).unwrap();
                host.send(peer, Delivery::Ordered(2), &[5; 300]).unwrap();
                host.send_tracked(peer, Delivery::Sequenced(2), &[6; 20])
                    .unwrap();
                host.send_tracked(peer, Delivery::Ordered(2), &[7; 20])
                    .unwrap();
            });
        }
        pair.run_for(TICK);
    }
}

/// Allocations in the second minute of a game.
fn allocations(seed: u64, conditions: &LinkConditions) -> u64 {
    let observer = Counter { received: [0, 0] };
    let mut pair = Pair::new(seed, [config(), config()], conditions.latency, observer);
    pair.set_both(conditions);
    play(&mut pair, 3600);
    let before = pair.observer().received;
    let info = measure(|| play(&mut pair, 3600));
    for side in [CLIENT, SERVER] {
        assert!(pair.observer().received[side] - before[side] > 5 * 3600);
    }
    assert!(info.bytes_current <= 64 << 10, "{info:?}");
    info.count_total
}

fn a_steady_state_allocates_nothing() {
    assert_eq!(allocations(1, &latency(40)), 0);
}

const SEEDS: std::ops::RangeInclusive<u64> = 1..=7;

/// A queue may allocate when it exceeds its previous maximum.
fn jitter_and_loss_allocate_at_most_16_times_a_minute() {
    let conditions = LinkConditions {
        jitter: ms(20),
        reorder: 0.05,
        ..lossy(40, 0.05)
    };
    for seed in SEEDS {
        let count = allocations(seed, &conditions);
        println!("seed {seed}: {count} allocations in a minute of 100,000 messages");
        assert!(count <= 16, "seed {seed}: {count} allocations in a minute");
    }
}

under_both!(
    a_steady_state_allocates_nothing,
    jitter_and_loss_allocate_at_most_16_times_a_minute,
);
