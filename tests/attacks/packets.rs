//! Attacks on a session that runs, by somebody who is not one of its two ends.

use std::net::SocketAddr;

use tickwire::sim::LinkConditions;
use tickwire::{DisconnectReason, PeerId};

use crate::world::packets::{self, PING, ack, disconnect, kind, packet, unreliable};
use crate::world::{Datagram, Stranger, TestRng, World, config, for_each_seed, ms, outside, secs};

/// A session that has run for a while, and what it said.
struct Session {
    world: World,
    there: PeerId,
    back: PeerId,
}

impl Session {
    fn new() -> Self {
        let mut world = World::of_two(1, &LinkConditions::default());
        let (there, back) = world.join(0, 1);
        let mut session = Self { world, there, back };
        session.talk();
        session
    }

    /// Something in both directions.
    fn talk(&mut self) {
        for message in [&b""[..], b"one", b"two", &[3; 200]] {
            self.world.send(0, self.there, message);
            self.world.send(1, self.back, message);
            self.world.run_for(ms(20));
        }
        self.fall_quiet();
    }

    /// The deadlines of a host change once more when it notices, two turns later, that nothing happens.
    fn fall_quiet(&mut self) {
        self.world.run_for(ms(500));
        for host in [0, 1, 0, 1] {
            self.world.turn(host);
        }
    }

    /// Both ends are as before, and every message gets through.
    fn assert_goes_on(&mut self) {
        let before = self.world.log(1).messages_from(self.back);
        self.talk();
        let after = self.world.log(1).messages_from(self.back);
        assert_eq!(after, before + 4);
        assert!(self.world.log(0).is_connected(self.there));
        assert_eq!(self.world.log(1).names().len(), 1);
        assert!(self.world.log(1).moves.is_empty());
    }

    /// Nothing happens for this datagram: no answer, no event, no new deadline.
    fn assert_ignored(&mut self, from: SocketAddr, to: usize, bytes: &[u8]) {
        let sent = self.world.packet_observer().datagrams.len();
        let deadline = self.world.host(to).poll_timeout();
        let messages = self.world.log(to).messages.len();
        self.world.inject(from, to, bytes);
        assert_eq!(
            self.world.packet_observer().datagrams.len(),
            sent,
            "it was answered"
        );
        assert_eq!(self.world.host(to).poll_timeout(), deadline);
        assert_eq!(self.world.log(to).messages.len(), messages);
        assert_eq!(self.world.host(to).stats().peers, 1);
        assert_eq!(self.world.host(to).stats().pending, 0);
    }

