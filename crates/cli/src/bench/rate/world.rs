//! A server and its clients behind one bottleneck in each direction, in a simulated network.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use tickwire::sim::{HostId, LinkConditions, LinkId, Network};
use tickwire::{Config, ConnectOptions, Delivery, Event, PeerId};

use super::scenario::{Driven, Scenario};
use crate::bench::percentile;

const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 1);
const TICK: Duration = Duration::from_nanos(1_000_000_000 / 60);

const TRANSFER: Delivery = Delivery::Ordered(1);
const GAME: Delivery = Delivery::Sequenced(1);
const GAME_LEN: usize = 100;
const FLOOD_LEN: usize = 500;

/// What a client sends at a time where it uploads.
const UPLOAD_LEN: usize = 16 << 10;

/// What came of a scenario.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Outcome {
    /// Until the transfers were over, or the time was.
    pub(super) seconds: f64,
    /// What the line could carry in that time.
    pub(super) line_bits: f64,
    /// Bytes of transfers that were delivered, for each client.
    pub(super) transferred: Vec<u64>,
    pub(super) transfers_done: u32,
    /// The same when the first of them had all of its own.
    pub(super) transferred_when_first_done: Vec<u64>,
    /// From the sending of a message of the game to its delivery, sorted.
    pub(super) game_ms: Vec<f64>,
    /// How many were sent to all clients, and as many by them.
    pub(super) game_sent: u32,
    /// How many of theirs the server took.
    pub(super) game_up_delivered: u32,
    /// Bytes of long messages that the clients sent, and the server took.
    pub(super) uploaded: u64,
    pub(super) flood_delivered: u64,
    pub(super) flood_expired: u64,
    pub(super) flood_refused: u64,
    pub(super) lost_to_queue: u64,
    /// The lowest and the highest rate towards a client after the first second, in bits per second.
    pub(super) rate_lowest: Option<u64>,
    pub(super) rate_highest: Option<u64>,
    pub(super) disconnected: u32,
}

struct Client {
    host: HostId,
    peer: PeerId,
    address: SocketAddr,
    /// Of the server.
    name: Option<PeerId>,
    to_send: u32,
    sent: u32,
    next_flood: u64,
}

/// See the [module](self).
pub(super) struct World<'a> {
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
    /// When each message of the game left, by its number.
    game_sent_at: Vec<Instant>,
}

type Made<T> = Result<T, Box<dyn std::error::Error>>;

