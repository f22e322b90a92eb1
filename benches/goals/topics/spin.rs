//! A loop that spins: a turn that finds one datagram and answers it, and a turn that finds none.
//!
//! A tickwire turn ends when the socket was seen empty, which one `recv_from` and one `send_to` do not
//! show; std's spinning loop finds that out in the step after its answer. So both are beside it: std
//! without that look, and std with it.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tickwire::Socket;
use tickwire_measure::floors::{LOOPBACK, StdLoop};
use tickwire_measure::runner::{Entry, Goal, Subject, Topic, nanos};
use tickwire_measure::settings::Settings;
use tickwire_measure::side::Side;

use crate::work::{DATAGRAM_LEN, bind, expect, payload, std_loop};

/// Turns of a round. Each is timed by itself, because the client's part lies between them.
const TURNS: usize = 500;
const TURNS_IN_TEST: usize = 20;

const TICKWIRE: &str = "tickwire";
const STD: &str = "std recv_from, send_to";
const STD_DRAINED: &str = "std recv_from until it would block, send_to";

const GOALS: &[Goal] = &[
    Goal::bounded(
        "spin: a tickwire turn with one datagram against std recv_from and send_to",
        TICKWIRE,
        STD,
        1.10,
    ),
    Goal::bounded(
        "spin: a tickwire turn with one datagram against std that receives until empty",
        TICKWIRE,
        STD_DRAINED,
        1.10,
    ),
    Goal::shown(
        "spin: std that receives until empty against std recv_from and send_to",
        STD_DRAINED,
        STD,
    ),
];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "spin",
        unit: "ns per turn",
        units: turns(settings),
        rounds: settings.rounds,
        goals: GOALS,
        enter,
    }
}

fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let turns = turns(settings);
    Ok(vec![
        Entry::new(STD, Asked::new(std_loop()?, turns)?),
        Entry::new(STD_DRAINED, Asked::new(Drained(std_loop()?), turns)?),
        Entry::new(TICKWIRE, Asked::new(Socket::bind(LOOPBACK)?, turns)?),
    ])
}

const EMPTY: &str = "tickwire, nothing there";
pub(crate) const STD_EMPTY: &str = "std recv_from, nothing there";

const EMPTY_GOALS: &[Goal] = &[Goal::shown(
    "spin: an empty tickwire turn against an empty std recv_from",
    EMPTY,
    STD_EMPTY,
)];

pub(crate) fn empty_topic(settings: &Settings) -> Topic {
    Topic {
        title: "spin on nothing",
        unit: "ns per turn",
        units: turns(settings),
        rounds: settings.rounds,
        goals: EMPTY_GOALS,
        enter: enter_empty,
    }
}

fn enter_empty(settings: &Settings) -> io::Result<Vec<Entry>> {
    let turns = turns(settings);
    Ok(vec![
        Entry::new(STD_EMPTY, Idle::new(std_loop()?, turns)),
        Entry::new(EMPTY, Idle::new(Socket::bind(LOOPBACK)?, turns)),
    ])
}

pub(crate) fn turns(settings: &Settings) -> usize {
    settings.size(TURNS, TURNS_IN_TEST)
}

/// Looks once whether something came, and sends it back.
pub(crate) trait Turns {
    fn address(&self) -> io::Result<SocketAddr>;

    /// How many datagrams were answered.
    fn turn(&mut self) -> io::Result<usize>;
}

impl Turns for StdLoop {
    fn address(&self) -> io::Result<SocketAddr> {
        Side::address(self)
    }

    #[inline]
    fn turn(&mut self) -> io::Result<usize> {
        self.echo_one().map(usize::from)
    }
}

/// std with what a turn of tickwire promises: everything that was pending has been seen.
struct Drained(StdLoop);

impl Turns for Drained {
    fn address(&self) -> io::Result<SocketAddr> {
        Side::address(&self.0)
    }

    fn turn(&mut self) -> io::Result<usize> {
        let mut count = 0;
        while self.0.echo_one()? {
            count += 1;
        }
        Ok(count)
    }
}

impl Turns for Socket {
    fn address(&self) -> io::Result<SocketAddr> {
        Ok(self.local_addr())
    }

    #[inline]
    fn turn(&mut self) -> io::Result<usize> {
        let mut count = 0;
        let (mut rx, mut tx) = self.split();
        while let Some(datagram) = rx.recv()? {
            tx.send(datagram.from, datagram.bytes)?;
            count += 1;
        }
        self.flush()?;
        Ok(count)
    }
}

/// A client sends one datagram, the server's turn is timed, the client takes the answer.
struct Asked<T> {
    server: T,
    address: SocketAddr,
    client: UdpSocket,
    turns: usize,
}

impl<T: Turns> Asked<T> {
    fn new(server: T, turns: usize) -> io::Result<Self> {
        Ok(Self {
            address: server.address()?,
            server,
            client: bind()?,
            turns,
        })
    }

    fn timed_turn(&mut self, question: &[u8; DATAGRAM_LEN]) -> io::Result<Duration> {
        self.client.send_to(question, self.address)?;
        let start = Instant::now();
        let answered = self.server.turn()?;
        let time = start.elapsed();

        let mut answer = [0; DATAGRAM_LEN + 1];
        let (len, _) = self.client.recv_from(&mut answer)?;
        if answered != 1 || answer[..len] != question[..] {
            return Err(io::Error::other(format!("{answered} answers, not one")));
        }
        Ok(time)
    }
}

impl<T: Turns> Subject for Asked<T> {
    fn round(&mut self) -> io::Result<f64> {
        let mut time = Duration::ZERO;
        for number in 0..self.turns {
            time += self.timed_turn(&payload(number))?;
        }
        Ok(nanos(time))
    }
}

/// Turns one after the other, on a socket that receives nothing.
pub(crate) struct Idle<T> {
    server: T,
    turns: usize,
}

impl<T: Turns> Idle<T> {
    pub(crate) fn new(server: T, turns: usize) -> Self {
        Self { server, turns }
    }
}

impl<T: Turns> Subject for Idle<T> {
    fn round(&mut self) -> io::Result<f64> {
        let start = Instant::now();
        let mut answered = 0;
        for _ in 0..self.turns {
            answered += self.server.turn()?;
        }
        let time = start.elapsed();
        expect("datagrams", answered, 0)?;
        Ok(nanos(time))
    }
}
