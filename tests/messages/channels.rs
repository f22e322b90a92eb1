//! Channels do not delay each other, measured on links with an exact latency.

use std::time::Duration;

use tickwire::limits::RATE_MAX;
use tickwire::{Config, Delivery};

use crate::event_log::EventLog;
use crate::pair::Pair;
use crate::world::{config, ms, secs};
use crate::{CLIENT, SERVER, TICK, latency, pair, pair_with, partition};

const LATENCY: Duration = ms(40);

const KINDS: [Delivery; 6] = [
    Delivery::Ordered(0),
    Delivery::Ordered(1),
    Delivery::Ordered(255),
    Delivery::Reliable,
    Delivery::Sequenced(0),
    Delivery::Unreliable,
];

/// Two hosts without redundant copies and with the maximum rate.
fn pair_without_copies() -> Pair<EventLog> {
    let config = Config {
        redundant_copies: 0,
        rate_floor: RATE_MAX,
        rate_ceiling: RATE_MAX,
        rate_start: RATE_MAX,
        ..config()
    };
    pair_with(1, [config.clone(), config], &latency(40))
}

fn send_lost(pair: &mut Pair<EventLog>, delivery: Delivery, message: &[u8]) {
    pair.set_link(CLIENT, &partition());
    pair.send(CLIENT, delivery, message);
    pair.set_link(CLIENT, &latency(40));
}

/// Transit time of a message sent at `at`.
fn transit_time(pair: &Pair<EventLog>, message: &[u8], at: Duration) -> Option<Duration> {
    let mut messages = pair.observer().of(SERVER).messages.iter();
    let received = messages.find(|received| received.bytes == message)?;
    Some(received.at - at)
}

fn a_gap_in_one_channel_delays_no_other() {
    for gap in [Delivery::Ordered(0), Delivery::Reliable] {
        for other in KINDS.into_iter().filter(|kind| *kind != gap) {
            let mut pair = pair_without_copies();
            send_lost(&mut pair, gap, b"lost");
            pair.run_for(TICK);
            let at = pair.time();
            pair.send(CLIENT, other, b"other");
            pair.run_for(secs(2));
            let time = transit_time(&pair, b"other", at);
            assert_eq!(time, Some(LATENCY), "{other:?} beside {gap:?}");
            let lost = transit_time(&pair, b"lost", at).unwrap();
            assert!(lost > LATENCY, "{gap:?} was not lost: {lost:?}");
        }
    }
}

fn reliable_messages_do_not_wait_for_lost_ones() {
    let mut pair = pair_without_copies();
    send_lost(&mut pair, Delivery::Reliable, b"lost");
    let at = pair.time();
    pair.send(CLIENT, Delivery::Reliable, b"next");
    pair.run_for(secs(2));
    assert_eq!(transit_time(&pair, b"next", at), Some(LATENCY));
    assert!(transit_time(&pair, b"lost", at) > Some(LATENCY));
}

fn ordered_messages_wait_for_lost_predecessors() {
    let mut pair = pair_without_copies();
    send_lost(&mut pair, Delivery::Ordered(3), b"lost");
    let at = pair.time();
    pair.send(CLIENT, Delivery::Ordered(3), b"next");
    pair.run_for(secs(2));
    let (lost, next) = (
        transit_time(&pair, b"lost", at),
        transit_time(&pair, b"next", at),
    );
    assert!(next > Some(LATENCY));
    assert_eq!(lost, next);
    let order = pair.observer().of(SERVER).messages.iter();
    assert!(
        order
            .map(|received| &received.bytes[..])
            .eq([b"lost", b"next"])
    );
}

fn a_mebibyte_in_one_channel_delays_others_by_at_most_one_tick() {
    // 50 Mbit/s: 168 ms for a mebibyte, 250 packets in a round trip.
    let config = Config {
        rate_floor: 50_000_000,
        rate_start: 50_000_000,
        rate_ceiling: 50_000_000,
        ..config()
    };
    for other in [
        Delivery::Ordered(1),
        Delivery::Reliable,
        Delivery::Sequenced(1),
    ] {
        let mut pair = pair_with(1, [config.clone(), config.clone()], &latency(20));
        pair.send(SERVER, Delivery::Ordered(0), &vec![7; 1 << 20]);
        let mut sent_at = Vec::new();
        for number in 0..60_u8 {
            sent_at.push(pair.time());
            pair.send(SERVER, other, &[number; 40]);
            pair.run_for(TICK);
        }
        pair.run_for(secs(1));
        let received: Vec<_> = pair.observer().received(CLIENT, other).collect();
        assert_eq!(received.len(), 60);
        for message in received {
            let time = message.at - sent_at[usize::from(message.bytes[0])];
            assert!(time <= ms(20) + TICK, "{time:?} by {other:?}");
        }
        assert_eq!(pair.observer().count(CLIENT, Delivery::Ordered(0)), 1);
    }
}

fn a_blocked_channel_leaves_window_for_other_channels() {
    let mut pair = pair_without_copies();
    send_lost(&mut pair, Delivery::Ordered(0), b"lost");
    // Exceeds the window, and nothing is delivered before the lost message.
    pair.act(CLIENT, |host, peer| {
        for _ in 0..289 {
            host.send(peer, Delivery::Ordered(0), &[7; 900]).unwrap();
        }
    });
    let at = pair.time();
    pair.send(CLIENT, Delivery::Ordered(1), &[9; 900]);
    pair.run_for(secs(3));
    // The burst size is limited even at the maximum rate, so the message can leave one timer step
    // (1 ms) later. The blocked channel needs more than a round trip.
    let took = transit_time(&pair, &[9; 900], at);
    assert!(took <= Some(LATENCY + ms(1)), "{took:?}");
    assert!(took.is_some());
    assert_eq!(pair.observer().count(SERVER, Delivery::Ordered(0)), 290);
}

fn delivers_on_all_256_channels() {
    let mut pair = pair(1, &latency(10));
    for channel in 0..=255 {
        pair.send(CLIENT, Delivery::Ordered(channel), &[channel]);
        pair.send(CLIENT, Delivery::Sequenced(channel), &[channel]);
    }
    pair.run_for(secs(1));
    for channel in 0..=255 {
        for delivery in [Delivery::Ordered(channel), Delivery::Sequenced(channel)] {
            let received: Vec<_> = pair.observer().received(SERVER, delivery).collect();
            assert_eq!(received.len(), 1, "{delivery:?}");
            assert_eq!(received[0].bytes[..], [channel]);
        }
    }
}

under_both!(
    a_gap_in_one_channel_delays_no_other,
    reliable_messages_do_not_wait_for_lost_ones,
    ordered_messages_wait_for_lost_predecessors,
    a_mebibyte_in_one_channel_delays_others_by_at_most_one_tick,
    a_blocked_channel_leaves_window_for_other_channels,
    delivers_on_all_256_channels,
);
