//! Attacks on an established session by a third party.

use std::net::SocketAddr;

use tickwire::sim::LinkConditions;
use tickwire::{DisconnectReason, PeerId};

use crate::world::packets::{self, PING, ack, disconnect, kind, packet, unreliable};
use crate::world::{Datagram, Stranger, TestRng, World, config, for_each_seed, ms, outside, secs};

/// An established session with recorded traffic.
struct Session {
    world: World,
    to_server: PeerId,
    to_client: PeerId,
}

impl Session {
    fn new() -> Self {
        let mut world = World::of_two(1, &LinkConditions::default());
        let (to_server, to_client) = world.join(0, 1);
        let mut session = Self {
            world,
            to_server,
            to_client,
        };
        session.exchange_messages();
        session
    }

    fn exchange_messages(&mut self) {
        for message in [&b""[..], b"one", b"two", &[3; 200]] {
            self.world.send(0, self.to_server, message);
            self.world.send(1, self.to_client, message);
            self.world.run_for(ms(20));
        }
        self.become_idle();
    }

    /// Runs two more turns of each host, after which its deadline no longer changes.
    fn become_idle(&mut self) {
        self.world.run_for(ms(500));
        for host in [0, 1, 0, 1] {
            self.world.turn(host);
        }
    }

    /// Both sides are still connected, and messages arrive.
    fn assert_session_works(&mut self) {
        let before = self.world.log(1).messages_from(self.to_client);
        self.exchange_messages();
        let after = self.world.log(1).messages_from(self.to_client);
        assert_eq!(after, before + 4);
        assert!(self.world.log(0).is_connected(self.to_server));
        assert_eq!(self.world.log(1).peer_ids().len(), 1);
        assert!(self.world.log(1).moves.is_empty());
    }

    /// The datagram causes no reply, no message and no new deadline.
    fn assert_ignored(&mut self, from: SocketAddr, to: usize, bytes: &[u8]) {
        let sent = self.world.packet_observer().datagrams.len();
        let deadline = self.world.host(to).poll_timeout();
        let messages = self.world.log(to).messages.len();
        self.world.inject(from, to, bytes);
        assert_eq!(
            self.world.packet_observer().datagrams.len(),
            sent,
            "the host replied"
        );
        assert_eq!(self.world.host(to).poll_timeout(), deadline);
        assert_eq!(self.world.log(to).messages.len(), messages);
        assert_eq!(self.world.host(to).stats().peers, 1);
        assert_eq!(self.world.host(to).stats().pending, 0);
    }

    fn id_of(&self, host: usize) -> u64 {
        let to = self.world.address(host);
        let mut sent = self.world.packet_observer().datagrams.iter().rev();
        let packet = sent.find(|sent| sent.to == to && sent.bytes[0] == kind::PACKET);
        packets::connection_id(&packet.unwrap().bytes)
    }

    fn recorded(&self) -> Vec<Datagram> {
        self.world.packet_observer().datagrams.clone()
    }

    fn host_at(&self, address: SocketAddr) -> usize {
        usize::from(address == self.world.address(1))
    }
}

fn ignores_truncated_packets() {
    let mut session = Session::new();
    for datagram in session.recorded() {
        for len in 0..datagram.bytes.len() {
            for (from, to) in both_directions(&session, &datagram) {
                session.assert_ignored(from, to, &datagram.bytes[..len]);
            }
        }
    }
    session.assert_session_works();
}

fn ignores_corrupted_packets() {
    let mut session = Session::new();
    let mut rng = TestRng::new(1);
    for datagram in session.recorded() {
        for index in 0..datagram.bytes.len() {
            let mut bytes = datagram.bytes.clone();
            bytes[index] ^= u8::try_from(1 + rng.below(255)).unwrap();
            for (from, to) in both_directions(&session, &datagram) {
                session.assert_ignored(from, to, &bytes);
            }
        }
    }
    session.assert_session_works();
}

/// Source and target of the datagram, and of its reflection to the sender.
fn both_directions(session: &Session, datagram: &Datagram) -> [(SocketAddr, usize); 2] {
    let Datagram { from, to, .. } = *datagram;
    [(from, session.host_at(to)), (to, session.host_at(from))]
}

fn ignores_a_replayed_session() {
    let mut session = Session::new();
    let recorded = session.recorded();
    let stats = session.world.host(1).peer_stats(session.to_client).unwrap();
    for datagram in &recorded {
        let to = session.host_at(datagram.to);
        let messages = session.world.log(to).messages.len();
        session.world.inject(datagram.from, to, &datagram.bytes);
        assert_eq!(session.world.log(to).messages.len(), messages);
    }
    let packets = recorded
        .iter()
        .filter(|sent| sent.bytes[0] == kind::PACKET && session.host_at(sent.to) == 1);
    let after = session.world.host(1).peer_stats(session.to_client).unwrap();
    assert_eq!(after.duplicates, stats.duplicates + packets.count() as u64);
    assert_eq!(after.packets_received, stats.packets_received);
    session.assert_session_works();
}

