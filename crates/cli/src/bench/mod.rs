//! `tickwire bench`: measures, always beside a floor that is measured in the same run.
//!
//! Each benchmark is a folder of its own. Rounds, statistics, floors and tables are those of `crates/measure`; here are
//! what only the program needs: distributions with losses, goals, a file for programs, pictures, and a progress bar.

mod distribution;
mod frame;
mod goal;
mod latency;
mod loopback;
mod messages;
mod picture;
mod progress;
mod rate;
mod record;

use crate::error::CliError;

/// Measures latency, lossy links and saturated links
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

/// Every benchmark, by its name.
#[derive(Debug, clap::Subcommand)]
enum Command {
    Latency(latency::Options),
    Messages(messages::Options),
    Rate(rate::Options),
}

/// Runs the requested benchmark.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    match &options.command {
        Command::Latency(options) => latency::run(options),
        Command::Messages(options) => messages::run(options),
        Command::Rate(options) => rate::run(options),
    }
}
