//! The two handshake messages of the Noise pattern NK: the server is authenticated by its static
//! key, the client is anonymous.
//!
//! `-> e, es` with the connect body, `<- e, ee` with the accept body. The first message establishes
//! a shared secret that requires the server's private key. The server authenticates a deny with it,
//! which avoids the second Diffie-Hellman for denied clients.

use std::fmt;

use ring::{digest, hmac};
use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

use crate::keys::PublicKey;
use crate::proto::noise::resolver::Resolver;
use crate::proto::noise::{Session, StaticKeypair};
use crate::proto::rng::Secret;
use crate::proto::wire::handshake::{
    ConnectFingerprint, Cookie, Nonce, SEAL_OVERHEAD, SecurityMode, Tag, VERSION,
};

const PATTERN: &str = "Noise_NK_25519_AESGCM_SHA256";

/// The Noise prologue: the unencrypted fields of both sides. The handshake fails if they were
/// altered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prologue {
    pub(crate) protocol_id: u64,
    pub(crate) nonce: Nonce,
    pub(crate) cookie: Cookie,
}

const PROLOGUE_LEN: usize = 1 + 1 + 16 + 16 + 8;

impl Prologue {
    pub(crate) fn prologue(&self) -> [u8; PROLOGUE_LEN] {
        let mut bytes = [0; PROLOGUE_LEN];
        bytes[0] = VERSION;
        bytes[1] = SecurityMode::Noise as u8;
        bytes[2..18].copy_from_slice(&self.nonce);
        bytes[18..34].copy_from_slice(&self.cookie);
        bytes[34..].copy_from_slice(&self.protocol_id.to_be_bytes());
        bytes
    }
}

/// Fingerprint of a connect: its nonce and the ephemeral key in its message, which only the client
/// that generated it can use. `None` if the message is too short.
pub(crate) fn connect_fingerprint(nonce: &Nonce, message: &[u8]) -> Option<ConnectFingerprint> {
    if message.len() < SEAL_OVERHEAD {
        return None;
    }
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(nonce);
    context.update(&message[..32]);
    context.finish().as_ref().first_chunk().copied()
}

pub(crate) struct Initiator {
    state: HandshakeState,
    refusals: RefusalKey,
}

impl Initiator {
    /// `None` if the server's key is invalid.
    pub(crate) fn begin(
        terms: &Prologue,
        server: &PublicKey,
        ephemeral: Secret,
        payload: &[u8],
        message: &mut [u8],
    ) -> Option<(Self, usize)> {
        let resolver = Resolver {
            ephemeral,
            own: None,
        };
        let mut state = builder(resolver)?
            .prologue(&terms.prologue())
            .ok()?
            .remote_public_key(server.as_bytes())
            .ok()?
            .build_initiator()
            .ok()?;
        let len = state.write_message(payload, message).ok()?;
        let refusals = RefusalKey::of(&mut state);
        Some((Self { state, refusals }, len))
    }

    /// A message that is not authentic changes nothing.
    pub(crate) fn finish(
        &mut self,
        message: &[u8],
        payload: &mut [u8],
    ) -> Option<(usize, Session)> {
        let len = self.state.read_message(message, payload).ok()?;
        let (to_server, to_client) = split(&mut self.state);
        Some((len, Session::new(&to_server, to_client)))
    }

    pub(crate) fn is_refusal(&self, signed: &[u8], tag: &Tag) -> bool {
        // `verify` accepts only untruncated tags.
        let whole = hmac::sign(&self.refusals.0, signed);
        subtle::ConstantTimeEq::ct_eq(&whole.as_ref()[..tag.len()], tag).into()
    }
}

pub(crate) struct Responder {
    state: HandshakeState,
    refusals: RefusalKey,
}

impl Responder {
    /// Performs one Diffie-Hellman. `None` if the message is not encrypted for this server.
    pub(crate) fn read(
        identity: &StaticKeypair,
        terms: &Prologue,
        ephemeral: Secret,
        message: &[u8],
        payload: &mut [u8],
    ) -> Option<(Self, usize)> {
        let resolver = Resolver {
            ephemeral,
            own: Some(identity.public),
        };
        let mut state = builder(resolver)?
            .prologue(&terms.prologue())
            .ok()?
            .local_private_key(identity.private.secret_bytes())
            .ok()?
            .build_responder()
            .ok()?;
        let len = state.read_message(message, payload).ok()?;
        let refusals = RefusalKey::of(&mut state);
        Some((Self { state, refusals }, len))
    }

    /// Performs the second Diffie-Hellman.
    pub(crate) fn accept(mut self, payload: &[u8], message: &mut [u8]) -> Option<(usize, Session)> {
        let len = self.state.write_message(payload, message).ok()?;
        let (to_server, to_client) = split(&mut self.state);
        Some((len, Session::new(&to_client, to_server)))
    }

    pub(crate) fn refuse(&self, signed: &[u8]) -> Tag {
        let whole = hmac::sign(&self.refusals.0, signed);
        let mut tag = Tag::default();
        let len = tag.len();
        tag.copy_from_slice(&whole.as_ref()[..len]);
        tag
    }
}

