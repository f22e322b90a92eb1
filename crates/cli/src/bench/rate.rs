//! `tickwire bench rate`: what a full line does to a game's traffic, on virtual time.

mod goal;
mod scenario;
mod world;

use serde::Serialize;
use tickwire::Config;
use tickwire_measure::machine::Machine;
use tickwire_measure::table::Table;

use self::goal::Goal;
use self::scenario::{Driven, Scenario};
use self::world::Outcome;
use super::Files;
use super::record::{self, Record};
use crate::error::CliError;
use crate::output::Output;

/// Measures what a full line does to a game's traffic
///
/// A server sends long messages to clients behind one line, and meanwhile a game of 60 ticks a second, on
/// virtual time: the same seed gives the same figures on every machine. Share is what the transfers had of
/// the line, fairness how evenly they shared it (Jain's index, 1 is best), and p50 and p99 are how long the
/// game's messages took. What is promised of it stands below; where a promise is not kept the exit code is 1.
///
/// The same controller beside Copa, without the rest of a host: cargo test --lib congestion -- --ignored --nocapture
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Only the rows whose name contains this
    #[arg(long, value_name = "WORDS")]
    only: Option<String>,

    /// Decides which packets are lost
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u32,

    #[command(flatten)]
    files: Files,
}

#[derive(Debug, Serialize)]
struct Settings {
    seed: u32,
}

/// What goes into the file.
#[derive(Debug, Serialize)]
struct Results {
    rows: Vec<Row>,
    goals: Vec<Goal>,
}

#[derive(Debug, Serialize)]
struct Row {
    scenario: &'static str,
    driven: Driven,
    line_bits_per_second: u64,
    share: f64,
    fairness: Option<f64>,
    outcome: Outcome,
}

/// Runs every scenario and shows them.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    record::check_files(options.files.json.as_deref(), None)?;
    let rows = measure(options)?;
    if rows.is_empty() {
        let text = "no row has these words in its name".to_owned();
        return Err(CliError::Runtime(text));
    }
    let goals = goal::of(&rows);
    show(&rows, &goals)?;
    let short = goal::short(&goals);
    if let Some(path) = &options.files.json {
        let record = Record {
            benchmark: "rate",
            machine: &Machine::current(),
            settings: &Settings { seed: options.seed },
            results: &Results { rows, goals },
        };
        record.write(path)?;
    }
    match short {
        0 => Ok(()),
        1 => Err(CliError::Runtime("a promise is not kept".to_owned())),
        _ => Err(CliError::Runtime(format!("{short} promises are not kept"))),
    }
}

fn show(rows: &[Row], goals: &[Goal]) -> Result<(), CliError> {
    let mut output = Output::new();
    output.line(table(rows))?;
    if !goals.is_empty() {
        output.line("")?;
        output.line(goal::table(goals))?;
    }
    output.flush()
}

fn measure(options: &Options) -> Result<Vec<Row>, CliError> {
    let only = options.only.as_deref().unwrap_or_default();
    let wanted = scenario::all()
        .into_iter()
        .filter(|scenario| scenario.name.contains(only));
    wanted
        .map(|scenario| row(&scenario, options.seed))
        .collect()
}

fn row(scenario: &Scenario, seed: u32) -> Result<Row, CliError> {
    let outcome = world::run(scenario, &Config::plain(0), seed.into())
        .map_err(|error| CliError::Runtime(error.to_string()))?;
    Ok(Row {
        scenario: scenario.name,
        driven: scenario.driven,
        line_bits_per_second: scenario.down.rate.unwrap_or(u64::MAX),
        share: outcome.share(),
        fairness: outcome.fairness(),
        outcome,
    })
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new([
        "",
        "seconds",
        "share",
        "fairness",
        "p50",
        "p99 ms",
        "game",
        "game back",
        "lowest",
        "highest rate",
        "lost in queue",
        "flood expired",
    ]);
    for row in rows {
        let outcome = &row.outcome;
        let percentile = |percent| {
            let value = outcome.game_percentile(percent);
            value.map_or("-".to_owned(), |ms| format!("{ms:.0}"))
        };
        let kilobits =
            |rate: Option<u64>| rate.map_or("-".to_owned(), |rate| format!("{}k", rate / 1000));
        table.row([
            row.scenario.to_owned(),
            format!("{:.1}", outcome.seconds),
            format!("{:.2}", row.share),
            row.fairness.map_or("-".to_owned(), |it| format!("{it:.2}")),
            percentile(50.0),
            percentile(99.0),
            format!("{} of {}", outcome.game_ms.len(), outcome.game_sent),
            outcome.game_up_delivered.to_string(),
            kilobits(outcome.rate_lowest),
            kilobits(outcome.rate_highest),
            outcome.lost_to_queue.to_string(),
            outcome.flood_expired.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use super::*;

    fn rows_of(is_wanted: impl Fn(&str) -> bool, seed: u32) -> Vec<Row> {
        let wanted = scenario::all()
            .into_iter()
            .filter(|one| is_wanted(one.name));
        wanted.map(|one| row(&one, seed).unwrap()).collect()
    }

    fn is_flood(name: &str) -> bool {
        name.starts_with("a flood")
    }

    /// The default, and one that no constant of the controller was chosen with.
    const SEEDS: [u32; 2] = [1, 1000];

    #[test]
    fn every_promise_is_kept() {
        for seed in SEEDS {
            let goals = goal::of(&rows_of(goal::concern, seed));
            assert_eq!(goals.len(), 16);
            assert_eq!(
                goal::short(&goals),
                0,
                "seed {seed}\n{}",
                goal::table(&goals)
            );
        }
    }

    #[test]
    fn a_promise_that_is_not_kept_is_said() {
        let mut rows = rows_of(is_flood, 1);
        rows[0].share = 0.1;
        let goals = goal::of(&rows);
        assert_eq!(goals.len(), 1, "the other rows were left out");
        assert_eq!(goal::short(&goals), 1);
        assert!(goal::table(&goals).to_string().contains("0.10    SHORT"));
    }

    #[test]
    fn what_a_flood_loses_is_counted() {
        let outcome = &rows_of(is_flood, 1)[0].outcome;
        assert!(outcome.flood_expired > 0, "{outcome:?}");
        assert_eq!(outcome.flood_refused, 0, "what is too old makes room");
    }

    #[test]
    fn the_same_seed_gives_the_same_figures() {
        let figures = || format!("{:?}", rows_of(|name| name.contains("transfer"), 7));
        assert_eq!(figures(), figures());
    }
}
