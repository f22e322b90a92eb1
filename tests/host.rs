//! Hosts over real sockets. Connections are otherwise tested on virtual time.
#![forbid(unsafe_code)]

#[macro_use]
#[path = "common/protections.rs"]
mod protections;
mod common;

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use mio::{Events, Interest, Poll, Token};
use tickwire::sim::LinkConditions;
use tickwire::{
    Admission, Config, ConnectError, ConnectOptions, Delivery, DisconnectReason, Event, Host,
    PeerId, Socket, SocketConfig,
};

/// Upper bound on every wait. Only a failing test reaches it.
const DEADLINE: Duration = Duration::from_secs(30);

const ANY: &str = "127.0.0.1:0";

fn host_config() -> Config {
    match protections::mode() {
        protections::Mode::Plain => Config::plain(7),
        #[cfg(feature = "noise")]
        protections::Mode::Noise => Config::noise(7),
    }
}

fn host() -> Host {
    host_with(host_config())
}

fn host_with(config: Config) -> Host {
    Host::bind(ANY.parse().unwrap(), config).unwrap()
}

fn connect(from: &mut Host, to: SocketAddr) -> PeerId {
    from.connect(to, &ConnectOptions::default()).unwrap()
}

/// Two hosts that run alternately on one thread.
struct Pair {
    server: Host,
    client: Host,
    at_server: Vec<Event>,
    at_client: Vec<Event>,
}

impl Pair {
    fn new(server: Host, client: Host) -> Self {
        Self {
            server,
            client,
            at_server: Vec::new(),
            at_client: Vec::new(),
        }
    }

    /// Connected hosts, the server's id at the client and the client's id at the server.
    fn connected() -> (Self, PeerId, PeerId) {
        let mut pair = Self::new(host(), host());
        let to_server = connect(&mut pair.client, pair.server.local_addr());
        pair.run_until(|pair| pair.server.stats().peers == 1);
        let to_client = pair.server.peers().next().unwrap();
        pair.at_client.clear();
        pair.at_server.clear();
        (pair, to_server, to_client)
    }

    fn turn(&mut self) {
        self.client.poll().unwrap();
        self.at_client
            .extend(std::iter::from_fn(|| self.client.next_event()));
        self.turn_server();
    }

    fn turn_server(&mut self) {
        self.server.poll().unwrap();
        self.at_server
            .extend(std::iter::from_fn(|| self.server.next_event()));
    }

    fn run_until(&mut self, mut is_done: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !is_done(self) {
            assert!(
                start.elapsed() < DEADLINE,
                "the condition was not met: {self:?}"
            );
            self.turn();
        }
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.at_server, self.at_client)
    }
}

fn messages(events: &[Event]) -> Vec<&[u8]> {
    let bytes = events.iter().filter_map(|event| match event {
        Event::Message { bytes, .. } => Some(&bytes[..]),
        _ => None,
    });
    bytes.collect()
}

fn end(events: &[Event]) -> Option<DisconnectReason> {
    events.iter().find_map(|event| match event {
        Event::Disconnected { reason, .. } => Some(*reason),
        _ => None,
    })
}

fn hosts_connect_exchange_messages_and_disconnect() {
    let (mut pair, to_server, to_client) = Pair::connected();
    pair.client
        .send(to_server, Delivery::Unreliable, b"ping")
        .unwrap();
    pair.run_until(|pair| messages(&pair.at_server) == [b"ping"]);
    pair.server
        .send(to_client, Delivery::Unreliable, b"pong")
        .unwrap();
    pair.run_until(|pair| messages(&pair.at_client) == [b"pong"]);

    pair.client.disconnect(to_server, 3);
    pair.run_until(|pair| end(&pair.at_server).is_some());
    let (local, remote) = (
        DisconnectReason::Local { code: 3 },
        DisconnectReason::Remote { code: 3 },
    );
    pair.run_until(|pair| end(&pair.at_client) == Some(local));
    assert_eq!(end(&pair.at_server), Some(remote));
    assert_eq!(pair.server.stats().peers, 0);
    let gone = pair.server.send(to_client, Delivery::Unreliable, b"");
    assert_eq!(gone, Err(tickwire::SendError::UnknownPeer));
}

