//! A run on virtual time: hosts without sockets, links, and a clock that jumps from tick to tick. The same
//! seed gives the same figures on every machine.

use std::time::{Duration, Instant};

use tickwire::proto::{HostState, Link};
use tickwire::{Config, ConnectOptions, Event, PeerId, PeerStats};

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
    let made = World::new(course, config, seed);
    let mut world = made.map_err(|error| Failure::Refused(error.to_string()))?;
    let mut book = Book::new(course);
    world.connect(&mut book)?;
    let (start, before) = (world.now, world.stats());
    world.send_all(course, &mut book);
    let (seconds, after) = ((world.now - start).as_secs_f64(), world.stats());
    world.wait_for_the_rest(&mut book);
    let mut outcome = book.outcome();
    outcome.seconds = seconds;
    if let (Some(before), Some(after), Some(end)) = (before, after, world.stats()) {
        outcome.take_counts(&before, &after, &end);
    }
    Ok(outcome)
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
            // A link that loses three of ten packets in a row takes its time to let anybody in.
            connect_timeout: PATIENCE,
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

    fn stats(&self) -> Option<PeerStats> {
        self.client.peer_stats(self.peer)
    }

    fn connect(&mut self, book: &mut Book) -> Result<(), Failure> {
        while !self.turn(book) {
            let is_trying = self.client.stats().connecting > 0;
            if !is_trying && !self.client.is_connected(self.peer) {
                let text = "the link is too bad to connect through".to_owned();
                return Err(Failure::Refused(text));
            }
            self.pass();
        }
        Ok(())
    }

    /// A message each tick. One for which there is no room is sent a tick later.
    fn send_all(&mut self, course: &Course, book: &mut Book) {
        let end = self.now + 2 * self.tick * course.messages + PATIENCE;
        while book.sent() < course.messages && self.now < end {
            let message = book.next_message(course.size);
            let queued = self.client.send(self.peer, course.delivery, &message);
            if queued.is_ok() {
                book.on_sent(self.now);
            }
            self.transmit();
            self.pass();
            self.turn(book);
        }
    }

    fn wait_for_the_rest(&mut self, book: &mut Book) {
        let patience = if book.is_reliable() {
            PATIENCE
        } else {
            Duration::from_secs(2)
        };
        let end = self.now + patience;
        while !book.has_everything() && self.now < end && self.stats().is_some() {
            self.pass();
            self.turn(book);
        }
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
