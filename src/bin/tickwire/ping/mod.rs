//! `tickwire ping`: the round trips to a UDP echo.
//!
//! Here are the options and the loop around the endpoint. What a run means is worked out below it,
//! without a socket and without a clock, in `session` and what it stands on: `probe` (the bytes),
//! `flights` (what is under way), `round_trips` (the figures), `tally` (the counts and the last
//! word). `pace` says when the next probe leaves.

mod flights;
mod pace;
mod probe;
mod round_trips;
mod session;
mod tally;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use humantime::format_duration;
use tickwire::Endpoint;
use tickwire::limits::DATAGRAM_MAX;

use self::flights::UNDER_WAY_MAX;
use self::pace::Pace;
use self::probe::{PROBE_MIN, Probes};
use self::round_trips::ROUND_TRIP_MAX;
use self::session::Session;
use self::tally::{Counts, HeldUp};
use crate::address;
use crate::failure::{self, Failure};
use crate::output::Output;
use crate::schedule::Due;
use crate::signals::Stop;
use crate::time;

/// Measures round trips to a UDP echo, one line each
///
/// Any echo will do that sends a datagram back as it came, `tickwire listen --echo` for one:
///
///   ping 127.0.0.1:10080, 64 bytes
///   seq=1 64 bytes time=0.123 ms
///
/// Probes leave at fixed steps that do not wait for answers; one that leaves late does not shift
/// those behind it. If ping itself is held up for a whole step or longer, it does not send what it
/// missed in a burst: the steps start over. The summary says so ("held up"), and also if a probe
/// left more than 100 ms late. The time of a round trip is from just before its probe goes to the system until its answer was received. A probe
/// that has no answer within the timeout is lost; an answer after it is shown as "late" and counted,
/// and the probe stays lost. "altered" is an answer whose bytes are not what was sent, "foreign"
/// what is no answer of this run (it lacks the random number of this run, or comes from another
/// address). The number keeps runs apart; it keeps no attacker out, who can read it on the way.
///
/// The end is a summary, also after Ctrl-C or SIGTERM. Probes that had no answer by then and were
/// not lost yet are "under way". "lost" in percent is of the others; "dropped by kernel" came back,
/// and faster than it was read here. min, avg, p50, p99 and max are of the answers in time; jitter
/// is the mean absolute difference between one round trip and the next, in the order of their
/// answers (RFC 3550 section 6.4.1 without its smoothing).
///
/// Exit code: 0 at least one answer came in time, 1 none did or the system refused, 2 the command
/// line is wrong.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// What to ping: a host and a port
    #[arg(default_value = address::DEFAULT)]
    address: String,

    /// Ends after this many probes [default: goes on until it is ended]
    #[arg(long, value_name = "N", value_parser = count,
          allow_negative_numbers = true)]
    count: Option<u64>,

    /// The time from one probe to the next, such as 16ms or 1s. 0s is one at a time: the next leaves
    /// when the one before is answered or lost
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time::parse,
          allow_hyphen_values = true)]
    every: Duration,

    /// How long a probe is, 16 to 1024 bytes: eight for the number of the run, eight for that of the
    /// probe, and both over and over as filler, which is checked
    #[arg(long, value_name = "BYTES", default_value = "64", value_parser = size,
          allow_negative_numbers = true)]
    size: usize,

    /// How long an answer may take, up to 1h; then its probe is lost
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time::parse,
          allow_hyphen_values = true)]
    timeout: Duration,
}

fn count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "a number of probes, at least 1".to_owned())
}

/// What is a number but out of its limits is told by [`refuse_size`].
fn size(text: &str) -> Result<usize, String> {
    let no_size = || format!("{PROBE_MIN} to {DATAGRAM_MAX} bytes make a probe");
    text.parse().map_err(|_| no_size())
}

/// Runs until all probes are settled or a signal comes, and fails if none was answered.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    refuse_size(options.size)?;
    refuse_timeout(options.timeout)?;
    let last = options.count.unwrap_or(u64::MAX);
    refuse_crowd(last, options.timeout, options.every)?;
    let (mut endpoint, to) = open_towards(&options.address)?;
    let waker = endpoint.waker().map_err(Failure::cannot("wait"))?;
    let probes = Probes::of_size(options.size);
    let pinger = Pinger {
        stop: Stop::on_signal(waker)?,
        endpoint,
        to,
        output: Output::new(),
        pace: Pace::of(options.every),
        session: Session::new(to, probes, options.timeout),
        last,
        pause: options.timeout,
        discarded: 0,
        held_up: HeldUp::default(),
    };
    pinger.run(options.size)
}

