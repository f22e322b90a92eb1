//! `tickwire bench rate`: a game's traffic on a saturated link, on virtual time.

mod promise;
mod scenario;
mod world;

use std::path::PathBuf;

use serde::Serialize;
use tickwire_measure::machine::Machine;
use tickwire_measure::table::Table;

use self::scenario::{Driven, Scenario};
use self::world::Outcome;
use super::distribution::Percentiles;
use super::goal::{self, Goal};
use super::record;
use crate::error::CliError;
use crate::number;
use crate::output::Output;

/// Measures a game's traffic on a saturated link
///
/// A server transfers long messages to clients behind one link and runs a game at
/// 60 ticks per second, on virtual time: the same seed gives the same figures on
/// every machine. "share" is the share of the link that the transfers used,
/// "fairness" is Jain's index of the transfers (1 is best), and "p50" and "p99"
/// are latencies of the game's messages. A second table shows the goals.
///
/// To compare the controller with Copa, without the rest of a host:
///
///   cargo test --lib congestion -- --ignored --nocapture
#[derive(Debug, clap::Args, Serialize)]
#[command(verbatim_doc_comment, after_long_help = include_str!("../help/bench_rate.txt"))]
pub(crate) struct Options {
    /// Only rows whose name contains this
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    only: String,

    /// Seed of the packet losses
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true,
          value_parser = number::between::<u32>(0, u64::from(u32::MAX)))]
    seed: u32,

    /// Writes all results to this file, as JSON
    ///
    /// With the machine and the settings.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    json_file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Results {
    rows: Vec<Row>,
    goals: Vec<Goal>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    scenario: &'static str,
    driven: Driven,
    share: f64,
    fairness: Option<f64>,
    /// Latency of the game messages that arrived.
    game_micros: Percentiles,
    #[serde(flatten)]
    outcome: Outcome,
}

pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let json = options.json_file.as_deref();
    json.map_or(Ok(()), record::refuse_unwritable)?;
    let mut scenarios = scenario::all();
    scenarios.retain(|scenario| scenario.name.contains(&options.only));
    if scenarios.is_empty() {
        let only = &options.only;
        return Err(CliError::Usage(format!(
            "no row has \"{only}\" in its name: run without --only to see all names"
        )));
    }
    let results = Results::of(&scenarios, options.seed)?;
    let mut output = Output::text();
    output.line(table(&results.rows))?;
    if !results.goals.is_empty() {
        output.line(format_args!("\n{}", goal::table(&results.goals, DECIMALS)))?;
    }
    output.flush()?;
    record::write(json, "rate", &Machine::current(), options, &results)?;
    match results.goals.iter().filter(|goal| goal.is_missed()).count() {
        0 => Ok(()),
        1 => Err(CliError::Runtime("1 target is missed".to_owned())),
        missed => Err(CliError::Runtime(format!("{missed} targets are missed"))),
    }
}

impl Results {
    fn of(scenarios: &[Scenario], seed: u32) -> Result<Self, CliError> {
        let rows = scenarios.iter().map(|scenario| Row::of(scenario, seed));
        let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
        Ok(Self {
            goals: goals(scenarios, &rows),
            rows,
        })
    }
}

fn goals(scenarios: &[Scenario], rows: &[Row]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (scenario, row) in scenarios.iter().zip(rows) {
        let promises = scenario.promises.iter();
        goals.extend(promises.filter_map(|promise| promise.goal(row, rows)));
    }
    goals
}

impl Row {
    fn of(scenario: &Scenario, seed: u32) -> Result<Self, CliError> {
        let outcome = world::run(scenario, seed.into());
        let outcome = outcome.map_err(|error| CliError::Runtime(error.to_string()))?;
        Ok(Self {
            scenario: scenario.name,
            driven: scenario.driven,
            share: outcome.share(),
            fairness: outcome.fairness(),
            game_micros: outcome.game.percentiles(0),
            outcome,
        })
    }
}

const HEADINGS: &str = "|seconds|share|fairness|p50|p99 ms|game|game back|lowest|highest rate|lost in queue|flood expired";

/// Decimals of goal figures.
const DECIMALS: usize = 2;

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(HEADINGS.split('|'));
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let kilobits = |rate: Option<u64>| or_nothing(rate.map(|rate| format!("{}k", rate / 1000)));
    for row in rows {
        let outcome = &row.outcome;
        let [p50, _, p99, ..] = row.game_micros.cells(|us| format!("{:.0}", us / 1e3));
        table.row([
            row.scenario.to_owned(),
            format!("{:.1}", outcome.seconds),
            format!("{:.2}", row.share),
            or_nothing(row.fairness.map(|fairness| format!("{fairness:.2}"))),
            p50,
            p99,
            format!("{} of {}", outcome.game.count(), outcome.game_sent),
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
#[allow(clippy::unwrap_used, reason = "a panic fails the test")]
mod tests {
    use super::*;

    fn results_of(is_wanted: impl Fn(&Scenario) -> bool, seed: u32) -> Results {
        let wanted: Vec<_> = scenario::all().into_iter().filter(is_wanted).collect();
        Results::of(&wanted, seed).unwrap()
    }

    fn flood() -> Scenario {
        let mut all = scenario::all().into_iter();
        all.find(|one| one.name.starts_with("a flood")).unwrap()
    }

    /// The default seed, and a seed that no constant of the controller was chosen with.
    const SEEDS: [u32; 2] = [1, 1000];

    #[test]
    fn meets_every_goal() {
        let is_compared = |name| [scenario::ALONE, scenario::ALONE_BY_TICKS].contains(&name);
        for seed in SEEDS {
            let concerned = |one: &Scenario| !one.promises.is_empty() || is_compared(one.name);
            let Results { goals, .. } = results_of(concerned, seed);
            assert_eq!(goals.len(), 16);
            let missed = goals.iter().any(Goal::is_missed);
            assert!(!missed, "seed {seed}\n{}", goal::table(&goals, DECIMALS));
        }
    }

    #[test]
    fn reports_a_missed_goal() {
        let mut rows = vec![Row::of(&flood(), 1).unwrap()];
        rows[0].share = 0.1;
        let goals = goals(&[flood()], &rows);
        assert_eq!(goals.len(), 1, "the other rows were left out");
        assert!(goals[0].is_missed());
        let table = goal::table(&goals, DECIMALS).to_string();
        assert!(table.contains("0.10   MISSED"), "{table}");
    }

    #[test]
    fn counts_the_messages_that_a_flood_loses() {
        let outcome = Row::of(&flood(), 1).unwrap().outcome;
        assert!(outcome.flood_expired > 0);
        assert_eq!(outcome.flood_refused, 0, "expired messages free the queue");
    }

    #[test]
    fn the_same_seed_gives_the_same_figures() {
        let results = || results_of(|one| one.name.contains("transfer"), 7);
        let (first, again) = (results(), results());
        assert!(first.rows == again.rows && first.goals == again.goals);
    }
}