pub(super) fn run(scenario: &Scenario, config: &Config, seed: u64) -> Made<Outcome> {
    let mut world = World::new(scenario, config, seed)?;
    world.connect()?;
    world.play()?;
    Ok(world.finish())
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, config: &Config, seed: u64) -> Made<Self> {
        let mut network = Network::new(seed);
        let config = Config {
            rate_ceiling: scenario.rate_ceiling,
            ..config.clone()
        };
        let server = network.add_host_with(config.clone(), SERVER.into(), [1; 32])?;
        let down = network.add_link(scenario.down.clone(), 2 * seed)?;
        let up = network.add_link(scenario.up.clone(), 2 * seed + 1)?;
        let mut clients = Vec::new();
        for number in 0..scenario.clients {
            let client = Client::new(scenario, &config, number, &mut network, server)?;
            network.set_route(server, client.host, down);
            network.set_route(client.host, server, up);
            clients.push(client);
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
                rate_lowest: None,
                ..Outcome::default()
            },
            transfer: vec![3; scenario.transfer_len],
            game_sent_at: Vec::new(),
        })
    }

    fn connect(&mut self) -> Made<()> {
        while self.clients.iter().any(|client| client.name.is_none()) {
            self.turn();
            self.transmit();
            if self.passed() > Duration::from_secs(30) {
                return Err("the line is too bad to connect through".into());
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
                self.look_at_rates();
            }
            self.send_transfers();
            self.transmit();
            let next = self.next_turn();
            self.pass(next);
            self.turn();
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let wanted = self.scenario.transfers * u32::try_from(self.clients.len()).unwrap_or(0);
        wanted > 0 && self.outcome.transfers_done >= wanted
    }

    fn change_line(&mut self) -> Made<()> {
        let Some((after, rate)) = self.scenario.changes else {
            return Ok(());
        };
        let passed = self.passed();
        let is_changed = passed >= after && passed < 2 * after;
        let rate = if is_changed {
            Some(rate)
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
        let flood_per_tick = self.scenario.flood / 8 / 60;
        for client in &mut self.clients {
            let Some(name) = client.name else { continue };
            if self.scenario.has_game {
                let _ = self.network.send(self.server, name, GAME, &game);
                let _ = self.network.send(client.host, client.peer, GAME, &game);
                self.outcome.game_sent += 1;
            }
            client.next_flood += flood_per_tick;
            while client.next_flood >= FLOOD_LEN as u64 {
                client.next_flood -= FLOOD_LEN as u64;
                let sent =
                    self.network
                        .send(self.server, name, Delivery::Unreliable, &[2; FLOOD_LEN]);
                self.outcome.flood_refused += u64::from(sent.is_err());
            }
        }
        if self.scenario.has_game {
            self.game_sent_at.push(self.network.now());
        }
    }

    /// As much as there is room for.
    fn send_transfers(&mut self) {
        if self.scenario.has_uploads {
            for client in &mut self.clients {
                let upload = &self.transfer[..UPLOAD_LEN];
                let network = &mut self.network;
                while network
                    .send(client.host, client.peer, TRANSFER, upload)
                    .is_ok()
                {}
            }
        }
        for client in &mut self.clients {
            let Some(name) = client.name else { continue };
            while client.sent < client.to_send
                && self
                    .network
                    .send(self.server, name, TRANSFER, &self.transfer)
                    .is_ok()
            {
                client.sent += 1;
            }
        }
    }

    fn look_at_rates(&mut self) {
        if self.passed() < Duration::from_secs(1) {
            return;
        }
        for client in &self.clients {
            let stats = client
                .name
                .and_then(|name| self.network.peer_stats(self.server, name));
            if let Some(stats) = stats {
                let outcome = &mut self.outcome;
                let lowest = outcome
                    .rate_lowest
                    .map_or(stats.pacing_rate, |rate| rate.min(stats.pacing_rate));
                outcome.rate_lowest = Some(lowest);
                outcome.rate_highest = outcome.rate_highest.max(Some(stats.pacing_rate));
            }
        }
    }

    /// When the next host has a turn: at its next event, or at the next tick.
    fn next_turn(&self) -> Instant {
        if self.scenario.driven == Driven::ByTicks {
            return self.next_tick;
        }
        let next = self.network.next_event();
        next.map_or(self.next_tick, |at| at.min(self.next_tick))
    }

    fn passed(&self) -> Duration {
        self.network.now() - self.start
    }

    #[allow(clippy::cast_precision_loss, reason = "a few gigabits")]
    fn pass(&mut self, to: Instant) {
        let now = self.network.now();
        let passed = to.saturating_duration_since(now);
        if let Some(rate) = self.network.conditions(self.down).rate {
            self.outcome.line_bits += rate as f64 * passed.as_secs_f64();
        }
        self.network.advance_to(to.max(now));
    }

    fn turn(&mut self) {
        for host in self.network.hosts() {
            self.network.receive(host);
        }
        self.take_events();
        // A game that flushes sends everything with that: see `Host::receive`.
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
                let mut clients = self.clients.iter_mut();
                if let Some(client) = clients.find(|client| client.address == *address) {
                    client.name = Some(*peer);
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
                let sent = bytes
                    .first_chunk()
                    .map(|number| u32::from_be_bytes(*number));
                let sent_at = sent.and_then(|sent| self.game_sent_at.get(sent as usize));
                let took = sent_at.map(|at| (self.network.now() - *at).as_secs_f64() * 1e3);
                self.outcome.game_ms.extend(took);
            }
            _ => self.outcome.flood_delivered += 1,
        }
    }

    fn on_transferred(&mut self, number: usize, bytes: u64) {
        let all = u64::from(self.scenario.transfers) * self.scenario.transfer_len as u64;
        let outcome = &mut self.outcome;
        outcome.transfers_done += 1;
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
        for client in &self.clients {
            let stats = client
                .name
                .and_then(|name| self.network.peer_stats(self.server, name));
            self.outcome.flood_expired += stats.map_or(0, |stats| stats.messages_expired);
        }
        self.outcome.game_ms.sort_by(f64::total_cmp);
        self.outcome
    }
}

impl Client {
    fn new(
        scenario: &Scenario,
        config: &Config,
        number: usize,
        network: &mut Network,
        server: HostId,
    ) -> Made<Self> {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let address = ([192, 0, 2, 2], u16::try_from(number + 1)?).into();
        let host = network.add_host_with(config.clone(), address, seed)?;
        let peer = network.connect(host, server, &ConnectOptions::default())?;
        Ok(Self {
            host,
            peer,
            address,
            name: None,
            to_send: scenario.transfers,
            sent: 0,
            next_flood: 0,
        })
    }
}

impl Outcome {
    /// The latency of the game that this share of its messages does not exceed (nearest rank).
    pub(super) fn game_percentile(&self, percent: f64) -> Option<f64> {
        percentile::of_sorted(&self.game_ms, percent)
    }

    /// How evenly the transfers shared the line until one of them was over: 1 where all had the same, 1/n
    /// where one had everything (Jain, Chiu and Hawe, 1984). None where nobody had anything.
    #[allow(clippy::cast_precision_loss, reason = "a few megabytes")]
    pub(super) fn fairness(&self) -> Option<f64> {
        let until_first = &self.transferred_when_first_done;
        let shares = if until_first.is_empty() {
            &self.transferred
        } else {
            until_first
        };
        let shares: Vec<f64> = shares.iter().map(|bytes| *bytes as f64).collect();
        let sum: f64 = shares.iter().sum();
        let squares: f64 = shares.iter().map(|share| share * share).sum();
        (sum > 0.0).then(|| sum * sum / (shares.len() as f64 * squares))
    }

    /// What the transfers had of the line.
    #[allow(clippy::cast_precision_loss, reason = "a few megabytes")]
    pub(super) fn share(&self) -> f64 {
        let bits = self.transferred.iter().sum::<u64>() as f64 * 8.0;
        bits / self.line_bits
    }
}
