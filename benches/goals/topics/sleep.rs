//! The precision of a sleep: how late a loop is awake after its deadline.

use std::io;
use std::time::{Duration, Instant};

use tickwire::Socket;

use crate::floors::{MioLoop, loopback};
use crate::runner::{Entry, Goal, Subject, Topic};
use crate::settings::Settings;

/// The time of a 60 Hz tick: no whole number of the milliseconds that `epoll_wait(2)` counts in.
const TICK: Duration = Duration::from_nanos(16_666_667);

/// Deadlines of each subject: about a second.
const TICKS: usize = 61;

const TICKWIRE: &str = "tickwire wait_until";
const MIO: &str = "mio poll";

const GOALS: &[Goal] = &[Goal {
    name: "sleep: how late tickwire is after a 60 Hz deadline, against mio",
    of: TICKWIRE,
    against: MIO,
    bound: None,
}];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "sleep",
        unit: "deadline, late",
        units: 1,
        rounds: settings.rounds.min(TICKS),
        goals: GOALS,
        enter,
    }
}

fn enter(_settings: &Settings) -> io::Result<Vec<Entry>> {
    Ok(vec![
        Entry::new(MIO, MioLoop::new()?),
        Entry::new(TICKWIRE, Socket::bind(loopback())?),
    ])
}

impl Subject for Socket {
    fn round(&mut self) -> io::Result<Duration> {
        let deadline = Instant::now() + TICK;
        // It may return early; a loop goes on until its deadline.
        while Instant::now() < deadline {
            self.wait_until(deadline)?;
        }
        Ok(deadline.elapsed())
    }
}

impl Subject for MioLoop {
    fn round(&mut self) -> io::Result<Duration> {
        let deadline = Instant::now() + TICK;
        let mut now = Instant::now();
        while now < deadline {
            self.sleep(Some(deadline - now))?;
            now = Instant::now();
        }
        Ok(deadline.elapsed())
    }
}
