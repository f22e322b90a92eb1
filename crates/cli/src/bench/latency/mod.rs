//! `tickwire bench latency`: the distribution of round trips to an echo, compared with loops on std
//! and mio.
//!
//! From the bottom up: `probe` is the content of a datagram, `send_schedule` its due time,
//! `in_flight` its departure, `recording` the results of a round. `load_generator` sends and
//! receives, `tickwire_side` adapts tickwire as `crates/measure` adapts the floors, `runner` runs
//! interleaved rounds, `results` summarises them, `report` and `picture` present them.
//!
//! A lost datagram counts as an infinite latency:
//! - Percentile ranks count all datagrams that were due. A rank among the lost is "lost", and so is
//!   the maximum after a single loss.
//! - A round with a lost figure is the slowest of all rounds. A ratio is "lost" if the figure of
//!   either side was lost in any round.
//! - A goal has no verdict if either side lost more than 1%, or the p50 of a round.
//! - In the record a missing figure is null, and `missing` gives the reason: "lost" or "too few"
//!   samples. Null within a spread over rounds is "lost". The distribution ends at the first loss.

mod in_flight;
mod load_generator;
mod picture;
mod probe;
mod recording;
mod report;
mod results;
mod runner;
mod send_schedule;
mod target;
mod tickwire_side;

use std::net::SocketAddr;
use std::time::Duration;
use std::{fmt, thread};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use tickwire::limits::DATAGRAM_MAX;
use tickwire_measure::affinity::Affinity;
use tickwire_measure::machine::Machine;

use self::in_flight::DATAGRAMS_MAX;
use self::results::Results;
use self::send_schedule::Span;
use super::record::{self, Files};
use super::{loopback, picture as drawing};
use crate::error::CliError;
use crate::{number, time};

/// Limits of the length of a round and of the warm-up.
const ROUND_MIN: Duration = Duration::from_millis(1);
const ROUND_MAX: Duration = Duration::from_secs(24 * 3600);

/// Measures round trips to an echo, compared with std and mio
///
/// By default datagrams leave at a fixed rate, regardless of replies, and latency
/// counts from the time at which a datagram was due, so a stall shows in every
/// datagram that it delays. With --closed, the next datagram leaves after the
/// reply to the previous one. This hides stalls and shows the shortest round trip.
///
/// A bare std socket and, if the loop sleeps, a plain mio loop are measured in the
/// same run, in interleaved rounds. A ratio is the median of the ratios within a
/// round.
///
/// Each client is one thread, except std sleeping at a fixed rate, where one
/// thread sends and another blocks in `recv_from`. A single thread would need a
/// read timeout, which Linux rounds to its timer tick (up to 10 ms).
///
/// A datagram without a reply within 1 s of the last departure (with --closed, of
/// its own) is lost. It counts as an infinite latency: a percentile among the lost
/// datagrams, and a ratio with it, is shown as "lost". If more than 1% is lost,
/// there is no verdict. In the JSON file such a figure is null, and "missing"
/// gives the reason: "lost" or "too few".
///
/// With --receive-timestamps tickwire is also measured as "stamped": the kernel
/// reports when it received each reply. This shows how long replies waited on this
/// machine, and what the timestamps cost.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(verbatim_doc_comment, after_long_help = include_str!("../../help/bench_latency.txt"))]
pub(crate) struct Options {
    /// Address of a remote UDP echo
    ///
    /// Such as `tickwire listen --echo`. Without it, each subject has a server on a thread of this
    /// process.
    #[arg(long, value_name = "ADDRESS", value_parser = target::find)]
    to: Option<SocketAddr>,

    /// Size of a datagram, 16 to 1024 bytes
    ///
    /// A datagram is an 8-byte round number and an 8-byte sequence number, repeated up to its size.
    /// All bytes of a reply are verified.
    #[arg(long, value_name = "BYTES", default_value = "64", value_parser = number::between::<usize>(probe::HEADER as u64, DATAGRAM_MAX as u64),
          allow_negative_numbers = true)]
    size: usize,

    /// Datagrams per second, 1 to 1000000
    ///
    /// A client that cannot keep up sends late, which the figures include. An actual rate below 99%
    /// is shown.
    #[arg(long, value_name = "PER_SECOND", default_value = "1000", value_parser = number::between::<u32>(1, 1_000_000),
          allow_negative_numbers = true)]
    rate: u32,

    /// Sends one datagram at a time, instead of at a rate
    #[arg(long, conflicts_with = "rate")]
    closed: bool,

    /// Duration of a round, 1ms to 1day
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time::between(ROUND_MIN, ROUND_MAX),
          allow_hyphen_values = true)]
    #[serde(serialize_with = "record::seconds")]
    duration: Duration,

    /// Warm-up before each round
    ///
    /// At most 1day.
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = time::between(Duration::ZERO, ROUND_MAX),
          allow_hyphen_values = true)]
    #[serde(serialize_with = "record::seconds")]
    warm_up: Duration,

    /// Rounds of each subject, 1 to 1000
    #[arg(long, value_name = "N", default_value = "5", value_parser = number::between::<u16>(1, 1000),
          allow_negative_numbers = true)]
    rounds: u16,

    /// How client and server wait for a datagram
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Wait::Sleep)]
    wait_mode: Wait,

    /// Processors of client and server
    ///
    /// Waking a thread on another processor takes several times as long as on the same one, and two
    /// threads on one core slow each other down. [default: apart; with --to and on other systems
    /// than Linux: free]
    #[arg(long, value_name = "AFFINITY", value_parser = affinity())]
    affinity: Option<Affinity>,

    /// Adds receive timestamps of the kernel (Linux)
    #[arg(long)]
    receive_timestamps: bool,

    #[command(flatten)]
    #[serde(skip)]
    files: Files,
}

