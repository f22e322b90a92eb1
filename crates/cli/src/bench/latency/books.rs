//! Everything that a round writes down. All of it is there before its start is set.

use super::answers::{Answers, Missing};
use super::departures::Departures;
use super::drive::Leaving;
use super::journal::Journal;
use super::pace::{Pace, Span};
use super::probe::Probe;
use crate::error::CliError;

/// What was measured, and what it takes to measure at a rate.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) journal: Journal,
    departures: Departures,
    missing: Missing,
}

impl Books {
    /// For as many datagrams as are due in `span`; in closed loop, which is without a rate, the
    /// journal is all that is needed.
    pub(super) fn of(span: Span, per_second: Option<u32>) -> Result<Self, CliError> {
        let total = per_second.map_or(0, |rate| span.datagrams(rate));
        Ok(Self {
            journal: Journal::new(span.duration)?,
            departures: Departures::of(total),
            missing: Missing::all(total),
        })
    }

    /// What sends at a pace, and what takes in the answers.
    pub(super) fn open<'a>(
        &'a mut self,
        pace: &'a Pace,
        probe: &'a Probe,
    ) -> (Leaving<'a>, Answers<'a>) {
        let answers = Answers {
            pace,
            probe,
            departures: &self.departures,
            missing: &mut self.missing,
            journal: &mut self.journal,
        };
        (Leaving::new(pace, probe, &self.departures), answers)
    }
}
