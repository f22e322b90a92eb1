//! `tickwire bench connections`: thousands of real connections to one server, what each costs it, and
//! whether all are kept.
//!
//! The server is a host in this process. Its clients are hosts too, each with a socket of its own, in as
//! many other processes as the limit on open files asks for: this program again, as `bench clients`,
//! which no user is to call.
//!
//! From the bottom up: `client` is one client, `crowd` many of them in one loop and `bare` many without a
//! protocol; `clients` is the program around either, `report` what that says to this one; `children` are
//! these programs seen from here, `server` is who they connect to and `pace` when it looks after them;
//! `course` is the run, `floor` the least that it could cost, `results` what it came to and `table` how
//! that is shown.

mod bare;
mod children;
mod client;
mod clients;
mod course;
mod crowd;
mod floor;
mod pace;
mod report;
mod results;
mod server;
mod table;

use std::time::Duration;

use humantime::format_duration;
use serde::Serialize;
use tickwire::{Config, Security};

pub(crate) use self::clients::{Options as ClientOptions, run as run_clients};
use self::results::Results;
use super::buffer::ReceiveBuffer;
use super::machine::Machine;
use super::record::{self, Record};
use super::{Files, args, files, loopback};
use crate::address;
use crate::agreement::ProtocolId;
use crate::failure::Failure;
use crate::output::Output;

/// The most clients: each has a port of one address. See `bench tick`.
const PEERS_MAX: usize = 20_000;

/// The most processes. A limit on open files that asks for more was set to keep such programs away.
const PROCESSES_MAX: usize = 16;

/// How many handshakes a second the server in this process does: as many as its clients ask for. They
/// are no strangers, and what the limit costs them is not what is measured.
const HANDSHAKES: u32 = 20_000;

/// How many files a client has open: its socket, and its share of a poll that it lives in with others.
const FILES_PER_CLIENT: usize = 2;

/// Measures what thousands of idle connections cost a server, and whether all are kept
///
/// The clients are real ones, each with a socket of its own, in as many processes as the limit on
/// open files asks for. They connect, at most 128 at a time in each process, then each says one
/// word within 5 seconds, so that they do not all speak at once, then nobody sends anything but the
/// connections themselves to keep alive, then all say goodbye.
///
/// The server is one host and one thread of this process. For half of the time each datagram wakes it,
/// as it does a server that only waits; for the other half it makes 60 turns a second and never looks
/// in between, as a game does. Its CPU time is that of its thread while the connections are kept, the
/// kernel's work for it included; its memory is what this process has resident more than before there
/// was a peer, without the kernel's. The floor beside it is measured afterwards in the same two ways,
/// for at most 10 seconds each: a bare socket, without a protocol, that echoes a small datagram which
/// each of as many sockets sends every 5 seconds. With --to the server is elsewhere,
/// `tickwire serve --peers-max 10000 --handshakes 20000` for one, and only its clients are told of.
///
/// Exit code: 0 all were admitted, kept and closed, 1 some were not or the system refused, 2 the
/// command line is wrong.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// How many clients connect, 1 to 20000
    #[arg(long, value_name = "N", default_value = "10000", value_parser = peers,
          allow_negative_numbers = true)]
    peers: usize,

    /// How long the connections are kept, such as 20s or 1m
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = args::duration,
          allow_hyphen_values = true)]
    duration: Duration,

    /// Connects to a server elsewhere, a host and a port, instead of one in this process
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,

    /// Without encryption, to compare
    #[arg(long)]
    plain: bool,

    #[command(flatten)]
    files: Files,
}

fn peers(text: &str) -> Result<usize, String> {
    args::number(text, 1..=PEERS_MAX, "clients can connect")
}

/// What a process of clients is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Encrypted,
    Plain,
    /// Sockets without a protocol.
    Bare,
}

/// Everything that decides about the figures.
#[derive(Debug, Serialize)]
struct Settings {
    peers: usize,
    processes: usize,
    duration_seconds: f64,
    encrypted: bool,
    /// Where the server is, if not in this process.
    to: Option<String>,
    receive_buffer: ReceiveBuffer,
    #[serde(skip)]
    duration: Duration,
}

