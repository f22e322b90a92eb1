//! What is measured and how often, from the command line.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How many rounds a topic is measured in. An odd number, so that the median is one of them.
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

#[derive(Debug)]
pub(crate) struct Settings {
    /// One small round of everything, without a table: run by `cargo test`.
    pub(crate) is_test: bool,
    pub(crate) rounds: usize,
    pub(crate) datagrams: usize,
    /// Decides the order of the subjects within each round.
    pub(crate) seed: u64,
    pub(crate) started: Instant,
    words: Vec<String>,
}

impl Settings {
    /// Cargo passes `--bench` when it runs a benchmark, and not when it runs a test.
    pub(crate) fn from_args(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let args: Vec<String> = args.collect();
        let mut settings = if args.iter().any(|arg| arg == "--bench") {
            Self::for_bench()
        } else {
            Self::for_test()
        };
        for arg in args.iter().filter(|arg| *arg != "--bench") {
            settings.take(arg)?;
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

    fn take(&mut self, arg: &str) -> Result<(), String> {
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
    pub(crate) fn wants(&self, goal: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| goal.contains(word.as_str()))
    }

    /// Sends no more at a time than a socket of this machine holds, and says so.
    pub(crate) fn fit(&mut self, queued_max: usize) {
        if self.datagrams > queued_max {
            println!(
                "The system grants receive buffers for only {queued_max} datagrams, so a round has \
                 that many instead of {} (sysctl net.core.rmem_max raises it).\n",
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

fn seed_from_clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |since| u64::from(since.subsec_nanos()))
}
