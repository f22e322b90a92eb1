//! Repeats runs with several seeds: on virtual time one after the other, in real time all at once.

use std::thread;
use std::time::{Duration, Instant};

use crate::condition::Condition;
use crate::libraries::{Failure, Library};
use crate::outcome::{Outcome, Row};
use crate::run::Run;
use crate::{Options, TICK_RATE};

/// Longest single sleep in real time.
const SLEEP_MAX: Duration = Duration::from_millis(1);

/// A tick that begins later than this is reported: many of them make real time unusable.
const LATE: Duration = Duration::from_millis(5);

/// Every condition of a library.
///
/// # Errors
///
/// A run could not start.
pub(crate) fn rows(library: Library, options: &Options) -> Result<Vec<Row>, Failure> {
    let now = Instant::now();
    let mut runs = Vec::new();
    for condition in &options.loss {
        for seed in 0..u64::from(options.rounds) {
            runs.push(Run::new(library, *condition, seed, options.messages, now)?);
        }
    }
    if library.needs_real_time() {
        let (ticks, late) = in_real_time(&mut runs);
        eprintln!("{late} of {ticks} ticks began more than {LATE:?} late");
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

/// As fast as the machine computes. The same seed gives the same figures.
fn on_virtual_time(runs: &mut [Run], start: Instant) {
    for run in runs {
        let mut tick = 0;
        while !run.is_over() {
            run.tick(tick_time(start, tick));
            tick += 1;
        }
    }
}

/// All runs tick together, by the clock. The links see the nominal time of each tick, so a tick that the system starts
/// late delays no datagram, but the library's own timers have advanced. Returns how many ticks there were, and how many
/// of them began late.
fn in_real_time(runs: &mut [Run]) -> (u32, u32) {
    let (start, mut tick, mut late) = (Instant::now(), 0, 0);
    while !runs.iter().all(Run::is_over) {
        let at = tick_time(start, tick);
        sleep_until(at);
        late += u32::from(at.elapsed() > LATE);
        for run in runs.iter_mut() {
            run.tick(at);
        }
        tick += 1;
    }
    (tick, late)
}

/// Rounded down as in `tickwire bench messages`, to whole nanoseconds per tick.
fn tick_time(start: Instant, tick: u32) -> Instant {
    start + Duration::from_secs(1) / TICK_RATE * tick
}

fn sleep_until(at: Instant) {
    loop {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(SLEEP_MAX));
    }
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
            in_real_time(&mut runs);
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
    fn three_ticks_are_the_least_latency() {
        let library = Library::ALL[0];
        let row = outcome(library, "0%", 5).row(library.name(), "0%".parse().unwrap());
        let millis = row.p99_ms.millis().unwrap();
        assert!((millis - 50.0).abs() < 0.01, "{millis} ms");
    }
}
