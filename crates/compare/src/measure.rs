//! Repeats runs with several seeds: one after the other on virtual time, concurrently in real time.

use std::time::{Duration, Instant};

use tickwire_measure::open_files;

use crate::condition::Condition;
use crate::libraries::{Failure, Library};
use crate::outcome::{Outcome, Row};
use crate::run::Run;
use crate::{Options, TICK_RATE, real_time};

/// Sockets of a pair that owns its sockets, including those of the relay.
const SOCKETS_MAX: usize = 4;

/// Every condition of a library.
///
/// # Errors
///
/// A run could not start.
pub(crate) fn rows(library: Library, options: &Options) -> Result<Vec<Row>, Failure> {
    if library.needs_real_time() {
        open_files::fit_clients(options.loss.len() * options.rounds as usize * SOCKETS_MAX)?;
    }
    let now = Instant::now();
    let mut runs = Vec::new();
    for condition in &options.loss {
        for seed in 0..u64::from(options.rounds) {
            runs.push(Run::new(library, *condition, seed, options.messages, now)?);
        }
    }
    if library.needs_real_time() {
        let (ticks, late) = real_time::tick_all(&mut runs);
        eprintln!(
            "{late} of {ticks} ticks began more than {:?} late",
            real_time::LATE
        );
    } else {
        on_virtual_time(&mut runs, now);
    }
    let mut outcomes = runs.into_iter().map(Run::into_outcome);
    let row = |condition: &Condition| {
        let mut sum = Outcome::new(0);
        for outcome in outcomes.by_ref().take(options.rounds as usize) {
            sum.add(outcome);
        }
        sum.row(library.name(), *condition)
    };
    Ok(options.loss.iter().map(row).collect())
}

/// The same seed gives the same figures.
fn on_virtual_time(runs: &mut [Run], start: Instant) {
    for run in runs {
        let mut tick = 0;
        while !run.is_over() {
            run.tick(tick_time(start, tick));
            tick += 1;
        }
    }
}

/// Rounded down as in `tickwire bench messages`, to whole nanoseconds per tick.
pub(crate) fn tick_time(start: Instant, tick: u32) -> Instant {
    start + Duration::from_secs(1) / TICK_RATE * tick
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: u32 = 60;

    fn outcome(library: Library, loss: &str, seed: u64) -> Outcome {
        let now = Instant::now();
        let condition = loss.parse().unwrap();
        let mut runs = [Run::new(library, condition, seed, MESSAGES, now).unwrap()];
        if library.needs_real_time() {
            real_time::tick_all(&mut runs);
        } else {
            on_virtual_time(&mut runs, now);
        }
        let [run] = runs;
        run.into_outcome()
    }

    #[test]
    fn every_library_delivers_everything_in_order_without_loss() {
        for library in Library::ALL {
            let outcome = outcome(library, "0%", 1);
            assert_eq!(outcome.failure, None, "{library:?}");
            assert!(outcome.is_complete(), "{library:?}");
        }
    }

    #[test]
    fn every_library_delivers_everything_in_order_with_loss() {
        for library in Library::ALL
            .into_iter()
            .filter(|each| !each.needs_real_time())
        {
            let outcome = outcome(library, "15%", 2);
            assert_eq!(outcome.failure, None, "{library:?}");
        }
    }

    #[test]
    fn a_run_on_virtual_time_is_reproducible_from_its_seed() {
        for library in Library::ALL
            .into_iter()
            .filter(|each| !each.needs_real_time())
        {
            let first = outcome(library, "15%x3", 3);
            assert_eq!(first, outcome(library, "15%x3", 3), "{library:?}");
            assert_ne!(first, outcome(library, "15%x3", 4), "{library:?}");
        }
    }

    #[test]
    fn keeps_the_figure_that_the_readme_quotes() {
        let library = Library::ALL[0];
        let condition = "5%".parse().unwrap();
        let now = Instant::now();
        let run = |seed| Run::new(library, condition, seed, 1200, now).unwrap();
        let mut runs: Vec<_> = (0..10).map(run).collect();
        on_virtual_time(&mut runs, now);
        let mut sum = Outcome::new(0);
        for run in runs {
            sum.add(run.into_outcome());
        }
        let row = sum.row(library.name(), condition);
        let millis = [row.p50_ms, row.p90_ms, row.p99_ms].map(|latency| latency.millis().unwrap());
        let why = "README.md, benches/README.md and benches/compare.svg show other figures";
        assert_eq!(millis.map(f64::round), [50.0, 50.0, 67.0], "{why}");
    }
}
