//! `tickwire serve`: a headless server of connections that answers what it is sent.
//!
//! Here are the options and the loop around the host. `echo` is the game that it plays, `peers` who
//! is there, `door` who is let in, `protection` how packets are protected, `counts` what happened and how that is told, `bad_network` what a
//! network may do to it.

mod bad_network;
mod counts;
mod door;
mod echo;
mod peers;
mod protection;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::limits::{PEERS_DEFAULT, PEERS_MAX};
use tickwire::{Config, Event, Host, PeerId, Ticker};

use self::bad_network::BadNetwork;
use self::counts::{Counts, Progress, Totals};
use self::door::{Door, DoorOptions, Welcome};
use self::echo::Echo;
use self::peers::Peers;
use self::protection::ProtectionOptions;
use crate::address;
use crate::agreement::{GOODBYE, ProtocolId, code_of};
use crate::failure::Failure;
use crate::output::Output;
use crate::signals::Stop;
use crate::time;

/// The fastest tick: beyond it a tick is shorter than what a process oversleeps.
const TICK_MAX: u32 = 1000;

/// Serves connections, and answers every message with itself
///
/// It tells who comes, who goes and why:
///
///   peer 0v0 connected from 127.0.0.1:54321
///   peer 0v0 from 127.0.0.1:54321 gone after 12.345 s: disconnected by the peer, code 0
///
/// The name of a peer is its place in the server and how many had that place before. Once an
/// interval, if any datagram came or left in it, one line says what happened:
///
///   1 peers; in 60 messages/s, 60 datagrams/s; out 60 messages/s, 61 datagrams/s; nothing lost
///
/// What was lost is told by its place: "on the network" were packets that their peer has not
/// acknowledged in time (of somebody who is gone, as far as it was known when it last sent
/// something), "by the kernel" datagrams for which its receive buffer was full, "in the event queue"
/// messages that were not taken in time, "in the send queue" answers for which it was full, "with
/// their peer" answers to somebody who had gone, "by the system" what it refused to send. "turned
/// away" was what came and was not let in, by its kind; who goes says so several times, and what
/// comes after the first is "for no connection" any more.
///
/// With a tick, messages are collected and answered at the next tick, as a game does that steps its
/// world, so a round trip takes up to a tick longer. With --tick 0 there is none: messages are
/// answered at once, and without peers and an interval the process sleeps for good.
///
/// Its second line is the public key that it proves itself with:
///
///   server key 3fa662d09dd6b81e3684fb7375be19fdbafb6f07cb8ad5c0bfc7fa3de994d618
///
/// The connections are encrypted. Who pins that key, as `ping --connect --server-key`, also knows that
/// it is this server and nobody in between. With --key it is the same with every start.
///
/// Ctrl-C or SIGTERM end it: every peer is told, which takes up to a quarter of a second, and the
/// last line is the totals.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Where to listen: a host and a port. Port 0 takes any that is free; `0.0.0.0` listens on all
    /// networks of this machine, `[::]` on all with both IPv4 and IPv6
    #[arg(default_value = address::DEFAULT)]
    address: String,

    /// How many ticks a second, up to 1000; 0 answers at once
    #[arg(long, value_name = "HZ", default_value = "60", value_parser = tick,
          allow_negative_numbers = true)]
    tick: u32,

    /// How often to tell what happened, such as 500ms or 10s; 0s never does
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time::parse,
          allow_hyphen_values = true)]
    interval: Duration,

    /// How many peers there may be, up to 65536. Who comes then is told that the server is full
    #[arg(long, value_name = "N", default_value_t = PEERS_DEFAULT, value_parser = peers_max,
          allow_negative_numbers = true)]
    peers_max: usize,

    /// What both sides must have in common, a number; who has another one is told so
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t,
        allow_negative_numbers = true
    )]
    protocol_id: ProtocolId,

    #[command(flatten)]
    protection: ProtectionOptions,

    #[command(flatten)]
    door: DoorOptions,

    #[command(flatten)]
    bad_network: BadNetwork,
}

fn tick(text: &str) -> Result<u32, String> {
    let tick = text.parse().ok().filter(|tick| *tick <= TICK_MAX);
    tick.ok_or_else(|| format!("0 to {TICK_MAX} ticks fit into a second"))
}

fn peers_max(text: &str) -> Result<usize, String> {
    let peers = text.parse().ok().filter(|peers| *peers <= PEERS_MAX);
    peers.ok_or_else(|| format!("0 to {PEERS_MAX} peers fit into a server"))
}

/// Runs until a signal comes or nobody reads the output any more.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (mut host, door) = open(options)?;
    let waker = host.waker().map_err(Failure::cannot("wait"))?;
    let server = Server {
        stop: Stop::on_signal(waker)?,
        output: Output::new(),
        peers: Peers::default(),
        door,
        echo: Echo::default(),
        tick: (options.tick > 0).then(|| Ticker::hz(options.tick)),
        report: (!options.interval.is_zero()).then(|| Report::every(options.interval)),
        host,
    };
    server.run(options)
}

