//! The server: one loop around a contestant and a ticker, without a game in it.
//!
//! Its loop is one of the two that the library recommends. A headless server sleeps until a datagram or
//! the tick, and drains; when a tick is due it sends everybody a state. A game is called by its own
//! frame, which nothing wakes before its time; it drains once in it, then sends.

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::contestant::Contestant;
use super::load::Times;
use super::losses::ServerCounts;
use super::schedule::Schedule;
use crate::bench::cpu::ThreadCpu;
use crate::bench::frame;

/// What ends the server's sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wake {
    /// A datagram, or the tick: a headless server
    Arrival,
    /// The tick alone: a game's own main loop
    Tick,
}

/// A server and those it serves.
pub(super) struct Server<C> {
    contestant: C,
    wake: Wake,
    state: Vec<u8>,
    schedule: Schedule,
    /// How many ticks it has made.
    made: u64,
    late: u64,
    turns: u64,
    /// How long each tick kept it awake, and how long since the last one.
    awake: Times,
    awake_now: Duration,
    /// What each tick used of the processor, and what was used when the last one ended.
    cpu: Times,
    cpu_then: ThreadCpu,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) counts: ServerCounts,
    pub(super) ticks: u64,
    /// Ticks that were made a period or more too late, to catch up.
    pub(super) ticks_late: u64,
    /// Ticks that were not made at all, because it was too late for them.
    pub(super) overruns: u64,
    /// How often it woke up.
    pub(super) turns: u64,
    pub(super) cpu: Option<Duration>,
    pub(super) wall: Duration,
    /// How long each tick kept it awake, and what each used of the processor.
    pub(super) awake: Times,
    pub(super) cpu_each: Times,
}

impl<C: Contestant> Server<C> {
    /// `state` is how many bytes a state has.
    pub(super) fn new(
        contestant: C,
        wake: Wake,
        state: usize,
        schedule: Schedule,
    ) -> io::Result<Self> {
        let times = || Times::new().ok_or_else(|| io::Error::other("the histogram has bad limits"));
        Ok(Self {
            contestant,
            wake,
            state: vec![0x5A; state],
            schedule,
            made: 0,
            late: 0,
            turns: 0,
            awake: times()?,
            awake_now: Duration::ZERO,
            cpu: times()?,
            cpu_then: ThreadCpu::now(),
        })
    }

    /// Runs until all ticks are over and the clients have sent their last (they drop the other end of
    /// `clients`), and takes what they sent.
    pub(super) fn serve(mut self, clients: &Receiver<()>) -> io::Result<Served> {
        self.wait_for_the_start()?;
        let start = Instant::now();
        let cpu = ThreadCpu::now();
        // Of this thread, not of the one that made the server.
        self.cpu_then = cpu;
        while self.ticks_left() > 0 || clients.try_recv() == Err(TryRecvError::Empty) {
            self.turn()?;
        }
        self.drain_all()?;
        let (cpu, wall) = (cpu.elapsed(), start.elapsed());
        Ok(Served {
            counts: self.contestant.counts(),
            ticks: self.made,
            ticks_late: self.late,
            overruns: self.schedule.ticks - self.made,
            turns: self.turns,
            cpu,
            wall,
            awake: self.awake,
            cpu_each: self.cpu,
        })
    }

    /// As it will sleep later on: whatever the first sleep needs is made before anything is measured.
    fn wait_for_the_start(&mut self) -> io::Result<()> {
        while Instant::now() < self.schedule.start {
            self.sleep_until(self.schedule.start)?;
        }
        Ok(())
    }

    fn ticks_left(&self) -> u64 {
        self.schedule.left(self.made)
    }

    fn turn(&mut self) -> io::Result<()> {
        self.sleep_until(self.schedule.ticker.deadline())?;
        let start = Instant::now();
        self.turns += 1;
        self.contestant.drain()?;
        let steps = self.steps_due();
        for _ in 0..steps {
            self.contestant.send_to_all(&self.state)?;
        }
        self.awake_now += start.elapsed();
        if steps > 0 {
            self.record_ticks(steps);
        }
        Ok(())
    }

    fn sleep_until(&mut self, deadline: Instant) -> io::Result<()> {
        match self.wake {
            Wake::Arrival => self.contestant.sleep_until(deadline),
            Wake::Tick => {
                frame::sleep_until(deadline);
                Ok(())
            }
        }
    }

    /// A tick is everything since the one before: the drains in between, and the states at its end.
    /// Several in one turn share one drain, so each has an equal part of the whole.
    fn record_ticks(&mut self, ticks: u64) {
        let awake = std::mem::take(&mut self.awake_now);
        self.awake.record(awake, ticks);
        let cpu = std::mem::replace(&mut self.cpu_then, ThreadCpu::now());
        if let Some(used) = self.cpu_then.since(cpu) {
            self.cpu.record(used, ticks);
        }
    }

    fn steps_due(&mut self) -> u64 {
        let due = u64::from(self.schedule.ticker.steps_due(Instant::now()));
        // Once all are over, only the clients' last inputs are waited for.
        let due = due.min(self.ticks_left());
        self.late += due.saturating_sub(1);
        self.made += due;
        due
    }

    fn drain_all(&mut self) -> io::Result<()> {
        self.contestant.drain()?;
        while self.contestant.may_have_more() {
            self.contestant.drain()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use tickwire::Ticker;

    use super::*;

    /// What a state costs the server of these tests.
    const STATE: Duration = Duration::from_micros(100);

    /// Works for its ticks, and has no clients.
    struct Busy;

    impl Contestant for Busy {
        fn sleep_until(&mut self, _deadline: Instant) -> io::Result<()> {
            Ok(())
        }

        fn drain(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn may_have_more(&self) -> bool {
            false
        }

        fn send_to_all(&mut self, _state: &[u8]) -> io::Result<()> {
            let cpu = ThreadCpu::now();
            while cpu.elapsed().is_some_and(|used| used < STATE) {
                std::hint::black_box(0);
            }
            Ok(())
        }

        fn counts(&self) -> ServerCounts {
            ServerCounts::default()
        }
    }

    /// All ticks are due when it begins, and it is too late for most of them.
    fn serve_late() -> Served {
        let minute = Duration::from_secs(60);
        let start = Instant::now().checked_sub(minute).unwrap();
        let schedule = Schedule {
            start,
            ticker: Ticker::starting_at(start, 1),
            ticks: minute.as_secs(),
        };
        let server = Server::new(Busy, Wake::Arrival, 0, schedule).unwrap();
        let (_, clients) = channel();
        server.serve(&clients).unwrap()
    }

    #[test]
    fn a_turn_that_makes_several_ticks_counts_as_so_many() {
        let served = serve_late();
        assert_eq!(served.turns, 1);
        assert!(served.ticks > 1 && served.overruns > 0, "{served:?}");
        assert_eq!(served.awake.ticks(), served.ticks);
    }

    #[test]
    fn what_the_ticks_used_adds_up_to_what_the_server_used() {
        let served = serve_late();
        let Some(cpu) = served.cpu else {
            return;
        };
        assert_eq!(served.cpu_each.ticks(), served.ticks);
        let of_ticks = served.cpu_each.total();
        assert!(of_ticks >= STATE * u32::try_from(served.ticks).unwrap());
        assert!(of_ticks <= cpu, "{of_ticks:?} of {cpu:?}");
    }
}
