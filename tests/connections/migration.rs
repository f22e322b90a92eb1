//! Migration: hosts that change their address during a session.

use std::net::SocketAddr;

use tickwire::sim::{LinkConditions, Loss};
use tickwire::{DisconnectReason, PeerId};

use crate::world::packets::{self, kind};
use crate::world::{World, config, for_each_seed, ms, outside, secs};
use crate::{latency, partition};

fn joined(seed: u64, conditions: &LinkConditions) -> (World, PeerId, PeerId) {
    let mut world = World::of_two(seed, conditions);
    let (to_server, to_client) = world.join(0, 1);
    world.run_for(secs(1));
    (world, to_server, to_client)
}

fn assert_delivers(world: &mut World, pairs: &[(usize, PeerId, usize)]) {
    for (from, peer, to) in pairs {
        let message = format!("at {:?}", world.time());
        world.send(*from, *peer, message.as_bytes());
        world.run_for(ms(200));
        let mut received = world.log(*to).messages.iter();
        assert!(
            received.any(|(_, bytes)| *bytes == message),
            "{from} to {to}"
        );
    }
}

fn address_of(world: &World, host: usize, peer: PeerId) -> SocketAddr {
    world.host(host).peer_stats(peer).unwrap().address
}

fn a_port_change_keeps_the_session() {
    let (mut world, to_server, to_client) = joined(1, &latency(30));
    world.chatter(0, Some(ms(50)));
    world.chatter(1, Some(ms(50)));
    let new = (world.address(0).ip(), 5001).into();
    world.move_host(0, new);
    world.run_for(secs(1));
    assert_eq!(world.log(1).moves, [(to_client, new)]);
    assert_eq!(world.log(0).moves, [], "the server has not moved");
    assert_eq!(address_of(&world, 1, to_client), new);
    world.run_for(secs(60));
    assert_eq!(world.log(1).moves.len(), 1);
    assert_delivers(&mut world, &[(0, to_server, 1), (1, to_client, 0)]);
}

fn sends_to_the_old_address_until_the_new_one_is_validated() {
    let (mut world, _, to_client) = joined(1, &latency(30));
    world.chatter(0, Some(ms(10)));
    world.chatter(1, Some(ms(10)));
    let (old, new) = (world.address(0), outside(1));
    world.run_for(ms(100));
    world.move_host_and_keep(0, new);
    let before = world.time();
    let has_moved = |world: &World| world.log(1).moves.len() == 1;
    assert!(world.run_until(secs(1), has_moved));
    let sent = world
        .packet_observer()
        .datagrams
        .iter()
        .filter(|sent| sent.at > before);
    let mut to_old = 0;
    for datagram in sent.filter(|sent| sent.from == world.address(1)) {
        if datagram.to == new && datagram.at < world.time() {
            assert!(packets::is_challenge(&datagram.bytes));
        }
        to_old += usize::from(datagram.to == old);
    }
    assert!(to_old >= 6, "{to_old}");
    assert_eq!(address_of(&world, 1, to_client), new);
}

fn a_keep_alive_migrates_an_idle_client() {
    let (mut world, to_server, to_client) = joined(1, &latency(30));
    world.move_host(0, outside(1));
    world.run_for(secs(10));
    assert_eq!(world.log(1).moves, [(to_client, outside(1))]);
    assert_delivers(&mut world, &[(0, to_server, 1), (1, to_client, 0)]);
}

fn clients_follow_a_server_that_migrates() {
    let (mut world, to_server, to_client) = joined(1, &latency(30));
    world.move_host(1, outside(1));
    world.run_for(secs(10));
    assert_eq!(world.log(0).moves, [(to_server, outside(1))]);
    assert_delivers(&mut world, &[(0, to_server, 1), (1, to_client, 0)]);
}

fn two_migrations_end_at_the_last_address() {
    for_each_seed(50, |seed| {
        let (mut world, to_server, to_client) = joined(seed, &latency(30));
        world.chatter(0, Some(ms(20)));
        world.move_host(0, outside(1));
        let time = ms(world.rng.below(150));
        world.run_for(time);
        world.move_host(0, outside(2));
        world.run_for(secs(2));
        let (_, last) = *world.log(1).moves.last().unwrap();
        assert_eq!(last, outside(2));
        assert!(world.log(1).moves.len() <= 2);
        assert_delivers(&mut world, &[(0, to_server, 1), (1, to_client, 0)]);
    });
}

fn returning_to_the_old_address_is_no_migration() {
    let (mut world, to_server, to_client) = joined(1, &latency(30));
    world.chatter(0, Some(ms(20)));
    let home = world.address(0);
    world.move_host(0, outside(1));
    world.run_for(ms(40));
    world.move_host(0, home);
    world.run_for(secs(20));
    assert_eq!(address_of(&world, 1, to_client), home);
    assert_eq!(world.log(1).moves, []);
    assert_delivers(&mut world, &[(0, to_server, 1), (1, to_client, 0)]);
}