fn refuse_size(size: usize) -> Result<(), Failure> {
    if size > DATAGRAM_MAX {
        return Err(Failure::Usage(format!(
            "--size is {size} bytes, at most {DATAGRAM_MAX} fit into a datagram"
        )));
    }
    if size < PROBE_MIN {
        return Err(Failure::Usage(format!(
            "--size is {size} bytes, at least {PROBE_MIN} are needed: \
             eight for the number of the run, eight for that of the probe"
        )));
    }
    Ok(())
}

fn refuse_timeout(timeout: Duration) -> Result<(), Failure> {
    if timeout.is_zero() {
        return Err(Failure::Usage(
            "--timeout is zero, and no answer comes that fast".into(),
        ));
    }
    if timeout > ROUND_TRIP_MAX {
        let (given, max) = (format_duration(timeout), format_duration(ROUND_TRIP_MAX));
        return Err(Failure::Usage(format!(
            "--timeout is {given}, at most {max} can be waited for an answer"
        )));
    }
    Ok(())
}

/// Probes that nobody answers are under way for the whole timeout, and there is room for so many.
fn refuse_crowd(count: u64, timeout: Duration, every: Duration) -> Result<(), Failure> {
    // With a step of zero there is one at a time, and no division by zero.
    let under_way = timeout
        .as_nanos()
        .checked_div(every.as_nanos())
        .unwrap_or(1);
    if under_way.min(count.into()) <= UNDER_WAY_MAX as u128 {
        return Ok(());
    }
    let (timeout, every) = (format_duration(timeout), format_duration(every));
    Err(Failure::Usage(format!(
        "a probe every {every} with a timeout of {timeout} is more than the {UNDER_WAY_MAX} \
         that can be under way at once: choose a longer --every or a shorter --timeout"
    )))
}

/// As `address::open_towards`. Sent to "any address" a datagram goes to this machine itself, and its
/// answer comes from the address that it has for that: whoever pings where a listener says that it
/// listens (`0.0.0.0:10080`) means that one.
fn open_towards(text: &str) -> Result<(Endpoint, SocketAddr), Failure> {
    let (endpoint, to) = address::open_towards(text)?;
    if to.ip().is_unspecified() {
        return Ok((endpoint, address::local(to)));
    }
    Ok((endpoint, to))
}

struct Pinger {
    endpoint: Endpoint,
    to: SocketAddr,
    stop: Stop,
    output: Output,
    pace: Pace,
    session: Session,
    /// The number of the last probe.
    last: u64,
    /// How long to wait after a probe that could not leave, where the pace does not say.
    pause: Duration,
    /// How many datagrams the endpoint had discarded at the last look.
    discarded: u64,
    held_up: HeldUp,
}

impl Pinger {
    fn run(mut self, size: usize) -> Result<(), Failure> {
        let to = self.to;
        self.output.line(format_args!("ping {to}, {size} bytes"))?;
        self.ping()?;
        self.summarise()?;
        match self.session.silence() {
            Some(silence) => Err(Failure::Refused(silence.to_string())),
            None => Ok(()),
        }
    }

