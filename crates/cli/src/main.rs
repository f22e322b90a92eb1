//! The command line of tickwire: datagrams to look at and to send, connections to serve and to measure.
//!
//! This file knows the commands by name and nothing of what they do: each is a file of its own with
//! its `Options` and its `run`. A new one is such a file, a `mod` and two lines below.
#![forbid(unsafe_code)]

mod address;
mod bench;
mod error;
mod escape;
mod keygen;
mod line_reader;
mod listen;
mod output;
mod ping;
mod protocol;
mod ratio;
mod schedule;
mod send;
mod serve;
mod signals;
mod time;
mod token;
mod totals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::CliError;

/// UDP for games, driven by your own loop: datagrams to look at (`listen`) and to send (`send`),
/// connections to serve (`serve`), round trips to measure over either (`ping`, `ping --connect`), keys
/// and admission tokens to try out (`keygen`, `token`).
#[derive(Debug, Parser)]
#[command(
    name = "tickwire",
    version,
    arg_required_else_help = true,
    after_help = "RUST_LOG sets what is logged to standard error (default: warn), for example RUST_LOG=debug.\n\
                  Exit code: 0 done, 1 the system refused, nobody answered a ping or a server took nobody, 2 the command line or \
                  the input is wrong, 130 a second signal ended what did not end by the first."
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// Every command, by its name.
#[derive(Debug, Subcommand)]
enum Command {
    Bench(bench::Options),
    Keygen(keygen::Options),
    Listen(listen::Options),
    Ping(ping::Options),
    Send(send::Options),
    Serve(serve::Options),
    Token(token::Options),
}

impl Command {
    fn run(&self) -> Result<(), CliError> {
        match self {
            Self::Bench(options) => bench::run(options),
            Self::Keygen(options) => keygen::run(options),
            Self::Listen(options) => listen::run(options),
            Self::Ping(options) => ping::run(options),
            Self::Send(options) => send::run(options),
            Self::Serve(options) => serve::run(options),
            Self::Token(options) => token::run(options),
        }
    }
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    start_log();
    match command_line.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// To standard error, so that standard output holds nothing but what was asked for.
fn start_log() {
    let filter = env_logger::Env::default().default_filter_or("warn");
    env_logger::Builder::from_env(filter).init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        CommandLine::command().debug_assert();
    }
}
