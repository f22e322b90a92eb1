//! The Noise part of handshakes: key pair, rate limits, and encrypted handshake bodies.

use crate::config::Security;
use crate::keys::{PrivateKey, PublicKey};
use crate::limits::DATAGRAM_MAX;
use crate::proto::connection::ConnectionParams;
use crate::proto::connection::packet_protection::{NoiseTransport, PacketProtection};
use crate::proto::event::ConnectError;
use crate::proto::host::accept::AcceptKey;
use crate::proto::host::slots::PeerState;
use crate::proto::host::token_bucket::TokenBucket;
use crate::proto::host::{ConnectOptions, HostState};
use crate::proto::noise::{Prologue, Responder, StaticKeypair};
use crate::proto::rng::SeededRng;
use crate::proto::slot_index::SlotIndex;
use crate::proto::time::Instant;
use crate::proto::wire::handshake::{
    ACCEPT_BODY_LEN, Accept, AcceptEnvelope, Connect, ConnectEnvelope, SEAL_OVERHEAD,
};

#[derive(Debug)]
pub(super) struct HandshakeCrypto {
    identity: StaticKeypair,
    /// Rate limit of handshakes as a server.
    handshakes: TokenBucket,
    /// Rate limit of replies to own attempts: a forged reply costs as much as an authentic one.
    replies: TokenBucket,
}

impl HandshakeCrypto {
    /// `None` under Plain. Generates a key if the config has no key.
    pub(super) fn new(security: &Security, random: &mut SeededRng, now: Instant) -> Option<Self> {
        let Security::Noise(noise) = security else {
            return None;
        };
        let drawn = random.secret();
        let private = noise
            .private_key
            .clone()
            .unwrap_or_else(|| PrivateKey::from_bytes(*drawn));
        let (rate, burst) = (noise.handshakes_per_second, noise.handshake_burst);
        let bucket = || TokenBucket::new(rate, burst, now);
        Some(Self {
            identity: StaticKeypair::new(private),
            handshakes: bucket(),
            replies: bucket(),
        })
    }

    pub(super) fn takes_reply(&mut self, now: Instant) -> bool {
        self.replies.take(now)
    }
}

impl HostState {
    /// The public key of this host: derived from the key in the config, or generated at start.
    /// Clients [pin](ConnectOptions::server_key) it. `None` under Plain.
    #[must_use]
    pub fn public_key(&self) -> Option<PublicKey> {
        let crypto = self.crypto.as_ref()?;
        Some(crypto.identity.public())
    }

    pub(super) fn check_key(&self, options: &ConnectOptions) -> Result<(), ConnectError> {
        if self.crypto.is_none() {
            let is_pinned = options.server_key.is_some();
            return if is_pinned {
                Err(ConnectError::ServerKeyUnderPlain)
            } else {
                Ok(())
            };
        }
        let is_told = !options.payload.is_empty();
        if is_told && options.server_key.is_none() && !options.trust_unpinned {
            return Err(ConnectError::PayloadNeedsServerKey);
        }
        Ok(())
    }

    pub(super) fn open_sealed_connect<'a>(
        &mut self,
        envelope: &ConnectEnvelope<'_>,
        body: &'a mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> Option<(Connect<'a>, AcceptKey)> {
        let terms = Prologue {
            protocol_id: self.protocol_id(),
            nonce: envelope.nonce,
            cookie: envelope.cookie,
        };
        let crypto = self.crypto.as_mut()?;
        if !crypto.handshakes.take(now) {
            self.stats.handshakes_over_rate += 1;
            return None;
        }
        self.stats.handshakes += 1;
        let (identity, ephemeral) = (&crypto.identity, self.random.secret());
        let read = Responder::read(identity, &terms, ephemeral, envelope.body, body);
        let Some((responder, len)) = read else {
            self.stats.failed_authentication += 1;
            return None;
        };
        let Ok(connect) = Connect::read_body(envelope, &body[..len]) else {
            self.stats.malformed += 1;
            return None;
        };
        Some((connect, AcceptKey::Noise(Box::new(responder))))
    }

    pub(super) fn seal_accept(
        &self,
        params: &ConnectionParams,
        responder: Responder,
    ) -> Option<PacketProtection> {
        let accept = Accept {
            client_id: params.remote_cid,
            nonce: params.nonce,
            server_id: params.local_cid,
            settings: self.settings(true),
        };
        let mut message = [0; ACCEPT_BODY_LEN + SEAL_OVERHEAD];
        let (len, session) = responder.accept(&accept.body(), &mut message)?;
        let envelope = AcceptEnvelope {
            client_id: accept.client_id,
            nonce: accept.nonce,
            body: &message[..len],
        };
        let mut packet = [0; DATAGRAM_MAX];
        let len = envelope.write(self.protocol_id(), &mut packet);
        Some(PacketProtection::Noise(Box::new(NoiseTransport {
            session,
            accept: packet[..len].into(),
            is_pinned: false,
        })))
    }

    pub(super) fn open_sealed_accept(
        &mut self,
        slot: SlotIndex,
        envelope: &AcceptEnvelope<'_>,
        now: Instant,
    ) -> Option<(Accept, PacketProtection)> {
        let PeerState::Connecting(attempt) = self.slots.change(slot) else {
            return None;
        };
        if !self.crypto.as_mut()?.takes_reply(now) {
            self.stats.handshakes_over_rate += 1;
            return None;
        }
        let noise = attempt.noise.as_mut()?;
        let (opened, is_pinned) = (noise.open_accept(envelope), noise.is_pinned());
        let Some((accept, session)) = opened else {
            self.stats.failed_authentication += 1;
            return None;
        };
        let accept_again = Box::default();
        let sealed = NoiseTransport {
            session,
            accept: accept_again,
            is_pinned,
        };
        Some((accept, PacketProtection::Noise(Box::new(sealed))))
    }
}
