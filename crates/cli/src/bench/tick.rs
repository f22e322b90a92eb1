//! `tickwire bench tick`: what a tick of many clients costs a server, beside a bare loop, and what is
//! lost in it.
//!
//! The clients live on one thread and the server on another, with one schedule for both: in every tick
//! all clients send one input in one burst, while the server sends one state to each of them. Nothing
//! worse can happen to a receive buffer at this rate. There is no game and no protocol in it; what is
//! measured is the library and the system.
//!
//! The same is served in turns by the floor: a loop that does nothing but call the system, with as many
//! datagrams a call as it takes.
//!
//! One loop serves all clients, so what is told of the server is what its thread used, and the clients
//! are told apart: over loopback each side pays for what it sends up to the socket of the other one.
//!
//! From the bottom up: `schedule` says when what is due, `frame` sleeps until then; `crowd` is the
//! clients, `contestant`, `batched` and `single` are who serves them, `server` is the loop around each of
//! these; `contest` lets everybody serve in turns; `load`, `losses` and `unsent` are the arithmetic,
//! `sample` is what a round came to, `results` all rounds, and `report` shows them.

#[cfg(target_os = "linux")]
mod batched;
mod contest;
mod contestant;
mod crowd;
mod load;
mod losses;
mod report;
mod results;
mod sample;
mod schedule;
mod server;
#[cfg(any(test, not(target_os = "linux")))]
mod single;
#[cfg(test)]
mod synthetic;
mod unsent;

use std::time::Duration;

use serde::Serialize;

use self::report::Report;
use self::results::Results;
use self::server::Wake;
use super::buffer::ReceiveBuffer;
use super::machine::Machine;
use super::record::{self, Record};
use super::{Files, args, files, loopback};
use crate::error::CliError;
use crate::output::Output;

/// The most clients. Each has a port of one address, and Linux gives out 28,232 of them by itself
/// (`net.ipv4.ip_local_port_range`), which this machine needs for others too.
const CLIENTS_MAX: usize = 20_000;

/// The fastest tick: beyond it a tick is shorter than what a thread oversleeps.
const HZ_MAX: u32 = 1000;

/// Measures what a tick of many clients costs a server, and what is lost where
///
/// Each tick all clients send one input in one burst, and the server sends one state to each of
/// them. The clients have a socket each, on one thread; the server is one loop on another. Only the
/// server's thread counts as the server's CPU time, the kernel's work for it included.
///
/// The floor does the same in the same loop, with bare system calls: `recvmmsg` and `sendmmsg`, 64
/// datagrams a call, on Linux, `recv_from` and `send_to` elsewhere. It and tickwire take turns. Figures
/// are medians over the rounds, in brackets the lowest and the highest; the ratio to the floor is the
/// median of the ratios within each round.
///
/// A tick is everything since the one before: the drains in between, and the states at its end. A
/// server that is late makes several in one turn, with one drain; they count as so many ticks, each
/// with an equal part of the time. Ticks that were not made have no part of it.
///
/// What is lost is told by its place: inputs on the network or in the kernel's receive buffer, states
/// in the server's send queue or on the clients' side. If the clients' thread is what could not keep
/// up, the ticks that it missed say so. What the floor lost has a line of its own, if it did; it does
/// not ask the kernel. The last line is what tickwire lost in all rounds, or "nothing was lost"; and
/// what was never sent, if somebody missed ticks, because then the load was lighter than asked for. In
/// the JSON, `complete` says that this did not happen.
///
/// 1,000 clients lose nothing where the kernel grants the receive buffer that is asked for; where it
/// grants less, the second line says how to raise it.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// How many clients, 1 to 20000
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clients,
          allow_negative_numbers = true)]
    clients: usize,

    /// How many ticks a second, 1 to 1000
    #[arg(long, value_name = "RATE", default_value = "60", value_parser = hz,
          allow_negative_numbers = true)]
    hz: u32,

    /// How long each contestant is measured in each round, such as 500ms or 2s; at least one tick is
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = args::duration,
          allow_hyphen_values = true)]
    duration: Duration,

    /// How many times each contestant is measured
    #[arg(long, value_name = "N", default_value = "3", value_parser = args::rounds,
          allow_negative_numbers = true)]
    rounds: u32,

    /// What ends the server's sleep; at the tick it drains once, then sends
    #[arg(long, value_enum, default_value_t = Wake::Arrival)]
    wake: Wake,

    /// How many bytes an input has, 0 to 1024
    #[arg(long, value_name = "BYTES", default_value = "32", value_parser = args::size,
          allow_negative_numbers = true)]
    input: usize,

    /// How many bytes a state has, 0 to 1024
    #[arg(long, value_name = "BYTES", default_value = "200", value_parser = args::size,
          allow_negative_numbers = true)]
    state: usize,

    #[command(flatten)]
    files: Files,
}

fn clients(text: &str) -> Result<usize, String> {
    args::number(text, 1..=CLIENTS_MAX, "clients can take part")
}

fn hz(text: &str) -> Result<u32, String> {
    args::number(text, 1..=HZ_MAX, "ticks fit into a second")
}

/// Everything that decides about the figures.
#[derive(Debug, Serialize)]
struct Settings {
    clients: usize,
    hz: u32,
    /// Of each contestant, in each round.
    duration_seconds: f64,
    /// How many ticks that makes.
    ticks: u64,
    rounds: u32,
    wake: Wake,
    #[serde(rename = "input_bytes")]
    input: usize,
    #[serde(rename = "state_bytes")]
    state: usize,
    receive_buffer: ReceiveBuffer,
}

/// Measures all rounds and shows them.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    if let Some(path) = &options.files.json {
        // Now, and not after everything was measured.
        record::refuse_unwritable(path)?;
    }
    loopback::refuse_silence()?;
    files::allow(options.clients)?;
    let settings = Settings::of(options)?;
    let machine = Machine::look();
    let mut output = Output::new();
    output.line(&machine)?;
    output.line(settings.receive_buffer)?;
    output.line(&settings)?;
    output.line("")?;
    output.flush()?;
    let results = Results::of(&contest::run(&settings)?);
    output.line(Report {
        settings: &settings,
        results: &results,
    })?;
    output.flush()?;
    let record = Record {
        benchmark: "tick",
        machine: &machine,
        settings: &settings,
        results: &results,
    };
    match &options.files.json {
        Some(path) => record.write(path),
        None => Ok(()),
    }
}

impl Settings {
    fn of(options: &Options) -> Result<Self, CliError> {
        Ok(Self {
            clients: options.clients,
            hz: options.hz,
            duration_seconds: options.duration.as_secs_f64(),
            ticks: load::ticks_in(options.duration, options.hz),
            rounds: options.rounds,
            wake: options.wake,
            input: options.input,
            state: options.state,
            receive_buffer: ReceiveBuffer::look()?,
        })
    }
}

impl std::fmt::Display for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            clients,
            hz,
            ticks,
            rounds,
            wake,
            input,
            state,
            ..
        } = self;
        let plural = if *rounds == 1 { "" } else { "s" };
        let woken = match wake {
            Wake::Arrival => "a datagram or the tick",
            Wake::Tick => "the tick alone",
        };
        write!(
            f,
            "{clients} clients, {ticks} ticks at {hz} Hz, inputs of {input} bytes, states of {state}, \
             {rounds} round{plural}, woken by {woken}"
        )
    }
}
