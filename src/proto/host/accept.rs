//! The server side of handshakes: hellos and connects of clients.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::limits::{CONNECTS_PER_TURN_MAX, DATAGRAM_MAX, PENDING_TIMEOUT};
use crate::proto::connection::packet_protection;
use crate::proto::connection::{Connection, ConnectionParams};
use crate::proto::connection_id::ConnectionId;
use crate::proto::host::HostState;
use crate::proto::host::admission::{Admission, Request};
use crate::proto::host::client_handshake::ClientHandshake;
use crate::proto::host::slots::{PeerState, PendingPeer};
use crate::proto::host::stateless_replies::StatelessReply;
#[cfg(feature = "noise")]
use crate::proto::noise::{Responder, connect_fingerprint};
use crate::proto::slot_index::SlotIndex;
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::handshake::{
    AnyHello, Connect, ConnectEnvelope, ConnectFingerprint, Deny, DenyReason, Hello, MismatchKind,
    Nonce, VERSION,
};
#[cfg(feature = "noise")]
use crate::proto::wire::handshake::{SecurityMode, SignedDeny};

pub(super) enum AcceptKey {
    Plain,
    /// With the secret shared with the client since its connect was decrypted.
    #[cfg(feature = "noise")]
    Noise(Box<Responder>),
}

