//! Everybody in turns: in each round every contestant is measured once.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::clients::{
    MioAsleep, StdAsleep, StdSpinning, TickwireAsleep, TickwireSpinning, std_asleep_at_rate,
};
use super::drive::{Client, at_rate, closed};
use super::echo::{Echo, LOCAL};
use super::journal::Journal;
use super::pace::{Pace, Window};
use super::probe::Probe;
use super::target::any_towards;
use super::{Contestant, Settings, Wait};
use crate::bench::progress::Progress;
use crate::bench::turns::in_turns;
use crate::failure::Failure;

/// From the moment when a round is planned to its first datagram: time enough for the allocations that
/// come before it.
const LEAD: Duration = Duration::from_millis(5);

/// One round of one contestant.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) who: Contestant,
    /// When the part that counts began, since the beginning of the run.
    pub(super) at: Duration,
    pub(super) journal: Journal,
}

/// Runs all rounds of all contestants; the rounds of each are in their order.
pub(super) fn run(settings: &Settings) -> Result<Vec<Round>, Failure> {
    let contestants = settings.contestants();
    let steps = usize::from(settings.rounds) * contestants.len();
    let progress = Progress::new(steps as u64);
    let started = Instant::now();
    let mut rounds = Vec::with_capacity(steps);
    for number in 0..usize::from(settings.rounds) {
        for who in in_turns(contestants, number) {
            progress.next(format!(
                "round {} of {}: {who}",
                number + 1,
                settings.rounds
            ));
            rounds.push(round(who, settings, started)?);
            progress.step();
        }
    }
    Ok(rounds)
}

fn round(who: Contestant, settings: &Settings, started: Instant) -> Result<Round, Failure> {
    let cannot = |error: io::Error| Failure::Refused(format!("cannot measure {who}: {error}"));
    let echo = match settings.to {
        Some(_) => None,
        None => Some(Echo::start(who, settings.wait).map_err(cannot)?),
    };
    let to = settings.to.or(echo.as_ref().map(Echo::address));
    let to = to.expect("without a target there is an echo");
    let window = Window {
        start: Instant::now() + LEAD,
        warm_up: settings.warm_up,
        duration: settings.duration,
    };
    let measuring = Measuring {
        from: settings.to.map_or(LOCAL, any_towards),
        to,
        window,
        per_second: settings.rate_per_second,
        probe: Probe::new(settings.size_bytes, window.start),
    };
    let mut journal = Journal::new(window)?;
    measuring
        .measure(who, settings.wait, &mut journal)
        .map_err(cannot)?;
    echo.map_or(Ok(()), Echo::stop).map_err(cannot)?;
    Ok(Round {
        who,
        at: window.begin().saturating_duration_since(started),
        journal,
    })
}

/// What is the same for every contestant.
struct Measuring {
    from: SocketAddr,
    to: SocketAddr,
    window: Window,
    per_second: Option<u32>,
    probe: Probe,
}

impl Measuring {
    fn measure(&self, who: Contestant, wait: Wait, journal: &mut Journal) -> io::Result<()> {
        let (from, to) = (self.from, self.to);
        match (who, wait) {
            (Contestant::Std, Wait::Sleep) => self.std_asleep(journal),
            (Contestant::Std, Wait::Spin) => self.drive(StdSpinning::new(from, to)?, journal),
            (Contestant::Mio, _) => self.drive(MioAsleep::new(from, to)?, journal),
            (Contestant::Tickwire, Wait::Sleep) => {
                self.drive(TickwireAsleep::new(from, to)?, journal)
            }
            (Contestant::Tickwire, Wait::Spin) => {
                self.drive(TickwireSpinning::new(from, to)?, journal)
            }
        }
    }

    fn drive(&self, mut client: impl Client, journal: &mut Journal) -> io::Result<()> {
        match self.pace() {
            Some(pace) => at_rate(&mut client, &pace, &self.probe, journal),
            None => closed(&mut client, self.window, &self.probe, journal),
        }
    }

    fn std_asleep(&self, journal: &mut Journal) -> io::Result<()> {
        match self.pace() {
            Some(pace) => std_asleep_at_rate(self.from, self.to, &pace, &self.probe, journal),
            None => self.drive(StdAsleep::new(self.from, self.to)?, journal),
        }
    }

    fn pace(&self) -> Option<Pace> {
        let per_second = self.per_second?;
        Some(Pace::new(self.window, per_second))
    }
}
