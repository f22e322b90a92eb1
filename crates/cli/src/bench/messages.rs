//! `tickwire bench messages`: how long messages take through a bad link, for each delivery, and what that
//! costs.
//!
//! From the bottom up: `case` is what is varied and `settings` what is not, `recording` takes down what came when, `run` sends the messages
//! of a case through a pair of hosts; `virtual_pair` and `real_pair` are these; `figures` sums runs up,
//! `targets` is what was promised, `report` and `picture` show it.

mod case;
mod figures;
mod picture;
mod real_pair;
mod recording;
mod report;
mod run;
mod settings;
mod targets;
#[cfg(test)]
mod targets_tests;
mod virtual_pair;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::value_parser;
use serde::Serialize;
use tickwire::limits::{LINK_BURST_LENGTH_MAX, REDUNDANCY_MAX, UNRELIABLE_MAX};
use tickwire_measure::machine::Machine;

use self::case::{Case, Kind};
use self::figures::Row;
use self::run::Outcome;
use self::settings::{Mode, Settings, options_to};
use self::targets::Verdict;
use super::progress::Progress;
use super::record::{self, Record};
use super::{Files, loopback};
use crate::error::CliError;
use crate::output::Output;
use crate::{ratio, time};

/// The worst link. Beyond it hardly a connection is made.
const LOSS_MAX: f64 = 0.9;

/// Measures how long messages take through a bad link, for each delivery, and what that costs
///
/// One host sends another one a message each tick, both tick at the same time, and the link between
/// them loses and delays datagrams. A latency counts from the tick in which a message was due to the
/// tick in which the other side takes it, so on virtual time it is a whole number of ticks. What did
/// not arrive counts as infinitely long: a percentile that falls among it is "lost".
///
/// On virtual time there is no waiting, and the same options give the same figures on every machine. With
/// --real the hosts have sockets on loopback, play the same link in front of them, and all rows are
/// measured at once, in one loop.
///
/// A copy is a small reliable message that is sent again before it is known to be lost; a
/// retransmission is one that is sent again because it was.
///
/// Exit code: 0 it was measured, whatever the verdict; 1 a connection broke, a reliable message did
/// not arrive, or the system refused; 2 the command line is wrong.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// The share of all datagrams that is lost, each way, each 0 to 0.9, or 0% to 90%
    #[arg(long, value_name = "SHARE", value_delimiter = ',', default_value = "0,0.05,0.15,0.3",
          value_parser = loss, allow_hyphen_values = true)]
    loss: Vec<f64>,

    /// How many datagrams are lost in a row, on average: 1 to 1000000, or 0 for losses that are
    /// independent of each other
    #[arg(long, value_name = "MEAN", value_delimiter = ',', default_value = "0,3",
          value_parser = burst, allow_hyphen_values = true)]
    burst: Vec<f64>,

    /// How long every datagram is under way, each way, up to 1m
    #[arg(long, value_name = "TIME", default_value = "40ms", value_parser = time::parse,
          allow_hyphen_values = true)]
    latency: Duration,

    /// Each datagram takes up to this much longer, each way, up to 1m
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = time::parse,
          allow_hyphen_values = true)]
    jitter: Duration,

    /// How the messages travel
    #[arg(
        long,
        value_enum,
        value_name = "DELIVERY",
        value_delimiter = ',',
        default_value = "ordered,sequenced"
    )]
    deliveries: Vec<Kind>,

    /// How often a small reliable message is sent again before it is known to be lost, each
    /// 0 to 8
    #[arg(long, value_name = "COPIES", value_delimiter = ',', default_value = "2,0",
          value_parser = value_parser!(u8).range(0..=i64::from(REDUNDANCY_MAX)), allow_hyphen_values = true)]
    redundancy: Vec<u8>,

    /// How many ticks a second has, with a message each, 1 to 1000
    #[arg(long, value_name = "PER_SECOND", default_value = "60", value_parser = value_parser!(u32).range(1..=1000),
          allow_negative_numbers = true)]
    rate: u32,

    /// How long each message is, 4 to 15360 bytes
    #[arg(long, value_name = "BYTES", default_value = "40", value_parser = size(),
          allow_negative_numbers = true)]
    size: usize,

    /// How many messages are sent for each row and round, 1 to 1000000
    #[arg(long, value_name = "N", default_value = "1200", value_parser = value_parser!(u32).range(1..=1_000_000),
          allow_negative_numbers = true)]
    messages: u32,

    /// How many times each row is measured, 1 to 1000: on virtual time with the seeds 0, 1, 2 and so on
    /// [default: 10, with --real 1]
    #[arg(long, visible_alias = "seeds", value_name = "N", value_parser = value_parser!(u32).range(1..=1000),
          allow_negative_numbers = true)]
    rounds: Option<u32>,

    /// Measures over real sockets and in real time
    #[arg(long)]
    real: bool,

    /// Without encryption, to compare
    #[arg(long)]
    plain: bool,

    #[command(flatten)]
    files: Files,

    /// Draws latency by percentile into this file, as SVG: each share of losses, with copies and without
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn loss(text: &str) -> Result<f64, String> {
    let share = ratio::parse(text).ok().filter(|share| *share <= LOSS_MAX);
    share.ok_or_else(|| "a link here loses 0 to 0.9 of its datagrams, or 0% to 90%".to_owned())
}

