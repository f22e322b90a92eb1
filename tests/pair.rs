//! `Host::pair`: two connected hosts in one process, without a socket.
#![forbid(unsafe_code)]

#[macro_use]
#[path = "common/protections.rs"]
mod protections;

use std::thread;
use std::time::{Duration, Instant};

use mio::{Interest, Poll, Token};
use tickwire::sim::LinkConditions;
use tickwire::{Config, Delivery, DisconnectReason, Event, Host, PeerId};

/// Upper bound on every wait. Only a failing test reaches it.
const DEADLINE: Duration = Duration::from_secs(30);

fn config() -> Config {
    match protections::mode() {
        protections::Mode::Plain => Config::plain(7),
        #[cfg(feature = "noise")]
        protections::Mode::Noise => Config::noise(7),
    }
}

/// A client, its server, and the peer id of each at the other. Their `Connected` events are read.
fn pair() -> (Host, Host, PeerId, PeerId) {
    let (mut client, mut server) = Host::pair(config(), config()).unwrap();
    let peer_of = |host: &mut Host| match host.next_event() {
        Some(Event::Connected { peer, .. }) => peer,
        other => panic!("{other:?}"),
    };
    let (to_server, to_client) = (peer_of(&mut client), peer_of(&mut server));
    assert!(client.next_event().is_none() && server.next_event().is_none());
    (client, server, to_server, to_client)
}

fn messages(host: &mut Host) -> Vec<(Delivery, Vec<u8>)> {
    let events = std::iter::from_fn(|| host.next_event());
    events
        .filter_map(|event| match event {
            Event::Message {
                delivery, bytes, ..
            } => Some((delivery, bytes.to_vec())),
            Event::Disconnected { reason, .. } => panic!("{reason}"),
            _ => None,
        })
        .collect()
}

fn run_until(
    one: &mut Host,
    other: &mut Host,
    mut is_done: impl FnMut(&mut Host, &mut Host) -> bool,
) {
    let started = Instant::now();
    while !is_done(one, other) {
        assert!(started.elapsed() < DEADLINE);
        one.poll().unwrap();
        other.wait(Some(Duration::from_millis(1))).unwrap();
    }
}

const DELIVERIES: [Delivery; 4] = [
    Delivery::Unreliable,
    Delivery::Sequenced(3),
    Delivery::Reliable,
    Delivery::Ordered(5),
];

fn messages_of_every_delivery_arrive_with_one_poll() {
    let (mut client, mut server, to_server, to_client) = pair();
    for delivery in DELIVERIES {
        client
            .send(to_server, delivery, b"from the client")
            .unwrap();
        server
            .send(to_client, delivery, b"from the server")
            .unwrap();
    }
    client.flush().unwrap();
    server.poll().unwrap();
    client.poll().unwrap();
    for (host, expected) in [
        (&mut server, b"from the client"),
        (&mut client, b"from the server"),
    ] {
        let received = messages(host);
        assert_eq!(received.len(), DELIVERIES.len());
        for delivery in DELIVERIES {
            assert!(received.contains(&(delivery, expected.to_vec())));
        }
    }
}

fn long_messages_arrive_whole() {
    let (mut client, mut server, to_server, _) = pair();
    let long = vec![7; 60_000];
    client.send(to_server, Delivery::Ordered(0), &long).unwrap();
    let mut received = Vec::new();
    run_until(&mut client, &mut server, |_, server| {
        received.extend(messages(server));
        !received.is_empty()
    });
    assert_eq!(received, [(Delivery::Ordered(0), long)]);
}

fn wait_returns_when_the_other_thread_sends() {
    let (mut client, mut server, to_server, _) = pair();
    let echo = thread::spawn(move || {
        let mut echoed = 0;
        while echoed < 100 {
            // Longer than the test may take: only a datagram ends the wait.
            server.wait(Some(DEADLINE)).unwrap();
            while let Some(event) = server.next_event() {
                if let Event::Message {
                    peer,
                    delivery,
                    bytes,
                    ..
                } = event
                {
                    server.send(peer, delivery, &bytes).unwrap();
                    echoed += 1;
                }
            }
            server.flush().unwrap();
        }
        server
    });
    let started = Instant::now();
    for number in 0..100_u8 {
        let delivery = Delivery::Ordered(1);
        client.send(to_server, delivery, &[number]).unwrap();
        client.flush().unwrap();
        let mut received = Vec::new();
        while received.is_empty() {
            client.wait(Some(DEADLINE)).unwrap();
            received = messages(&mut client);
        }
        assert_eq!(received, [(delivery, vec![number])]);
    }
    assert!(started.elapsed() < DEADLINE);
    drop(echo.join().unwrap());
}

