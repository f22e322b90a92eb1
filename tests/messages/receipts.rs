//! Outcomes of tracked messages.

use std::time::Duration;

use tickwire::sim::LinkConditions;
use tickwire::{Config, Delivery};

use crate::event_log::EventLog;
use crate::pair::Pair;
use crate::world::{config, ms, secs};
use crate::{CLIENT, SERVER, TICK, latency, pair_with, partition};

fn pair_without_copies() -> Pair<EventLog> {
    let config = Config {
        redundant_copies: 0,
        ..config()
    };
    pair_with(1, [config.clone(), config], &latency(40))
}

/// Datagrams of the next 200 ms overtake those sent now.
fn reordering() -> LinkConditions {
    LinkConditions {
        reorder: 1.0,
        reorder_delay: ms(200),
        ..latency(40)
    }
}

fn acknowledges_within_a_round_trip_and_the_ack_delay() {
    let kinds = [
        Delivery::Unreliable,
        Delivery::Sequenced(1),
        Delivery::Reliable,
        Delivery::Ordered(1),
    ];
    for delivery in kinds {
        let mut pair = pair_without_copies();
        let sent_at = pair.time();
        let receipt = pair.send_tracked(CLIENT, delivery, b"tracked");
        pair.run_for(secs(1));
        let (arrived, at) = pair.observer().of(CLIENT).outcomes[&receipt];
        assert!(arrived);
        assert!(at - sent_at <= ms(80 + 16), "{:?}", at - sent_at);
    }
}

fn a_stale_sequenced_message_is_reported_as_lost() {
    let mut pair = pair_without_copies();
    pair.set_link(CLIENT, &reordering());
    let late = pair.send_tracked(CLIENT, Delivery::Sequenced(1), b"late");
    let other = pair.send_tracked(CLIENT, Delivery::Sequenced(2), b"of another channel");
    pair.set_link(CLIENT, &latency(40));
    pair.run_for(TICK);
    let newer = pair.send_tracked(CLIENT, Delivery::Sequenced(1), b"newer");
    pair.run_for(secs(2));
    assert_eq!(pair.observer().outcome(CLIENT, late), Some(false));
    assert_eq!(pair.observer().outcome(CLIENT, newer), Some(true));
    assert!(pair.observer().outcome(CLIENT, other).is_some());
    assert_eq!(pair.observer().count(SERVER, Delivery::Sequenced(1)), 1);
    assert_eq!(pair.observer().count(SERVER, Delivery::Sequenced(2)), 1);
    assert_eq!(pair.stats(SERVER).stale_messages, 1);
}

fn a_stale_message_is_reported_as_lost_without_packet_loss() {
    let mut pair = pair_without_copies();
    // Too little reordering for loss detection.
    let conditions = LinkConditions {
        reorder_delay: ms(2),
        ..reordering()
    };
    pair.set_link(CLIENT, &conditions);
    let late = pair.send_tracked(CLIENT, Delivery::Sequenced(1), b"late");
    pair.set_link(CLIENT, &latency(40));
    let newer = pair.send_tracked(CLIENT, Delivery::Sequenced(1), b"newer");
    pair.run_for(secs(2));
    assert_eq!(pair.observer().outcome(CLIENT, late), Some(false));
    assert_eq!(pair.observer().outcome(CLIENT, newer), Some(true));
    assert_eq!(pair.stats(CLIENT).packets_lost, 0, "the packet arrived");
}

fn reports_loss_of_the_last_unreliable_message() {
    for delivery in [Delivery::Unreliable, Delivery::Sequenced(1)] {
        let mut pair = pair_without_copies();
        pair.set_link(CLIENT, &partition());
        let receipt = pair.send_tracked(CLIENT, delivery, b"nothing follows");
        pair.set_link(CLIENT, &latency(40));
        pair.run_for(secs(10));
        assert_eq!(pair.observer().outcome(CLIENT, receipt), Some(false));
        assert_eq!(pair.observer().count(SERVER, delivery), 0);
    }
}

