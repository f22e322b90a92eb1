//! On-path attacks on encrypted hosts over real sockets. A relay records every datagram and sends
//! copies and forgeries. `tests/attacks` has the exhaustive tests on virtual time.
#![cfg(feature = "noise")]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tickwire::{
    Config, ConnectOptions, Delivery, DisconnectReason, Event, Host, NoiseConfig, PeerId,
    PrivateKey, Security,
};

/// Upper bound on every wait. Only a failing test reaches it.
const DEADLINE: Duration = Duration::from_secs(30);

const MESSAGE: &[u8] = b"sent once";

fn config_with(key: &PrivateKey) -> Config {
    Config {
        security: Security::Noise(NoiseConfig {
            private_key: Some(key.clone()),
            ..NoiseConfig::new(7)
        }),
        ..Config::noise(7)
    }
}

fn host(config: Config) -> Host {
    Host::bind(([127, 0, 0, 1], 0).into(), config).unwrap()
}

fn key(byte: u8) -> PrivateKey {
    PrivateKey::from_bytes([byte; 32])
}

/// The attacker, with a socket towards the client and one towards the server.
struct Relay {
    to_client: UdpSocket,
    to_server: UdpSocket,
    server: SocketAddr,
    client: Option<SocketAddr>,
    recorded: Vec<Vec<u8>>,
}

impl Relay {
    fn new(server: SocketAddr) -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        Self {
            to_client: socket(),
            to_server: socket(),
            server,
            client: None,
            recorded: Vec::new(),
        }
    }

    fn address(&self) -> SocketAddr {
        self.to_client.local_addr().unwrap()
    }

    fn forward(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = self.to_client.recv_from(&mut buffer) {
            self.client = Some(from);
            self.recorded.push(buffer[..len].to_vec());
            self.send(&buffer[..len]);
        }
        while let Ok((len, _)) = self.to_server.recv_from(&mut buffer) {
            if let Some(client) = self.client {
                self.to_client.send_to(&buffer[..len], client).unwrap();
            }
        }
    }

    /// Sends to the server from the address of its client.
    fn send(&self, bytes: &[u8]) {
        self.to_server.send_to(bytes, self.server).unwrap();
    }
}

/// A client that pins a key, the server, and the relay between them.
struct Scene {
    client: Host,
    server: Host,
    relay: Relay,
    to_server: PeerId,
    messages: Vec<Vec<u8>>,
    reason: Option<DisconnectReason>,
}

impl Scene {
    fn new(client: Config, server: Config, pinned: &PrivateKey) -> Self {
        let (server, mut client) = (host(server), host(client));
        let relay = Relay::new(server.local_addr());
        let options = ConnectOptions::default().pin(pinned.public_key());
        let to_server = client.connect(relay.address(), &options).unwrap();
        Self {
            client,
            server,
            relay,
            to_server,
            messages: Vec::new(),
            reason: None,
        }
    }

    fn connected() -> Self {
        let server = key(1);
        let mut scene = Self::new(Config::noise(7), config_with(&server), &server);
        scene.run_until(|scene| scene.server.stats().peers == 1);
        scene
    }

    /// A session in which the client's message has been delivered.
    fn with_a_message() -> Self {
        let mut scene = Self::connected();
        let to_server = scene.to_server;
        scene
            .client
            .send(to_server, Delivery::Reliable, MESSAGE)
            .unwrap();
        scene.run_until(|scene| scene.messages.len() == 1);
        scene
    }

    fn turn(&mut self) {
        let timeout = Some(Duration::from_millis(1));
        self.client.wait(timeout).unwrap();
        self.relay.forward();
        self.server.poll().unwrap();
        self.relay.forward();
        while let Some(event) = self.server.next_event() {
            if let Event::Message { bytes, .. } = event {
                self.messages.push(bytes.to_vec());
            }
        }
        while let Some(event) = self.client.next_event() {
            if let Event::Disconnected { reason, .. } = event {
                self.reason = Some(reason);
            }
        }
    }

    fn run_until(&mut self, mut is_done: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !is_done(self) {
            assert!(start.elapsed() < DEADLINE);
            self.turn();
        }
    }

