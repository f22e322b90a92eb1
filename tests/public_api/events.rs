//! What events and statistics contain.

use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::{
    Admission, CloseReason, Config, ConnectOptions, Delivery, DisconnectReason, Event, PeerId,
    PeerStats, Receipt, Request,
};

use crate::pair::{Pair, client_address, config, events, server_address, with_payload};

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

// Arrival times.

fn arrival_times(events: Vec<Event>) -> Vec<Instant> {
    let time = |event| match event {
        Event::Message { received_at, .. } => Some(received_at),
        _ => None,
    };
    events.into_iter().filter_map(time).collect()
}

#[test]
fn received_at_is_the_time_of_the_turn() {
    let (mut pair, server, _) = Pair::connected(&config());
    let mut times = Vec::new();
    for delivery in [Delivery::Unreliable, Delivery::Reliable] {
        pair.pass(ms(7));
        pair.client
            .send(server, delivery, b"hello", pair.now)
            .unwrap();
        pair.exchange();
        times.push(pair.now);
    }
    // The application reads them later.
    pair.pass(ms(100));
    assert_eq!(arrival_times(events(&mut pair.server)), times);
}

#[test]
fn received_at_of_an_ordered_message_is_when_the_gap_closed() {
    let config = Config {
        redundant_copies: 0,
        ..config()
    };
    let (mut pair, server, _) = Pair::connected(&config);
    pair.pass(ms(50));
    pair.client
        .send(server, Delivery::Ordered(1), b"lost", pair.now)
        .unwrap();
    pair.deliver_to_server(|_| false);
    pair.pass(ms(5));
    pair.client
        .send(server, Delivery::Ordered(1), b"waits", pair.now)
        .unwrap();
    pair.deliver_to_server(|_| true);
    assert_eq!(arrival_times(events(&mut pair.server)), []);
    for _ in 0..200 {
        pair.pass(ms(5));
        pair.exchange();
        let times = arrival_times(events(&mut pair.server));
        if !times.is_empty() {
            assert_eq!(times, [pair.now; 2]);
            return;
        }
    }
    panic!("the message was not retransmitted");
}

#[test]
fn received_at_of_a_fragmented_message_is_when_its_last_fragment_arrived() {
    let (mut pair, server, _) = Pair::connected(&config());
    pair.pass(ms(50));
    let message = vec![7; 20_000];
    pair.client
        .send(server, Delivery::Reliable, &message, pair.now)
        .unwrap();
    for _ in 0..1000 {
        pair.pass(ms(1));
        pair.exchange();
        let times = arrival_times(events(&mut pair.server));
        if !times.is_empty() {
            assert_eq!(times, [pair.now]);
            return;
        }
    }
    panic!("the message did not arrive");
}

// Final statistics.

fn end_of(host_events: Vec<Event>) -> (DisconnectReason, Option<Box<PeerStats>>) {
    let mut ends = host_events.into_iter().filter_map(|event| match event {
        Event::Disconnected { reason, stats, .. } => Some((reason, stats)),
        _ => None,
    });
    let end = ends.next().expect("no disconnected event");
    assert_eq!(ends.next(), None);
    end
}

#[test]
fn only_the_remote_side_receives_the_disconnect_text() {
    let text_of = |host: &mut HostState| {
        events(host).into_iter().find_map(|event| match event {
            Event::Disconnected { reason, text, .. } => Some((reason, text)),
            _ => None,
        })
    };
    for (text, received) in [
        ("the server restarts", Some("the server restarts")),
        ("", None),
    ] {
        let (mut pair, _, client) = Pair::connected(&config());
        let reason = CloseReason::new(3, text);
        pair.server.disconnect(client, reason, pair.now);
        pair.exchange();
        let local = DisconnectReason::Local { code: 3 };
        assert_eq!(text_of(&mut pair.server), Some((local, None)));
        let remote = DisconnectReason::Remote { code: 3 };
        let received = received.map(Box::from);
        assert_eq!(text_of(&mut pair.client), Some((remote, received)));
    }
}

