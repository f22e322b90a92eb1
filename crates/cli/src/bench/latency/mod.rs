//! `tickwire bench latency`: the distribution of round trips to an echo, beside loops on std and
//! mio.
//!
//! From the bottom up: `probe` is the content of a datagram, `send_schedule` its due time,
//! `in_flight` its departure, `recording` the results of a round. `load_generator` sends and
//! receives, `tickwire_side` is tickwire beside the floors of `crates/measure`, `runner` runs
//! interleaved rounds, `results` summarises them, `report` and `picture` present them.
//!
//! A lost datagram counts as infinitely long:
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

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::value_parser;
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
use crate::time;

/// Limits of the length of a round and of the warm-up.
const ROUND_MIN: Duration = Duration::from_millis(1);
const ROUND_MAX: Duration = Duration::from_secs(24 * 3600);

/// Measures round trips to an echo, as a whole distribution, beside std and mio
///
/// By default datagrams leave at a fixed rate that waits for no answer, and a latency counts from
/// the time at which its datagram should have left: a side that stalls pays for every datagram that
/// it delays. --closed sends the next one when the one before was answered, which hides that, and
/// shows how long a round trip takes at best.
///
/// The same is measured in the same run against a bare std socket and, asleep, against a plain mio
/// loop, round by round in a changing order. A ratio is the median of those within a round.
///
/// Each client is one thread, but for std asleep at a rate: there one thread sends and another one
/// is blocked in `recv_from`. A single one would need a read timeout, which Linux rounds to its
/// timer tick (up to 10 ms), and the figure would be that of the rounding.
///
/// A datagram that is not answered within a second after the last one was sent (--closed: after it
/// was) is lost, and counts as infinitely long: a percentile that falls among the lost is shown as
/// "lost", and so is every ratio with one. Where more than one in a hundred was lost there is no
/// verdict. In the JSON file such a figure is null, and "missing" beside it says why: "lost" or
/// "too few".
///
/// With --receive-timestamps tickwire is measured once more, as "stamped": its client asks the
/// kernel when it took each answer in. Then it shows how long answers waited from there to the
/// client, which is this machine's part of the way back and not the network's, and what the stamps
/// cost.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// A UDP echo somewhere else (`tickwire listen --echo`, or a foreign one), instead of a server
    /// for each subject on a thread of this process. Then only the clients differ
    #[arg(long, value_name = "ADDRESS", value_parser = target::find)]
    to: Option<SocketAddr>,

    /// How long each datagram is, 16 to 1024 bytes: eight for the number of the round, eight for
    /// its own, and both over and over as filler, which is checked
    #[arg(long, value_name = "BYTES", default_value = "64", value_parser = size(),
          allow_negative_numbers = true)]
    size: usize,

    /// How many datagrams leave each second. A client that cannot sends what it owes later, and the
    /// figures show it; below 99% the rate that it reached is shown
    #[arg(long, value_name = "PER_SECOND", default_value = "1000", value_parser = value_parser!(u32).range(1..=1_000_000),
          allow_negative_numbers = true)]
    rate: u32,

    /// Sends one datagram at a time, instead of at a rate
    #[arg(long, conflicts_with = "rate")]
    closed: bool,

    /// How long a round of a subject is, such as 500ms or 2s
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time::between(ROUND_MIN, ROUND_MAX),
          allow_hyphen_values = true)]
    #[serde(serialize_with = "record::seconds")]
    duration: Duration,

    /// What is measured before each round and does not count, such as 200ms
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = time::between(Duration::ZERO, ROUND_MAX),
          allow_hyphen_values = true)]
    #[serde(serialize_with = "record::seconds")]
    warm_up: Duration,

    /// How many rounds each subject has
    #[arg(long, value_name = "N", default_value = "5", value_parser = value_parser!(u16).range(1..=1000),
          allow_negative_numbers = true)]
    rounds: u16,

    /// How client and server wait for a datagram: asleep, or by asking again and again
    #[arg(long, value_enum, default_value_t = Wait::Sleep)]
    wait: Wait,

    /// Where client and server run: waking a thread of another processor takes several times as
    /// long as one of the same, and two threads of one core slow each other down. [default: apart;
    /// with --to and on other systems than Linux: free]
    #[arg(long, value_name = "AFFINITY", value_parser = affinity())]
    affinity: Option<Affinity>,

    /// Measures tickwire also with the kernel's receive timestamps (Linux): how long answers wait
    /// between the kernel and the client, and what it costs to know
    #[arg(long)]
    receive_timestamps: bool,

    #[command(flatten)]
    #[serde(skip)]
    files: Files,
}

fn size() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(probe::HEADER as u64..=DATAGRAM_MAX as u64)
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
    /// It sleeps until the system wakes it.
    Sleep,
    /// It polls without sleeping.
    Spin,
}

/// A measured subject.
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
            let text = "--receive-timestamps: only Linux stamps them";
            return Err(CliError::usage(text));
        }
        if self.affinity == Some(Affinity::Apart) && processors() < 2 {
            let text = "--affinity apart needs two processors, and this program has one";
            return Err(CliError::usage(text));
        }
        let count = self.span().datagrams(self.rate);
        if !self.closed && count > DATAGRAMS_MAX {
            return Err(CliError::Usage(format!(
                "a round would have {count} datagrams, it can have {DATAGRAMS_MAX}: \
                 choose a lower --rate or a shorter --duration"
            )));
        }
        Ok(())
    }

    /// A std thread that sleeps in `recv_from` wakes at the system's timer tick, not when the next
    /// datagram is due. In open loop a second thread therefore sends.
    fn client_threads(&self, subject: Subject) -> u32 {
        match (subject, self.wait, self.closed) {
            (Subject::Std, Wait::Sleep, false) => 2,
            _ => 1,
        }
    }

    /// The floors first, because the last rows stay visible.
    fn subjects(&self) -> &'static [Subject] {
        use Subject::{Mio, Stamped, Std, Tickwire};
        match (self.wait, self.receive_timestamps) {
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

/// Measures, then shows.
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
    let (json, svg) = (options.files.json.as_deref(), options.files.svg.as_deref());
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
        /// The default options and these.
        pub(super) fn for_tests(args: &[&str]) -> Self {
            parse(args).unwrap_or_else(|error| panic!("{error}"))
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let refusal = |args: &[&str]| match Options::for_tests(args).refuse_nonsense() {
            Err(CliError::Usage(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(Options::for_tests(&[]).refuse_nonsense(), Ok(()));
        let text = parse(&["--duration=0s"]).expect_err("it measures nothing");
        assert!(text.contains("0s is not in 1ms..=1day"), "{text}");
        let text = parse(&["--warm-up=34865years"]).expect_err("it takes for ever");
        assert!(text.contains("is not in 0s..=1day"), "{text}");
        let many = ["--rate=1000000", "--duration=11s", "--warm-up=0s"];
        assert!(refusal(&many).starts_with("a round would have 11000000 datagrams"));
        let closed = Options::for_tests(&["--closed", "--duration=11s"]);
        assert_eq!(closed.refuse_nonsense(), Ok(()));
    }
}
