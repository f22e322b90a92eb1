//! The program `tickwire`. Each command is a module with its `Options` and its `run`; this file only
//! dispatches to them.
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

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::CliError;

/// UDP networking for games: shows and sends datagrams (`listen`, `send`), serves connections
/// (`serve`), measures round-trip times (`ping`, `ping --connect`), generates keys and admission tokens
/// (`keygen`, `token`) and measures performance (`bench`).
#[derive(Debug, Parser)]
#[command(
    name = "tickwire",
    version,
    arg_required_else_help = true,
    after_help = "RUST_LOG sets what is logged to standard error (default: warn), for example RUST_LOG=debug.\n\
                  Exit code: 0 success, 1 an error of the system, a ping without a reply or a failed connection, \
                  2 an invalid command line or input, 130 ended by a repeated signal."
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

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
        Err(error) => error.report(),
    }
}

/// Logs to standard error, so that standard output has only the output of the command.
fn start_log() {
    let filter = env_logger::Env::default().default_filter_or("warn");
    env_logger::Builder::from_env(filter).init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