/// Connects everybody, keeps them, closes them, and shows what that took.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if let Some(path) = &options.files.json {
        // Now, and not after everything was measured.
        record::refuse_unwritable(path)?;
    }
    if options.to.is_none() {
        loopback::refuse_silence()?;
    }
    let settings = Settings::of(options)?;
    let machine = Machine::look();
    let mut output = Output::new();
    output.line(&machine)?;
    output.line(settings.receive_buffer)?;
    output.line(&settings)?;
    output.line("")?;
    output.flush()?;
    let results = course::run(&settings)?;
    output.line(table::Shown(&results))?;
    output.flush()?;
    write(options, &machine, &settings, &results)?;
    match results.complaint() {
        Some(complaint) => Err(Failure::Refused(complaint)),
        None => Ok(()),
    }
}

fn write(
    options: &Options,
    machine: &Machine,
    settings: &Settings,
    results: &Results,
) -> Result<(), Failure> {
    let record = Record {
        benchmark: "connections",
        machine,
        settings,
        results,
    };
    match &options.files.json {
        Some(path) => record.write(path),
        None => Ok(()),
    }
}

impl Settings {
    fn of(options: &Options) -> Result<Self, Failure> {
        let to = options.to.as_deref().map(address::resolve).transpose()?;
        Ok(Self {
            peers: options.peers,
            processes: processes(options.peers, files::raise()?)?,
            encrypted: !options.plain,
            duration_seconds: options.duration.as_secs_f64(),
            to: to.map(|candidates| candidates[0].to_string()),
            receive_buffer: ReceiveBuffer::look()?,
            duration: options.duration,
        })
    }

    /// How long the server keeps to each pace.
    fn each_pace(&self) -> Duration {
        self.duration / 2
    }

    /// That of the server, which takes everybody who was asked for.
    fn config(&self) -> Config {
        let mut config = config(self.encrypted);
        config.peers_max = self.peers;
        if let Security::Noise(noise) = &mut config.security {
            noise.handshakes_per_second = HANDSHAKES;
            noise.handshake_burst = HANDSHAKES;
        }
        config
    }
}

impl Kind {
    fn of_encrypted(encrypted: bool) -> Self {
        if encrypted {
            Self::Encrypted
        } else {
            Self::Plain
        }
    }

    /// As `bench clients` is told.
    fn option(self) -> Option<&'static str> {
        match self {
            Self::Encrypted => None,
            Self::Plain => Some("--plain"),
            Self::Bare => Some("--bare"),
        }
    }
}

/// That of both sides.
fn config(encrypted: bool) -> Config {
    let ProtocolId(protocol_id) = ProtocolId::default();
    if encrypted {
        return Config::noise(protocol_id);
    }
    Config::plain(protocol_id)
}

impl std::fmt::Display for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (peers, duration) = (self.peers, format_duration(self.duration));
        let processes = match self.processes {
            1 => "1 process".to_owned(),
            some => format!("{some} processes"),
        };
        let to = self.to.as_deref().unwrap_or("a server in this one");
        let how = if self.encrypted {
            "encrypted"
        } else {
            "not encrypted"
        };
        write!(
            f,
            "{peers} clients in {processes} of their own, {how}, to {to}, kept for {duration}"
        )
    }
}

/// How many processes it takes, if each has room for so many files of its clients.
fn processes(peers: usize, files: usize) -> Result<usize, Failure> {
    let each = files / FILES_PER_CLIENT;
    let processes = peers.checked_div(each).map(|_| peers.div_ceil(each));
    processes
        .filter(|processes| *processes <= PROCESSES_MAX)
        .ok_or_else(|| {
            Failure::Refused(format!(
                "{peers} clients have {FILES_PER_CLIENT} files each open, and the limit of open files \
                 leaves room for {each} of them in a process: ask for fewer with --peers, or raise the \
                 limit as root with ulimit -n"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_processes_as_the_open_files_ask_for() {
        for (peers, files, wanted) in [(1, 2, 1), (100, 200, 1), (101, 200, 2), (1600, 200, 16)] {
            assert_eq!(processes(peers, files), Ok(wanted));
        }
    }

    #[test]
    fn too_low_a_limit_is_told_with_two_ways_out() {
        for (peers, files) in [(1, 0), (1, 1), (1601, 200)] {
            let Err(Failure::Refused(text)) = processes(peers, files) else {
                panic!("{peers} {files}");
            };
            assert!(text.contains("--peers") && text.contains("ulimit -n"));
        }
    }
}
