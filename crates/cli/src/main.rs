//! The program `tickwire`. Each command is a module with its `Options` and its `run`.
#![forbid(unsafe_code)]

mod address;
mod bench;
mod error;
mod escape;
mod keygen;
mod line_reader;
mod listen;
mod man;
mod number;
mod output;
mod ping;
mod protocol;
mod schedule;
mod send;
mod serve;
mod signals;
mod time;
mod token;

use std::env;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::error::CliError;

/// UDP networking for games: datagrams, connections, keys and benchmarks
///
/// The commands listen and send work with plain datagrams, serve and ping --connect with
/// connections.
#[derive(Debug, Parser)]
#[command(
    name = "tickwire",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "`tickwire COMMAND --help` has details, examples and JSON fields.",
    after_long_help = include_str!("help/tickwire.txt")
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Listen(listen::Options),
    Send(send::Options),
    Ping(ping::Options),
    Serve(serve::Options),
    Keygen(keygen::Options),
    Token(token::Options),
    Bench(bench::Options),
    Completions(man::CompletionsOptions),
    Man(man::ManOptions),
}

impl Command {
    fn run(&self) -> Result<(), CliError> {
        match self {
            Self::Listen(options) => listen::run(options),
            Self::Send(options) => send::run(options),
            Self::Ping(options) => ping::run(options),
            Self::Serve(options) => serve::run(options),
            Self::Keygen(options) => keygen::run(options),
            Self::Token(options) => token::run(options),
            Self::Bench(options) => bench::run(options),
            Self::Completions(options) => man::complete(options, CommandLine::command()),
            Self::Man(options) => man::run(options, CommandLine::command()),
        }
    }
}

fn main() -> ExitCode {
    let command_line = CommandLine::try_parse().unwrap_or_else(|error| refuse(&error));
    start_log();
    match command_line.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

/// Prints an error of the parser, or the help. clap parses `-hello` as `-h`; this is rejected,
/// because it is probably a value. With a help option, it may be the value of another option.
fn refuse(error: &clap::Error) -> ! {
    let is_help = error.kind() == ErrorKind::DisplayHelp;
    let args = env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let options: Vec<_> = args.take_while(|arg| arg != "--").collect();
    let asks_for_help = options.iter().any(|arg| arg == "-h" || arg == "--help");
    let is_mistaken = |arg: &&String| is_help && !asks_for_help && arg.starts_with("-h");
    match options.iter().find(is_mistaken) {
        None => error.exit(),
        Some(arg) => {
            let text = format!(
                "unexpected argument '{arg}' found\n\n  tip: to pass '{arg}' as a value, use '-- {arg}'"
            );
            CommandLine::command()
                .error(ErrorKind::UnknownArgument, text)
                .exit()
        }
    }
}

/// Logs to standard error, so that standard output has only the output of the command.
fn start_log() {
    let filter = env_logger::Env::default().default_filter_or("warn");
    env_logger::Builder::from_env(filter).init();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command and all its subcommands.
    fn with_subcommands(command: &clap::Command) -> Vec<clap::Command> {
        let subcommands = command.get_subcommands().flat_map(with_subcommands);
        [command.clone()].into_iter().chain(subcommands).collect()
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn short_help_fits_on_a_screen() {
        let mut program = CommandLine::command().term_width(80);
        program.build();
        for mut command in with_subcommands(&program) {
            let help = command.render_help().to_string();
            let name = command.get_name();
            assert!(help.lines().count() <= 40, "{name}: {help}");
            assert!(
                help.lines().all(|line| line.chars().count() <= 80),
                "{name}: {help}"
            );
        }
    }
}
