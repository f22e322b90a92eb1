//! The client side of handshakes: connection attempts.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::proto::connection::packet_protection;
use crate::proto::connection::{Connection, ConnectionParams};
use crate::proto::connection_id::ConnectionId;
use crate::proto::event::{DisconnectReason, Event};
use crate::proto::host::client_handshake::ClientHandshake;
use crate::proto::host::slots::PeerState;
use crate::proto::host::{ConnectOptions, HostState};
#[cfg(feature = "noise")]
use crate::proto::noise::{KeyCheck, NoiseClient};
use crate::proto::peer_id::PeerId;
use crate::proto::slot_index::SlotIndex;
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::Malformed;
use crate::proto::wire::handshake::{
    Accept, AcceptEnvelope, CookieReply, Deny, DenyReason, Mismatch, MismatchKind, Nonce,
    SecurityMode, SignedDeny, Tag,
};

impl HostState {
    /// Starts an attempt. `None` if no slot is free.
    pub(super) fn begin_attempt(
        &mut self,
        to: SocketAddr,
        options: &ConnectOptions,
        now: Instant,
    ) -> Option<PeerId> {
        let slot = self.slots.reserve(self.slots_max())?;
        let local_cid = ConnectionId::new(self.random.number(), slot);
        let nonce = self.random.bytes();
        let timeout = Duration::of(self.config.connect_timeout);
        let payload = Bytes::copy_from_slice(&options.payload);
        #[cfg_attr(not(feature = "noise"), allow(unused_mut))]
        let mut attempt = ClientHandshake::new(to, nonce, local_cid, payload, timeout, now);
        #[cfg(feature = "noise")]
        if self.crypto.is_some() {
            attempt.noise = Some(NoiseClient::new(options.server_key));
        }
        *self.slots.change(slot) = PeerState::Connecting(Box::new(attempt));
        self.by_address.insert(to, slot);
        self.counts.connecting += 1;
        self.slots.make_ready(slot);
        Some(self.slots.peer_id(slot))
    }

    pub(super) fn on_cookie(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        let Ok(answer) = CookieReply::read(self.protocol_id(), bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let Some((slot, attempt)) = self.attempt(from, answer.nonce) else {
            return;
        };
        if !attempt.wants_cookie() {
            return;
        }
        #[cfg(feature = "noise")]
        if !self.takes_key(slot, &answer, now) {
            return;
        }
        let PeerState::Connecting(attempt) = self.slots.change(slot) else {
            return;
        };
        attempt.on_cookie(answer.cookie, now);
        self.slots.make_ready(slot);
    }

    #[cfg(feature = "noise")]
    fn takes_key(&mut self, slot: SlotIndex, answer: &CookieReply, now: Instant) -> bool {
        let (settings, protocol_id) = (self.settings(false), self.protocol_id());
        let PeerState::Connecting(attempt) = self.slots.change(slot) else {
            return false;
        };
        let Some(mut noise) = attempt.noise.take() else {
            return true;
        };
        // An invalid public key costs as much as a valid one, so rate-limit before using it.
        let answers = self.crypto.as_mut().map(|own| own.takes_reply(now));
        if answers != Some(true) {
            attempt.noise = Some(noise);
            self.stats.handshakes_over_rate += 1;
            return false;
        }
        let connect = attempt.connect(answer.cookie, settings);
        let ephemeral = self.random.secret();
        let shown = noise.on_cookie(protocol_id, answer, &connect, ephemeral);
        attempt.noise = Some(noise);
        self.stats.wrong_keys += u64::from(shown != KeyCheck::Usable);
        shown == KeyCheck::Usable
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
            MismatchKind::Version => DisconnectReason::VersionMismatch {
                theirs: mismatch.version,
            },
            MismatchKind::SecurityMode => DisconnectReason::SecurityMismatch,
            MismatchKind::Protocol => DisconnectReason::ProtocolMismatch,
        };
        self.end_attempt(slot, reason);
    }