    fn ping(&mut self) -> Result<(), Failure> {
        while !self.is_done() {
            // Before a probe leaves and not after: a line takes longer to write than a short round
            // trip takes, and its answer would have to wait for that.
            self.output.flush()?;
            self.send_if_due()?;
            self.sleep()?;
            self.receive()?;
            self.give_up_overdue()?;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let is_last_settled = !self.has_more() && !self.session.is_waiting();
        is_last_settled || self.stop.is_requested()
    }

    fn has_more(&self) -> bool {
        self.session.next_seq() <= self.last
    }

    fn due(&self, now: Instant) -> Due {
        if !self.has_more() {
            return Due::Never;
        }
        self.pace.due(self.session.is_waiting(), now)
    }

    fn send_if_due(&mut self) -> Result<(), Failure> {
        if self.due(Instant::now()) != Due::Now {
            return Ok(());
        }
        let probe: Vec<u8> = self.session.next_probe().collect();
        let queued = self.endpoint.send(self.to, &probe);
        let now = Instant::now();
        let flushed = self.endpoint.flush();
        self.session.on_sent(now);
        if let Some(late) = self.pace.held_up(now) {
            self.held_up.add(late);
        }
        self.pace.on_sent(now);
        // The system is asked while the probe is under way, so it costs no round trip anything.
        let is_discarded = self.take_discarded() > 0;
        let refusal = queued.map_err(io::Error::from).and(flushed).err();
        if refusal.is_some() || is_discarded {
            self.on_refused(refusal, now)?;
        }
        Ok(())
    }

    /// One that was still queued from an earlier probe counts for the one that finds out.
    fn take_discarded(&mut self) -> u64 {
        let discarded = self.endpoint.stats().discarded;
        discarded - std::mem::replace(&mut self.discarded, discarded)
    }

    /// The first refusal is the end: there is nothing to watch. Later ones are what somebody wants to
    /// see who watches a network come and go.
    fn on_refused(&mut self, refusal: Option<io::Error>, now: Instant) -> Result<(), Failure> {
        let errors = self.endpoint.stats().send_errors;
        let why = refusal.map_or_else(
            || failure::reason(&errors).to_owned(),
            |error| error.to_string(),
        );
        let seq = self.session.on_refused();
        self.pace.on_refused(now, self.pause);
        if seq == 1 {
            let to = self.to;
            return Err(Failure::Refused(format!("cannot send to {to}: {why}")));
        }
        self.output
            .line(format_args!("seq={seq} not sent: {why}"))?;
        self.output.flush()
    }

    /// Until the next probe is due, one is lost, a datagram comes, or a signal.
    fn sleep(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        let due = match self.due(now) {
            Due::Now => Some(now),
            Due::At(time) => Some(time),
            Due::Never => None,
        };
        let first = due.into_iter().chain(self.session.deadline()).min();
        let slept = match first {
            Some(time) => self.endpoint.wait_until(time),
            None => self.endpoint.wait(None),
        };
        slept.map_err(Failure::cannot("wait for answers"))
    }

    fn receive(&mut self) -> Result<(), Failure> {
        while let Some(datagram) = self.endpoint.recv().map_err(Failure::cannot("receive"))? {
            let event = self.session.handle_datagram(&datagram, Instant::now());
            self.output.line(event)?;
        }
        Ok(())
    }

    /// After the drain, so that what came in time is not lost because nobody looked.
    fn give_up_overdue(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        while let Some(event) = self.session.take_overdue(now) {
            self.output.line(event)?;
        }
        Ok(())
    }

    fn summarise(&mut self) -> Result<(), Failure> {
        if self.stop.is_requested() {
            self.output.leave_typed_line()?;
        }
        self.output.line(Counts {
            dropped_by_kernel: self.endpoint.stats().dropped_by_kernel,
            ..self.session.counts()
        })?;
        if !self.held_up.is_none() {
            self.output.line(self.held_up)?;
        }
        if let Some(figures) = self.session.figures() {
            self.output.line(figures)?;
        }
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn text_of(refused: Result<(), Failure>) -> String {
        match refused {
            Err(Failure::Usage(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_size_is_16_to_1024_bytes() {
        for size in [16, 17, 64, 1024] {
            assert_eq!(refuse_size(size), Ok(()));
        }
        for size in [0, 15] {
            assert!(text_of(refuse_size(size)).contains("at least 16 are needed"));
        }
        let text = "--size is 1025 bytes, at most 1024 fit into a datagram";
        assert_eq!(text_of(refuse_size(1025)), text);
    }

    #[test]
    fn a_timeout_is_more_than_nothing_and_at_most_an_hour() {
        assert_eq!(refuse_timeout(ROUND_TRIP_MAX), Ok(()));
        assert_eq!(refuse_timeout(Duration::from_nanos(1)), Ok(()));
        assert!(text_of(refuse_timeout(Duration::ZERO)).contains("is zero"));
        let text = text_of(refuse_timeout(ROUND_TRIP_MAX + MS));
        assert!(text.contains("at most 1h can be waited"), "{text}");
    }

    #[test]
    fn as_many_are_under_way_as_there_is_room_for() {
        let timeout = 32_768 * MS;
        let (some, endless) = (32_768, u64::MAX);
        assert_eq!(refuse_crowd(endless, timeout, MS), Ok(()));
        assert_eq!(refuse_crowd(endless, timeout, Duration::ZERO), Ok(()));
        assert_eq!(refuse_crowd(endless, MS, Duration::MAX), Ok(()));
        assert_eq!(refuse_crowd(some, timeout + MS, MS), Ok(()));
        let text = text_of(refuse_crowd(some + 1, timeout + MS, MS));
        assert!(text.starts_with("a probe every 1ms with a timeout of 32s 769ms is more than"));
    }
}
