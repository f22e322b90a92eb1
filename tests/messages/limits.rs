//! What `send` says when it says no, and that nothing is dropped without a word.

use tickwire::limits::{QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX, RECEIPTS_MAX, UNRELIABLE_MAX};
use tickwire::{Config, Delivery, SendError};

use crate::world::{config, secs};
use crate::{CLIENT, SERVER, latency, pair, pair_with};

/// With a rate that nobody has to wait for.
fn fast() -> Config {
    Config {
        rate_floor: 1_000_000_000,
        rate_start: 1_000_000_000,
        rate_ceiling: 1_000_000_000,
        ..config()
    }
}

fn too_long_names_the_limit_of_the_peer() {
    let server = Config {
        message_max_from_clients: 5000,
        ..config()
    };
    let client = Config {
        message_max_from_servers: 7000,
        ..config()
    };
    let mut pair = pair_with(1, [client, server], &latency(10));
    let cases = [
        (CLIENT, Delivery::Reliable, 5000),
        (CLIENT, Delivery::Ordered(1), 5000),
        (SERVER, Delivery::Reliable, 7000),
        (SERVER, Delivery::Ordered(1), 7000),
        (CLIENT, Delivery::Unreliable, UNRELIABLE_MAX),
        (SERVER, Delivery::Sequenced(1), UNRELIABLE_MAX),
    ];
    for (side, delivery, max) in cases {
        let message = vec![7; max + 1];
        let (short, long) = pair.act(side, |host, peer| {
            assert_eq!(host.message_max(peer, delivery), Some(max));
            let long = host.send(peer, delivery, &message);
            (host.send(peer, delivery, &message[..max]), long)
        });
        assert_eq!(long, Err(SendError::TooLong { len: max + 1, max }));
        assert_eq!(short, Ok(()));
        pair.run_for(secs(1));
        assert_eq!(pair.observer().count(1 - side, delivery), 1);
    }
}

// Other libraries: "an oversized reliable message clogged its channel for ever".
fn a_message_that_is_too_long_is_no_obstacle_to_the_next() {
    let mut pair = pair(1, &latency(10));
    for delivery in [
        Delivery::Reliable,
        Delivery::Ordered(0),
        Delivery::Sequenced(0),
    ] {
        let outcome = pair.act(CLIENT, |host, peer| {
            host.send(peer, delivery, &vec![7; 1 << 20])
        });
        assert!(matches!(outcome, Err(SendError::TooLong { .. })));
        pair.send(CLIENT, delivery, b"next");
        pair.run_for(secs(1));
        assert_eq!(pair.observer().count(SERVER, delivery), 1);
    }
}

// Other libraries: "'send buffer full' was treated as fatal, or the message was skipped silently".
fn a_full_queue_says_so_and_everything_in_it_arrives() {
    let kinds = [
        Delivery::Reliable,
        Delivery::Ordered(0),
        Delivery::Unreliable,
        Delivery::Sequenced(0),
    ];
    for delivery in kinds {
        for (len, expected) in [
            (0, QUEUED_MESSAGES_MAX),
            (40, QUEUED_MESSAGES_MAX),
            (1000, QUEUED_BYTES_MAX / 1000),
        ] {
            let mut pair = pair_with(1, [fast(), fast()], &latency(10));
            let sent = pair.fill(CLIENT, delivery, &vec![7; len]);
            assert_eq!(sent, expected, "{delivery:?} of {len}");
            pair.run_for(secs(5));
            let stats = pair.stats(CLIENT);
            let taken = pair.observer().count(SERVER, delivery);
            let expired = usize::try_from(stats.messages_expired).unwrap();
            assert_eq!(taken + expired, sent, "{delivery:?} of {len}");
            assert!(expired == 0 || !delivery.is_reliable());
            assert_eq!(stats.queued_messages, 0);
            pair.send(CLIENT, delivery, b"there is room again");
        }
    }
}

fn a_queue_full_of_what_is_reliable_has_room_for_what_is_not_and_the_other_way_round() {
    for (full, other) in [
        (Delivery::Reliable, Delivery::Unreliable),
        (Delivery::Unreliable, Delivery::Ordered(1)),
    ] {
        let mut pair = pair_with(1, [fast(), fast()], &latency(10));
        pair.act(CLIENT, |host, peer| {
            while host.send(peer, full, &[7; 40]).is_ok() {}
            host.send(peer, other, b"other").unwrap();
        });
        pair.run_for(secs(5));
        assert_eq!(pair.observer().count(SERVER, other), 1);
    }
}

fn no_more_receipts_are_open_than_the_limit_says() {
    for delivery in [Delivery::Unreliable, Delivery::Ordered(0)] {
        let mut pair = pair_with(1, [fast(), fast()], &latency(10));
        // The sender takes none of its events: what it was not told of counts as well.
        pair.set_deaf(CLIENT, true);
        let mut open = 0;
        for _ in 0..40 {
            open += pair.act(CLIENT, |host, peer| {
                let tracked = (0..1000).map(|_| host.send_tracked(peer, delivery, &[7; 10]));
                tracked.take_while(Result::is_ok).count()
            });
            pair.run_for(secs(1));
        }
        assert_eq!(open, RECEIPTS_MAX, "{delivery:?}");
        pair.send(CLIENT, delivery, b"without a receipt");
        pair.set_deaf(CLIENT, false);
        assert_eq!(pair.observer().of(CLIENT).fates.len(), RECEIPTS_MAX);
        pair.send_tracked(CLIENT, delivery, b"with one");
    }
}

fn nobody_can_send_to_somebody_who_is_gone() {
    let mut pair = pair(1, &latency(10));
    let peer = pair.peer(CLIENT);
    pair.disconnect(SERVER, 3);
    pair.run_for(secs(1));
    for delivery in [
        Delivery::Unreliable,
        Delivery::Reliable,
        Delivery::Ordered(9),
    ] {
        let mut host = pair.host_mut(CLIENT);
        assert_eq!(host.send(peer, delivery, b""), Err(SendError::UnknownPeer));
        let tracked = host.send_tracked(peer, delivery, b"");
        assert_eq!(tracked, Err(SendError::UnknownPeer));
        assert_eq!(host.message_max(peer, delivery), None);
    }
}

under_both!(
    too_long_names_the_limit_of_the_peer,
    a_message_that_is_too_long_is_no_obstacle_to_the_next,
    a_full_queue_says_so_and_everything_in_it_arrives,
    a_queue_full_of_what_is_reliable_has_room_for_what_is_not_and_the_other_way_round,
    no_more_receipts_are_open_than_the_limit_says,
    nobody_can_send_to_somebody_who_is_gone,
);
