//! The precision of a sleep: how late a loop is awake after its deadline.

use std::io;
use std::time::{Duration, Instant};

use tickwire::Socket;
use tickwire_measure::floors::{LOOPBACK, MioLoop};
use tickwire_measure::runner::{Entry, Goal, Subject, Topic, nanos};
use tickwire_measure::settings::Settings;

use crate::work::mio_loop;

/// The time of a 60 Hz tick: no whole number of the milliseconds that `epoll_wait(2)` counts in.
const TICK: Duration = Duration::from_nanos(16_666_667);

/// Deadlines of each subject: about a second.
const TICKS: usize = 61;

const TICKWIRE: &str = "tickwire wait_until";
const MIO: &str = "mio poll";

const GOALS: &[Goal] = &[Goal::shown(
    "sleep: how late tickwire is after a 60 Hz deadline, against mio",
    TICKWIRE,
    MIO,
)];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "sleep",
        unit: "ns per deadline, late",
        units: 1,
        rounds: settings.rounds.min(TICKS),
        goals: GOALS,
        enter,
    }
}

fn enter(_settings: &Settings) -> io::Result<Vec<Entry>> {
    Ok(vec![
        Entry::new(MIO, Mio(mio_loop()?)),
        Entry::new(TICKWIRE, Tickwire(Socket::bind(LOOPBACK)?)),
    ])
}

struct Tickwire(Socket);

impl Subject for Tickwire {
    fn round(&mut self) -> io::Result<f64> {
        let deadline = Instant::now() + TICK;
        // It may return early; a loop goes on until its deadline.
        while Instant::now() < deadline {
            self.0.wait_until(deadline)?;
        }
        Ok(nanos(deadline.elapsed()))
    }
}

struct Mio(MioLoop);

impl Subject for Mio {
    fn round(&mut self) -> io::Result<f64> {
        let deadline = Instant::now() + TICK;
        let mut now = Instant::now();
        while now < deadline {
            self.0.sleep(Some(deadline - now))?;
            now = Instant::now();
        }
        Ok(nanos(deadline.elapsed()))
    }
}
