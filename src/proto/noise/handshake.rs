//! The two messages of the pattern NK: the client knows the server's public key, the server knows
//! nothing of the client.
//!
//! `-> e, es` and what the client has to say; `<- e, ee` and what the server answers. After the first
//! one both share a secret that only the owner of the private key can have: with it the server signs a
//! refusal, so that it need not do the second half of the work for those whom it turns away.

use std::fmt;

use ring::{digest, hmac};
use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

use super::resolver::Resolver;
use super::{Identity, MESSAGE_OVERHEAD, Secret, Session};
use crate::keys::PublicKey;
use crate::proto::wire::handshake::{ConnectName, Cookie, Nonce, Protection, Tag, VERSION};

const PATTERN: &str = "Noise_NK_25519_AESGCM_SHA256";

/// What both sides have said in the clear before. Who altered it on the way ends the handshake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) protocol_id: u64,
    pub(crate) nonce: Nonce,
    pub(crate) cookie: Cookie,
}

const PROLOGUE_LEN: usize = 1 + 1 + 16 + 16 + 8;

impl Terms {
    fn prologue(&self) -> [u8; PROLOGUE_LEN] {
        let mut bytes = [0; PROLOGUE_LEN];
        bytes[0] = VERSION;
        bytes[1] = Protection::Noise as u8;
        bytes[2..18].copy_from_slice(&self.nonce);
        bytes[18..34].copy_from_slice(&self.cookie);
        bytes[34..].copy_from_slice(&self.protocol_id.to_be_bytes());
        bytes
    }
}

/// What a connect is known by: its nonce and the ephemeral key in its message, which nobody can use but
/// who made it. `None` if there is no room for a message.
pub(crate) fn connect_name(nonce: &Nonce, message: &[u8]) -> Option<ConnectName> {
    if message.len() < MESSAGE_OVERHEAD {
        return None;
    }
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(nonce);
    context.update(&message[..32]);
    context.finish().as_ref().first_chunk().copied()
}

/// The client's side, once the first message is written.
pub(crate) struct Initiator {
    state: HandshakeState,
    refusals: RefusalKey,
}

impl Initiator {
    /// Writes the first message, with `payload` sealed in it. `None` if the server's key is none.
    pub(crate) fn begin(
        terms: &Terms,
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

    /// Reads the second message. One that is not the server's changes nothing.
    pub(crate) fn finish(
        &mut self,
        message: &[u8],
        payload: &mut [u8],
    ) -> Option<(usize, Session)> {
        let len = self.state.read_message(message, payload).ok()?;
        let (to_server, to_client) = split(&mut self.state);
        Some((len, Session::new(&to_server, to_client)))
    }

    /// Whether the server itself signed this.
    pub(crate) fn is_refusal(&self, signed: &[u8], tag: &Tag) -> bool {
        // `verify` takes whole tags alone.
        let whole = hmac::sign(&self.refusals.0, signed);
        subtle::ConstantTimeEq::ct_eq(&whole.as_ref()[..tag.len()], tag).into()
    }
}

/// The server's side, once the first message is read.
pub(crate) struct Responder {
    state: HandshakeState,
    refusals: RefusalKey,
}

impl Responder {
    /// Reads the first message: one Diffie-Hellman. `None` if it was not made for this server.
    pub(crate) fn read(
        identity: &Identity,
        terms: &Terms,
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

    /// Writes the second message: the other Diffie-Hellman.
    pub(crate) fn accept(mut self, payload: &[u8], message: &mut [u8]) -> Option<(usize, Session)> {
        let len = self.state.write_message(payload, message).ok()?;
        let (to_server, to_client) = split(&mut self.state);
        Some((len, Session::new(&to_client, to_server)))
    }

    /// Signs a refusal.
    pub(crate) fn refuse(&self, signed: &[u8]) -> Tag {
        let whole = hmac::sign(&self.refusals.0, signed);
        let mut tag = Tag::default();
        let len = tag.len();
        tag.copy_from_slice(&whole.as_ref()[..len]);
        tag
    }
}

/// The keys in the two directions: to the server, and to the client.
fn split(state: &mut HandshakeState) -> (Secret, Secret) {
    let (to_server, to_client) = state.dangerously_get_raw_split();
    (Zeroizing::new(to_server), Zeroizing::new(to_client))
}

fn builder<'a>(resolver: Resolver) -> Option<Builder<'a>> {
    let params = PATTERN.parse().ok()?;
    Some(Builder::with_resolver(params, Box::new(resolver)))
}

/// With which a server signs that it turns a client away. A keyed hash and no cipher: the server
/// remembers nothing of those whom it refused, so it may refuse one handshake twice, in other words,
/// and must not need a number that it uses once.
struct RefusalKey(hmac::Key);

impl RefusalKey {
    /// Noise's split after the first message: what both share by then, in a way in which the handshake
    /// itself does not use it.
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
