//! A progress bar on a terminal, and never in a pipe: at once where it is known that the
//! measurement takes longer than two seconds, otherwise after two seconds.
//!
//! It is gone when the measurement ends, fails or is ended by a signal.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::signals;

/// What takes no longer than this needs no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a bar is drawn while something is measured: seldom enough that no percentile up to
/// p99.9 of a thousand datagrams a second has it in.
pub(crate) const REDRAW: Duration = Duration::from_secs(1);

/// How far a benchmark is. Drawn by the calling thread, and never by a thread of its own.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Whether it takes longer than [`PATIENCE`] for sure.
    is_long: bool,
    drawn: Cell<Instant>,
}

impl Progress {
    /// `steps` are measurements of about the same length, `each` where it is known. The bar moves
    /// between them.
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

    /// The next measurement begins.
    pub(crate) fn next(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
        let is_long = self.is_long || self.bar.elapsed() > PATIENCE;
        if is_long && !self.is_shown() {
            self.show();
        }
        self.bar.tick();
    }

    /// Redraws the line if [`REDRAW`] has passed. To be called at least that often during a run.
    pub(crate) fn pass(&self) {
        if self.drawn.get().elapsed() >= REDRAW {
            self.drawn.set(Instant::now());
            self.bar.tick();
        }
    }

    /// It has ended.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
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
