//! How connections begin, and how they don't.

use tickwire::LinkConditions;

use crate::world::{World, ms};

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
