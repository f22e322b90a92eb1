//! Two hosts that connect to each other at the same time.

use tickwire::{ConnectOptions, DisconnectReason, LinkConditions, Loss, PeerId};

use crate::latency;
use crate::world::{World, for_each_seed, ms, secs};

/// Both hosts are connected with each other, once, and hear each other.
fn assert_joined(world: &mut World) {
    world.set_conditions(0, 1, &LinkConditions::default());
    // What is on its way is as slow as it was.
    world.run_for(ms(100));
    let peers = [0, 1].map(|host| world.log(host).connected());
    for host in [0, 1] {
        let [peer] = peers[host][..] else {
            panic!("host {host} is connected with {:?}", peers[host]);
        };
        let before = world.log(1 - host).messages.len();
        world.send(host, peer, b"hello");
        world.run_for(ms(1));
        assert_eq!(world.log(1 - host).messages.len(), before + 1);
    }
}

#[test]
fn both_at_the_same_time_make_one_connection() {
    for_each_seed(100, |seed| {
        let mut world = World::of_two(seed, &latency(50));
        let there = world.connect(0, 1);
        let back = world.connect(1, 0);
        world.run_for(secs(2));
        // Each side knows the connection by the name that its own connect gave.
        assert!(world.log(0).is_connected(there) && world.log(1).is_connected(back));
        assert_joined(&mut world);
    });
}

/// Unless the host is being connected with the other one already.
fn try_to_connect(world: &mut World, from: usize, to: usize) -> Option<PeerId> {
    let (now, address) = (world.now(), world.address(to));
    let options = ConnectOptions::default();
    let peer = world.host_mut(from).connect(address, &options, now).ok()?;
    world.log_mut(from).on_connect(peer);
    Some(peer)
}

#[test]
fn one_after_the_other_at_any_time_and_under_loss_make_one_connection() {
    for_each_seed(500, |seed| {
        let conditions = LinkConditions {
            jitter: ms(60),
            loss: Loss::Independent {
                probability: [0.0, 0.1, 0.25][usize::try_from(seed % 3).unwrap()],
            },
            ..latency(40)
        };
        let mut world = World::of_two(seed, &conditions);
        world.connect(0, 1);
        let time = ms(world.luck.below(800));
        world.run_for(time);
        try_to_connect(&mut world, 1, 0);
        world.run_for(secs(15));
        assert_joined(&mut world);
        for host in [0, 1] {
            for (_, reason) in &world.log(host).ends {
                assert_eq!(*reason, DisconnectReason::Replaced);
            }
        }
    });
}
