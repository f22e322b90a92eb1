//! `tickwire serve`: a headless server that echoes every message.
//!
//! This file has the options and the loop around the host.

mod admission;
mod counters;
mod echo;
mod event;
mod link_options;
mod peers;
mod security;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::limits::PEERS_MAX;
use tickwire::token::Verifier;
use tickwire::{Config, Event, Host, PeerId, Ticker};

use self::admission::AdmissionOptions;
use self::counters::Counters;
use self::echo::Echo;
use self::event::ServeEvent;
use self::link_options::LinkOptions;
use self::peers::Peers;
use self::security::SecurityOptions;
use crate::address;
use crate::error::CliError;
use crate::number;
use crate::output::Output;
use crate::protocol::{NORMAL_CLOSE, ProtocolId, code_of};
use crate::schedule::until;
use crate::signals::StopSignal;
use crate::time::{self, Millis};

/// In Hz. Shorter ticks are of the order of scheduling delays.
const TICK_RATE_MAX: u64 = 1000;

/// Runs a server that echoes every message
///
/// Connects, disconnects and moves to another address are shown:
///
///   peer 0v0 connected from 127.0.0.1:54321
///   peer 0v0 from 127.0.0.1:54321 gone after 12.345 s: disconnected by the peer, code 0
///
/// A peer id is a slot and the number of its earlier uses. A report shows rates
/// and losses, unless there was no traffic:
///
///   1 peers; in 60 messages/s, 60 datagrams/s; out 60 messages/s, 61 datagrams/s; nothing lost
///
/// Losses are shown by place: "on the network", packets that were not acknowledged
/// in time (of a disconnected peer, as of its last message); "by the kernel",
/// datagrams that did not fit into the receive buffer; "in the event queue",
/// messages that were not taken in time; "in the send queue", replies that did not
/// fit; "with their peer", replies to a disconnected peer; "by the system",
/// datagrams that the system rejected. "rejected" are received datagrams and
/// connection attempts. A disconnecting peer repeats its last packet, and the
/// copies count as "for an unknown connection".
///
/// With a tick, messages are collected and echoed at the next tick, as in a game
/// that steps its world. This adds up to one tick to the round trip. With
/// --tick-rate 0 they are echoed at once; with --report-interval 0s as well, a
/// server without traffic only sleeps.
///
/// The second line has the public key of the server, which clients pin with `ping
/// --connect --server-key`:
///
///   server key 3fa662d09dd6b81e3684fb7375be19fdbafb6f07cb8ad5c0bfc7fa3de994d618
///
/// Ctrl-C or SIGTERM ends the server: it disconnects all peers, which takes up to
/// 250 ms, and prints the totals.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = include_str!("../help/serve.txt"))]
pub(crate) struct Options {
    /// Address to listen on
    #[arg(default_value = address::DEFAULT, long_help = address::LISTEN_HELP)]
    address: String,

    /// Ticks per second; 0 echoes at once
    ///
    /// At most 1000.
    #[arg(long, value_name = "HZ", default_value = "60",
          value_parser = number::between::<u32>(0, TICK_RATE_MAX), allow_negative_numbers = true)]
    tick_rate: u32,

    /// Time between reports; 0s disables them
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time::parse,
          allow_hyphen_values = true)]
    report_interval: Duration,

    /// Connected peers, up to 65536
    ///
    /// Further clients are denied because the server is full.
    #[arg(long, value_name = "N", default_value_t = Config::default().peers_max,
          value_parser = number::between::<usize>(0, PEERS_MAX as u64),
          allow_negative_numbers = true)]
    peers_max: usize,

    /// Protocol id of the clients
    #[arg(long, value_name = "N", default_value_t, allow_negative_numbers = true)]
    protocol_id: ProtocolId,

    /// Prints one JSON object per line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    security: SecurityOptions,

    #[command(flatten)]
    admission: AdmissionOptions,

    #[command(flatten)]
    link: LinkOptions,
}

/// Runs until a signal arrives or standard output is closed.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
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
    let mut output = Output::new(options.json);
    output.event(&ServeEvent::Listening {
        address: host.local_addr(),
        server_key: host.public_key().map(|key| key.to_string()),
        is_key_temporary: !options.security.plain && options.security.key.is_none(),
        simulated_link: is_link_simulated.then(|| options.link.describe()),
    })?;
    let server = Server {
        stop: StopSignal::on_signal(waker)?,
        output,
        peers: Peers::default(),
        verifier,
        echo: Echo::default(),
        tick: (options.tick_rate > 0).then(|| Ticker::hz(options.tick_rate)),
        report: (!options.report_interval.is_zero())
            .then(|| Report::every(options.report_interval)),
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
    /// `None`: messages are echoed at once.
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
        // Before the shutdown, because the host has no statistics of disconnected peers.
        self.peers.refresh_all(&self.host);
        self.host.shutdown(NORMAL_CLOSE);
        self.handle_events()?;
        while !self.host.is_shut_down() {
            self.wait_until(None)?;
            self.handle_events()?;
        }
        self.output.event(&ServeEvent::Summary(self.counters()))?;
        self.output.flush()
    }

    fn wait(&mut self) -> Result<(), CliError> {
        let report = self.report.as_ref().map(|report| &report.ticker);
        let tickers = [self.tick.as_ref(), report];
        let deadline = tickers.into_iter().flatten().map(Ticker::deadline).min();
        self.wait_until(deadline)
    }

    fn wait_until(&mut self, deadline: Option<Instant>) -> Result<(), CliError> {
        self.output.flush()?;
        self.host
            .wait(until(deadline))
            .map_err(CliError::cannot("wait for peers"))
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
                    let moved = self.peers.on_moved(peer, address);
                    moved.map_or(Ok(()), |event| self.output.event(&event))?;
                }
                Event::Disconnected { peer, reason, .. } => {
                    let gone = self.peers.on_disconnected(peer, reason, Instant::now());
                    gone.map_or(Ok(()), |event| self.output.event(&event))?;
                }
                Event::Message {
                    peer,
                    delivery,
                    bytes,
                    ..
                } => {
                    // This may be the last message before the statistics are dropped.
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
        self.peers.on_connected(peer, address, Instant::now());
        let redeemed = self
            .verifier
            .as_ref()
            .map(|verifier| admission::redeem(verifier, payload));
        let (player, error) = match redeemed {
            None => (None, None),
            Some(Ok(player)) => (Some(player), None),
            Some(Err(error)) => (None, Some(error)),
        };
        if let Some(error) = error {
            self.host.disconnect(peer, code_of(error));
        }
        self.output.event(&ServeEvent::Connected {
            peer: peer.to_string(),
            address,
            player,
            refusal: error.map(|error| error.to_string()),
        })
    }

    fn reply_if_due(&mut self) -> Result<(), CliError> {
        if let Some(ticker) = &mut self.tick {
            // One tick echoes all pending messages, including those of missed ticks.
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

/// When the next report is due, and the counters of the last one.
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

    /// Prints what was counted since the last report, unless all counters are zero.
    fn print(
        &mut self,
        counters: Counters,
        connected_peers: usize,
        now: Instant,
        output: &mut Output,
    ) -> Result<(), CliError> {
        let counters = counters.since(&std::mem::replace(&mut self.before, counters));
        // The process may have been stopped for longer than the interval.
        let time = now.duration_since(std::mem::replace(&mut self.printed_at, now));
        if counters == Counters::default() {
            return Ok(());
        }
        output.event(&ServeEvent::Progress {
            connected_peers,
            interval_ms: Millis(time),
            counters,
        })
    }
}
