//! Random numbers of a datagram: 64-bit draws from a seeded generator, and their interpretation.
//!
//! The same on every platform: only integer operations, and floating-point operations that IEEE 754
//! specifies exactly. The last bit of a logarithm differs between systems.

use std::time::Duration;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// All of them are always drawn.
#[derive(Debug)]
pub(super) struct DatagramDraws {
    pub(super) loss: u64,
    pub(super) duplication: u64,
    pub(super) original: CopyDraws,
    pub(super) copy: CopyDraws,
}

#[derive(Debug)]
pub(super) struct CopyDraws {
    pub(super) jitter: u64,
    pub(super) reorder: u64,
    pub(super) corruption: u64,
    pub(super) bit: u64,
}

impl DatagramDraws {
    pub(super) fn draw(generator: &mut ChaCha8Rng) -> Self {
        Self {
            loss: generator.next_u64(),
            duplication: generator.next_u64(),
            original: CopyDraws::draw(generator),
            copy: CopyDraws::draw(generator),
        }
    }
}

impl CopyDraws {
    fn draw(generator: &mut ChaCha8Rng) -> Self {
        Self {
            jitter: generator.next_u64(),
            reorder: generator.next_u64(),
            corruption: generator.next_u64(),
            bit: generator.next_u64(),
        }
    }
}

/// `ChaCha8` suffices for a simulation, and is the fastest variant of the crate.
pub(super) fn generator(seed: u64) -> ChaCha8Rng {
    // Written out, because `seed_from_u64` may change between versions of the crate.
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// Whether an event of this probability, 0 (never) to 1 (always), happens with this draw.
pub(super) fn comes_up(probability: f64, draw: u64) -> bool {
    /// 2^63 rather than 2^64, so that the threshold of probability 1 fits in 64 bits.
    const CERTAIN: f64 = (1_u64 << 63) as f64;

    // Multiplication by a power of two is exact; only a probability below 2^-63 is truncated.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a probability below 2^-63 counts as zero"
    )]
    let threshold = (probability * CERTAIN) as u64;
    draw >> 1 < threshold
}

/// A uniform duration from zero to `longest`, inclusive. `longest` is limited to 2^64 ns (584
/// years).
pub(super) fn share_of(longest: Duration, draw: u64) -> Duration {
    let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(scale(draw, u128::from(nanos) + 1))
}

/// A uniform index below `count`; 0 if `count` is 0.
pub(super) fn index_below(count: usize, draw: u64) -> usize {
    let count = count as u128;
    usize::try_from(scale(draw, count)).unwrap_or(0)
}

/// Scales a draw to the numbers below `count`, at most 2^64. The bias is not measurable.
fn scale(draw: u64, count: u128) -> u64 {
    ((u128::from(draw) * count) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_zero_and_one_are_exact() {
        for draw in [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            assert!(comes_up(1.0, draw));
            assert!(!comes_up(0.0, draw));
        }
    }

    #[test]
    fn probability_maps_to_an_exact_share_of_draws() {
        assert!(comes_up(0.25, (1 << 62) - 1));
        assert!(!comes_up(0.25, 1 << 62));
    }

    #[test]
    fn a_share_reaches_both_ends() {
        let longest = Duration::from_nanos(9);
        assert_eq!(share_of(longest, 0), Duration::ZERO);
        assert_eq!(share_of(longest, u64::MAX), longest);
        assert_eq!(share_of(Duration::ZERO, u64::MAX), Duration::ZERO);
        let nanos = Duration::from_nanos(u64::MAX);
        assert_eq!(share_of(Duration::MAX, u64::MAX), nanos);
    }

    #[test]
    fn an_index_stays_below_its_count() {
        assert_eq!(index_below(8, u64::MAX), 7);
        assert_eq!(index_below(1, u64::MAX), 0);
        assert_eq!(index_below(0, u64::MAX), 0);
    }
}