impl HostState {
    /// Handles a hello. Keeps no state except a reply that is sent in this turn.
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
                StatelessReply::Mismatch {
                    to: from,
                    nonce,
                    difference,
                }
            }
            Ok(None) => StatelessReply::Cookie { to: from, nonce },
        };
        self.answer(answer);
    }

    fn difference(&self, any: AnyHello, bytes: &[u8]) -> Result<Option<MismatchKind>, ()> {
        if any.version != VERSION {
            return Ok(Some(MismatchKind::Version));
        }
        let hello = Hello::read(bytes).map_err(|_| ())?;
        if hello.protection != self.protection() {
            return Ok(Some(MismatchKind::SecurityMode));
        }
        let is_same = hello.protocol_id == self.protocol_id();
        Ok((!is_same).then_some(MismatchKind::Protocol))
    }

    pub(super) fn on_connect(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        let Some((envelope, name)) = self.read_connect(bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let (cookie, nonce) = (&envelope.cookie, &envelope.nonce);
        if !self
            .cookies
            .is_good(cookie, from, nonce, &mut self.random, now)
        {
            self.stats.bad_cookies += 1;
            return;
        }
        if let Some(slot) = self.by_connect.get(&(from, name)).copied() {
            self.stats.repeated_connects += 1;
            self.accept_again(slot, now);
            return;
        }
        if self.yields_to_existing(from, *nonce) {
            return;
        }
        if self.connects_in_turn == CONNECTS_PER_TURN_MAX {
            self.stats.over_limit += 1;
            return;
        }
        self.connects_in_turn += 1;
        let mut body = [0; DATAGRAM_MAX];
        let Some((connect, reply)) = self.open_connect(&envelope, &mut body, now) else {
            return;
        };
        match self.admit(from, &connect) {
            Ok(()) => self.accept(from, &connect, name, reply, now),
            Err(refusal) => self.deny(from, &connect, &reply, refusal),
        }
    }

    fn read_connect<'a>(
        &self,
        bytes: &'a [u8],
    ) -> Option<(ConnectEnvelope<'a>, ConnectFingerprint)> {
        let envelope = ConnectEnvelope::read(self.protocol_id(), bytes).ok()?;
        #[cfg(feature = "noise")]
        if self.protection() == SecurityMode::Noise {
            let name = connect_fingerprint(&envelope.nonce, envelope.body)?;
            return Some((envelope, name));
        }
        Connect::read_body(&envelope, envelope.body).ok()?;
        Some((envelope, envelope.nonce))
    }

    /// Reads the encrypted part of a connect. `None` if it was rate-limited or failed, which is
    /// counted.
    fn open_connect<'a>(
        &mut self,
        envelope: &ConnectEnvelope<'a>,
        body: &'a mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> Option<(Connect<'a>, AcceptKey)> {
        #[cfg(feature = "noise")]
        if self.protection() == SecurityMode::Noise {
            return self.open_sealed_connect(envelope, body, now);
        }
        let _ = (body, now);
        let connect = Connect::read_body(envelope, envelope.body).ok()?;
        Some((connect, AcceptKey::Plain))
    }

    /// Retransmits an accept, and restarts a pending client's confirmation timeout.
    fn accept_again(&mut self, slot: SlotIndex, now: Instant) {
        let connection = match self.slots.change(slot) {
            PeerState::Pending(pending) => {
                pending.expires_at = now + Duration::of(PENDING_TIMEOUT);
                &pending.connection
            }
            PeerState::Open(connection) => connection,
            _ => return,
        };
        let server_id = connection.local_cid;
        self.answer(StatelessReply::Accept { slot, server_id });
    }

    /// Resolves a simultaneous connect: returns whether this host's own attempt wins. The larger
    /// nonce wins, so both sides choose the same. Equal nonces mean that this host connects to
    /// itself, which is rejected. An incoming client has proven no key, so it replaces neither an
    /// attempt with a pinned key nor a peer that has proven one.
    fn yields_to_existing(&self, from: SocketAddr, nonce: Nonce) -> bool {
        let Some(slot) = self.by_address.get(&from).copied() else {
            return false;
        };
        match self.slots[slot].state() {
            PeerState::Connecting(attempt) => attempt.is_pinned() || attempt.nonce >= nonce,
            PeerState::Open(connection) => connection.protection.is_pinned(),
            _ => false,
        }
    }

    fn admit(&mut self, from: SocketAddr, connect: &Connect<'_>) -> Result<(), DenyReason> {
        if self.is_shutting_down || !self.config.accept_incoming {
            return Err(DenyReason::Closed);
        }
        if self.is_full_for(from) {
            return Err(DenyReason::Full);
        }
        let request = Request {
            address: from,
            payload: connect.payload,
            peers: self.counts.admitted(),
            peers_max: self.config.peers_max,
        };
        match self.admission.ask(&request) {
            Admission::Accept => Ok(()),
            Admission::Deny { code } => Err(DenyReason::Denied(code)),
        }
    }

    /// Whether a client at this address would exceed `peers_max`. A client that replaces a peer or
    /// an own attempt at its address needs no extra slot; at most `peers_max` may be pending.
    fn is_full_for(&self, from: SocketAddr) -> bool {
        if self.by_address.contains_key(&from) {
            return self.counts.pending >= self.config.peers_max;
        }
        self.is_full()
    }

    fn accept(
        &mut self,
        from: SocketAddr,
        connect: &Connect<'_>,
        name: ConnectFingerprint,
        reply: AcceptKey,
        now: Instant,
    ) {
        let Some((slot, attempt)) = self.slot_for(from) else {
            self.stats.over_limit += 1;
            return;
        };
        let params = ConnectionParams {
            nonce: connect.nonce,
            name,
            accepted_as: self.next_accepted(),
            local_cid: ConnectionId::new(self.random.number(), slot),
            remote_cid: connect.client_id,
            address: from,
            ours: self.settings(true),
            theirs: connect.settings,
        };
        let Some(protection) = self.protect(&params, reply) else {
            self.stats.failed_authentication += 1;
            self.release_reserved(slot, attempt);
            return;
        };
        let pending = PendingPeer {
            connection: Connection::new(&self.config, params, protection, now),
            // Not from the pool: a pending or stored payload would hold a whole chunk.
            payload: Bytes::copy_from_slice(connect.payload),
            expires_at: now + Duration::of(PENDING_TIMEOUT),
            attempt,
        };
        *self.slots.change(slot) = PeerState::Pending(Box::new(pending));
        self.by_connect.insert((from, name), slot);
        self.counts.pending += 1;
        self.stats.accepted += 1;
        self.slots.make_ready(slot);
        let server_id = params.local_cid;
        self.answer(StatelessReply::Accept { slot, server_id });
    }

    #[cfg_attr(
        not(feature = "noise"),
        allow(unused_variables, clippy::needless_pass_by_value)
    )]
    fn protect(
        &self,
        params: &ConnectionParams,
        reply: AcceptKey,
    ) -> Option<packet_protection::PacketProtection> {
        match reply {
            AcceptKey::Plain => Some(packet_protection::PacketProtection::Plain {
                protocol_id: self.protocol_id(),
            }),
            #[cfg(feature = "noise")]
            AcceptKey::Noise(responder) => self.seal_accept(params, *responder),
        }
    }

    /// A new slot, or that of this host's own attempt to the same address, which is paused.
    fn slot_for(&mut self, from: SocketAddr) -> Option<(SlotIndex, Option<Box<ClientHandshake>>)> {
        if let Some(slot) = self.by_address.get(&from).copied() {
            if let Some(attempt) = self.slots.change(slot).take_connecting() {
                return Some((slot, Some(attempt)));
            }
        }
        let slot = self.slots.reserve(self.slots_max())?;
        Some((slot, None))
    }

    fn release_reserved(&mut self, slot: SlotIndex, attempt: Option<Box<ClientHandshake>>) {
        match attempt {
            Some(attempt) => *self.slots.change(slot) = PeerState::Connecting(attempt),
            None => self.slots.release(slot),
        }
    }

    fn deny(
        &mut self,
        from: SocketAddr,
        connect: &Connect<'_>,
        reply: &AcceptKey,
        refusal: DenyReason,
    ) {
        self.stats.denied += 1;
        let deny = Deny {
            client_id: connect.client_id,
            nonce: connect.nonce,
            refusal,
        };
        let tag = match reply {
            AcceptKey::Plain => None,
            #[cfg(feature = "noise")]
            AcceptKey::Noise(responder) => Some(responder.refuse(&SignedDeny::signed_part(&deny))),
        };
        let to = from;
        self.answer(StatelessReply::Deny { to, deny, tag });
    }

    fn answer(&mut self, answer: StatelessReply) {
        if !self.replies.push(answer) {
            self.stats.over_limit += 1;
        }
    }
}
