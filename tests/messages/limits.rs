//! Errors of `send`; nothing is dropped silently.

use tickwire::limits::{QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX, RECEIPTS_MAX, UNRELIABLE_MAX};
use tickwire::{Config, Delivery, SendError};

use crate::world::{config, secs};
use crate::{CLIENT, SERVER, latency, pair, pair_with};

/// A config whose rate never delays messages.
fn fast() -> Config {
    Config {
        rate_floor: 1_000_000_000,
        rate_start: 1_000_000_000,
        rate_ceiling: 1_000_000_000,
        ..config()
    }
}

fn too_long_reports_the_limit_of_the_peer() {
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

// Bug in another library: an oversized reliable message blocked its channel permanently.
fn an_oversized_message_does_not_block_the_next() {
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

// Bugs in other libraries: a full send buffer was fatal, or the message was dropped silently.
fn reports_a_full_queue_and_delivers_its_messages() {
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
            let received = pair.observer().count(SERVER, delivery);
            let expired = usize::try_from(stats.messages_expired).unwrap();
            assert_eq!(received + expired, sent, "{delivery:?} of {len}");
            assert!(expired == 0 || !delivery.is_reliable());
            assert_eq!(stats.queued_messages, 0);
            pair.send(CLIENT, delivery, b"there is space again");
        }
    }
}

fn limits_reliable_and_unreliable_queues_separately() {
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

fn limits_open_receipts() {
    for delivery in [Delivery::Unreliable, Delivery::Ordered(0)] {
        let mut pair = pair_with(1, [fast(), fast()], &latency(10));
        // The sender reads no events: unread outcomes count as well.
        pair.pause_events(CLIENT, true);
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
        pair.pause_events(CLIENT, false);
        assert_eq!(pair.observer().of(CLIENT).outcomes.len(), RECEIPTS_MAX);
        pair.send_tracked(CLIENT, delivery, b"with one");
    }
}

fn rejects_messages_to_a_disconnected_peer() {
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
    too_long_reports_the_limit_of_the_peer,
    an_oversized_message_does_not_block_the_next,
    reports_a_full_queue_and_delivers_its_messages,
    limits_reliable_and_unreliable_queues_separately,
    limits_open_receipts,
    rejects_messages_to_a_disconnected_peer,
);
