//! The loop of ping: when a probe leaves, what comes back, what is lost, and the last word.

use std::time::{Duration, Instant};

use super::counters::{Counters, LateSends};
use super::pacing::ProbePacing;
use super::session::Session;
use super::transport::Transport;
use crate::error::CliError;
use crate::output::Output;
use crate::schedule::Due;
use crate::signals::StopSignal;

/// Everything of a run.
pub(super) struct Pinger<W> {
    pub(super) transport: W,
    pub(super) stop: StopSignal,
    pub(super) output: Output,
    pub(super) pace: ProbePacing,
    pub(super) session: Session,
    /// The number of the last probe.
    pub(super) last: u64,
    /// How long to wait after a probe that could not leave, where the pace does not say.
    pub(super) pause: Duration,
    pub(super) late_sends: LateSends,
}

impl<W: Transport> Pinger<W> {
    /// Runs until all probes are settled, a signal comes or the way ends.
    pub(super) fn run(mut self) -> Result<(), CliError> {
        self.ping()?;
        let end = self.transport.end();
        if let Some(why) = &end {
            self.output.line(format_args!("disconnected: {why}"))?;
        }
        self.summarise()?;
        self.transport.close()?;
        if let Some(why) = end {
            let text = format!("the connection ended before the last probe: {why}");
            return Err(CliError::Runtime(text));
        }
        match self.session.no_reply() {
            Some(no_reply) => Err(CliError::Runtime(no_reply.to_string())),
            None => Ok(()),
        }
    }

    fn ping(&mut self) -> Result<(), CliError> {
        while !self.is_done() {
            // Before a probe leaves and not after: a line takes longer to write than a short round
            // trip takes, and its answer would have to wait for that.
            self.output.flush()?;
            self.send_if_due()?;
            self.sleep()?;
            self.receive()?;
            self.give_up_overdue()?;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let is_last_settled = !self.has_more() && !self.session.is_waiting();
        is_last_settled || self.stop.is_requested() || self.transport.end().is_some()
    }

    fn has_more(&self) -> bool {
        self.session.next_seq() <= self.last
    }

    fn due(&self, now: Instant) -> Due {
        if !self.has_more() {
            return Due::Never;
        }
        self.pace.due(self.session.is_waiting(), now)
    }

    fn send_if_due(&mut self) -> Result<(), CliError> {
        if self.due(Instant::now()) != Due::Now {
            return Ok(());
        }
        let probe: Vec<u8> = self.session.next_probe().collect();
        let outcome = self.transport.send(&probe);
        self.session.on_sent(outcome.at);
        if let Some(late) = self.pace.late_sends(outcome.at) {
            self.late_sends.add(late);
        }
        self.pace.on_sent(outcome.at);
        match outcome.refusal {
            Some(why) => self.on_refused(&why, outcome.at),
            None => Ok(()),
        }
    }

    /// The first refusal is the end: there is nothing to watch. Later ones are what somebody wants to
    /// see who watches a network come and go.
    fn on_refused(&mut self, why: &str, now: Instant) -> Result<(), CliError> {
        let seq = self.session.on_refused();
        self.pace.on_refused(now, self.pause);
        if seq == 1 {
            let to = self.session.to();
            return Err(CliError::Runtime(format!("cannot send to {to}: {why}")));
        }
        self.output
            .line(format_args!("seq={seq} not sent: {why}"))?;
        self.output.flush()
    }

    /// Until the next probe is due, one is lost, something comes, or a signal.
    fn sleep(&mut self) -> Result<(), CliError> {
        let now = Instant::now();
        let due = match self.due(now) {
            Due::Now => Some(now),
            Due::At(time) => Some(time),
            Due::Never => None,
        };
        let first = due.into_iter().chain(self.session.deadline()).min();
        self.transport.sleep(first)
    }

    fn receive(&mut self) -> Result<(), CliError> {
        let (session, output) = (&mut self.session, &mut self.output);
        self.transport.receive(&mut |datagram| {
            let event = session.handle_datagram(datagram, Instant::now());
            output.line(event)
        })
    }

    /// After the drain, so that what came in time is not lost because nobody looked.
    fn give_up_overdue(&mut self) -> Result<(), CliError> {
        let now = Instant::now();
        while let Some(event) = self.session.take_overdue(now) {
            self.output.line(event)?;
        }
        Ok(())
    }

    fn summarise(&mut self) -> Result<(), CliError> {
        if self.stop.is_requested() {
            self.output.leave_typed_line()?;
        }
        self.output.line(Counters {
            dropped_by_kernel: self.transport.dropped_by_kernel(),
            ..self.session.counters()
        })?;
        if !self.late_sends.is_none() {
            self.output.line(self.late_sends)?;
        }
        if let Some(rtt_summary) = self.session.rtt_summary() {
            self.output.line(rtt_summary)?;
        }
        if let Some(summary) = self.transport.summary() {
            self.output.line(summary)?;
        }
        self.output.flush()
    }
}
