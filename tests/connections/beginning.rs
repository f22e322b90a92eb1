//! How connections begin, and how they don't.

use tickwire::LinkConditions;

use crate::world::{World, ms, secs};

#[test]
fn two_hosts_connect() {
    let conditions = LinkConditions {
        latency: ms(50),
        ..LinkConditions::default()
    };
    let mut world = World::of_two(1, &conditions);
    let (b, a) = world.join(0, 1);
    world.send(0, b, b"hello");
    world.send(1, a, b"hello yourself");
    world.run_for(ms(100));
    assert_eq!(world.log(1).messages, [(a, "hello".into())]);
    assert_eq!(world.log(0).messages, [(b, "hello yourself".into())]);
}

#[test]
fn a_client_that_was_accepted_is_heard_although_its_first_packets_are_lost() {
    let mut world = World::of_two(1, &latency(100));
    let to_server = world.connect(0, 1);
    let is_accepted = world.run_until(secs(1), |world| world.log(0).is_connected(to_server));
    assert!(is_accepted);
    world.partition(0, 1, true);
    world.run_for(ms(2600));
    world.partition(0, 1, false);
    world.run_for(ms(400));
    assert_eq!(world.log(1).connected().len(), 1);
}

#[test]
fn a_client_that_learns_late_that_it_was_accepted_gets_in() {
    let mut world = World::of_two(1, &latency(100));
    let to_server = world.connect(0, 1);
    let is_accepted = |world: &World| world.host(1).stats().accepted == 1;
    assert!(world.run_until(secs(2), is_accepted));
    // All answers of the server are lost, but for the one to the client's last connect before the
    // server would forget it.
    world.set_conditions_one_way(1, 0, &partition());
    world.run_for(ms(2500));
    world.set_conditions_one_way(1, 0, &latency(100));
    world.run_for(secs(1));
    assert!(world.log(0).is_connected(to_server));
    assert_eq!(world.host(1).stats().pending_expired, 0);
    assert_eq!(world.log(1).connected().len(), 1);
}

fn latency(time: u64) -> LinkConditions {
    LinkConditions {
        latency: ms(time),
        ..LinkConditions::default()
    }
}

fn partition() -> LinkConditions {
    LinkConditions {
        partitioned: true,
        ..LinkConditions::default()
    }
}