fn burst(text: &str) -> Result<f64, String> {
    let length = text.parse().ok();
    let length =
        length.filter(|length| *length == 0.0 || (1.0..=LINK_BURST_LENGTH_MAX).contains(length));
    length.ok_or_else(|| {
        format!("1 to {LINK_BURST_LENGTH_MAX} datagrams make a burst, and 0 is for none")
    })
}

fn size() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(recording::NUMBER_LEN as u64..=UNRELIABLE_MAX as u64)
}

/// What everything came to.
#[derive(Debug, Serialize)]
struct Results {
    rows: Vec<Row>,
    verdicts: Vec<Verdict>,
    /// Why there is none.
    no_verdict: Option<String>,
}

/// Measures, then shows.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let settings = Settings::of(options)?;
    let cases = settings.cases(options)?;
    record::check_files(options.files.json.as_deref(), options.svg.as_deref())?;
    let machine = Machine::current();
    let rows = measure(&settings, &cases)?;
    let results = Results::of(&settings, rows);
    let mut output = Output::new();
    if settings.mode == Mode::Real {
        output.line(&machine)?;
    }
    report::show(&settings, &results, &mut output)?;
    output.flush()?;
    write(options, &machine, &settings, &results)?;
    let complaints: Vec<_> = results.rows.iter().filter_map(Row::complaint).collect();
    if complaints.is_empty() {
        return Ok(());
    }
    Err(CliError::Runtime(complaints.join("\ntickwire: ")))
}

fn write(
    options: &Options,
    machine: &Machine,
    settings: &Settings,
    results: &Results,
) -> Result<(), CliError> {
    if let Some(path) = &options.files.json {
        let record = Record {
            benchmark: "messages",
            machine,
            settings,
            results,
        };
        record.write(Some(path))?;
    }
    match &options.svg {
        Some(path) => picture::draw(settings, machine, results, path),
        None => Ok(()),
    }
}

impl Results {
    fn of(settings: &Settings, rows: Vec<Row>) -> Self {
        let (verdicts, no_verdict) = match targets::judge(settings, &rows) {
            Ok(verdicts) => (verdicts, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        Self {
            rows,
            verdicts,
            no_verdict,
        }
    }
}

fn measure(settings: &Settings, cases: &[Case]) -> Result<Vec<Row>, CliError> {
    match settings.mode {
        Mode::Virtual => measure_virtual(settings, cases),
        Mode::Real => measure_real(settings, cases),
    }
}

/// Row by row.
fn measure_virtual(settings: &Settings, cases: &[Case]) -> Result<Vec<Row>, CliError> {
    let progress = Progress::new(u64::from(settings.rounds) * cases.len() as u64);
    let row = |&case: &Case| {
        let mut outcomes = Vec::new();
        for seed in 0..settings.rounds {
            progress.next(case.to_string());
            outcomes.push(virtual_pair::run(case, settings, seed.into())?);
            progress.step();
        }
        Ok(Row::of(case, settings.messages, &outcomes))
    };
    cases.iter().map(row).collect()
}

/// Round by round, each with all rows.
fn measure_real(settings: &Settings, cases: &[Case]) -> Result<Vec<Row>, CliError> {
    loopback::refuse_silence()?;
    let mut rounds: Vec<Vec<Outcome>> = Vec::new();
    let each = settings.tick() * settings.messages;
    let progress = Progress::of_length(settings.rounds.into(), each);
    for round in 1..=settings.rounds {
        progress.next(format!("round {round}"));
        rounds.push(real_pair::run(cases, settings, &progress)?);
        progress.step();
    }
    let row = |(index, &case): (usize, &Case)| {
        let outcomes: Vec<_> = rounds.iter().map(|round| round[index].clone()).collect();
        Row::of(case, settings.messages, &outcomes)
    };
    Ok(cases.iter().enumerate().map(row).collect())
}
