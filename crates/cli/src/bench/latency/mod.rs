//! `tickwire bench latency`: how long a datagram takes to an echo and back, as a whole distribution,
//! beside the loops that people write on std and on mio.
//!
//! From the bottom up: `probe` is the content of a datagram, `send_schedule` says when it is due, `in_flight` when it left,
//! `distribution` is what times come to and `recording` what is recorded of a round; `load_generator` sends and receives,
//! `tickwire_side` is tickwire beside the floors of `crates/measure`, `runner` measures all subjects in interleaved rounds;
//! `results` sums up, `report` and `picture` show it.
//!
//! A lost datagram counts as infinitely long, everywhere:
//! - The rank of a percentile is counted over all datagrams that were due. If it falls among the lost
//!   the figure is "lost", and so is the maximum as soon as one was lost.
//! - A round whose figure is lost is the slowest of all rounds. A ratio is "lost" if the figure of
//!   either side was lost in any round.
//! - Of a goal nothing is said if more than one in a hundred of either side was lost, or if the p50 of
//!   a round was.
//! - In the record a figure that is missing is null, and `missing` beside it says why: "lost" or "too
//!   few" (datagrams for such a percentile). Null within a spread over the rounds is "lost". The
//!   distribution ends where the lost begin, in the record and in the picture.

mod distribution;
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

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::value_parser;
use serde::Serialize;
use tickwire::limits::DATAGRAM_MAX;
use tickwire_measure::affinity::Affinity;
use tickwire_measure::machine::Machine;

use self::in_flight::DATAGRAMS_MAX;
use self::results::Results;
use self::send_schedule::Span;
use super::record::{self, Record};
use super::{Files, loopback};
use crate::error::CliError;
use crate::output::Output;
use crate::time;

/// The longest round, and the longest warm-up.
const ROUND_MAX: Duration = Duration::from_secs(24 * 3600);

/// Measures round trips to an echo, as a whole distribution, beside std and mio
///
/// By default datagrams leave at a fixed rate that waits for no answer, and a latency counts from the
/// time at which its datagram should have left: a side that stalls pays for every datagram that it
/// delays. --closed sends the next one when the one before was answered, which hides that, and shows how
/// long a round trip takes at best.
///
/// The same is measured in the same run against a bare std socket and, asleep, against a plain mio
/// loop, round by round in a changing order. A ratio is the median of those within a round.
///
/// Each client is one thread, but for std asleep at a rate: there one thread sends and another one is
/// blocked in `recv_from`. A single one would need a read timeout, which Linux rounds to its timer tick
/// (up to 10 ms), and the figure would be that of the rounding.
///
/// A datagram that is not answered within a second after the last one was sent (--closed: after it
/// was) is lost, and counts as infinitely long: a percentile that falls among the lost is shown as
/// "lost", and so is every ratio with one. Where more than one in a hundred was lost there is no
/// verdict. In the JSON file such a figure is null, and "missing" beside it says why: "lost" or "too
/// few".
///
/// With --receive-timestamps tickwire is measured once more, as "stamped": its client asks the kernel
/// when it took each answer in. Then it shows how long answers waited from there to the client,
/// which is this machine's part of the way back and not the network's, and what the stamps cost.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// A UDP echo somewhere else (`tickwire listen --echo`, or a foreign one), instead of a server
    /// for each subject on a thread of this process. Then only the clients differ
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,

    /// How long each datagram is, 16 to 1024 bytes: eight for the number of the round, eight for its
    /// own, and both over and over as filler, which is checked
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
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time::parse,
          allow_hyphen_values = true)]
    duration: Duration,

    /// What is measured before each round and does not count, such as 200ms
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = time::parse,
          allow_hyphen_values = true)]
    warm_up: Duration,

    /// How many rounds each subject has
    #[arg(long, value_name = "N", default_value = "5", value_parser = value_parser!(u16).range(1..=1000),
          allow_negative_numbers = true)]
    rounds: u16,

    /// How client and server wait for a datagram: asleep, or by asking again and again
    #[arg(long, value_enum, default_value_t = Wait::Sleep)]
    wait: Wait,

    /// Where client and server run: waking a thread of another processor takes several times as long
    /// as one of the same, and two threads of one core slow each other down. [default: apart; with --to and on other systems than Linux: free]
    #[arg(long, value_name = "AFFINITY", value_parser = affinity())]
    affinity: Option<Affinity>,

    /// Measures tickwire also with the kernel's receive timestamps (Linux): how long answers wait
    /// between the kernel and the client, and what it costs to know
    #[arg(long)]
    receive_timestamps: bool,

    #[command(flatten)]
    files: Files,

    /// Draws the distribution by percentile and the time line into this file, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
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

/// How a loop waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wait {
    /// The system wakes it.
    Sleep,
    /// It asks all the time.
    Spin,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Subject {
    Std,
    Mio,
    Tickwire,
    /// tickwire, whose client asks for receive timestamps.
    Stamped,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Std => "std",
            Self::Mio => "mio",
            Self::Tickwire => "tickwire",
            Self::Stamped => "stamped",
        })
    }
}

/// What was asked for, and can be done.
#[derive(Debug, Clone, Serialize)]
struct Settings {
    /// `None`: servers of our own.
    to: Option<SocketAddr>,
    size_bytes: usize,
    /// `None`: closed loop.
    rate_per_second: Option<u32>,
    wait: Wait,
    affinity: Affinity,
    receive_timestamps: bool,
    rounds: u16,
    #[serde(rename = "duration_seconds", serialize_with = "record::seconds")]
    duration: Duration,
    #[serde(rename = "warm_up_seconds", serialize_with = "record::seconds")]
    warm_up: Duration,
}

