//! How connections begin, and how they don't.

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

/// Why the only attempt of host 0 to connect to host 1 failed, within a second.
fn refusal(world: &mut World) -> DisconnectReason {
    let peer = world.connect(0, 1);
    world.run_for(secs(1));
    assert!(world.log(1).is_empty(), "the server was told of it");
    assert_eq!(world.host(1).stats().peers, 0);
    world.log(0).end_of(peer).expect("it was told why")
}

fn two_hosts_connect() {
    let mut world = World::of_two(1, &latency(50));
    let (b, a) = world.join(0, 1);
    assert_eq!(world.time(), ms(250), "two and a half round trips");
    world.send(0, b, b"hello");
    world.send(1, a, b"hello yourself");
    world.run_for(ms(100));
    assert_eq!(world.log(1).messages, [(a, "hello".into())]);
    assert_eq!(world.log(0).messages, [(b, "hello yourself".into())]);
}

fn a_hello_leaves_nothing_with_the_server() {
    let mut world = World::new(1);
    world.add(config());
    Stranger::new(1).ask(&mut world, 0);
    let host = world.host(0);
    assert_eq!(host.poll_timeout(), None);
    let stats = host.stats();
    assert_eq!((stats.peers, stats.pending, stats.connecting), (0, 0, 0));
    assert_eq!(stats.cookies_sent, 1);
}

fn repeated_hellos_and_connects_make_one_connection() {
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
    assert_eq!(world.log(1).names().len(), 1);
    assert_eq!(world.host(1).stats().accepted, 1);
}

fn what_a_client_says_of_itself_reaches_the_admission_and_the_event() {
    let mut world = perfect();
    let (tell, told) = mpsc::channel();
    world.host_mut(1).set_admission(move |request| {
        tell.send((request.address, request.payload.to_vec()))
            .unwrap();
        Admission::Accept
    });
    let mut options = options();
    options.payload = vec![7; 256];
    world.connect_with(0, 1, &options);
    world.run_for(secs(1));
    let asked: Vec<_> = told.try_iter().collect();
    assert_eq!(asked, [(world.address(0), vec![7; 256])]);
    let (_, payload) = &world.log(1).arrivals[0];
    assert_eq!(payload[..], [7; 256]);
}

fn a_connect_that_cannot_succeed_does_not_begin() {
    let mut world = perfect();
    let (now, to) = (world.now(), world.address(1));
    let mut options = options();
    let mut host = world.host_mut(0);
    for nowhere in [
        "0.0.0.0:1",
        "192.0.2.9:0",
        "255.255.255.255:1",
        "224.0.0.1:1",
        "[::]:1",
    ] {
        let to = nowhere.parse().unwrap();
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

fn who_has_no_place_is_told_that_the_server_is_full() {
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
    // A peer counts until the application has heard of its end.
    world.set_deaf(1, true);
    world.disconnect(1, first, 0);
    let peer = world.connect(0, 1);
    world.run_for(secs(1));
    assert_eq!(
        world.log(0).end_of(peer),
        Some(DisconnectReason::ServerFull)
    );
    world.set_deaf(1, false);
    world.join(0, 1);
}

fn who_is_denied_is_told_the_code() {
    let mut world = with_server(config());
    world
        .host_mut(1)
        .set_admission(|_| Admission::Deny { code: 4711 });
    assert_eq!(refusal(&mut world), DisconnectReason::Denied { code: 4711 });
}

fn who_comes_to_a_closed_server_is_told_so() {
    let mut closed = with_server(Config {
        accept_incoming: false,
        ..config()
    });
    assert_eq!(refusal(&mut closed), DisconnectReason::ServerClosed);
    let mut closing = with_server(config());
    closing.shutdown(1, 0);
    assert_eq!(refusal(&mut closing), DisconnectReason::ServerClosed);
}

fn who_speaks_another_protocol_is_told_so() {
    let mut world = with_server(config_of(PROTOCOL + 1));
    assert_eq!(refusal(&mut world), DisconnectReason::ProtocolMismatch);
    assert_eq!(world.host(1).stats().mismatches, 1);
}

fn who_speaks_another_version_or_protects_otherwise_is_told_so() {
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
        let answers = stranger.give(&mut world, 0, &hello.bytes());
        assert_eq!(answers, [mismatch(1, stranger.nonce, difference)]);
    }
    assert_eq!(world.host(0).stats().cookies_sent, 0);
}

fn a_client_learns_what_it_does_not_have_in_common_with_a_server() {
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
        assert_eq!(world.log(0).end_of(peer), None, "from somebody else");
        world.inject(outside(1), 0, &mismatch(version, nonce, difference));
        assert_eq!(world.log(0).end_of(peer), Some(reason));
        world.run_for(secs(30));
        assert_eq!(world.packet_observer().datagrams.len(), 1);
    }
}

