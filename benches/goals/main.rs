//! Every goal, measured against a named floor in the same run.
//!
//! `cargo bench --bench goals` prints each goal with its ratio and `ok` or `short`; `-- drain`
//! selects the goals whose name contains "drain". As a test (`cargo test --benches`) it runs one
//! small round of everything and fails if a datagram was lost.
//!
//! `goals.md` lists the goals, `topics` implements their subjects. `crates/measure` has the rounds,
//! the statistics and the report.
#![deny(unsafe_code)]
#![cfg_attr(
    not(target_os = "linux"),
    allow(unused_crate_dependencies, reason = "the floors call Linux directly")
)]

#[cfg(target_os = "linux")]
mod prelude;
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

#[cfg(target_os = "linux")]
fn main() {
    let settings = prelude::Settings::from_args(std::env::args().skip(1));
    if let Err(error) = run(settings.unwrap_or_else(|error| error.exit())) {
        eprintln!("cannot measure: {error}");
        std::process::exit(1);
    }
}

#[cfg(target_os = "linux")]
fn run(mut settings: prelude::Settings) -> std::io::Result<()> {
    use tickwire_measure::machine::Machine;
    use tickwire_measure::report::Report;
    use tickwire_measure::{goals, runner};

    let receive_buffer = work::limit_datagrams(&mut settings)?;
    let mut report = Report::default();
    for topic in goals::parse(include_str!("goals.md")) {
        if topic.goals.iter().any(|goal| settings.wants(goal.name)) {
            let entries = topics::enter(topic.title, &settings)?;
            let costs = runner::run(&topic, entries, &settings)?;
            report.add(&topic, &costs, &settings);
        }
    }
    if settings.is_test() {
        // Times of a debug build are meaningless.
        report.first_loss.map_or(Ok(()), work::failure)?;
        println!("{} goals measured once, nothing was lost", report.measured);
        return Ok(());
    }
    println!(
        "{report}\nMeasured: the median of the ratios of the two within each round, and its 95% interval. {} rounds of \
         {} datagrams of {} bytes, in an order drawn anew for each (seed {}), {:.0} s.\n{}; {receive_buffer}",
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
fn main() {
    println!("The goals are stated against Linux system calls; there is nothing to measure here.");
}
