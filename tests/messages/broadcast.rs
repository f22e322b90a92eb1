//! Broadcasts.

use tickwire::sim::LinkConditions;
use tickwire::{Config, Delivery, PeerId, SendError};

use crate::world::{World, config, secs};
use crate::{latency, partition};

/// A server, host 0, and three clients with these configs.
fn server_with_clients(configs: [Config; 3], conditions: &LinkConditions) -> (World, [PeerId; 3]) {
    let mut world = World::new(1);
    world.add(config());
    let peers = configs.map(|config| {
        let client = world.add(config);
        world.set_conditions(0, client, conditions);
        world.join(client, 0).1
    });
    world.run_for(secs(1));
    (world, peers)
}

fn broadcasts_to_all_peers_by_every_delivery() {
    let (mut world, _) = server_with_clients([config(), config(), config()], &latency(20));
    let kinds = [
        Delivery::Unreliable,
        Delivery::Sequenced(1),
        Delivery::Reliable,
        Delivery::Ordered(1),
    ];
    for delivery in kinds {
        let outcome = world.host_mut(0).broadcast(delivery, b"to all").unwrap();
        assert_eq!(outcome.queued, 3);
        assert_eq!(outcome.skipped, []);
    }
    world.run_for(secs(1));
    for client in 1..=3 {
        let messages = &world.log(client).messages;
        assert_eq!(messages.len(), 4);
        assert!(messages.iter().all(|(_, bytes)| bytes == "to all"));
    }
}

fn reports_skipped_peers_and_sends_to_the_others() {
    let small = Config {
        message_max_from_servers: 1000,
        ..config()
    };
    let (mut world, peers) = server_with_clients([small, config(), config()], &latency(20));
    world.set_conditions(0, 2, &partition());
    let mut host = world.host_mut(0);
    while host.send(peers[1], Delivery::Reliable, &[7; 900]).is_ok() {}
    let outcome = host.broadcast(Delivery::Reliable, &[9; 2000]).unwrap();
    let too_long = SendError::TooLong {
        len: 2000,
        max: 1000,
    };
    let skipped = [(peers[0], too_long), (peers[1], SendError::QueueFull)];
    assert_eq!(outcome.skipped, skipped);
    assert_eq!(outcome.queued, 1);
    world.run_for(secs(2));
    assert_eq!(world.log(1).messages.len(), 0);
    assert_eq!(world.log(3).messages.len(), 1);
}

fn rejects_a_broadcast_over_the_unreliable_limit() {
    let (mut world, _) = server_with_clients([config(), config(), config()], &latency(20));
    let outcome = world
        .host_mut(0)
        .broadcast(Delivery::Unreliable, &vec![7; 15_361]);
    let (len, max) = (15_361, 15_360);
    assert_eq!(outcome, Err(SendError::TooLong { len, max }));
}

fn broadcasts_except_to_one_peer_and_to_a_group() {
    let (mut world, peers) = server_with_clients([config(), config(), config()], &latency(20));
    let host = world.host_mut(0);
    let now = host.now;
    let except = host
        .host
        .broadcast_except(peers[1], Delivery::Reliable, b"a", now);
    assert_eq!(except.unwrap().queued, 2);
    let gone = PeerId::from_parts(900, 7);
    let group = [peers[1], gone];
    let group = host.host.broadcast_to(group, Delivery::Reliable, b"b", now);
    let group = group.unwrap();
    assert_eq!(group.queued, 1);
    assert_eq!(group.skipped, [(gone, SendError::UnknownPeer)]);
    world.run_for(secs(1));
    let received = |client: usize| {
        let messages = world.log(client).messages.iter();
        messages
            .map(|(_, bytes)| bytes.to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(received(1), [b"a"]);
    assert_eq!(received(2), [b"b"]);
    assert_eq!(received(3), [b"a"]);
}

under_both!(
    broadcasts_except_to_one_peer_and_to_a_group,
    broadcasts_to_all_peers_by_every_delivery,
    reports_skipped_peers_and_sends_to_the_others,
    rejects_a_broadcast_over_the_unreliable_limit,
);
