//! `tickwire serve`: a headless server that sends every message back.
//!
//! This file has the options and the loop around the host.

mod admission;
mod counters;
mod echo;
mod link_options;
mod peers;
mod security;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::builder::RangedU64ValueParser;
use clap::value_parser;
use tickwire::limits::PEERS_MAX;
use tickwire::token::Verifier;
use tickwire::{Config, Event, Host, PeerId, Ticker};

use self::admission::AdmissionOptions;
use self::counters::Counters;
use self::echo::Echo;
use self::link_options::LinkOptions;
use self::peers::Peers;
use self::security::SecurityOptions;
use crate::address;
use crate::error::CliError;
use crate::output::Output;
use crate::protocol::{NORMAL_CLOSE, ProtocolId, code_of};
use crate::signals::StopSignal;
use crate::time;

/// Maximum tick rate in Hz. A shorter tick is in the order of scheduling delays.
const TICK_MAX: i64 = 1000;

/// Runs a server that sends every message back to its peer
///
/// It prints a line when a peer connects, moves to another address or disconnects:
///
///   peer 0v0 connected from 127.0.0.1:54321
///   peer 0v0 from 127.0.0.1:54321 gone after 12.345 s: disconnected by the peer, code 0
///
/// A peer id is a slot number and how often that slot was used before. Once per interval with any
/// traffic, a line shows the rates and losses:
///
///   1 peers; in 60 messages/s, 60 datagrams/s; out 60 messages/s, 61 datagrams/s; nothing lost
///
/// Losses are shown by place: "on the network", packets that were not acknowledged in time (of a
/// disconnected peer, as of its last message); "by the kernel", datagrams dropped because the receive
/// buffer was full; "in the event queue", messages that were not taken in time; "in the send queue",
/// replies that did not fit; "with their peer", replies to a peer that had disconnected; "by the
/// system", datagrams that the system refused to send. "turned away" shows datagrams and connection
/// attempts that were rejected. A disconnecting peer repeats its last packet, and the copies after the
/// first count as "for an unknown connection".
///
/// With a tick, messages are collected and answered at the next tick, as in a game that steps its
/// world, which adds up to one tick to the round trip. With --tick 0, messages are answered at once,
/// and without peers and with --interval 0s the process sleeps until something arrives.
///
/// The second line is the server's public key:
///
///   server key 3fa662d09dd6b81e3684fb7375be19fdbafb6f07cb8ad5c0bfc7fa3de994d618
///
/// Connections are encrypted. A client that pins the key, as `ping --connect --server-key` does, also
/// authenticates the server. With --key the key is the same after every restart.
///
/// Ctrl-C or SIGTERM ends the server: it disconnects all peers, which takes up to 250 ms, and prints
/// the totals.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Address to listen on: a host and a port. Port 0 takes any free port; `0.0.0.0` listens on all
    /// IPv4 networks of this machine, `[::]` on all IPv4 and IPv6 networks
    #[arg(default_value = address::DEFAULT)]
    address: String,

    /// Ticks per second, up to 1000; 0 answers at once
    #[arg(long, value_name = "HZ", default_value = "60",
          value_parser = value_parser!(u32).range(..=TICK_MAX), allow_negative_numbers = true)]
    tick: u32,

    /// Time between two lines of rates and losses, such as 500ms or 10s; 0s prints none
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time::parse,
          allow_hyphen_values = true)]
    interval: Duration,

    /// Maximum number of connected peers, up to 65536. Further clients are refused: the server is full
    #[arg(long, value_name = "N", default_value_t = Config::default().peers_max,
          value_parser = RangedU64ValueParser::<usize>::new().range(..=PEERS_MAX as u64),
          allow_negative_numbers = true)]
    peers_max: usize,

    /// Protocol id, a number: clients with another one are refused
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t,
        allow_negative_numbers = true
    )]
    protocol_id: ProtocolId,

    #[command(flatten)]
    security: SecurityOptions,

    #[command(flatten)]
    admission: AdmissionOptions,

    #[command(flatten)]
    link: LinkOptions,
}

/// Runs until a signal arrives or standard output is closed.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    // Everything that can be wrong with the options comes before the bind.
    let conditions = options.link.conditions()?;
    let is_link_simulated = conditions.is_some();
    let verifier = options.admission.verifier()?;
    let socket = address::bind(&options.address)?;
    let config = Config {
        peers_max: options.peers_max,
        ..options.security.config(options.protocol_id)?
    };
    let mut host = Host::with_socket(socket, config)
        .map_err(|error| CliError::cannot("serve")(error.into()))?;
    options.admission.install(verifier.clone(), &mut host);
    host.set_link_conditions(conditions)
        .map_err(CliError::usage)?;
    let waker = host.waker().map_err(CliError::cannot("wait"))?;
    let mut output = Output::new();
    output.line(format_args!("listening on {}", host.local_addr()))?;
    output.line(options.security.describe(host.public_key()))?;
    if is_link_simulated {
        output.line(options.link.describe())?;
    }
    let server = Server {
        stop: StopSignal::on_signal(waker)?,
        output,
        peers: Peers::default(),
        verifier,
        echo: Echo::default(),
        tick: (options.tick > 0).then(|| Ticker::hz(options.tick)),
        report: (!options.interval.is_zero()).then(|| Report::every(options.interval)),
        host,
    };
    server.run()
}

