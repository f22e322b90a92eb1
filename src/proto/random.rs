//! Everything unpredictable of a host, out of one seed: the protocol has no entropy of its own, so the
//! same seed and the same inputs give the same packets.

use std::fmt;
use std::hash::BuildHasher;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use siphasher::sip::SipHasher13;

#[cfg(feature = "noise")]
use super::noise::Secret;

/// A generator that nobody can foresee who does not know the seed (`ChaCha20`).
pub(crate) struct Random(ChaCha20Rng);

impl Random {
    pub(crate) fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Bytes that are wiped when nobody needs them any more.
    #[cfg(feature = "noise")]
    pub(crate) fn secret(&mut self) -> Secret {
        let mut secret = Secret::default();
        self.0.fill_bytes(&mut *secret);
        secret
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The keys of hash tables whose keys come from strangers, who must not be able to choose them so
    /// that they collide.
    pub(crate) fn hash_keys(&mut self) -> HashKeys {
        HashKeys(self.number(), self.number())
    }
}

/// Shows nothing of its state, which is a secret.
impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

/// How a table hashes. The standard library's own would ask the system for its keys.
#[derive(Clone)]
pub(crate) struct HashKeys(u64, u64);

impl BuildHasher for HashKeys {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

impl fmt::Debug for HashKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashKeys").finish_non_exhaustive()
    }
}
