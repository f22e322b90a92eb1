//! `tickwire bench rate`: what happens to a game's traffic when the line is full.

mod scenario;
mod world;

use tickwire::Config;

use super::table::Table;
use crate::failure::Failure;
use crate::output::Output;

/// Measures what the rate control does, on virtual time
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the rows whose name contains this
    #[arg(long)]
    only: Option<String>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut output = Output::new();
    let mut table = Table::new(["scenario", "s", "share", "fair", "game p50", "p99", "got", "rate low", "high", "done", "drops", "flood", "expired", "refused"]);
    for scenario in scenario::all() {
        if options.only.as_ref().is_some_and(|only| !scenario.name.contains(only.as_str())) { continue; }
        let o = world::run(&scenario, &Config::plain(1), options.seed).map_err(|e| Failure::Refused(e.to_string()))?;
        let p = |x| o.game_percentile(x).map_or("-".to_owned(), |v| format!("{v:.0}"));
        table.row([scenario.name.to_owned(), format!("{:.1}", o.seconds), format!("{:.2}", o.share_of(scenario.down.rate.unwrap_or(1))), format!("{:.2}", o.fairness()), p(50.0), p(99.0), format!("{}/{}", o.game_ms.len(), o.game_sent), format!("{}k", o.rate_lowest/1000), format!("{}k", o.rate_highest/1000), o.transfers_done.to_string(), o.lost_to_queue.to_string(), o.flood_delivered.to_string(), o.flood_expired.to_string(), o.flood_refused.to_string()]);
    }
    output.line(table)?;
    output.flush()?;
    Ok(())
}