fn a_sleeping_server_wakes_for_every_step_of_a_connection() {
    let mut server = host();
    let address = server.local_addr();
    let server_thread = thread::spawn(move || {
        // Without a timeout: datagrams and protocol deadlines must end the sleep.
        loop {
            server.wait(None).unwrap();
            while let Some(event) = server.next_event() {
                match event {
                    Event::Message { peer, bytes, .. } => {
                        server.send(peer, Delivery::Unreliable, &bytes).unwrap();
                    }
                    Event::Disconnected { reason, .. } => return reason,
                    _ => {}
                }
            }
        }
    });
    let mut client = host();
    let peer = connect(&mut client, address);
    let mut echoed = 0;
    while echoed < 100 {
        client.wait(Some(DEADLINE)).unwrap();
        while let Some(event) = client.next_event() {
            echoed += u32::from(matches!(event, Event::Message { .. }));
            client.send(peer, Delivery::Unreliable, b"again").unwrap();
        }
    }
    drop(client);
    let reason = server_thread.join().unwrap();
    assert_eq!(reason, DisconnectReason::Remote { code: 0 });
}

fn sleeping_hosts_send_keep_alives() {
    let config = Config {
        idle_timeout: Duration::from_millis(300),
        keep_alive: Duration::from_millis(60),
        ..host_config()
    };
    let mut server = host_with(config.clone());
    let address = server.local_addr();
    let waker = server.waker().unwrap();
    let server_thread = thread::spawn(move || {
        while !server.take_woken() {
            server.wait(None).unwrap();
            while let Some(event) = server.next_event() {
                let ended = matches!(event, Event::Disconnected { .. });
                assert!(!ended, "{event:?}");
            }
        }
        server.stats().peers
    });
    let mut client = host_with(config);
    let peer = connect(&mut client, address);
    let start = Instant::now();
    // Four times the idle timeout.
    while start.elapsed() < Duration::from_millis(1200) {
        client.wait(Some(Duration::from_millis(100))).unwrap();
        while let Some(event) = client.next_event() {
            assert!(matches!(event, Event::Connected { .. }), "{event:?}");
        }
    }
    let packets = client.peer_stats(peer).unwrap().packets_sent;
    waker.wake().unwrap();
    assert_eq!(server_thread.join().unwrap(), 1);
    assert!(packets < 60, "{packets} packets on an idle connection");
}

fn reads_queued_datagrams_before_timing_out_peers() {
    let idle_timeout = Duration::from_millis(200);
    let server = host_with(Config {
        idle_timeout,
        ..host_config()
    });
    let mut pair = Pair::new(server, host());
    let to_server = connect(&mut pair.client, pair.server.local_addr());
    pair.run_until(|pair| pair.server.stats().peers == 1);
    let to_client = pair.server.peers().next().unwrap();

    // The client sends, and the server is not called until the idle timeout has passed.
    let start = Instant::now();
    while start.elapsed() < 2 * idle_timeout {
        let client = &mut pair.client;
        client
            .send(to_server, Delivery::Unreliable, b"still here")
            .unwrap();
        client.wait(Some(Duration::from_millis(20))).unwrap();
    }
    pair.server.poll().unwrap();
    assert!(pair.server.is_connected(to_client));
    assert_eq!(pair.server.stats().timed_out, 0);

    // A peer that was silent during that time times out.
    let start = Instant::now();
    while start.elapsed() < 2 * idle_timeout {
        thread::yield_now();
    }
    pair.server.poll().unwrap();
    assert_eq!(pair.server.stats().timed_out, 1);
}

fn close_disconnects_peers() {
    let (mut server, mut client) = (host(), host());
    let address = server.local_addr();
    let server_thread = thread::spawn(move || {
        loop {
            server.wait(Some(DEADLINE)).unwrap();
            while let Some(event) = server.next_event() {
                if let Event::Disconnected { reason, .. } = event {
                    return reason;
                }
            }
        }
    });
    let peer = connect(&mut client, address);
    while !client.is_connected(peer) {
        client.wait(Some(DEADLINE)).unwrap();
    }
    client.close(5).unwrap();
    let reason = server_thread.join().unwrap();
    assert_eq!(reason, DisconnectReason::Remote { code: 5 });
}

fn drop_disconnects_peers() {
    let (mut pair, _, _) = Pair::connected();
    pair.client = host();
    pair.run_until(|pair| end(&pair.at_server).is_some());
    assert_eq!(
        end(&pair.at_server),
        Some(DisconnectReason::Remote { code: 0 })
    );
}

