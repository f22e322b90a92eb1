//! A round trip: one datagram at a time between two threads, both asleep until it comes, or both
//! spinning.
//!
//! Each contestant has both sides, written as in `tickwire bench latency`: no socket is connected, an
//! answer leaves before the look that shows the socket empty, and the time is taken when the answer is
//! received, before that look. Both sides of all of them have their places on the same two processors.
//! Whoever sleeps does so without a timeout, as nothing else is to be done.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, process};

use tickwire::Socket;

use crate::contest::{Contestant, Entry, Goal, Topic};
use crate::floors::{MioLoop, StdBlocking, StdLoop, loopback};
use crate::place::Place;
use crate::settings::Settings;
use crate::work::{Bound, Side, payload};

/// Round trips of a round that count. Those of spinning threads are ten times as fast.
const TRIPS_ASLEEP: usize = 150;
const TRIPS_SPINNING: usize = 500;
const TRIPS_IN_TEST: usize = 5;

/// Round trips before them: the echo has to wake up first, and the one before it to come to rest.
const WARM_UP_TRIPS: usize = 15;

/// The two sides of every contestant run on the same two processors.
const CLIENT_PLACE: usize = 0;
const ECHO_PLACE: usize = 1;

const MIO_ASLEEP: &str = "mio poll, then recv_from until it would block, send_to";
const STD_ASLEEP: &str = "std, blocked in recv_from, send_to";
const TICKWIRE_ASLEEP: &str = "tickwire, asleep";

const ASLEEP_GOALS: &[Goal] = &[
    Goal {
        name: "round trip, asleep: tickwire p50 against a plain mio loop",
        of: TICKWIRE_ASLEEP,
        against: MIO_ASLEEP,
        bound: Some(1.05),
    },
    Goal {
        name: "round trip, asleep: tickwire p50 against std",
        of: TICKWIRE_ASLEEP,
        against: STD_ASLEEP,
        bound: None,
    },
    Goal {
        name: "round trip, asleep: the plain mio loop's p50 against std",
        of: MIO_ASLEEP,
        against: STD_ASLEEP,
        bound: None,
    },
];

pub(crate) fn asleep_topic(settings: &Settings) -> Topic {
    topic("round trip, asleep", settings, ASLEEP_GOALS, enter_asleep)
}

fn enter_asleep(settings: &Settings) -> io::Result<Vec<Entry>> {
    let trips = trips(settings, TRIPS_ASLEEP);
    Ok(vec![
        entry(MIO_ASLEEP, MioLoop::new, trips)?,
        entry(STD_ASLEEP, StdBlocking::new, trips)?,
        entry(TICKWIRE_ASLEEP, Asleep::new, trips)?,
    ])
}

const STD_SPINNING: &str = "std, spinning on recv_from, send_to";
const TICKWIRE_SPINNING: &str = "tickwire, spinning";

const SPINNING_GOALS: &[Goal] = &[Goal {
    name: "round trip, spinning: tickwire p50 against std",
    of: TICKWIRE_SPINNING,
    against: STD_SPINNING,
    bound: Some(1.10),
}];

pub(crate) fn spinning_topic(settings: &Settings) -> Topic {
    topic(
        "round trip, spinning",
        settings,
        SPINNING_GOALS,
        enter_spinning,
    )
}

fn enter_spinning(settings: &Settings) -> io::Result<Vec<Entry>> {
    let trips = trips(settings, TRIPS_SPINNING);
    Ok(vec![
        entry(STD_SPINNING, StdLoop::new, trips)?,
        entry(TICKWIRE_SPINNING, Spinning::new, trips)?,
    ])
}

fn topic(
    title: &'static str,
    settings: &Settings,
    goals: &'static [Goal],
    enter: fn(&Settings) -> io::Result<Vec<Entry>>,
) -> Topic {
    Topic {
        title,
        unit: "round trip, p50",
        // A round has one figure, the median of its round trips.
        units: 1,
        rounds: settings.rounds,
        goals,
        enter,
    }
}

fn trips(settings: &Settings, in_bench: usize) -> usize {
    if settings.is_test {
        TRIPS_IN_TEST
    } else {
        in_bench
    }
}

fn entry<S: Side>(
    name: &'static str,
    side: fn() -> io::Result<S>,
    trips: usize,
) -> io::Result<Entry> {
    let contestant = PingPong {
        client: side()?,
        echo: Echo::start(side()?)?,
        trips,
    };
    Ok(Entry::new(name, contestant))
}

/// tickwire as its documentation shows it: a sleep that sends first, then a drain.
struct Asleep(Socket);

impl Asleep {
    fn new() -> io::Result<Self> {
        Ok(Self(Socket::bind(loopback())?))
    }
}

impl Bound for Asleep {
    fn address(&self) -> io::Result<SocketAddr> {
        self.0.address()
    }
}

