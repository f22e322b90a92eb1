//! A turn with nothing to do: `Host::poll` of a server whose peers are quiet, against a `recv_from` of
//! an empty socket, the least that a loop can ask.
//!
//! Between the rounds the clients answer keep-alives; the few that come due within a round are sent in
//! it, as in a game.

use std::io;
use std::time::Instant;

use tickwire::Config;
use tickwire_measure::runner::{Entry, Goal, Subject, Topic, nanos};
use tickwire_measure::settings::Settings;

use crate::topics::client_pool::ClientPool;
use crate::topics::spin::{Idle, STD_EMPTY, turns};
use crate::work::{expect, std_loop};

const CLIENTS: usize = 64;
const MANY_CLIENTS: usize = 1000;
const MANY_CLIENTS_IN_TEST: usize = 64;

const QUIET: &str = "Host::poll, 64 quiet peers";
const MANY_QUIET: &str = "Host::poll, 1000 quiet peers";

const GOALS: &[Goal] = &[
    Goal::shown(
        "a turn with nothing to do: 64 quiet peers against an empty std recv_from",
        QUIET,
        STD_EMPTY,
    ),
    Goal::shown(
        "a turn with nothing to do: 1000 quiet peers against an empty std recv_from",
        MANY_QUIET,
        STD_EMPTY,
    ),
];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "nothing to do",
        unit: "ns per turn",
        units: turns(settings),
        rounds: settings.rounds,
        goals: GOALS,
        enter,
    }
}

fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let turns = turns(settings);
    let many = settings.size(MANY_CLIENTS, MANY_CLIENTS_IN_TEST);
    Ok(vec![
        Entry::new(STD_EMPTY, Idle::new(std_loop()?, turns)),
        Entry::new(QUIET, Quiet::new(CLIENTS, turns)?),
        Entry::new(MANY_QUIET, Quiet::new(many, turns)?),
    ])
}

/// A server and clients that have nothing to send.
struct Quiet {
    client_pool: ClientPool,
    turns: usize,
}

impl Quiet {
    fn new(clients: usize, turns: usize) -> io::Result<Self> {
        let client_pool = ClientPool::connected(&Config::plain(7), clients)?;
        Ok(Self { client_pool, turns })
    }
}

impl Subject for Quiet {
    fn round(&mut self) -> io::Result<f64> {
        self.client_pool.clients_turn()?;
        // Acknowledgements and keep-alives of the clients.
        self.client_pool.server.poll()?;
        let start = Instant::now();
        let mut events = 0;
        for _ in 0..self.turns {
            self.client_pool.server.poll()?;
            events += usize::from(self.client_pool.server.next_event().is_some());
        }
        let time = start.elapsed();
        expect("events", events, 0)?;
        expect(
            "peers",
            self.client_pool.server.stats().peers,
            self.client_pool.clients.len(),
        )?;
        Ok(nanos(time))
    }
}