fn shutdown_disconnects_all_peers() {
    let mut server = host();
    let address = server.local_addr();
    let mut clients: Vec<Host> = (0..20).map(|_| host()).collect();
    for client in &mut clients {
        connect(client, address);
    }
    let start = Instant::now();
    while server.stats().peers < clients.len() {
        assert!(start.elapsed() < DEADLINE);
        clients.iter_mut().for_each(|client| client.poll().unwrap());
        server.poll().unwrap();
    }
    server.shutdown(9);
    assert_eq!(
        server.connect(clients[0].local_addr(), &ConnectOptions::default()),
        Err(ConnectError::ShuttingDown)
    );
    while !server.is_shut_down() {
        server.wait(Some(DEADLINE)).unwrap();
        clients.iter_mut().for_each(|client| client.poll().unwrap());
        while server.next_event().is_some() {}
    }
    for client in &mut clients {
        let events: Vec<Event> = std::iter::from_fn(|| client.next_event()).collect();
        assert_eq!(end(&events), Some(DisconnectReason::Remote { code: 9 }));
    }
}

fn admission_accepts_and_denies_clients() {
    let mut pair = Pair::new(host(), host());
    let (sender, requests) = channel();
    pair.server.set_admission(move |request| {
        sender.send(request.address).unwrap();
        match request.payload {
            b"ticket" => Admission::Accept,
            _ => Admission::Deny { code: 401 },
        }
    });
    let address = pair.server.local_addr();
    connect(&mut pair.client, address);
    pair.run_until(|pair| end(&pair.at_client).is_some());
    assert_eq!(
        end(&pair.at_client),
        Some(DisconnectReason::Denied { code: 401 })
    );
    assert_eq!(requests.recv().unwrap(), pair.client.local_addr());

    let options = ConnectOptions::with_payload("ticket");
    #[cfg(feature = "noise")]
    let options = match pair.server.public_key() {
        Some(key) => options.pin(key),
        None => options,
    };
    pair.client.connect(address, &options).unwrap();
    pair.run_until(|pair| pair.server.stats().peers == 1);
    let Some(Event::Connected { payload, .. }) = pair.at_server.first() else {
        panic!("{:?}", pair.at_server);
    };
    assert_eq!(&payload[..], b"ticket");
}

fn connect_rejects_unreachable_and_connected_addresses() {
    let mut host = host();
    let options = ConnectOptions::default();
    for text in [
        "127.0.0.1:0",
        "0.0.0.0:9",
        "255.255.255.255:9",
        "224.0.0.1:9",
        "[::1]:9",
    ] {
        let to = text.parse().unwrap();
        let refused = host.connect(to, &options);
        assert_eq!(refused, Err(ConnectError::Unreachable { to }), "{text}");
    }
    let to = "127.0.0.1:9".parse().unwrap();
    let peer = connect(&mut host, to);
    let again = host.connect(to, &options);
    assert_eq!(again, Err(ConnectError::AlreadyConnected { peer }));
}

fn a_dual_stack_host_serves_both_families() {
    let server = Host::bind("[::]:0".parse().unwrap(), host_config());
    if common::skip("IPv6", server.is_ok()) {
        return;
    }
    let server = server.unwrap();
    let port = server.local_addr().port();
    let mut pair = Pair::new(server, host());
    connect(&mut pair.client, ([127, 0, 0, 1], port).into());
    pair.run_until(|pair| pair.server.stats().peers == 1);
    let Some(Event::Connected { address, .. }) = pair.at_server.first() else {
        panic!("{:?}", pair.at_server);
    };
    assert_eq!(*address, pair.client.local_addr());
    // The reverse direction, with an IPv4-mapped address.
    let mut pair = Pair::new(host(), pair.server);
    let SocketAddr::V4(v4) = pair.server.local_addr() else {
        panic!("expected an IPv4 address");
    };
    let mapped = (v4.ip().to_ipv6_mapped(), v4.port()).into();
    connect(&mut pair.client, mapped);
    pair.run_until(|pair| pair.server.stats().peers == 1);
}

/// A NAT between a client and a server that can rebind the client's port.
struct Router {
    inside: SocketAddr,
    rebind: Sender<()>,
}

impl Router {
    /// Runs until the process ends.
    fn to(server: SocketAddr) -> Self {
        let inner = UdpSocket::bind(ANY).unwrap();
        let inside = inner.local_addr().unwrap();
        let (rebind, rebinds) = channel();
        thread::spawn(move || route(&inner, server, || rebinds.try_recv().is_ok()));
        Self { inside, rebind }
    }
}

fn route(inner: &UdpSocket, server: SocketAddr, mut should_rebind: impl FnMut() -> bool) {
    let mut outer = UdpSocket::bind(ANY).unwrap();
    let (mut client, mut buffer) = (None, [0; 2048]);
    for socket in [inner, &outer] {
        socket.set_nonblocking(true).unwrap();
    }
    loop {
        if should_rebind() {
            outer = UdpSocket::bind(ANY).unwrap();
            outer.set_nonblocking(true).unwrap();
        }
        if let Ok((len, from)) = inner.recv_from(&mut buffer) {
            client = Some(from);
            outer.send_to(&buffer[..len], server).unwrap();
        }
        if let (Some(client), Ok((len, _))) = (client, outer.recv_from(&mut buffer)) {
            inner.send_to(&buffer[..len], client).unwrap();
        }
        thread::yield_now();
    }
}

