//! A progress bar on a terminal: at once if the measurement is known to take more than two seconds,
//! otherwise after two seconds. It is removed at the end.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::signals;

/// A shorter measurement has no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// Interval between redraws during a measurement: long enough not to affect p99.9 of 1,000
/// datagrams per second.
pub(crate) const REDRAW: Duration = Duration::from_secs(1);

/// The progress of a benchmark, drawn by the calling thread.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Whether it is known to take longer than [`PATIENCE`].
    is_long: bool,
    drawn: Cell<Instant>,
}

impl Progress {
    /// Progress over `steps` measurements of similar length, `each` if known.
    pub(crate) fn new(steps: u64, each: Option<Duration>) -> Self {
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len}, {elapsed}{prefix}, {msg}");
        bar.set_style(style.expect("the template is valid"));
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        let total = each.map(|each| each.saturating_mul(steps).as_secs());
        if let Some(seconds) = total {
            let total = humantime::format_duration(Duration::from_secs(seconds));
            bar.set_prefix(format!(" of {total}"));
        }
        Self {
            bar,
            is_long: total > Some(PATIENCE.as_secs()),
            drawn: Cell::new(Instant::now()),
        }
    }

    pub(crate) fn next(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
        let is_long = self.is_long || self.bar.elapsed() > PATIENCE;
        if is_long && !self.is_shown() {
            self.show();
        }
        self.bar.tick();
    }

    /// Redraws the bar if [`REDRAW`] has passed. Call it at least that often.
    pub(crate) fn pass(&self) {
        if self.drawn.get().elapsed() >= REDRAW {
            self.drawn.set(Instant::now());
            self.bar.tick();
        }
    }

    /// Removes the bar.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// Whether it is drawn.
    pub(crate) fn is_shown(&self) -> bool {
        !self.bar.is_hidden()
    }

    fn show(&self) {
        // indicatif draws nothing if standard error is not a terminal.
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
