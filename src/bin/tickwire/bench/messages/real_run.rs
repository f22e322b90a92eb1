//! A run over real sockets of this machine: two hosts that are called once a tick, as two games would, with
//! a bad network in front of one of them. It takes as long as it takes, and losses fall as they like.

use std::time::{Duration, Instant};

use tickwire::{Config, ConnectOptions, Event, Host, PeerId, PeerStats, Ticker};

use super::course::{Book, Course, Outcome};
use crate::bench::LOOPBACK;
use crate::failure::Failure;

/// How long a connection may take to be made, and how long is waited for what is missing at the end.
const PATIENCE: Duration = Duration::from_secs(60);

struct Sides {
    client: Host,
    server: Host,
    peer: PeerId,
    ticker: Ticker,
}

/// Runs a course.
pub(super) fn run(course: &Course, config: &Config) -> Result<Outcome, Failure> {
    let mut sides = Sides::new(course, config)?;
    let mut book = Book::new(course);
    sides.connect(&mut book)?;
    let (start, before) = (Instant::now(), sides.stats());
    sides.send_all(course, &mut book)?;
    let (seconds, after) = (start.elapsed().as_secs_f64(), sides.stats());
    sides.wait_for_the_rest(&mut book)?;
    let mut outcome = book.outcome();
    outcome.seconds = seconds;
    if let (Some(before), Some(after), Some(end)) = (before, after, sides.stats()) {
        outcome.take_counts(&before, &after, &end);
    }
    Ok(outcome)
}

impl Sides {
    fn new(course: &Course, config: &Config) -> Result<Self, Failure> {
        let config = Config {
            redundancy: course.redundancy,
            connect_timeout: PATIENCE,
            ..config.clone()
        };
        let bind =
            || Host::bind(LOOPBACK, config.clone()).map_err(Failure::cannot("bind a socket"));
        let (mut client, server) = (bind()?, bind()?);
        client
            .set_link_conditions(Some(course.conditions.clone()))
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let peer = client
            .connect(server.local_addr(), &ConnectOptions::default())
            .map_err(|error| Failure::Refused(error.to_string()))?;
        Ok(Self {
            client,
            server,
            peer,
            ticker: Ticker::hz(course.ticks_per_second),
        })
    }

    fn stats(&self) -> Option<PeerStats> {
        self.client.peer_stats(self.peer)
    }

    /// Sleeps until the next tick, and has a turn of both.
    fn tick(&mut self, book: &mut Book) -> Result<(), Failure> {
        loop {
            let cannot = Failure::cannot("wait for the network");
            self.client
                .wait_until(self.ticker.deadline())
                .map_err(cannot)?;
            if self.ticker.steps_due(Instant::now()) > 0 {
                break;
            }
        }
        self.server.poll().map_err(Failure::cannot("receive"))?;
        let now = Instant::now();
        while let Some(event) = self.server.next_event() {
            if let Event::Message { bytes, .. } = event {
                book.on_arrived(&bytes, now);
            }
        }
        while self.client.next_event().is_some() {}
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.client.flush().map_err(Failure::cannot("send"))?;
        self.server.flush().map_err(Failure::cannot("send"))
    }

    fn connect(&mut self, book: &mut Book) -> Result<(), Failure> {
        while self.server.stats().peers == 0 || !self.client.is_connected(self.peer) {
            self.tick(book)?;
            self.flush()?;
            let is_trying = self.client.stats().connecting > 0;
            if !is_trying && !self.client.is_connected(self.peer) {
                let text = "the link is too bad to connect through".to_owned();
                return Err(Failure::Refused(text));
            }
        }
        Ok(())
    }

    fn send_all(&mut self, course: &Course, book: &mut Book) -> Result<(), Failure> {
        let end = Instant::now()
            + PATIENCE
            + Duration::from_secs(1) * 2 * course.messages / course.ticks_per_second;
        while book.sent() < course.messages && Instant::now() < end {
            let message = book.next_message(course.size);
            let now = Instant::now();
            if self
                .client
                .send(self.peer, course.delivery, &message)
                .is_ok()
            {
                book.on_sent(now);
            }
            self.flush()?;
            self.tick(book)?;
        }
        Ok(())
    }

    /// What is not sent again is not waited for longer than a packet can be under way.
    fn wait_for_the_rest(&mut self, book: &mut Book) -> Result<(), Failure> {
        let end = Instant::now()
            + if book.is_reliable() {
                PATIENCE
            } else {
                Duration::from_secs(2)
            };
        while !book.has_everything() && Instant::now() < end && self.stats().is_some() {
            self.flush()?;
            self.tick(book)?;
        }
        Ok(())
    }
}
