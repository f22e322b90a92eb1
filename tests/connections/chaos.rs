//! Random faults on four hosts. The world checks each event and datagram, and after the faults all
//! hosts agree about their connections.

use tickwire::ConnectOptions;
use tickwire::sim::{LinkConditions, Loss};

use crate::latency;
use crate::world::{World, config, for_each_seed, is_thorough, ms, outside, secs};

const HOSTS: usize = 4;

fn random_conditions(world: &mut World) -> LinkConditions {
    let rng = &mut world.rng;
    LinkConditions {
        latency: rng.time(ms(0), ms(150)),
        jitter: rng.time(ms(0), ms(50)),
        loss: Loss::Independent {
            probability: rng.share() * 0.3,
        },
        duplication: rng.share() * 0.3,
        reorder: rng.share() * 0.3,
        corruption: rng.share() * 0.05,
        partitioned: rng.chance(0.1),
        ..LinkConditions::default()
    }
}

/// Applies a random action to a random host.
fn random_action(world: &mut World) {
    let one = world.rng.index(HOSTS);
    let other = (one + 1 + world.rng.index(HOSTS - 1)) % HOSTS;
    match world.rng.below(12) {
        0..4 => connect(world, one, other),
        4..6 => disconnect(world, one),
        6 => {
            let conditions = random_conditions(world);
            world.set_conditions(one, other, &conditions);
        }
        7 => world.restart(one),
        8 => {
            let to = outside(world.rng.index(8));
            if world.host_at(to).is_none() {
                world.move_host(one, to);
            }
        }
        9 => {
            let time = ms(world.rng.below(8000));
            world.stall(one, time);
        }
        10 => {
            let interval = world.rng.chance(0.7).then_some(ms(70));
            world.chatter(one, interval);
        }
        _ => world.pause_events(one, world.time().as_millis() % 2 == 0),
    }
}

fn connect(world: &mut World, from: usize, to: usize) {
    let (now, to) = (world.now(), world.address(to));
    let outcome = world
        .host_mut(from)
        .connect(to, &ConnectOptions::default(), now);
    if let Ok(peer) = outcome {
        world.log_mut(from).on_connect(peer);
    }
}

fn disconnect(world: &mut World, host: usize) {
    let peers = world.log(host).connected();
    if !peers.is_empty() {
        let peer = peers[world.rng.index(peers.len())];
        world.disconnect(host, peer, 1);
    }
}

/// Ends all faults and waits until half-open connections have timed out.
fn end_faults(world: &mut World) {
    for one in 0..HOSTS {
        world.pause_events(one, false);
        world.chatter(one, None);
        for other in 0..one {
            world.set_conditions(one, other, &latency(20));
        }
    }
    world.run_for(secs(60));
}

fn assert_agreement(world: &mut World) {
    for host in 0..HOSTS {
        for peer in world.log(host).connected() {
            let address = world.host(host).peer_stats(peer).unwrap().address;
            let remote = world
                .host_at(address)
                .expect("no host has the address of the peer");
            let before = world.log(remote).messages.len();
            world.send(host, peer, b"still there?");
            world.run_for(ms(100));
            assert_eq!(world.log(remote).messages.len(), before + 1);
        }
    }
}

fn end(world: &mut World) {
    (0..HOSTS).for_each(|host| world.shutdown(host, 3));
    world.run_for(secs(1));
    for host in 0..HOSTS {
        world.log(host).assert_all_disconnected();
        assert!(world.host(host).is_shut_down());
        assert_eq!(world.host(host).poll_timeout(), None);
        let stats = world.host(host).stats();
        assert_eq!((stats.peers, stats.pending, stats.connecting), (0, 0, 0));
    }
}

fn hosts_agree_after_random_faults() {
    let count = if is_thorough() { 0 } else { 150 };
    for_each_seed(count, |seed| {
        let mut world = World::new(seed);
        for host in 0..HOSTS {
            world.add(config());
            for other in 0..host {
                world.set_conditions(host, other, &latency(30));
            }
        }
        for _ in 0..60 {
            random_action(&mut world);
            let time = ms(world.rng.below(1500));
            world.run_for(time);
        }
        end_faults(&mut world);
        assert_agreement(&mut world);
        end(&mut world);
    });
}

fn the_same_seed_gives_the_same_datagrams() {
    let run = |seed| {
        let mut world = World::new(seed);
        for _ in 0..HOSTS {
            world.add(config());
        }
        for _ in 0..40 {
            random_action(&mut world);
            let time = ms(world.rng.below(1500));
            world.run_for(time);
        }
        std::mem::take(&mut world.packet_observer_mut().datagrams)
    };
    let (first, again) = (run(1), run(1));
    assert!(first.len() > 100);
    assert!(first == again, "two runs with one seed differ");
    assert!(first != run(2), "two seeds give the same run");
}

under_both!(
    hosts_agree_after_random_faults,
    the_same_seed_gives_the_same_datagrams,
);
