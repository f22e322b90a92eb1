//! `tickwire bench messages`: how long messages take through a bad network.
//!
//! On virtual time: two hosts, a link in each direction, and a game loop on both sides that calls them once
//! a tick. Nothing is waited for, and the same seeds give the same figures on every machine. Or in real time,
//! over sockets. Latency counts from the tick in which a message was sent to the tick in which it was
//! delivered.

mod course;
mod picture;
mod real_run;
mod report;
mod virtual_run;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tickwire::{Config, Delivery, LinkConditions, Loss};

use self::course::{Course, Outcome};
use super::machine::Machine;
use super::progress::Progress;
use super::record::{self, Record};
use super::{Files, args};
use crate::failure::Failure;
use crate::output::Output;

/// Measures how long messages take through a bad network
///
/// One message each tick, from the moment it is sent to the tick in which it is delivered, on virtual time:
/// the same seeds give the same figures on every machine. Each loss is measured with copies of small
/// messages and without, and with losses in bursts of 3 packets on average beside independent ones.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Which share of the packets is lost, in both directions, each 0 to 0.7
    #[arg(long, value_name = "SHARE", value_delimiter = ',', default_value = "0,0.05,0.15,0.3",
          value_parser = loss, allow_negative_numbers = true)]
    loss: Vec<f64>,

    /// How long a packet is under way at least
    #[arg(long, value_name = "TIME", default_value = "40ms", value_parser = delay)]
    latency: Duration,

    /// How much longer it may be under way
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = delay)]
    jitter: Duration,

    /// How messages travel: unreliable, sequenced, reliable or ordered
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "ordered",
          value_parser = delivery)]
    deliveries: Vec<Delivery>,

    /// How often a message is sent again unasked, each 0 to 8
    #[arg(long, value_name = "COPIES", value_delimiter = ',', default_value = "2,0",
          value_parser = redundancy, allow_negative_numbers = true)]
    redundancy: Vec<u8>,

    /// Ticks a second, 1 to 1000
    #[arg(long, value_name = "HZ", default_value = "60", value_parser = rate,
          allow_negative_numbers = true)]
    rate: u32,

    /// How long a message is, 4 to 65536 bytes
    #[arg(long, value_name = "BYTES", default_value = "40", value_parser = size,
          allow_negative_numbers = true)]
    size: usize,

    /// How many messages a run has, 1 to 100000
    #[arg(long, value_name = "N", default_value = "1200", value_parser = messages,
          allow_negative_numbers = true)]
    messages: u32,

    /// How many runs each row has, with a seed each; 10 unless it says otherwise, and 1 with --real
    #[arg(long, value_name = "N", value_parser = args::rounds, allow_negative_numbers = true)]
    rounds: Option<u32>,

    /// Over real sockets of this machine and in real time: each run takes as long as its ticks
    #[arg(long)]
    real: bool,

    /// Without encryption
    #[arg(long)]
    plain: bool,

    /// Draws the latencies by percentile into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    #[command(flatten)]
    files: Files,
}

impl Options {
    fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.real { 1 } else { 10 })
    }
}

fn loss(text: &str) -> Result<f64, String> {
    // A burst of three on average leaves at least one packet in four.
    args::number(text, 0.0..=0.7, "of the packets can be lost")
}

fn delay(text: &str) -> Result<Duration, String> {
    let delay = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if delay > tickwire::limits::LINK_DELAY_MAX {
        return Err("a packet is under way for a minute at most".to_owned());
    }
    Ok(delay)
}

fn delivery(text: &str) -> Result<Delivery, String> {
    match text {
        "unreliable" => Ok(Delivery::Unreliable),
        "sequenced" => Ok(Delivery::Sequenced(0)),
        "reliable" => Ok(Delivery::Reliable),
        "ordered" => Ok(Delivery::Ordered(0)),
        _ => Err("unreliable, sequenced, reliable or ordered".to_owned()),
    }
}

fn redundancy(text: &str) -> Result<u8, String> {
    args::number(
        text,
        0..=tickwire::limits::REDUNDANCY_MAX,
        "copies can be sent unasked",
    )
}