fn open(options: &Options) -> Result<(Host, Door), Failure> {
    let conditions = options.bad_network.conditions()?;
    let door = options.door.build()?;
    let socket = address::bind(&options.address)?;
    let config = Config {
        peers_max: options.peers_max,
        ..options.protection.config(options.protocol_id)?
    };
    let mut host = Host::with_socket(socket, config)
        .map_err(|error| Failure::cannot("serve")(error.into()))?;
    options.door.hang(&door, &mut host);
    host.set_link_conditions(conditions)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    Ok((host, door))
}

struct Server {
    host: Host,
    stop: Stop,
    output: Output,
    peers: Peers,
    door: Door,
    echo: Echo,
    /// Without one, messages are answered at once.
    tick: Option<Ticker>,
    report: Option<Report>,
}

impl Server {
    fn run(mut self, options: &Options) -> Result<(), Failure> {
        let address = self.host.local_addr();
        self.output.line(format_args!("listening on {address}"))?;
        let key = self.host.public_key();
        self.output.line(options.protection.tell(key))?;
        if options.bad_network.is_bad() {
            self.output.line(&options.bad_network)?;
        }
        while !self.stop.is_requested() {
            self.output.flush()?;
            self.sleep()?;
            self.take_events()?;
            self.answer_if_due()?;
            self.report_if_due()?;
        }
        self.output.leave_typed_line()?;
        // While the peers are there to be asked.
        self.peers.look_at_all(&self.host);
        self.say_goodbye()?;
        self.output.line(Totals(self.counts()))?;
        self.output.flush()
    }

    /// Until something happens, the tick, or the next line.
    fn sleep(&mut self) -> Result<(), Failure> {
        let report = self.report.as_ref().map(|report| &report.ticker);
        let tickers = [self.tick.as_ref(), report];
        let deadline = tickers.into_iter().flatten().map(Ticker::deadline).min();
        let slept = match deadline {
            Some(time) => self.host.wait_until(time),
            None => self.host.wait(None),
        };
        slept.map_err(Failure::cannot("wait for peers"))
    }

    fn take_events(&mut self) -> Result<(), Failure> {
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
                    // It may be its last, and who is gone cannot be asked any more.
                    self.peers.look_at(&self.host, peer);
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
    ) -> Result<(), Failure> {
        let line = self.peers.on_connected(peer, address, Instant::now());
        match self.door.on_connected(payload) {
            Welcome::Anybody => self.output.line(line),
            Welcome::Player(player) => self.output.line(format_args!("{line} as {player}")),
            Welcome::TurnedAway(error) => {
                self.host.disconnect(peer, code_of(error));
                self.output
                    .line(format_args!("{line}, and is sent away: {error}"))
            }
        }
    }

    fn answer_if_due(&mut self) -> Result<(), Failure> {
        if let Some(ticker) = &mut self.tick {
            // However many were missed: what waits is answered once.
            if ticker.steps_due(Instant::now()) == 0 {
                return Ok(());
            }
        }
        self.echo.answer(&mut self.host);
        self.host.flush().map_err(Failure::cannot("send"))
    }

    fn report_if_due(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        let Some(report) = &mut self.report else {
            return Ok(());
        };
        if report.ticker.steps_due(now) == 0 {
            return Ok(());
        }
        self.peers.look_at_all(&self.host);
        let counts = self.counts();
        let peers = self.host.stats().peers;
        match self.progress(peers, counts, now) {
            Some(progress) => self.output.line(progress),
            None => Ok(()),
        }
    }

    /// What happened since the last look; `None` if nothing did.
    fn progress(&mut self, peers: usize, counts: Counts, now: Instant) -> Option<Progress> {
        let report = self.report.as_mut()?;
        let since = counts.since(&std::mem::replace(&mut report.before, counts));
        // Not the interval: a process can be stopped for longer.
        let time = now.duration_since(std::mem::replace(&mut report.looked_at, now));
        (since != Counts::default()).then_some(Progress { peers, since, time })
    }

    fn counts(&self) -> Counts {
        Counts::of(
            &self.host.stats(),
            &self.host.socket_stats(),
            &self.peers,
            &self.echo,
        )
    }

    /// Every peer is told, until it has said that it knows or will not.
    fn say_goodbye(&mut self) -> Result<(), Failure> {
        self.host.shutdown(GOODBYE);
        self.take_events()?;
        while !self.host.is_shut_down() {
            self.output.flush()?;
            self.host
                .wait(None)
                .map_err(Failure::cannot("wait for peers"))?;
            self.take_events()?;
        }
        Ok(())
    }
}

/// What is needed to say how much happened since the last line.
struct Report {
    ticker: Ticker,
    looked_at: Instant,
    before: Counts,
}

impl Report {
    fn every(interval: Duration) -> Self {
        Self {
            ticker: Ticker::every(interval),
            looked_at: Instant::now(),
            before: Counts::default(),
        }
    }
}
