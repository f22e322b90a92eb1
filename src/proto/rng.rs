//! Everything unpredictable of a host, out of one seed: the protocol has no entropy of its own, so the
//! same seed and the same inputs give the same packets.

use std::fmt;
use std::hash::BuildHasher;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use siphasher::sip::SipHasher13;
#[cfg(feature = "noise")]
use zeroize::Zeroizing;

/// 32 secret bytes, wiped on drop.
#[cfg(feature = "noise")]
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// A generator that nobody can foresee who does not know the seed (`ChaCha20`).
pub(crate) struct SeededRng(ChaCha20Rng);

impl SeededRng {
    pub(crate) fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Bytes that are wiped when nobody needs them any more.
    ///
    /// The generator goes on from a seed that it draws itself, so that nobody who looks into it later
    /// can compute what was drawn before: otherwise the secrets of every handshake so far could be read
    /// off a running host.
    #[cfg(feature = "noise")]
    pub(crate) fn secret(&mut self) -> Secret {
        let (mut secret, mut seed) = (Secret::default(), Secret::default());
        self.0.fill_bytes(&mut *secret);
        self.0.fill_bytes(&mut *seed);
        self.0 = ChaCha20Rng::from_seed(*seed);
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
impl fmt::Debug for SeededRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededRng").finish_non_exhaustive()
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

#[cfg(all(test, feature = "noise"))]
mod tests {
    use super::*;

    #[test]
    fn after_a_secret_the_generator_goes_on_from_a_seed_of_its_own() {
        let (mut one, mut other) = (SeededRng::from_seed([1; 32]), SeededRng::from_seed([1; 32]));
        let [secret, seed]: [[u8; 32]; 2] = [one.bytes(), one.bytes()];
        assert_eq!(*other.secret(), secret);
        assert_eq!(other.number(), SeededRng::from_seed(seed).number());
        assert_ne!(one.number(), SeededRng::from_seed(seed).number());
    }
}
