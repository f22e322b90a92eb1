//! `tickwire bench`: benchmarks, compared with floors that are measured in the same run.
//!
//! Each benchmark has its own folder. `crates/measure` has rounds, statistics, floors and tables;
//! this module has distributions with losses, goals, the JSON record, pictures and the progress
//! bar.

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

#[derive(Debug, clap::Subcommand)]
enum Command {
    Latency(latency::Options),
    Messages(messages::Options),
    Rate(rate::Options),
}

pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    match &options.command {
        Command::Latency(options) => latency::run(options),
        Command::Messages(options) => messages::run(options),
        Command::Rate(options) => rate::run(options),
    }
}