fn ignores_unknown_connection_ids() {
    let mut session = Session::new();
    let (id, from) = (session.id_of(1), session.world.address(0));
    let mut rng = TestRng::new(1);
    let guessed = (0..1000).map(|_| rng.number()).collect::<Vec<_>>();
    // Ids that differ from the valid one in a single bit: in the slot or in the random part.
    let near = (0..64).map(|bit| id ^ 1 << bit);
    let before = session.world.host(1).stats().unknown_connection;
    let mut count = 0;
    for id in near.chain(guessed).chain([0, u64::MAX]) {
        for frames in [&disconnect(1)[..], &PING, &unreliable(b"forged")] {
            session.assert_ignored(from, 1, &packet(id, 1000, frames));
            count += 1;
        }
    }
    let after = session.world.host(1).stats().unknown_connection;
    assert_eq!(after - before, count);
    session.assert_session_works();
}

fn ignores_the_id_of_a_closed_connection() {
    let mut session = Session::new();
    let (stale, from) = (session.id_of(1), session.world.address(0));
    session.world.disconnect(0, session.to_server, 1);
    session.world.run_for(secs(1));
    let (to_server, to_client) = session.world.join(0, 1);
    session = Session {
        world: session.world,
        to_server,
        to_client,
    };
    session.become_idle();
    assert_ne!(session.id_of(1), stale);
    for frames in [&disconnect(1)[..], &PING, &unreliable(b"late")] {
        session.assert_ignored(from, 1, &packet(stale, 1000, frames));
    }
    assert!(session.world.log(1).is_connected(to_client));
}

/// A session whose keys are also used from another address, by a thief or a relaying attacker.
struct StolenKeys {
    world: World,
    peer: PeerId,
    owner: Stranger,
    thief: Stranger,
}

impl StolenKeys {
    fn new() -> Self {
        let mut world = World::new(1);
        world.add(config());
        let mut owner = Stranger::new(1);
        owner.handshake(&mut world, 0);
        let peer = world.log(0).connected()[0];
        let thief = Stranger {
            address: outside(2),
            number: 500,
            ..owner.clone()
        };
        Self {
            world,
            peer,
            owner,
            thief,
        }
    }

    /// The host still accepts only the owner's address.
    fn assert_session_works(&mut self) {
        let messages = self.world.log(0).messages.len();
        self.owner
            .send_frames(&mut self.world, 0, &unreliable(b"mine"));
        assert_eq!(self.world.log(0).messages.len(), messages + 1);
        assert_eq!(self.world.log(0).connected(), [self.peer]);
        assert_eq!(self.world.log(0).moves, []);
    }
}

fn replies_to_a_disconnect_from_an_unvalidated_address_only_with_a_challenge() {
    let mut session = StolenKeys::new();
    let forged = session.thief.packet(&disconnect(1));
    let replies = session.thief.send_datagram(&mut session.world, 0, &forged);
    assert_eq!(replies.len(), 1);
    assert!(packets::is_challenge(&replies[0]));
    session.assert_session_works();
    for _ in 0..6 {
        session.world.run_for(secs(10));
        session.assert_session_works();
    }
    let sent = session.world.packet_observer().datagrams.iter();
    let to_elsewhere = sent.filter(|sent| sent.to == session.thief.address);
    let bytes: usize = to_elsewhere.map(|sent| sent.bytes.len()).sum();
    assert!(bytes <= 3 * forged.len(), "{bytes} for {}", forged.len());
}

fn ignores_messages_from_an_unvalidated_address() {
    let mut session = StolenKeys::new();
    let messages = session.world.log(0).messages.len();
    for _ in 0..100 {
        session.thief.address = outside(2);
        session
            .thief
            .send_frames(&mut session.world, 0, &unreliable(b"stolen"));
        // A guessed challenge response.
        session.thief.address = outside(3);
        let guess = packets::response([7; 8]);
        session.thief.send_frames(&mut session.world, 0, &guess);
    }
    assert_eq!(session.world.log(0).messages.len(), messages);
    session.assert_session_works();
    let stats = session.world.host(0).peer_stats(session.peer).unwrap();
    assert_eq!(stats.unvalidated_address, 200);
}

