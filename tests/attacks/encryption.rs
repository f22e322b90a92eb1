//! Attacks on encrypted connections: wrong keys, forgeries, replays and handshake floods.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::sim::LinkConditions;
use tickwire::{
    Admission, Config, ConnectError, ConnectOptions, DisconnectReason, Event, NoiseConfig, PeerId,
    PrivateKey, PublicKey, Security,
};

use crate::protections::{Mode, under, with_mode};
use crate::world::crypto::server_key;
use crate::world::harness::Harness;
use crate::world::packets::{self, Connect, kind};
use crate::world::{
    Datagram, PROTOCOL, Stranger, TestRng, World, config, ms, options, outside, secs,
};

/// Defines tests that exist only under Noise.
macro_rules! encrypted {
    ($($test:ident),+ $(,)?) => {
        mod encrypted {
            $(#[test] fn $test() {
                crate::protections::under(crate::protections::Mode::Noise, super::$test);
            })+
        }
    };
}

encrypted!(
    a_pinning_client_rejects_another_server_key,
    a_forged_cookie_reply_with_another_key_does_not_abort_a_connect,
    an_unpinned_client_learns_the_server_key,
    rejects_a_payload_without_a_pinned_key,
    encrypts_payloads_and_messages,
    a_forged_deny_does_not_abort_a_connect,
    repeats_the_accept_without_another_handshake,
    a_connect_with_a_copied_cookie_does_not_block_the_client,
    an_incoming_connect_does_not_complete_a_pinned_connect,
    an_incoming_connect_does_not_replace_an_authenticated_server,
    rejects_corrupted_packets_without_affecting_other_peers,
    counts_replays_as_duplicates_before_and_after_migration,
    a_restarted_server_rejects_a_replayed_session,
    a_noise_host_rejects_plain_packets,
    a_plain_host_rejects_noise_packets,
    plain_and_noise_hosts_report_a_security_mismatch,
    accepts_reordered_packets_across_a_rekey,
    limits_the_rate_of_handshakes,
);

fn key(byte: u8) -> PrivateKey {
    PrivateKey::from_bytes([byte; 32])
}

fn config_with(key: PrivateKey) -> Config {
    Config {
        security: Security::Noise(NoiseConfig {
            private_key: Some(key),
            ..NoiseConfig::new(PROTOCOL)
        }),
        ..Config::default()
    }
}

fn pinned(key: PublicKey) -> ConnectOptions {
    ConnectOptions::with_payload("a ticket").pin(key)
}

fn recorded(world: &World, kind: u8) -> Vec<Datagram> {
    let sent = world.packet_observer().datagrams.iter();
    sent.filter(|sent| sent.bytes[0] == kind).cloned().collect()
}

/// A client, host 0, and a server with another key, host 1.
fn world_with_wrong_server() -> World {
    let mut world = World::new(1);
    world.add(config_with(key(1)));
    world.add(config_with(key(2)));
    world
}

fn a_pinning_client_rejects_another_server_key() {
    let mut world = world_with_wrong_server();
    let to_server = world.connect_with(0, 1, &pinned(server_key()));
    world.run_for(ms(9_900));
    assert_eq!(
        world.log(0).end_of(to_server),
        None,
        "the genuine server may still reply"
    );
    world.run_for(ms(200));
    let shown = key(2).public_key();
    let end = world.log(0).end_of(to_server);
    assert_eq!(end, Some(DisconnectReason::WrongServerKey { shown }));
    assert!(world.host(0).stats().wrong_keys >= 5);
    assert_eq!(recorded(&world, kind::CONNECT), []);
    assert!(world.log(1).is_empty());
}

fn a_forged_cookie_reply_with_another_key_does_not_abort_a_connect() {
    let mut world = World::of_two(1, &LinkConditions::default());
    let mut wrong = [0; 70];
    world.host_mut(1).set_admission(|request| {
        assert_eq!(request.payload, b"a ticket");
        Admission::Accept
    });
    let to_server = world.connect_with(0, 1, &pinned(server_key()));
    let mut other = Stranger::new(7);
    other.address = world.address(1);
    // The attacker sees the hello first: the server is partitioned.
    world.partition(0, 1, true);
    world.run_for(ms(1));
    let nonce = packets::nonce_of_hello(&recorded(&world, kind::HELLO)[0].bytes);
    let genuine = packets::cookie_reply(nonce, [7; 16]);
    wrong[..].copy_from_slice(&genuine);
    wrong[40] ^= 1;
    let wrong = packets::with_checksum(&wrong[..66]);
    other.send_datagram(&mut world, 0, &wrong);
    world.partition(0, 1, false);
    let is_done = world.run_until(secs(5), |world| world.log(0).is_connected(to_server));
    assert!(is_done, "{:?}", world.log(0).end_of(to_server));
    assert_eq!(world.host(0).stats().wrong_keys, 1);
}