fn migrates_under_loss_and_reordering() {
    for_each_seed(100, |seed| {
        let conditions = LinkConditions {
            loss: Loss::Independent { probability: 0.15 },
            reorder: 0.2,
            duplication: 0.2,
            ..latency(40)
        };
        let (mut world, to_server, to_client) = joined(seed, &conditions);
        world.chatter(0, Some(ms(50)));
        for round in 1..4 {
            world.move_host(0, outside(round));
            world.run_for(secs(12));
            assert_eq!(address_of(&world, 1, to_client), outside(round));
        }
        assert_eq!(world.log(1).moves.len(), 3);
        world.set_conditions(0, 1, &latency(0));
        world.run_for(secs(1));
        world.chatter(0, None);
        world.run_for(ms(10));
        assert_delivers(&mut world, &[(0, to_server, 1), (1, to_client, 0)]);
    });
}

fn an_unvalidated_address_receives_only_challenges() {
    let (mut world, _, to_client) = joined(1, &latency(30));
    let (home, attacker) = (world.address(0), outside(1));
    world.chatter(0, Some(ms(100)));
    world.chatter(1, Some(ms(100)));
    world.run_for(secs(1));
    // An on-path attacker sends copies from its own address, ahead of the originals.
    for _ in 0..50 {
        let sent = world.packet_observer().datagrams.iter().rev();
        let mut to_server = sent.filter(|sent| sent.from == home && sent.bytes[0] == kind::PACKET);
        let copy = to_server.next().unwrap().bytes.clone();
        world.inject(attacker, 1, &copy);
        world.run_for(ms(70));
    }
    let sent = world.packet_observer().datagrams.iter();
    let to_elsewhere: Vec<_> = sent.filter(|sent| sent.to == attacker).collect();
    assert!(!to_elsewhere.is_empty());
    for datagram in to_elsewhere {
        assert!(packets::is_challenge(&datagram.bytes));
    }
    assert_eq!(world.log(1).moves, []);
    assert_eq!(address_of(&world, 1, to_client), home);
    assert!(world.log(1).is_connected(to_client));
}

fn times_out_at_an_unreachable_new_address() {
    let (mut world, to_server, to_client) = joined(1, &latency(30));
    world.chatter(0, Some(ms(100)));
    world.set_conditions_one_way(1, 0, &partition());
    world.move_host(0, outside(1));
    world.run_for(secs(21));
    assert_eq!(
        world.log(0).end_of(to_server),
        Some(DisconnectReason::TimedOut)
    );
    assert_eq!(
        world.log(1).end_of(to_client),
        Some(DisconnectReason::TimedOut)
    );
    assert_eq!(world.log(1).moves, []);
}

fn another_client_connects_from_the_old_address() {
    let (mut world, to_server, to_client) = joined(1, &latency(30));
    let old = world.address(0);
    world.move_host(0, outside(1));
    world.run_for(secs(6));
    assert_eq!(world.log(1).moves.len(), 1);
    world.add(config());
    world.move_host(2, old);
    let (second_to_server, second) = world.join(2, 1);
    world.run_for(secs(30));
    assert_eq!(world.log(1).connected(), [to_client, second]);
    assert_delivers(&mut world, &[(0, to_server, 1), (1, to_client, 0)]);
    assert_delivers(&mut world, &[(2, second_to_server, 1), (1, second, 2)]);
}

fn a_connect_from_the_old_address_before_migration_replaces_the_peer() {
    let (mut world, to_server, to_client) = joined(1, &latency(30));
    let old = world.address(0);
    world.move_host(0, outside(1));
    world.add(config());
    world.move_host(2, old);
    // To the server this is a restarted client.
    let (second_to_server, second) = world.join(2, 1);
    assert_eq!(
        world.log(1).end_of(to_client),
        Some(DisconnectReason::Replaced)
    );
    world.run_for(secs(30));
    assert_eq!(
        world.log(0).end_of(to_server),
        Some(DisconnectReason::TimedOut)
    );
    assert_delivers(&mut world, &[(2, second_to_server, 1), (1, second, 2)]);
}

fn clients_that_swap_addresses_keep_their_sessions() {
    let (mut world, to_server, to_client) = joined(1, &latency(30));
    world.add(config());
    world.set_conditions(2, 1, &latency(45));
    let (second_to_server, second) = world.join(2, 1);
    world.swap_addresses(0, 2);
    world.run_for(secs(15));
    assert_eq!(world.log(1).moves.len(), 2);
    assert_eq!(world.log(1).connected(), [to_client, second]);
    assert_delivers(&mut world, &[(0, to_server, 1), (1, to_client, 0)]);
    assert_delivers(&mut world, &[(2, second_to_server, 1), (1, second, 2)]);
    // Both can disconnect and reconnect.
    world.disconnect(1, to_client, 1);
    world.disconnect(1, second, 1);
    world.run_for(secs(1));
    assert_eq!(world.host(1).poll_timeout(), None);
    world.join(0, 1);
    world.join(2, 1);
}

under_both!(
    a_port_change_keeps_the_session,
    sends_to_the_old_address_until_the_new_one_is_validated,
    a_keep_alive_migrates_an_idle_client,
    clients_follow_a_server_that_migrates,
    two_migrations_end_at_the_last_address,
    returning_to_the_old_address_is_no_migration,
    migrates_under_loss_and_reordering,
    an_unvalidated_address_receives_only_challenges,
    times_out_at_an_unreachable_new_address,
    another_client_connects_from_the_old_address,
    a_connect_from_the_old_address_before_migration_replaces_the_peer,
    clients_that_swap_addresses_keep_their_sessions,
);