impl Side for Asleep {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        Ok(self.0.send(to, bytes)?)
    }

    fn turn(&mut self, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        self.0.wait(None)?;
        drain(&mut self.0, take)
    }

    fn echo(&mut self) -> io::Result<()> {
        self.0.wait(None)?;
        answer_all(&mut self.0)
    }
}

/// tickwire in a loop that never sleeps.
struct Spinning(Socket);

impl Spinning {
    fn new() -> io::Result<Self> {
        Ok(Self(Socket::bind(loopback())?))
    }
}

impl Bound for Spinning {
    fn address(&self) -> io::Result<SocketAddr> {
        self.0.address()
    }
}

impl Side for Spinning {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        Ok(self.0.send(to, bytes)?)
    }

    fn turn(&mut self, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        self.0.flush()?;
        drain(&mut self.0, take)
    }

    fn echo(&mut self) -> io::Result<()> {
        answer_all(&mut self.0)?;
        self.0.flush()
    }
}

fn drain(socket: &mut Socket, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
    while let Some(datagram) = socket.recv()? {
        take(datagram.bytes);
    }
    Ok(())
}

fn answer_all(socket: &mut Socket) -> io::Result<()> {
    let (mut rx, mut tx) = socket.split();
    while let Some(datagram) = rx.recv()? {
        tx.send(datagram.from, datagram.bytes)?;
        // At once, as the others do, and before the look that shows the socket empty.
        tx.flush()?;
    }
    Ok(())
}

/// Asks, waits for the answer, asks again.
struct PingPong<S> {
    client: S,
    echo: Echo,
    trips: usize,
}

impl<S: Side> PingPong<S> {
    fn trips(&mut self) -> io::Result<Vec<Duration>> {
        for number in 0..WARM_UP_TRIPS {
            self.trip(number)?;
        }
        (0..self.trips).map(|number| self.trip(number)).collect()
    }

    fn trip(&mut self, number: usize) -> io::Result<Duration> {
        let question = payload(number);
        let mut answered = None;
        let start = Instant::now();
        self.client.send(self.echo.address, &question)?;
        while answered.is_none() {
            self.client.turn(&mut |answer| {
                let now = Instant::now();
                answered = Some((now, answer == question));
            })?;
        }
        match answered {
            Some((end, true)) => Ok(end - start),
            _ => Err(io::Error::other("the answer is not the question")),
        }
    }
}

impl<S: Side> Contestant for PingPong<S> {
    /// The median round trip, not the time of all: a single stall would make up most of that.
    fn round(&mut self) -> io::Result<Duration> {
        let _place = Place::take(CLIENT_PLACE)?;
        self.echo.serve();
        let times = self.trips();
        self.echo.rest();
        let mut times = times?;
        let middle = times.len() / 2;
        Ok(*times.select_nth_unstable(middle).1)
    }
}

/// What the thread of an echo is to do.
const REST: u8 = 0;
const SERVE: u8 = 1;
const END: u8 = 2;

/// The side that answers. Its thread lives as long as this does, and takes no time from the rounds of
/// the others: between its own ones it is parked, or still asleep where it waits for datagrams.
struct Echo {
    address: SocketAddr,
    order: Arc<AtomicU8>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    fn start(mut side: impl Side) -> io::Result<Self> {
        let address = side.address()?;
        let order = Arc::new(AtomicU8::new(REST));
        let orders = Arc::clone(&order);
        let thread = thread::Builder::new()
            .name("echo".to_owned())
            .spawn(move || {
                if let Err(error) = obey(&orders, &mut side) {
                    // Without an echo the client would wait for ever.
                    eprintln!("the benchmark could not be run: an echo: {error}");
                    process::exit(1);
                }
            })?;
        Ok(Self {
            address,
            order,
            thread: Some(thread),
        })
    }

    fn serve(&self) {
        self.give(SERVE);
    }

    fn rest(&self) {
        self.give(REST);
    }

    fn give(&self, order: u8) {
        self.order.store(order, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Ends the thread, which may be asleep, so that only a datagram wakes it.
    fn end(&mut self) -> io::Result<()> {
        self.give(END);
        // It answers this one, so the socket has to be there until the thread has ended.
        let nudge = UdpSocket::bind(loopback())?;
        nudge.send_to(&[], self.address)?;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("an echo does not panic");
        }
        Ok(())
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // If it cannot be nudged, the thread is left to the end of the process.
        let _ = self.end();
    }
}

fn obey(orders: &AtomicU8, side: &mut impl Side) -> io::Result<()> {
    let _place = Place::take(ECHO_PLACE)?;
    loop {
        match orders.load(Ordering::Acquire) {
            SERVE => side.echo()?,
            REST => thread::park(),
            _ => return Ok(()),
        }
    }
}