fn an_unpinned_client_learns_the_server_key() {
    let mut harness = Harness::new(config_with(key(2)));
    let mut client = HostState::new(config_with(key(1)), [9; 32], harness.now).unwrap();
    client
        .connect(outside(1), &ConnectOptions::default(), harness.now)
        .unwrap();
    let mut buffer = [0; 1024];
    for _ in 0..3 {
        let sent = client.poll_transmit(&mut buffer, harness.now).unwrap();
        harness.deliver(outside(2), &buffer[..sent.len]);
        let now = harness.now;
        harness.turn(|_, bytes| client.handle_datagram(outside(1), bytes, now));
    }
    let shown = key(2).public_key();
    assert_eq!(harness.host.public_key(), Some(shown));
    let Some(Event::Connected { server_key, .. }) = client.poll_event() else {
        panic!("no connected event");
    };
    assert_eq!(server_key, Some(shown));
    let Some(Event::Connected { server_key, .. }) = harness.host.poll_event() else {
        panic!("no connected event");
    };
    assert_eq!(server_key, None, "a client has no static key");
}

fn rejects_a_payload_without_a_pinned_key() {
    let mut world = World::of_two(1, &LinkConditions::default());
    let (now, to) = (world.now(), world.address(1));
    let options = ConnectOptions::with_payload("a ticket");
    let mut host = world.host_mut(0);
    let outcome = host.connect(to, &options, now);
    assert_eq!(outcome, Err(ConnectError::PayloadNeedsServerKey));
    assert_eq!(host.stats().connecting, 0);
    assert!(host.connect(to, &options.trust_unpinned(), now).is_ok());

    let mut plain = HostState::new(Config::plain(1), [1; 32], now).unwrap();
    let outcome = plain.connect(to, &pinned(server_key()), now);
    assert_eq!(outcome, Err(ConnectError::ServerKeyUnderPlain));
    let unpinned = ConnectOptions::with_payload("a ticket");
    assert!(plain.connect(to, &unpinned, now).is_ok());
}

fn encrypts_payloads_and_messages() {
    let mut world = World::of_two(1, &LinkConditions::default());
    let to_server = world.connect_with(0, 1, &pinned(server_key()));
    world.run_for(secs(1));
    world.send(0, to_server, b"a secret of the game");
    world.run_for(secs(1));
    let (_, payload) = &world.log(1).connect_payloads[0];
    assert_eq!(payload[..], b"a ticket"[..]);
    assert_eq!(world.log(1).messages.len(), 1);
    for sent in &world.packet_observer().datagrams {
        for secret in [&b"a ticket"[..], b"a secret"] {
            let mut parts = sent.bytes.windows(secret.len());
            assert!(!parts.any(|part| part == secret), "{sent:?}");
        }
    }
}

fn a_forged_deny_does_not_abort_a_connect() {
    let mut world = World::new(1);
    world.add(config());
    let server = outside(5);
    let to_server = world.connect_to(0, server, &ConnectOptions::default());
    world.run_for(ms(1));
    let nonce = packets::nonce_of_hello(&recorded(&world, kind::HELLO)[0].bytes);
    world.inject(server, 0, &packets::cookie_reply(nonce, [3; 16]));
    let connect = recorded(&world, kind::CONNECT).remove(0).bytes;
    let genuine = packets::deny(&connect, packets::client_id(&connect), nonce);
    // An on-path attacker alters the reason, the code or the tag.
    let mut forged = 0;
    for index in 26..genuine.len() - 4 {
        let mut bytes = genuine.clone();
        bytes[index] ^= 1;
        world.inject(
            server,
            0,
            &packets::with_checksum(&bytes[..bytes.len() - 4]),
        );
        forged += 1;
    }
    assert_eq!(world.log(0).end_of(to_server), None);
    let stats = world.host(0).stats();
    // An invalid reason or code is rejected as malformed before the tag is checked.
    assert_eq!(stats.failed_authentication + stats.malformed, forged);
    assert!(stats.failed_authentication >= 16);
    world.inject(server, 0, &genuine);
    let end = world.log(0).end_of(to_server);
    assert_eq!(end, Some(DisconnectReason::ServerFull));
}

