//! What senders are told, and that it is true.

use std::time::Duration;

use tickwire::sim::LinkConditions;
use tickwire::{Config, Delivery};

use crate::event_log::EventLog;
use crate::pair::Pair;
use crate::world::{config, ms, secs};
use crate::{CLIENT, SERVER, TICK, latency, pair_with, partition};

/// Two hosts that send nothing twice unasked.
fn plain_pair() -> Pair<EventLog> {
    let config = Config {
        redundant_copies: 0,
        ..config()
    };
    pair_with(1, [config.clone(), config], &latency(40))
}

/// What is sent now is overtaken by what is sent in the next 200 ms.
fn slow() -> LinkConditions {
    LinkConditions {
        reorder: 1.0,
        reorder_delay: ms(200),
        ..latency(40)
    }
}

fn what_arrives_is_acked_within_a_round_trip_and_the_delay_of_an_ack() {
    let kinds = [
        Delivery::Unreliable,
        Delivery::Sequenced(1),
        Delivery::Reliable,
        Delivery::Ordered(1),
    ];
    for delivery in kinds {
        let mut pair = plain_pair();
        let sent_at = pair.time();
        let receipt = pair.send_tracked(CLIENT, delivery, b"tracked");
        pair.run_for(secs(1));
        let (arrived, at) = pair.observer().of(CLIENT).fates[&receipt];
        assert!(arrived);
        assert!(at - sent_at <= ms(80 + 16), "{:?}", at - sent_at);
    }
}

fn a_sequenced_message_that_comes_too_late_is_lost_although_its_packet_arrived() {
    let mut pair = plain_pair();
    pair.set_link(CLIENT, &slow());
    let late = pair.send_tracked(CLIENT, Delivery::Sequenced(1), b"late");
    let other = pair.send_tracked(CLIENT, Delivery::Sequenced(2), b"of another channel");
    pair.set_link(CLIENT, &latency(40));
    pair.run_for(TICK);
    let newer = pair.send_tracked(CLIENT, Delivery::Sequenced(1), b"newer");
    pair.run_for(secs(2));
    assert_eq!(pair.observer().fate(CLIENT, late), Some(false));
    assert_eq!(pair.observer().fate(CLIENT, newer), Some(true));
    assert!(pair.observer().fate(CLIENT, other).is_some());
    assert_eq!(pair.observer().count(SERVER, Delivery::Sequenced(1)), 1);
    assert_eq!(pair.observer().count(SERVER, Delivery::Sequenced(2)), 1);
    assert_eq!(pair.stats(SERVER).stale_messages, 1);
}

fn a_sequenced_message_that_comes_too_late_before_anybody_gave_it_up_is_lost() {
    let mut pair = plain_pair();
    // Overtaken by so little that its packet does not count as lost.
    let conditions = LinkConditions {
        reorder_delay: ms(2),
        ..slow()
    };
    pair.set_link(CLIENT, &conditions);
    let late = pair.send_tracked(CLIENT, Delivery::Sequenced(1), b"late");
    pair.set_link(CLIENT, &latency(40));
    let newer = pair.send_tracked(CLIENT, Delivery::Sequenced(1), b"newer");
    pair.run_for(secs(2));
    assert_eq!(pair.observer().fate(CLIENT, late), Some(false));
    assert_eq!(pair.observer().fate(CLIENT, newer), Some(true));
    assert_eq!(pair.stats(CLIENT).packets_lost, 0, "the packet arrived");
}

fn the_last_unreliable_message_of_all_has_a_fate_as_well() {
    for delivery in [Delivery::Unreliable, Delivery::Sequenced(1)] {
        let mut pair = plain_pair();
        pair.set_link(CLIENT, &partition());
        let receipt = pair.send_tracked(CLIENT, delivery, b"nothing follows");
        pair.set_link(CLIENT, &latency(40));
        pair.run_for(secs(10));
        assert_eq!(pair.observer().fate(CLIENT, receipt), Some(false));
        assert_eq!(pair.observer().count(SERVER, delivery), 0);
    }
}

