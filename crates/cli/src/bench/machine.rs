//! What the figures were measured on.

use std::{fmt, fs, thread};

use serde::Serialize;

/// The machine, as far as it matters for a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Machine {
    /// The operating system and, where it is known, the version of its kernel.
    system: String,
    cpu: String,
    /// How many threads can run at once.
    cpus: usize,
    /// The version of tickwire that measured.
    tickwire: &'static str,
    /// Built by `--release` or like it. Otherwise the figures are of checks that nobody ships.
    optimized: bool,
}

impl Machine {
    pub(crate) fn look() -> Self {
        Self {
            system: system(),
            cpu: cpu(),
            cpus: thread::available_parallelism().map_or(1, usize::from),
            tickwire: env!("CARGO_PKG_VERSION"),
            optimized: cfg!(not(debug_assertions)),
        }
    }

    pub(crate) fn cpus(&self) -> usize {
        self.cpus
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            system,
            cpu,
            cpus,
            tickwire,
            optimized,
        } = self;
        write!(f, "tickwire {tickwire} on {system}, {cpus} CPUs ({cpu})")?;
        if !optimized {
            write!(f, ", not optimized: build with --release to measure")?;
        }
        Ok(())
    }
}

fn system() -> String {
    let version = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, version.trim())
        .trim_end()
        .to_owned()
}

fn cpu() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    // A missing name is no reason to measure nothing.
    model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_says_what_it_is() {
        let text = Machine::look().to_string();
        assert!(
            text.contains(std::env::consts::OS) && text.contains("CPUs"),
            "{text}"
        );
    }

    #[test]
    fn a_build_that_is_no_release_says_so() {
        let told = |optimized| {
            let machine = Machine {
                optimized,
                ..Machine::look()
            };
            machine.to_string().contains("build with --release")
        };
        assert!(told(false) && !told(true));
    }
}