struct Server {
    host: Host,
    stop: StopSignal,
    output: Output,
    peers: Peers,
    verifier: Option<Verifier>,
    echo: Echo,
    /// `None`: messages are answered at once.
    tick: Option<Ticker>,
    report: Option<Report>,
}

impl Server {
    fn run(mut self) -> Result<(), CliError> {
        while !self.stop.is_requested() {
            self.wait()?;
            self.handle_events()?;
            self.reply_if_due()?;
            self.report_if_due()?;
        }
        self.output.leave_typed_line()?;
        // Before the shutdown: afterwards the host has no statistics of the peers.
        self.peers.refresh_all(&self.host);
        self.host.shutdown(NORMAL_CLOSE);
        self.handle_events()?;
        while !self.host.is_shut_down() {
            self.wait_until(None)?;
            self.handle_events()?;
        }
        self.output.line(self.counters().totals())?;
        self.output.flush()
    }

    /// Until an event, the tick or the next line of rates.
    fn wait(&mut self) -> Result<(), CliError> {
        let report = self.report.as_ref().map(|report| &report.ticker);
        let tickers = [self.tick.as_ref(), report];
        let deadline = tickers.into_iter().flatten().map(Ticker::deadline).min();
        self.wait_until(deadline)
    }

    fn wait_until(&mut self, deadline: Option<Instant>) -> Result<(), CliError> {
        self.output.flush()?;
        let waited = match deadline {
            Some(time) => self.host.wait_until(time),
            None => self.host.wait(None),
        };
        waited.map_err(CliError::cannot("wait for peers"))
    }

    fn handle_events(&mut self) -> Result<(), CliError> {
        while let Some(event) = self.host.next_event() {
            match event {
                Event::Connected {
                    peer,
                    address,
                    payload,
                    ..
                } => self.on_connected(peer, address, &payload)?,
                Event::Moved { peer, address, .. } => {
                    let line = self.peers.on_moved(peer, address);
                    self.output.line(line)?;
                }
                Event::Disconnected { peer, reason, .. } => {
                    let line = self.peers.on_disconnected(peer, reason, Instant::now());
                    self.output.line(line)?;
                }
                Event::Message {
                    peer,
                    delivery,
                    bytes,
                    ..
                } => {
                    // It may be the last message: after a disconnect the host has no statistics.
                    self.peers.refresh(&self.host, peer);
                    self.echo.on_message(peer, delivery, bytes);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn on_connected(
        &mut self,
        peer: PeerId,
        address: SocketAddr,
        payload: &[u8],
    ) -> Result<(), CliError> {
        let line = self.peers.on_connected(peer, address, Instant::now());
        let Some(verifier) = &self.verifier else {
            return self.output.line(line);
        };
        match admission::redeem(verifier, payload) {
            Ok(player) => self.output.line(format_args!("{line} as {player}")),
            Err(error) => {
                self.host.disconnect(peer, code_of(error));
                self.output
                    .line(format_args!("{line}, disconnected: {error}"))
            }
        }
    }

    fn reply_if_due(&mut self) -> Result<(), CliError> {
        if let Some(ticker) = &mut self.tick {
            // Missed ticks are not caught up: one answers all pending messages.
            if ticker.steps_due(Instant::now()) == 0 {
                return Ok(());
            }
        }
        self.echo.send_replies(&mut self.host);
        self.host.flush().map_err(CliError::cannot("send"))
    }

    fn report_if_due(&mut self) -> Result<(), CliError> {
        let now = Instant::now();
        let is_due = |report: &mut Report| report.ticker.steps_due(now) > 0;
        if !self.report.as_mut().is_some_and(is_due) {
            return Ok(());
        }
        self.peers.refresh_all(&self.host);
        let (counters, connected) = (self.counters(), self.host.stats().peers);
        match &mut self.report {
            Some(report) => report.print(counters, connected, now, &mut self.output),
            None => Ok(()),
        }
    }

    fn counters(&self) -> Counters {
        let (host, socket) = (self.host.stats(), self.host.socket_stats());
        Counters::new(&host, &socket, &self.peers, &self.echo)
    }
}

/// The state of the line that is printed once per interval.
struct Report {
    ticker: Ticker,
    printed_at: Instant,
    before: Counters,
}

impl Report {
    fn every(interval: Duration) -> Self {
        Self {
            ticker: Ticker::every(interval),
            printed_at: Instant::now(),
            before: Counters::default(),
        }
    }

    /// Prints what was counted since the last line, unless that is nothing.
    fn print(
        &mut self,
        counters: Counters,
        connected: usize,
        now: Instant,
        output: &mut Output,
    ) -> Result<(), CliError> {
        let since = counters.since(&std::mem::replace(&mut self.before, counters));
        // Not the interval: the process may have been stopped for longer.
        let time = now.duration_since(std::mem::replace(&mut self.printed_at, now));
        if since == Counters::default() {
            return Ok(());
        }
        output.line(since.progress(connected, time))
    }
}