    /// Under which id the host receives.
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

fn every_packet_truncated_at_every_length_is_ignored_by_both_ends() {
    let mut session = Session::new();
    for datagram in session.recorded() {
        for len in 0..datagram.bytes.len() {
            for (from, to) in both_ways(&session, &datagram) {
                session.assert_ignored(from, to, &datagram.bytes[..len]);
            }
        }
    }
    session.assert_goes_on();
}

fn every_packet_with_a_byte_flipped_is_ignored_by_both_ends() {
    let mut session = Session::new();
    let mut rng = TestRng::new(1);
    for datagram in session.recorded() {
        for index in 0..datagram.bytes.len() {
            let mut bytes = datagram.bytes.clone();
            bytes[index] ^= u8::try_from(1 + rng.below(255)).unwrap();
            for (from, to) in both_ways(&session, &datagram) {
                session.assert_ignored(from, to, &bytes);
            }
        }
    }
    session.assert_goes_on();
}

/// To the one it was for, and back to the one who sent it.
fn both_ways(session: &Session, datagram: &Datagram) -> [(SocketAddr, usize); 2] {
    let Datagram { from, to, .. } = *datagram;
    [(from, session.host_at(to)), (to, session.host_at(from))]
}

fn a_session_replayed_as_a_whole_changes_nothing() {
    let mut session = Session::new();
    let recorded = session.recorded();
    let stats = session.world.host(1).peer_stats(session.back).unwrap();
    for datagram in &recorded {
        let to = session.host_at(datagram.to);
        let messages = session.world.log(to).messages.len();
        session.world.inject(datagram.from, to, &datagram.bytes);
        assert_eq!(session.world.log(to).messages.len(), messages);
    }
    let packets = recorded
        .iter()
        .filter(|sent| sent.bytes[0] == kind::PACKET && session.host_at(sent.to) == 1);
    let after = session.world.host(1).peer_stats(session.back).unwrap();
    assert_eq!(after.duplicates, stats.duplicates + packets.count() as u64);
    assert_eq!(after.packets_received, stats.packets_received);
    session.assert_goes_on();
}

fn ids_of_nobody_are_answered_with_nothing() {
    let mut session = Session::new();
    let (id, from) = (session.id_of(1), session.world.address(0));
    let mut rng = TestRng::new(1);
    let guessed = (0..1000).map(|_| rng.number()).collect::<Vec<_>>();
    // The right place, but not the right random bits; and places that there are not.
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
    session.assert_goes_on();
}

fn the_id_of_a_session_that_is_over_is_nobodys() {
    let mut session = Session::new();
    let (stale, from) = (session.id_of(1), session.world.address(0));
    session.world.disconnect(0, session.there, 1);
    session.world.run_for(secs(1));
    let (there, back) = session.world.join(0, 1);
    session = Session {
        world: session.world,
        there,
        back,
    };
    session.fall_quiet();
    assert_ne!(session.id_of(1), stale);
    for frames in [&disconnect(1)[..], &PING, &unreliable(b"late")] {
        session.assert_ignored(from, 1, &packet(stale, 1000, frames));
    }
    assert!(session.world.log(1).is_connected(back));
}

/// A session of a host with somebody who has its keys, under Noise, and uses them from elsewhere: so has
/// whoever stole them, and so it looks when somebody sends on what he sees on the way.
struct Stolen {
    world: World,
    peer: PeerId,
    owner: Stranger,
    thief: Stranger,
}

impl Stolen {
    fn new() -> Self {
        let mut world = World::new(1);
        world.add(config());
        let mut owner = Stranger::new(1);
        owner.arrive(&mut world, 0);
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

    /// The host still listens to the owner alone.
    fn assert_goes_on(&mut self) {
        let messages = self.world.log(0).messages.len();
        self.owner.say(&mut self.world, 0, &unreliable(b"mine"));
        assert_eq!(self.world.log(0).messages.len(), messages + 1);
        assert_eq!(self.world.log(0).connected(), [self.peer]);
        assert_eq!(self.world.log(0).moves, []);
    }
}

fn a_goodbye_from_another_address_does_nothing_but_ask_back() {
    let mut session = Stolen::new();
    let forged = session.thief.packet(&disconnect(1));
    let answers = session.thief.give(&mut session.world, 0, &forged);
    assert_eq!(answers.len(), 1);
    assert!(packets::is_challenge(&answers[0]));
    session.assert_goes_on();
    for _ in 0..6 {
        session.world.run_for(secs(10));
        session.assert_goes_on();
    }
    let sent = session.world.packet_observer().datagrams.iter();
    let to_elsewhere = sent.filter(|sent| sent.to == session.thief.address);
    let bytes: usize = to_elsewhere.map(|sent| sent.bytes.len()).sum();
    assert!(bytes <= 3 * forged.len(), "{bytes} for {}", forged.len());
}

fn a_stolen_message_from_another_address_is_not_believed() {
    let mut session = Stolen::new();
    let messages = session.world.log(0).messages.len();
    for _ in 0..100 {
        session.thief.address = outside(2);
        session
            .thief
            .say(&mut session.world, 0, &unreliable(b"stolen"));
        // An answer to a challenge that nobody got.
        session.thief.address = outside(3);
        let guess = packets::response([7; 8]);
        session.thief.say(&mut session.world, 0, &guess);
    }
    assert_eq!(session.world.log(0).messages.len(), messages);
    session.assert_goes_on();
    let stats = session.world.host(0).peer_stats(session.peer).unwrap();
    assert_eq!(stats.unvalidated_address, 200);
}

fn a_packet_that_was_overtaken_starts_no_move() {
    let mut session = Stolen::new();
    session.owner.number = 600;
    session.owner.say(&mut session.world, 0, &PING);
    // New to the host, but the owner has said more since, from where he is.
    session.thief.number = 599;
    let late = session.thief.packet(&PING);
    let answers = session.thief.give(&mut session.world, 0, &late);
    assert!(answers.is_empty(), "{answers:?}");
    session.thief.number = 601;
    let newest = session.thief.packet(&PING);
    let answers = session.thief.give(&mut session.world, 0, &newest);
    assert!(packets::is_challenge(&answers[0]));
    let stats = session.world.host(0).peer_stats(session.peer).unwrap();
    assert_eq!(stats.unvalidated_address, 2);
}

fn a_new_address_gets_at_most_three_times_what_came_from_it() {
    let mut session = Stolen::new();
    for _ in 0..50 {
        // The packet observer compares the sums with the limit for every datagram.
        session.thief.say(&mut session.world, 0, &PING);
        session.world.run_for(ms(37));
    }
    let sent = session.world.packet_observer().datagrams.iter();
    let to_thief = sent.filter(|sent| sent.to == session.thief.address);
    let challenges = to_thief.count();
    assert!((1..=5).contains(&challenges), "{challenges}");
    session.assert_goes_on();
}

fn acknowledgements_of_what_was_never_sent_are_malformed_and_harmless() {
    let mut session = Stolen::new();
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
        session.owner.say(&mut session.world, 0, &frame);
    }
    let stats = session.world.host(0).peer_stats(session.peer).unwrap();
    assert_eq!(stats.malformed, 7);
    session.assert_goes_on();
}

fn numbers_far_ahead_stop_at_the_top_and_overflow_nothing() {
    let mut session = Session::new();
    let (id, from) = (session.id_of(1), session.world.address(0));
    // The furthest that a number can be ahead, again and again.
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
    assert!(session.world.log(1).is_connected(session.back));
}

fn random_bytes_and_empty_datagrams_are_counted_and_nothing_else() {
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
            // Most of them with a kind that there is.
            if let Some(first) = bytes.first_mut().filter(|_| rng.chance(0.8)) {
                *first %= 9;
            }
            let from = ends[rng.index(3)];
            session.assert_ignored(from, rng.index(2), &bytes);
        }
        session.assert_ignored(ends[0], 1, &[]);
        session.assert_ignored(outside(2), 1, &[]);
        session.assert_ignored(outside(2), 1, &[7; 65_535]);
        session.assert_goes_on();
    });
}

