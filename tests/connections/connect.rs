//! Connects that succeed, fail or are retried.

use std::sync::mpsc;

use tickwire::proto::HostState;
use tickwire::sim::LinkConditions;
use tickwire::{
    Admission, Config, ConnectError, ConnectOptions, Delivery, DisconnectReason, SendError,
};

use crate::world::packets::{Hello, kind, mismatch, nonce_of_hello};
use crate::world::{
    PROTOCOL, Stranger, World, address, config, config_of, ms, options, outside, secs,
};
use crate::{latency, partition};

fn perfect() -> World {
    World::of_two(1, &LinkConditions::default())
}

fn with_server(config: Config) -> World {
    let mut world = World::new(1);
    world.add(crate::world::config());
    world.add(config);
    world.set_conditions(0, 1, &latency(20));
    world
}

/// Connects host 0 to host 1 and returns why that failed within 1 s.
fn connect_error(world: &mut World) -> DisconnectReason {
    let peer = world.connect(0, 1);
    world.run_for(secs(1));
    assert!(world.log(1).is_empty(), "the server has an event");
    assert_eq!(world.host(1).stats().peers, 0);
    world.log(0).end_of(peer).expect("the connect failed")
}

fn connects_in_two_and_a_half_round_trips() {
    let mut world = World::of_two(1, &latency(50));
    let (b, a) = world.join(0, 1);
    assert_eq!(world.time(), ms(250), "two and a half round trips");
    world.send(0, b, b"hello");
    world.send(1, a, b"hello yourself");
    world.run_for(ms(100));
    assert_eq!(world.log(1).messages, [(a, "hello".into())]);
    assert_eq!(world.log(0).messages, [(b, "hello yourself".into())]);
}

fn a_hello_creates_no_state() {
    let mut world = World::new(1);
    world.add(config());
    Stranger::new(1).request_cookie(&mut world, 0);
    let host = world.host(0);
    assert_eq!(host.poll_timeout(), None);
    let stats = host.stats();
    assert_eq!((stats.peers, stats.pending, stats.connecting), (0, 0, 0));
    assert_eq!(stats.cookies_sent, 1);
}

fn duplicated_handshake_packets_make_one_connection() {
    let mut world = World::of_two(
        1,
        &LinkConditions {
            duplication: 1.0,
            ..latency(400)
        },
    );
    let (b, a) = world.join(0, 1);
    world.run_for(secs(5));
    assert!(world.log(0).is_connected(b) && world.log(1).is_connected(a));
    assert_eq!(world.log(1).peer_ids().len(), 1);
    assert_eq!(world.host(1).stats().accepted, 1);
}

fn passes_the_payload_to_admission_and_the_event() {
    let mut world = perfect();
    let (sender, requests) = mpsc::channel();
    world.host_mut(1).set_admission(move |request| {
        sender
            .send((request.address, request.payload.to_vec()))
            .unwrap();
        Admission::Accept
    });
    let mut options = options();
    options.payload = vec![7; 256];
    world.connect_with(0, 1, &options);
    world.run_for(secs(1));
    let requests: Vec<_> = requests.try_iter().collect();
    assert_eq!(requests, [(world.address(0), vec![7; 256])]);
    let (_, payload) = &world.log(1).connect_payloads[0];
    assert_eq!(payload[..], [7; 256]);
}

fn connect_rejects_invalid_arguments_and_states() {
    let mut world = perfect();
    let (now, to) = (world.now(), world.address(1));
    let mut options = options();
    let mut host = world.host_mut(0);
    for unreachable in [
        "0.0.0.0:1",
        "192.0.2.9:0",
        "255.255.255.255:1",
        "224.0.0.1:1",
        "[::]:1",
    ] {
        let to = unreachable.parse().unwrap();
        assert_eq!(
            host.connect(to, &options, now),
            Err(ConnectError::Unreachable { to })
        );
    }
    options.payload = vec![0; 257];
    let outcome = host.connect(to, &options, now);
    assert_eq!(outcome, Err(ConnectError::PayloadTooLong { len: 257 }));
    options.payload.clear();
    let peer = host.connect(to, &options, now).unwrap();
    let outcome = host.connect(to, &options, now);
    assert_eq!(outcome, Err(ConnectError::AlreadyConnected { peer }));
    let outcome = host.send(peer, Delivery::Unreliable, b"early");
    assert_eq!(outcome, Err(SendError::NotConnected));
    host.shutdown(1, now);
    let outcome = host.connect(outside(1), &options, now);
    assert_eq!(outcome, Err(ConnectError::ShuttingDown));
    let mut small = HostState::new(
        Config {
            peers_max: 0,
            ..config()
        },
        [1; 32],
        now,
    )
    .unwrap();
    assert_eq!(
        small.connect(to, &options, now),
        Err(ConnectError::HostFull { peers_max: 0 })
    );
}

