//! Two hosts that connect to each other at the same time.

use tickwire::sim::{LinkConditions, Loss};
use tickwire::{ConnectOptions, DisconnectReason, PeerId};

use crate::latency;
use crate::world::packets::PING;
use crate::world::{Stranger, World, config, for_each_seed, ms, secs};

/// The hosts have exactly one connection with each other and exchange messages.
fn assert_joined(world: &mut World) {
    world.set_conditions(0, 1, &LinkConditions::default());
    // Datagrams in flight keep their latency.
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

fn simultaneous_connects_make_one_connection() {
    for_each_seed(100, |seed| {
        let mut world = World::of_two(seed, &latency(50));
        let to_server = world.connect(0, 1);
        let to_client = world.connect(1, 0);
        world.run_for(secs(2));
        // Each side keeps the peer id of its own connect.
        assert!(world.log(0).is_connected(to_server) && world.log(1).is_connected(to_client));
        assert_joined(&mut world);
    });
}

/// Returns `None` if the hosts are already connecting.
fn try_to_connect(world: &mut World, from: usize, to: usize) -> Option<PeerId> {
    let (now, address) = (world.now(), world.address(to));
    let options = ConnectOptions::default();
    let peer = world.host_mut(from).connect(address, &options, now).ok()?;
    world.log_mut(from).on_connect(peer);
    Some(peer)
}

fn overlapping_connects_under_loss_make_one_connection() {
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
        let time = ms(world.rng.below(800));
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

fn a_second_incoming_connect_replaces_a_yielding_connect() {
    let mut world = World::new(1);
    world.add(config());
    let mut first = Stranger {
        nonce: [0xff; 16],
        ..Stranger::new(1)
    };
    let mut second = Stranger {
        nonce: [0xfe; 16],
        ..Stranger::new(1)
    };
    // The local connect yields to that of the first stranger, which is then silent.
    let local = world.connect_to(0, first.address, &ConnectOptions::default());
    let cookie = first.request_cookie(&mut world, 0);
    first.finish_handshake(&mut world, 0, &first.connect(cookie));
    second.handshake(&mut world, 0);
    assert_eq!(world.log(0).end_of(local), Some(DisconnectReason::Replaced));
    let [peer] = world.log(0).connected()[..] else {
        panic!("the second stranger is not connected");
    };
    // A late packet of the first stranger has no effect.
    first.send_frames(&mut world, 0, &PING);
    assert_eq!(world.log(0).connected(), [peer]);
}

fn a_late_packet_of_an_older_connection_does_not_replace_a_newer_one() {
    let mut world = World::new(1);
    world.add(config());
    let mut old = Stranger::new(1);
    let mut new = Stranger {
        nonce: [9; 16],
        ..old.clone()
    };
    let cookie = old.request_cookie(&mut world, 0);
    old.finish_handshake(&mut world, 0, &old.connect(cookie));
    new.handshake(&mut world, 0);
    let peers = world.log(0).connected();
    old.send_frames(&mut world, 0, &PING);
    assert_eq!(world.log(0).connected(), peers);
    assert_eq!(world.log(0).peer_ids().len(), 1);
    assert_eq!(world.host(0).stats().pending, 0);
}

fn a_connect_to_itself_times_out() {
    let mut world = World::new(1);
    world.add(config());
    let local = world.connect(0, 0);
    world.run_for(secs(11));
    assert_eq!(
        world.log(0).end_of(local),
        Some(DisconnectReason::ConnectTimeout)
    );
    world.run_for(secs(11));
    assert_eq!(world.host(0).poll_timeout(), None);
    assert!(world.packet_observer().datagrams.len() < 100);
}

under_both!(
    simultaneous_connects_make_one_connection,
    overlapping_connects_under_loss_make_one_connection,
    a_second_incoming_connect_replaces_a_yielding_connect,
    a_late_packet_of_an_older_connection_does_not_replace_a_newer_one,
    a_connect_to_itself_times_out,
);
