//! The command line of `cargo bench --bench goals`.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use clap::builder::RangedU64ValueParser;

/// Datagrams of a round in a test: more than three batches of 64, and an incomplete one.
const DATAGRAMS_IN_TEST: usize = 200;

/// Measures every goal against a named floor.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo bench --bench goals --")]
pub struct Settings {
    /// Set by `cargo bench`. Unset in a test, which runs one small round of everything.
    #[arg(long, hide = true)]
    bench: bool,
    /// Rounds of each topic. An odd number makes the median one of them.
    #[arg(long, value_name = "N", default_value = "251", value_parser = at_least_one())]
    pub rounds: usize,
    /// Datagrams in the socket at the start of a drain, and sent per round.
    #[arg(long, value_name = "N", default_value = "2000", value_parser = at_least_one())]
    pub datagrams: usize,
    /// Seed of the order of subjects within each round.
    #[arg(long, value_name = "N", default_value_t = seed_from_clock())]
    pub seed: u64,
    /// Start of the benchmark.
    #[arg(skip = Instant::now())]
    pub started: Instant,
    /// Measures only goals whose name contains one of these words.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

impl Settings {
    /// Parses command-line arguments. A test ignores the options of the usual test harness.
    ///
    /// # Errors
    ///
    /// An option of a benchmark is unknown or has no valid value.
    pub fn from_args(args: impl Iterator<Item = String>) -> Result<Self, clap::Error> {
        let mut args: Vec<String> = args.collect();
        if !args.iter().any(|arg| arg == "--bench") {
            args.retain(|arg| !arg.starts_with('-'));
        }
        args.insert(0, "goals".to_owned());
        let mut settings = Self::try_parse_from(args)?;
        settings.rounds = settings.size(settings.rounds, 1);
        settings.datagrams = settings.size(settings.datagrams, DATAGRAMS_IN_TEST);
        Ok(settings)
    }

    /// Whether this is one small round of everything, without a table: run by `cargo test`.
    #[must_use]
    pub fn is_test(&self) -> bool {
        !self.bench
    }

    /// Whether the goal of this name is selected.
    #[must_use]
    pub fn wants(&self, goal: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| goal.contains(word.as_str()))
    }

    /// `in_test` for a test, `in_bench` otherwise.
    pub fn size<T>(&self, in_bench: T, in_test: T) -> T {
        if self.bench { in_bench } else { in_test }
    }
}

/// A seed that differs from run to run.
#[must_use]
pub fn seed_from_clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |since| u64::from(since.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Settings, clap::Error> {
        Settings::from_args(args.iter().map(|&arg| arg.to_owned()))
    }

    #[test]
    fn a_test_is_one_short_round_and_ignores_options_of_a_harness() {
        let settings = parse(&["--nocapture"]).expect("it is a test");
        assert!(settings.is_test());
        assert_eq!(
            (settings.rounds, settings.datagrams),
            (1, DATAGRAMS_IN_TEST)
        );
    }

    #[test]
    fn a_benchmark_parses_its_options_and_words() {
        let settings = parse(&["--bench", "--rounds=3", "--seed=0", "drain"]);
        let settings = settings.expect("all is valid");
        assert_eq!((settings.rounds, settings.seed), (3, 0));
        assert_eq!(settings.datagrams, 2000);
        assert!(settings.wants("drain: a") && !settings.wants("send: b"));
        for wrong in ["--rounds=0", "--datagrams=x", "--fast"] {
            assert!(parse(&["--bench", wrong]).is_err(), "{wrong}");
        }
    }
}
