//! The game that is played: every message is answered with itself, at the tick if there is one.

use bytes::Bytes;
use tickwire::{Delivery, Host, PeerId, SendError};

/// How many messages may wait for the tick: 65,536, at most 64 MiB. What comes then is not answered,
/// and counted.
const WAITING_MAX: usize = 65_536;

/// What waits to be answered, and what became of all that was.
#[derive(Debug, Default)]
pub(super) struct Echo {
    waiting: Vec<Message>,
    received: u64,
    answered: u64,
    queue_full: u64,
    peer_gone: u64,
}

#[derive(Debug)]
struct Message {
    from: PeerId,
    delivery: Delivery,
    bytes: Bytes,
}

impl Echo {
    pub(super) fn on_message(&mut self, from: PeerId, delivery: Delivery, bytes: Bytes) {
        self.received += 1;
        if self.waiting.len() == WAITING_MAX {
            self.queue_full += 1;
            return;
        }
        self.waiting.push(Message {
            from,
            delivery,
            bytes,
        });
    }

    /// Answers everybody. A full queue ends nothing: the answer is left out and counted, as a game
    /// leaves out a state when a newer one follows anyway.
    pub(super) fn answer(&mut self, host: &mut Host) {
        for message in self.waiting.drain(..) {
            match host.send(message.from, message.delivery, &message.bytes) {
                Ok(()) => self.answered += 1,
                Err(SendError::UnknownPeer) => self.peer_gone += 1,
                Err(_) => self.queue_full += 1,
            }
        }
    }

    /// How many messages came.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// How many went back.
    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    /// How many answers found no room.
    pub(super) fn queue_full(&self) -> u64 {
        self.queue_full
    }

    /// How many answers were for somebody who had gone.
    pub(super) fn peer_gone(&self) -> u64 {
        self.peer_gone
    }
}
