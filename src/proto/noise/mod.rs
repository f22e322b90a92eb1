//! Encryption: who a server is, how both sides come to keys that nobody else has, and how packets are
//! sealed with them.
//!
//! `call` is what a client makes of the key that a server shows; `handshake` runs `Noise_NK_25519_AESGCM_SHA256` with `snow`, of which it takes nothing but the
//! handshake; `resolver` gives it its Diffie-Hellman and the randomness that the host draws from its
//! seed; `session` seals and opens packets with `ring`.

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

/// Who a host is for those who connect to it.
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

/// Shows what others may know.
impl fmt::Debug for StaticKeypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StaticKeypair").field(&self.public).finish()
    }
}