#[test]
fn both_disconnected_events_have_final_statistics() {
    let (mut pair, server, client) = Pair::connected(&config());
    for _ in 0..5 {
        pair.client
            .send(server, Delivery::Unreliable, b"hello", pair.now)
            .unwrap();
        pair.pass(ms(1));
        pair.exchange();
    }
    events(&mut pair.server);
    let before = pair.server.peer_stats(client, pair.now).unwrap();
    assert_eq!(before.messages_received, 5);
    pair.client.disconnect(server, 9, pair.now);
    pair.exchange();
    assert_eq!(pair.server.peer_stats(client, pair.now), None);

    let (reason, stats) = end_of(events(&mut pair.client));
    assert_eq!(reason, DisconnectReason::Local { code: 9 });
    let stats = stats.unwrap();
    assert_eq!((stats.messages_sent, stats.address), (5, server_address()));
    let (reason, stats) = end_of(events(&mut pair.server));
    assert_eq!(reason, DisconnectReason::Remote { code: 9 });
    let stats = stats.unwrap();
    assert_eq!(
        (stats.messages_received, stats.address),
        (5, client_address())
    );
    // The packet with the disconnect counts.
    assert_eq!(stats.packets_received, before.packets_received + 1);
    assert_eq!(stats.silent_for, Duration::ZERO);
}

#[test]
fn final_statistics_of_a_timed_out_peer_have_its_silence() {
    let config = config();
    let (mut pair, _, _) = Pair::connected(&config);
    let timeout = config.idle_timeout;
    pair.pass(timeout);
    let (reason, stats) = end_of(events(&mut pair.server));
    assert_eq!(reason, DisconnectReason::TimedOut);
    assert_eq!(stats.unwrap().silent_for, timeout);
}

#[test]
fn a_replaced_peer_has_its_own_final_statistics() {
    let (mut pair, server, client) = Pair::connected(&config());
    pair.client
        .send(server, Delivery::Unreliable, b"hello", pair.now)
        .unwrap();
    pair.exchange();
    events(&mut pair.server);
    pair.restart_client(9);
    pair.now += ms(300);
    pair.connect(&ConnectOptions::default());
    pair.exchange();
    let (reason, stats) = end_of(events(&mut pair.server));
    assert_eq!(reason, DisconnectReason::Replaced);
    let stats = stats.unwrap();
    assert_eq!((stats.messages_received, stats.silent_for), (1, ms(300)));
    assert!(!pair.server.is_connected(client));
    assert_eq!(pair.server.stats().peers, 1);
}

#[test]
fn a_failed_connect_has_no_statistics() {
    let mut pair = Pair::new(&config());
    pair.server.set_admission(|_| Admission::Deny { code: 3 });
    pair.connect(&ConnectOptions::default());
    pair.exchange();
    let denied = DisconnectReason::Denied { code: 3 };
    assert_eq!(end_of(events(&mut pair.client)), (denied, None));
    let peer = pair.connect(&ConnectOptions::default());
    pair.client.disconnect(peer, 4, pair.now);
    let local = DisconnectReason::Local { code: 4 };
    assert_eq!(end_of(events(&mut pair.client)), (local, None));
}

// Silence.

#[test]
fn silent_for_grows_until_a_packet_is_processed() {
    let (mut pair, server, client) = Pair::connected(&config());
    let silence = |pair: &Pair| pair.server.peer_stats(client, pair.now).unwrap().silent_for;
    assert_eq!(silence(&pair), Duration::ZERO);
    for step in 1..=4_u64 {
        pair.pass(ms(125));
        assert_eq!(silence(&pair), ms(125 * step));
    }
    pair.client
        .send(server, Delivery::Unreliable, b"hello", pair.now)
        .unwrap();
    pair.exchange();
    assert_eq!(silence(&pair), Duration::ZERO);
}

#[test]
fn a_forged_datagram_does_not_reset_silent_for() {
    let (mut pair, server, client) = Pair::connected(&config());
    pair.client
        .send(server, Delivery::Unreliable, b"hello", pair.now)
        .unwrap();
    let mut buffer = [0; 1024];
    let sent = pair.client.poll_transmit(&mut buffer, pair.now).unwrap();
    buffer[sent.len - 1] ^= 1;
    pair.pass(ms(500));
    let bytes = &buffer[..sent.len];
    pair.server
        .handle_datagram(client_address(), bytes, pair.now);
    let stats = pair.server.peer_stats(client, pair.now).unwrap();
    assert_eq!(
        (stats.silent_for, stats.failed_authentication),
        (ms(500), 1)
    );
}

