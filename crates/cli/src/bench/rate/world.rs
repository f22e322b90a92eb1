//! A server and its clients behind one bottleneck in each direction, in a simulated network.

use std::error::Error;
use std::time::{Duration, Instant};

use serde::Serialize;
use tickwire::sim::{HostId, LinkConditions, LinkId, Network};
use tickwire::{Config, ConnectOptions, Delivery, Event, PeerId, PeerStats};

use super::scenario::{Driven, Scenario};
use crate::bench::distribution::Distribution;

const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 1);
const TICK: Duration = Duration::from_nanos(1_000_000_000 / 60);

const TRANSFER: Delivery = Delivery::Ordered(1);
const GAME: Delivery = Delivery::Sequenced(1);
const GAME_LEN: usize = 100;
const FLOOD_LEN: u16 = 500;

/// Length of an uploaded message.
const UPLOAD_LEN: usize = 16 << 10;

/// Decimals of the game's latencies in milliseconds.
const UNIT: Duration = Duration::from_nanos(100);
const DIGITS: u8 = 5;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Outcome {
    /// Duration of the transfers, at most the maximum.
    pub(super) seconds: f64,
    /// Capacity of the link in that time.
    line_bits: f64,
    /// Delivered bytes of the transfers, per client.
    transferred: Vec<u64>,
    /// As `transferred`, when the first client was complete.
    transferred_when_first_done: Vec<u64>,
    /// Latency of game messages from send to delivery.
    #[serde(skip)]
    pub(super) game: Distribution,
    /// Game messages sent to all clients; the clients send the same number.
    pub(super) game_sent: u64,
    /// Game messages that the server received.
    pub(super) game_up_delivered: u64,
    /// Uploaded bytes that the server received.
    uploaded: u64,
    flood_delivered: u64,
    pub(super) flood_expired: u64,
    pub(super) flood_refused: u64,
    pub(super) lost_to_queue: u64,
    /// Lowest and highest pacing rate to a client after the first second, in bits per second.
    pub(super) rate_lowest: Option<u64>,
    pub(super) rate_highest: Option<u64>,
    disconnected: u32,
}

struct Client {
    host: HostId,
    /// The server.
    peer: PeerId,
    /// The client's id at the server, once connected.
    at_server: Option<PeerId>,
    sent: u32,
    /// Due bytes of the flood.
    flood: u64,
}

/// See the [module](self).
struct World<'a> {
    scenario: &'a Scenario,
    start: Instant,
    next_tick: Instant,
    network: Network,
    server: HostId,
    clients: Vec<Client>,
    /// From the server to every client.
    down: LinkId,
    outcome: Outcome,
    transfer: Vec<u8>,
    /// Send times of the game messages, by number.
    game_sent_at: Vec<Instant>,
}

type Made<T> = Result<T, Box<dyn Error>>;

