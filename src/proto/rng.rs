//! The seeded generator, the source of all randomness of a host.

use std::fmt;
use std::hash::BuildHasher;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use siphasher::sip::SipHasher13;
#[cfg(feature = "noise")]
use zeroize::Zeroizing;

/// 32 secret bytes, wiped on drop.
#[cfg(feature = "noise")]
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// A cryptographically secure generator (`ChaCha20`): unpredictable without the seed.
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

    /// Secret bytes, wiped on drop.
    ///
    /// The generator then reseeds itself (backtracking resistance), so the memory of a running host
    /// does not reveal the secrets of past handshakes.
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

    /// Keys for hash tables with attacker-chosen entries, so collisions cannot be computed.
    pub(crate) fn hash_keys(&mut self) -> HashKeys {
        HashKeys(self.number(), self.number())
    }
}

impl fmt::Debug for SeededRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededRng").finish_non_exhaustive()
    }
}

/// Keyed hash function of a table. The default of the standard library would take its keys from the
/// system's entropy.
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
    fn reseeds_after_a_secret() {
        let (mut one, mut other) = (SeededRng::from_seed([1; 32]), SeededRng::from_seed([1; 32]));
        let [secret, seed]: [[u8; 32]; 2] = [one.bytes(), one.bytes()];
        assert_eq!(*other.secret(), secret);
        assert_eq!(other.number(), SeededRng::from_seed(seed).number());
        assert_ne!(one.number(), SeededRng::from_seed(seed).number());
    }
}