fn a_reliable_message_is_acked_however_often_it_was_lost() {
    for delivery in [Delivery::Reliable, Delivery::Ordered(1)] {
        let mut pair = plain_pair();
        pair.set_link(CLIENT, &partition());
        let receipt = pair.send_tracked(CLIENT, delivery, b"again and again");
        pair.run_for(secs(8));
        assert_eq!(pair.observer().fate(CLIENT, receipt), None);
        pair.set_link(CLIENT, &latency(40));
        pair.run_for(secs(5));
        assert_eq!(pair.observer().fate(CLIENT, receipt), Some(true));
        assert!(pair.stats(CLIENT).messages_retransmitted > 1);
    }
}

fn an_ordered_message_that_waits_for_another_one_is_not_acked_before_that_has_come() {
    let mut pair = plain_pair();
    pair.set_link(CLIENT, &partition());
    pair.send(CLIENT, Delivery::Ordered(1), b"lost");
    pair.set_link(CLIENT, &latency(40));
    let receipt = pair.send_tracked(CLIENT, Delivery::Ordered(1), b"waits");
    // It arrives, and nothing else does for a while.
    pair.run_for(ms(1));
    pair.set_link(CLIENT, &partition());
    pair.run_for(secs(2));
    assert_eq!(pair.observer().count(SERVER, Delivery::Ordered(1)), 0);
    assert_eq!(
        pair.stats(CLIENT).queued_messages,
        1,
        "the other one is there"
    );
    assert_eq!(pair.observer().fate(CLIENT, receipt), None);
    pair.set_link(CLIENT, &latency(40));
    pair.run_for(secs(5));
    assert_eq!(pair.observer().fate(CLIENT, receipt), Some(true));
    assert_eq!(pair.observer().count(SERVER, Delivery::Ordered(1)), 2);
}

// Other libraries: "a loss timer was run before the acks that were already queued, and caused false
// retransmissions".
fn acks_that_wait_in_the_socket_are_read_before_anything_counts_as_lost() {
    for stall in [ms(100), ms(500), secs(3)] {
        let mut pair = plain_pair();
        for number in 0..50_u8 {
            pair.send(CLIENT, Delivery::Ordered(0), &[number; 40]);
            pair.send(CLIENT, Delivery::Unreliable, &[number; 40]);
            // The acknowledgement comes while nobody looks.
            pair.stall(CLIENT, stall);
            pair.run_for(stall + Duration::from_millis(1));
        }
        let stats = pair.stats(CLIENT);
        assert_eq!(stats.messages_retransmitted, 0, "{stall:?}");
        assert_eq!(stats.packets_lost, 0, "{stall:?}");
        assert_eq!(pair.stats(SERVER).duplicate_messages, 0, "{stall:?}");
    }
}

fn what_arrives_after_the_end_is_not_acked() {
    for delivery in [Delivery::Unreliable, Delivery::Ordered(1)] {
        let mut pair = plain_pair();
        let receipt = pair.send_tracked(CLIENT, delivery, b"too late");
        // Of the end only that arrives which leaves after the message came.
        pair.set_link(SERVER, &partition());
        pair.disconnect(SERVER, 1);
        pair.run_for(ms(30));
        pair.set_link(SERVER, &latency(40));
        pair.run_for(secs(5));
        assert_eq!(pair.observer().count(SERVER, delivery), 0);
        assert!(pair.observer().of(CLIENT).end.is_some());
        assert_ne!(pair.observer().fate(CLIENT, receipt), Some(true));
    }
}

under_both!(
    what_arrives_is_acked_within_a_round_trip_and_the_delay_of_an_ack,
    a_sequenced_message_that_comes_too_late_is_lost_although_its_packet_arrived,
    a_sequenced_message_that_comes_too_late_before_anybody_gave_it_up_is_lost,
    the_last_unreliable_message_of_all_has_a_fate_as_well,
    a_reliable_message_is_acked_however_often_it_was_lost,
    an_ordered_message_that_waits_for_another_one_is_not_acked_before_that_has_come,
    acks_that_wait_in_the_socket_are_read_before_anything_counts_as_lost,
    what_arrives_after_the_end_is_not_acked,
);
