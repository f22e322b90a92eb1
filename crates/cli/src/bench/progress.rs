//! A progress bar on a terminal, and never in a pipe: at once where it is known
//! that the measurement takes longer than two seconds, otherwise after two seconds.
//!
//! It is gone when the measurement ends, fails or is ended by a signal.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::signals;

/// What takes no longer than this needs no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a bar is drawn while something is measured: seldom enough that no percentile up to p99.9
/// of a thousand datagrams a second has it in.
pub(crate) const REDRAW: Duration = Duration::from_secs(1);

/// How far a benchmark is. Drawn by the calling thread, and never by a thread of its own.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    /// Where it is known how long each step takes.
    clock: Option<Clock>,
}

impl Progress {
    /// `steps` are measurements of about the same length, which is not known. The bar moves between
    /// them.
    pub(crate) fn new(steps: u64) -> Self {
        Self::with_style(steps, "{bar:40} {pos}/{len} {msg}", None)
    }

    /// As `new`; each step takes so long, and the bar moves with the time.
    pub(crate) fn of_length(steps: u64, each: Duration) -> Self {
        let clock = Clock::new(each);
        let total = clock.after(steps);
        let style = "{bar:40} {elapsed} of {prefix}, {msg}";
        let progress = Self::with_style(millis(total), style, Some(clock));
        let whole_seconds = Duration::from_secs(total.as_secs());
        progress
            .bar
            .set_prefix(humantime::format_duration(whole_seconds).to_string());
        if total > PATIENCE {
            progress.show();
        }
        progress
    }

    fn with_style(len: u64, style: &str, clock: Option<Clock>) -> Self {
        let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Self {
            bar,
            started: Instant::now(),
            clock,
        }
    }

    /// The next measurement begins.
    pub(crate) fn next(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
        if let Some(clock) = &self.clock {
            clock.on_begin(Instant::now());
        } else if self.started.elapsed() > PATIENCE && self.bar.is_hidden() {
            self.show();
        }
        self.bar.tick();
    }

    /// Time passes while it goes on: to be called every [`REDRAW`].
    pub(crate) fn pass(&self) {
        if let Some(clock) = &self.clock {
            // That draws it as well.
            self.bar.set_position(millis(clock.at(Instant::now())));
        }
    }

    /// It has ended.
    pub(crate) fn step(&self) {
        match &self.clock {
            Some(clock) => clock.on_end(),
            None => self.bar.inc(1),
        }
    }

    /// Whether it is shown on a terminal.
    pub(crate) fn is_shown(&self) -> bool {
        !self.bar.is_hidden()
    }

    fn show(&self) {
        // indicatif draws nothing where standard error is not a terminal.
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        if self.is_shown() {
            let bar = self.bar.clone();
            signals::before_end(move || bar.finish_and_clear());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How much of a known time is over.
#[derive(Debug)]
struct Clock {
    each: Duration,
    done: Cell<u64>,
    /// When the step that goes on began.
    began: Cell<Option<Instant>>,
}

impl Clock {
    fn new(each: Duration) -> Self {
        Self {
            each,
            done: Cell::new(0),
            began: Cell::new(None),
        }
    }

    fn on_begin(&self, now: Instant) {
        self.began.set(Some(now));
    }

    fn on_end(&self) {
        self.done.set(self.done.get() + 1);
        self.began.set(None);
    }

    /// A step that takes longer than it should stands still at its end.
    fn at(&self, now: Instant) -> Duration {
        let since = |began| now.saturating_duration_since(began).min(self.each);
        let of_this = self.began.get().map_or(Duration::ZERO, since);
        self.after(self.done.get()) + of_this
    }

    fn after(&self, steps: u64) -> Duration {
        self.each
            .saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_step_moves_with_the_time_and_not_beyond_its_end() {
        let clock = Clock::new(10 * SECOND);
        let now = Instant::now();
        assert_eq!(clock.at(now), Duration::ZERO);
        clock.on_begin(now);
        assert_eq!(clock.at(now + 3 * SECOND), 3 * SECOND);
        assert_eq!(clock.at(now + 11 * SECOND), 10 * SECOND);
        clock.on_end();
        assert_eq!(clock.at(now + 12 * SECOND), 10 * SECOND);
        clock.on_begin(now + 12 * SECOND);
        assert_eq!(clock.at(now + 13 * SECOND), 11 * SECOND);
        assert_eq!(clock.after(3), 30 * SECOND);
    }
}
