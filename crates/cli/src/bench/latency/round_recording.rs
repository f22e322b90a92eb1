//! Everything that a round writes down. All of it is there before its start is set.

use super::answers::{Answers, Missing};
use super::in_flight::InFlight;
use super::load_generator::Leaving;
use super::probe::Probe;
use super::recording::Recording;
use super::send_schedule::{SendSchedule, Span};
use crate::failure::Failure;

/// What was measured, and what it takes to measure at a rate.
#[derive(Debug)]
pub(super) struct RoundRecording {
    pub(super) recording: Recording,
    in_flight: InFlight,
    missing: Missing,
}

impl RoundRecording {
    /// For as many datagrams as are due in `span`; in closed loop, which is without a rate, the
    /// recording is all that is needed.
    pub(super) fn of(span: Span, per_second: Option<u32>) -> Result<Self, Failure> {
        let total = per_second.map_or(0, |rate| span.datagrams(rate));
        Ok(Self {
            recording: Recording::new(span.duration)?,
            in_flight: InFlight::of(total),
            missing: Missing::all(total),
        })
    }

    /// What sends at a schedule, and what takes in the answers.
    pub(super) fn open<'a>(
        &'a mut self,
        schedule: &'a SendSchedule,
        probe: &'a Probe,
    ) -> (Leaving<'a>, Answers<'a>) {
        let answers = Answers {
            schedule,
            probe,
            in_flight: &self.in_flight,
            missing: &mut self.missing,
            recording: &mut self.recording,
        };
        (Leaving::new(schedule, probe, &self.in_flight), answers)
    }
}
