//! What is measured and how often, from the command line of `cargo bench --bench goals`.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Rounds of a topic. An odd number, so that the median is one of them.
const ROUNDS: usize = 251;

/// How many datagrams wait in the socket when a drain begins, and how many one round sends.
const DATAGRAMS: usize = 2000;

/// The same for a test: more than three batches of 64, and an incomplete one.
const DATAGRAMS_IN_TEST: usize = 200;

const HELP: &str = "\
cargo bench --bench goals -- [OPTIONS] [WORD]...
  WORD             only the goals whose name contains one of the words
  --rounds=N       rounds of each topic, default 251
  --datagrams=N    datagrams of a round, default 2000
  --seed=N         the order within the rounds, default from the clock";

/// The parsed command line.
#[derive(Debug)]
pub struct Settings {
    /// One small round of everything, without a table: run by `cargo test`.
    pub is_test: bool,
    /// Rounds of each topic.
    pub rounds: usize,
    /// Datagrams of a round.
    pub datagrams: usize,
    /// Decides the order of the subjects within each round.
    pub seed: u64,
    /// When the benchmark began.
    pub started: Instant,
    words: Vec<String>,
}

impl Settings {
    /// Cargo passes `--bench` when it runs a benchmark, and not when it runs a test.
    ///
    /// # Errors
    ///
    /// An option is unknown or has no valid number, in words.
    pub fn from_args(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let args: Vec<String> = args.collect();
        let mut settings = if args.iter().any(|arg| arg == "--bench") {
            Self::for_bench()
        } else {
            Self::for_test()
        };
        for arg in args.iter().filter(|arg| *arg != "--bench") {
            settings.parse(arg)?;
        }
        Ok(settings)
    }

    fn for_bench() -> Self {
        Self {
            is_test: false,
            rounds: ROUNDS,
            datagrams: DATAGRAMS,
            seed: seed_from_clock(),
            started: Instant::now(),
            words: Vec::new(),
        }
    }

    fn for_test() -> Self {
        Self {
            is_test: true,
            rounds: 1,
            datagrams: DATAGRAMS_IN_TEST,
            ..Self::for_bench()
        }
    }

    fn parse(&mut self, arg: &str) -> Result<(), String> {
        let (name, value) = arg.split_once('=').unwrap_or((arg, ""));
        match name {
            "--rounds" => self.rounds = number(name, value)?,
            "--datagrams" => self.datagrams = number(name, value)?,
            "--seed" => self.seed = number(name, value)?,
            // The options of the usual test harness mean nothing here.
            _ if name.starts_with('-') && self.is_test => {}
            _ if name.starts_with('-') => return Err(format!("unknown option {arg}\n{HELP}")),
            _ => self.words.push(arg.to_owned()),
        }
        Ok(())
    }

    /// Whether the goal of this name was asked for.
    #[must_use]
    pub fn wants(&self, goal: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| goal.contains(word.as_str()))
    }

    /// `in_test` for a test, `in_bench` otherwise.
    pub fn size<T>(&self, in_bench: T, in_test: T) -> T {
        if self.is_test { in_test } else { in_bench }
    }

    /// Limits the datagrams of a round to what a socket of this machine holds, and says so.
    pub fn limit_datagrams(&mut self, queued_max: usize) {
        if self.datagrams > queued_max {
            println!(
                "The receive buffer holds only {queued_max} datagrams, so a round has that many instead of {}.\n",
                self.datagrams,
            );
            self.datagrams = queued_max;
        }
    }
}

fn number<T: std::str::FromStr + PartialEq + From<u8>>(
    name: &str,
    value: &str,
) -> Result<T, String> {
    value
        .parse()
        .ok()
        .filter(|number| name == "--seed" || *number != T::from(0))
        .ok_or_else(|| format!("{name} needs a number, for example {name}=100\n{HELP}"))
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

    fn parse(args: &[&str]) -> Result<Settings, String> {
        Settings::from_args(args.iter().map(|&arg| arg.to_owned()))
    }

    #[test]
    fn a_test_is_one_short_round_and_ignores_options_of_a_harness() {
        let settings = parse(&["--nocapture"]).expect("it is a test");
        assert!(settings.is_test);
        assert_eq!(
            (settings.rounds, settings.datagrams),
            (1, DATAGRAMS_IN_TEST)
        );
    }

    #[test]
    fn a_benchmark_takes_its_options_and_words() {
        let settings =
            parse(&["--bench", "--rounds=3", "--seed=0", "drain"]).expect("all is valid");
        assert_eq!((settings.rounds, settings.seed), (3, 0));
        assert!(settings.wants("drain: a") && !settings.wants("send: b"));
        for wrong in ["--rounds=0", "--datagrams=x", "--fast"] {
            assert!(parse(&["--bench", wrong]).is_err(), "{wrong}");
        }
    }
}
