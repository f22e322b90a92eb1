//! A progress bar on a terminal, and never in a pipe: at once where it is known that the measurement takes longer than
//! two seconds, otherwise after two seconds.
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
    /// How long each step takes, where it is known.
    each: Option<Duration>,
    /// How long all of them take.
    total: Duration,
    done: Cell<u32>,
    /// When the step that goes on began.
    began: Cell<Instant>,
    drawn: Cell<Instant>,
}

impl Progress {
    /// `steps` are measurements of the same length. Where it is known the bar moves with the time, otherwise between
    /// them.
    pub(crate) fn new(steps: u32, each: Option<Duration>) -> Self {
        let total = each.map_or(Duration::ZERO, |each| each.saturating_mul(steps));
        let (len, style) = match each {
            Some(_) => (millis(total), "{bar:40} {elapsed} of {prefix}, {msg}"),
            None => (steps.into(), "{bar:40} {pos}/{len} {msg}"),
        };
        let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        let whole_seconds = Duration::from_secs(total.as_secs());
        bar.set_prefix(humantime::format_duration(whole_seconds).to_string());
        let started = Instant::now();
        Self {
            bar,
            started,
            each,
            total,
            done: Cell::new(0),
            began: Cell::new(started),
            drawn: Cell::new(started),
        }
    }

    /// The next measurement begins.
    pub(crate) fn next(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
        self.began.set(Instant::now());
        let is_long = self.total.max(self.started.elapsed()) > PATIENCE;
        if is_long && self.bar.is_hidden() {
            self.show();
        }
        self.bar.tick();
    }

    /// Time passes while it goes on: to be called every [`REDRAW`], or more often.
    pub(crate) fn pass(&self) {
        let (Some(each), true) = (self.each, self.drawn.get().elapsed() >= REDRAW) else {
            return;
        };
        self.drawn.set(Instant::now());
        let position = position(self.done.get(), self.began.get().elapsed(), each);
        // That draws it as well.
        self.bar.set_position(millis(position));
    }

    /// It has ended.
    pub(crate) fn step(&self) {
        self.done.set(self.done.get() + 1);
        if self.each.is_none() {
            self.bar.inc(1);
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

/// How much of the time of all steps is over. A step that takes longer than it should stands still at its end.
fn position(done: u32, since_began: Duration, each: Duration) -> Duration {
    each.saturating_mul(done) + since_began.min(each)
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
        let at = |done, since_began: u32| position(done, since_began * SECOND, 10 * SECOND);
        assert_eq!(at(0, 0), Duration::ZERO);
        assert_eq!(at(0, 3), 3 * SECOND);
        assert_eq!(at(0, 11), 10 * SECOND);
        assert_eq!(at(1, 0), 10 * SECOND);
        assert_eq!(at(1, 1), 11 * SECOND);
        assert_eq!(at(3, 0), 30 * SECOND);
    }
}