    pub(super) fn on_deny(&mut self, from: SocketAddr, bytes: &[u8]) {
        let Ok((deny, tag)) = self.read_deny(bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let Some((slot, attempt)) = self.attempt(from, deny.nonce) else {
            return;
        };
        if attempt.local_cid != deny.client_id {
            return;
        }
        if !is_authentic(attempt, deny, tag) {
            self.stats.failed_authentication += 1;
            return;
        }
        let reason = match deny.refusal {
            DenyReason::Full => DisconnectReason::ServerFull,
            DenyReason::Closed => DisconnectReason::ServerClosed,
            DenyReason::Denied(code) => DisconnectReason::Denied { code },
        };
        self.end_attempt(slot, reason);
    }

    fn read_deny(&self, bytes: &[u8]) -> Result<(Deny, Option<Tag>), Malformed> {
        match self.protection() {
            SecurityMode::Plain => Ok((Deny::read(self.protocol_id(), bytes)?, None)),
            SecurityMode::Noise => {
                let signed = SignedDeny::read(self.protocol_id(), bytes)?;
                Ok((signed.deny, Some(signed.tag)))
            }
        }
    }

    pub(super) fn on_accept(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        let Ok(envelope) = AcceptEnvelope::read(self.protocol_id(), bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let ours = self.settings(false);
        let Some((slot, attempt)) = self.attempt(from, envelope.nonce) else {
            return;
        };
        if attempt.local_cid != envelope.client_id {
            return;
        }
        let Some((accept, protection)) = self.open_accept(slot, &envelope, now) else {
            return;
        };
        let accepted_as = self.next_accepted();
        let PeerState::Connecting(attempt) = self.slots[slot].state() else {
            return;
        };
        let params = ConnectionParams {
            nonce: accept.nonce,
            name: accept.nonce,
            accepted_as,
            local_cid: attempt.local_cid,
            remote_cid: accept.server_id,
            address: from,
            ours,
            theirs: accept.settings,
        };
        let round_trip = attempt.round_trip(now);
        #[cfg(feature = "noise")]
        let server_key = attempt.noise.as_ref().and_then(NoiseClient::server);
        let mut connection = Connection::new(&self.config, params, protection, now);
        if let Some(time) = round_trip {
            connection.on_handshake_round_trip(time);
        }
        connection.confirm_accept(now);
        self.counts.connecting -= 1;
        self.open(slot, connection);
        self.events.push_back(Event::Connected {
            peer: self.slots.peer_id(slot),
            address: from,
            payload: Bytes::new(),
            incoming: false,
            #[cfg(feature = "noise")]
            server_key,
        });
        self.slots.make_ready(slot);
    }

    /// Reads an accept. `None` if it is not authentic, which is counted.
    fn open_accept(
        &mut self,
        slot: SlotIndex,
        envelope: &AcceptEnvelope<'_>,
        now: Instant,
    ) -> Option<(Accept, packet_protection::PacketProtection)> {
        #[cfg(feature = "noise")]
        if self.protection() == SecurityMode::Noise {
            return self.open_sealed_accept(slot, envelope, now);
        }
        let _ = (slot, now);
        let Ok(accept) = Accept::read_body(envelope, envelope.body) else {
            self.stats.malformed += 1;
            return None;
        };
        let protocol_id = self.protocol_id();
        Some((
            accept,
            packet_protection::PacketProtection::Plain { protocol_id },
        ))
    }

    /// The attempt that a reply belongs to. The nonce rejects off-path senders.
    fn attempt(
        &mut self,
        from: SocketAddr,
        nonce: Nonce,
    ) -> Option<(SlotIndex, &mut ClientHandshake)> {
        let slot = self.by_address.get(&from).copied();
        let is_ours = slot.is_some_and(|slot| {
            let state = self.slots[slot].state();
            matches!(state, PeerState::Connecting(attempt) if attempt.nonce == nonce)
        });
        let Some(slot) = slot.filter(|_| is_ours) else {
            self.stats.unexpected_answers += 1;
            return None;
        };
        match self.slots.change(slot) {
            PeerState::Connecting(attempt) => Some((slot, attempt)),
            _ => None,
        }
    }
}

/// Under Plain a deny cannot be verified.
#[cfg_attr(
    not(feature = "noise"),
    allow(unused_variables, reason = "there is no tag without it")
)]
fn is_authentic(attempt: &ClientHandshake, deny: Deny, tag: Option<Tag>) -> bool {
    #[cfg(feature = "noise")]
    if let Some(tag) = tag {
        let signed = SignedDeny { deny, tag };
        let noise = attempt.noise.as_ref();
        return noise.is_some_and(|noise| noise.is_authentic(&signed));
    }
    true
}
