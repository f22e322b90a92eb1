//! What this host does to connect to another one.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::HostState;
use crate::proto::attempt::Attempt;
use crate::proto::connection::{Connection, Ends};
use crate::proto::connection_id::ConnectionId;
use crate::proto::event::{DisconnectReason, Event};
use crate::proto::peer_id::PeerId;
use crate::proto::slots::State;
use crate::proto::wire::handshake::{
    Accept, CookieAnswer, Deny, Difference, Mismatch, Nonce, Refusal,
};

impl HostState {
    /// `None` if no place is free.
    pub(super) fn begin_attempt(
        &mut self,
        to: SocketAddr,
        payload: Bytes,
        now: Instant,
    ) -> Option<PeerId> {
        let slot = self.slots.reserve(self.slots_max())?;
        let our_id = ConnectionId::new(self.random.number(), slot);
        let nonce = self.random.bytes();
        let timeout = self.config.connect_timeout;
        let attempt = Attempt::new(to, nonce, our_id, payload, timeout, now);
        self.slots[slot].state = State::Connecting(Box::new(attempt));
        self.by_address.insert(to, slot);
        self.stats.connecting += 1;
        self.settle(slot, now);
        Some(self.slots.peer_id(slot))
    }

    pub(super) fn on_cookie(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        let Ok(answer) = CookieAnswer::read(self.protocol_id(), bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let Some((slot, attempt)) = self.attempt(from, answer.nonce) else {
            return;
        };
        attempt.on_cookie(&answer, now);
        self.settle(slot, now);
    }

    pub(super) fn on_mismatch(&mut self, from: SocketAddr, bytes: &[u8]) {
        let Ok(mismatch) = Mismatch::read(bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let Some((slot, _)) = self.attempt(from, mismatch.nonce) else {
            return;
        };
        let reason = match mismatch.difference {
            Difference::Version => DisconnectReason::VersionMismatch {
                theirs: mismatch.version,
            },
            Difference::Protection => DisconnectReason::SecurityMismatch,
            Difference::Protocol => DisconnectReason::ProtocolMismatch,
        };
        self.end_attempt(slot, reason);
    }

    pub(super) fn on_deny(&mut self, from: SocketAddr, bytes: &[u8]) {
        let Ok(deny) = Deny::read(self.protocol_id(), bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let Some((slot, attempt)) = self.attempt(from, deny.nonce) else {
            return;
        };
        if attempt.our_id != deny.client_id {
            return;
        }
        let reason = match deny.refusal {
            Refusal::Full => DisconnectReason::ServerFull,
            Refusal::Closed => DisconnectReason::ServerClosed,
            Refusal::Denied(code) => DisconnectReason::Denied { code },
        };
        self.end_attempt(slot, reason);
    }

    pub(super) fn on_accept(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        let Ok(accept) = Accept::read(self.protocol_id(), bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let ours = self.settings(false);
        let Some((slot, attempt)) = self.attempt(from, accept.nonce) else {
            return;
        };
        if attempt.our_id != accept.client_id {
            return;
        }
        let ends = Ends {
            nonce: accept.nonce,
            our_id: attempt.our_id,
            their_id: accept.server_id,
            address: from,
            ours,
            theirs: accept.settings,
        };
        let round_trip = attempt.round_trip(now);
        let mut connection = Connection::new(&self.config, ends, now);
        if let Some(time) = round_trip {
            connection.on_handshake_round_trip(time);
        }
        connection.introduce(now);
        self.stats.connecting -= 1;
        self.count_accepted(slot);
        self.open(slot, connection);
        self.events.push_back(Event::Connected {
            peer: self.slots.peer_id(slot),
            address: from,
            payload: Bytes::new(),
            incoming: false,
        });
        self.settle(slot, now);
    }

    /// The attempt that an answer from there is for. Whoever did not see what we sent does not know the
    /// nonce.
    fn attempt(&mut self, from: SocketAddr, nonce: Nonce) -> Option<(usize, &mut Attempt)> {
        let slot = *self.by_address.get(&from)?;
        match &mut self.slots[slot].state {
            State::Connecting(attempt) if attempt.nonce == nonce => Some((slot, attempt)),
            _ => None,
        }
    }
}