fn repeats_the_accept_without_another_handshake() {
    let mut world = World::of_two(1, &LinkConditions::default());
    let (to_server, to_client) = world.join(0, 1);
    let connect = recorded(&world, kind::CONNECT).remove(0);
    let accept = recorded(&world, kind::ACCEPT).remove(0);
    let handshakes = world.host(1).stats().handshakes;
    assert_eq!(handshakes, 1);
    for round in 1..=20 {
        world.inject(connect.from, 1, &connect.bytes);
        world.run_for(ms(100));
        assert_eq!(world.host(1).stats().repeated_connects, round);
        assert_eq!(world.host(0).stats().unexpected_answers, round);
    }
    for again in recorded(&world, kind::ACCEPT) {
        assert_eq!(again.bytes, accept.bytes);
    }
    assert_eq!(world.host(1).stats().handshakes, handshakes);
    assert!(world.log(0).is_connected(to_server) && world.log(1).is_connected(to_client));
}

/// The attacker sends nonce and cookie of the client's connect first, with its own key.
fn a_connect_with_a_copied_cookie_does_not_block_the_client() {
    let mut world = World::of_two(1, &LinkConditions::default());
    world.set_conditions_one_way(
        0,
        1,
        &LinkConditions {
            latency: ms(50),
            ..LinkConditions::default()
        },
    );
    let to_server = world.connect(0, 1);
    world.run_until(secs(1), |world| !recorded(world, kind::CONNECT).is_empty());
    let connect = recorded(&world, kind::CONNECT).remove(0);
    let nonce = connect.bytes[2..18].try_into().unwrap();
    let cookie = connect.bytes[18..34].try_into().unwrap();
    let faster = Connect::new(nonce, cookie, 77);
    world.inject(connect.from, 1, &faster.bytes());
    assert_eq!(world.host(1).stats().pending, 1);
    world.run_for(secs(1));
    assert!(world.log(0).is_connected(to_server));
    world.run_for(secs(4));
    assert_eq!(world.log(1).connected().len(), 1);
    assert_eq!(world.host(1).stats().pending_expired, 1);
}

fn an_incoming_connect_does_not_complete_a_pinned_connect() {
    for is_pinned in [false, true] {
        let mut world = World::new(1);
        world.add(config());
        let mut impostor = Stranger {
            nonce: [0xff; 16],
            ..Stranger::new(1)
        };
        let options = if is_pinned {
            options()
        } else {
            ConnectOptions::default()
        };
        let to_server = world.connect_to(0, impostor.address, &options);
        let cookie = impostor.request_cookie(&mut world, 0);
        let replies = impostor.send_datagram(&mut world, 0, &impostor.connect(cookie).bytes());
        let is_accepted = replies.iter().any(|reply| reply[0] == kind::ACCEPT);
        assert_eq!(is_accepted, !is_pinned);
        if is_accepted {
            let connect = impostor.connect(cookie);
            impostor.process_accept(&connect, replies.last().unwrap());
            impostor.send_frames(&mut world, 0, &packets::PING);
        }
        assert_eq!(world.log(0).is_connected(to_server), !is_pinned);
    }
}

fn an_incoming_connect_does_not_replace_an_authenticated_server() {
    for is_pinned in [false, true] {
        let mut world = World::of_two(1, &LinkConditions::default());
        let options = if is_pinned {
            options()
        } else {
            ConnectOptions::default()
        };
        let to_server = world.connect_with(0, 1, &options);
        world.run_for(secs(1));
        let mut impostor = Stranger {
            address: world.address(1),
            ..Stranger::new(1)
        };
        let cookie = impostor.request_cookie(&mut world, 0);
        let connect = impostor.connect(cookie);
        let replies = impostor.send_datagram(&mut world, 0, &connect.bytes());
        assert_eq!(replies.len(), usize::from(!is_pinned));
        if !is_pinned {
            impostor.process_accept(&connect, &replies[0]);
        }
        impostor.send_frames(&mut world, 0, &packets::PING);
        let replaced = Some(DisconnectReason::Replaced).filter(|_| !is_pinned);
        assert_eq!(world.log(0).end_of(to_server), replaced);
    }
}

