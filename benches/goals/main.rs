//! Every promised figure, measured against a named floor in the same run.
//!
//! `cargo bench --bench goals` prints a table of goals with what was measured and `ok` or `short`; `-- drain` keeps the
//! goals whose name contains "drain". As a test (`cargo test --benches`) it runs one small round of everything and
//! fails where a datagram was lost.
//!
//! The rounds, the statistics and the report are those of `crates/measure`, which knows nothing of what is measured. A
//! new figure is a [`Goal`](tickwire_measure::runner::Goal) in one of the topics, or a new topic.
#![deny(unsafe_code)]
#![cfg_attr(
    not(target_os = "linux"),
    allow(
        dead_code,
        unused_crate_dependencies,
        reason = "the floors call Linux directly"
    )
)]

#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "the floor: what a safe wrapper costs must not be part of it"
)]
mod raw;
#[cfg(target_os = "linux")]
mod topics;
#[cfg(target_os = "linux")]
mod work;

use std::process::ExitCode;
use std::{env, io};

use tickwire_measure::settings::Settings;

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
            eprintln!("cannot measure: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_os = "linux")]
fn run(mut settings: Settings) -> io::Result<()> {
    use tickwire::SocketConfig;
    use tickwire_measure::machine::Machine;
    use tickwire_measure::open_files;
    use tickwire_measure::receive_buffer::ReceiveBuffer;
    use tickwire_measure::report::Report;
    use tickwire_measure::runner;

    let requested = SocketConfig::default().receive_buffer.unwrap_or(0);
    let receive_buffer = ReceiveBuffer::request(requested)?;
    settings.limit_datagrams(receive_buffer.datagrams(work::DATAGRAM_CHARGE));

    if !settings.is_test {
        open_files::fit_clients(topics::CLIENTS_MAX)?;
    }

    let mut report = Report::default();
    for topic in topics::all(&settings) {
        if topic.goals.iter().any(|goal| settings.wants(goal.name)) {
            let outcome = runner::run(&topic, &settings)?;
            report.add(&topic, &outcome, &settings);
        }
    }
    if settings.is_test {
        if let Some(loss) = report.first_loss() {
            return Err(io::Error::other(loss));
        }
        // Times of a build without optimizations say nothing.
        println!("{} goals measured once, nothing was lost", report.goals());
        return Ok(());
    }
    println!("{report}");
    println!(
        "Measured: the median of the ratios of the two within each round, and its 95% interval. {} rounds of {} \
         datagrams of {} bytes, in an order drawn anew for each (seed {}), {:.0} s.\n{}; {receive_buffer}",
        settings.rounds,
        settings.datagrams,
        work::DATAGRAM_LEN,
        settings.seed,
        settings.started.elapsed().as_secs_f64(),
        Machine::current(),
    );
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn run(_settings: Settings) -> io::Result<()> {
    println!("The goals are stated against Linux system calls; there is nothing to measure here.");
    Ok(())
}
