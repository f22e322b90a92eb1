//! Peers that came in as everybody does, and then do what no honest host does.

use tickwire::DisconnectReason;

use crate::world::packets::{PING, disconnect};
use crate::world::{Stranger, World, config, ms, secs};

/// A host, and a stranger who is its peer.
fn world_with_peer() -> (World, Stranger) {
    let mut world = World::new(1);
    world.add(config());
    let mut stranger = Stranger::new(1);
    stranger.arrive(&mut world, 0);
    assert_eq!(world.log(0).connected().len(), 1);
    (world, stranger)
}

#[test]
fn a_goodbye_said_twice_in_one_packet_ends_a_connection_once() {
    let (mut world, mut stranger) = world_with_peer();
    let peer = world.log(0).connected()[0];
    let frames = [disconnect(7), disconnect(8)].concat();
    stranger.say(&mut world, 0, &frames);
    world.run_for(secs(30));
    let end = world.log(0).end_of(peer);
    assert_eq!(end, Some(DisconnectReason::Remote { code: 7 }));
}

#[test]
fn a_peer_that_claims_to_be_impatient_is_not_flooded_with_signs_of_life() {
    let mut world = World::new(1);
    world.add(config());
    let mut stranger = Stranger::new(1);
    let cookie = stranger.ask(&mut world, 0);
    let mut connect = stranger.connect(cookie);
    connect.idle_timeout_ms = 0;
    stranger.enter(&mut world, 0, &connect);
    stranger.say(&mut world, 0, &PING);
    let before = world.witness.datagrams.len();
    world.run_for(secs(10));
    let sent = world.witness.datagrams.len() - before;
    // The shortest idle timeout there is, a tenth of a second, asks for thirty a second.
    assert!(sent <= 310, "{sent} packets in ten seconds");
}