fn a_reliable_message_is_acknowledged_after_repeated_losses() {
    for delivery in [Delivery::Reliable, Delivery::Ordered(1)] {
        let mut pair = pair_without_copies();
        pair.set_link(CLIENT, &partition());
        let receipt = pair.send_tracked(CLIENT, delivery, b"again and again");
        pair.run_for(secs(8));
        assert_eq!(pair.observer().outcome(CLIENT, receipt), None);
        pair.set_link(CLIENT, &latency(40));
        pair.run_for(secs(5));
        assert_eq!(pair.observer().outcome(CLIENT, receipt), Some(true));
        assert!(pair.stats(CLIENT).messages_retransmitted > 1);
    }
}

fn an_ordered_message_is_acknowledged_after_its_predecessor() {
    let mut pair = pair_without_copies();
    pair.set_link(CLIENT, &partition());
    pair.send(CLIENT, Delivery::Ordered(1), b"lost");
    pair.set_link(CLIENT, &latency(40));
    let receipt = pair.send_tracked(CLIENT, Delivery::Ordered(1), b"waits");
    // This message arrives, and then the link is down.
    pair.run_for(ms(1));
    pair.set_link(CLIENT, &partition());
    pair.run_for(secs(2));
    assert_eq!(pair.observer().count(SERVER, Delivery::Ordered(1)), 0);
    assert_eq!(
        pair.stats(CLIENT).queued_messages,
        1,
        "the second message arrived"
    );
    assert_eq!(pair.observer().outcome(CLIENT, receipt), None);
    pair.set_link(CLIENT, &latency(40));
    pair.run_for(secs(5));
    assert_eq!(pair.observer().outcome(CLIENT, receipt), Some(true));
    assert_eq!(pair.observer().count(SERVER, Delivery::Ordered(1)), 2);
}

// Bug in another library: the loss timer ran before queued acknowledgements were read and caused
// spurious retransmissions.
fn reads_queued_acknowledgements_before_declaring_loss() {
    for stall in [ms(100), ms(500), secs(3)] {
        let mut pair = pair_without_copies();
        for number in 0..50_u8 {
            pair.send(CLIENT, Delivery::Ordered(0), &[number; 40]);
            pair.send(CLIENT, Delivery::Unreliable, &[number; 40]);
            // The acknowledgement arrives during the stall.
            pair.stall(CLIENT, stall);
            pair.run_for(stall + Duration::from_millis(1));
        }
        let stats = pair.stats(CLIENT);
        assert_eq!(stats.messages_retransmitted, 0, "{stall:?}");
        assert_eq!(stats.packets_lost, 0, "{stall:?}");
        assert_eq!(pair.stats(SERVER).duplicate_messages, 0, "{stall:?}");
    }
}

fn does_not_acknowledge_messages_after_a_disconnect() {
    for delivery in [Delivery::Unreliable, Delivery::Ordered(1)] {
        let mut pair = pair_without_copies();
        let receipt = pair.send_tracked(CLIENT, delivery, b"too late");
        // Only copies of the disconnect that leave after the message's arrival get through.
        pair.set_link(SERVER, &partition());
        pair.disconnect(SERVER, 1);
        pair.run_for(ms(30));
        pair.set_link(SERVER, &latency(40));
        pair.run_for(secs(5));
        assert_eq!(pair.observer().count(SERVER, delivery), 0);
        assert!(pair.observer().of(CLIENT).end.is_some());
        assert_ne!(pair.observer().outcome(CLIENT, receipt), Some(true));
    }
}

under_both!(
    acknowledges_within_a_round_trip_and_the_ack_delay,
    a_stale_sequenced_message_is_reported_as_lost,
    a_stale_message_is_reported_as_lost_without_packet_loss,
    reports_loss_of_the_last_unreliable_message,
    a_reliable_message_is_acknowledged_after_repeated_losses,
    an_ordered_message_is_acknowledged_after_its_predecessor,
    reads_queued_acknowledgements_before_declaring_loss,
    does_not_acknowledge_messages_after_a_disconnect,
);
