//! A turn with nothing to do: `Host::poll` of a server whose peers are quiet, against a `recv_from` of
//! an empty socket, the least that a loop can ask.
//!
//! Between the rounds the clients answer keep-alives; the few that come due within a round are sent in
//! it, as in a game.

use std::io;
use std::time::{Duration, Instant};

use tickwire::Config;

use crate::floors::StdLoop;
use crate::runner::{Entry, Goal, Subject, Topic};
use crate::settings::Settings;
use crate::topics::client_pool::{ClientPool, expect};
use crate::topics::spin::{Idle, STD_EMPTY, turns};

const CLIENTS: usize = 64;
const MANY_CLIENTS: usize = 1000;
const MANY_CLIENTS_IN_TEST: usize = 64;

const QUIET: &str = "Host::poll, 64 quiet peers";
const MANY_QUIET: &str = "Host::poll, 1000 quiet peers";

const GOALS: &[Goal] = &[
    Goal {
        name: "a turn with nothing to do: 64 quiet peers against an empty std recv_from",
        of: QUIET,
        against: STD_EMPTY,
        bound: None,
    },
    Goal {
        name: "a turn with nothing to do: 1000 quiet peers against an empty std recv_from",
        of: MANY_QUIET,
        against: STD_EMPTY,
        bound: None,
    },
];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "nothing to do",
        unit: "turn",
        units: turns(settings),
        rounds: settings.rounds,
        goals: GOALS,
        enter,
    }
}

fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let turns = turns(settings);
    let many = if settings.is_test {
        MANY_CLIENTS_IN_TEST
    } else {
        MANY_CLIENTS
    };
    Ok(vec![
        Entry::new(STD_EMPTY, Idle::new(StdLoop::new()?, turns)),
        Entry::new(QUIET, Quiet::new(CLIENTS, turns)?),
        Entry::new(MANY_QUIET, Quiet::new(many, turns)?),
    ])
}

/// A server and clients that have nothing to say.
struct Quiet {
    client_pool: ClientPool,
    turns: usize,
}

impl Quiet {
    fn new(clients: usize, turns: usize) -> io::Result<Self> {
        let client_pool = ClientPool::new(&Config::plain(7), clients)?;
        Ok(Self { client_pool, turns })
    }
}

impl Subject for Quiet {
    fn round(&mut self) -> io::Result<Duration> {
        self.client_pool.clients_turn()?;
        // What they had to say about the connection itself.
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
        Ok(time)
    }
}