fn waker_ends_a_wait() {
    let (mut client, _server, ..) = pair();
    let waker = client.waker().unwrap();
    let waking = thread::spawn(move || waker.wake().unwrap());
    let started = Instant::now();
    while !client.take_woken() {
        client.wait(Some(DEADLINE)).unwrap();
    }
    assert!(started.elapsed() < DEADLINE);
    waking.join().unwrap();
}

fn wait_ends_at_its_timeout() {
    let (mut client, mut server, ..) = pair();
    // Finishes the handshake.
    for _ in 0..4 {
        client.poll().unwrap();
        server.poll().unwrap();
    }
    let started = Instant::now();
    let timeout = Duration::from_millis(20);
    while started.elapsed() < timeout {
        client
            .wait(Some(timeout - started.elapsed().min(timeout)))
            .unwrap();
    }
    assert!(started.elapsed() < DEADLINE);
}

fn dropping_one_disconnects_the_other() {
    let (client, mut server, _, to_client) = pair();
    drop(client);
    server.poll().unwrap();
    let ends = std::iter::from_fn(|| server.next_event()).find_map(|event| match event {
        Event::Disconnected { peer, reason, .. } => Some((peer, reason)),
        _ => None,
    });
    assert_eq!(
        ends,
        Some((to_client, DisconnectReason::Remote { code: 0 }))
    );
}

fn dropping_one_wakes_the_other() {
    let (client, mut server, ..) = pair();
    let waiting = thread::spawn(move || {
        loop {
            server.wait(Some(DEADLINE)).unwrap();
            while let Some(event) = server.next_event() {
                if let Event::Disconnected { reason, .. } = event {
                    return reason;
                }
            }
        }
    });
    let started = Instant::now();
    drop(client);
    assert_eq!(
        waiting.join().unwrap(),
        DisconnectReason::Remote { code: 0 }
    );
    assert!(started.elapsed() < DEADLINE);
}

fn simulated_links_delay_a_pair() {
    let (mut client, mut server, to_server, _) = pair();
    let conditions = LinkConditions {
        latency: Duration::from_millis(10),
        ..LinkConditions::default()
    };
    client.set_link_conditions(Some(conditions)).unwrap();
    let sent = Instant::now();
    client.send(to_server, Delivery::Reliable, b"late").unwrap();
    run_until(&mut client, &mut server, |_, server| {
        !messages(server).is_empty()
    });
    assert!(sent.elapsed() >= Duration::from_millis(10));
}

fn hosts_of_a_pair_have_no_socket() {
    let (mut client, server, ..) = pair();
    assert!(client.socket().is_none());
    let poll = Poll::new().unwrap();
    let outcome = poll
        .registry()
        .register(&mut client, Token(0), Interest::READABLE);
    assert_eq!(outcome.unwrap_err().kind(), std::io::ErrorKind::Unsupported);
    let elsewhere = "127.0.0.1:4000".parse().unwrap();
    assert!(client.connect(elsewhere, &Default::default()).is_err());
    assert_ne!(client.local_addr(), server.local_addr());
}

fn configs_that_cannot_connect_are_an_error() {
    let mut closed = config();
    closed.accept_incoming = false;
    let error = Host::pair(config(), closed).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let mut invalid = config();
    invalid.peers_max = usize::MAX;
    assert!(Host::pair(config(), invalid).is_err());
    assert!(Host::pair(config(), Config::plain(8)).is_err());
}

under_both!(
    messages_of_every_delivery_arrive_with_one_poll,
    long_messages_arrive_whole,
    wait_returns_when_the_other_thread_sends,
    waker_ends_a_wait,
    wait_ends_at_its_timeout,
    dropping_one_disconnects_the_other,
    dropping_one_wakes_the_other,
    simulated_links_delay_a_pair,
    hosts_of_a_pair_have_no_socket,
    configs_that_cannot_connect_are_an_error,
);

#[cfg(feature = "noise")]
#[test]
fn every_test_runs_under_both_protections() {
    let (plain, noise) = protections::counts();
    assert_eq!(plain, noise);
}
