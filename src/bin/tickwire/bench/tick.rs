//! `tickwire bench tick`: what a tick of many clients costs a server, and what is lost in it.
//!
//! The clients live on one thread and the server on another, each with a schedule of its own that
//! begins at the same moment: in every tick all clients send one input in one burst, while the server
//! sends one state to each of them. Nothing worse can happen to a receive buffer at this rate. There
//! is no game and no protocol in it; what is measured is the library and the system.
//!
//! One loop serves all clients, so what is told of the server is what its thread used, and the clients
//! are told apart: over loopback each side pays for what it sends up to the socket of the other one.

mod crowd;
mod files;
mod load;
mod losses;
mod report;
mod server;

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;
use tickwire::{Endpoint, Ticker};

use self::crowd::Crowd;
use self::report::Report;
use self::server::Server;
use super::buffer::ReceiveBuffer;
use super::machine::Machine;
use super::progress::Progress;
use super::record::{self, Record};
use super::{Files, LOOPBACK, args};
use crate::failure::Failure;
use crate::output::Output;

/// The most clients. Each has a port of one address, and Linux gives out 28,232 of them by itself
/// (`net.ipv4.ip_local_port_range`), which this machine needs for others too.
const CLIENTS_MAX: usize = 20_000;

/// The fastest tick: beyond it a tick is shorter than what a thread oversleeps.
const HZ_MAX: u32 = 1000;

/// How often the progress moves.
const STEP: Duration = Duration::from_secs(1);

/// Measures what a tick of many clients costs a server, and what is lost where
///
/// Each tick all clients send one input in one burst, and the server sends one state to each of
/// them. The clients have a socket each, on one thread; the server is one loop on another, which
/// sleeps until a datagram comes or the tick is due. Only the server's thread counts as the server's
/// CPU time, the kernel's work for it included.
///
/// What is lost is told by its place: inputs on the network or in the kernel's receive buffer, states
/// in the server's send queue or on the clients' side. If the clients' thread is what could not keep
/// up, the ticks that it missed say so. The last line is "nothing was lost", or what was.
///
/// 1,000 clients lose nothing where the kernel grants the receive buffer that is asked for; where it
/// grants less, the second line says how to raise it.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// How many clients, 1 to 20000
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clients)]
    clients: usize,

    /// How many ticks a second, 1 to 1000
    #[arg(long, value_name = "RATE", default_value = "60", value_parser = hz)]
    hz: u32,

    /// How long to measure, such as 500ms or 5s; at least one tick is measured
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = args::duration)]
    duration: Duration,

    /// How many bytes an input has, 0 to 1024
    #[arg(long, value_name = "BYTES", default_value = "32", value_parser = args::size)]
    input: usize,

    /// How many bytes a state has, 0 to 1024
    #[arg(long, value_name = "BYTES", default_value = "200", value_parser = args::size)]
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
    duration_s: f64,
    /// How many ticks that makes.
    ticks: u64,
    input: usize,
    state: usize,
    receive_buffer: ReceiveBuffer,
}

/// Measures one run and shows it.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if let Some(path) = &options.files.json {
        // Now, and not after everything was measured.
        record::refuse_unwritable(path)?;
    }
    files::allow(options.clients)?;
    let endpoint = Endpoint::bind(LOOPBACK).map_err(Failure::cannot("open the server's socket"))?;
    let settings = Settings::of(options, &endpoint);
    let machine = Machine::look();
    let mut output = Output::new();
    output.line(&machine)?;
    output.line(settings.receive_buffer)?;
    output.line(&settings)?;
    output.line("")?;
    output.flush()?;
    let report = measure(&settings, endpoint)?;
    output.line(&report)?;
    output.flush()?;
    let record = Record {
        benchmark: "tick",
        machine: &machine,
        settings: &settings,
        results: &report,
    };
    match &options.files.json {
        Some(path) => record.write(path),
        None => Ok(()),
    }
}

impl Settings {
    fn of(options: &Options, endpoint: &Endpoint) -> Self {
        Self {
            clients: options.clients,
            hz: options.hz,
            duration_s: options.duration.as_secs_f64(),
            ticks: load::ticks_in(options.duration, options.hz),
            input: options.input,
            state: options.state,
            receive_buffer: ReceiveBuffer::of(endpoint),
        }
    }
}

impl std::fmt::Display for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            clients,
            hz,
            ticks,
            input,
            state,
            ..
        } = self;
        write!(
            f,
            "{clients} clients, {ticks} ticks at {hz} Hz, inputs of {input} bytes, states of {state}"
        )
    }
}

/// Lets clients and server play against each other. Each knows of the other's end by a channel on which
/// nothing is ever said: whoever has ended, well or not, hangs up.
fn measure(settings: &Settings, endpoint: Endpoint) -> Result<Report, Failure> {
    let (crowd_line, crowd_end) = channel();
    let (server_line, server_end) = channel();
    let (done_line, done) = channel();
    let cannot = || Failure::cannot("open the clients' sockets");
    let server = endpoint.local_addr();
    let crowd =
        Crowd::gather(settings.clients, server, settings.input, crowd_line).map_err(cannot())?;
    let addresses = crowd.addresses().map_err(cannot())?;

    // One schedule for both, so that the burst falls on the tick.
    let ticker = Ticker::starting_at(Instant::now(), settings.hz);
    let ticks = settings.ticks;
    let server = Server::new(endpoint, addresses, settings.state, ticker.clone(), ticks)
        .map_err(Failure::cannot("measure"))?;
    let (served, played) = thread::scope(|scope| {
        let playing = scope.spawn(move || crowd.play(ticker, ticks, &server_end));
        let serving = scope.spawn(move || {
            let _hung_up_at_the_end = (server_line, done_line);
            server.serve(&crowd_end)
        });
        watch(settings, &done);
        (join(serving), join(playing))
    });
    let served = served.map_err(Failure::cannot("serve the clients"))?;
    Ok(Report::of(settings, &served, &played))
}

/// Shows how far it is, on a thread that is neither a client nor the server.
fn watch(settings: &Settings, done: &Receiver<()>) {
    let duration = Duration::from_secs_f64(settings.duration_s);
    let progress = Progress::new(duration.as_secs().max(1));
    loop {
        progress.next(format!(
            "{} clients at {} Hz",
            settings.clients, settings.hz
        ));
        if done.recv_timeout(STEP) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        progress.step();
    }
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    // A panic is a mistake in here, and goes on as what it is.
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