/// Host 1 with two peers: host 0, which is attacked, and host 2, the bystander.
struct ThreeHosts {
    world: World,
    to_server: PeerId,
    to_client: PeerId,
    bystander: PeerId,
}

impl ThreeHosts {
    fn new() -> Self {
        let mut world = World::of_two(1, &LinkConditions::default());
        world.add(config());
        let (to_server, to_client) = world.join(0, 1);
        let (_, bystander) = world.join(2, 1);
        let mut three = Self {
            world,
            to_server,
            to_client,
            bystander,
        };
        three.exchange_messages();
        three
    }

    fn exchange_messages(&mut self) {
        for message in [&b""[..], b"one", &[3; 300]] {
            self.world.send(0, self.to_server, message);
            self.world.send(1, self.to_client, message);
            self.world.run_for(ms(20));
        }
    }

    /// Recorded packets from the address of host 0 to host 1.
    fn packets(&self) -> Vec<Datagram> {
        let (from, to) = (self.world.address(0), self.world.address(1));
        let mut all = recorded(&self.world, kind::PACKET);
        all.retain(|sent| sent.to == to && sent.from == from);
        all
    }

    /// The bystander has no rejected or lost packets, and messages arrive.
    fn assert_session_works(&mut self) {
        let others = self.world.host(1).peer_stats(self.bystander).unwrap();
        let sum = others.failed_authentication + others.duplicates + others.malformed;
        assert_eq!((sum, others.packets_lost), (0, 0));
        let before = self.world.log(1).messages_from(self.to_client);
        self.exchange_messages();
        assert_eq!(self.world.log(1).messages_from(self.to_client), before + 3);
        let peer = self.bystander;
        self.world.send(1, peer, b"to the bystander");
        self.world.run_for(ms(20));
        let received = self.world.log(2).messages.last().unwrap();
        assert_eq!(received.1, "to the bystander");
    }
}

fn rejects_corrupted_packets_without_affecting_other_peers() {
    let mut three = ThreeHosts::new();
    let mut rng = TestRng::new(1);
    let before = three.world.host(1).stats();
    let mut named = 0;
    for packet in three.packets() {
        for index in 0..packet.bytes.len() {
            let mut bytes = packet.bytes.clone();
            bytes[index] ^= 1 << rng.below(8);
            named += u64::from(index >= 9);
            three.world.inject(packet.from, 1, &bytes);
        }
    }
    let stats = three.world.host(1).peer_stats(three.to_client).unwrap();
    assert_eq!(
        stats.failed_authentication, named,
        "every byte after kind and connection id"
    );
    assert_eq!((stats.malformed, stats.duplicates), (0, 0));
    let after = three.world.host(1).stats();
    assert!(after.unknown_connection > before.unknown_connection);
    three.assert_session_works();
}

fn counts_replays_as_duplicates_before_and_after_migration() {
    let mut three = ThreeHosts::new();
    // At once: the link duplicates every datagram.
    let both = LinkConditions {
        duplication: 1.0,
        ..LinkConditions::default()
    };
    three.world.set_conditions_one_way(0, 1, &both);
    let before = three.packets().len();
    three.exchange_messages();
    let doubled = three.packets().len() - before;
    three.world.set_conditions(0, 1, &LinkConditions::default());
    let duplicates = |three: &ThreeHosts| {
        let stats = three.world.host(1).peer_stats(three.to_client).unwrap();
        (stats.duplicates, stats.failed_authentication)
    };
    let mut expected = doubled as u64;
    assert!(doubled > 2);
    assert_eq!(duplicates(&three), (expected, 0));
    // Later.
    three.world.run_for(secs(30));
    let all = three.packets();
    for packet in &all {
        three.world.inject(packet.from, 1, &packet.bytes);
    }
    expected += all.len() as u64;
    assert_eq!(duplicates(&three), (expected, 0));
    // After a migration: from the old, the new and a third address.
    three.world.move_host(0, outside(1));
    three.exchange_messages();
    let has_moved = three
        .world
        .run_until(secs(5), |world| world.log(1).moves.len() == 1);
    assert!(has_moved);
    for from in [all[0].from, outside(1), outside(2)] {
        for packet in &all {
            three.world.inject(from, 1, &packet.bytes);
        }
        expected += all.len() as u64;
    }
    assert_eq!(duplicates(&three), (expected, 0));
    assert_eq!(three.world.log(1).moves.len(), 1);
    three.assert_session_works();
}