    fn assert_alive(&mut self) {
        let before = self.messages.len();
        self.client
            .send(self.to_server, Delivery::Reliable, b"still here")
            .unwrap();
        self.run_until(|scene| scene.messages.len() > before);
        assert_eq!(self.messages.last().unwrap(), b"still here");
        assert_eq!(self.server.stats().peers, 1);
    }

    fn peer(&self) -> tickwire::PeerStats {
        let peer = self.server.peers().next().unwrap();
        self.server.peer_stats(peer).unwrap()
    }
}

#[test]
fn reports_a_wrong_server_key_instead_of_a_timeout() {
    let client = Config {
        connect_timeout: Duration::from_millis(500),
        ..Config::noise(7)
    };
    // The client pins key 1, and the server has key 2.
    let mut scene = Scene::new(client, config_with(&key(2)), &key(1));
    scene.run_until(|scene| scene.reason.is_some());
    let shown = key(2).public_key();
    assert_eq!(
        scene.reason,
        Some(DisconnectReason::WrongServerKey { shown })
    );
    assert!(scene.client.stats().wrong_keys > 0);
    assert_eq!(
        scene.server.stats().handshakes,
        0,
        "the server computed a handshake"
    );
}

#[test]
fn an_immediate_replay_delivers_no_message_again() {
    let mut scene = Scene::with_a_message();
    let recorded = scene.relay.recorded.clone();
    let handshakes = scene.server.stats().handshakes;
    for datagram in &recorded {
        scene.relay.send(datagram);
    }
    let packets = recorded.iter().filter(|bytes| bytes[0] == 7).count() as u64;
    assert!(packets > 0);
    scene.run_until(|scene| scene.peer().duplicates >= packets);
    assert_eq!(scene.server.stats().handshakes, handshakes);
    scene.assert_alive();
    let copies = scene.messages.iter().filter(|bytes| *bytes == MESSAGE);
    assert_eq!(copies.count(), 1);
}

#[test]
fn a_replay_to_a_restarted_server_creates_no_peer() {
    let scene = Scene::with_a_message();
    let mut again = host(config_with(&key(1)));
    let attacker = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in &scene.relay.recorded {
        attacker.send_to(datagram, again.local_addr()).unwrap();
    }
    let start = Instant::now();
    while again.stats().bad_cookies == 0 || again.stats().unknown_connection == 0 {
        assert!(start.elapsed() < DEADLINE);
        again.poll().unwrap();
    }
    let stats = again.stats();
    assert_eq!((stats.peers, stats.pending, stats.handshakes), (0, 0, 0));
    assert!(again.next_event().is_none());
}

#[test]
fn counts_corrupted_packets_and_keeps_the_session() {
    let mut scene = Scene::with_a_message();
    let is_packet = |bytes: &&Vec<u8>| bytes[0] == 7;
    let packet = scene
        .relay
        .recorded
        .iter()
        .rfind(is_packet)
        .unwrap()
        .clone();
    // After kind and connection id: packet number, ciphertext and tag.
    for place in 9..packet.len() {
        let mut forged = packet.clone();
        forged[place] ^= 0x10;
        scene.relay.send(&forged);
    }
    let forged = (packet.len() - 9) as u64;
    scene.run_until(|scene| scene.peer().failed_authentication >= forged);
    scene.assert_alive();
}

#[test]
fn a_security_mismatch_does_not_affect_other_peers() {
    let mut scene = Scene::connected();
    let mut plain = host(Config::plain(7));
    plain
        .connect(scene.server.local_addr(), &ConnectOptions::default())
        .unwrap();
    let (start, mut reason) = (Instant::now(), None);
    while reason.is_none() {
        assert!(start.elapsed() < DEADLINE);
        plain.poll().unwrap();
        scene.turn();
        while let Some(event) = plain.next_event() {
            if let Event::Disconnected { reason: other, .. } = event {
                reason = Some(other);
            }
        }
    }
    assert_eq!(reason, Some(DisconnectReason::SecurityMismatch));
    assert!(scene.server.stats().mismatches > 0);
    scene.assert_alive();

    let mut reverse = Scene::new(Config::noise(7), Config::plain(7), &key(1));
    reverse.run_until(|scene| scene.reason.is_some());
    assert_eq!(reverse.reason, Some(DisconnectReason::SecurityMismatch));
}