fn an_attempt_that_nobody_answers_ends_after_ten_seconds() {
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
    // The place of it is free again, and its name is nobody's.
    let again = world.connect_to(0, outside(1), &ConnectOptions::default());
    assert_ne!(again, peer);
    assert_eq!(again.index(), peer.index());
}

fn a_server_that_starts_anew_meanwhile_is_asked_for_a_fresh_cookie() {
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

fn a_client_that_crashed_comes_back_from_the_same_address() {
    for peers_max in [1, 8] {
        let mut world = with_server(Config {
            peers_max,
            ..config()
        });
        let (_, old) = world.join(0, 1);
        world.restart(0);
        let there = world.connect(0, 1);
        world.run_for(secs(1));
        assert!(world.log(0).is_connected(there));
        assert_eq!(world.log(1).end_of(old), Some(DisconnectReason::Replaced));
        let [new] = world.log(1).connected()[..] else {
            panic!("one peer is there");
        };
        assert_ne!(new, old);
        let outcome = world.host_mut(1).send(old, Delivery::Unreliable, b"?");
        assert_eq!(outcome, Err(SendError::UnknownPeer));
        world.send(1, new, b"welcome back");
        world.run_for(secs(1));
        assert_eq!(world.log(0).messages, [(there, "welcome back".into())]);
    }
}

fn a_live_client_is_not_replaced_by_one_that_is_only_accepted() {
    let mut world = with_server(config());
    let (_, old) = world.join(0, 1);
    // The new one gets as far as the accept, and then no packet of it arrives.
    world.restart(0);
    world.connect(0, 1);
    let is_accepted = |world: &World| world.host(1).stats().accepted == 2;
    assert!(world.run_until(secs(1), is_accepted));
    world.set_conditions_one_way(0, 1, &partition());
    world.run_for(secs(5));
    assert_eq!(world.host(1).stats().pending_expired, 1);
    assert!(world.log(1).is_connected(old));
}

fn a_client_that_was_accepted_is_heard_although_its_first_packets_are_lost() {
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

fn a_client_that_learns_late_that_it_was_accepted_gets_in() {
    let mut world = World::of_two(1, &latency(100));
    let to_server = world.connect(0, 1);
    let is_accepted = |world: &World| world.host(1).stats().accepted == 1;
    assert!(world.run_until(secs(2), is_accepted));
    // All answers of the server are lost, but for the one to the client's last connect before the
    // server would forget it.
    world.set_conditions_one_way(1, 0, &partition());
    world.run_for(ms(2500));
    world.set_conditions_one_way(1, 0, &latency(100));
    world.run_for(secs(1));
    assert!(world.log(0).is_connected(to_server));
    assert_eq!(world.host(1).stats().pending_expired, 0);
    assert_eq!(world.log(1).connected().len(), 1);
}

fn a_full_host_makes_no_attempts_either() {
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
    two_hosts_connect,
    a_hello_leaves_nothing_with_the_server,
    repeated_hellos_and_connects_make_one_connection,
    what_a_client_says_of_itself_reaches_the_admission_and_the_event,
    a_connect_that_cannot_succeed_does_not_begin,
    who_has_no_place_is_told_that_the_server_is_full,
    who_is_denied_is_told_the_code,
    who_comes_to_a_closed_server_is_told_so,
    who_speaks_another_protocol_is_told_so,
    who_speaks_another_version_or_protects_otherwise_is_told_so,
    a_client_learns_what_it_does_not_have_in_common_with_a_server,
    an_attempt_that_nobody_answers_ends_after_ten_seconds,
    a_server_that_starts_anew_meanwhile_is_asked_for_a_fresh_cookie,
    a_client_that_crashed_comes_back_from_the_same_address,
    a_live_client_is_not_replaced_by_one_that_is_only_accepted,
    a_client_that_was_accepted_is_heard_although_its_first_packets_are_lost,
    a_client_that_learns_late_that_it_was_accepted_gets_in,
    a_full_host_makes_no_attempts_either,
);
