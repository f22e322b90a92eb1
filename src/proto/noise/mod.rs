//! Encryption: server authentication, key agreement, and packet encryption.
//!
//! `client` checks the server's key. `handshake` runs `Noise_NK_25519_AESGCM_SHA256` with `snow`,
//! which is used for the handshake only. `resolver` provides Diffie-Hellman and randomness from the
//! host's seed. `session` encrypts and decrypts packets with `ring`.

mod client;
mod handshake;
mod resolver;
mod session;

use std::fmt;

pub(crate) use self::client::{KeyCheck, NoiseClient};
pub(crate) use self::handshake::{Initiator, Prologue, Responder, connect_fingerprint};
pub(crate) use self::session::Session;
#[cfg(test)]
pub(crate) use self::session::rekey;
use crate::keys::{PrivateKey, PublicKey};

pub(crate) struct StaticKeypair {
    private: PrivateKey,
    public: PublicKey,
}

impl StaticKeypair {
    pub(crate) fn new(private: PrivateKey) -> Self {
        let public = private.public_key();
        Self { private, public }
    }

    pub(crate) fn public(&self) -> PublicKey {
        self.public
    }
}

/// Prints only the public key.
impl fmt::Debug for StaticKeypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StaticKeypair").field(&self.public).finish()
    }
}
