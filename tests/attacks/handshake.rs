//! Attacks on the handshake: cookies, replayed connects and forged replies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tickwire::sim::LinkConditions;
use tickwire::{Admission, ConnectOptions, DisconnectReason};

use crate::world::harness::Harness;
use crate::world::packets::{
    Hello, Nonce, PING, accept, client_id, connection_id, cookie_reply, deny, disconnect, kind,
    mismatch, nonce_of_hello, returned_cookie, unreliable,
};
use crate::world::{Datagram, Stranger, World, config, ms, outside, secs};

fn server() -> World {
    let mut world = World::new(1);
    world.add(config());
    world
}

/// Two hosts and the number of admission callbacks at host 1.
fn hosts_with_admission_count() -> (World, Arc<AtomicU32>) {
    let mut world = World::of_two(1, &LinkConditions::default());
    let count = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&count);
    world.host_mut(1).set_admission(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Admission::Accept
    });
    (world, count)
}

fn recorded(world: &World, kind: u8) -> Datagram {
    let mut sent = world.packet_observer().datagrams.iter();
    sent.find(|sent| sent.bytes[0] == kind).unwrap().clone()
}

fn a_replayed_connect_does_not_affect_the_live_session() {
    let (mut world, admissions) = hosts_with_admission_count();
    let (to_server, to_client) = world.join(0, 1);
    world.chatter(0, Some(ms(50)));
    let connect = recorded(&world, kind::CONNECT);
    for _ in 0..100 {
        world.inject(connect.from, 1, &connect.bytes);
        world.run_for(ms(100));
    }
    assert_eq!(
        admissions.load(Ordering::Relaxed),
        1,
        "admission must not run again"
    );
    assert_eq!(world.host(1).stats().pending, 0);
    assert!(world.log(0).is_connected(to_server) && world.log(1).is_connected(to_client));
    assert!(world.log(1).messages_from(to_client) >= 200);
    assert_eq!(world.log(1).peer_ids().len(), 1);
}

fn a_replayed_connect_after_a_disconnect_creates_no_peer() {
    let (mut world, _) = hosts_with_admission_count();
    let (to_server, to_client) = world.join(0, 1);
    let connect = recorded(&world, kind::CONNECT);
    let first = recorded(&world, kind::PACKET);
    world.disconnect(0, to_server, 1);
    world.run_for(secs(1));
    // The cookie is still valid, but a replay cannot finish the handshake, so there is no event.
    for _ in 0..10 {
        world.inject(connect.from, 1, &connect.bytes);
        world.inject(first.from, 1, &first.bytes);
        world.run_for(secs(4));
    }
    let stats = world.host(1).stats();
    assert_eq!((stats.pending, stats.peers), (0, 0));
    assert!(stats.pending_expired >= 1 && stats.bad_cookies >= 1);
    assert_eq!(world.log(1).peer_ids().len(), 1);
    assert_eq!(
        world.log(1).end_of(to_client),
        Some(DisconnectReason::Remote { code: 1 })
    );
}

fn a_replayed_connect_does_not_block_its_client() {
    let (mut world, _) = hosts_with_admission_count();
    let (to_server, _) = world.join(0, 1);
    let connect = recorded(&world, kind::CONNECT);
    world.disconnect(0, to_server, 1);
    world.run_for(secs(1));
    world.inject(connect.from, 1, &connect.bytes);
    let again = world.connect(0, 1);
    for _ in 0..10 {
        world.inject(connect.from, 1, &connect.bytes);
        world.run_for(ms(50));
    }
    assert!(world.log(0).is_connected(again));
    world.run_for(secs(30));
    assert!(world.log(0).is_connected(again));
    assert_eq!(world.log(1).connected().len(), 1);
}

fn a_cookie_expires_after_two_rotations() {
    let mut world = server();
    let mut early = Stranger::new(1);
    let cookie = early.request_cookie(&mut world, 0);
    world.run_for(ms(9_900));
    early.finish_handshake(&mut world, 0, &early.connect(cookie));

    let late = Stranger::new(2);
    let cookie = late.request_cookie(&mut world, 0);
    world.run_for(ms(20_100));
    let replies = late.send_datagram(&mut world, 0, &late.connect(cookie).bytes());
    assert_eq!(replies, Vec::<Vec<u8>>::new());
    assert_eq!(world.host(0).stats().bad_cookies, 1);
}

