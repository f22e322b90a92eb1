//! Everybody in turns: in each round every contestant is measured once.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::books::Books;
use super::clients::{
    MioAsleep, StdAsleep, StdSpinning, Tickwire, TickwireAsleep, TickwireSpinning,
    std_asleep_at_rate,
};
use super::drive::{Client, at_rate, closed};
use super::echo::{Echo, LOCAL};
use super::journal::Journal;
use super::pace::{Pace, Span, Window};
use super::place::{Place, Side};
use super::probe::Probe;
use super::target::any_towards;
use super::{Contestant, Settings, Wait};
use crate::bench::progress::{Progress, REDRAW};
use crate::bench::turns::in_turns;
use crate::error::CliError;

/// From the moment when everything is prepared to the first datagram: time enough for std's second
/// thread to begin.
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
pub(super) fn run(settings: &Settings) -> Result<Vec<Round>, CliError> {
    let contestants = settings.contestants();
    let steps = usize::from(settings.rounds) * contestants.len();
    let each = LEAD + settings.warm_up + settings.duration;
    let progress = Progress::of_length(steps as u64, each);
    let started = Instant::now();
    let mut rounds = Vec::with_capacity(steps);
    for number in 0..usize::from(settings.rounds) {
        for who in in_turns(contestants, number) {
            progress.next(format!(
                "round {} of {}: {who}",
                number + 1,
                settings.rounds
            ));
            rounds.push(round(who, settings, started, &progress)?);
            progress.step();
        }
    }
    Ok(rounds)
}

fn round(
    who: Contestant,
    settings: &Settings,
    started: Instant,
    progress: &Progress,
) -> Result<Round, CliError> {
    let cannot = |error: io::Error| CliError::Runtime(format!("cannot measure {who}: {error}"));
    let echo = match settings.to {
        Some(_) => None,
        None => Some(Echo::start(who, settings.wait, settings.place).map_err(cannot)?),
    };
    let to = settings.to.or(echo.as_ref().map(Echo::address));
    let to = to.expect("without a target there is an echo");
    let measuring = Measuring {
        from: settings.to.map_or(LOCAL, any_towards),
        to,
        span: settings.span(),
        per_second: settings.rate_per_second,
        place: settings.place,
        probe: Probe::new(settings.size_bytes, to),
    };
    let mut books = Books::of(measuring.span, settings.rate_per_second)?;
    let window = measuring
        .measure_in_place(who, settings.wait, &mut books, progress)
        .map_err(cannot)?;
    echo.map_or(Ok(()), Echo::stop).map_err(cannot)?;
    Ok(Round {
        who,
        at: window.begin().saturating_duration_since(started),
        journal: books.journal,
    })
}

/// Draws the progress until the other end of the channel, on which nothing is ever said, hangs up.
/// Where nobody sees it the time is slept through.
fn watch(progress: &Progress, end: &Receiver<()>) {
    while progress.is_shown() && end.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
        progress.pass();
    }
}

/// What is the same for every contestant.
struct Measuring {
    from: SocketAddr,
    to: SocketAddr,
    span: Span,
    per_second: Option<u32>,
    place: Place,
    probe: Probe,
}

impl Measuring {
    /// On a thread of its own, which is moved. This one draws how far it is and goes on where it likes:
    /// on a processor that is neither the client's nor the server's, where there is a third one.
    /// Otherwise it takes a tenth of a millisecond from one of the two each time, whoever is measured.
    fn measure_in_place(
        &self,
        who: Contestant,
        wait: Wait,
        books: &mut Books,
        progress: &Progress,
    ) -> io::Result<Window> {
        let (line, end) = channel();
        thread::scope(|scope| {
            let client = thread::Builder::new().name("client".to_owned());
            let client = client.spawn_scoped(scope, move || {
                let _hung_up_at_the_end = line;
                self.place.take(Side::Client)?;
                self.measure(who, wait, books)
            })?;
            watch(progress, &end);
            client.join().expect("a client does not panic")
        })
    }

    /// Returns when it was.
    fn measure(&self, who: Contestant, wait: Wait, books: &mut Books) -> io::Result<Window> {
        let (from, to) = (self.from, self.to);
        match (who, wait) {
            (Contestant::Std, Wait::Sleep) => self.std_asleep(books),
            (Contestant::Std, Wait::Spin) => self.drive(StdSpinning::new(from, to)?, books),
            (Contestant::Mio, _) => self.drive(MioAsleep::new(from, to)?, books),
            (Contestant::Tickwire, wait) => self.tickwire(Tickwire::new(from, to)?, wait, books),
            (Contestant::Stamped, wait) => self.tickwire(Tickwire::stamped(from, to)?, wait, books),
        }
    }

    fn tickwire(&self, client: Tickwire, wait: Wait, books: &mut Books) -> io::Result<Window> {
        match wait {
            Wait::Sleep => self.drive(TickwireAsleep(client), books),
            Wait::Spin => self.drive(TickwireSpinning(client), books),
        }
    }

    fn drive(&self, mut client: impl Client, books: &mut Books) -> io::Result<Window> {
        let window = self.start();
        let Some(per_second) = self.per_second else {
            closed(&mut client, window, &self.probe, &mut books.journal)?;
            return Ok(window);
        };
        let pace = Pace::new(window, per_second);
        let (leaving, answers) = books.open(&pace, &self.probe);
        at_rate(&mut client, leaving, answers)?;
        Ok(window)
    }

    fn std_asleep(&self, books: &mut Books) -> io::Result<Window> {
        let mut client = StdAsleep::new(self.from, self.to)?;
        let Some(per_second) = self.per_second else {
            return self.drive(client, books);
        };
        let window = self.start();
        let pace = Pace::new(window, per_second);
        let (leaving, answers) = books.open(&pace, &self.probe);
        std_asleep_at_rate(&mut client, leaving, answers)?;
        Ok(window)
    }

    /// From here on the time runs, so everything that takes some has been done.
    fn start(&self) -> Window {
        self.span.starting_at(Instant::now() + LEAD)
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use super::*;

    const EVERYBODY: [(Contestant, Wait); 7] = [
        (Contestant::Std, Wait::Sleep),
        (Contestant::Std, Wait::Spin),
        (Contestant::Mio, Wait::Sleep),
        (Contestant::Tickwire, Wait::Sleep),
        (Contestant::Tickwire, Wait::Spin),
        (Contestant::Stamped, Wait::Sleep),
        (Contestant::Stamped, Wait::Spin),
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
        let span = Span {
            warm_up: Duration::ZERO,
            duration,
        };
        let measuring = Measuring {
            from: LOCAL,
            to: echo.address(),
            span,
            per_second,
            place: Place::Free,
            probe: Probe::new(64, echo.address()),
        };
        let mut books = Books::of(span, per_second).unwrap();
        let asked_for = allocation_counter::measure(|| {
            measuring.measure(who, wait, &mut books).unwrap();
        });
        echo.stop().unwrap();
        (asked_for.count_total, books.journal.counts.answered)
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
                // On a machine that does other things it can take a while until many came.
                let mut rounds = (0..6).map(|step| of(200 << step));
                let enough = rounds.find(|(_, answers)| *answers > 4 * GROWTH);
                let (many, answers) = enough.expect("datagrams are answered");
                let what = format!("{who} {wait:?} {per_second:?}: {few}, {many} for {answers}");
                assert!(many <= few + GROWTH, "{what}");
            }
        }
    }
}