fn denied_client_learns_that_the_server_is_full() {
    let mut world = with_server(Config {
        peers_max: 1,
        ..config()
    });
    world.add(config());
    let (_, first) = world.join(2, 1);
    let peer = world.connect(0, 1);
    world.run_for(secs(1));
    assert_eq!(
        world.log(0).end_of(peer),
        Some(DisconnectReason::ServerFull)
    );
    assert_eq!(world.log(1).connected(), [first]);
    // A peer counts until its `Disconnected` event is read.
    world.pause_events(1, true);
    world.disconnect(1, first, 0);
    let peer = world.connect(0, 1);
    world.run_for(secs(1));
    assert_eq!(
        world.log(0).end_of(peer),
        Some(DisconnectReason::ServerFull)
    );
    world.pause_events(1, false);
    world.join(0, 1);
}

fn denied_client_receives_the_code() {
    let mut world = with_server(config());
    world
        .host_mut(1)
        .set_admission(|_| Admission::Deny { code: 4711 });
    assert_eq!(
        connect_error(&mut world),
        DisconnectReason::Denied { code: 4711 }
    );
}

fn denied_client_learns_that_the_server_is_closed() {
    let mut closed = with_server(Config {
        accept_incoming: false,
        ..config()
    });
    assert_eq!(connect_error(&mut closed), DisconnectReason::ServerClosed);
    let mut closing = with_server(config());
    closing.shutdown(1, 0);
    assert_eq!(connect_error(&mut closing), DisconnectReason::ServerClosed);
}

fn client_learns_of_a_protocol_mismatch() {
    let mut world = with_server(config_of(PROTOCOL + 1));
    assert_eq!(
        connect_error(&mut world),
        DisconnectReason::ProtocolMismatch
    );
    assert_eq!(world.host(1).stats().mismatches, 1);
}

fn replies_to_a_version_or_security_mismatch() {
    let mut world = World::new(1);
    world.add(config());
    let stranger = Stranger::new(1);
    let hello = Hello::new(stranger.nonce);
    let newer = Hello {
        version: 2,
        ..hello
    };
    let other = Hello {
        protection: 1 - hello.protection,
        ..hello
    };
    for (hello, difference) in [(newer, 0), (other, 1)] {
        let replies = stranger.send_datagram(&mut world, 0, &hello.bytes());
        assert_eq!(replies, [mismatch(1, stranger.nonce, difference)]);
    }
    assert_eq!(world.host(0).stats().cookies_sent, 0);
}

fn a_mismatch_reply_determines_the_disconnect_reason() {
    for (version, difference, reason) in [
        (9, 0, DisconnectReason::VersionMismatch { theirs: 9 }),
        (1, 1, DisconnectReason::SecurityMismatch),
        (1, 2, DisconnectReason::ProtocolMismatch),
    ] {
        let mut world = World::new(1);
        world.add(config());
        let peer = world.connect_to(0, outside(1), &ConnectOptions::default());
        world.run_for(ms(1));
        let nonce = nonce_of_hello(&world.packet_observer().datagrams[0].bytes);
        world.inject(outside(2), 0, &mismatch(version, nonce, difference));
        assert_eq!(
            world.log(0).end_of(peer),
            None,
            "the reply has another source address"
        );
        world.inject(outside(1), 0, &mismatch(version, nonce, difference));
        assert_eq!(world.log(0).end_of(peer), Some(reason));
        world.run_for(secs(30));
        assert_eq!(world.packet_observer().datagrams.len(), 1);
    }
}

fn connect_times_out_after_ten_seconds() {
    let mut world = World::new(1);
    world.add(config());
    let peer = world.connect_to(0, outside(1), &ConnectOptions::default());
    world.run_for(ms(9_999));
    assert_eq!(world.log(0).end_of(peer), None);
    world.run_for(ms(1));
    assert_eq!(
        world.log(0).end_of(peer),
        Some(DisconnectReason::ConnectTimeout)
    );
    let at: Vec<_> = world
        .packet_observer()
        .datagrams
        .iter()
        .map(|sent| sent.at)
        .collect();
    let expected = [
        0, 250, 750, 1750, 2750, 3750, 4750, 5750, 6750, 7750, 8750, 9750,
    ];
    assert_eq!(at, expected.map(ms));
    world.run_for(secs(60));
    assert_eq!(world.packet_observer().datagrams.len(), expected.len());
    // The slot is reused under another id.
    let again = world.connect_to(0, outside(1), &ConnectOptions::default());
    assert_ne!(again, peer);
    assert_eq!(again.index(), peer.index());
}

