//! What it costs to protect a packet, alone, and what is left of that in a server's turn.
//!
//! Alone: a small packet and a long one are sealed, or opened, without a connection around them.
//! In a turn: a server receives a message from each of 64 peers and sends each of them the state of the
//! game, over real sockets, as a game server does it in every tick.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use tickwire::limits::DATAGRAM_MAX;
use tickwire::proto::ProtectionPair;
use tickwire::{Config, Delivery, Event};
use tickwire_measure::runner::{Entry, Goal, Subject, Topic, nanos};
use tickwire_measure::settings::Settings;

use crate::topics::client_pool::ClientPool;
use crate::work::expect;

const PACKETS: usize = 1000;
/// Bytes of frames: a player's input, and a full packet of state.
const SHORT: usize = 64;
const LONG: usize = 995;

const SEAL_SHORT_PLAIN: &str = "seal 64 bytes, Plain";
const SEAL_SHORT_NOISE: &str = "seal 64 bytes, Noise";
const OPEN_SHORT_PLAIN: &str = "open 64 bytes, Plain";
const OPEN_SHORT_NOISE: &str = "open 64 bytes, Noise";
const SEAL_LONG_PLAIN: &str = "seal 995 bytes, Plain";
const SEAL_LONG_NOISE: &str = "seal 995 bytes, Noise";
const OPEN_LONG_PLAIN: &str = "open 995 bytes, Plain";
const OPEN_LONG_NOISE: &str = "open 995 bytes, Noise";

const GOALS: &[Goal] = &[
    Goal::shown(
        "protect: sealing 64 bytes, Noise against Plain",
        SEAL_SHORT_NOISE,
        SEAL_SHORT_PLAIN,
    ),
    Goal::shown(
        "protect: opening 64 bytes, Noise against Plain",
        OPEN_SHORT_NOISE,
        OPEN_SHORT_PLAIN,
    ),
    Goal::shown(
        "protect: sealing 995 bytes, Noise against Plain",
        SEAL_LONG_NOISE,
        SEAL_LONG_PLAIN,
    ),
    Goal::shown(
        "protect: opening 995 bytes, Noise against Plain",
        OPEN_LONG_NOISE,
        OPEN_LONG_PLAIN,
    ),
];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "protect",
        unit: "ns per packet",
        units: PACKETS,
        rounds: settings.rounds,
        goals: GOALS,
        enter,
    }
}

fn enter(_settings: &Settings) -> io::Result<Vec<Entry>> {
    let (plain, noise) = (ProtectionPair::plain, ProtectionPair::noise);
    Ok(vec![
        Entry::new(SEAL_SHORT_PLAIN, Seals(plain(), SHORT)),
        Entry::new(SEAL_SHORT_NOISE, Seals(noise(), SHORT)),
        Entry::new(OPEN_SHORT_PLAIN, Opens(plain(), SHORT)),
        Entry::new(OPEN_SHORT_NOISE, Opens(noise(), SHORT)),
        Entry::new(SEAL_LONG_PLAIN, Seals(plain(), LONG)),
        Entry::new(SEAL_LONG_NOISE, Seals(noise(), LONG)),
        Entry::new(OPEN_LONG_PLAIN, Opens(plain(), LONG)),
        Entry::new(OPEN_LONG_NOISE, Opens(noise(), LONG)),
    ])
}

/// Seals packets of that many bytes of frames.
struct Seals(ProtectionPair, usize);

impl Subject for Seals {
    fn round(&mut self) -> io::Result<f64> {
        let mut buffer = [0x5a; DATAGRAM_MAX];
        let start = Instant::now();
        for _ in 0..PACKETS {
            black_box(self.0.seal(self.1, black_box(&mut buffer)));
        }
        Ok(nanos(start.elapsed()))
    }
}

/// Opens them.
struct Opens(ProtectionPair, usize);

impl Subject for Opens {
    fn round(&mut self) -> io::Result<f64> {
        let mut sealed = [0x5a; DATAGRAM_MAX];
        let len = self.0.seal(self.1, &mut sealed);
        let start = Instant::now();
        for _ in 0..PACKETS {
            if self.0.open(black_box(&sealed[..len])) != Some(self.1) {
                return Err(io::Error::other("a packet is not authentic"));
            }
        }
        Ok(nanos(start.elapsed()))
    }
}

const PEERS: usize = 64;
const TURNS: usize = 20;
const INPUT: usize = 48;
const STATE: usize = 600;

const TURN_PLAIN: &str = "a turn with 64 peers, Plain";
const TURN_NOISE: &str = "a turn with 64 peers, Noise";

const TURN_GOALS: &[Goal] = &[Goal::bounded(
    "protect: a server's turn with 64 peers, Noise against Plain",
    TURN_NOISE,
    TURN_PLAIN,
    1.10,
)];

pub(crate) fn turn_topic(settings: &Settings) -> Topic {
    Topic {
        title: "protect, a turn",
        unit: "ns per turn",
        units: TURNS,
        rounds: settings.rounds,
        goals: TURN_GOALS,
        enter: enter_turn,
    }
}

fn enter_turn(_settings: &Settings) -> io::Result<Vec<Entry>> {
    Ok(vec![
        Entry::new(TURN_PLAIN, Match::new(&Config::plain(7))?),
        Entry::new(TURN_NOISE, Match::new(&Config::noise(7))?),
    ])
}

/// A server and its players.
struct Match(ClientPool);

impl Match {
    fn new(config: &Config) -> io::Result<Self> {
        ClientPool::connected(config, PEERS).map(Self)
    }

    fn players_send(&mut self) -> io::Result<()> {
        for player in &mut self.0.clients {
            player.turn()?;
            player.send(&[7; INPUT])?;
        }
        Ok(())
    }

    /// Returns how many messages arrived.
    fn serve(&mut self) -> io::Result<usize> {
        let server = &mut self.0.server;
        let mut messages = 0;
        server.receive()?;
        while let Some(event) = server.next_event() {
            messages += usize::from(matches!(event, Event::Message { .. }));
        }
        server.broadcast(Delivery::Unreliable, &[9; STATE])?;
        server.flush()?;
        Ok(messages)
    }
}

impl Subject for Match {
    fn round(&mut self) -> io::Result<f64> {
        let mut time = Duration::ZERO;
        let mut messages = 0;
        for _ in 0..TURNS {
            self.players_send()?;
            let start = Instant::now();
            messages += self.serve()?;
            time += start.elapsed();
        }
        expect("messages", messages, TURNS * PEERS)?;
        Ok(nanos(time))
    }
}
