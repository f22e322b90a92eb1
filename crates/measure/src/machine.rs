//! The machine that the figures were measured on.

use std::{fmt, fs, thread};

use serde::Serialize;

/// Properties of the machine that affect figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The operating system and, if known, its kernel version.
    system: String,
    cpu: String,
    /// How many threads can run at once.
    cpus: usize,
    /// The measured version of tickwire.
    tickwire: &'static str,
    /// Whether it is an optimised build. A debug build measures debug checks.
    optimized: bool,
}

impl Machine {
    /// Queries the operating system.
    #[must_use]
    pub fn current() -> Self {
        Self {
            system: system(),
            cpu: cpu(),
            cpus: thread::available_parallelism().map_or(1, usize::from),
            tickwire: env!("CARGO_PKG_VERSION"),
            optimized: cfg!(not(debug_assertions)),
        }
    }

    /// How many threads can run at once.
    #[must_use]
    pub fn cpus(&self) -> usize {
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
            ..
        } = self;
        write!(f, "tickwire {tickwire} on {system}, {cpus} CPUs ({cpu})")?;
        if self.optimized {
            return Ok(());
        }
        write!(f, ", not optimized: build with --release to measure")
    }
}

fn system() -> String {
    let version = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = format!("{} {version}", std::env::consts::OS);
    system.trim_end().to_owned()
}

fn cpu() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut lines = cpuinfo.lines();
    let model = lines.find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    // A missing name does not prevent a measurement.
    model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_names_its_system_and_processors() {
        let text = Machine::current().to_string();
        assert!(
            text.contains(std::env::consts::OS) && text.contains("CPUs"),
            "{text}"
        );
    }

    #[test]
    fn an_unoptimized_build_is_marked() {
        let says_so = |optimized| {
            let machine = Machine {
                optimized,
                ..Machine::current()
            };
            machine.to_string().contains("build with --release")
        };
        assert!(says_so(false) && !says_so(true));
    }
}
