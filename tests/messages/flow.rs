//! Flow control: an application that does not read blocks its sender and uses bounded memory.

use std::time::Duration;

use allocation_counter::measure;
use tickwire::limits::{MESSAGE_OVERHEAD, QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX};
use tickwire::sim::{LinkConditions, Loss};
use tickwire::{Config, Delivery, SendError, SendLimitedBy};

use crate::event_log::EventLog;
use crate::pair::Pair;
use crate::world::{config, for_each_seed, ms, secs};
use crate::{CLIENT, SERVER, TICK, latency, lossy, pair, pair_with, partition};

const WINDOW: u64 = QUEUED_BYTES_MAX as u64;

/// Sends numbered messages until the client's queue is full. Returns the next number.
fn fill_queue(pair: &mut Pair<EventLog>, delivery: Delivery, from: u32, len: usize) -> u32 {
    let mut next = from;
    pair.act(CLIENT, |host, peer| {
        let mut message = vec![0; len];
        loop {
            message[..4].copy_from_slice(&next.to_be_bytes());
            match host.send(peer, delivery, &message) {
                Ok(()) => next += 1,
                Err(error) => return assert_eq!(error, SendError::QueueFull),
            }
        }
    });
    next
}

fn assert_all_in_order(pair: &Pair<EventLog>, delivery: Delivery, count: u32) {
    let received = pair.observer().received(SERVER, delivery);
    let numbers = received.map(|one| u32::from_be_bytes(one.bytes[..4].try_into().unwrap()));
    assert!(numbers.eq(0..count), "messages are missing or out of order");
}

// Bug in another library: a slow receiver let latency grow until the timeout, without a signal.
fn unread_messages_block_the_sender_until_they_are_read() {
    for len in [4, 100, 960, 5000, 60_000] {
        let mut pair = pair(1, &latency(20));
        let delivery = Delivery::Ordered(7);
        pair.pause_events(SERVER, true);
        let mut sent = 0;
        for _ in 0..600 {
            sent = fill_queue(&mut pair, delivery, sent, len);
            pair.run_for(TICK);
            assert!(pair.stats(SERVER).unread_bytes <= WINDOW);
        }
        // The window and the send queue are full, and no more was accepted.
        let cost = (len + MESSAGE_OVERHEAD) as u64;
        let unread = pair.stats(SERVER).unread_bytes;
        assert!(unread > WINDOW / 3 && unread % cost == 0, "{unread}");
        assert!(u64::from(sent) * cost <= WINDOW + 4096 * cost);
        assert_eq!(pair.stats(SERVER).messages_refused, 0);
        assert_eq!(pair.stats(CLIENT).limited_by, SendLimitedBy::FlowControl);
        pair.pause_events(SERVER, false);
        pair.run_for(secs(10));
        assert_all_in_order(&pair, delivery, sent);
        assert_eq!(pair.stats(CLIENT).limited_by, SendLimitedBy::Application);
        sent = fill_queue(&mut pair, delivery, sent, len);
        pair.run_for(secs(10));
        assert_all_in_order(&pair, delivery, sent);
    }
}

fn unread_messages_use_bounded_memory() {
    let mut pair = pair(1, &latency(20));
    let send_for = |pair: &mut Pair<EventLog>, seconds: u64| {
        for _ in 0..seconds * 60 {
            for delivery in [Delivery::Ordered(7), Delivery::Reliable] {
                fill_queue(pair, delivery, 0, 100);
            }
            pair.act(CLIENT, |host, peer| {
                host.send(peer, Delivery::Unreliable, &[7; 1000]).unwrap();
                host.send(peer, Delivery::Sequenced(1), &[7; 2000]).unwrap();
            });
            pair.run_for(TICK);
        }
    };
    pair.pause_events(SERVER, true);
    send_for(&mut pair, 20);
    let grown = measure(|| send_for(&mut pair, 20));
    assert!(grown.bytes_current.abs() < 64 << 10, "{grown:?}");
    let stats = pair.stats(SERVER);
    assert!(stats.unread_bytes <= WINDOW);
    assert!(stats.messages_refused > 1000, "{stats:?}");
}

