//! `tickwire bench messages`: message latency and bandwidth through a bad link, for each delivery.
//!
//! From the bottom up: `case` is a row, `outcome` its results, `recording` the arrival times; `run`
//! sends the messages of a case through a pair of hosts, `virtual_pair` or `real_pair`; `targets`
//! are the goals, `report` prints.

mod case;
mod outcome;
mod real_pair;
mod recording;
mod report;
mod run;
mod targets;
mod virtual_pair;

use std::time::Duration;

use clap::value_parser;
use serde::Serialize;
use tickwire::limits::{REDUNDANCY_MAX, UNRELIABLE_MAX};
use tickwire::sim::LINK_BURST_LENGTH_MAX;
use tickwire::sim::LinkConditions;
use tickwire::{Config, ConnectOptions, PublicKey};
use tickwire_measure::machine::Machine;

use self::case::{Case, Kind};
use self::outcome::Row;
use super::goal::{self, Goal};
use super::progress::Progress;
use super::record::{self, Files};
use super::{loopback, picture};
use crate::error::CliError;
use crate::output::Output;
use crate::protocol::ProtocolId;
use crate::{number, time};

/// Connect timeout. With 30% burst loss the default occasionally fails, and connecting is not
/// measured.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(120);

/// Default number of rounds.
const ROUNDS_VIRTUAL: u32 = 10;
const ROUNDS_REAL: u32 = 1;

/// Maximum number of messages of a case, over all rounds.
const MESSAGES_MAX: u64 = 10_000_000;

/// Maximum duration of a round over real sockets.
const ROUND_MAX: Duration = Duration::from_secs(3600);

/// Maximum loss. Beyond it connects rarely succeed.
const LOSS_MAX: f64 = 0.9;

/// Measures message latency over a lossy link, for each delivery
///
/// One host sends a message to another host each tick, both tick at the same time,
/// and the link between them loses and delays datagrams. Latency counts from the
/// tick in which a message was due to the tick in which the receiver takes it, so
/// on virtual time it is a whole number of ticks. A message that does not arrive
/// counts as an infinite latency: a percentile among these is shown as "lost".
///
/// On virtual time the same options give the same figures on every machine. With
/// --real, the hosts have sockets on loopback with the same simulated link, and
/// all rows are measured concurrently in one loop.
///
/// A redundant copy of a small reliable message is sent before a loss is known, a
/// retransmission after it. The picture shows latency by percentile, for each
/// loss, with copies and without.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(verbatim_doc_comment, after_long_help = include_str!("../help/bench_messages.txt"))]
pub(crate) struct Options {
    /// Fractions of lost datagrams
    ///
    /// 0 to 0.9 or 0% to 90%, in each direction. Each value of a list has its own rows.
    #[arg(long, value_name = "FRACTION", value_delimiter = ',', default_value = "0,0.05,0.15,0.3",
          value_parser = number::fraction(LOSS_MAX), allow_hyphen_values = true)]
    loss: Vec<f64>,

    /// Mean lengths of loss bursts, in datagrams
    ///
    /// 1 to 1000000, or 0 for independent losses.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "0,3",
          value_parser = burst, allow_hyphen_values = true)]
    burst: Vec<f64>,

    /// One-way latency, up to 1min
    #[serde(serialize_with = "record::seconds")]
    #[arg(long, value_name = "TIME", default_value = "40ms", value_parser = time::parse,
          allow_hyphen_values = true)]
    latency: Duration,

    /// Maximum jitter, up to 1min
    ///
    /// Delays each datagram by a random time up to this, in each direction.
    #[serde(serialize_with = "record::seconds")]
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = time::parse,
          allow_hyphen_values = true)]
    jitter: Duration,

    /// Deliveries to measure
    #[arg(long, value_name = "DELIVERY", value_delimiter = ',', default_value = "ordered,sequenced",
          value_parser = value_parser!(Kind))]
    delivery: Vec<Kind>,

    /// Copies of small reliable messages, 0 to 8
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "2,0",
          value_parser = number::between::<u8>(0, u64::from(REDUNDANCY_MAX)), allow_hyphen_values = true)]
    redundant_copies: Vec<u8>,

    /// Ticks per second, with a message each
    ///
    /// 1 to 1000.
    #[arg(long, value_name = "HZ", default_value = "60", value_parser = number::between::<u32>(1, 1000),
          allow_negative_numbers = true)]
    tick_rate: u32,

    /// Size of a message, 4 to 15360 bytes
    #[arg(long, value_name = "BYTES", default_value = "40", value_parser = number::between::<usize>(recording::NUMBER_LEN as u64, UNRELIABLE_MAX as u64),
          allow_negative_numbers = true)]
    size: usize,

    /// Messages per row and round
    ///
    /// 1 to 1000000.
    #[arg(long, value_name = "N", default_value = "1200", value_parser = number::between::<u32>(1, 1_000_000),
          allow_negative_numbers = true)]
    count: u32,

    /// Rounds, 1 to 1000 [default: 10, with --real 1]
    ///
    /// On virtual time, round n has the seed n - 1.
    #[arg(long, value_name = "N", value_parser = number::between::<u32>(1, 1000),
          allow_negative_numbers = true)]
    rounds: Option<u32>,

    /// Measures over real sockets and in real time
    #[arg(long)]
    real: bool,

    /// Disables encryption
    #[arg(long)]
    plain: bool,

    #[command(flatten)]
    #[serde(skip)]
    files: Files,
}

