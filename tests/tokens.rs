//! Admission tokens at the door of real hosts: what gets in, how often, and what is told.
#![cfg(feature = "noise")]
#![allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]

#[macro_use]
#[path = "common/protections.rs"]
mod protections;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tickwire::sim::LinkConditions;
use tickwire::token::{self, Claims, TokenError, TokenId, TokenKey, Verifier};
use tickwire::{Admission, Config, ConnectOptions, DisconnectReason, Event, Host, PeerId};

/// The time of day in this test, which stands.
const NOW: u64 = 1_700_000_000;
const ARENA: &[u8] = b"arena-7";
const DEADLINE: Duration = Duration::from_secs(30);
/// A turn that nothing happens in.
const A_MOMENT: Option<Duration> = Some(Duration::from_millis(1));

fn key() -> TokenKey {
    TokenKey::from_bytes([7; 32])
}

fn token(id: u8, audience: &[u8], expires_at: u64) -> Vec<u8> {
    let grant = Claims {
        player: b"anna",
        audience,
        expires_at,
        data: b"",
    };
    token::issue(&key(), &grant, TokenId::from_bytes([id; 16])).unwrap()
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

/// A server that lets in who has a good token, as the documentation of tokens has it.
struct Server {
    host: Host,
    verifier: Verifier,
    /// Who is there, with a token that was spent.
    players: Vec<(PeerId, Vec<u8>)>,
    sent_away: u32,
}

impl Server {
    fn start() -> Self {
        let mut host = bind();
        let verifier = Verifier::new(key(), ARENA).unwrap();
        let door = verifier.clone();
        host.set_admission(move |request| match door.verify(request.payload, NOW) {
            Ok(_) => Admission::Accept,
            Err(error) => Admission::Deny {
                code: code_of(error),
            },
        });
        Self {
            host,
            verifier,
            players: Vec::new(),
            sent_away: 0,
        }
    }

    fn turn(&mut self) {
        self.host.wait(A_MOMENT).unwrap();
        while let Some(event) = self.host.next_event() {
            match event {
                Event::Connected { peer, payload, .. } => self.on_connected(peer, &payload),
                Event::Disconnected { peer, .. } => self.players.retain(|(who, _)| *who != peer),
                _ => {}
            }
        }
    }

    fn on_connected(&mut self, peer: PeerId, payload: &[u8]) {
        match self.verifier.redeem(payload, NOW) {
            Ok(token) => self.players.push((peer, token.player.to_vec())),
            Err(error) => {
                self.sent_away += 1;
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
        // What is lost may be lost again, and the machine may be busy.
        connect_timeout: Duration::from_secs(3600),
        ..protection(7)
    };
    Host::bind("127.0.0.1:0".parse().unwrap(), config).unwrap()
}

/// A player who shows a token, with what became of that.
struct Player {
    host: Host,
    end: Option<DisconnectReason>,
    is_there: bool,
}

impl Player {
    fn new() -> Self {
        Self {
            host: bind(),
            end: None,
            is_there: false,
        }
    }

    fn connect(mut self, server: &Server, payload: &[u8]) -> Self {
        let mut options = ConnectOptions::with_payload(payload);
        options.server_key = server.host.public_key();
        self.host
            .connect(server.host.local_addr(), &options)
            .unwrap();
        (self.end, self.is_there) = (None, false);
        self
    }

    fn turn(&mut self) {
        self.host.wait(A_MOMENT).unwrap();
        while let Some(event) = self.host.next_event() {
            match event {
                Event::Connected { .. } => self.is_there = true,
                Event::Disconnected { reason, .. } => self.end = Some(reason),
                _ => {}
            }
        }
    }
}

/// Somebody between a player and a server, who keeps what the player asked for.
struct Middle {
    socket: UdpSocket,
    server: SocketAddr,
    player: Option<SocketAddr>,
    connect: Vec<u8>,
}

impl Middle {
    fn before(server: &Server) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            server: server.host.local_addr(),
            player: None,
            connect: Vec::new(),
        }
    }

    /// Everything that came, to the other side.
    fn pass_on(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            let datagram = &buffer[..len];
            let to = if from == self.server {
                self.player.expect("the player speaks first")
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

/// Until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(
            started.elapsed() < DEADLINE,
            "{what}: not within {DEADLINE:?}"
        );
    }
}

/// Connects with a token, and says how that ended.
fn refusal(server: &mut Server, payload: &[u8]) -> DisconnectReason {
    let mut player = Player::new().connect(server, payload);
    until("a refusal", || {
        player.turn();
        server.turn();
        player.end.is_some()
    });
    assert!(!player.is_there);
    player.end.unwrap()
}

fn let_in(server: &mut Server, mut player: Player) -> Player {
    let before = server.players.len();
    until("a player who is let in", || {
        player.turn();
        server.turn();
        assert_eq!(player.end, None);
        player.is_there && server.players.len() > before
    });
    player
}

under_both! {
    a_good_token_opens_a_connection_and_says_who_came,
    a_token_that_is_not_good_is_denied_with_its_reason_and_counted,
    a_used_token_is_denied_to_everybody_while_its_player_is_there_and_after_he_went,
    a_player_from_the_same_address_needs_a_new_token_too,
    a_recorded_connect_opens_nothing_when_its_token_is_used,
    of_two_who_show_the_same_token_at_the_same_time_one_stays,
    a_player_whose_packets_are_lost_gets_in_with_his_token,
}

#[test]
fn both_protections_have_as_many_tests() {
    let (plain, noise) = protections::counts();
    assert!(plain == noise && plain > 0, "{plain} and {noise}");
}

fn a_good_token_opens_a_connection_and_says_who_came() {
    let mut server = Server::start();
    let player = Player::new().connect(&server, &token(1, ARENA, NOW + 60));
    let _player = let_in(&mut server, player);
    assert_eq!(server.players[0].1, b"anna");
    assert_eq!(server.verifier.stats().redeemed, 1);
}

fn a_token_that_is_not_good_is_denied_with_its_reason_and_counted() {
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
        let told = refusal(&mut server, &payload);
        assert_eq!(told, DisconnectReason::Denied { code });
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

fn a_used_token_is_denied_to_everybody_while_its_player_is_there_and_after_he_went() {
    let mut server = Server::start();
    let used = token(1, ARENA, NOW + 60);
    let player = Player::new().connect(&server, &used);
    let mut player = let_in(&mut server, player);

    let denied = DisconnectReason::Denied { code: 5 };
    assert_eq!(refusal(&mut server, &used), denied);
    assert_eq!(server.players.len(), 1);

    player.host.shutdown(0);
    until("the player goes", || {
        player.turn();
        server.turn();
        player.host.is_shut_down() && server.players.is_empty()
    });
    assert_eq!(refusal(&mut server, &used), denied);
    // The same player, with a new one.
    let player = Player::new().connect(&server, &token(2, ARENA, NOW + 60));
    let _player = let_in(&mut server, player);
}

fn a_player_from_the_same_address_needs_a_new_token_too() {
    let mut server = Server::start();
    let used = token(1, ARENA, NOW + 60);
    let player = Player::new().connect(&server, &used);
    let mut player = let_in(&mut server, player);
    let (peer, _) = server.players[0];
    server.host.disconnect(peer, 99);
    until("the player is told", || {
        server.turn();
        player.turn();
        player.end.is_some()
    });
    let mut player = player.connect(&server, &used);
    until("a refusal", || {
        server.turn();
        player.turn();
        player.end.is_some()
    });
    assert_eq!(player.end, Some(DisconnectReason::Denied { code: 5 }));
}

/// The one in the middle has the address that the cookie is for, so its copy of the connect gets as far as
/// to the door.
fn a_recorded_connect_opens_nothing_when_its_token_is_used() {
    let mut server = Server::start();
    let mut middle = Middle::before(&server);
    let mut player = Player::new();
    let mut options = ConnectOptions::with_payload(token(1, ARENA, NOW + 60));
    options.server_key = server.host.public_key();
    let through = middle.socket.local_addr().unwrap();
    player.host.connect(through, &options).unwrap();
    until("the player is let in", || {
        player.turn();
        server.turn();
        middle.pass_on();
        player.is_there && server.players.len() == 1
    });

    // As long as he is there nobody is asked, and the accept is sent again.
    let asked = server.verifier.stats().verified;
    let again = server.host.stats().repeated_connects;
    until("the copy is known", || {
        middle.replay_connect();
        server.turn();
        server.host.stats().repeated_connects > again
    });
    assert_eq!(server.verifier.stats().verified, asked);

    player.host.shutdown(0);
    until("the player goes", || {
        player.turn();
        server.turn();
        middle.pass_on();
        player.host.is_shut_down() && server.players.is_empty()
    });
    // What it said last is remembered for a while, and then the copy gets to the door.
    until("the copy is refused", || {
        middle.replay_connect();
        server.turn();
        server.verifier.stats().used_before > 0
    });
    let stats = server.verifier.stats();
    assert_eq!((stats.verified, stats.redeemed), (asked, 1));
    assert_eq!((server.players.len(), server.sent_away), (0, 0));
}

/// Both pass the door, because nothing is spent there. One of them is there first.
fn of_two_who_show_the_same_token_at_the_same_time_one_stays() {
    let mut server = Server::start();
    let shared = token(1, ARENA, NOW + 60);
    let mut players = [(); 2].map(|()| Player::new().connect(&server, &shared));
    // Neither server nor players take an event between the two.
    until("both are at the door", || {
        for player in &mut players {
            player.host.wait(A_MOMENT).unwrap();
        }
        server.host.wait(A_MOMENT).unwrap();
        server.host.stats().peers == 2
    });
    until("one is sent away", || {
        server.turn();
        for player in &mut players {
            player.turn();
        }
        players.iter().any(|player| player.end.is_some())
    });
    let ends = players.each_ref().map(|player| player.end);
    let away = Some(DisconnectReason::Remote { code: 5 });
    assert!(ends == [away, None] || ends == [None, away], "{ends:?}");
    assert_eq!((server.players.len(), server.sent_away), (1, 1));
}

/// The connect is sent again and again, and the token is not used up by that.
fn a_player_whose_packets_are_lost_gets_in_with_his_token() {
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
        players.push(let_in(&mut server, player));
    }
    let stats = server.verifier.stats();
    assert_eq!((stats.redeemed, stats.used_before), (5, 0), "{stats:?}");
}
