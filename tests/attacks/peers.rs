//! Attacks by connected peers.

use tickwire::DisconnectReason;

use crate::world::packets::{self, PING, disconnect, response, unreliable};
use crate::world::{Stranger, World, config, for_each_seed, ms, outside, secs};

fn world_with_peer() -> (World, Stranger) {
    let mut world = World::new(1);
    world.add(config());
    let mut stranger = Stranger::new(1);
    stranger.handshake(&mut world, 0);
    assert_eq!(world.log(0).connected().len(), 1);
    (world, stranger)
}

fn two_disconnects_in_one_packet_cause_one_event() {
    let (mut world, mut stranger) = world_with_peer();
    let peer = world.log(0).connected()[0];
    let frames = [disconnect(7), disconnect(8)].concat();
    stranger.send_frames(&mut world, 0, &frames);
    world.run_for(secs(30));
    let end = world.log(0).end_of(peer);
    assert_eq!(end, Some(DisconnectReason::Remote { code: 7 }));
}

fn ignores_frames_after_a_disconnect() {
    let (mut world, mut stranger) = world_with_peer();
    let frames = [unreliable(b"before"), disconnect(7), unreliable(b"behind")].concat();
    stranger.send_frames(&mut world, 0, &frames);
    let received: Vec<_> = world.log(0).messages.iter().map(|(_, text)| text).collect();
    assert_eq!(received, ["before"]);
}

fn ignores_a_challenge_response_from_a_third_address() {
    let (mut world, mut stranger) = world_with_peer();
    stranger.address = outside(2);
    let challenges = stranger.send_frames(&mut world, 0, &PING);
    let token = stranger.challenge_in(&challenges[0]).unwrap();
    // A response from a third address validates neither address.
    stranger.address = outside(3);
    stranger.send_frames(&mut world, 0, &response(token));
    assert_eq!(world.log(0).moves, []);
    let peer = world.log(0).connected()[0];
    let home = world.host(0).peer_stats(peer).unwrap().address;
    assert_eq!(home, outside(1));
}

fn limits_keep_alives_at_the_minimum_idle_timeout() {
    let mut world = World::new(1);
    world.add(config());
    let mut stranger = Stranger::new(1);
    let cookie = stranger.request_cookie(&mut world, 0);
    let mut connect = stranger.connect(cookie);
    // An idle timeout below the minimum is rejected.
    connect.idle_timeout_ms = 0;
    let replies = stranger.send_datagram(&mut world, 0, &connect.bytes());
    assert!(replies.is_empty(), "{replies:?}");
    connect.idle_timeout_ms = 100;
    stranger.finish_handshake(&mut world, 0, &connect);
    stranger.send_frames(&mut world, 0, &PING);
    let before = world.packet_observer().datagrams.len();
    world.run_for(secs(10));
    let sent = world.packet_observer().datagrams.len() - before;
    // The minimum idle timeout of 100 ms requires 30 keep-alives per second.
    assert!(sent <= 310, "{sent} packets in ten seconds");
}

fn merges_unread_moved_events() {
    let (mut world, mut stranger) = world_with_peer();
    world.pause_events(0, true);
    for turn in 0..500 {
        stranger.address = outside(1 + turn % 2);
        let challenges = stranger.send_frames(&mut world, 0, &PING);
        let tokens: Vec<_> = challenges
            .iter()
            .filter_map(|packet| stranger.challenge_in(packet))
            .collect();
        for token in tokens {
            stranger.send_frames(&mut world, 0, &response(token));
        }
        world.run_for(ms(20));
    }
    world.pause_events(0, false);
    world.run_for(ms(1));
    let peer = world.log(0).connected()[0];
    assert_eq!(world.log(0).moves.len(), 1);
    assert_eq!(world.log(0).moves, [(peer, stranger.address)]);
}

fn drops_and_counts_messages_over_the_unread_limit() {
    let (mut world, mut stranger) = world_with_peer();
    let peer = world.log(0).connected()[0];
    world.pause_events(0, true);
    for _ in 0..300 {
        stranger.send_frames(&mut world, 0, &unreliable(&[7; 990]));
    }
    let many_small = unreliable(b"").repeat(400);
    for _ in 0..20 {
        stranger.send_frames(&mut world, 0, &many_small);
    }
    let stats = world.host(0).peer_stats(peer).unwrap();
    // The limit is 256 KiB or 4,096 messages.
    let long = (256 << 10) / 990;
    assert_eq!(stats.messages_received, 4096);
    assert_eq!(
        stats.messages_refused,
        (300 - long) + (8000 - (4096 - long))
    );
    world.pause_events(0, false);
    world.run_for(ms(1));
    assert_eq!(world.log(0).messages.len(), 4096);
    // Reading frees the byte limit as well.
    world.pause_events(0, true);
    for _ in 0..300 {
        stranger.send_frames(&mut world, 0, &unreliable(&[7; 990]));
    }
    let again = world.host(0).peer_stats(peer).unwrap();
    assert_eq!(again.messages_received, 4096 + long);
}

/// Random valid and invalid frames.
fn noise(world: &mut World) -> Vec<u8> {
    let rng = &mut world.rng;
    let mut bytes = Vec::new();
    for _ in 0..1 + rng.below(6) {
        let frame = match rng.below(9) {
            0 => PING.to_vec(),
            1 => packets::ack(rng.below(8), rng.below(3)),
            2 => packets::ack(rng.number() >> 2, rng.below(3)),
            3 if rng.chance(0.05) => disconnect(rng.below(5).try_into().unwrap()),
            4 => response(rng.bytes()),
            5 => [&[packets::CHALLENGE][..], &rng.bytes::<8>()].concat(),
            6 => rng.bytes::<12>().to_vec(),
            _ => unreliable(&vec![1; rng.index(150)]),
        };
        bytes.extend(frame);
    }
    bytes
}

fn random_frames_cause_no_panic_and_keep_the_event_order() {
    for_each_seed(100, |seed| {
        let mut world = World::new(seed);
        world.add(config());
        let mut strangers: Vec<_> = (1..4).map(Stranger::new).collect();
        for stranger in &mut strangers {
            stranger.handshake(&mut world, 0);
        }
        for _ in 0..150 {
            let index = world.rng.index(strangers.len());
            let stranger = &mut strangers[index];
            stranger.number += world.rng.below(3);
            if world.rng.chance(0.05) {
                stranger.address = outside(1 + world.rng.index(6));
            }
            let frames = noise(&mut world);
            strangers[index].send_frames(&mut world, 0, &frames);
            let time = ms(world.rng.below(30));
            world.run_for(time);
        }
        world.run_for(secs(30));
        world.log(0).assert_all_disconnected();
        assert_eq!(world.host(0).poll_timeout(), None);
    });
}

under_both!(
    two_disconnects_in_one_packet_cause_one_event,
    ignores_frames_after_a_disconnect,
    ignores_a_challenge_response_from_a_third_address,
    limits_keep_alives_at_the_minimum_idle_timeout,
    merges_unread_moved_events,
    drops_and_counts_messages_over_the_unread_limit,
    random_frames_cause_no_panic_and_keep_the_event_order,
);