// Admission.

#[test]
fn admission_receives_the_number_of_peers() {
    let config = Config {
        peers_max: 3,
        ..config()
    };
    let mut pair = Pair::new(&config);
    // The last slot is reserved for administrators.
    pair.server.set_admission(|request: &Request<'_>| {
        assert_eq!(request.peers_max, 3);
        if request.peers < 2 || request.payload == b"admin" {
            return Admission::Accept;
        }
        Admission::Deny { code: 1 }
    });
    let mut ends = Vec::new();
    for (number, payload) in [
        (2, &b"a"[..]),
        (3, b"b"),
        (4, b"c"),
        (5, b"admin"),
        (6, b"admin"),
    ] {
        pair.replace_client(number);
        pair.connect(&with_payload(payload));
        pair.exchange();
        let events = events(&mut pair.client);
        let is_connected = matches!(events[..], [Event::Connected { .. }]);
        ends.push((!is_connected).then(|| end_of(events).0));
    }
    let denied = DisconnectReason::Denied { code: 1 };
    let full = DisconnectReason::ServerFull;
    assert_eq!(ends, [None, None, Some(denied), None, Some(full)]);
}

#[test]
fn admission_counts_peers_with_an_unread_disconnect() {
    let (mut pair, _, client) = Pair::connected(&config());
    pair.server.disconnect(client, 0, pair.now);
    pair.exchange();
    let (sender, peers_seen) = std::sync::mpsc::channel();
    pair.server.set_admission(move |request| {
        sender.send(request.peers).unwrap();
        Admission::Accept
    });
    for (number, peers) in [(8, 1), (9, 1)] {
        pair.replace_client(number);
        pair.connect(&ConnectOptions::default());
        pair.exchange();
        assert_eq!(peers_seen.try_recv(), Ok(peers));
        events(&mut pair.server);
    }
}

// Construction in tests of applications.

#[test]
fn users_can_construct_every_event() {
    let (peer, receipt) = (PeerId::from_parts(3, 7), Receipt::from_number(5));
    assert_eq!((peer.to_string(), peer.index()), ("3v7".to_owned(), 3));
    assert_eq!(receipt.to_string(), "5");
    let now = Instant::now();
    let mut stats = PeerStats::new(client_address());
    stats.packets_lost = 3;
    let reason = DisconnectReason::TimedOut;
    let all = [
        Event::connected(peer, client_address(), &b"ticket"[..], true),
        Event::message(peer, Delivery::Ordered(1), b"hello".to_vec(), now),
        Event::acked(peer, receipt),
        Event::lost(peer, receipt),
        Event::moved(peer, server_address()),
        Event::disconnected(peer, reason, Some(stats)),
    ];
    assert!(all.iter().all(|event| event.peer() == peer));
    assert!(matches!(&all[1], Event::Message { bytes, received_at, .. }
        if bytes == "hello" && *received_at == now));
    assert!(
        matches!(&all[5], Event::Disconnected { stats: Some(stats), .. }
        if stats.packets_lost == 3)
    );
    let request = Request::new(client_address(), b"ticket");
    assert_eq!((request.peers, request.payload), (0, &b"ticket"[..]));
}

#[test]
fn a_peer_id_of_another_host_is_unknown() {
    let (mut pair, _, client) = Pair::connected(&config());
    for peer in [
        PeerId::from_parts(0, 77),
        PeerId::from_parts(1, 0),
        PeerId::from_parts(u32::MAX, u32::MAX),
    ] {
        assert_ne!(peer, client);
        let sent = pair
            .server
            .send(peer, Delivery::Reliable, b"hello", pair.now);
        assert!(sent.is_err(), "{peer}");
        assert_eq!(pair.server.peer_stats(peer, pair.now), None);
        pair.server.disconnect(peer, 0, pair.now);
    }
    assert!(pair.server.is_connected(client));
}