impl Settings {
    /// Everything that makes no sense is refused here, before anything is measured.
    fn of(options: &Options, machine: &Machine) -> Result<Self, CliError> {
        let settings = Self {
            to: None,
            size_bytes: options.size,
            rate_per_second: (!options.closed).then_some(options.rate),
            wait: options.wait,
            affinity: affinity_of(options, machine.cpus())?,
            receive_timestamps: options.receive_timestamps,
            rounds: options.rounds,
            duration: options.duration,
            warm_up: options.warm_up,
        };
        settings.refuse_nonsense()?;
        let to = options.to.as_deref().map(target::find).transpose()?;
        Ok(Self { to, ..settings })
    }

    fn span(&self) -> Span {
        Span {
            warm_up: self.warm_up,
            duration: self.duration,
        }
    }

    fn refuse_nonsense(&self) -> Result<(), CliError> {
        let usage = |text: String| Err(CliError::Usage(text));
        if self.receive_timestamps && cfg!(not(target_os = "linux")) {
            return usage("--receive-timestamps: only Linux stamps them".to_owned());
        }
        if self.duration.is_zero() {
            return usage("--duration 0s measures nothing: choose a longer one".to_owned());
        }
        for (option, time) in [("--duration", self.duration), ("--warm-up", self.warm_up)] {
            if time > ROUND_MAX {
                return usage(format!(
                    "{option} is at most {}h",
                    ROUND_MAX.as_secs() / 3600
                ));
            }
        }
        let Some(rate) = self.rate_per_second else {
            return Ok(());
        };
        let count = self.span().datagrams(rate);
        if count > DATAGRAMS_MAX {
            return usage(format!(
                "a round would have {count} datagrams, it can have {DATAGRAMS_MAX}: \
                 choose a lower --rate or a shorter --duration"
            ));
        }
        Ok(())
    }

    /// A single std thread that sleeps in `recv_from` wakes at the system's timer tick and not when the
    /// next datagram is due, so at a rate another one sends.
    fn client_threads(&self, who: Subject) -> u32 {
        match (who, self.wait, self.rate_per_second) {
            (Subject::Std, Wait::Sleep, Some(_)) => 2,
            _ => 1,
        }
    }

    /// The floors first: what is shown last stays in sight.
    fn subjects(&self) -> &'static [Subject] {
        use Subject::{Mio, Stamped, Std, Tickwire};
        match (self.wait, self.receive_timestamps) {
            (Wait::Sleep, false) => &[Std, Mio, Tickwire],
            (Wait::Sleep, true) => &[Std, Mio, Tickwire, Stamped],
            // A loop that spins has no use for a poll before every receive.
            (Wait::Spin, false) => &[Std, Tickwire],
            (Wait::Spin, true) => &[Std, Tickwire, Stamped],
        }
    }
}

fn affinity_of(options: &Options, processors: usize) -> Result<Affinity, CliError> {
    match options.affinity {
        Some(Affinity::Apart) if processors < 2 => Err(CliError::Usage(
            "--affinity apart needs two processors, and this program has one".to_owned(),
        )),
        Some(affinity) => Ok(affinity),
        // The other side may run on this machine, on any processor.
        None if options.to.is_some() => Ok(Affinity::Free),
        None => Ok(Affinity::best(processors)),
    }
}

/// Measures, then shows.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let machine = Machine::current();
    let settings = Settings::of(options, &machine)?;
    record::check_files(options.files.json.as_deref(), options.svg.as_deref())?;
    match settings.to {
        Some(to) => target::greet(to, settings.size_bytes)?,
        None => loopback::refuse_silence()?,
    }
    let rounds = runner::run(&settings)?;
    let results = Results::of(&settings, &rounds)?;

    let mut output = Output::new();
    report::show(&settings, &machine, &results, &mut output)?;
    output.flush()?;
    if let Some(path) = &options.files.json {
        let record = Record {
            benchmark: "latency",
            machine: &machine,
            settings: &settings,
            results: &results,
        };
        record.write(Some(path))?;
    }
    if let Some(path) = &options.svg {
        picture::draw(&settings, &machine, &results, path)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            to: None,
            size_bytes: 64,
            rate_per_second: Some(1000),
            wait: Wait::Sleep,
            affinity: Affinity::Free,
            receive_timestamps: false,
            rounds: 1,
            duration: Duration::from_secs(1),
            warm_up: Duration::ZERO,
        }
    }

    fn refusal(settings: &Settings) -> String {
        match settings.refuse_nonsense() {
            Err(CliError::Usage(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        settings().refuse_nonsense().unwrap();
        let duration = Duration::ZERO;
        assert!(
            refusal(&Settings {
                duration,
                ..settings()
            })
            .starts_with("--duration 0s")
        );
        let warm_up = Duration::from_secs(1 << 40);
        let text = refusal(&Settings {
            warm_up,
            ..settings()
        });
        assert_eq!(text, "--warm-up is at most 24h");
        let many = Settings {
            rate_per_second: Some(1_000_000),
            duration: Duration::from_secs(11),
            ..settings()
        };
        assert!(refusal(&many).starts_with("a round would have 11000000 datagrams"));
        Settings {
            rate_per_second: None,
            ..many
        }
        .refuse_nonsense()
        .unwrap();
    }
}
