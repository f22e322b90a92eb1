//! Disconnects and shutdowns.

use tickwire::sim::{LinkConditions, Loss};
use tickwire::{Config, ConnectOptions, Delivery, DisconnectReason, PeerId, SendError};

use crate::world::{World, config, for_each_seed, ms, outside, secs};
use crate::{latency, partition};

const LOCAL: DisconnectReason = DisconnectReason::Local { code: 9 };
const REMOTE: DisconnectReason = DisconnectReason::Remote { code: 9 };

fn joined(conditions: &LinkConditions) -> (World, PeerId, PeerId) {
    let mut world = World::of_two(1, conditions);
    let (to_server, to_client) = world.join(0, 1);
    world.run_for(secs(1));
    (world, to_server, to_client)
}

fn either_side_disconnects_with_a_code() {
    for (from, to) in [(0, 1), (1, 0)] {
        let (mut world, to_server, to_client) = joined(&latency(50));
        let peers = [to_server, to_client];
        world.disconnect(from, peers[from], 9);
        world.run_for(ms(49));
        assert_eq!(world.log(from).end_of(peers[from]), Some(LOCAL), "at once");
        assert_eq!(world.log(to).end_of(peers[to]), None);
        world.run_for(ms(1));
        assert_eq!(world.log(to).end_of(peers[to]), Some(REMOTE));
        let before = world.time();
        world.run_for(ms(51));
        assert_eq!(
            world.host(from).poll_timeout(),
            None,
            "the disconnect is acknowledged"
        );
        assert_eq!(world.host(to).poll_timeout(), None);
        let (one, other) = (world.address(from), world.address(to));
        assert!(world.packet_observer().count(one, other, before) <= 2);
        world.run_for(secs(30));
        assert_eq!((world.log(0).ends.len(), world.log(1).ends.len()), (1, 1));
    }
}

fn delivers_messages_of_the_turn_before_a_disconnect() {
    let (mut world, to_server, to_client) = joined(&latency(50));
    world.send(0, to_server, b"last words");
    world.run_for(ms(0));
    world.disconnect(0, to_server, 9);
    world.run_for(secs(1));
    assert_eq!(world.log(1).messages, [(to_client, "last words".into())]);
    assert_eq!(world.log(1).end_of(to_client), Some(REMOTE));
}

fn both_sides_disconnect_at_the_same_time() {
    let (mut world, to_server, to_client) = joined(&latency(50));
    world.disconnect(0, to_server, 9);
    world.disconnect(1, to_client, 9);
    world.run_for(secs(1));
    assert_eq!(world.log(0).end_of(to_server), Some(LOCAL));
    assert_eq!(world.log(1).end_of(to_client), Some(LOCAL));
    for host in [0, 1] {
        assert_eq!(world.log(host).ends.len(), 1);
        assert_eq!(world.host(host).poll_timeout(), None);
    }
}

fn a_disconnect_arrives_at_30_percent_loss() {
    let count = std::cell::Cell::new((0_u32, 0_u32));
    for_each_seed(300, |seed| {
        let loss = Loss::Independent { probability: 0.3 };
        let mut world = World::of_two(seed, &latency(30));
        let (to_server, to_client) = world.join(0, 1);
        let lossy = LinkConditions {
            loss,
            ..latency(30)
        };
        world.set_conditions(0, 1, &lossy);
        world.disconnect(0, to_server, 9);
        world.run_for(secs(1));
        let (received, all) = count.get();
        let is_received = world.log(1).end_of(to_client) == Some(REMOTE);
        count.set((received + u32::from(is_received), all + 1));
    });
    let (received, all) = count.get();
    // One run in 400 loses all five copies; the test permits one in 50.
    assert!(received >= all - all.div_ceil(50), "{received} of {all}");
}

fn times_out_without_a_disconnect() {
    let (mut world, to_server, to_client) = joined(&latency(50));
    world.partition(0, 1, true);
    world.disconnect(0, to_server, 9);
    world.run_for(ms(250));
    assert_eq!(
        world.host(0).poll_timeout(),
        None,
        "five copies and no more"
    );
    world.run_for(secs(21));
    assert_eq!(
        world.log(1).end_of(to_client),
        Some(DisconnectReason::TimedOut)
    );
}