fn a_session_survives_nat_rebinding() {
    let mut pair = Pair::new(host(), host());
    let router = Router::to(pair.server.local_addr());
    let to_server = connect(&mut pair.client, router.inside);
    pair.run_until(|pair| pair.server.stats().peers == 1);
    let to_client = pair.server.peers().next().unwrap();
    let before = pair.server.peer_stats(to_client).unwrap().address;

    router.rebind.send(()).unwrap();
    let mut sent_at = None::<Instant>;
    pair.run_until(|pair| {
        // Every 10 ms: a flood would overflow the receive buffers of the NAT.
        if sent_at.is_none_or(|at| at.elapsed() > Duration::from_millis(10)) {
            let _ = pair.client.send(to_server, Delivery::Unreliable, b"moved");
            sent_at = Some(Instant::now());
        }
        messages(&pair.at_server).contains(&&b"moved"[..])
            && pair
                .at_server
                .iter()
                .any(|event| matches!(event, Event::Moved { .. }))
    });
    let after = pair.server.peer_stats(to_client).unwrap().address;
    assert_ne!(before, after);
    pair.server
        .send(to_client, Delivery::Unreliable, b"still there")
        .unwrap();
    pair.run_until(|pair| messages(&pair.at_client).contains(&&b"still there"[..]));
    assert_eq!(end(&pair.at_client), None);
    assert_eq!(end(&pair.at_server), None);
}

fn works_in_an_external_poll() {
    const HOST: Token = Token(7);
    let (mut server, mut client) = (host(), host());
    let mut poll = Poll::new().unwrap();
    poll.registry()
        .register(&mut server, HOST, Interest::READABLE)
        .unwrap();
    connect(&mut client, server.local_addr());
    let mut events = Events::with_capacity(4);
    let start = Instant::now();
    while server.stats().peers == 0 {
        assert!(start.elapsed() < DEADLINE);
        client.poll().unwrap();
        let sleep = server
            .next_deadline()
            .map(|at| at.saturating_duration_since(Instant::now()));
        let sleep = sleep.unwrap_or(Duration::from_millis(5));
        poll.poll(&mut events, Some(sleep.min(Duration::from_millis(5))))
            .unwrap();
        server.poll().unwrap();
    }
    let error = server.wait(None).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
}

fn link_conditions_apply_and_can_be_removed() {
    let latency = Duration::from_millis(30);
    let mut pair = Pair::new(host(), host());
    let conditions = LinkConditions {
        latency,
        ..LinkConditions::default()
    };
    pair.client
        .set_link_conditions(Some(conditions.clone()))
        .unwrap();
    let start = Instant::now();
    let to_server = connect(&mut pair.client, pair.server.local_addr());
    pair.run_until(|pair| pair.server.stats().peers == 1);
    // Hello, cookie, connect, accept, and the first packet.
    assert!(start.elapsed() >= 5 * latency);
    let round_trip = pair.client.peer_stats(to_server).unwrap().round_trip;
    assert!(round_trip >= Some(2 * latency), "{round_trip:?}");

    let partition = LinkConditions {
        partitioned: true,
        ..conditions
    };
    pair.client.set_link_conditions(Some(partition)).unwrap();
    pair.client
        .send(to_server, Delivery::Unreliable, b"lost")
        .unwrap();
    pair.client.flush().unwrap();
    pair.client.set_link_conditions(None).unwrap();
    pair.client
        .send(to_server, Delivery::Unreliable, b"found")
        .unwrap();
    pair.run_until(|pair| !messages(&pair.at_server).is_empty());
    assert_eq!(messages(&pair.at_server), [b"found"]);
    let nonsense = LinkConditions {
        corruption: 2.0,
        ..LinkConditions::default()
    };
    assert!(pair.client.set_link_conditions(Some(nonsense)).is_err());
}

/// Takes many turns at the initial rate.
static LONG: [u8; 40_000] = [7; 40_000];

