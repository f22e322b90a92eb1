//! Floods: limits on state and on replies.

use allocation_counter::measure;
use tickwire::limits::DATAGRAM_MAX;
use tickwire::{Config, DisconnectReason, Event};

use crate::world::harness::Harness;
use crate::world::packets::{self, Hello, PING, kind};
use crate::world::{Stranger, config, ms, outside, secs};

/// Limits per turn, see `WIRE.md`.
const REPLIES_PER_TURN_MAX: usize = 256;
const CONNECTS_PER_TURN_MAX: usize = 256;

fn spoofed_hellos_create_no_state() {
    let mut harness = Harness::new(config());
    let hello = Hello::new([3; 16]).bytes();
    let flood = |harness: &mut Harness, count: usize| {
        for number in 0..count {
            harness.deliver(outside(number), &hello);
            if number % 256 == 255 {
                harness.turn(|_, bytes| assert!(bytes.len() < DATAGRAM_MAX / 10));
            }
        }
    };
    flood(&mut harness, 1000);
    let info = measure(|| flood(&mut harness, 1_000_000));
    assert_eq!((info.count_total, info.bytes_current), (0, 0));
    let stats = harness.host.stats();
    assert_eq!((stats.peers, stats.pending, stats.accepted), (0, 0, 0));
    assert_eq!(harness.host.poll_timeout(), None);
    assert_eq!(harness.host.poll_event(), None);
}

fn limits_cookie_replies_per_turn() {
    let mut harness = Harness::new(config());
    let hello = Hello::new([3; 16]).bytes();
    for turn in 1..4 {
        for number in 0..1000 {
            harness.deliver(outside(number), &hello);
        }
        let mut replies = 0;
        harness.turn(|_, _| replies += 1);
        assert_eq!(replies, REPLIES_PER_TURN_MAX);
        let over_limit = 1000 - REPLIES_PER_TURN_MAX as u64;
        assert_eq!(harness.host.stats().over_limit, turn * over_limit);
    }
}

fn limits_accepted_connects_per_turn() {
    let mut harness = Harness::new(config());
    let strangers: Vec<_> = (0..400).map(Stranger::new).collect();
    let connects: Vec<_> = strangers
        .iter()
        .map(|one| harness.connect_with_cookie(one).bytes())
        .collect();
    for (stranger, connect) in strangers.iter().zip(&connects) {
        harness.deliver(stranger.address, connect);
    }
    let mut accepts = 0;
    harness.turn(|_, bytes| accepts += usize::from(bytes[0] == kind::ACCEPT));
    assert_eq!(accepts, CONNECTS_PER_TURN_MAX);
    assert_eq!(harness.host.stats().pending, CONNECTS_PER_TURN_MAX);
    // The clients over the limit retry.
    for (stranger, connect) in strangers.iter().zip(&connects) {
        harness.deliver(stranger.address, connect);
    }
    harness.turn(|_, _| {});
    assert_eq!(harness.host.stats().pending, 400);
}

fn limits_pending_clients_to_peers_max() {
    let mut harness = Harness::new(Config {
        peers_max: 50,
        ..config()
    });
    let mut full = 0;
    for number in 0..200 {
        let stranger = Stranger::new(number);
        let connect = harness.connect_with_cookie(&stranger).bytes();
        let reply = harness.reply_to(&stranger, &connect).unwrap();
        full += usize::from(reply[0] == kind::DENY);
    }
    assert_eq!((harness.host.stats().pending, full), (50, 150));
    // The pending clients expire, because they sent no packet.
    harness.pass(secs(4));
    let stats = harness.host.stats();
    assert_eq!((stats.pending, stats.pending_expired), (0, 50));
    assert!(harness.handshake(&mut Stranger::new(1000)));
    assert_eq!(harness.host.stats().peers, 1);
}

fn bounds_the_memory_of_a_pending_client_with_a_payload() {
    const PENDING: usize = 100;
    let mut harness = Harness::new(config());
    let mut peer = Stranger::new(1000);
    assert!(harness.handshake(&mut peer));
    let mut connect_and_exchange = |harness: &mut Harness, number: usize| {
        let stranger = Stranger::new(number);
        let hello = Hello::new(stranger.nonce).bytes();
        let cookie = harness.reply_to(&stranger, &hello).unwrap();
        let mut connect = stranger.connect(packets::returned_cookie(&cookie).unwrap());
        connect.payload = vec![7];
        harness.reply_to(&stranger, &connect.bytes());
        // Messages that fill a chunk of the buffer pool arrive and are read.
        for _ in 0..20 {
            let packet = peer.packet(&packets::unreliable(&[1; 900]));
            harness.reply_to(&peer, &packet);
            while harness.host.poll_event().is_some() {}
        }
    };
    connect_and_exchange(&mut harness, 0);
    let info =
        measure(|| (1..=PENDING).for_each(|number| connect_and_exchange(&mut harness, number)));
    assert_eq!(harness.host.stats().pending, PENDING + 1);
    let each = usize::try_from(info.bytes_current).unwrap() / PENDING;
    assert!(each <= harness.host.config().peer_bytes_idle(), "{each}");
}

