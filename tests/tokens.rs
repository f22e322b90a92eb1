//! Admission tokens with hosts over real sockets.
#![cfg(feature = "noise")]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[macro_use]
#[path = "common/protections.rs"]
mod protections;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tickwire::sim::LinkConditions;
use tickwire::token::{self, Claims, TokenError, TokenId, TokenKey, Verifier};
use tickwire::{Admission, Config, ConnectOptions, DisconnectReason, Event, Host, PeerId};

/// Constant Unix time of the tests, in seconds.
const NOW: u64 = 1_700_000_000;
const ARENA: &[u8] = b"arena-7";
const DEADLINE: Duration = Duration::from_secs(30);
const TURN_WAIT: Option<Duration> = Some(Duration::from_millis(1));

fn key() -> TokenKey {
    TokenKey::from_bytes([7; 32])
}

fn token(id: u8, audience: &[u8], expires_at: u64) -> Vec<u8> {
    let claims = Claims {
        player: b"anna",
        audience,
        expires_at,
        data: b"",
    };
    token::issue(&key(), &claims, TokenId::from_bytes([id; 16])).unwrap()
}

fn code_of(error: TokenError) -> u32 {
    match error {
        TokenError::Malformed => 1,
        TokenError::BadSignature => 2,
        TokenError::WrongAudience => 3,
        TokenError::Expired => 4,
        TokenError::UsedBefore => 5,
        _ => 9,
    }
}

/// A server that admits clients with a valid token, as in the documentation of `token`.
struct Server {
    host: Host,
    verifier: Verifier,
    /// Connected players whose token was redeemed.
    players: Vec<(PeerId, Vec<u8>)>,
    rejected: u32,
}

impl Server {
    fn start() -> Self {
        let mut host = bind();
        let verifier = Verifier::new(key(), ARENA).unwrap();
        let admission = verifier.clone();
        host.set_admission(
            move |request| match admission.verify(request.payload, NOW) {
                Ok(_) => Admission::Accept,
                Err(error) => Admission::Deny {
                    code: code_of(error),
                },
            },
        );
        Self {
            host,
            verifier,
            players: Vec::new(),
            rejected: 0,
        }
    }

    fn turn(&mut self) {
        self.host.wait(TURN_WAIT).unwrap();
        while let Some(event) = self.host.next_event() {
            match event {
                Event::Connected { peer, payload, .. } => self.on_connected(peer, &payload),
                Event::Disconnected { peer, .. } => self.players.retain(|(id, _)| *id != peer),
                _ => {}
            }
        }
    }

    fn on_connected(&mut self, peer: PeerId, payload: &[u8]) {
        match self.verifier.redeem(payload, NOW) {
            Ok(token) => self.players.push((peer, token.player.to_vec())),
            Err(error) => {
                self.rejected += 1;
                self.host.disconnect(peer, code_of(error));
            }
        }
    }
}

fn bind() -> Host {
    let protection = match protections::mode() {
        protections::Mode::Plain => Config::plain,
        protections::Mode::Noise => Config::noise,
    };
    let config = Config {
        // Repeated losses and a busy machine can delay a connect.
        connect_timeout: Duration::from_secs(3600),
        ..protection(7)
    };
    Host::bind("127.0.0.1:0".parse().unwrap(), config).unwrap()
}

/// A client with a token, and the outcome of its connect.
struct Player {
    host: Host,
    end: Option<DisconnectReason>,
    is_connected: bool,
}

impl Player {
    fn new() -> Self {
        Self {
            host: bind(),
            end: None,
            is_connected: false,
        }
    }

    fn connect(mut self, server: &Server, payload: &[u8]) -> Self {
        let mut options = ConnectOptions::with_payload(payload);
        options.server_key = server.host.public_key();
        self.host
            .connect(server.host.local_addr(), &options)
            .unwrap();
        (self.end, self.is_connected) = (None, false);
        self
    }

    fn turn(&mut self) {
        self.host.wait(TURN_WAIT).unwrap();
        while let Some(event) = self.host.next_event() {
            match event {
                Event::Connected { .. } => self.is_connected = true,
                Event::Disconnected { reason, .. } => self.end = Some(reason),
                _ => {}
            }
        }
    }
}

