//! Complete sessions over links with random impairments.

use std::time::Duration;

use tickwire::sim::{LinkConditions, Loss};
use tickwire::{DisconnectReason, PeerId};

use crate::world::{TestRng, World, for_each_seed, ms, secs};

const SEEDS: u64 = 1000;

/// An impairment of a link. Most runs combine several.
type Impairment = fn(&mut LinkConditions, &mut TestRng);

const IMPAIRMENTS: &[Impairment] = &[
    |link, rng| link.latency = rng.time(ms(0), ms(300)),
    |link, rng| link.jitter = rng.time(ms(0), ms(100)),
    |link, rng| {
        link.loss = Loss::Independent {
            probability: rng.share() * 0.3,
        };
    },
    |link, rng| {
        link.loss = Loss::Bursts {
            probability: rng.share() * 0.2,
            mean_length: 1.0 + rng.share() * 2.0,
        };
    },
    |link, rng| link.duplication = rng.share() * 0.5,
    |link, rng| {
        link.reorder = rng.share() * 0.5;
        link.reorder_delay = rng.time(ms(1), ms(200));
    },
    |link, rng| {
        link.rate = Some(64_000 + rng.below(1_000_000));
        link.queue_bytes = 4096;
    },
    |link, rng| link.corruption = rng.share() * 0.1,
];

/// Seed 0 has a perfect link, the next ones one impairment each, and all others a random subset.
fn conditions(seed: u64, rng: &mut TestRng) -> LinkConditions {
    let mut conditions = LinkConditions::default();
    for (index, impairment) in (1..).zip(IMPAIRMENTS) {
        let is_single = seed == index;
        let is_random = seed > IMPAIRMENTS.len() as u64 && rng.chance(0.3);
        if is_single || is_random {
            impairment(&mut conditions, rng);
        }
    }
    conditions
}

fn world(seed: u64) -> World {
    let mut rng = TestRng::new(seed);
    let conditions = conditions(seed, &mut rng);
    World::of_two(seed, &conditions)
}

const SESSION_TIME: Duration = secs(6);

fn completes_sessions_under_random_link_conditions() {
    for_each_seed(SEEDS, |seed| {
        let mut world = world(seed);
        session(&mut world);
        assert_both_disconnected(&world);
    });
}

fn session(world: &mut World) {
    let (b, a) = connect(world);
    world.chatter(0, Some(ms(50 + world.seed() % 100)));
    world.chatter(1, Some(ms(50 + world.seed() % 70)));
    world.run_for(SESSION_TIME / 2);
    interrupt(world);
    world.run_for(SESSION_TIME / 2);
    assert!(world.log(0).is_connected(b) && world.log(1).is_connected(a));
    assert!(
        world.log(0).messages_from(b) > 10,
        "too few messages arrived"
    );
    assert!(
        world.log(1).messages_from(a) > 10,
        "too few messages arrived"
    );
    let (host, peer) = if world.rng.chance(0.5) {
        (0, b)
    } else {
        (1, a)
    };
    world.disconnect(host, peer, 77);
    // A side that loses every copy of the disconnect times out.
    world.run_for(secs(22));
    let reasons = [world.log(0).end_of(b), world.log(1).end_of(a)];
    assert_eq!(reasons[host], Some(DisconnectReason::Local { code: 77 }));
    let is_valid = matches!(
        reasons[1 - host],
        Some(DisconnectReason::Remote { code: 77 } | DisconnectReason::TimedOut)
    );
    assert!(is_valid, "{reasons:?}");
}

/// Every third seed has a partition of at most 8 s. A lossy link then recovers before the timeout.
fn interrupt(world: &mut World) {
    if world.seed() % 3 == 0 {
        let time = world.rng.time(ms(0), secs(8));
        world.partition(0, 1, true);
        world.run_for(time);
        world.partition(0, 1, false);
    }
}

/// Retries, because in one of some thousand runs a loss burst covers the whole handshake.
fn connect(world: &mut World) -> (PeerId, PeerId) {
    for _ in 0..4 {
        let to_server = world.connect(0, 1);
        world.run_until(secs(40), |world| {
            world.log(0).end_of(to_server).is_some() || world.log(1).connected().len() == 1
        });
        if let [to_client] = world.log(1).connected()[..] {
            return (to_server, to_client);
        }
    }
    panic!("the hosts did not connect");
}

fn assert_both_disconnected(world: &World) {
    for host in [0, 1] {
        world.log(host).assert_all_disconnected();
        assert_eq!(world.host(host).poll_timeout(), None, "no deadline is left");
    }
}

under_both!(completes_sessions_under_random_link_conditions,);
