//! Messages longer than a packet.

use tickwire::limits::{FRAGMENT_BYTES, UNRELIABLE_MAX};
use tickwire::sim::{LinkConditions, Loss};
use tickwire::{Config, Delivery};

use crate::world::{config, for_each_seed, ms, secs};
use crate::{CLIENT, SERVER, TICK, latency, lossy, pair, pair_with};

const KINDS: [Delivery; 4] = [
    Delivery::Unreliable,
    Delivery::Sequenced(1),
    Delivery::Reliable,
    Delivery::Ordered(1),
];

#[allow(clippy::cast_possible_truncation, reason = "the lowest bits are meant")]
fn message(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at + at / 251 + seed) as u8).collect()
}

fn delivers_every_length_around_fragment_boundaries() {
    let edges = [0, 1, 2, 15, 16].map(|count| count * FRAGMENT_BYTES);
    let lengths = edges
        .into_iter()
        .flat_map(|edge| (edge.saturating_sub(1)..=edge + 40).filter(|len| *len <= UNRELIABLE_MAX));
    let mut pair = pair(1, &latency(10));
    for len in lengths {
        for delivery in KINDS {
            let (sent, before) = (message(len, len), pair.observer().count(SERVER, delivery));
            pair.send(CLIENT, delivery, &sent);
            pair.run_for(ms(200));
            assert_eq!(pair.observer().count(SERVER, delivery), before + 1, "{len}");
            let received = pair.observer().received(SERVER, delivery).last().unwrap();
            assert!(received.bytes == sent, "{len} by {delivery:?}");
        }
    }
}

fn reassembles_under_loss_reordering_duplication_and_corruption() {
    for_each_seed(30, |seed| {
        let conditions = LinkConditions {
            jitter: ms(10),
            duplication: 0.1,
            reorder: 0.3,
            corruption: 0.02,
            ..lossy(20, 0.15)
        };
        let mut pair = pair(seed, &conditions);
        let count = 8;
        for number in 0..count {
            for delivery in [Delivery::Reliable, Delivery::Ordered(1)] {
                let len = 1 + pair.rng.index(20_000);
                pair.send(CLIENT, delivery, &message(number, len));
            }
            pair.run_for(TICK);
        }
        let is_done = pair.run_until(secs(120), |pair| {
            pair.observer().of(SERVER).messages.len() == 2 * count
        });
        assert!(is_done, "{:?}", pair.stats(CLIENT));
        let ordered = pair.observer().received(SERVER, Delivery::Ordered(1));
        for (number, received) in ordered.enumerate() {
            assert!(received.bytes == message(number, received.bytes.len()));
        }
    });
}

// Bug in another library: large unreliable messages never arrived under loss, without an error.
fn delivers_a_fragmented_unreliable_message_or_reports_its_loss() {
    let config = Config {
        rate_floor: 100_000_000,
        rate_start: 100_000_000,
        ..config()
    };
    for delivery in [Delivery::Unreliable, Delivery::Sequenced(1)] {
        let conditions = LinkConditions {
            loss: Loss::Independent { probability: 0.02 },
            ..latency(20)
        };
        let mut pair = pair_with(5, [config.clone(), config.clone()], &conditions);
        let mut receipts = Vec::new();
        for number in 0..300 {
            let sent = message(number, UNRELIABLE_MAX);
            receipts.push(pair.send_tracked(CLIENT, delivery, &sent));
            pair.run_for(TICK);
        }
        pair.run_for(secs(5));
        let mut remaining = (0..300).map(|number| message(number, UNRELIABLE_MAX));
        for received in pair.observer().received(SERVER, delivery) {
            assert!(remaining.any(|sent| sent == received.bytes), "corrupted");
        }
        let outcomes = &pair.observer().of(CLIENT).outcomes;
        assert_eq!(outcomes.len(), receipts.len());
        let acked = outcomes.values().filter(|(arrived, _)| *arrived).count();
        let received = pair.observer().count(SERVER, delivery);
        // 0.98^16 is 72%.
        assert!((180..=255).contains(&received), "{received}");
        assert!(
            acked <= received && received - acked < 20,
            "{acked} of {received}"
        );
    }
}

fn abandons_incomplete_unreliable_messages() {
    let mut pair = pair(1, &lossy(20, 0.5));
    let receipts: Vec<_> = (0..200)
        .map(|number| {
            pair.run_for(TICK);
            pair.send_tracked(CLIENT, Delivery::Unreliable, &message(number, 5000))
        })
        .collect();
    pair.set_both(&latency(20));
    pair.run_for(secs(5));
    pair.send(CLIENT, Delivery::Unreliable, &message(0, 5000));
    pair.run_for(secs(5));
    let last = pair
        .observer()
        .received(SERVER, Delivery::Unreliable)
        .last();
    assert!(last.unwrap().bytes == message(0, 5000));
    assert_eq!(pair.observer().of(CLIENT).outcomes.len(), receipts.len());
}

under_both!(
    delivers_every_length_around_fragment_boundaries,
    reassembles_under_loss_reordering_duplication_and_corruption,
    delivers_a_fragmented_unreliable_message_or_reports_its_loss,
    abandons_incomplete_unreliable_messages,
);
