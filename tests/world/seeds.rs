//! How many worlds a test tries.

use std::env;

/// Runs `body` with the seeds from 0 on: `count` of them, or as many as `TICKWIRE_SEEDS` asks for, or
/// only the one that `TICKWIRE_SEED` names.
pub(crate) fn for_each_seed(count: u64, body: impl Fn(u64)) {
    if let Some(seed) = number("TICKWIRE_SEED") {
        body(seed);
        return;
    }
    let count = number("TICKWIRE_SEEDS").map_or(count, |asked| asked.max(count));
    (0..count).for_each(body);
}

/// Whether there is time for what takes minutes: `TICKWIRE_SEEDS` is set.
pub(crate) fn is_thorough() -> bool {
    number("TICKWIRE_SEEDS").is_some()
}

/// Whether somebody looks at one seed alone.
pub(crate) fn is_single() -> bool {
    number("TICKWIRE_SEED").is_some()
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().expect("a number of seeds, or a seed"))
}
