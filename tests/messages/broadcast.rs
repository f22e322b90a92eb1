//! One message for everybody.

use tickwire::sim::LinkConditions;
use tickwire::{Config, Delivery, PeerId, SendError};

use crate::world::{World, config, secs};
use crate::{latency, partition};

/// A server, host 0, and three clients with these configs.
fn party(configs: [Config; 3], conditions: &LinkConditions) -> (World, [PeerId; 3]) {
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

fn everybody_gets_it_in_every_delivery() {
    let (mut world, _) = party([config(), config(), config()], &latency(20));
    let kinds = [
        Delivery::Unreliable,
        Delivery::Sequenced(1),
        Delivery::Reliable,
        Delivery::Ordered(1),
    ];
    for delivery in kinds {
        let outcome = world.host_mut(0).broadcast(delivery, b"to all").unwrap();
        assert_eq!(outcome.queued, 3);
        assert_eq!((outcome.queue_full, outcome.too_long), (0, 0));
    }
    world.run_for(secs(1));
    for client in 1..=3 {
        let messages = &world.log(client).messages;
        assert_eq!(messages.len(), 4);
        assert!(messages.iter().all(|(_, bytes)| bytes == "to all"));
    }
}

fn those_who_cannot_take_it_are_counted_and_keep_nobody_from_it() {
    let small = Config {
        message_max_from_servers: 1000,
        ..config()
    };
    let (mut world, peers) = party([small, config(), config()], &latency(20));
    world.set_conditions(0, 2, &partition());
    let mut host = world.host_mut(0);
    while host.send(peers[1], Delivery::Reliable, &[7; 900]).is_ok() {}
    let outcome = host.broadcast(Delivery::Reliable, &[9; 2000]).unwrap();
    assert_eq!(outcome.too_long, 1);
    assert_eq!(outcome.queue_full, 1);
    assert_eq!(outcome.queued, 1);
    world.run_for(secs(2));
    assert_eq!(world.log(1).messages.len(), 0);
    assert_eq!(world.log(3).messages.len(), 1);
}

fn what_nobody_could_take_is_an_error() {
    let (mut world, _) = party([config(), config(), config()], &latency(20));
    let outcome = world
        .host_mut(0)
        .broadcast(Delivery::Unreliable, &vec![7; 15_361]);
    let (len, max) = (15_361, 15_360);
    assert_eq!(outcome, Err(SendError::TooLong { len, max }));
}

under_both!(
    everybody_gets_it_in_every_delivery,
    those_who_cannot_take_it_are_counted_and_keep_nobody_from_it,
    what_nobody_could_take_is_an_error,
);
