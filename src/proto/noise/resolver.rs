//! Cryptographic primitives for `snow`. Hash and cipher are those of `ring`. The ephemeral secret
//! is passed in, because `snow` would draw it from the system and a session must be reproducible
//! from a seed. `ring` has no Diffie-Hellman with a given secret, so `curve25519-dalek` provides
//! it.

use curve25519_dalek::MontgomeryPoint;
use snow::Error;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, RingResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use subtle::ConstantTimeEq;

use crate::keys::PublicKey;
use crate::proto::rng::Secret;

pub(super) struct Resolver {
    pub(super) ephemeral: Secret,
    /// The public key of the private key passed to `snow`, if any: recomputing it in every
    /// handshake would be a third of the work.
    pub(super) own: Option<PublicKey>,
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Drawn(Some(self.ephemeral.clone()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        match choice {
            DHChoice::Curve25519 => Some(Box::new(X25519 {
                private: Secret::default(),
                public: [0; 32],
                known: self.own,
            })),
            _ => None,
        }
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        RingResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        RingResolver.resolve_cipher(choice)
    }
}

/// The ephemeral secret, which can be taken once.
struct Drawn(Option<Secret>);

impl Random for Drawn {
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Error> {
        let drawn = self.0.take().ok_or(Error::Rng)?;
        if to.len() != drawn.len() {
            return Err(Error::Rng);
        }
        to.copy_from_slice(&*drawn);
        Ok(())
    }
}

/// X25519 (RFC 7748). Wiped on drop.
struct X25519 {
    private: Secret,
    public: [u8; 32],
    known: Option<PublicKey>,
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, private: &[u8]) {
        self.private.copy_from_slice(private);
        self.public = match &self.known {
            Some(public) => *public.as_bytes(),
            None => MontgomeryPoint::mul_base_clamped(*self.private).to_bytes(),
        };
    }

    fn generate(&mut self, random: &mut dyn Random) -> Result<(), Error> {
        random.try_fill_bytes(&mut *self.private)?;
        self.public = MontgomeryPoint::mul_base_clamped(*self.private).to_bytes();
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        &*self.private
    }

    /// Fails for low-order public keys, which make every shared secret zero (RFC 7748 section 6.1).
    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let public = public.first_chunk().ok_or(Error::Dh)?;
        let shared = MontgomeryPoint(*public).mul_clamped(*self.private);
        if shared.as_bytes().ct_eq(&[0; 32]).into() {
            return Err(Error::Dh);
        }
        out.get_mut(..32)
            .ok_or(Error::Dh)?
            .copy_from_slice(shared.as_bytes());
        Ok(())
    }
}