fn requests_a_new_cookie_after_a_server_restart() {
    let mut world = World::of_two(1, &latency(100));
    let peer = world.connect(0, 1);
    world.run_for(ms(250));
    let last = world.packet_observer().datagrams.last().unwrap();
    assert_eq!(last.bytes[0], kind::CONNECT);
    world.restart(1);
    world.run_for(secs(5));
    assert!(world.log(0).is_connected(peer));
    assert_eq!(world.log(1).connected().len(), 1);
    assert!(world.host(1).stats().bad_cookies >= 1);
}

fn a_restarted_client_replaces_its_old_connection() {
    for peers_max in [1, 8] {
        let mut world = with_server(Config {
            peers_max,
            ..config()
        });
        let (_, old) = world.join(0, 1);
        world.restart(0);
        let to_server = world.connect(0, 1);
        world.run_for(secs(1));
        assert!(world.log(0).is_connected(to_server));
        assert_eq!(world.log(1).end_of(old), Some(DisconnectReason::Replaced));
        let [new] = world.log(1).connected()[..] else {
            panic!("expected one peer");
        };
        assert_ne!(new, old);
        let outcome = world.host_mut(1).send(old, Delivery::Unreliable, b"?");
        assert_eq!(outcome, Err(SendError::UnknownPeer));
        world.send(1, new, b"welcome back");
        world.run_for(secs(1));
        assert_eq!(world.log(0).messages, [(to_server, "welcome back".into())]);
    }
}

fn a_pending_client_does_not_replace_a_connected_peer() {
    let mut world = with_server(config());
    let (_, old) = world.join(0, 1);
    // The restarted client is accepted, and then its packets are lost.
    world.restart(0);
    world.connect(0, 1);
    let is_accepted = |world: &World| world.host(1).stats().accepted == 2;
    assert!(world.run_until(secs(1), is_accepted));
    world.set_conditions_one_way(0, 1, &partition());
    world.run_for(secs(5));
    assert_eq!(world.host(1).stats().pending_expired, 1);
    assert!(world.log(1).is_connected(old));
}

fn a_client_connects_although_its_first_packets_are_lost() {
    let mut world = World::of_two(1, &latency(100));
    let to_server = world.connect(0, 1);
    let is_accepted = world.run_until(secs(1), |world| world.log(0).is_connected(to_server));
    assert!(is_accepted);
    world.partition(0, 1, true);
    world.run_for(ms(2600));
    world.partition(0, 1, false);
    world.run_for(ms(400));
    assert_eq!(world.log(1).connected().len(), 1);
}

fn a_client_connects_although_the_first_accepts_are_lost() {
    let mut world = World::of_two(1, &latency(100));
    let to_server = world.connect(0, 1);
    let is_accepted = |world: &World| world.host(1).stats().accepted == 1;
    assert!(world.run_until(secs(2), is_accepted));
    // Of the server's replies only the last before its pending entry expires arrives.
    world.set_conditions_one_way(1, 0, &partition());
    world.run_for(ms(2500));
    world.set_conditions_one_way(1, 0, &latency(100));
    world.run_for(secs(1));
    assert!(world.log(0).is_connected(to_server));
    assert_eq!(world.host(1).stats().pending_expired, 0);
    assert_eq!(world.log(1).connected().len(), 1);
}

fn a_full_host_cannot_connect() {
    let mut world = World::new(1);
    world.add(Config {
        peers_max: 2,
        ..config()
    });
    let now = world.now();
    let options = ConnectOptions::default();
    let (first, second) = (address(5), address(6));
    let mut host = world.host_mut(0);
    host.connect(first, &options, now).unwrap();
    host.connect(second, &options, now).unwrap();
    let outcome = host.connect(address(7), &options, now);
    assert_eq!(outcome, Err(ConnectError::HostFull { peers_max: 2 }));
}

under_both!(
    connects_in_two_and_a_half_round_trips,
    a_hello_creates_no_state,
    duplicated_handshake_packets_make_one_connection,
    passes_the_payload_to_admission_and_the_event,
    connect_rejects_invalid_arguments_and_states,
    denied_client_learns_that_the_server_is_full,
    denied_client_receives_the_code,
    denied_client_learns_that_the_server_is_closed,
    client_learns_of_a_protocol_mismatch,
    replies_to_a_version_or_security_mismatch,
    a_mismatch_reply_determines_the_disconnect_reason,
    connect_times_out_after_ten_seconds,
    requests_a_new_cookie_after_a_server_restart,
    a_restarted_client_replaces_its_old_connection,
    a_pending_client_does_not_replace_a_connected_peer,
    a_client_connects_although_its_first_packets_are_lost,
    a_client_connects_although_the_first_accepts_are_lost,
    a_full_host_cannot_connect,
);
