//! Idle connections send only keep-alives.

use tickwire::Delivery;

use crate::event_log::EventLog;
use crate::pair::Pair;
use crate::world::{ms, secs};
use crate::{CLIENT, SERVER, TICK, latency, lossy, pair};

fn packets(pair: &Pair<EventLog>) -> u64 {
    [CLIENT, SERVER]
        .map(|side| pair.counts(side).datagrams_sent)
        .iter()
        .sum()
}

// Bug in another library: an acknowledgement in every tick of an idle connection.
fn an_idle_connection_acknowledges_only_keep_alives() {
    for tick in [None, Some(TICK)] {
        let mut pair = pair(1, &latency(30));
        pair.set_tick(CLIENT, tick);
        pair.set_tick(SERVER, tick);
        for delivery in [
            Delivery::Ordered(0),
            Delivery::Reliable,
            Delivery::Unreliable,
        ] {
            pair.send(CLIENT, delivery, b"hello");
            // 100 ms apart, so that the sides do not send at the same times.
            pair.run_for(ms(100));
            pair.send(SERVER, delivery, b"hello");
        }
        pair.run_for(secs(1));
        let before = packets(&pair);
        pair.run_for(secs(60));
        assert!(
            packets(&pair) - before <= 2 * 12 + 2,
            "{}",
            packets(&pair) - before
        );
    }
}

fn a_connection_becomes_idle_after_losses() {
    for loss in [0.05, 0.3] {
        let mut pair = pair(1, &lossy(30, loss));
        for number in 0..300_u32 {
            pair.send(CLIENT, Delivery::Ordered(0), &number.to_be_bytes());
            pair.send(SERVER, Delivery::Sequenced(0), &number.to_be_bytes());
            pair.run_for(TICK);
        }
        pair.set_both(&latency(30));
        pair.run_for(secs(3));
        assert_eq!(pair.observer().count(SERVER, Delivery::Ordered(0)), 300);
        let before = packets(&pair);
        pair.run_for(secs(60));
        assert!(
            packets(&pair) - before <= 2 * 12 + 4,
            "{}",
            packets(&pair) - before
        );
    }
}

fn a_receiver_acknowledges_each_packet_at_most_once() {
    let mut pair = pair(1, &latency(30));
    let before = [CLIENT, SERVER].map(|side| pair.counts(side).datagrams_sent);
    for _ in 0..600 {
        pair.send(CLIENT, Delivery::Sequenced(0), &[7; 100]);
        pair.run_for(TICK);
    }
    pair.run_for(ms(500));
    let [sent, acks] = [CLIENT, SERVER].map(|side| pair.counts(side).datagrams_sent - before[side]);
    assert_eq!(sent, 600, "one packet per tick");
    assert!(acks <= 600, "{acks}");
}

under_both!(
    an_idle_connection_acknowledges_only_keep_alives,
    a_connection_becomes_idle_after_losses,
    a_receiver_acknowledges_each_packet_at_most_once,
);