/// The keys of both directions: to the server, and to the client.
fn split(state: &mut HandshakeState) -> (Secret, Secret) {
    let (to_server, to_client) = state.dangerously_get_raw_split();
    (Zeroizing::new(to_server), Zeroizing::new(to_client))
}

fn builder<'a>(resolver: Resolver) -> Option<Builder<'a>> {
    let params = PATTERN.parse().ok()?;
    Some(Builder::with_resolver(params, Box::new(resolver)))
}

/// Key with which a server authenticates a deny. An HMAC and not a cipher: the server keeps no
/// state about denied clients, so it may deny one handshake twice with different contents and must
/// not depend on a unique nonce.
struct RefusalKey(hmac::Key);

impl RefusalKey {
    /// Derived with Noise's `Split` after the first message, a secret that the handshake itself
    /// does not use in this way.
    fn of(state: &mut HandshakeState) -> Self {
        let (_, to_client) = split(state);
        Self(hmac::Key::new(hmac::HMAC_SHA256, &*to_client))
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator").finish_non_exhaustive()
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::PrivateKey;

    fn terms() -> Prologue {
        Prologue {
            protocol_id: 7,
            nonce: [1; 16],
            cookie: [2; 16],
        }
    }

    fn identity() -> StaticKeypair {
        StaticKeypair::new(PrivateKey::from_bytes([3; 32]))
    }

    fn secret(byte: u8) -> Secret {
        Secret::new([byte; 32])
    }

    fn call(terms: &Prologue, server: &PublicKey) -> (Initiator, Vec<u8>) {
        let mut message = [0; 256];
        let begun = Initiator::begin(terms, server, secret(4), b"hello", &mut message);
        let (initiator, len) = begun.unwrap();
        (initiator, message[..len].to_vec())
    }

    fn answer(terms: &Prologue, message: &[u8]) -> Option<(Responder, Vec<u8>)> {
        let mut payload = [0; 256];
        let read = Responder::read(&identity(), terms, secret(5), message, &mut payload);
        read.map(|(responder, len)| (responder, payload[..len].to_vec()))
    }

    #[test]
    fn both_sides_derive_the_same_keys() {
        let (mut initiator, message) = call(&terms(), &identity().public());
        let (responder, heard) = answer(&terms(), &message).unwrap();
        assert_eq!(heard, b"hello");
        let mut accept = [0; 256];
        let (len, mut server) = responder.accept(b"welcome", &mut accept).unwrap();
        // A forged accept does not disturb the authentic one.
        let mut payload = [0; 256];
        for index in 0..len {
            let mut forged = accept;
            forged[index] ^= 0x40;
            assert!(initiator.finish(&forged[..len], &mut payload).is_none());
        }
        let (told, mut client) = initiator.finish(&accept[..len], &mut payload).unwrap();
        assert_eq!(&payload[..told], b"welcome");
        for (from, to) in [(0, 1), (1, 0)] {
            let ends = [&mut client, &mut server];
            let mut packet = *b"to and fro......................";
            let tag = ends[from].seal(0, b"header", &mut packet[..16]);
            packet[16..].copy_from_slice(&tag);
            assert!(ends[to].open(0, b"header", &mut packet).is_ok());
        }
    }

    #[test]
    fn fails_if_the_prologue_was_altered() {
        let (_, message) = call(&terms(), &identity().public());
        let altered = [
            Prologue {
                protocol_id: 8,
                ..terms()
            },
            Prologue {
                nonce: [9; 16],
                ..terms()
            },
            Prologue {
                cookie: [9; 16],
                ..terms()
            },
        ];
        for terms in altered {
            assert!(answer(&terms, &message).is_none(), "{terms:?}");
        }
        let stranger = PrivateKey::from_bytes([9; 32]).public_key();
        let (_, for_another) = call(&terms(), &stranger);
        assert!(answer(&terms(), &for_another).is_none());
    }

    #[test]
    fn rejects_low_order_public_keys() {
        for order in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            let key = PublicKey::from_bytes(order);
            let mut message = [0; 256];
            assert!(Initiator::begin(&terms(), &key, secret(4), b"", &mut message).is_none());
            let (_, mut message) = call(&terms(), &identity().public());
            message[..32].copy_from_slice(&order);
            assert!(answer(&terms(), &message).is_none());
        }
    }

    #[test]
    fn authenticates_the_deny_of_the_server() {
        let (initiator, message) = call(&terms(), &identity().public());
        let (responder, _) = answer(&terms(), &message).unwrap();
        let tag = responder.refuse(b"no");
        assert!(initiator.is_refusal(b"no", &tag));
        assert!(!initiator.is_refusal(b"on", &tag));
        for bit in 0..128 {
            let mut forged = tag;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!initiator.is_refusal(b"no", &forged));
        }
    }

    #[test]
    fn identifies_a_connect_by_nonce_and_ephemeral_key() {
        let (_, message) = call(&terms(), &identity().public());
        let name = connect_fingerprint(&[1; 16], &message);
        assert!(name.is_some());
        assert_ne!(connect_fingerprint(&[2; 16], &message), name);
        let mut other = message.clone();
        other[31] ^= 1;
        assert_ne!(connect_fingerprint(&[1; 16], &other), name);
        assert_eq!(
            connect_fingerprint(&[1; 16], &message[..SEAL_OVERHEAD - 1]),
            None
        );
    }
}