fn cancelling_a_connect_leaves_no_state() {
    for after in 0..40 {
        let mut world = World::of_two(1, &latency(50));
        let to_server = world.connect(0, 1);
        world.run_for(ms(after * 10));
        world.disconnect(0, to_server, 9);
        world.disconnect(0, to_server, 10);
        world.run_for(secs(25));
        assert_eq!(world.log(0).end_of(to_server), Some(LOCAL));
        world.log(1).assert_all_disconnected();
        for host in [0, 1] {
            let stats = world.host(host).stats();
            assert_eq!((stats.peers, stats.pending, stats.connecting), (0, 0, 0));
            assert_eq!(world.host(host).poll_timeout(), None);
        }
        world.join(0, 1);
    }
}

fn shutdown_disconnects_all_peers_in_a_round_trip() {
    let mut world = World::new(1);
    world.add(config());
    for client in 1..=40 {
        world.add(config());
        world.set_conditions(0, client, &latency(20));
        world.join(client, 0);
    }
    // An incoming and an outgoing connect are unfinished.
    world.add(config());
    world.connect(41, 0);
    let connecting = world.connect_to(0, outside(1), &ConnectOptions::default());
    assert!(!world.host(0).is_shut_down());
    world.shutdown(0, 9);
    assert!(!world.host(0).is_shut_down(), "no disconnect was sent yet");
    world.run_for(ms(60));
    assert!(world.host(0).is_shut_down(), "all peers acknowledged");
    world.run_for(secs(1));
    assert_eq!(world.log(0).ends.len(), 41);
    assert_eq!(world.log(0).end_of(connecting), Some(LOCAL));
    for client in 1..=40 {
        assert_eq!(world.log(client).ends[0].1, REMOTE);
    }
    assert_eq!(world.log(41).ends[0].1, DisconnectReason::ServerClosed);
    assert_eq!(world.host(0).poll_timeout(), None);
}

fn shutdown_waits_250_ms_for_unresponsive_peers() {
    let (mut world, ..) = joined(&latency(20));
    world.partition(0, 1, true);
    world.shutdown(0, 9);
    world.run_for(ms(230));
    assert!(!world.host(0).is_shut_down());
    world.run_for(ms(20));
    assert!(world.host(0).is_shut_down());
}

fn shutdown_disconnects_pending_clients() {
    let mut world = World::of_two(1, &latency(50));
    let to_server = world.connect(0, 1);
    let is_accepted = |world: &World| world.host(1).stats().pending == 1;
    assert!(world.run_until(secs(1), is_accepted));
    world.shutdown(1, 9);
    world.run_for(secs(1));
    assert_eq!(world.log(0).end_of(to_server), Some(REMOTE));
    assert!(world.log(1).is_empty() && world.host(1).is_shut_down());
}

fn the_id_of_a_disconnected_peer_is_unknown() {
    let (mut world, to_server, old) = joined(&LinkConditions::default());
    world.disconnect(0, to_server, 9);
    world.run_for(secs(1));
    let (_, new) = world.join(0, 1);
    assert_eq!(new.index(), old.index(), "the slot is reused");
    let now = world.now();
    let mut host = world.host_mut(1);
    let outcome = host.send(old, Delivery::Unreliable, b"?");
    assert_eq!(outcome, Err(SendError::UnknownPeer));
    assert_eq!(host.peer_stats(old), None);
    host.disconnect(old, 1, now);
    world.run_for(secs(1));
    assert!(world.log(1).is_connected(new));
}

fn a_closing_peer_is_unknown() {
    let (mut world, to_server, to_client) = joined(&latency(50));
    world.set_conditions(0, 1, &partition());
    world.disconnect(0, to_server, 9);
    let mut host = world.host_mut(0);
    let outcome = host.send(to_server, Delivery::Unreliable, b"?");
    assert_eq!(outcome, Err(SendError::UnknownPeer));
    assert_eq!(host.peers().count(), 0);
    // A new connection may begin while the old one is closing.
    world.set_conditions(0, 1, &latency(50));
    let (again, new) = world.join(0, 1);
    world.run_for(secs(1));
    assert_eq!(world.log(1).end_of(to_client), Some(REMOTE));
    assert!(world.log(0).is_connected(again) && world.log(1).is_connected(new));
}