fn a_restarted_server_rejects_a_replayed_session() {
    let mut three = ThreeHosts::new();
    let all = three.world.packet_observer().datagrams.clone();
    let server = three.world.address(1);
    three.world.restart(1);
    // The real clients must not change the counters.
    three.world.partition(0, 1, true);
    three.world.partition(2, 1, true);
    let mut expected = [0; 3];
    for sent in all.iter().filter(|sent| sent.to == server) {
        three.world.inject(sent.from, 1, &sent.bytes);
        match sent.bytes[0] {
            kind::HELLO => expected[0] += 1,
            kind::CONNECT => expected[1] += 1,
            _ => expected[2] += 1,
        }
    }
    let stats = three.world.host(1).stats();
    let counted = [
        stats.cookies_sent,
        stats.bad_cookies,
        stats.unknown_connection,
    ];
    assert_eq!(counted, expected);
    assert!(expected.iter().all(|count| *count >= 2), "{expected:?}");
    assert_eq!((stats.handshakes, stats.peers, stats.pending), (0, 0, 0));
    assert!(three.world.log(1).is_empty());
}

/// Sends a session that was recorded under `other` to a host with two peers.
fn packets_of_another_mode_are_rejected(other: Mode) {
    let mut three = ThreeHosts::new();
    let mut sent = Vec::new();
    with_mode(other, &mut || {
        sent.clone_from(&ThreeHosts::new().world.packet_observer().datagrams);
    });
    let before = three.world.host(1).stats();
    let (mut hellos, mut packets) = (0, 0);
    let server = three.world.address(1);
    for sent in sent.iter().filter(|sent| sent.to == server) {
        hellos += u64::from(sent.bytes[0] == kind::HELLO);
        packets += u64::from(sent.bytes[0] == kind::PACKET);
        three.world.inject(outside(3), 1, &sent.bytes);
    }
    let after = three.world.host(1).stats();
    assert_eq!(after.mismatches - before.mismatches, hellos);
    let unknown = after.unknown_connection - before.unknown_connection;
    assert_eq!(unknown, packets);
    assert_eq!(after.accepted, before.accepted);
    assert!(hellos >= 2 && packets >= 2);
    // A forgery with a valid connection id fails as well.
    let id = packets::connection_id(&three.packets().remove(0).bytes);
    let mut forged = Vec::new();
    with_mode(other, &mut || {
        forged = packets::packet(id, 900, &packets::disconnect(1));
    });
    three.world.inject(three.world.address(0), 1, &forged);
    let stats = three.world.host(1).peer_stats(three.to_client).unwrap();
    assert_eq!(stats.failed_authentication, 1);
    three.assert_session_works();
}

fn a_noise_host_rejects_plain_packets() {
    packets_of_another_mode_are_rejected(Mode::Plain);
}

fn a_plain_host_rejects_noise_packets() {
    under(Mode::Plain, || {
        packets_of_another_mode_are_rejected(Mode::Noise);
    });
}

fn plain_and_noise_hosts_report_a_security_mismatch() {
    for (server, client) in [(Mode::Plain, Mode::Noise), (Mode::Noise, Mode::Plain)] {
        let mut world = World::new(1);
        with_mode(client, &mut || _ = world.add(config()));
        with_mode(server, &mut || _ = world.add(config()));
        let to_server = world.connect(0, 1);
        world.run_for(secs(1));
        let end = world.log(0).end_of(to_server);
        assert_eq!(end, Some(DisconnectReason::SecurityMismatch));
        assert_eq!(world.host(1).stats().mismatches, 1);
    }
}

