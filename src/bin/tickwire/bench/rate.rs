//! `tickwire bench rate`: what a full line does to a game's traffic, on virtual time.

mod scenario;
mod world;

use serde::Serialize;
use tickwire::Config;

use self::scenario::{Driven, Scenario};
use self::world::Outcome;
use super::Files;
use super::machine::Machine;
use super::record::{self, Record};
use super::table::Table;
use crate::failure::Failure;
use crate::output::Output;

/// Measures what a full line does to a game's traffic
///
/// A server sends long messages to clients behind one line, and meanwhile a game of 60 ticks a second, on
/// virtual time: the same seed gives the same figures on every machine. Share is what the transfers had of
/// the line, fairness how evenly they shared it (Jain's index, 1 is best), and p50 and p99 are how long the
/// game's messages took.
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

#[derive(Debug, Serialize)]
struct Row {
    scenario: &'static str,
    driven: Driven,
    line_bits_per_second: u64,
    share: f64,
    fairness: f64,
    outcome: Outcome,
}

/// Runs every scenario and shows them.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if let Some(path) = &options.files.json {
        record::refuse_unwritable(path)?;
    }
    let rows = measure(options)?;
    if rows.is_empty() {
        let text = "no row has these words in its name".to_owned();
        return Err(Failure::Refused(text));
    }
    let mut output = Output::new();
    output.line(table(&rows))?;
    output.flush()?;
    let record = Record {
        benchmark: "rate",
        machine: &Machine::look(),
        settings: &Settings { seed: options.seed },
        results: &rows,
    };
    match &options.files.json {
        Some(path) => record.write(path),
        None => Ok(()),
    }
}

fn measure(options: &Options) -> Result<Vec<Row>, Failure> {
    let only = options.only.as_deref().unwrap_or_default();
    let wanted = scenario::all()
        .into_iter()
        .filter(|scenario| scenario.name.contains(only));
    wanted
        .map(|scenario| row(&scenario, options.seed))
        .collect()
}

fn row(scenario: &Scenario, seed: u32) -> Result<Row, Failure> {
    let outcome = world::run(scenario, &Config::plain(0), seed.into())
        .map_err(|error| Failure::Refused(error.to_string()))?;
    let line = scenario.down.rate.unwrap_or(u64::MAX);
    Ok(Row {
        scenario: scenario.name,
        driven: scenario.driven,
        line_bits_per_second: line,
        share: outcome.share_of(line),
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
            format!("{:.2}", row.fairness),
            percentile(50.0),
            percentile(99.0),
            format!("{} of {}", outcome.game_ms.len(), outcome.game_sent),
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

    fn rows(only: &str) -> Vec<Row> {
        let options = Options {
            only: Some(only.to_owned()),
            seed: 1,
            files: Files { json: None },
        };
        measure(&options).unwrap()
    }

    fn row(rows: &[Row], name: &str) -> Row {
        let scenario = scenario::all().into_iter().find(|one| one.name == name);
        assert!(rows.iter().any(|row| row.scenario == name));
        super::row(&scenario.unwrap(), 1).unwrap()
    }

    #[test]
    fn a_transfer_has_most_of_the_line_and_the_game_hardly_waits() {
        let rows = rows("the game");
        let p99 = |name| row(&rows, name).outcome.game_percentile(99.0).unwrap();
        assert!(row(&rows, "a transfer and the game").share >= 0.8);
        let longer = p99("a transfer and the game") - p99("the game alone");
        assert!(longer <= 30.0, "{longer} ms");
    }

    #[test]
    fn two_transfers_share_the_line() {
        for row in rows("two transfers share") {
            assert!(row.fairness >= 0.9, "{row:?}");
        }
    }

    #[test]
    fn the_rate_never_falls_below_its_floor_and_the_game_goes_on() {
        for row in rows("256 kbit/s") {
            let outcome = &row.outcome;
            assert!(outcome.rate_lowest >= Some(128_000), "{row:?}");
            let arrived = u32::try_from(outcome.game_ms.len()).unwrap();
            assert!(arrived >= outcome.game_sent * 99 / 100, "{row:?}");
        }
    }

    #[test]
    fn a_flood_of_the_application_leaves_what_is_reliable_a_quarter() {
        for row in rows("a flood") {
            assert!(row.share >= 0.25, "{row:?}");
            assert!(row.outcome.flood_expired > 0);
        }
    }
}