fn peer_ids_are_never_reused() {
    let mut world = World::new(1);
    world.add(config());
    world.add(Config {
        peers_max: 3,
        ..config()
    });
    for round in 0..200 {
        let (to_server, to_client) = world.join(0, 1);
        if round % 2 == 0 {
            world.disconnect(0, to_server, 0);
        } else {
            world.disconnect(1, to_client, 0);
        }
        world.run_for(ms(300));
    }
    // The log panics on a reused id.
    assert_eq!(world.log(1).peer_ids().len(), 200);
}

fn disconnect_after_flush_delivers_queued_messages() {
    for loss in [0.0, 0.2] {
        let (mut world, to_server, to_client) = joined(&LinkConditions {
            loss: Loss::Independent { probability: loss },
            ..latency(50)
        });
        let level = [7; 60_000];
        let mut host = world.host_mut(0);
        host.send(to_server, Delivery::Ordered(1), &level).unwrap();
        world.disconnect_after_flush(0, to_server, 9);
        let mut host = world.host_mut(0);
        let late = host.send(to_server, Delivery::Reliable, b"late");
        assert_eq!(late, Err(SendError::NotConnected));
        let is_over = world.run_until(secs(20), |world| world.log(1).end_of(to_client).is_some());
        assert!(is_over, "with {loss} lost");
        assert_eq!(
            world.log(1).messages,
            [(to_client, level[..].to_vec().into())]
        );
        assert_eq!(world.log(1).end_of(to_client), Some(REMOTE));
        assert_eq!(world.log(0).end_of(to_server), Some(LOCAL));
    }
}

fn disconnect_after_flush_is_immediate_with_an_empty_queue() {
    let (mut world, to_server, _) = joined(&latency(50));
    world.disconnect_after_flush(0, to_server, 9);
    world.run_for(ms(0));
    assert_eq!(world.log(0).end_of(to_server), Some(LOCAL));
}

fn disconnect_after_flush_times_out_if_the_peer_does_not_read() {
    let (mut world, to_server, to_client) = joined(&latency(50));
    world.pause_events(1, true);
    let mut host = world.host_mut(0);
    while host.send(to_server, Delivery::Reliable, &[7; 900]).is_ok() {}
    let idle_timeout = host.config().idle_timeout;
    world.disconnect_after_flush(0, to_server, 9);
    world.run_for(idle_timeout - secs(2));
    assert_eq!(
        world.log(0).end_of(to_server),
        None,
        "the peer may still read"
    );
    world.run_for(secs(3));
    assert_eq!(world.log(0).end_of(to_server), Some(LOCAL));
    world.pause_events(1, false);
    world.run_for(secs(1));
    assert_eq!(world.log(1).end_of(to_client), Some(REMOTE));
}

fn shutdown_keeps_the_reason_of_a_disconnect_after_flush() {
    let (mut world, to_server, to_client) = joined(&latency(50));
    let mut host = world.host_mut(0);
    host.send(to_server, Delivery::Reliable, &[7; 60_000])
        .unwrap();
    world.disconnect_after_flush(0, to_server, 9);
    world.shutdown(0, 3);
    world.run_for(secs(1));
    assert_eq!(world.log(0).end_of(to_server), Some(LOCAL));
    assert_eq!(world.log(1).end_of(to_client), Some(REMOTE));
}

under_both!(
    shutdown_keeps_the_reason_of_a_disconnect_after_flush,
    disconnect_after_flush_delivers_queued_messages,
    disconnect_after_flush_is_immediate_with_an_empty_queue,
    disconnect_after_flush_times_out_if_the_peer_does_not_read,
    either_side_disconnects_with_a_code,
    delivers_messages_of_the_turn_before_a_disconnect,
    both_sides_disconnect_at_the_same_time,
    a_disconnect_arrives_at_30_percent_loss,
    times_out_without_a_disconnect,
    cancelling_a_connect_leaves_no_state,
    shutdown_disconnects_all_peers_in_a_round_trip,
    shutdown_waits_250_ms_for_unresponsive_peers,
    shutdown_disconnects_pending_clients,
    the_id_of_a_disconnected_peer_is_unknown,
    a_closing_peer_is_unknown,
    peer_ids_are_never_reused,
);