/// An on-path attacker that records the connect of a player.
struct Relay {
    socket: UdpSocket,
    server: SocketAddr,
    player: Option<SocketAddr>,
    connect: Vec<u8>,
}

impl Relay {
    fn to(server: &Server) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            server: server.host.local_addr(),
            player: None,
            connect: Vec::new(),
        }
    }

    fn forward(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            let datagram = &buffer[..len];
            let to = if from == self.server {
                self.player.expect("the player sends first")
            } else {
                self.player = Some(from);
                self.record(datagram);
                self.server
            };
            self.socket.send_to(datagram, to).unwrap();
        }
    }

    fn record(&mut self, datagram: &[u8]) {
        // A connect, see `proto/WIRE.md`.
        if datagram[0] == 4 {
            self.connect = datagram.to_vec();
        }
    }

    fn replay_connect(&self) {
        assert!(!self.connect.is_empty(), "there was no connect");
        self.socket.send_to(&self.connect, self.server).unwrap();
    }
}

/// Repeats until `is_so`, for at most [`DEADLINE`].
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(
            started.elapsed() < DEADLINE,
            "{what}: not within {DEADLINE:?}"
        );
    }
}

/// Connects with a token and returns why it was denied.
fn refusal(server: &mut Server, payload: &[u8]) -> DisconnectReason {
    let mut player = Player::new().connect(server, payload);
    until("the connect is refused", || {
        player.turn();
        server.turn();
        player.end.is_some()
    });
    assert!(!player.is_connected);
    player.end.unwrap()
}

fn admit(server: &mut Server, mut player: Player) -> Player {
    let before = server.players.len();
    until("a player is admitted", || {
        player.turn();
        server.turn();
        assert_eq!(player.end, None);
        player.is_connected && server.players.len() > before
    });
    player
}

under_both! {
    a_valid_token_admits_its_player,
    denies_and_counts_invalid_tokens_by_reason,
    denies_a_used_token_during_and_after_the_session,
    a_reconnect_from_the_same_address_needs_a_new_token,
    denies_a_replayed_connect_with_a_used_token,
    a_token_admits_one_of_two_simultaneous_clients,
    retransmitted_connects_do_not_use_up_a_token,
}

#[test]
fn both_protections_have_the_same_tests() {
    let (plain, noise) = protections::counts();
    assert!(plain == noise && plain > 0, "{plain} and {noise}");
}

fn a_valid_token_admits_its_player() {
    let mut server = Server::start();
    let player = Player::new().connect(&server, &token(1, ARENA, NOW + 60));
    let _player = admit(&mut server, player);
    assert_eq!(server.players[0].1, b"anna");
    assert_eq!(server.verifier.stats().redeemed, 1);
}

fn denies_and_counts_invalid_tokens_by_reason() {
    let mut server = Server::start();
    let mut altered = token(1, ARENA, NOW + 60);
    altered[30] ^= 1;
    let cases = [
        (vec![], 1),
        (altered, 2),
        (token(1, b"arena-8", NOW + 60), 3),
        (token(1, ARENA, NOW), 4),
    ];
    for (payload, code) in cases {
        let reason = refusal(&mut server, &payload);
        assert_eq!(reason, DisconnectReason::Denied { code });
    }
    let stats = server.verifier.stats();
    for count in [
        stats.malformed,
        stats.bad_signature,
        stats.wrong_audience,
        stats.expired,
    ] {
        assert!(count >= 1, "{stats:?}");
    }
    assert_eq!((stats.verified, stats.redeemed), (0, 0));
    assert_eq!(server.players, []);
}

fn denies_a_used_token_during_and_after_the_session() {
    let mut server = Server::start();
    let used = token(1, ARENA, NOW + 60);
    let player = Player::new().connect(&server, &used);
    let mut player = admit(&mut server, player);

    let denied = DisconnectReason::Denied { code: 5 };
    assert_eq!(refusal(&mut server, &used), denied);
    assert_eq!(server.players.len(), 1);

    player.host.shutdown(0);
    until("the player disconnects", || {
        player.turn();
        server.turn();
        player.host.is_shut_down() && server.players.is_empty()
    });
    assert_eq!(refusal(&mut server, &used), denied);
    let player = Player::new().connect(&server, &token(2, ARENA, NOW + 60));
    let _player = admit(&mut server, player);
}

