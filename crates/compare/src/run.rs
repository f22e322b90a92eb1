//! One run: a client sends numbered messages to a server through two simulated links, tick by tick.
//!
//! Both endpoints tick at the same time, and time is an argument. Datagrams are attachments of
//! empty ones, so that the link's limit of 1,024 bytes does not apply to libraries with longer
//! packets.

use std::time::{Duration, Instant};

use tickwire::sim::{LINK_HEADER_BYTES, Link};

use crate::condition::Condition;
use crate::libraries::{Failure, Library, Pair, Side};
use crate::outcome::Outcome;

const MESSAGE_LEN: usize = 40;
const FILLER: u8 = 0x5a;

/// Time to connect, and to deliver the last messages after all were sent.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Run {
    pair: Box<dyn Pair>,
    /// The link to each endpoint, by side.
    links: [Link<Vec<u8>>; 2],
    created: Instant,
    /// When each message was sent, by its number.
    sent_at: Vec<Instant>,
    is_over: bool,
    outcome: Outcome,
}

impl Run {
    /// A run that connects in its first ticks.
    ///
    /// # Errors
    ///
    /// Same as [`Library::pair`].
    pub(crate) fn new(
        library: Library,
        condition: Condition,
        seed: u64,
        messages: u32,
        now: Instant,
    ) -> Result<Self, Failure> {
        // As in `tickwire bench messages`: even seeds lead to the server, odd ones to the client.
        let link = |number| Link::new(condition.link(), seed * 2 + number);
        Ok(Self {
            pair: library.pair(seed, now)?,
            links: [link(1)?, link(0)?],
            created: now,
            sent_at: Vec::new(),
            is_over: false,
            outcome: Outcome::new(messages),
        })
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(crate) fn into_outcome(self) -> Outcome {
        self.outcome
    }

    /// One tick of both endpoints: receive, send one message, flush.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.is_over {
            return;
        }
        let result = self.try_tick(now);
        let (sent, delivered) = (self.sent_at.len(), self.outcome.delivered());
        let last = self.sent_at.last().unwrap_or(&self.created);
        let failure = match result {
            Err(error) => Some(error.to_string()),
            Ok(()) if now > *last + PATIENCE => Some(format!("no progress for {PATIENCE:?}")),
            Ok(()) => None,
        };
        let counts = format!("with {sent} messages sent and {delivered} delivered");
        self.outcome.failure = failure.map(|failure| format!("{failure}, {counts}"));
        self.is_over = self.outcome.failure.is_some() || self.outcome.is_complete();
    }

    fn try_tick(&mut self, now: Instant) -> Result<(), Failure> {
        for side in [Side::Server, Side::Client] {
            let mut datagrams = Vec::new();
            while let Some((datagram, _)) = self.links[side as usize].poll(now) {
                datagrams.push(datagram);
            }
            self.pair.receive(side, &datagrams, now)?;
        }
        self.carry_datagrams(now);
        while let Some(message) = self.pair.poll_message()? {
            self.on_message(&message, now)?;
        }
        if self.pair.is_connected() && self.sent_at.len() < self.outcome.messages() {
            self.pair.send(&encode(self.sent_at.len()), now)?;
            self.sent_at.push(now);
        }
        for side in Side::BOTH {
            self.pair.flush(side, now);
        }
        self.carry_datagrams(now);
        Ok(())
    }

    /// Passes the datagrams of both endpoints to the links. Bytes to the server count from the
    /// first message to the tick of the last one, with IP and UDP headers.
    fn carry_datagrams(&mut self, now: Instant) {
        let is_last = self.sent_at.last() == Some(&now);
        let is_sending = !self.sent_at.is_empty() && self.sent_at.len() < self.outcome.messages();
        for from in Side::BOTH {
            while let Some(datagram) = self.pair.poll_datagram(from, now) {
                if from == Side::Client && (is_sending || is_last) {
                    self.outcome.bytes_sent += (datagram.len() + LINK_HEADER_BYTES) as u64;
                }
                self.links[from.other() as usize].send(datagram, &[], now);
            }
        }
    }

    /// A reliable ordered channel delivers every message once, in order.
    fn on_message(&mut self, message: &[u8], now: Instant) -> Result<(), Failure> {
        let number = self.outcome.delivered();
        let sent_at = self.sent_at.get(number);
        match sent_at {
            Some(sent_at) if message == encode(number) => {
                self.outcome.record(now - *sent_at);
                Ok(())
            }
            _ => Err(format!("a message was delivered in place of message {number}").into()),
        }
    }
}

/// The number of a message and a filler.
fn encode(number: usize) -> Vec<u8> {
    let mut message = (number as u64).to_be_bytes().to_vec();
    message.resize(MESSAGE_LEN, FILLER);
    message
}
