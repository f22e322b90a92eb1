//! `tickwire bench`: measures, always beside a floor that is measured in the same run.
//!
//! Each benchmark is a file of its own. What they share is here below: the machine, the spread over
//! rounds, the sockets of the floors, a table for people, a file for programs, and a progress bar for
//! the impatient.

mod args;
mod buffer;
mod connections;
mod cpu;
mod drawing;
mod figure;
mod files;
mod frame;
mod latency;
mod loopback;
mod machine;
mod memory;
mod messages;
mod percentile;
mod polled;
mod progress;
mod rate;
mod record;
mod spread;
mod table;
mod throughput;
mod tick;
mod turns;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use crate::error::CliError;

/// Any free port of this machine alone.
const LOOPBACK: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// Measures latency, throughput, the cost of a tick and of many connections on this machine
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

/// Every benchmark, by its name.
#[derive(Debug, clap::Subcommand)]
enum Command {
    Connections(connections::Options),
    #[command(hide = true)]
    Clients(connections::ClientOptions),
    Latency(latency::Options),
    Messages(messages::Options),
    Rate(rate::Options),
    Throughput(throughput::Options),
    Tick(tick::Options),
}

/// Where the results go besides the table.
#[derive(Debug, clap::Args)]
pub(crate) struct Files {
    /// Writes everything that was measured, the machine and the settings into this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the one that was asked for.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    match &options.command {
        Command::Connections(options) => connections::run(options),
        Command::Clients(options) => connections::run_clients(options),
        Command::Latency(options) => latency::run(options),
        Command::Messages(options) => messages::run(options),
        Command::Rate(options) => rate::run(options),
        Command::Throughput(options) => throughput::run(options),
        Command::Tick(options) => tick::run(options),
    }
}
