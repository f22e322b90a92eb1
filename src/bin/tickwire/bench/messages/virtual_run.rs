//! A run on virtual time: hosts without sockets, links, and a clock that jumps from tick to tick. The same
//! seed gives the same figures on every machine.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::proto::{HostState, Link, LinkConditions};
use tickwire::{Config, ConnectOptions, Event, PeerId};

use super::course::{Book, Course, Outcome};
use crate::failure::Failure;

const CLIENT: ([u8; 4], u16) = ([192, 0, 2, 1], 1);
const SERVER: ([u8; 4], u16) = ([192, 0, 2, 2], 2);

/// How long a connection may take to be made, and how long is waited for what is missing at the end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two hosts and what is between them.
struct World {
    now: Instant,
    tick: Duration,
    client: HostState,
    server: HostState,
    to_server: Link<()>,
    to_client: Link<()>,
    peer: PeerId,
}

/// Runs a course.
pub(super) fn run(course: &Course, config: &Config, seed: u64) -> Result<Outcome, Failure> {
    let refused = |text: String| Failure::Refused(text);
    let mut world = World::new(course, config, seed).map_err(|error| refused(error.to_string()))?;
    let mut book = Book::new(course);
    let start = loop {
        let is_connected = world.turn(&mut book);
        if is_connected {
            break world.now;
        }
        if world.client.stats().connecting == 0 && !world.client.is_connected(world.peer) {
            return Err(refused("the link is too bad to connect through".to_owned()));
        }
        world.pass();
    };
    let stats = |world: &World| world.client.peer_stats(world.peer);
    let before = stats(&world);
    while book.sent() < course.messages {
        let message = book.next_message(course.size);
        if world
            .client
            .send(world.peer, course.delivery, &message)
            .is_ok()
        {
            book.on_sent(world.now);
        }
        world.transmit();
        world.pass();
        world.turn(&mut book);
    }
    let seconds = (world.now - start).as_secs_f64();
    let mut outcome = Outcome::default();
    if let (Some(before), Some(after)) = (before, stats(&world)) {
        outcome.bytes = after.bytes_sent - before.bytes_sent;
        outcome.packets = after.packets_sent - before.packets_sent;
    }
    let end = world.now + PATIENCE;
    while !book.has_everything() && world.now < end && stats(&world).is_some() {
        world.transmit();
        world.pass();
        world.turn(&mut book);
    }
    if let Some(after) = stats(&world) {
        outcome.copies = after.copies_sent;
        outcome.copies_useful = after.copies_useful;
        outcome.retransmitted = after.messages_retransmitted;
    }
    Ok(Outcome {
        bytes: outcome.bytes,
        packets: outcome.packets,
        copies: outcome.copies,
        copies_useful: outcome.copies_useful,
        retransmitted: outcome.retransmitted,
        seconds,
        ..book.outcome()
    })
}

impl World {
    fn new(
        course: &Course,
        config: &Config,
        seed: u64,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let now = Instant::now();
        let config = Config {
            redundancy: course.redundancy,
            ..config.clone()
        };
        let link = |number| Link::new(course.conditions.clone(), seed.wrapping_mul(2) + number);
        let mut client = HostState::new(config.clone(), seed_of(seed, 1), now)?;
        let peer = client.connect(SERVER.into(), &ConnectOptions::default(), now)?;
        Ok(Self {
            now,
            tick: Duration::from_secs(1) / course.ticks_per_second,
            client,
            server: HostState::new(config, seed_of(seed, 2), now)?,
            to_server: link(0)?,
            to_client: link(1)?,
            peer,
        })
    }

    fn pass(&mut self) {
        self.now += self.tick;
    }

    /// A turn of both; returns whether they are connected.
    fn turn(&mut self, book: &mut Book) -> bool {
        let now = self.now;
        while let Some(((), bytes)) = self.to_server.poll(now) {
            self.server.handle_datagram(CLIENT.into(), bytes, now);
        }
        while let Some(((), bytes)) = self.to_client.poll(now) {
            self.client.handle_datagram(SERVER.into(), bytes, now);
        }
        self.client.handle_timeout(now);
        self.server.handle_timeout(now);
        while let Some(event) = self.server.poll_event() {
            if let Event::Message { bytes, .. } = event {
                book.on_arrived(&bytes, now);
            }
        }
        while self.client.poll_event().is_some() {}
        self.transmit();
        self.server.stats().peers > 0 && self.client.is_connected(self.peer)
    }

    fn transmit(&mut self) {
        transmit(&mut self.client, &mut self.to_server, self.now);
        transmit(&mut self.server, &mut self.to_client, self.now);
    }
}

fn transmit(host: &mut HostState, link: &mut Link<()>, now: Instant) {
    let mut buffer = [0; tickwire::limits::DATAGRAM_MAX];
    while let Some(datagram) = host.poll_transmit(&mut buffer, now) {
        link.send((), &buffer[..datagram.len], now);
    }
}

fn seed_of(seed: u64, host: u8) -> [u8; 32] {
    let mut bytes = [host; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes
}