pub(super) fn run(scenario: &Scenario, seed: u64) -> Made<Outcome> {
    let mut world = World::new(scenario, seed)?;
    world.connect()?;
    world.play()?;
    Ok(world.finish())
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, seed: u64) -> Made<Self> {
        let mut network = Network::new(seed);
        let config = Config {
            rate_ceiling: scenario.rate_ceiling,
            ..Config::plain(0)
        };
        let server = network.add_host_with(config.clone(), SERVER.into(), [1; 32])?;
        let down = network.add_link(scenario.down.clone(), 2 * seed)?;
        let up = network.add_link(scenario.up.clone(), 2 * seed + 1)?;
        let mut clients = Vec::new();
        for number in 0..scenario.clients {
            let mut seed = [9; 32];
            seed[..8].copy_from_slice(&number.to_be_bytes());
            let address = ([192, 0, 2, 2], u16::try_from(number + 1)?).into();
            let host = network.add_host_with(config.clone(), address, seed)?;
            network.set_route(server, host, down);
            network.set_route(host, server, up);
            clients.push(Client {
                host,
                peer: network.connect(host, server, &ConnectOptions::default())?,
                at_server: None,
                sent: 0,
                flood: 0,
            });
        }
        Ok(Self {
            scenario,
            start: network.start(),
            next_tick: network.start(),
            network,
            server,
            clients,
            down,
            outcome: Outcome {
                transferred: vec![0; scenario.clients],
                game: Distribution::new(UNIT, DIGITS),
                ..Outcome::default()
            },
            transfer: vec![3; scenario.transfer_len],
            game_sent_at: Vec::new(),
        })
    }

    fn connect(&mut self) -> Made<()> {
        while self.clients.iter().any(|client| client.at_server.is_none()) {
            self.turn();
            self.transmit();
            if self.passed() > Duration::from_secs(30) {
                return Err("the link loses too many datagrams to connect".into());
            }
            self.pass(self.network.now() + TICK);
        }
        self.start = self.network.now();
        self.next_tick = self.start;
        self.outcome.line_bits = 0.0;
        Ok(())
    }

    fn play(&mut self) -> Made<()> {
        let end = self.start + self.scenario.time_max;
        while self.network.now() < end && !self.is_done() {
            self.change_line()?;
            if self.network.now() >= self.next_tick {
                self.next_tick += TICK;
                self.send_tick();
                self.observe_rates();
            }
            self.send_transfers();
            self.transmit();
            self.pass(self.next_turn());
            self.turn();
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let of_all = self.transfer_bytes() * self.clients.len() as u64;
        of_all > 0 && self.outcome.transferred.iter().sum::<u64>() >= of_all
    }

    /// Bytes of the transfers to one client.
    fn transfer_bytes(&self) -> u64 {
        u64::from(self.scenario.transfers) * self.transfer.len() as u64
    }

    fn change_line(&mut self) -> Made<()> {
        let Some((after, changed)) = self.scenario.changes else {
            return Ok(());
        };
        let is_changed = (after..2 * after).contains(&self.passed());
        let rate = if is_changed {
            Some(changed)
        } else {
            self.scenario.down.rate
        };
        if self.network.conditions(self.down).rate != rate {
            let conditions = LinkConditions {
                rate,
                ..self.scenario.down.clone()
            };
            self.network.set_conditions(self.down, conditions)?;
        }
        Ok(())
    }

    fn send_tick(&mut self) {
        let number = u32::try_from(self.game_sent_at.len()).unwrap_or(u32::MAX);
        let mut game = number.to_be_bytes().to_vec();
        game.resize(GAME_LEN, 1);
        let (network, server) = (&mut self.network, self.server);
        for client in &mut self.clients {
            let Some(peer) = client.at_server else {
                continue;
            };
            // A rejected message counts as lost.
            let _ = network.send(server, peer, GAME, &game);
            let _ = network.send(client.host, client.peer, GAME, &game);
            self.outcome.game_sent += 1;
            client.flood += self.scenario.flood / 8 / 60;
            while client.flood >= FLOOD_LEN.into() {
                client.flood -= u64::from(FLOOD_LEN);
                let flood = [2; FLOOD_LEN as usize];
                let sent = network.send(server, peer, Delivery::Unreliable, &flood);
                self.outcome.flood_refused += u64::from(sent.is_err());
            }
        }
        self.game_sent_at.push(network.now());
    }

    /// Fills the queue.
    fn send_transfers(&mut self) {
        let network = &mut self.network;
        let mut fits = |from, to, message: &[u8]| network.send(from, to, TRANSFER, message).is_ok();
        if self.scenario.has_uploads {
            for client in &self.clients {
                while fits(client.host, client.peer, &self.transfer[..UPLOAD_LEN]) {}
            }
        }
        for client in &mut self.clients {
            let Some(peer) = client.at_server else {
                continue;
            };
            while client.sent < self.scenario.transfers && fits(self.server, peer, &self.transfer) {
                client.sent += 1;
            }
        }
    }

    fn stats(&self) -> impl Iterator<Item = PeerStats> + '_ {
        let peers = self.clients.iter().filter_map(|client| client.at_server);
        peers.filter_map(|peer| self.network.peer_stats(self.server, peer))
    }

    fn observe_rates(&mut self) {
        if self.passed() < Duration::from_secs(1) {
            return;
        }
        let rates: Vec<_> = self.stats().map(|stats| stats.pacing_rate).collect();
        let outcome = &mut self.outcome;
        let known = |rate: Option<u64>| rate.into_iter().chain(rates.iter().copied());
        outcome.rate_lowest = known(outcome.rate_lowest).min();
        outcome.rate_highest = known(outcome.rate_highest).max();
    }

    fn next_turn(&self) -> Instant {
        let next = match self.scenario.driven {
            Driven::ByTicks => None,
            Driven::ByDeadlines => self.network.next_event(),
        };
        next.map_or(self.next_tick, |at| at.min(self.next_tick))
    }

    fn passed(&self) -> Duration {
        self.network.now() - self.start
    }

    fn pass(&mut self, to: Instant) {
        let now = self.network.now();
        let rate = self.network.conditions(self.down).rate.unwrap_or(0);
        let passed = to.saturating_duration_since(now);
        self.outcome.line_bits += rate as f64 * passed.as_secs_f64();
        self.network.advance_to(to.max(now));
    }

    fn turn(&mut self) {
        for host in self.network.hosts() {
            self.network.receive(host);
        }
        self.take_events();
        // A game sends with `flush`, see `Host::receive`.
        if self.scenario.driven == Driven::ByDeadlines {
            self.transmit();
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.network.host_mut(self.server).poll_event() {
            self.on_server_event(&event);
        }
        for number in 0..self.clients.len() {
            let host = self.clients[number].host;
            while let Some(event) = self.network.host_mut(host).poll_event() {
                if let Event::Message {
                    delivery, bytes, ..
                } = event
                {
                    self.on_message_to_client(number, delivery, &bytes);
                }
            }
        }
    }

    fn on_server_event(&mut self, event: &Event) {
        match event {
            Event::Connected { peer, address, .. } => {
                let host = self.network.host_at(*address);
                let mut clients = self.clients.iter_mut();
                if let Some(client) = clients.find(|client| Some(client.host) == host) {
                    client.at_server = Some(*peer);
                }
            }
            Event::Disconnected { .. } => self.outcome.disconnected += 1,
            Event::Message {
                delivery: TRANSFER,
                bytes,
                ..
            } => self.outcome.uploaded += bytes.len() as u64,
            Event::Message { .. } => self.outcome.game_up_delivered += 1,
            _ => {}
        }
    }

    fn on_message_to_client(&mut self, number: usize, delivery: Delivery, bytes: &[u8]) {
        match delivery {
            TRANSFER => self.on_transferred(number, bytes.len() as u64),
            GAME => {
                let sent = bytes.first_chunk().map(|sent| u32::from_be_bytes(*sent));
                let sent_at = sent.and_then(|sent| self.game_sent_at.get(sent as usize));
                if let Some(sent_at) = sent_at {
                    self.outcome.game.record(self.network.now() - *sent_at);
                }
            }
            _ => self.outcome.flood_delivered += 1,
        }
    }

    fn on_transferred(&mut self, number: usize, bytes: u64) {
        let all = self.transfer_bytes();
        let outcome = &mut self.outcome;
        outcome.transferred[number] += bytes;
        let is_first = outcome.transferred_when_first_done.is_empty();
        if is_first && outcome.transferred[number] >= all {
            outcome.transferred_when_first_done = outcome.transferred.clone();
        }
    }

    fn transmit(&mut self) {
        for host in self.network.hosts() {
            self.network.transmit(host);
        }
    }

    fn finish(mut self) -> Outcome {
        self.outcome.seconds = self.passed().as_secs_f64();
        self.outcome.lost_to_queue = self.network.link_stats(self.down).lost_to_queue;
        self.outcome.flood_expired = self.stats().map(|stats| stats.messages_expired).sum();
        self.outcome
    }
}

impl Outcome {
    /// Fairness of the transfers until the first was complete: 1 for equal shares, 1/n if one
    /// client had everything (Jain, Chiu and Hawe, 1984). `None` if nothing was transferred.
    pub(super) fn fairness(&self) -> Option<f64> {
        let until_first = &self.transferred_when_first_done;
        let shares = if until_first.is_empty() {
            &self.transferred
        } else {
            until_first
        };
        let sum: f64 = shares.iter().map(|&bytes| bytes as f64).sum();
        let squares: f64 = shares.iter().map(|&bytes| (bytes as f64).powi(2)).sum();
        (sum > 0.0).then(|| sum * sum / (shares.len() as f64 * squares))
    }

    /// Share of the capacity that the transfers used.
    pub(super) fn share(&self) -> f64 {
        self.transferred.iter().sum::<u64>() as f64 * 8.0 / self.line_bits
    }
}