fn limits_pending_clients_from_the_address_of_a_peer() {
    let mut harness = Harness::new(Config {
        peers_max: 5,
        ..config()
    });
    let mut peer = Stranger::new(1);
    assert!(harness.handshake(&mut peer));
    for number in 0..100 {
        let reconnecting = Stranger {
            address: peer.address,
            ..Stranger::new(100 + number)
        };
        let connect = harness.connect_with_cookie(&reconnecting).bytes();
        harness.reply_to(&reconnecting, &connect);
    }
    let stats = harness.host.stats();
    assert_eq!((stats.peers, stats.pending), (1, 5));
    let packet = peer.packet(&PING);
    harness.reply_to(&peer, &packet);
    let events: Vec<_> = std::iter::from_fn(|| harness.host.poll_event()).collect();
    assert!(matches!(events[..], [Event::Connected { .. }]));
}

fn limits_new_peers_while_events_are_unread() {
    let mut harness = Harness::new(Config {
        peers_max: 10,
        ..config()
    });
    let mut connected = 0;
    for number in 0..100 {
        let mut stranger = Stranger::new(number);
        if harness.handshake(&mut stranger) {
            connected += 1;
            let disconnect = stranger.packet(&packets::disconnect(0));
            harness.reply_to(&stranger, &disconnect);
        }
        harness.pass(ms(100));
    }
    assert_eq!(connected, 10);
    let events: Vec<_> = std::iter::from_fn(|| harness.host.poll_event()).collect();
    assert_eq!(events.len(), 20);
    assert!(harness.handshake(&mut Stranger::new(1000)));
}

fn limits_replaced_peers_while_events_are_unread() {
    let mut harness = Harness::new(Config {
        peers_max: 10,
        ..config()
    });
    let mut connected = 0;
    for number in 0..100 {
        let mut reconnecting = Stranger {
            address: outside(1),
            ..Stranger::new(number)
        };
        connected += usize::from(harness.handshake(&mut reconnecting));
        harness.pass(ms(100));
    }
    assert!(connected <= 40, "{connected} connections with ten slots");
    let mut events = std::iter::from_fn(|| harness.host.poll_event());
    let replaced = DisconnectReason::Replaced;
    let is_end =
        |event: &Event| matches!(event, Event::Disconnected { reason, .. } if *reason == replaced);
    assert_eq!(events.by_ref().filter(is_end).count(), connected - 1);
    assert!(harness.handshake(&mut Stranger::new(1000)));
}

fn releases_the_memory_of_disconnected_peers() {
    let mut harness = Harness::new(Config {
        peers_max: 100,
        ..config()
    });
    let round = |harness: &mut Harness, first: usize| {
        for number in first..first + 100 {
            let mut stranger = Stranger::new(number);
            assert!(harness.handshake(&mut stranger));
            let message = stranger.packet(&packets::unreliable(&[1; 500]));
            harness.reply_to(&stranger, &message);
        }
        harness.pass(secs(30));
        while harness.host.poll_event().is_some() {}
        let stats = harness.host.stats();
        assert_eq!((stats.peers, stats.pending), (0, 0));
    };
    // Tables reach their final size.
    (0..10).for_each(|index| round(&mut harness, index * 100));
    let info = measure(|| (10..20).for_each(|index| round(&mut harness, index * 100)));
    assert_eq!((info.count_current, info.bytes_current), (0, 0));
}

fn bounds_the_memory_of_unread_messages() {
    let mut harness = Harness::new(config());
    let mut stranger = Stranger::new(1);
    assert!(harness.handshake(&mut stranger));
    let info = measure(|| {
        for _ in 0..20_000 {
            let packet = stranger.packet(&packets::unreliable(&[1; 200]));
            harness.reply_to(&stranger, &packet);
        }
    });
    // 256 KiB of messages and their entries in the event queue.
    let kept = 256 << 10;
    assert!(info.bytes_current < 3 * kept, "{}", info.bytes_current);
    let peer = harness.host.peers().next().unwrap();
    let stats = harness.host.peer_stats(peer, harness.now).unwrap();
    assert_eq!(stats.messages_received, (256 << 10) / 200);
    assert_eq!(stats.messages_received + stats.messages_refused, 20_000);
}

under_both!(
    spoofed_hellos_create_no_state,
    limits_cookie_replies_per_turn,
    limits_accepted_connects_per_turn,
    limits_pending_clients_to_peers_max,
    bounds_the_memory_of_a_pending_client_with_a_payload,
    limits_pending_clients_from_the_address_of_a_peer,
    limits_new_peers_while_events_are_unread,
    limits_replaced_peers_while_events_are_unread,
    releases_the_memory_of_disconnected_peers,
    bounds_the_memory_of_unread_messages,
);
