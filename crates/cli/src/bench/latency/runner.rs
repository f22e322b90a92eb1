//! All subjects in interleaved rounds.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tickwire_measure::affinity::Role;
use tickwire_measure::echo::Echo;
use tickwire_measure::floors::{LOOPBACK, MioLoop, StdBlocking, StdLoop, bind};
use tickwire_measure::runner::interleave;
use tickwire_measure::settings::seed_from_clock;
use tickwire_measure::side::{Received, Side};

use super::in_flight::InFlight;
use super::load_generator::{
    Asking, Client, OpenLoop, at_rate, closed, receive_at_rate, send_at_rate,
};
use super::probe::Probe;
use super::recording::Recording;
use super::send_schedule::{SendSchedule, Window};
use super::target::any_towards;
use super::tickwire_side::TickwireSide;
use super::{Options, Subject, Wait};
use crate::bench::progress::{Progress, REDRAW};
use crate::error::CliError;

/// Delay before the first datagram, in which std's second thread starts.
const LEAD: Duration = Duration::from_millis(5);

/// How long std blocks before it checks the end of the round.
const STD_TIMEOUT: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Round {
    /// End of the warm-up, from the start of the run.
    pub(super) at: Duration,
    pub(super) recording: Recording,
}

/// Runs all rounds of all subjects; returns the rounds of each.
pub(super) fn run(options: &Options) -> Result<Vec<Vec<Round>>, CliError> {
    let subjects = options.subjects();
    let rounds = usize::from(options.rounds);
    let each = LEAD + options.warm_up + options.duration;
    let progress = Progress::new((rounds * subjects.len()) as u64, Some(each));
    let started = Instant::now();
    let measure = |number, index: usize| {
        let subject = subjects[index];
        progress.next(format!("round {} of {rounds}: {subject}", number + 1));
        let round = run_round(options, subject, started, &progress);
        progress.step();
        round.map_err(|error| CliError::Runtime(format!("cannot measure {subject}: {error}")))
    };
    interleave(subjects.len(), rounds, seed_from_clock(), measure)
}

fn run_round(
    options: &Options,
    subject: Subject,
    started: Instant,
    progress: &Progress,
) -> io::Result<Round> {
    // Dropping it would end the echo.
    let mut own_echo = None;
    let to = match options.to {
        Some(to) => to,
        None => own_echo.insert(echo(options, subject)?).address(),
    };
    let mut measurement = Measurement::new(options, subject, to);
    let window = measurement.run_pinned(progress)?;
    Ok(Round {
        at: window.begin().saturating_duration_since(started),
        recording: measurement.recording,
    })
}

fn echo(options: &Options, subject: Subject) -> io::Result<Echo> {
    let (wait, affinity) = (options.wait_mode, options.affinity());
    let socket = || bind(LOOPBACK, None);
    let echo = match (subject, wait) {
        (Subject::Std, Wait::Sleep) => Echo::start(StdBlocking::new(socket()?, None)?, affinity),
        (Subject::Std, Wait::Spin) => Echo::start(StdLoop::new(socket()?), affinity),
        (Subject::Mio, _) => Echo::start(MioLoop::new(socket()?)?, affinity),
        (Subject::Tickwire | Subject::Stamped, _) => {
            Echo::start(TickwireSide::new(LOOPBACK, wait, false)?, affinity)
        }
    }?;
    echo.serve();
    Ok(echo)
}

/// A round of a subject with a running echo. Its methods return at the end of the round.
struct Measurement<'a> {
    options: &'a Options,
    subject: Subject,
    to: SocketAddr,
    recording: Recording,
}

impl<'a> Measurement<'a> {
    fn new(options: &'a Options, subject: Subject, to: SocketAddr) -> Self {
        Self {
            options,
            subject,
            to,
            recording: Recording::new(options.duration),
        }
    }

    /// Runs on a pinned thread. The calling thread draws the progress, on a third processor if
    /// there is one; otherwise each redraw takes 0.1 ms from client or server, equally for every
    /// subject.
    fn run_pinned(&mut self, progress: &Progress) -> io::Result<Window> {
        let (end_of_round, round) = channel();
        thread::scope(|scope| {
            let client = thread::Builder::new().name("client".to_owned());
            let client = client.spawn_scoped(scope, move || {
                let _end_of_round: std::sync::mpsc::Sender<()> = end_of_round;
                let _pinned = self.options.affinity().pin(Role::Client)?;
                self.measure()
            })?;
            watch(progress, &round);
            client.join().expect("a client does not panic")
        })
    }

    fn measure(&mut self) -> io::Result<Window> {
        let from = self.options.to.map_or(LOOPBACK, any_towards);
        let socket = || bind(from, None);
        match (self.subject, self.options.wait_mode) {
            (Subject::Std, Wait::Sleep) => {
                self.std_blocking(StdBlocking::new(socket()?, Some(STD_TIMEOUT))?)
            }
            (Subject::Std, Wait::Spin) => self.ask(StdLoop::new(socket()?)),
            (Subject::Mio, _) => self.ask(MioLoop::new(socket()?)?),
            (Subject::Tickwire, wait) => self.ask(TickwireSide::new(from, wait, false)?),
            (Subject::Stamped, wait) => self.ask(TickwireSide::new(from, wait, true)?),
        }
    }