fn a_cookie_is_valid_only_for_its_address_and_nonce() {
    let mut world = server();
    let owner = Stranger::new(1);
    let cookie = owner.request_cookie(&mut world, 0);
    let elsewhere = Stranger {
        address: outside(2),
        ..owner.clone()
    };
    let other_port = Stranger {
        address: (owner.address.ip(), owner.address.port() + 1).into(),
        ..owner.clone()
    };
    let other_nonce = Stranger {
        nonce: [9; 16],
        ..owner.clone()
    };
    for thief in [elsewhere, other_port, other_nonce] {
        let replies = thief.send_datagram(&mut world, 0, &thief.connect(cookie).bytes());
        assert_eq!(replies, Vec::<Vec<u8>>::new());
    }
    let stats = world.host(0).stats();
    assert_eq!(
        (stats.bad_cookies, stats.accepted, stats.pending),
        (3, 0, 0)
    );
    assert_eq!(
        world.host(0).poll_timeout(),
        None,
        "the host must keep no state"
    );
}

fn ignores_a_connect_with_an_invalid_cookie() {
    let mut world = server();
    for number in 0..100 {
        let stranger = Stranger::new(number);
        let connect = stranger.connect(world.rng.bytes());
        assert!(
            stranger
                .send_datagram(&mut world, 0, &connect.bytes())
                .is_empty()
        );
    }
    assert_eq!(world.host(0).stats().bad_cookies, 100);
}

fn expires_a_silent_pending_client_without_an_event() {
    let mut world = server();
    let mut stranger = Stranger::new(1);
    let cookie = stranger.request_cookie(&mut world, 0);
    stranger.finish_handshake(&mut world, 0, &stranger.connect(cookie));
    assert_eq!(world.host(0).stats().pending, 1);
    world.run_for(secs(4));
    let stats = world.host(0).stats();
    assert_eq!((stats.pending, stats.pending_expired), (0, 1));
    assert!(world.log(0).is_empty());
    // Its connection id is unknown now.
    stranger.send_frames(&mut world, 0, &PING);
    assert_eq!(world.host(0).stats().unknown_connection, 1);
    assert!(world.log(0).is_empty());
}

fn promotes_a_pending_client_only_at_its_accepted_address() {
    let mut world = server();
    let mut stranger = Stranger::new(1);
    let cookie = stranger.request_cookie(&mut world, 0);
    stranger.finish_handshake(&mut world, 0, &stranger.connect(cookie));
    let home = std::mem::replace(&mut stranger.address, outside(9));
    stranger.send_frames(&mut world, 0, &unreliable(b"from elsewhere"));
    assert!(world.log(0).is_empty());
    stranger.address = home;
    stranger.send_frames(&mut world, 0, &unreliable(b"from home"));
    let peer = world.log(0).connected()[0];
    assert_eq!(world.log(0).messages, [(peer, "from home".into())]);
}

fn repeated_incoming_connects_do_not_extend_the_connect_timeout() {
    let mut world = server();
    let mut stranger = Stranger::new(1);
    let local = world.connect_to(0, stranger.address, &ConnectOptions::default());
    for round in 0..80_u8 {
        // The larger nonce wins over the local connect, and then the stranger is silent.
        stranger.nonce = [0xff; 16];
        stranger.nonce[15] = round;
        let cookie = stranger.request_cookie(&mut world, 0);
        stranger.send_datagram(&mut world, 0, &stranger.connect(cookie).bytes());
        world.run_for(ms(250));
    }
    assert_eq!(
        world.log(0).end_of(local),
        Some(DisconnectReason::ConnectTimeout)
    );
}

fn ignores_replies_to_another_client() {
    let (mut world, _) = hosts_with_admission_count();
    let to_server = world.connect_to(0, outside(5), &ConnectOptions::default());
    // Replies of another server to another client, from the expected address.
    let mut other = World::of_two(2, &LinkConditions::default());
    other.join(0, 1);
    for kind in [kind::COOKIE, kind::ACCEPT] {
        let reply = recorded(&other, kind);
        world.inject(outside(5), 0, &reply.bytes);
    }
    world.inject(outside(5), 0, &mismatch(2, [1; 16], 0));
    world.run_for(secs(9));
    assert_eq!(world.log(0).end_of(to_server), None);
    let hellos = world.packet_observer().datagrams.iter();
    assert!(hellos.clone().all(|sent| sent.bytes[0] == kind::HELLO));
    assert_eq!(hellos.count(), 11);
}

