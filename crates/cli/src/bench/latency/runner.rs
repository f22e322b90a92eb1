//! Everybody in turns: in each round every subject is measured once.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::affinity::{Affinity, Side};
use super::clients::{
    MioAsleep, StdAsleep, StdSpinning, Tickwire, TickwireAsleep, TickwireSpinning,
    std_asleep_at_rate,
};
use super::echo::{Echo, LOCAL};
use super::load_generator::{Client, at_rate, closed};
use super::probe::Probe;
use super::recording::Recording;
use super::round_recording::RoundRecording;
use super::send_schedule::{SendSchedule, Span, Window};
use super::target::any_towards;
use super::{Settings, Subject, Wait};
use crate::bench::progress::{Progress, REDRAW};
use crate::bench::turns::in_turns;
use crate::failure::Failure;

/// From the moment when everything is prepared to the first datagram: time enough for std's second
/// thread to begin.
const LEAD: Duration = Duration::from_millis(5);

/// One round of one subject.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) who: Subject,
    /// When the part that counts began, since the beginning of the run.
    pub(super) at: Duration,
    pub(super) recording: Recording,
}

/// Runs all rounds of all subjects; the rounds of each are in their order.
pub(super) fn run(settings: &Settings) -> Result<Vec<Round>, Failure> {
    let subjects = settings.subjects();
    let steps = usize::from(settings.rounds) * subjects.len();
    let each = LEAD + settings.warm_up + settings.duration;
    let progress = Progress::of_length(steps as u64, each);
    let started = Instant::now();
    let mut rounds = Vec::with_capacity(steps);
    for number in 0..usize::from(settings.rounds) {
        for who in in_turns(subjects, number) {
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
    who: Subject,
    settings: &Settings,
    started: Instant,
    progress: &Progress,
) -> Result<Round, Failure> {
    let cannot = |error: io::Error| Failure::Refused(format!("cannot measure {who}: {error}"));
    let echo = match settings.to {
        Some(_) => None,
        None => Some(Echo::start(who, settings.wait, settings.affinity).map_err(cannot)?),
    };
    let to = settings.to.or(echo.as_ref().map(Echo::address));
    let to = to.expect("without a target there is an echo");
    let measuring = Measuring {
        from: settings.to.map_or(LOCAL, any_towards),
        to,
        span: settings.span(),
        per_second: settings.rate_per_second,
        affinity: settings.affinity,
        probe: Probe::new(settings.size_bytes, to),
    };
    let mut round_recording = RoundRecording::of(measuring.span, settings.rate_per_second)?;
    let window = measuring
        .measure_pinned(who, settings.wait, &mut round_recording, progress)
        .map_err(cannot)?;
    echo.map_or(Ok(()), Echo::stop).map_err(cannot)?;
    Ok(Round {
        who,
        at: window.begin().saturating_duration_since(started),
        recording: round_recording.recording,
    })
}

/// Draws the progress until the other end of the channel, on which nothing is ever said, hangs up.
/// Where nobody sees it the time is slept through.
fn watch(progress: &Progress, end: &Receiver<()>) {
    while progress.is_shown() && end.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
        progress.pass();
    }
}

/// What is the same for every subject.
struct Measuring {
    from: SocketAddr,
    to: SocketAddr,
    span: Span,
    per_second: Option<u32>,
    affinity: Affinity,
    probe: Probe,
}

impl Measuring {
    /// On a thread of its own, which is moved. This one draws how far it is and goes on where it likes:
    /// on a processor that is neither the client's nor the server's, where there is a third one.
    /// Otherwise it takes a tenth of a millisecond from one of the two each time, whoever is measured.
    fn measure_pinned(
        &self,
        who: Subject,
        wait: Wait,
        round_recording: &mut RoundRecording,
        progress: &Progress,
    ) -> io::Result<Window> {
        let (line, end) = channel();
        thread::scope(|scope| {
            let client = thread::Builder::new().name("client".to_owned());
            let client = client.spawn_scoped(scope, move || {
                let _hung_up_at_the_end = line;
                self.affinity.take(Side::Client)?;
                self.measure(who, wait, round_recording)
            })?;
            watch(progress, &end);
            client.join().expect("a client does not panic")
        })
    }

    /// Returns when it was.
    fn measure(
        &self,
        who: Subject,
        wait: Wait,
        round_recording: &mut RoundRecording,
    ) -> io::Result<Window> {
        let (from, to) = (self.from, self.to);
        match (who, wait) {
            (Subject::Std, Wait::Sleep) => self.std_asleep(round_recording),
            (Subject::Std, Wait::Spin) => self.drive(StdSpinning::new(from, to)?, round_recording),
            (Subject::Mio, _) => self.drive(MioAsleep::new(from, to)?, round_recording),
            (Subject::Tickwire, wait) => {
                self.tickwire(Tickwire::new(from, to)?, wait, round_recording)
            }
            (Subject::Stamped, wait) => {
                self.tickwire(Tickwire::stamped(from, to)?, wait, round_recording)
            }
        }
    }

    fn tickwire(
        &self,
        client: Tickwire,
        wait: Wait,
        round_recording: &mut RoundRecording,
    ) -> io::Result<Window> {
        match wait {
            Wait::Sleep => self.drive(TickwireAsleep(client), round_recording),
            Wait::Spin => self.drive(TickwireSpinning(client), round_recording),
        }
    }

    fn drive(
        &self,
        mut client: impl Client,
        round_recording: &mut RoundRecording,
    ) -> io::Result<Window> {
        let window = self.start();
        let Some(per_second) = self.per_second else {
            closed(
                &mut client,
                window,
                &self.probe,
                &mut round_recording.recording,
            )?;
            return Ok(window);
        };
        let schedule = SendSchedule::new(window, per_second);
        let (leaving, answers) = round_recording.open(&schedule, &self.probe);
        at_rate(&mut client, leaving, answers)?;
        Ok(window)
    }

    fn std_asleep(&self, round_recording: &mut RoundRecording) -> io::Result<Window> {
        let mut client = StdAsleep::new(self.from, self.to)?;
        let Some(per_second) = self.per_second else {
            return self.drive(client, round_recording);
        };
        let window = self.start();
        let schedule = SendSchedule::new(window, per_second);
        let (leaving, answers) = round_recording.open(&schedule, &self.probe);
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

    const EVERYBODY: [(Subject, Wait); 7] = [
        (Subject::Std, Wait::Sleep),
        (Subject::Std, Wait::Spin),
        (Subject::Mio, Wait::Sleep),
        (Subject::Tickwire, Wait::Sleep),
        (Subject::Tickwire, Wait::Spin),
        (Subject::Stamped, Wait::Sleep),
        (Subject::Stamped, Wait::Spin),
    ];

    /// What the thread of `who`'s client asks for from its socket to the end of the round, and how many
    /// answers there were.
    fn allocations(
        who: Subject,
        wait: Wait,
        per_second: Option<u32>,
        duration: Duration,
    ) -> (u64, u64) {
        let echo = Echo::start(who, wait, Affinity::Free).unwrap();
        let span = Span {
            warm_up: Duration::ZERO,
            duration,
        };
        let measuring = Measuring {
            from: LOCAL,
            to: echo.address(),
            span,
            per_second,
            affinity: Affinity::Free,
            probe: Probe::new(64, echo.address()),
        };
        let mut round_recording = RoundRecording::of(span, per_second).unwrap();
        let asked_for = allocation_counter::measure(|| {
            measuring.measure(who, wait, &mut round_recording).unwrap();
        });
        echo.stop().unwrap();
        (
            asked_for.count_total,
            round_recording.recording.counts.answered,
        )
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
