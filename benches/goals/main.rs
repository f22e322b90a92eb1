//! Every promised figure, measured against a named floor in the same run.
//!
//! `cargo bench --bench goals` prints a table of goals with what was measured and `ok` or `short`;
//! `-- drain` keeps the goals whose name contains "drain". As a test (`cargo test --benches`) it runs
//! one small round of everything and fails where a datagram was lost on the way.
//!
//! The harness (`runner`, `statistics`, `report`, `settings`) knows nothing of what is measured, and
//! a topic knows nothing of rounds and intervals. A new figure is a [`Goal`](runner::Goal) in one of
//! the topics, or a new topic.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "the floors call Linux directly")
)]

#[cfg(target_os = "linux")]
mod affinity;
#[cfg(target_os = "linux")]
mod cpu;
#[cfg(target_os = "linux")]
mod floors;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod open_files;
#[cfg(target_os = "linux")]
mod report;
mod runner;
mod settings;
mod statistics;
#[cfg(target_os = "linux")]
mod topics;
#[cfg(target_os = "linux")]
mod work;

use std::process::ExitCode;
use std::{env, io};

use crate::settings::Settings;

fn main() -> ExitCode {
    let settings = match Settings::from_args(env::args().skip(1)) {
        Ok(settings) => settings,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    match run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the benchmark could not be run: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_os = "linux")]
fn run(mut settings: Settings) -> io::Result<()> {
    if settings.is_test {
        statistics::check();
    }
    let machine = machine::Machine::look()?;
    open_files::allow_all()?;
    settings.fit(machine.queued_max());

    let mut report = report::Report::default();
    for topic in topics::all(&settings) {
        if topic.goals.iter().any(|goal| settings.wants(goal.name)) {
            let outcome = runner::run(&topic, &settings)?;
            report.add(&topic, &outcome, &settings);
        }
    }
    if settings.is_test {
        // Times of a build without optimizations are no news.
        println!("{} goals measured once, nothing was lost", report.goals());
    } else {
        report.print(&machine, &settings);
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn run(_settings: Settings) -> io::Result<()> {
    println!("The goals are stated against Linux system calls; there is nothing to measure here.");
    Ok(())
}
