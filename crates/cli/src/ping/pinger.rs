//! The loop of ping: when a probe leaves, what comes back, what is lost, and the last word.

use std::time::{Duration, Instant};

use super::pace::Pace;
use super::session::Session;
use super::tally::{Counts, HeldUp};
use super::way::Way;
use crate::failure::Failure;
use crate::output::Output;
use crate::schedule::Due;
use crate::signals::Stop;

/// Everything of a run.
pub(super) struct Pinger<W> {
    pub(super) way: W,
    pub(super) stop: Stop,
    pub(super) output: Output,
    pub(super) pace: Pace,
    pub(super) session: Session,
    /// The number of the last probe.
    pub(super) last: u64,
    /// How long to wait after a probe that could not leave, where the pace does not say.
    pub(super) pause: Duration,
    pub(super) held_up: HeldUp,
}

impl<W: Way> Pinger<W> {
    /// Runs until all probes are settled, a signal comes or the way ends.
    pub(super) fn run(mut self) -> Result<(), Failure> {
        self.ping()?;
        let end = self.way.end();
        if let Some(why) = &end {
            self.output.line(format_args!("disconnected: {why}"))?;
        }
        self.summarise()?;
        self.way.close()?;
        if let Some(why) = end {
            let text = format!("the connection ended before the last probe: {why}");
            return Err(Failure::Refused(text));
        }
        match self.session.silence() {
            Some(silence) => Err(Failure::Refused(silence.to_string())),
            None => Ok(()),
        }
    }

    fn ping(&mut self) -> Result<(), Failure> {
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
        is_last_settled || self.stop.is_requested() || self.way.end().is_some()
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

    fn send_if_due(&mut self) -> Result<(), Failure> {
        if self.due(Instant::now()) != Due::Now {
            return Ok(());
        }
        let probe: Vec<u8> = self.session.next_probe().collect();
        let departure = self.way.send(&probe);
        self.session.on_sent(departure.at);
        if let Some(late) = self.pace.held_up(departure.at) {
            self.held_up.add(late);
        }
        self.pace.on_sent(departure.at);
        match departure.refusal {
            Some(why) => self.on_refused(&why, departure.at),
            None => Ok(()),
        }
    }

    /// The first refusal is the end: there is nothing to watch. Later ones are what somebody wants to
    /// see who watches a network come and go.
    fn on_refused(&mut self, why: &str, now: Instant) -> Result<(), Failure> {
        let seq = self.session.on_refused();
        self.pace.on_refused(now, self.pause);
        if seq == 1 {
            let to = self.session.to();
            return Err(Failure::Refused(format!("cannot send to {to}: {why}")));
        }
        self.output
            .line(format_args!("seq={seq} not sent: {why}"))?;
        self.output.flush()
    }

    /// Until the next probe is due, one is lost, something comes, or a signal.
    fn sleep(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        let due = match self.due(now) {
            Due::Now => Some(now),
            Due::At(time) => Some(time),
            Due::Never => None,
        };
        let first = due.into_iter().chain(self.session.deadline()).min();
        self.way.sleep(first)
    }

    fn receive(&mut self) -> Result<(), Failure> {
        let (session, output) = (&mut self.session, &mut self.output);
        self.way.receive(&mut |datagram| {
            let event = session.handle_datagram(datagram, Instant::now());
            output.line(event)
        })
    }

    /// After the drain, so that what came in time is not lost because nobody looked.
    fn give_up_overdue(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        while let Some(event) = self.session.take_overdue(now) {
            self.output.line(event)?;
        }
        Ok(())
    }

    fn summarise(&mut self) -> Result<(), Failure> {
        if self.stop.is_requested() {
            self.output.leave_typed_line()?;
        }
        self.output.line(Counts {
            dropped_by_kernel: self.way.dropped_by_kernel(),
            ..self.session.counts()
        })?;
        if !self.held_up.is_none() {
            self.output.line(self.held_up)?;
        }
        if let Some(figures) = self.session.figures() {
            self.output.line(figures)?;
        }
        if let Some(summary) = self.way.summary() {
            self.output.line(summary)?;
        }
        self.output.flush()
    }
}