fn refused_unreliable_messages_are_reported_as_lost() {
    for delivery in [Delivery::Unreliable, Delivery::Sequenced(3)] {
        let mut pair = pair(1, &latency(20));
        pair.pause_events(SERVER, true);
        let mut receipts = Vec::new();
        for number in 0..1000_u32 {
            let mut message = [0; 900];
            message[..4].copy_from_slice(&number.to_be_bytes());
            receipts.push(pair.send_tracked(CLIENT, delivery, &message));
            pair.run_for(TICK);
        }
        pair.run_for(secs(5));
        pair.pause_events(SERVER, false);
        let received = pair.observer().count(SERVER, delivery);
        assert_eq!(received, QUEUED_BYTES_MAX / 900);
        let acked = receipts.iter();
        let acked = acked.filter(|one| pair.observer().outcome(CLIENT, **one) == Some(true));
        assert_eq!(acked.count(), received);
        assert_eq!(pair.observer().of(CLIENT).outcomes.len(), 1000);
        pair.send(CLIENT, delivery, b"there is space again");
        pair.run_for(secs(1));
        assert_eq!(pair.observer().count(SERVER, delivery), received + 1);
    }
}

fn limits_the_number_of_unread_messages() {
    let mut pair = pair(1, &latency(20));
    pair.pause_events(SERVER, true);
    for _ in 0..10 {
        pair.fill(CLIENT, Delivery::Unreliable, &[]);
        pair.run_for(secs(1));
    }
    pair.pause_events(SERVER, false);
    let received = pair.observer().count(SERVER, Delivery::Unreliable);
    assert!(received <= QUEUED_MESSAGES_MAX, "{received}");
    assert!(received > QUEUED_MESSAGES_MAX / 2, "{received}");
}

fn repeats_a_lost_window_update() {
    let mut pair = pair(1, &latency(20));
    pair.pause_events(SERVER, true);
    let mut sent = 0;
    for _ in 0..120 {
        sent = fill_queue(&mut pair, Delivery::Ordered(0), sent, 900);
        pair.run_for(TICK);
    }
    pair.set_link(SERVER, &partition());
    pair.pause_events(SERVER, false);
    pair.run_for(secs(6));
    let received = pair.observer().count(SERVER, Delivery::Ordered(0));
    assert!(
        received < usize::try_from(sent).unwrap(),
        "the sender was not blocked"
    );
    pair.set_link(SERVER, &latency(20));
    pair.run_for(secs(6));
    assert_all_in_order(&pair, Delivery::Ordered(0), sent);
}

/// Minimum windows, maximum messages and 40% loss.
fn flow_control_never_deadlocks() {
    for_each_seed(150, |seed| {
        let message_max = [960, 961, 3000, 20_000][usize::try_from(seed % 4).unwrap()];
        let config = Config {
            receive_window: 0,
            message_max_from_clients: message_max,
            redundant_copies: u8::try_from(seed % 3).unwrap(),
            // Only sent datagrams end a loss burst, and probes are rare.
            idle_timeout: secs(200),
            ..config()
        };
        let conditions = LinkConditions {
            loss: loss_of_seed(seed),
            jitter: ms(20),
            reorder: 0.1,
            ..latency(20)
        };
        let mut pair = pair_with(seed, [config.clone(), config], &conditions);
        let (channels, count) = (1 + seed % 40, 60);
        for number in 0..count {
            let channel = u8::try_from(number % channels).unwrap();
            let is_largest = pair.rng.chance(0.5);
            let len = if is_largest {
                message_max
            } else {
                pair.rng.index(message_max)
            };
            let message = vec![channel; len];
            send_blocking(&mut pair, Delivery::Ordered(channel), &message);
            let events_paused = pair.rng.chance(0.5);
            pair.pause_events(SERVER, events_paused);
            pair.run_for(TICK);
        }
        pair.pause_events(SERVER, false);
        let all = usize::try_from(count).unwrap();
        let is_done = pair.run_until(secs(300), |pair| {
            pair.observer().of(SERVER).messages.len() == all
        });
        assert!(
            is_done,
            "flow control deadlocked: {:?} {:?}",
            pair.observer().of(SERVER).end,
            pair.observer().of(CLIENT).end
        );
    });
}

