//! Latency and statistics under packet loss.

use std::time::Duration;

use tickwire::sim::{LinkConditions, Loss};
use tickwire::{Config, Delivery};

use crate::event_log::EventLog;
use crate::pair::Pair;
use crate::world::{config, for_each_seed, ms, secs};
use crate::{CLIENT, SERVER, TICK, latency, lossy, pair_with, partition};

fn with_redundancy(seed: u64, redundancy: u8, conditions: &LinkConditions) -> Pair<EventLog> {
    let config = Config {
        redundant_copies: redundancy,
        ..config()
    };
    pair_with(seed, [config.clone(), config], conditions)
}

/// Sends one ordered message per tick and returns the transit times.
fn send_every_tick(pair: &mut Pair<EventLog>, count: u32) -> Vec<Duration> {
    let mut sent_at = Vec::new();
    for number in 0..count {
        let mut message = [0; 40];
        message[..4].copy_from_slice(&number.to_be_bytes());
        sent_at.push(pair.time());
        pair.send(CLIENT, Delivery::Ordered(0), &message);
        pair.run_for(TICK);
    }
    let all = usize::try_from(count).unwrap();
    let is_done = pair.run_until(secs(60), |pair| {
        pair.observer().of(SERVER).messages.len() == all
    });
    assert!(is_done, "messages are missing: {:?}", pair.stats(CLIENT));
    let messages = pair.observer().of(SERVER).messages.iter();
    let in_order = messages.zip(0..).map(|(received, number): (_, u32)| {
        assert_eq!(received.bytes[..4], number.to_be_bytes());
        received.at - sent_at[usize::try_from(number).unwrap()]
    });
    in_order.collect()
}

fn sends_no_copies_without_redundancy() {
    for_each_seed(20, |seed| {
        let mut pair = with_redundancy(seed, 0, &lossy(40, 0.2));
        send_every_tick(&mut pair, 200);
        let stats = pair.stats(CLIENT);
        assert_eq!((stats.copies_sent, stats.copies_useful), (0, 0));
        assert!(stats.messages_retransmitted > 0);
    });
}

fn redundant_copies_repair_a_loss_within_a_tick() {
    for (redundancy, at_most) in [(0, None), (1, Some(TICK)), (2, Some(TICK))] {
        let mut pair = with_redundancy(1, redundancy, &latency(100));
        send_every_tick(&mut pair, 20);
        let sent_at = pair.time();
        pair.set_link(CLIENT, &partition());
        pair.send(CLIENT, Delivery::Ordered(0), b"lost");
        pair.set_link(CLIENT, &latency(100));
        pair.run_for(TICK);
        pair.send(CLIENT, Delivery::Unreliable, b"the next packet");
        pair.run_for(secs(2));
        let received = pair
            .observer()
            .received(SERVER, Delivery::Ordered(0))
            .last();
        let late = received.unwrap().at - sent_at - ms(100);
        match at_most {
            Some(at_most) => assert!(late <= at_most, "{late:?}"),
            None => assert!(late > ms(100), "{late:?} without a copy"),
        }
        assert_eq!(pair.stats(CLIENT).copies_useful, u64::from(redundancy > 0));
    }
}

fn sends_a_copy_alone_without_other_traffic() {
    let mut pair = with_redundancy(1, 2, &latency(100));
    let sent_at = pair.time();
    pair.set_link(CLIENT, &partition());
    pair.send(CLIENT, Delivery::Ordered(0), b"lost");
    pair.set_link(CLIENT, &latency(100));
    pair.run_for(secs(1));
    let received = &pair.observer().of(SERVER).messages[0];
    assert!(
        received.at - sent_at <= ms(100 + 17),
        "{:?}",
        received.at - sent_at
    );
}

fn limits_copies_and_retransmits_nothing_without_loss() {
    let mut pair = with_redundancy(1, 2, &latency(5));
    send_every_tick(&mut pair, 200);
    pair.run_for(secs(1));
    let stats = pair.stats(CLIENT);
    assert_eq!(stats.messages_retransmitted, 0);
    assert!(stats.copies_sent <= 400, "{}", stats.copies_sent);
}

fn delivers_in_order_at_30_percent_loss() {
    for_each_seed(10, |seed| {
        for loss in [
            Loss::Independent { probability: 0.3 },
            Loss::Bursts {
                probability: 0.3,
                mean_length: 3.0,
            },
        ] {
            let conditions = LinkConditions {
                loss,
                ..latency(45)
            };
            for redundancy in [0, 2] {
                let mut pair = with_redundancy(seed, redundancy, &conditions);
                send_every_tick(&mut pair, 200);
            }
        }
    });
}

fn loss_statistics_match_the_link() {
    let mut pair = with_redundancy(1, 2, &lossy(20, 0.1));
    send_every_tick(&mut pair, 600);
    pair.set_both(&latency(20));
    pair.run_for(secs(6));
    let (client, server) = (pair.stats(CLIENT), pair.stats(SERVER));
    let lost = pair.link_stats(CLIENT).lost;
    assert_eq!(server.packets_missing, lost);
    assert_eq!(client.packets_sent, server.packets_received + lost);
    let counted = client.packets_lost.abs_diff(lost);
    assert!(
        counted <= 2 + lost / 10,
        "{} of {lost}",
        client.packets_lost
    );
}

under_both!(
    sends_no_copies_without_redundancy,
    redundant_copies_repair_a_loss_within_a_tick,
    sends_a_copy_alone_without_other_traffic,
    limits_copies_and_retransmits_nothing_without_loss,
    delivers_in_order_at_30_percent_loss,
    loss_statistics_match_the_link,
);
