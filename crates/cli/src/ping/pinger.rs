//! The loop of ping: sends probes, receives replies, reports losses and prints the summary.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Options;
use super::counters::LateSends;
use super::event::{PingEvent, Summary};
use super::session::Session;
use super::transport::Transport;
use crate::error::CliError;
use crate::output::Output;
use crate::schedule::{Due, Schedule};
use crate::signals::StopSignal;

pub(super) struct Pinger<T> {
    transport: T,
    stop: StopSignal,
    output: Output,
    schedule: Schedule,
    session: Session,
    last: u64,
    /// Without an interval, each probe waits for the previous reply, to avoid a flood.
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
            schedule: Schedule::new(options.interval),
            session: Session::new(to, options.size.into(), options.timeout),
            last: options.last(),
            one_at_a_time: options.interval.is_zero(),
            timeout: options.timeout,
            late_sends: LateSends::new(options.interval),
        }
    }

    /// Runs until every probe has a reply or is lost, a signal arrives or the connection ends.
    pub(super) fn run(mut self) -> Result<(), CliError> {
        while !self.is_done() {
            // Before the send, because writing a line takes longer than a short round trip.
            self.output.flush()?;
            self.send_if_due()?;
            self.wait()?;
            self.receive()?;
            self.report_lost()?;
        }
        let end = self.transport.end();
        if let Some(reason) = end.clone() {
            self.output.event(&PingEvent::Disconnected { reason })?;
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
            Some(reason) => self.on_refused(reason, outcome.at),
            None => Ok(()),
        }
    }

    /// Ends the run if the first probe is rejected. Later rejections may be an interruption of the
    /// network.
    fn on_refused(&mut self, reason: String, now: Instant) -> Result<(), CliError> {
        let seq = self.session.on_refused();
        self.schedule.on_refused(now, self.timeout);
        if seq == 1 {
            let to = self.session.to();
            return Err(CliError::Runtime(format!("cannot send to {to}: {reason}")));
        }
        self.output.event(&PingEvent::NotSent { seq, reason })?;
        self.output.flush()
    }

    /// Waits until a probe is due or lost, or a datagram or a signal arrives.
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
            .receive(&mut |datagram| output.event(&session.on_datagram(datagram, Instant::now())))
    }

    /// Called after all received datagrams, so that a reply in time is not counted as lost.
    fn report_lost(&mut self) -> Result<(), CliError> {
        let now = Instant::now();
        while let Some(lost) = self.session.take_lost(now) {
            self.output.event(&lost)?;
        }
        Ok(())
    }

    fn summarise(&mut self) -> Result<(), CliError> {
        if self.stop.is_requested() {
            self.output.leave_typed_line()?;
        }
        let summary = Summary {
            counters: self
                .session
                .counters()
                .finish(self.transport.dropped_by_kernel()),
            late_sends: self.late_sends,
            rtt: self.session.rtt_summary(),
            connection: self.transport.summary(),
        };
        self.output.event(&PingEvent::Summary(Box::new(summary)))?;
        self.output.flush()
    }
}