fn a_reordered_packet_starts_no_migration() {
    let mut session = StolenKeys::new();
    session.owner.number = 600;
    session.owner.send_frames(&mut session.world, 0, &PING);
    // Unseen, but older than the owner's latest packet.
    session.thief.number = 599;
    let late = session.thief.packet(&PING);
    let replies = session.thief.send_datagram(&mut session.world, 0, &late);
    assert!(replies.is_empty(), "{replies:?}");
    session.thief.number = 601;
    let newest = session.thief.packet(&PING);
    let replies = session.thief.send_datagram(&mut session.world, 0, &newest);
    assert!(packets::is_challenge(&replies[0]));
    let stats = session.world.host(0).peer_stats(session.peer).unwrap();
    assert_eq!(stats.unvalidated_address, 2);
}

fn limits_an_unvalidated_address_to_three_times_the_received_bytes() {
    let mut session = StolenKeys::new();
    for _ in 0..50 {
        // The packet observer checks the byte limit for every datagram.
        session.thief.send_frames(&mut session.world, 0, &PING);
        session.world.run_for(ms(37));
    }
    let sent = session.world.packet_observer().datagrams.iter();
    let to_thief = sent.filter(|sent| sent.to == session.thief.address);
    let challenges = to_thief.count();
    assert!((1..=5).contains(&challenges), "{challenges}");
    session.assert_session_works();
}

fn counts_acknowledgements_of_unsent_packets_as_malformed() {
    let mut session = StolenKeys::new();
    let largest = (1 << 62) - 1;
    for frame in [
        ack(largest, 0),
        ack(largest, largest),
        ack(1 << 32, 1 << 31),
        ack(5000, 5000),
        ack(5, 6),
        vec![2, 5, 0, 31, 0],
        vec![2, 5, 0, 200],
    ] {
        session.owner.send_frames(&mut session.world, 0, &frame);
    }
    let stats = session.world.host(0).peer_stats(session.peer).unwrap();
    assert_eq!(stats.malformed, 7);
    session.assert_session_works();
}

fn packet_numbers_near_the_maximum_do_not_overflow() {
    let mut session = Session::new();
    let (id, from) = (session.id_of(1), session.world.address(0));
    // Repeated steps up to 2^31, the furthest that a packet number can be ahead.
    let mut number = 20_u64;
    for step in [1, 1 << 31, (1 << 31) - 1, 1 << 30, 1 << 31, 3, 1 << 31] {
        number += step;
        session.world.inject(from, 1, &packet(id, number, &PING));
        session.world.run_for(ms(20));
    }
    let top = [u64::from(u32::MAX), u64::MAX, 1 << 62, (1 << 62) - 1];
    for number in top {
        session.world.inject(from, 1, &packet(id, number, &PING));
        session.world.run_for(ms(20));
    }
    assert!(session.world.log(1).is_connected(session.to_client));
}

fn ignores_random_bytes_and_empty_datagrams() {
    for_each_seed(4, |seed| {
        let mut session = Session::new();
        let mut rng = TestRng::new(seed);
        let ends = [
            session.world.address(0),
            session.world.address(1),
            outside(1),
        ];
        for _ in 0..2000 {
            let mut bytes = vec![0; rng.index(1100)];
            rng.fill(&mut bytes);
            // Four of five have a kind of 0 to 8; 1 to 7 are valid.
            if let Some(first) = bytes.first_mut().filter(|_| rng.chance(0.8)) {
                *first %= 9;
            }
            let from = ends[rng.index(3)];
            session.assert_ignored(from, rng.index(2), &bytes);
        }
        session.assert_ignored(ends[0], 1, &[]);
        session.assert_ignored(outside(2), 1, &[]);
        session.assert_ignored(outside(2), 1, &[7; 65_535]);
        session.assert_session_works();
    });
}

fn disconnects_normally_after_a_replay() {
    let mut session = Session::new();
    for datagram in session.recorded() {
        let to = session.host_at(datagram.to);
        session.world.inject(datagram.from, to, &datagram.bytes);
    }
    session.world.disconnect(1, session.to_client, 3);
    session.world.run_for(secs(1));
    let end = session.world.log(0).end_of(session.to_server);
    assert_eq!(end, Some(DisconnectReason::Remote { code: 3 }));
}

under_both!(
    ignores_truncated_packets,
    ignores_corrupted_packets,
    ignores_a_replayed_session,
    ignores_unknown_connection_ids,
    ignores_the_id_of_a_closed_connection,
    replies_to_a_disconnect_from_an_unvalidated_address_only_with_a_challenge,
    ignores_messages_from_an_unvalidated_address,
    a_reordered_packet_starts_no_migration,
    limits_an_unvalidated_address_to_three_times_the_received_bytes,
    counts_acknowledgements_of_unsent_packets_as_malformed,
    packet_numbers_near_the_maximum_do_not_overflow,
    ignores_random_bytes_and_empty_datagrams,
    disconnects_normally_after_a_replay,
);