fn affinity() -> impl TypedValueParser<Value = Affinity> {
    PossibleValuesParser::new(["apart", "together", "free"]).map(|name| match &*name {
        "apart" => Affinity::Apart,
        "together" => Affinity::Together,
        _ => Affinity::Free,
    })
}

/// How a loop waits for a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wait {
    /// Sleeps until the system wakes it
    Sleep,
    /// Polls without a pause
    Spin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Subject {
    Std,
    Mio,
    Tickwire,
    /// tickwire with receive timestamps at the client.
    Stamped,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl Options {
    /// `None` in closed loop.
    fn per_second(&self) -> Option<u32> {
        (!self.closed).then_some(self.rate)
    }

    fn affinity(&self) -> Affinity {
        match self.affinity {
            Some(affinity) => affinity,
            // The echo may run on this machine, on any processor.
            None if self.to.is_some() => Affinity::Free,
            None => Affinity::best(processors()),
        }
    }

    fn span(&self) -> Span {
        Span {
            warm_up: self.warm_up,
            duration: self.duration,
        }
    }

    fn refuse_nonsense(&self) -> Result<(), CliError> {
        if self.receive_timestamps && cfg!(not(target_os = "linux")) {
            let text = "--receive-timestamps needs Linux";
            return Err(CliError::usage(text));
        }
        if self.affinity == Some(Affinity::Apart) && processors() < 2 {
            let text =
                "--affinity apart needs two processors, but this process has one: choose together";
            return Err(CliError::usage(text));
        }
        let count = self.span().datagrams(self.rate);
        if !self.closed && count > DATAGRAMS_MAX {
            return Err(CliError::Usage(format!(
                "a round would have {count} datagrams, but can have at most {DATAGRAMS_MAX}: choose a \
                 lower --rate or a shorter --duration"
            )));
        }
        Ok(())
    }

    /// A std thread that sleeps in `recv_from` wakes at the system's timer tick, not when the next
    /// datagram is due. In open loop a second thread therefore sends.
    fn client_threads(&self, subject: Subject) -> u32 {
        match (subject, self.wait_mode, self.closed) {
            (Subject::Std, Wait::Sleep, false) => 2,
            _ => 1,
        }
    }

    /// Floors first, because the last rows stay visible in a terminal.
    fn subjects(&self) -> &'static [Subject] {
        use Subject::{Mio, Stamped, Std, Tickwire};
        match (self.wait_mode, self.receive_timestamps) {
            (Wait::Sleep, false) => &[Std, Mio, Tickwire],
            (Wait::Sleep, true) => &[Std, Mio, Tickwire, Stamped],
            // A spinning loop needs no poll before a receive.
            (Wait::Spin, false) => &[Std, Tickwire],
            (Wait::Spin, true) => &[Std, Tickwire, Stamped],
        }
    }
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    options.refuse_nonsense()?;
    let options = &Options {
        affinity: Some(options.affinity()),
        ..options.clone()
    };
    options.files.check()?;
    match options.to {
        Some(to) => target::greet(to, options.size)?,
        None => loopback::refuse_silence()?,
    }
    let results = Results::of(options, runner::run(options)?)?;
    let machine = Machine::current();
    report::show(options, &machine, &results)?;
    let (json, svg) = (
        options.files.json_file.as_deref(),
        options.files.svg_file.as_deref(),
    );
    record::write(json, "latency", &machine, options, &results)?;
    let title = report::title(options, &results);
    drawing::write(svg, &title, &machine, || picture::panels(options, &results))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        options: Options,
    }

    fn parse(args: &[&str]) -> Result<Options, String> {
        let command_line = CommandLine::try_parse_from([&["latency"], args].concat());
        command_line
            .map(|parsed| parsed.options)
            .map_err(|error| error.to_string())
    }

    impl Options {
        /// The default options with these arguments.
        pub(super) fn for_tests(args: &[&str]) -> Self {
            parse(args).unwrap_or_else(|error| panic!("{error}"))
        }
    }

    #[test]
    fn rejects_invalid_combinations_with_a_reason() {
        let refusal = |args: &[&str]| match Options::for_tests(args).refuse_nonsense() {
            Err(CliError::Usage(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(Options::for_tests(&[]).refuse_nonsense(), Ok(()));
        let text = parse(&["--duration=0s"]).expect_err("it measures nothing");
        assert!(text.contains("must be 1ms to 1day"), "{text}");
        let text = parse(&["--warm-up=34865years"]).expect_err("it is too long");
        assert!(text.contains("must be 0s to 1day"), "{text}");
        let many = ["--rate=1000000", "--duration=11s", "--warm-up=0s"];
        assert!(refusal(&many).starts_with("a round would have 11000000 datagrams"));
        let closed = Options::for_tests(&["--closed", "--duration=11s"]);
        assert_eq!(closed.refuse_nonsense(), Ok(()));
    }
}