fn accepts_reordered_packets_across_a_rekey() {
    let mut world = World::new(1);
    world.add(config());
    let mut peer = Stranger::new(1);
    peer.handshake(&mut world, 0);
    let id = world.log(0).connected()[0];
    let mut count = 0;
    for boundary in [1_u64 << 24, 2 << 24, 3 << 24] {
        let mut numbers: Vec<_> = (boundary - 100..boundary + 100).collect();
        numbers.sort_by_key(|number| (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for number in numbers {
            let text = number.to_be_bytes();
            let packet = peer.packet_with(number, &packets::unreliable(&text));
            peer.send_datagram(&mut world, 0, &packet);
            count += 1;
            let (_, last) = world.log(0).messages.last().unwrap();
            assert_eq!(last[..], text);
        }
    }
    let stats = world.host(0).peer_stats(id).unwrap();
    assert_eq!(stats.messages_received, count);
    assert_eq!((stats.failed_authentication, stats.duplicates), (0, 0));
    // Packets of the first epoch are no longer authentic.
    let old = peer.packet_with(500, &packets::disconnect(1));
    peer.send_datagram(&mut world, 0, &old);
    let stats = world.host(0).peer_stats(id).unwrap();
    assert_eq!(stats.failed_authentication, 1);
}

/// A host with 64 peers, each of which sends a message in every 10 ms tick.
struct ManyClients {
    harness: Harness,
    peers: Vec<Stranger>,
    turns: Vec<Duration>,
}

impl ManyClients {
    fn new() -> Self {
        let mut harness = Harness::new(config_with(key(0x5e)));
        let mut peers: Vec<_> = (0..64).map(Stranger::new).collect();
        for peer in &mut peers {
            assert!(harness.handshake(peer));
            harness.pass(ms(10));
        }
        while harness.host.poll_event().is_some() {}
        Self {
            harness,
            peers,
            turns: Vec::new(),
        }
    }

    /// The connects arrive, and then one message of every peer.
    fn tick(&mut self, connects: &[(SocketAddr, Vec<u8>)]) {
        let hello = packets::unreliable(b"hello");
        let sent: Vec<_> = self
            .peers
            .iter_mut()
            .map(|peer| (peer.address, peer.packet(&hello)))
            .collect();
        let start = Instant::now();
        for (from, bytes) in connects.iter().chain(&sent) {
            self.harness.deliver(*from, bytes);
        }
        let events = std::iter::from_fn(|| self.harness.host.poll_event());
        let received = events.filter(|event| matches!(event, Event::Message { .. }));
        assert_eq!(received.count(), 64, "one message of every peer");
        self.harness.turn(|_, _| {});
        self.turns.push(start.elapsed());
        self.harness.pass(ms(10));
    }

    /// Returns the median turn and clears the list.
    fn median_turn(&mut self) -> Duration {
        self.turns.sort();
        let median = self.turns[self.turns.len() / 2];
        self.turns.clear();
        median
    }
}

/// Connects with valid cookies and one ephemeral key: the attacker does no cryptography.
struct Flood {
    count: usize,
    sealed: Vec<u8>,
}

impl Flood {
    fn new() -> Self {
        let stranger = Stranger::new(999);
        Self {
            count: 0,
            sealed: stranger.connect([0; 16]).bytes(),
        }
    }

    fn next(&mut self, harness: &mut Harness) -> (SocketAddr, Vec<u8>) {
        self.count += 1;
        let stranger = Stranger::new(1000 + self.count);
        let cookie = harness.connect_with_cookie(&stranger).cookie;
        let mut connect = self.sealed.clone();
        connect[2..18].copy_from_slice(&stranger.nonce);
        connect[18..34].copy_from_slice(&cookie);
        let connect = packets::with_checksum(&connect[..connect.len() - 4]);
        (stranger.address, connect)
    }
}

/// 10,000 connects per second for 3 s.
fn limits_the_rate_of_handshakes() {
    const SECONDS: u64 = 3;
    let mut clients = ManyClients::new();
    (0..100).for_each(|_| clients.tick(&[]));
    let quiet = clients.median_turn();

    let (before, mut flood) = (clients.harness.host.stats(), Flood::new());
    for tick in 1..=100 * SECONDS {
        let connects: Vec<_> = (0..100).map(|_| flood.next(&mut clients.harness)).collect();
        clients.tick(&connects);
        let done = clients.harness.host.stats().handshakes - before.handshakes;
        let noise = NoiseConfig::default();
        let rate = u64::from(noise.handshakes_per_second);
        let limit = tick * rate / 100 + u64::from(noise.handshake_burst);
        assert!(done <= limit, "{done} after {tick} ticks");
        assert!(done + 10 >= tick * rate / 100, "{done} after {tick} ticks");
    }
    let flooded = clients.median_turn();
    println!("a turn with 64 peers: {quiet:?}, under the flood {flooded:?}");

    let after = clients.harness.host.stats();
    let done = after.handshakes - before.handshakes;
    let over_rate = after.handshakes_over_rate - before.handshakes_over_rate;
    assert_eq!(done + over_rate, 10_000 * SECONDS);
    assert_eq!(after.failed_authentication, done);
    assert_eq!((after.peers, after.bad_cookies), (64, 0));
}
