//! Keep-alives, idle timeouts, partitions and stalled applications.

use std::time::Duration;

use tickwire::sim::LinkConditions;
use tickwire::{Config, DisconnectReason, PeerId};

use crate::latency;
use crate::world::{World, config, for_each_seed, ms, secs};

fn joined(seed: u64, conditions: &LinkConditions) -> (World, PeerId, PeerId) {
    let mut world = World::of_two(seed, conditions);
    let (to_server, to_client) = world.join(0, 1);
    world.run_for(secs(2));
    (world, to_server, to_client)
}

fn packets_in(world: &mut World, time: Duration) -> (usize, usize) {
    let before = world.time();
    world.run_for(time);
    let (one, other) = (world.address(0), world.address(1));
    let packet_observer = &world.packet_observer();
    (
        packet_observer.count(one, other, before),
        packet_observer.count(other, one, before),
    )
}

fn sends_a_keep_alive_every_five_seconds_when_idle() {
    for_each_seed(20, |seed| {
        let jitter = ms(seed % 100);
        let (mut world, ..) = joined(
            seed,
            &LinkConditions {
                jitter,
                ..latency(30)
            },
        );
        let (to_server, to_client) = packets_in(&mut world, secs(60));
        assert!(
            to_server + to_client <= 2 * 12 + 2,
            "{to_server} and {to_client} packets"
        );
        assert!(
            to_server.min(to_client) >= 10,
            "{to_server} and {to_client} packets"
        );
    });
}

fn traffic_in_one_direction_needs_no_keep_alives() {
    let (mut world, ..) = joined(1, &latency(30));
    world.chatter(0, Some(secs(1)));
    let (to_server, to_client) = packets_in(&mut world, secs(60));
    assert!((60..=61).contains(&to_server), "{to_server}");
    assert!((60..=61).contains(&to_client), "{to_client}");
}

fn keep_alives_follow_the_idle_timeout_of_the_peer() {
    let mut world = World::new(1);
    world.add(config());
    world.add(Config {
        idle_timeout: secs(1),
        ..config()
    });
    world.set_conditions(0, 1, &latency(30));
    let (to_server, to_client) = world.join(0, 1);
    world.run_for(secs(60));
    assert!(world.log(0).is_connected(to_server) && world.log(1).is_connected(to_client));
}

fn unacknowledged_keep_alives_back_off() {
    let (mut world, ..) = joined(1, &latency(30));
    world.partition(0, 1, true);
    // The first is due within 5 s; the repetitions back off.
    let (to_server, to_client) = packets_in(&mut world, secs(10));
    let sent = to_server.max(to_client);
    assert!(
        (5..=12).contains(&sent),
        "{to_server} and {to_client} packets"
    );
}

fn survives_a_partition_shorter_than_the_idle_timeout() {
    for_each_seed(20, |seed| {
        let (mut world, to_server, to_client) = joined(seed, &latency(30));
        world.chatter(0, Some(ms(100)));
        for _ in 0..3 {
            world.partition(0, 1, true);
            world.run_for(secs(15));
            world.partition(0, 1, false);
            world.run_for(secs(5));
        }
        assert!(world.log(0).is_connected(to_server) && world.log(1).is_connected(to_client));
    });
}

fn an_idle_connection_survives_a_short_partition() {
    for_each_seed(50, |seed| {
        let (mut world, to_server, to_client) = joined(seed, &latency(30));
        let time = ms(world.rng.below(5000));
        world.run_for(time);
        world.partition(0, 1, true);
        world.run_for(secs(12));
        world.partition(0, 1, false);
        world.run_for(secs(10));
        assert!(world.log(0).is_connected(to_server) && world.log(1).is_connected(to_client));
    });
}

fn a_longer_partition_times_out_both_sides() {
    for is_talking in [false, true] {
        let (mut world, to_server, to_client) = joined(1, &latency(30));
        world.chatter(0, is_talking.then_some(ms(100)));
        world.run_for(secs(1));
        world.partition(0, 1, true);
        world.run_for(ms(14_900));
        assert_eq!(world.log(0).ends, []);
        world.run_for(ms(5_200));
        assert_eq!(
            world.log(0).end_of(to_server),
            Some(DisconnectReason::TimedOut)
        );
        assert_eq!(
            world.log(1).end_of(to_client),
            Some(DisconnectReason::TimedOut)
        );
        assert_eq!(world.host(0).stats().timed_out, 1);
        world.chatter(0, None);
        world.partition(0, 1, false);
        world.run_for(secs(1));
        assert_eq!(world.host(0).poll_timeout(), None);
        world.join(0, 1);
    }
}

fn a_one_way_partition_times_out_both_sides() {
    let (mut world, to_server, to_client) = joined(1, &latency(30));
    world.chatter(0, Some(ms(100)));
    world.chatter(1, Some(ms(100)));
    world.set_conditions_one_way(0, 1, &crate::partition());
    world.run_for(secs(21));
    assert_eq!(
        world.log(1).end_of(to_client),
        Some(DisconnectReason::TimedOut)
    );
    assert!(
        world.log(0).is_connected(to_server),
        "it received packets until now"
    );
    world.run_for(secs(20));
    assert_eq!(
        world.log(0).end_of(to_server),
        Some(DisconnectReason::TimedOut)
    );
}

/// A server that stalls for 30 s, and clients with an idle timeout of 60 s.
fn stalled_server(chatter: Option<Duration>) -> World {
    let mut world = World::new(1);
    world.add(config());
    for client in 1..=5 {
        world.add(Config {
            idle_timeout: secs(60),
            ..config()
        });
        world.set_conditions(0, client, &latency(30));
        world.join(client, 0);
        world.chatter(client, chatter);
    }
    world.run_for(secs(1));
    world.stall(0, secs(30));
    world.run_for(secs(30));
    world
}

fn a_stalled_application_keeps_sending_peers() {
    // One interval fits the receive queue during the stall, and one overflows it.
    for interval in [ms(1000), ms(20)] {
        let mut world = stalled_server(Some(interval));
        world.run_for(secs(60));
        assert_eq!(world.log(0).ends, []);
        for client in 1..=5 {
            assert_eq!(world.log(client).ends, []);
        }
        let before = world.log(0).messages.len();
        world.run_for(secs(1));
        assert!(world.log(0).messages.len() > before);
    }
}

fn a_stalled_application_keeps_idle_peers() {
    let mut world = stalled_server(None);
    world.run_for(secs(60));
    assert_eq!(world.log(0).ends, []);
}

fn a_stalled_application_times_out_unreachable_peers() {
    let mut world = World::of_two(1, &latency(30));
    let (_, to_client) = world.join(0, 1);
    world.partition(0, 1, true);
    world.stall(1, secs(30));
    world.run_for(secs(31));
    assert_eq!(
        world.log(1).end_of(to_client),
        Some(DisconnectReason::TimedOut)
    );
}

under_both!(
    sends_a_keep_alive_every_five_seconds_when_idle,
    traffic_in_one_direction_needs_no_keep_alives,
    keep_alives_follow_the_idle_timeout_of_the_peer,
    unacknowledged_keep_alives_back_off,
    survives_a_partition_shorter_than_the_idle_timeout,
    an_idle_connection_survives_a_short_partition,
    a_longer_partition_times_out_both_sides,
    a_one_way_partition_times_out_both_sides,
    a_stalled_application_keeps_sending_peers,
    a_stalled_application_keeps_idle_peers,
    a_stalled_application_times_out_unreachable_peers,
);