fn loss_of_seed(seed: u64) -> Loss {
    if seed % 2 == 0 {
        return Loss::Independent { probability: 0.4 };
    }
    Loss::Bursts {
        probability: 0.4,
        mean_length: 4.0,
    }
}

fn send_blocking(pair: &mut Pair<EventLog>, delivery: Delivery, message: &[u8]) {
    let mut waited = Duration::ZERO;
    while pair
        .act(CLIENT, |host, peer| host.send(peer, delivery, message))
        .is_err()
    {
        pair.pause_events(SERVER, false);
        pair.run_for(TICK);
        waited += TICK;
        let end = pair.observer().of(CLIENT).end;
        assert_eq!(end, None, "after {waited:?}");
        assert!(
            waited < secs(300),
            "flow control deadlocked: {:?}",
            pair.stats(CLIENT)
        );
    }
}

fn delivers_messages_of_maximum_length_in_many_channels() {
    let mut pair = pair(1, &lossy(20, 0.02));
    let message = vec![7; 64 << 10];
    for channel in 0..40 {
        send_blocking(&mut pair, Delivery::Ordered(channel), &message);
        send_blocking(&mut pair, Delivery::Reliable, &message);
    }
    let is_done = pair.run_until(secs(300), |pair| {
        pair.observer().of(SERVER).messages.len() == 80
    });
    assert!(is_done);
    let messages = &pair.observer().of(SERVER).messages;
    assert!(messages.iter().all(|received| received.bytes == message));
}

/// A 2 Mbit/s bottleneck, whose queue a greedy sender fills now and then.
fn reports_delivery_rate_and_queue_delay_of_a_bottleneck() {
    const BOTTLENECK: u64 = 2_000_000;
    let bottleneck = LinkConditions {
        rate: Some(BOTTLENECK),
        queue_bytes: 64 << 10,
        ..latency(20)
    };
    let mut pair = pair(1, &bottleneck);
    let initial = pair.stats(CLIENT);
    assert_eq!(
        (initial.delivery_rate, initial.queue_delay),
        (0, Duration::ZERO)
    );
    let mut sent = 0;
    let (mut max_rate, mut max_delay, mut min_delay) = (0, Duration::ZERO, secs(1));
    for tick in 0..20 * 60 {
        sent = fill_queue(&mut pair, Delivery::Ordered(7), sent, 960);
        pair.run_for(TICK);
        if tick < 3 * 60 {
            continue;
        }
        let stats = pair.stats(CLIENT);
        // The rates drop while the queue drains.
        for figure in [stats.delivery_rate, stats.pacing_rate] {
            assert!(
                (BOTTLENECK / 3..BOTTLENECK * 3 / 2).contains(&figure),
                "{stats:?}"
            );
        }
        max_rate = max_rate.max(stats.delivery_rate);
        max_delay = max_delay.max(stats.queue_delay);
        min_delay = min_delay.min(stats.queue_delay);
    }
    assert!(
        (BOTTLENECK * 9 / 10..BOTTLENECK * 11 / 10).contains(&max_rate),
        "{max_rate}"
    );
    assert!((ms(12)..ms(262)).contains(&max_delay), "{max_delay:?}");
    assert_eq!(min_delay, Duration::ZERO, "the queue drains");
    assert!(pair.stats(CLIENT).round_trip.unwrap() >= ms(40));
}

under_both!(
    reports_delivery_rate_and_queue_delay_of_a_bottleneck,
    unread_messages_block_the_sender_until_they_are_read,
    unread_messages_use_bounded_memory,
    refused_unreliable_messages_are_reported_as_lost,
    limits_the_number_of_unread_messages,
    repeats_a_lost_window_update,
    flow_control_never_deadlocks,
    delivers_messages_of_maximum_length_in_many_channels,
);