    fn ask(&mut self, side: impl Side) -> io::Result<Window> {
        let mut client = Asking { side, to: self.to };
        if !self.options.closed {
            return self
                .open_loop(|open_loop, recording| at_rate(&mut client, open_loop, recording));
        }
        let probe = Probe::new(self.options.size, self.to);
        let window = self.start();
        closed(&mut client, window, &probe, &mut self.recording)?;
        Ok(window)
    }

    /// In open loop one thread sends and another blocks in `recv_from`. A read timeout in a single
    /// thread is rounded by Linux to its timer tick of up to 10 ms.
    fn std_blocking(&mut self, side: StdBlocking) -> io::Result<Window> {
        if self.options.closed {
            return self.ask(side);
        }
        let (socket, to) = (side.sender()?, self.to);
        let mut sender = StdSender { socket, to };
        let mut receiver = Asking { side, to };
        self.open_loop(|open_loop, recording| {
            thread::scope(|scope| {
                let sending = scope.spawn(move || send_at_rate(&mut sender, open_loop));
                let received = receive_at_rate(&mut receiver, open_loop, recording);
                let sent = sending.join().expect("the sending thread does not panic");
                sent.and(received)
            })
        })
    }

    fn open_loop(
        &mut self,
        run: impl FnOnce(OpenLoop<'_>, &mut Recording) -> io::Result<()>,
    ) -> io::Result<Window> {
        let Options { rate, size, .. } = *self.options;
        let in_flight = InFlight::new(self.options.span().datagrams(rate));
        let probe = Probe::new(size, self.to);
        let window = self.start();
        let open_loop = OpenLoop {
            schedule: &SendSchedule::new(window, rate),
            probe: &probe,
            in_flight: &in_flight,
        };
        run(open_loop, &mut self.recording)?;
        Ok(window)
    }

    /// Starts the clock of the round after all preparations.
    fn start(&self) -> Window {
        self.options.span().starting_at(Instant::now() + LEAD)
    }
}

/// std's sending thread. It sleeps as precisely as tickwire, so departures have the same lateness.
struct StdSender {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Client for StdSender {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.send_to(bytes, self.to).map(drop)
    }

    /// It may wake early; the caller checks the time.
    fn turn(&mut self, until: Instant, _take: &mut impl FnMut(Received<'_>)) -> io::Result<()> {
        let time = until.saturating_duration_since(Instant::now());
        if !time.is_zero() {
            thread::park_timeout(time);
        }
        Ok(())
    }
}

/// Draws the progress until the client drops the other end of the channel.
fn watch(progress: &Progress, round: &Receiver<()>) {
    while progress.is_shown() && round.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
        progress.pass();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic fails the test")]
mod tests {
    use super::*;

    const ALL: [(Subject, Wait); 7] = [
        (Subject::Std, Wait::Sleep),
        (Subject::Std, Wait::Spin),
        (Subject::Mio, Wait::Sleep),
        (Subject::Tickwire, Wait::Sleep),
        (Subject::Tickwire, Wait::Spin),
        (Subject::Stamped, Wait::Sleep),
        (Subject::Stamped, Wait::Spin),
    ];

    /// Allocations of the client's thread during a round, and the number of replies.
    fn allocations(
        subject: Subject,
        wait: Wait,
        per_second: Option<u32>,
        duration: Duration,
    ) -> (u64, u64) {
        let options = Options {
            rate: per_second.unwrap_or(1000),
            closed: per_second.is_none(),
            duration,
            warm_up: Duration::ZERO,
            wait_mode: wait,
            ..Options::for_tests(&["--affinity=free"])
        };
        let echo = echo(&options, subject).unwrap();
        let mut measurement = Measurement::new(&options, subject, echo.address());
        let allocations = allocation_counter::measure(|| {
            measurement.measure().unwrap();
        });
        let answered = measurement.recording.counts.answered;
        (allocations.count_total, answered)
    }

    /// Allowed growth of a send queue and of batch slots at a new peak.
    const GROWTH: u64 = 8;

    #[test]
    fn no_datagram_of_a_round_allocates() {
        for (subject, wait) in ALL {
            for per_second in [Some(2000), None] {
                let of =
                    |millis| allocations(subject, wait, per_second, Duration::from_millis(millis));
                of(1); // one-time initialisation
                let (few, _) = of(1);
                // A busy machine needs time for many replies.
                let mut rounds = (0..6).map(|step| of(200 << step));
                let enough = rounds.find(|(_, answers)| *answers > 4 * GROWTH);
                let (many, answers) = enough.expect("datagrams are answered");
                let what =
                    format!("{subject} {wait:?} {per_second:?}: {few}, {many} for {answers}");
                assert!(many <= few + GROWTH, "{what}");
            }
        }
    }
}