fn rate(text: &str) -> Result<u32, String> {
    args::number(text, 1..=1000, "ticks a second can be played")
}

fn size(text: &str) -> Result<usize, String> {
    args::number(text, course::NUMBER_LEN..=65_536, "bytes are a message")
}

fn messages(text: &str) -> Result<u32, String> {
    args::number(text, 1..=100_000, "messages can be sent")
}

/// Everything that decides about the figures.
#[derive(Debug, Serialize)]
struct Settings {
    latency_ms: f64,
    jitter_ms: f64,
    rate_hz: u32,
    size_bytes: usize,
    messages: u32,
    rounds: u32,
    encrypted: bool,
    real: bool,
}

/// One row: what was run, and what came of it.
#[derive(Debug, Serialize)]
struct Row {
    delivery: &'static str,
    loss: f64,
    /// How many packets are lost in a row, on average; nothing where losses are independent.
    burst: Option<f64>,
    redundancy: u8,
    outcome: Outcome,
}

/// How long a burst is, in packets, where losses come in bursts.
const BURST: f64 = 3.0;

/// Runs every row and shows them.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if options.files.json.is_some() && options.files.json == options.svg {
        let text = "--json and --svg are the same file: choose two".to_owned();
        return Err(Failure::Usage(text));
    }
    for path in [&options.files.json, &options.svg].into_iter().flatten() {
        record::refuse_unwritable(path)?;
    }
    let rows = measure(options)?;
    let settings = Settings::of(options);
    let mut output = Output::new();
    output.line(report::title(&settings))?;
    output.line("")?;
    output.line(report::table(&rows))?;
    if let Some(verdicts) = report::verdicts(&settings, &rows) {
        output.line("")?;
        output.line(verdicts)?;
    }
    output.flush()?;
    let record = Record {
        benchmark: "messages",
        machine: &Machine::look(),
        settings: &settings,
        results: &rows,
    };
    if let Some(path) = &options.files.json {
        record.write(path)?;
    }
    match &options.svg {
        Some(path) => picture::draw(&settings, &rows, path),
        None => Ok(()),
    }
}

/// What a row is of.
#[derive(Debug, Clone, Copy)]
struct Case {
    delivery: Delivery,
    loss: f64,
    burst: Option<f64>,
    redundancy: u8,
}

fn cases(options: &Options) -> Vec<Case> {
    let mut cases = Vec::new();
    for delivery in options.deliveries.iter().copied() {
        for loss in options.loss.iter().copied() {
            for burst in bursts(loss) {
                cases.extend(options.redundancy.iter().map(|redundancy| Case {
                    delivery,
                    loss,
                    burst,
                    redundancy: *redundancy,
                }));
            }
        }
    }
    cases
}

fn measure(options: &Options) -> Result<Vec<Row>, Failure> {
    let cases = cases(options);
    let progress = Progress::new(cases.len() as u64);
    let rows = cases.into_iter().map(|case| {
        progress.next(format!(
            "{:.0}% lost, {} copies",
            case.loss * 100.0,
            case.redundancy
        ));
        let row = row(options, case);
        progress.step();
        row
    });
    rows.collect()
}

/// Without losses there are no bursts of them.
fn bursts(loss: f64) -> Vec<Option<f64>> {
    if loss > 0.0 {
        vec![None, Some(BURST)]
    } else {
        vec![None]
    }
}

fn row(options: &Options, case: Case) -> Result<Row, Failure> {
    let Case {
        delivery,
        loss,
        burst,
        redundancy,
    } = case;
    let course = Course {
        delivery,
        conditions: conditions(options, loss, burst),
        redundancy,
        messages: options.messages,
        size: options.size,
        ticks_per_second: options.rate,
    };
    let config = if options.plain {
        Config::plain(0)
    } else {
        encrypted()
    };
    let mut outcome = Outcome::default();
    for seed in 0..options.rounds() {
        outcome.add(if options.real {
            real_run::run(&course, &config)?
        } else {
            virtual_run::run(&course, &config, seed.into())?
        });
    }
    outcome.sort();
    Ok(Row {
        delivery: report::name_of(delivery),
        loss,
        burst,
        redundancy,
        outcome,
    })
}

