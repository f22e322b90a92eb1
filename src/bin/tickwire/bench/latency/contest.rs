//! Everybody in turns: in each round every contestant is measured once.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::clients::{
    MioAsleep, StdAsleep, StdSpinning, TickwireAsleep, TickwireSpinning, std_asleep_at_rate,
};
use super::drive::{Client, at_rate, closed};
use super::echo::{Echo, LOCAL};
use super::journal::Journal;
use super::pace::{Pace, Window};
use super::place::{Place, Side};
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
        None => Some(Echo::start(who, settings.wait, settings.place).map_err(cannot)?),
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
        place: settings.place,
        probe: Probe::new(settings.size_bytes, window.start),
    };
    let mut journal = Journal::new(window)?;
    measuring
        .measure_in_place(who, settings.wait, &mut journal)
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
    place: Place,
    probe: Probe,
}

impl Measuring {
    /// On a thread of its own, which is moved; this one goes on where it likes.
    fn measure_in_place(
        &self,
        who: Contestant,
        wait: Wait,
        journal: &mut Journal,
    ) -> io::Result<()> {
        thread::scope(|scope| {
            let client = thread::Builder::new().name("client".to_owned());
            let client = client.spawn_scoped(scope, || {
                self.place.take(Side::Client)?;
                self.measure(who, wait, journal)
            })?;
            client.join().expect("a client does not panic")
        })
    }

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

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use super::*;

    const EVERYBODY: [(Contestant, Wait); 5] = [
        (Contestant::Std, Wait::Sleep),
        (Contestant::Std, Wait::Spin),
        (Contestant::Mio, Wait::Sleep),
        (Contestant::Tickwire, Wait::Sleep),
        (Contestant::Tickwire, Wait::Spin),
    ];

    /// What the thread of `who`'s client asks for from its socket to the end of the round, and how many
    /// answers there were.
    fn allocations(
        who: Contestant,
        wait: Wait,
        per_second: Option<u32>,
        duration: Duration,
    ) -> (u64, u64) {
        let echo = Echo::start(who, wait, Place::Free).unwrap();
        let window = Window {
            start: Instant::now() + LEAD,
            warm_up: Duration::ZERO,
            duration,
        };
        let measuring = Measuring {
            from: LOCAL,
            to: echo.address(),
            window,
            per_second,
            place: Place::Free,
            probe: Probe::new(64, window.start),
        };
        let mut journal = Journal::new(window).unwrap();
        let asked_for = allocation_counter::measure(|| {
            measuring.measure(who, wait, &mut journal).unwrap();
        });
        echo.stop().unwrap();
        (asked_for.count_total, journal.counts.answered)
    }

    /// What a send queue and the slots of a batch may grow by when there is more at once than before.
    const GROWTH: u64 = 8;

    #[test]
    fn no_datagram_of_a_round_allocates() {
        for (who, wait) in EVERYBODY {
            for per_second in [Some(2000), None] {
                let of = |millis| allocations(who, wait, per_second, Duration::from_millis(millis));
                of(1); // whatever happens once in a process
                let (few, _) = of(1);
                // On a busy machine two loops that spin may have little of it.
                let (many, answers) = [200, 2_000, 20_000]
                    .into_iter()
                    .map(of)
                    .find(|(_, answers)| *answers > 4 * GROWTH)
                    .expect("somebody answers");
                let what = format!("{who} {wait:?} {per_second:?}: {few}, {many} for {answers}");
                assert!(many <= few + GROWTH, "{what}");
            }
        }
    }
}