fn a_session_ends_as_it_should_after_all_that() {
    let mut session = Session::new();
    for datagram in session.recorded() {
        let to = session.host_at(datagram.to);
        session.world.inject(datagram.from, to, &datagram.bytes);
    }
    session.world.disconnect(1, session.back, 3);
    session.world.run_for(secs(1));
    let end = session.world.log(0).end_of(session.there);
    assert_eq!(end, Some(DisconnectReason::Remote { code: 3 }));
}

under_both!(
    every_packet_truncated_at_every_length_is_ignored_by_both_ends,
    every_packet_with_a_byte_flipped_is_ignored_by_both_ends,
    a_session_replayed_as_a_whole_changes_nothing,
    ids_of_nobody_are_answered_with_nothing,
    the_id_of_a_session_that_is_over_is_nobodys,
    a_goodbye_from_another_address_does_nothing_but_ask_back,
    a_stolen_message_from_another_address_is_not_believed,
    a_packet_that_was_overtaken_starts_no_move,
    a_new_address_gets_at_most_three_times_what_came_from_it,
    acknowledgements_of_what_was_never_sent_are_malformed_and_harmless,
    numbers_far_ahead_stop_at_the_top_and_overflow_nothing,
    random_bytes_and_empty_datagrams_are_counted_and_nothing_else,
    a_session_ends_as_it_should_after_all_that,
);
