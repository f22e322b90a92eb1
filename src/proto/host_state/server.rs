//! Those who want to connect to this host.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::HostState;
use crate::limits::{CONNECTS_PER_TURN_MAX, PENDING_TIMEOUT};
use crate::proto::admission::{Admission, Request};
use crate::proto::answers::Answer;
use crate::proto::attempt::Attempt;
use crate::proto::connection::{Connection, Ends};
use crate::proto::connection_id::ConnectionId;
use crate::proto::slots::{Pending, State};
use crate::proto::wire::handshake::{
    AnyHello, Connect, Difference, Hello, Protection, Refusal, VERSION,
};

impl HostState {
    /// Somebody asks for a cookie. Nothing is kept of it but an answer that leaves this turn.
    pub(super) fn on_hello(&mut self, from: SocketAddr, bytes: &[u8]) {
        let Ok(any) = AnyHello::read(bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let nonce = any.nonce;
        let answer = match self.difference(any, bytes) {
            Err(()) => {
                self.stats.malformed += 1;
                return;
            }
            Ok(Some(difference)) => {
                self.stats.mismatches += 1;
                Answer::Mismatch {
                    to: from,
                    nonce,
                    difference,
                }
            }
            Ok(None) => Answer::Cookie { to: from, nonce },
        };
        self.answer(answer);
    }

    fn difference(&self, any: AnyHello, bytes: &[u8]) -> Result<Option<Difference>, ()> {
        if any.version != VERSION {
            return Ok(Some(Difference::Version));
        }
        let hello = Hello::read(bytes).map_err(|_| ())?;
        if hello.protection != Protection::Plain {
            return Ok(Some(Difference::Protection));
        }
        let is_same = hello.protocol_id == self.protocol_id();
        Ok((!is_same).then_some(Difference::Protocol))
    }

    /// Somebody brings a cookie back.
    pub(super) fn on_connect(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        let Ok(connect) = Connect::read(self.protocol_id(), bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let (cookie, nonce) = (&connect.cookie, &connect.nonce);
        if !self
            .cookies
            .is_good(cookie, from, nonce, &mut self.random, now)
        {
            self.stats.bad_cookies += 1;
            return;
        }
        if let Some(slot) = self.by_connect.get(&(from, connect.nonce)).copied() {
            self.accept_again(slot, now);
            return;
        }
        if self.stands_back(from, &connect) {
            return;
        }
        if self.connects_in_turn == CONNECTS_PER_TURN_MAX {
            self.stats.over_limit += 1;
            return;
        }
        self.connects_in_turn += 1;
        match self.admit(from, &connect) {
            Ok(()) => self.accept(from, &connect, now),
            Err(refusal) => self.deny(from, &connect, refusal),
        }
    }

    /// The accept was lost, or is on its way still. Whoever asks for it has as long to show that he knows
    /// it as the first time.
    fn accept_again(&mut self, slot: usize, now: Instant) {
        let connection = match &mut self.slots[slot].state {
            State::Pending(pending) => {
                pending.expires_at = now + PENDING_TIMEOUT;
                &pending.connection
            }
            State::Open(connection) => connection,
            _ => return,
        };
        let server_id = connection.our_id;
        self.answer(Answer::Accept { slot, server_id });
    }

    /// Whether two hosts connect to each other at the same time, and ours is the attempt that goes on:
    /// the one with the larger nonce, so that both choose the same. With the same nonce it is ours, come
    /// back to us: this host connects to itself, and that is nobody.
    fn stands_back(&self, from: SocketAddr, connect: &Connect<'_>) -> bool {
        self.attempt_to(from)
            .is_some_and(|attempt| attempt.nonce >= connect.nonce)
    }

    fn attempt_to(&self, address: SocketAddr) -> Option<&Attempt> {
        let slot = *self.by_address.get(&address)?;
        match &self.slots[slot].state {
            State::Connecting(attempt) => Some(attempt),
            _ => None,
        }
    }

    fn admit(&mut self, from: SocketAddr, connect: &Connect<'_>) -> Result<(), Refusal> {
        if self.is_shutting_down || !self.config.accept_incoming {
            return Err(Refusal::Closed);
        }
        if self.has_no_place_for(from) {
            return Err(Refusal::Full);
        }
        let request = Request {
            address: from,
            payload: connect.payload,
        };
        match self.door.ask(&request) {
            Admission::Accept => Ok(()),
            Admission::Deny { code } => Err(Refusal::Denied(code)),
        }
    }

    /// Who comes back to where a peer or an attempt of ours is takes its place, not another one. But so
    /// many may wait for that as there may be peers, and no more.
    fn has_no_place_for(&self, from: SocketAddr) -> bool {
        if self.by_address.contains_key(&from) {
            return self.stats.pending >= self.config.peers_max;
        }
        self.is_full()
    }

    fn accept(&mut self, from: SocketAddr, connect: &Connect<'_>, now: Instant) {
        let Some((slot, attempt)) = self.slot_for(from) else {
            self.stats.over_limit += 1;
            return;
        };
        let ends = Ends {
            nonce: connect.nonce,
            our_id: ConnectionId::new(self.random.number(), slot),
            their_id: connect.client_id,
            address: from,
            theirs: connect.settings,
        };
        let pending = Pending {
            connection: Connection::new(&self.config, ends, now),
            // Not from the pool: one that waits, or is kept, would keep a whole chunk.
            payload: Bytes::copy_from_slice(connect.payload),
            expires_at: now + PENDING_TIMEOUT,
            attempt,
        };
        self.slots[slot].state = State::Pending(Box::new(pending));
        self.count_accepted(slot);
        self.by_connect.insert((from, connect.nonce), slot);
        self.stats.pending += 1;
        self.stats.accepted += 1;
        self.settle(slot, now);
        let server_id = ends.our_id;
        self.answer(Answer::Accept { slot, server_id });
    }

    /// A place for a client: that of our own attempt to connect to it, which stands back, or a new one.
    fn slot_for(&mut self, from: SocketAddr) -> Option<(usize, Option<Box<Attempt>>)> {
        if let Some(slot) = self.by_address.get(&from).copied() {
            let state = std::mem::replace(&mut self.slots[slot].state, State::Free);
            if let State::Connecting(attempt) = state {
                return Some((slot, Some(attempt)));
            }
            self.slots[slot].state = state;
        }
        let slot = self.slots.reserve(self.slots_max())?;
        Some((slot, None))
    }

    fn deny(&mut self, from: SocketAddr, connect: &Connect<'_>, refusal: Refusal) {
        self.stats.denied += 1;
        self.answer(Answer::Deny {
            to: from,
            nonce: connect.nonce,
            client_id: connect.client_id,
            refusal,
        });
    }

    fn answer(&mut self, answer: Answer) {
        if !self.answers.push(answer) {
            self.stats.over_limit += 1;
        }
    }
}