fn a_reconnect_from_the_same_address_needs_a_new_token() {
    let mut server = Server::start();
    let used = token(1, ARENA, NOW + 60);
    let player = Player::new().connect(&server, &used);
    let mut player = admit(&mut server, player);
    let (peer, _) = server.players[0];
    server.host.disconnect(peer, 99);
    until("the player is disconnected", || {
        server.turn();
        player.turn();
        player.end.is_some()
    });
    let mut player = player.connect(&server, &used);
    until("the connect is refused", || {
        server.turn();
        player.turn();
        player.end.is_some()
    });
    assert_eq!(player.end, Some(DisconnectReason::Denied { code: 5 }));
}

/// The cookie is valid for the relay's address, so its copy of the connect reaches admission.
fn denies_a_replayed_connect_with_a_used_token() {
    let mut server = Server::start();
    let mut relay = Relay::to(&server);
    let mut player = Player::new();
    let mut options = ConnectOptions::with_payload(token(1, ARENA, NOW + 60));
    options.server_key = server.host.public_key();
    let through = relay.socket.local_addr().unwrap();
    player.host.connect(through, &options).unwrap();
    until("the player is admitted", || {
        player.turn();
        server.turn();
        relay.forward();
        player.is_connected && server.players.len() == 1
    });

    // While the player is connected the accept is repeated without admission.
    let verified = server.verifier.stats().verified;
    let again = server.host.stats().repeated_connects;
    until("the copy is a repeated connect", || {
        relay.replay_connect();
        server.turn();
        server.host.stats().repeated_connects > again
    });
    assert_eq!(server.verifier.stats().verified, verified);

    player.host.shutdown(0);
    until("the player disconnects", || {
        player.turn();
        server.turn();
        relay.forward();
        player.host.is_shut_down() && server.players.is_empty()
    });
    // The closed connection is kept for a while, and then the copy reaches admission.
    until("the copy is refused", || {
        relay.replay_connect();
        server.turn();
        server.verifier.stats().used_before > 0
    });
    let stats = server.verifier.stats();
    assert_eq!((stats.verified, stats.redeemed), (verified, 1));
    assert_eq!((server.players.len(), server.rejected), (0, 0));
}

/// Both pass admission, which redeems no token. The first to redeem it stays.
fn a_token_admits_one_of_two_simultaneous_clients() {
    let mut server = Server::start();
    let shared = token(1, ARENA, NOW + 60);
    let mut players = [(); 2].map(|()| Player::new().connect(&server, &shared));
    // The server reads no event until both are connected.
    until("both are connected", || {
        for player in &mut players {
            player.host.wait(TURN_WAIT).unwrap();
        }
        server.host.wait(TURN_WAIT).unwrap();
        server.host.stats().peers == 2
    });
    until("one is disconnected", || {
        server.turn();
        for player in &mut players {
            player.turn();
        }
        players.iter().any(|player| player.end.is_some())
    });
    let ends = players.each_ref().map(|player| player.end);
    let rejected = Some(DisconnectReason::Remote { code: 5 });
    assert!(
        ends == [rejected, None] || ends == [None, rejected],
        "{ends:?}"
    );
    assert_eq!((server.players.len(), server.rejected), (1, 1));
}

fn retransmitted_connects_do_not_use_up_a_token() {
    let mut server = Server::start();
    let conditions = LinkConditions {
        loss: tickwire::sim::Loss::Independent { probability: 0.15 },
        duplication: 0.3,
        ..LinkConditions::default()
    };
    let mut players = Vec::new();
    for id in 0..5 {
        let mut player = Player::new();
        player
            .host
            .set_link_conditions(Some(conditions.clone()))
            .unwrap();
        let player = player.connect(&server, &token(id, ARENA, NOW + 60));
        players.push(admit(&mut server, player));
    }
    let stats = server.verifier.stats();
    assert_eq!((stats.redeemed, stats.used_before), (5, 0), "{stats:?}");
}
