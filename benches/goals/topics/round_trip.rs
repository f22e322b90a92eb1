//! A round trip: one datagram at a time between two threads, both asleep until it comes, or both
//! spinning.
//!
//! Each subject has both sides, written as in `tickwire bench latency`: no socket is connected, an
//! answer leaves before the look that shows the socket empty, and the time is taken when the answer is
//! received, before that look. Both sides of all of them run on the same two processors.
//! A side that sleeps does so without a timeout, as nothing else is to be done.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::Socket;
use tickwire_measure::affinity::{Affinity, Role};
use tickwire_measure::echo::Echo;
use tickwire_measure::floors::{LOOPBACK, StdBlocking};
use tickwire_measure::runner::{Entry, Goal, Subject, Topic, nanos};
use tickwire_measure::settings::Settings;
use tickwire_measure::side::{Received, Side};

use crate::work::{bind, mio_loop, payload, std_loop};

/// Round trips of a round that count. Those of spinning threads are ten times as fast.
const TRIPS_ASLEEP: usize = 150;
const TRIPS_SPINNING: usize = 500;
const TRIPS_IN_TEST: usize = 5;

/// Round trips before them: the echo has to wake up first, and the one before it to come to rest.
const WARM_UP_TRIPS: usize = 15;

const MIO_ASLEEP: &str = "mio poll, then recv_from until it would block, send_to";
const STD_ASLEEP: &str = "std, blocked in recv_from, send_to";
const TICKWIRE_ASLEEP: &str = "tickwire, asleep";

const ASLEEP_GOALS: &[Goal] = &[
    Goal::bounded(
        "round trip, asleep: tickwire p50 against a plain mio loop",
        TICKWIRE_ASLEEP,
        MIO_ASLEEP,
        1.05,
    ),
    Goal::shown(
        "round trip, asleep: tickwire p50 against std",
        TICKWIRE_ASLEEP,
        STD_ASLEEP,
    ),
    Goal::shown(
        "round trip, asleep: the plain mio loop's p50 against std",
        MIO_ASLEEP,
        STD_ASLEEP,
    ),
];

pub(crate) fn asleep_topic(settings: &Settings) -> Topic {
    topic("round trip, asleep", settings, ASLEEP_GOALS, enter_asleep)
}

fn enter_asleep(settings: &Settings) -> io::Result<Vec<Entry>> {
    let trips = trips(settings, TRIPS_ASLEEP);
    Ok(vec![
        entry(MIO_ASLEEP, mio_loop, trips)?,
        entry(STD_ASLEEP, std_blocking, trips)?,
        entry(TICKWIRE_ASLEEP, Asleep::new, trips)?,
    ])
}

const STD_SPINNING: &str = "std, spinning on recv_from, send_to";
const TICKWIRE_SPINNING: &str = "tickwire, spinning";

const SPINNING_GOALS: &[Goal] = &[Goal::bounded(
    "round trip, spinning: tickwire p50 against std",
    TICKWIRE_SPINNING,
    STD_SPINNING,
    1.10,
)];

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
        entry(STD_SPINNING, std_loop, trips)?,
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
        unit: "ns per round trip, p50",
        // A round has one figure, the median of its round trips.
        units: 1,
        rounds: settings.rounds,
        goals,
        enter,
    }
}

fn trips(settings: &Settings, in_bench: usize) -> usize {
    settings.size(in_bench, TRIPS_IN_TEST)
}

fn entry<S: Side>(
    name: &'static str,
    side: fn() -> io::Result<S>,
    trips: usize,
) -> io::Result<Entry> {
    let subject = PingPong {
        client: side()?,
        echo: Echo::start(side()?, Affinity::Apart)?,
        trips,
    };
    Ok(Entry::new(name, subject))
}

fn std_blocking() -> io::Result<StdBlocking> {
    StdBlocking::new(bind()?, None)
}

/// tickwire as its documentation shows it: a sleep that sends first, then a drain.
struct Asleep(Socket);

impl Asleep {
    fn new() -> io::Result<Self> {
        Ok(Self(Socket::bind(LOOPBACK)?))
    }
}

impl Side for Asleep {
    fn address(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }

    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        Ok(self.0.send(to, bytes)?)
    }

    fn turn(
        &mut self,
        _until: Option<Instant>,
        take: &mut impl FnMut(Received<'_>),
    ) -> io::Result<()> {
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
        Ok(Self(Socket::bind(LOOPBACK)?))
    }
}

impl Side for Spinning {
    fn address(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }

    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        Ok(self.0.send(to, bytes)?)
    }

    fn turn(
        &mut self,
        _until: Option<Instant>,
        take: &mut impl FnMut(Received<'_>),
    ) -> io::Result<()> {
        self.0.flush()?;
        drain(&mut self.0, take)
    }

    fn echo(&mut self) -> io::Result<()> {
        answer_all(&mut self.0)?;
        self.0.flush()
    }
}

fn drain(socket: &mut Socket, take: &mut impl FnMut(Received<'_>)) -> io::Result<()> {
    while let Some(datagram) = socket.recv()? {
        take(Received::now(
            datagram.from,
            datagram.bytes,
            datagram.truncated,
        ));
    }
    Ok(())
}

fn answer_all(socket: &mut Socket) -> io::Result<()> {
    let (mut rx, mut tx) = socket.split();
    while let Some(datagram) = rx.recv()? {
        tx.send(datagram.from, datagram.bytes)?;
        // At once, as the others do, and before the receive that finds the socket empty.
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
        self.client.send(self.echo.address(), &question)?;
        while answered.is_none() {
            self.client.turn(None, &mut |answer| {
                answered = Some((answer.at, answer.bytes == question));
            })?;
        }
        match answered {
            Some((end, true)) => Ok(end - start),
            _ => Err(io::Error::other("the answer is not the question")),
        }
    }
}

impl<S: Side> Subject for PingPong<S> {
    /// The median round trip, not the time of all: a single stall would make up most of that.
    fn round(&mut self) -> io::Result<f64> {
        let _pinned = Affinity::Apart.pin(Role::Client)?;
        self.echo.serve();
        let times = self.trips();
        self.echo.pause();
        let mut times = times?;
        let middle = times.len() / 2;
        Ok(nanos(*times.select_nth_unstable(middle).1))
    }
}
