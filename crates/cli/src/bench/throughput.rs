//! `tickwire bench throughput`: what one core receives, by size and by batch, against bare loops.
//!
//! What is honest depends on who else runs. Over loopback the sender pays for the delivery as well,
//! about five times as much as the receiver for a datagram, so on two processors a sender that goes
//! all out does not keep a receiver busy, and its rate says nothing of the receiver. So everything is
//! measured twice:
//! - *Full sockets.* The receiving thread fills the socket itself and then measures the drain alone:
//!   the rate and the processor time of a core that has more to receive than it can. Contestants take
//!   turns, drain by drain. What it leaves out: another core that writes to the same queue meanwhile,
//!   and a cold cache, since the datagrams were written by this core a moment ago.
//! - *Under fire.* Threads on the other processors send as fast as they can and the receiver runs the
//!   loop of a server, which sleeps when there is nothing. Contention and wake-ups are in it, and what
//!   the kernel dropped. Where `datagrams/s` is the same for all, it is the senders' rate.
//!
//! The floor of a batch is nix's `recvmmsg` with as many slots; of a batch of one, and on systems
//! without batches, `recv_from`.

mod contestant;
mod flood;
mod floor;
mod full;
mod report;
mod sample;

use std::io;
use std::time::Duration;

use serde::Serialize;

use self::flood::Flood;
use self::full::Filler;
use self::report::{Rounds, Row};
use self::sample::Sample;
use super::buffer::ReceiveBuffer;
use super::machine::Machine;
use super::progress::Progress;
use super::record::{self, Record};
use super::{Files, args, loopback};
use crate::error::CliError;
use crate::output::Output;

/// Measures how many datagrams one core receives, and what each costs
///
/// Every size and batch is measured twice, and the contestants take turns within each round.
///
/// Full sockets: the socket is filled first and only the drain is measured. This is what a core can
/// receive, and the ratio to the floor is what the library costs.
///
/// Under fire: other threads send as fast as they can, one for each CPU but the receiver's (1 to 4).
/// Over loopback a sender pays for the delivery too and is slower than a receiver, so with few CPUs
/// the rate here is the senders', and the CPU time has the wake-ups in it. Lost is what the kernel
/// dropped because the receiver was too slow.
///
/// The floor is a bare loop around `recvmmsg` with as many slots; for a batch of 1, around `recv_from`.
/// Figures are medians over the rounds, in brackets the lowest and the highest.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// How many bytes a datagram has, each 0 to 1024
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_value = "64,256,1024",
          value_parser = args::size, allow_hyphen_values = true)]
    sizes: Vec<usize>,

    /// How many datagrams one system call receives, each 1 to 64
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_value = "1,8,64",
          value_parser = args::batch, allow_hyphen_values = true)]
    batches: Vec<usize>,

    /// How long each contestant is measured in each round: half of it with full sockets, half of it
    /// under fire
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = args::duration,
          allow_hyphen_values = true)]
    duration: Duration,

    /// How many times everything is measured
    #[arg(long, value_name = "N", default_value = "3", value_parser = args::rounds,
          allow_negative_numbers = true)]
    rounds: u32,

    #[command(flatten)]
    files: Files,
}

/// A size and a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Case {
    size: usize,
    batch: usize,
}

/// Everything that decides about the figures.
#[derive(Debug, Serialize)]
struct Settings {
    #[serde(rename = "sizes_bytes")]
    sizes: Vec<usize>,
    batches: Vec<usize>,
    duration_seconds: f64,
    rounds: u32,
    senders: usize,
    /// How many datagrams wait when the drain of a full socket begins.
    fill: usize,
    receive_buffer: ReceiveBuffer,
}

/// Measures everything and shows it.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    if let Some(path) = &options.files.json {
        // Now, and not after everything was measured.
        record::refuse_unwritable(path)?;
    }
    loopback::refuse_silence()?;
    let settings = Settings::of(options)?;
    let machine = Machine::look();
    let rows = measure(options, &settings).map_err(CliError::cannot("measure"))?;
    let mut output = Output::new();
    output.line(&machine)?;
    output.line(settings.receive_buffer)?;
    output.line("")?;
    output.line(report::text(&rows, settings.fill, settings.senders))?;
    output.flush()?;
    let record = Record {
        benchmark: "throughput",
        machine: &machine,
        settings: &settings,
        results: &rows,
    };
    match &options.files.json {
        Some(path) => record.write(path),
        None => Ok(()),
    }
}

impl Settings {
    fn of(options: &Options) -> Result<Self, CliError> {
        let receive_buffer = ReceiveBuffer::look()?;
        Ok(Self {
            sizes: options.sizes.clone(),
            batches: options.batches.clone(),
            duration_seconds: options.duration.as_secs_f64(),
            rounds: options.rounds,
            senders: flood::senders(),
            fill: full::FILL_MAX.min(receive_buffer.datagrams()),
            receive_buffer,
        })
    }

    fn cases(&self) -> Vec<Case> {
        let batches = |&size| self.batches.iter().map(move |&batch| Case { size, batch });
        self.sizes.iter().flat_map(batches).collect()
    }
}

/// Round after round, each with all cases, so that a slow minute is a slow round and not a slow case.
fn measure(options: &Options, settings: &Settings) -> io::Result<Vec<Row>> {
    let cases = settings.cases();
    let mut rounds: Vec<Vec<Rounds>> = cases.iter().map(|case| nothing_yet(*case)).collect();
    let progress = Progress::new(u64::from(settings.rounds) * cases.len() as u64);
    for round in 0..settings.rounds as usize {
        for (case, rounds) in cases.iter().zip(&mut rounds) {
            progress.next(format!("{} bytes, batch {}", case.size, case.batch));
            measure_round(*case, round, options.duration / 2, settings, rounds)?;
            progress.step();
        }
    }
    let rows = cases.iter().zip(&rounds);
    let rows =
        rows.flat_map(|(case, rounds)| report::rows(*case, contestant::names(case.batch), rounds));
    Ok(rows.collect())
}

fn nothing_yet(case: Case) -> Vec<Rounds> {
    vec![Rounds::default(); contestant::names(case.batch).len()]
}

/// One round of one case, with sockets of its own.
fn measure_round(
    case: Case,
    round: usize,
    time: Duration,
    settings: &Settings,
    rounds: &mut [Rounds],
) -> io::Result<()> {
    let buffer_bytes = settings.receive_buffer.granted_bytes();
    let mut contestants = contestant::enter(case.batch, buffer_bytes)?;
    let mut filler = Filler::new(case.size, settings.fill)?;
    let flood = Flood {
        size: case.size,
        senders: settings.senders,
        time,
    };
    let full = full::measure(&mut contestants, &mut filler, time)?;
    refuse_silence(case, &full)?;
    let flood = flood::measure(&mut contestants, flood, round)?;
    for (rounds, (full, flood)) in rounds.iter_mut().zip(full.into_iter().zip(flood)) {
        rounds.full.push(full);
        rounds.flood.push(flood);
    }
    Ok(())
}

/// Rates of zero would look like figures.
fn refuse_silence(case: Case, full: &[Sample]) -> io::Result<()> {
    if full.iter().any(|sample| sample.received > 0) {
        return Ok(());
    }
    let sent: u64 = full.iter().map(|sample| sample.sent).sum();
    Err(io::Error::other(format!(
        "nobody received any of {sent} datagrams of {} bytes over loopback; a firewall may be in the way",
        case.size
    )))
}
