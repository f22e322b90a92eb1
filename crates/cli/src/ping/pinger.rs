//! The loop of ping: sends probes, receives replies, reports losses and prints the summary.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Options;
use super::counters::{Counters, LateSends};
use super::session::Session;
use super::transport::Transport;
use crate::error::CliError;
use crate::output::Output;
use crate::schedule::{Due, Schedule};
use crate::signals::StopSignal;

/// A run of ping.
pub(super) struct Pinger<T> {
    transport: T,
    stop: StopSignal,
    output: Output,
    schedule: Schedule,
    session: Session,
    /// Sequence number of the last probe.
    last: u64,
    /// One probe at a time: without fixed steps, sending without waiting for replies would be a flood.
    one_at_a_time: bool,
    timeout: Duration,
    late_sends: LateSends,
}

impl<T: Transport> Pinger<T> {
    pub(super) fn new(
        transport: T,
        to: SocketAddr,
        options: &Options,
        stop: StopSignal,
        output: Output,
    ) -> Self {
        Self {
            transport,
            stop,
            output,
            schedule: Schedule::new(options.every),
            session: Session::new(to, options.size.into(), options.timeout),
            last: options.last(),
            one_at_a_time: options.every.is_zero(),
            timeout: options.timeout,
            late_sends: LateSends::new(options.every),
        }
    }

    /// Runs until all probes are answered or lost, a signal arrives or the connection ends.
    pub(super) fn run(mut self) -> Result<(), CliError> {
        while !self.is_done() {
            // Before a probe is sent and not after: writing a line takes longer than a short round
            // trip, and the reply would wait for it.
            self.output.flush()?;
            self.send_if_due()?;
            self.wait()?;
            self.receive()?;
            self.report_lost()?;
        }
        let end = self.transport.end();
        if let Some(reason) = &end {
            self.output.line(format_args!("disconnected: {reason}"))?;
        }
        self.summarise()?;
        self.transport.close()?;
        let error = match end {
            Some(reason) => Some(format!(
                "the connection ended before the last probe: {reason}"
            )),
            None => self.session.no_reply_reason(),
        };
        error.map_or(Ok(()), |text| Err(CliError::Runtime(text)))
    }

    fn is_done(&self) -> bool {
        let is_complete = !self.has_more() && !self.session.is_waiting();
        is_complete || self.stop.is_requested() || self.transport.end().is_some()
    }

    fn has_more(&self) -> bool {
        self.session.next_seq() <= self.last
    }

    fn due(&self, now: Instant) -> Due {
        if !self.has_more() || self.one_at_a_time && self.session.is_waiting() {
            return Due::Never;
        }
        self.schedule.due(now)
    }

    fn send_if_due(&mut self) -> Result<(), CliError> {
        if self.due(Instant::now()) != Due::Now {
            return Ok(());
        }
        let probe: Vec<u8> = self.session.next_probe().collect();
        let outcome = self.transport.send(&probe);
        self.session.on_sent(outcome.at);
        self.late_sends.on_sent(self.schedule.late(outcome.at));
        self.schedule.on_sent(outcome.at);
        match outcome.refusal {
            Some(reason) => self.on_refused(&reason, outcome.at),
            None => Ok(()),
        }
    }

    /// A refusal of the first probe ends the run. Later ones are reported, so that ping can watch a
    /// network that comes and goes.
    fn on_refused(&mut self, reason: &str, now: Instant) -> Result<(), CliError> {
        let seq = self.session.on_refused();
        self.schedule.on_refused(now, self.timeout);
        if seq == 1 {
            let to = self.session.to();
            return Err(CliError::Runtime(format!("cannot send to {to}: {reason}")));
        }
        self.output
            .line(format_args!("seq={seq} not sent: {reason}"))?;
        self.output.flush()
    }

    /// Until the next probe is due, a probe is lost, a datagram or a signal arrives.
    fn wait(&mut self) -> Result<(), CliError> {
        let now = Instant::now();
        let due = match self.due(now) {
            Due::Now => Some(now),
            Due::At(time) => Some(time),
            Due::Never => None,
        };
        let deadline = due.into_iter().chain(self.session.deadline()).min();
        self.transport.wait(deadline)
    }

    fn receive(&mut self) -> Result<(), CliError> {
        let (session, output) = (&mut self.session, &mut self.output);
        self.transport
            .receive(&mut |datagram| output.line(session.on_datagram(datagram, Instant::now())))
    }

    /// After everything was received, so that a reply in time is not counted as lost.
    fn report_lost(&mut self) -> Result<(), CliError> {
        let now = Instant::now();
        while let Some(line) = self.session.take_lost(now) {
            self.output.line(line)?;
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
        let lines = [
            self.late_sends.summary(),
            self.session.rtt_summary().map(|rtt| rtt.to_string()),
            self.transport.summary(),
        ];
        for line in lines.into_iter().flatten() {
            self.output.line(line)?;
        }
        self.output.flush()
    }
}
