//! What a lost packet costs.

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

/// One ordered message a tick; returns how long each was under way.
fn converse(pair: &mut Pair<EventLog>, count: u32) -> Vec<Duration> {
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
    assert!(is_done, "not everything arrived: {:?}", pair.stats(CLIENT));
    let messages = pair.observer().of(SERVER).messages.iter();
    let in_order = messages.zip(0..).map(|(taken, number): (_, u32)| {
        assert_eq!(taken.bytes[..4], number.to_be_bytes());
        taken.at - sent_at[usize::try_from(number).unwrap()]
    });
    in_order.collect()
}

fn without_redundancy_everything_arrives_and_nothing_is_sent_unasked() {
    for_each_seed(20, |seed| {
        let mut pair = with_redundancy(seed, 0, &lossy(40, 0.2));
        converse(&mut pair, 200);
        let stats = pair.stats(CLIENT);
        assert_eq!((stats.copies_sent, stats.copies_useful), (0, 0));
        assert!(stats.messages_retransmitted > 0);
    });
}

fn a_lost_packet_costs_a_tick_and_not_a_round_trip() {
    for (redundancy, at_most) in [(0, None), (1, Some(TICK)), (2, Some(TICK))] {
        let mut pair = with_redundancy(1, redundancy, &latency(100));
        converse(&mut pair, 20);
        let sent_at = pair.time();
        pair.set_link(CLIENT, &partition());
        pair.send(CLIENT, Delivery::Ordered(0), b"lost");
        pair.set_link(CLIENT, &latency(100));
        pair.run_for(TICK);
        pair.send(CLIENT, Delivery::Unreliable, b"the next packet");
        pair.run_for(secs(2));
        let taken = pair.observer().taken(SERVER, Delivery::Ordered(0)).last();
        let late = taken.unwrap().at - sent_at - ms(100);
        match at_most {
            Some(at_most) => assert!(late <= at_most, "{late:?}"),
            None => assert!(late > ms(100), "{late:?} without a copy"),
        }
        assert_eq!(pair.stats(CLIENT).copies_useful, u64::from(redundancy > 0));
    }
}

fn a_copy_goes_alone_if_nothing_else_does() {
    let mut pair = with_redundancy(1, 2, &latency(100));
    let sent_at = pair.time();
    pair.set_link(CLIENT, &partition());
    pair.send(CLIENT, Delivery::Ordered(0), b"lost");
    pair.set_link(CLIENT, &latency(100));
    pair.run_for(secs(1));
    let taken = &pair.observer().of(SERVER).messages[0];
    assert!(
        taken.at - sent_at <= ms(100 + 17),
        "{:?}",
        taken.at - sent_at
    );
}

fn what_arrived_is_not_sent_again_and_again() {
    let mut pair = with_redundancy(1, 2, &latency(5));
    converse(&mut pair, 200);
    pair.run_for(secs(1));
    let stats = pair.stats(CLIENT);
    assert_eq!(stats.messages_retransmitted, 0);
    assert!(stats.copies_sent <= 400, "{}", stats.copies_sent);
}

fn at_thirty_percent_loss_everything_still_arrives() {
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
                converse(&mut pair, 200);
            }
        }
    });
}

fn losses_are_counted_where_they_happen() {
    let mut pair = with_redundancy(1, 2, &lossy(20, 0.1));
    converse(&mut pair, 600);
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
    without_redundancy_everything_arrives_and_nothing_is_sent_unasked,
    a_lost_packet_costs_a_tick_and_not_a_round_trip,
    a_copy_goes_alone_if_nothing_else_does,
    what_arrived_is_not_sent_again_and_again,
    at_thirty_percent_loss_everything_still_arrives,
    losses_are_counted_where_they_happen,
);
