//! Seeds of randomised tests.

use std::env;

/// Runs `body` with the seeds `0..count`. `TICKWIRE_SEEDS` raises the count, and `TICKWIRE_SEED`
/// selects a single seed.
pub(crate) fn for_each_seed(count: u64, body: impl Fn(u64)) {
    if let Some(seed) = number("TICKWIRE_SEED") {
        body(seed);
        return;
    }
    let count = number("TICKWIRE_SEEDS").map_or(count, |asked| asked.max(count));
    (0..count).for_each(body);
}

/// Whether `TICKWIRE_SEEDS` is set, which permits runs of minutes.
pub(crate) fn is_thorough() -> bool {
    number("TICKWIRE_SEEDS").is_some()
}

pub(crate) fn is_single() -> bool {
    number("TICKWIRE_SEED").is_some()
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().expect("a number of seeds, or a seed"))
}