fn accepts_replies_only_with_matching_address_nonce_and_id() {
    let mut world = World::new(1);
    world.add(config());
    let (server, other) = (outside(5), outside(6));
    let to_server = world.connect_to(0, server, &ConnectOptions::default());
    world.run_for(ms(1));
    let nonce = nonce_of_hello(&world.packet_observer().datagrams[0].bytes);
    world.inject(other, 0, &cookie_reply(nonce, [1; 16]));
    world.inject(server, 0, &cookie_reply([2; 16], [2; 16]));
    world.inject(server, 0, &cookie_reply(nonce, [3; 16]));
    world.inject(server, 0, &cookie_reply(nonce, [4; 16]));
    let connect = recorded(&world, kind::CONNECT).bytes;
    assert_eq!(
        returned_cookie(&connect),
        Some([3; 16]),
        "the first cookie is used"
    );

    let id = client_id(&connect);
    let accept = |id: u64, nonce: Nonce, server_id: u64| accept(&connect, id, nonce, server_id);
    let deny = |id: u64, nonce: Nonce, _: u64| deny(&connect, id, nonce);
    for reply in [&accept as &dyn Fn(u64, Nonce, u64) -> Vec<u8>, &deny] {
        world.inject(server, 0, &reply(id ^ 1 << 40, nonce, 7));
        world.inject(server, 0, &reply(id, [2; 16], 7));
        world.inject(other, 0, &reply(id, nonce, 7));
        assert!(!world.log(0).is_connected(to_server));
        assert_eq!(world.log(0).end_of(to_server), None);
    }
    world.inject(server, 0, &accept(id, nonce, 7));
    assert!(world.log(0).is_connected(to_server));
    // Later replies are ignored.
    world.inject(server, 0, &deny(id, nonce, 7));
    world.inject(server, 0, &accept(id, nonce, 8));
    world.inject(server, 0, &cookie_reply(nonce, [5; 16]));
    world.run_for(ms(10));
    assert!(world.log(0).is_connected(to_server));
    let last = world.packet_observer().datagrams.last().unwrap();
    assert_eq!(
        (last.bytes[0], connection_id(&last.bytes)),
        (kind::PACKET, 7)
    );
}

fn drops_a_queued_accept_when_its_slot_is_reused() {
    let mut harness = Harness::new(config());
    let (mut first, mut second) = (Stranger::new(1), Stranger::new(2));
    let again = harness.connect_with_cookie(&first).bytes();
    let connect = harness.connect_with_cookie(&second);
    assert!(harness.handshake(&mut first));
    let peer = harness.host.peers().next().unwrap();
    // In one turn the first repeats its connect and disconnects, and the second reuses its slot.
    harness.deliver(first.address, &again);
    harness.host.disconnect(peer, 0, harness.now);
    while harness.host.poll_event().is_some() {}
    let last = first.packet(&disconnect(0));
    harness.deliver(first.address, &last);
    harness.deliver(second.address, &connect.bytes());
    let mut replies = Vec::new();
    harness.turn(|to, bytes| replies.push((to, bytes.to_vec())));
    assert_eq!(replies.len(), 1);
    let (to, accept) = &replies[0];
    assert_eq!(*to, second.address);
    second.process_accept(&connect, accept);
    let id = second.server_id;
    assert_eq!(id & 0xf_ffff, first.server_id & 0xf_ffff, "the same slot");
    assert_ne!(id, first.server_id);
}

fn ignores_a_hello_that_is_not_1024_bytes_long() {
    let mut world = server();
    let stranger = Stranger::new(1);
    let hello = Hello::new(stranger.nonce).bytes();
    for len in 0..hello.len() {
        assert!(
            stranger
                .send_datagram(&mut world, 0, &hello[..len])
                .is_empty()
        );
    }
    let longer = [&hello[..], &[0; 100]].concat();
    assert!(stranger.send_datagram(&mut world, 0, &longer).is_empty());
    assert_eq!(world.host(0).stats().cookies_sent, 0);
}

under_both!(
    a_replayed_connect_does_not_affect_the_live_session,
    a_replayed_connect_after_a_disconnect_creates_no_peer,
    a_replayed_connect_does_not_block_its_client,
    a_cookie_expires_after_two_rotations,
    a_cookie_is_valid_only_for_its_address_and_nonce,
    ignores_a_connect_with_an_invalid_cookie,
    expires_a_silent_pending_client_without_an_event,
    promotes_a_pending_client_only_at_its_accepted_address,
    repeated_incoming_connects_do_not_extend_the_connect_timeout,
    ignores_replies_to_another_client,
    accepts_replies_only_with_matching_address_nonce_and_id,
    drops_a_queued_accept_when_its_slot_is_reused,
    ignores_a_hello_that_is_not_1024_bytes_long,
);
