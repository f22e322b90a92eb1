//! A round trip: one datagram at a time between two threads, both asleep until it arrives, or both
//! spinning.
//!
//! Each subject is both sides, as in `tickwire bench latency`: sockets are not connected, a reply
//! is sent before the receive that finds the socket empty, and the clock is read before that
//! receive as well. All subjects use the same two processors. A sleeping side has no timeout.

use tickwire_measure::affinity::{Affinity, Role};
use tickwire_measure::echo::Echo;
use tickwire_measure::floors::StdBlocking;
use tickwire_measure::side::{Received, Side};

use crate::prelude::*;
use crate::work::{bind, mio_loop, payload, std_loop};

/// Measured round trips per round. Spinning threads are ten times faster.
const TRIPS_ASLEEP: usize = 150;
const TRIPS_SPINNING: usize = 500;
const TRIPS_IN_TEST: usize = 5;

/// Warm-up round trips, in which the echo wakes up and that of the previous subject pauses.
const WARM_UP_TRIPS: usize = 15;

pub(crate) fn enter_asleep(settings: &Settings) -> io::Result<Vec<Entry>> {
    let trips = settings.size(TRIPS_ASLEEP, TRIPS_IN_TEST);
    let mio = "mio poll, then recv_from until it would block, send_to";
    let std_blocking = || StdBlocking::new(bind()?, None);
    Ok(vec![
        ping_pong(mio, mio_loop, trips)?,
        ping_pong("std, blocked in recv_from, send_to", std_blocking, trips)?,
        ping_pong("tickwire, asleep", || Tickwire::new(true), trips)?,
    ])
}

pub(crate) fn enter_spinning(settings: &Settings) -> io::Result<Vec<Entry>> {
    let trips = settings.size(TRIPS_SPINNING, TRIPS_IN_TEST);
    Ok(vec![
        ping_pong("std, spinning on recv_from, send_to", std_loop, trips)?,
        ping_pong("tickwire, spinning", || Tickwire::new(false), trips)?,
    ])
}

/// A client that sends a request, waits for the reply and repeats, and an echo. The cost of a round
/// is the median round trip, because one stall would dominate the mean.
fn ping_pong<S: Side>(
    name: &str,
    side: impl Fn() -> io::Result<S>,
    trips: usize,
) -> io::Result<Entry> {
    let mut client = side()?;
    let echo = Echo::start(side()?, Affinity::Apart)?;
    Ok(Entry::new(name, move || {
        let _pinned = Affinity::Apart.pin(Role::Client)?;
        echo.serve();
        let all = (0..WARM_UP_TRIPS + trips).map(|number| trip(&mut client, &echo, number));
        let times = all.collect::<io::Result<Vec<_>>>();
        echo.pause();
        let mut times = times?.split_off(WARM_UP_TRIPS);
        let middle = times.len() / 2;
        Ok(nanos_per(1, *times.select_nth_unstable(middle).1))
    }))
}

fn trip(client: &mut impl Side, echo: &Echo, number: usize) -> io::Result<Duration> {
    let question = payload(number);
    let mut answered = None;
    let start = Instant::now();
    client.send(echo.address(), &question)?;
    while answered.is_none() {
        client.turn(None, &mut |answer| {
            answered = Some((answer.at, answer.bytes == question));
        })?;
    }
    match answered {
        Some((end, true)) => Ok(end - start),
        _ => failure("the reply differs from the request"),
    }
}

/// tickwire as in its documentation: a sleep that sends first, then a drain; or a loop that never
/// sleeps.
struct Tickwire {
    socket: Socket,
    is_asleep: bool,
}

impl Tickwire {
    fn new(is_asleep: bool) -> io::Result<Self> {
        let socket = Socket::bind(LOOPBACK)?;
        Ok(Self { socket, is_asleep })
    }

    /// Sends queued datagrams, then sleeps until a datagram arrives, or polls.
    fn begin_turn(&mut self) -> io::Result<()> {
        match self.is_asleep {
            true => self.socket.wait(None),
            false => self.socket.flush(),
        }
    }
}

impl Side for Tickwire {
    fn address(&self) -> io::Result<SocketAddr> {
        Ok(self.socket.local_addr())
    }

    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        Ok(self.socket.send(to, bytes)?)
    }

    fn turn(
        &mut self,
        _until: Option<Instant>,
        take: &mut impl FnMut(Received<'_>),
    ) -> io::Result<()> {
        self.begin_turn()?;
        while let Some(came) = self.socket.recv()? {
            take(Received::now(came.from, came.bytes, came.truncated));
        }
        Ok(())
    }

    fn echo(&mut self) -> io::Result<()> {
        self.begin_turn()?;
        let (mut rx, mut tx) = self.socket.split();
        while let Some(datagram) = rx.recv()? {
            tx.send(datagram.from, datagram.bytes)?;
            // At once, like the other subjects, before the receive that finds the socket empty.
            tx.flush()?;
        }
        Ok(())
    }
}