fn burst(text: &str) -> Result<f64, String> {
    let length = text.parse().ok();
    let length =
        length.filter(|length| *length == 0.0 || (1.0..=LINK_BURST_LENGTH_MAX).contains(length));
    length.ok_or_else(|| {
        format!("must be 1 to {LINK_BURST_LENGTH_MAX} datagrams, or 0 for independent losses")
    })
}

#[derive(Debug, Serialize)]
struct Results {
    rows: Vec<Row>,
    goals: Vec<Goal>,
    no_verdict: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let options = &Options {
        rounds: Some(options.rounds()),
        ..options.clone()
    };
    let cases = case::all(options);
    options.refuse_nonsense(&cases)?;
    options.files.check()?;
    let machine = Machine::current();
    let rows = measure(options, &cases)?;
    let (goals, no_verdict) = match targets::judge(options, &rows) {
        Ok(goals) => (goals, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let results = Results {
        rows,
        goals,
        no_verdict,
    };
    results.show(options, &machine)?;
    let (json, svg) = (
        options.files.json_file.as_deref(),
        options.files.svg_file.as_deref(),
    );
    record::write(json, "messages", &machine, options, &results)?;
    let title = format!("{}: {options}", report::kind_shown(&results.rows));
    picture::write(svg, &title, &machine, || report::panels(&results.rows))?;
    let complaints: Vec<_> = results.rows.iter().filter_map(Row::complaint).collect();
    if complaints.is_empty() {
        return Ok(());
    }
    Err(CliError::Runtime(complaints.join("\ntickwire: ")))
}

impl Results {
    fn show(&self, options: &Options, machine: &Machine) -> Result<(), CliError> {
        let mut output = Output::text();
        if options.real {
            output.line(machine)?;
        }
        output.line(format_args!("{options}\n"))?;
        output.line(report::table(options, &self.rows))?;
        output.line(
            "\nlatency in ms, from the tick in which a message was due to the tick in which it was taken; \
             kbit/s with IP and UDP headers",
        )?;
        match &self.no_verdict {
            Some(why) => output.line(why)?,
            None => output.line(format_args!("\n{}", goal::table(&self.goals, 0)))?,
        }
        output.flush()
    }
}

impl Options {
    fn rounds(&self) -> u32 {
        let default = if self.real {
            ROUNDS_REAL
        } else {
            ROUNDS_VIRTUAL
        };
        self.rounds.unwrap_or(default)
    }

    fn refuse_nonsense(&self, cases: &[Case]) -> Result<(), CliError> {
        let count = u64::from(self.count) * u64::from(self.rounds());
        if count > MESSAGES_MAX {
            return Err(CliError::Usage(format!(
                "a row would have {count} messages, but can have at most {MESSAGES_MAX}: choose a \
                 smaller --count, or fewer --rounds"
            )));
        }
        if self.real && self.tick() * self.count > ROUND_MAX {
            return Err(CliError::usage(
                "a round in real time would take more than an hour: choose a smaller --count or a \
                 higher --tick-rate",
            ));
        }
        cases.iter().try_for_each(|case| {
            let refusal = |error| CliError::Usage(format!("cannot simulate {case}: {error}"));
            self.conditions(*case).validate().map_err(refusal)
        })
    }

    fn tick(&self) -> Duration {
        Duration::from_secs(1) / self.tick_rate
    }

    fn conditions(&self, case: Case) -> LinkConditions {
        LinkConditions {
            latency: self.latency,
            jitter: self.jitter,
            loss: case.loss(),
            ..LinkConditions::default()
        }
    }

    fn config(&self, case: Case) -> Config {
        let ProtocolId(protocol_id) = ProtocolId::default();
        let config = if self.plain {
            Config::plain(protocol_id)
        } else {
            Config::noise(protocol_id)
        };
        Config {
            connect_timeout: CONNECT_TIMEOUT,
            redundant_copies: case.redundant_copies.unwrap_or(config.redundant_copies),
            peers_max: 1,
            ..config
        }
    }
}

/// Connect options with the receiver's key, if it has one.
fn options_to(key: Option<PublicKey>) -> ConnectOptions {
    let options = ConnectOptions::default();
    match key {
        Some(key) => options.pin(key),
        None => options,
    }
}

fn measure(options: &Options, cases: &[Case]) -> Result<Vec<Row>, CliError> {
    if options.real {
        measure_real(options, cases)
    } else {
        measure_virtual(options, cases)
    }
}

fn measure_virtual(options: &Options, cases: &[Case]) -> Result<Vec<Row>, CliError> {
    let steps = u64::from(options.rounds()) * cases.len() as u64;
    let progress = Progress::new(steps, None);
    let row = |&case: &Case| {
        let outcomes = (0..options.rounds()).map(|seed| {
            progress.next(case.to_string());
            let outcome = virtual_pair::run(case, options, seed.into());
            progress.step();
            outcome
        });
        Row::of(case, outcomes)
    };
    cases.iter().map(row).collect()
}

/// Measures round by round, each with all rows.
fn measure_real(options: &Options, cases: &[Case]) -> Result<Vec<Row>, CliError> {
    loopback::refuse_silence()?;
    let mut by_case = vec![Vec::new(); cases.len()];
    let each = options.tick() * options.count;
    let progress = Progress::new(options.rounds().into(), Some(each));
    for round in 1..=options.rounds() {
        progress.next(format!("round {round}"));
        let outcomes = real_pair::run(cases, options, &progress)?;
        for (of_case, outcome) in by_case.iter_mut().zip(outcomes) {
            of_case.push(outcome);
        }
        progress.step();
    }
    let rows = cases.iter().zip(by_case);
    rows.map(|(case, outcomes)| Row::of(*case, outcomes.into_iter().map(Ok)))
        .collect()
}

#[cfg(test)]
mod tests;
