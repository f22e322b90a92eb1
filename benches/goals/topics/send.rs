//! Sending: everything goes to one socket that is emptied, untimed, after each round.
//!
//! Most of the time is the kernel's, which delivers a datagram over loopback within the call that
//! sends it.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::Socket;
use tickwire_measure::floors::LOOPBACK;
use tickwire_measure::runner::{Entry, Goal, Subject, Topic, nanos};
use tickwire_measure::settings::Settings;

use crate::raw::{Controls, RawReceiver, RawSender};
use crate::work::{Drains, Sends, mio_loop, payload, std_loop};

const TICKWIRE: &str = "tickwire";
const TICKWIRE_REGISTERED: &str = "tickwire that has slept";
const RAW: &str = "raw sendmmsg, 64 slots";
const MIO: &str = "mio send_to";
const STD: &str = "std send_to";

const GOALS: &[Goal] = &[
    Goal::bounded(
        "send: tickwire against a raw 64-slot sendmmsg loop",
        TICKWIRE,
        RAW,
        1.05,
    ),
    Goal::shown("send: tickwire against a plain mio loop", TICKWIRE, MIO),
    Goal::shown("send: tickwire against std", TICKWIRE, STD),
    Goal::shown(
        "send: tickwire that has slept against a plain mio loop",
        TICKWIRE_REGISTERED,
        MIO,
    ),
];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "send",
        unit: "ns per datagram",
        units: settings.datagrams,
        rounds: settings.rounds,
        goals: GOALS,
        enter,
    }
}

fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let count = settings.datagrams;
    Ok(vec![
        entry(RAW, RawSender::new()?, count)?,
        entry(MIO, mio_loop()?, count)?,
        entry(STD, std_loop()?, count)?,
        entry(TICKWIRE, Socket::bind(LOOPBACK)?, count)?,
        entry(TICKWIRE_REGISTERED, registered()?, count)?,
    ])
}

/// A socket that has a poll, as mio's loop has: then the kernel tells that poll of every datagram
/// that has left, whether or not it was asked for.
fn registered() -> io::Result<Socket> {
    let mut socket = Socket::bind(LOOPBACK)?;
    socket.wait(Some(Duration::from_nanos(1)))?;
    Ok(socket)
}

fn entry(name: &'static str, sends: impl Sends + 'static, count: usize) -> io::Result<Entry> {
    let sink = RawReceiver::new(Controls::None)?;
    let subject = Emptied {
        to: sink.address()?,
        sends,
        sink,
        count,
    };
    Ok(Entry::new(name, subject))
}

/// A sender, and the socket that takes what it sends.
struct Emptied<S> {
    sends: S,
    to: SocketAddr,
    sink: RawReceiver,
    count: usize,
}

impl<S: Sends> Subject for Emptied<S> {
    fn round(&mut self) -> io::Result<f64> {
        let start = Instant::now();
        self.sends.send_all(self.to, self.count)?;
        let time = start.elapsed();
        self.sink.drain()?.check(self.count)?;
        Ok(nanos(time))
    }
}

impl Sends for Socket {
    fn send_all(&mut self, to: SocketAddr, count: usize) -> io::Result<()> {
        for number in 0..count {
            self.send(to, &payload(number))?;
        }
        self.flush()
    }
}