fn conditions(options: &Options, probability: f64, burst: Option<f64>) -> LinkConditions {
    LinkConditions {
        latency: options.latency,
        jitter: options.jitter,
        loss: match burst {
            None => Loss::Independent { probability },
            Some(mean_length) => Loss::Bursts {
                probability,
                mean_length,
            },
        },
        ..LinkConditions::default()
    }
}

#[cfg(feature = "noise")]
fn encrypted() -> Config {
    Config::default()
}

#[cfg(not(feature = "noise"))]
fn encrypted() -> Config {
    Config::plain(0)
}

impl Settings {
    fn of(options: &Options) -> Self {
        Self {
            latency_ms: options.latency.as_secs_f64() * 1e3,
            jitter_ms: options.jitter.as_secs_f64() * 1e3,
            rate_hz: options.rate,
            size_bytes: options.size,
            messages: options.messages,
            rounds: options.rounds(),
            real: options.real,
            encrypted: cfg!(feature = "noise") && !options.plain,
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn rows(args: &[&str]) -> Vec<Row> {
        let args = ["messages", "--rounds", "3"].iter().chain(args);
        measure(&Command::try_parse_from(args).unwrap().options).unwrap()
    }

    #[test]
    fn the_promised_latencies_are_kept_with_the_seeds_of_every_run() {
        let rows = rows(&["--redundancy", "2"]);
        let settings = Settings::of(&Command::parse_from(["messages"]).options);
        let verdicts = report::verdicts(&settings, &rows).unwrap();
        assert_eq!(verdicts.matches(": ok").count(), 3, "{verdicts}");
        assert!(!verdicts.contains("short"), "{verdicts}");
        for row in &rows {
            assert_eq!(row.outcome.delivered, row.outcome.sent, "{row:?}");
            assert_eq!((row.outcome.out_of_order, row.outcome.duplicates), (0, 0));
        }
    }

    #[test]
    fn without_copies_a_lost_packet_costs_a_round_trip() {
        let rows = rows(&["--loss", "0.05"]);
        let p99 = |redundancy, burst: Option<f64>| {
            let row = rows
                .iter()
                .find(|row| row.redundancy == redundancy && row.burst == burst);
            row.unwrap().outcome.percentile(99.0).unwrap()
        };
        assert!(p99(0, None) > 2.0 * p99(2, None));
    }

    #[test]
    fn what_is_not_reliable_may_be_missing_and_is_never_late() {
        let rows = rows(&["--deliveries", "unreliable,sequenced", "--loss", "0.15"]);
        for row in rows.iter().filter(|row| row.burst.is_none()) {
            assert!(row.outcome.delivered < row.outcome.sent);
            assert!(row.outcome.delivered > row.outcome.sent * 7 / 10);
            assert!(row.outcome.percentile(100.0).unwrap() < 51.0, "{row:?}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused_with_what_can() {
        let refused = |args: &[&str]| {
            let args = ["messages"].iter().chain(args);
            Command::try_parse_from(args).unwrap_err().to_string()
        };
        assert!(refused(&["--loss", "0.8"]).contains("0 to 0.7 of the packets"));
        assert!(refused(&["--loss", "-1"]).contains("0 to 0.7 of the packets"));
        assert!(refused(&["--rate", "0"]).contains("1 to 1000 ticks"));
        assert!(refused(&["--size", "3"]).contains("4 to 65536 bytes"));
        assert!(refused(&["--messages", "0"]).contains("1 to 100000 messages"));
        assert!(refused(&["--redundancy", "9"]).contains("0 to 8 copies"));
        assert!(refused(&["--deliveries", "fast"]).contains("reliable or ordered"));
        assert!(refused(&["--latency", "2min"]).contains("a minute at most"));
    }
}