fn receive_sends_nothing_to_peers() {
    let (mut pair, to_server, _) = Pair::connected();
    let sent = |host: &Host| host.socket_stats().datagrams_sent;
    pair.client
        .send(to_server, Delivery::Reliable, &LONG)
        .unwrap();
    pair.client.flush().unwrap();
    let start = Instant::now();
    while messages(&pair.at_server).is_empty() {
        assert!(
            start.elapsed() < DEADLINE,
            "the message did not arrive: {pair:?}"
        );
        let before = sent(&pair.client);
        pair.client.receive().unwrap();
        assert_eq!(sent(&pair.client), before, "only flush sends to peers");
        pair.client.flush().unwrap();
        pair.turn_server();
    }
    assert_eq!(messages(&pair.at_server), [&LONG[..]]);
}

fn poll_sends_to_peers_also_after_a_flush() {
    let (mut pair, to_server, _) = Pair::connected();
    pair.client
        .send(to_server, Delivery::Reliable, &LONG)
        .unwrap();
    pair.client.flush().unwrap();
    pair.run_until(|pair| !messages(&pair.at_server).is_empty());
    assert_eq!(messages(&pair.at_server), [&LONG[..]]);
}

fn a_full_send_queue_causes_backpressure_without_loss() {
    let config = SocketConfig {
        send_queue: 1,
        batch: 1,
        ..SocketConfig::default()
    };
    let socket = Socket::with_config(ANY.parse().unwrap(), &config).unwrap();
    let client = Host::with_socket(socket, host_config()).unwrap();
    let mut pair = Pair::new(host(), client);
    let to_server = connect(&mut pair.client, pair.server.local_addr());
    pair.run_until(|pair| pair.server.stats().peers == 1);
    // Reliable, because unreliable messages expire while the pacer delays them.
    for number in 0..100_u8 {
        pair.client
            .send(to_server, Delivery::Reliable, &[number; 900])
            .unwrap();
    }
    pair.run_until(|pair| messages(&pair.at_server).len() == 100);
    assert_eq!(pair.client.socket_stats().queue_full, 0);
}

fn names_a_config_field_that_is_out_of_range() {
    let config = Config {
        idle_timeout: Duration::ZERO,
        ..host_config()
    };
    let error = Host::bind(ANY.parse().unwrap(), config).unwrap_err();
    assert_eq!(
        error.to_string(),
        "idle_timeout is 0 ms, but must be between 100 ms and 1 h"
    );
    assert!(matches!(error, tickwire::BindError::Config(_)));
}

fn echoed_messages_allocate_nothing() {
    let (mut pair, to_server, _) = Pair::connected();
    let mut echo = |count: u32| {
        let mut echoed = 0;
        pair.client
            .send(to_server, Delivery::Unreliable, &[7; 200])
            .unwrap();
        let start = Instant::now();
        while echoed < count {
            assert!(start.elapsed() < DEADLINE);
            pair.client.poll().unwrap();
            while let Some(event) = pair.client.next_event() {
                assert!(matches!(event, Event::Message { .. }), "{event:?}");
                echoed += 1;
                pair.client
                    .send(to_server, Delivery::Unreliable, &[7; 200])
                    .unwrap();
            }
            pair.client.flush().unwrap();
            pair.server.poll().unwrap();
            while let Some(event) = pair.server.next_event() {
                if let Event::Message { peer, bytes, .. } = event {
                    let sent = pair.server.send(peer, Delivery::Unreliable, &bytes);
                    sent.unwrap();
                }
            }
            pair.server.flush().unwrap();
        }
    };
    // On a busy machine a queue can exceed its previous maximum and allocate, so only one of the 20
    // rounds must allocate nothing.
    let allocations = (0..20).map(|_| measure(|| echo(2000)).count_total);
    assert!(allocations.min() == Some(0));
}

fn a_host_is_send() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&host());
}

under_both!(
    hosts_connect_exchange_messages_and_disconnect,
    a_sleeping_server_wakes_for_every_step_of_a_connection,
    sleeping_hosts_send_keep_alives,
    reads_queued_datagrams_before_timing_out_peers,
    close_disconnects_peers,
    drop_disconnects_peers,
    shutdown_disconnects_all_peers,
    admission_accepts_and_denies_clients,
    connect_rejects_unreachable_and_connected_addresses,
    a_dual_stack_host_serves_both_families,
    a_session_survives_nat_rebinding,
    works_in_an_external_poll,
    link_conditions_apply_and_can_be_removed,
    receive_sends_nothing_to_peers,
    poll_sends_to_peers_also_after_a_flush,
    a_full_send_queue_causes_backpressure_without_loss,
    names_a_config_field_that_is_out_of_range,
    echoed_messages_allocate_nothing,
    a_host_is_send,
);

#[cfg(feature = "noise")]
#[test]
fn every_test_runs_under_both_protections() {
    let (plain, noise) = protections::counts();
    assert_eq!(plain, noise);
    assert!(plain > 10, "{plain}");
}
