//! Load generators: a fixed rate (open loop), and one datagram at a time (closed loop).
//!
//! Both are generic over the [`Client`]. The open loop also exists as two halves, for a subject
//! that sends and receives on different threads. The client provides the time, so tests use virtual
//! time.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire_measure::side::{DATAGRAM_MAX, Received, Side};

use super::in_flight::{Answer, InFlight};
use super::probe::Probe;
use super::recording::Recording;
use super::send_schedule::{SendSchedule, Window};

/// Reply timeout: after the last datagram in open loop, for each datagram in closed loop.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(1);

pub(super) trait Client {
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Sends a datagram at once or in the next turn. It is lost if the system has no buffer space.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Like [`Side::turn`].
    fn turn(&mut self, until: Instant, take: &mut impl FnMut(Received<'_>)) -> io::Result<()>;
}

/// A requesting side, and its echo.
pub(super) struct Asking<S> {
    pub(super) side: S,
    pub(super) to: SocketAddr,
}

impl<S: Side> Client for Asking<S> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.side.send(self.to, bytes)
    }

    fn turn(&mut self, until: Instant, take: &mut impl FnMut(Received<'_>)) -> io::Result<()> {
        self.side.turn(Some(until), take)
    }
}

/// State shared by both halves of the open loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenLoop<'a> {
    pub(super) schedule: &'a SendSchedule,
    pub(super) probe: &'a Probe,
    pub(super) in_flight: &'a InFlight,
}

/// Sends every datagram when it is due, without waiting for replies. Latency counts from the due
/// time, so a stall on either side shows in every datagram that it delays.
pub(super) fn at_rate(
    client: &mut impl Client,
    open_loop: OpenLoop<'_>,
    recording: &mut Recording,
) -> io::Result<()> {
    recording.on_schedule(open_loop.schedule);
    let mut sender = Sender::new(open_loop);
    let mut receiver = Receiver::new(open_loop, recording);
    loop {
        let now = client.now();
        sender.send_if_due(client, now)?;
        if receiver.is_over(now) {
            receiver.close();
            return Ok(());
        }
        let until = sender.next_due.or_else(|| receiver.give_up_at());
        client.turn(until.unwrap_or(now), &mut |datagram| {
            receiver.on_datagram(&datagram);
        })?;
    }
}

/// The sending half of [`at_rate`]. A turn of this client only sleeps.
pub(super) fn send_at_rate(client: &mut impl Client, open_loop: OpenLoop<'_>) -> io::Result<()> {
    let sent = Sender::new(open_loop).send_all(client);
    if sent.is_err() {
        // The receiving half must not wait for datagrams that are never sent.
        open_loop.in_flight.abandon();
    }
    sent
}

pub(super) fn receive_at_rate(
    client: &mut impl Client,
    open_loop: OpenLoop<'_>,
    recording: &mut Recording,
) -> io::Result<()> {
    recording.on_schedule(open_loop.schedule);
    let mut receiver = Receiver::new(open_loop, recording);
    loop {
        let now = client.now();
        if receiver.is_over(now) {
            receiver.close();
            return Ok(());
        }
        client.turn(now + ANSWER_MAX, &mut |datagram| {
            receiver.on_datagram(&datagram);
        })?;
    }
}

#[derive(Debug)]
struct Sender<'a> {
    open_loop: OpenLoop<'a>,
    next: u64,
    /// Due time of the next datagram; `None` once all are sent. Cached, because a spinning loop
    /// reads it in every turn and its division must not be measured.
    next_due: Option<Instant>,
    buffer: [u8; DATAGRAM_MAX],
}

impl<'a> Sender<'a> {
    fn new(open_loop: OpenLoop<'a>) -> Self {
        let schedule = open_loop.schedule;
        Self {
            open_loop,
            next: 0,
            next_due: (schedule.total > 0).then(|| schedule.due(0)),
            buffer: [0; DATAGRAM_MAX],
        }
    }

    /// Sends at most one datagram per turn, even when late: a burst of all overdue datagrams would
    /// overflow the socket.
    fn send_if_due(&mut self, client: &mut impl Client, now: Instant) -> io::Result<()> {
        let OpenLoop {
            schedule,
            probe,
            in_flight,
        } = self.open_loop;
        if self.next_due.is_none_or(|due| now < due) {
            return Ok(());
        }
        in_flight.on_sent(schedule.since_start(now));
        client.send(probe.write(&mut self.buffer, self.next))?;
        self.next += 1;
        self.next_due = (self.next < schedule.total).then(|| schedule.due(self.next));
        Ok(())
    }

    fn send_all(&mut self, client: &mut impl Client) -> io::Result<()> {
        loop {
            self.send_if_due(client, client.now())?;
            let Some(due) = self.next_due else {
                return Ok(());
            };
            client.turn(due, &mut |_| {})?;
        }
    }
}

/// Records replies, each once.
#[derive(Debug)]
struct Receiver<'a> {
    open_loop: OpenLoop<'a>,
    recording: &'a mut Recording,
    missing: u64,
}

impl<'a> Receiver<'a> {
    fn new(open_loop: OpenLoop<'a>, recording: &'a mut Recording) -> Self {
        Self {
            open_loop,
            recording,
            missing: open_loop.schedule.total,
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.missing == 0
            || self.open_loop.in_flight.is_abandoned()
            || self.give_up_at().is_some_and(|time| time <= now)
    }

    /// When unanswered datagrams count as lost; `None` until all are sent.
    fn give_up_at(&self) -> Option<Instant> {
        let schedule = self.open_loop.schedule;
        let left = schedule.at(self.open_loop.in_flight.all_sent()?);
        Some(left.max(schedule.due(schedule.total)) + ANSWER_MAX)
    }

    /// Whether everything due was sent, which holds unless the sender failed.
    fn close(self) {
        if let Some(last) = self.open_loop.in_flight.all_sent() {
            self.recording.on_all_sent(self.open_loop.schedule, last);
        }
    }

    fn on_datagram(&mut self, datagram: &Received<'_>) {
        let Some(number) = self.open_loop.probe.read(datagram) else {
            self.recording.counts.foreign += 1;
            return;
        };
        match self.open_loop.in_flight.answer(number) {
            Answer::First(since_start) => self.on_answer(number, since_start, datagram),
            Answer::Repeated => self.recording.counts.repeated += 1,
            Answer::Unknown => self.recording.counts.foreign += 1,
        }
    }

    fn on_answer(&mut self, number: u64, since_start: Duration, datagram: &Received<'_>) {
        self.missing -= 1;
        let schedule = self.open_loop.schedule;
        let due = schedule.due(number);
        let Some(since_begin) = schedule.window.since_begin(due) else {
            return; // warm-up
        };
        let since = |time| datagram.at.saturating_duration_since(time);
        let (latency, round_trip) = (since(due), since(schedule.at(since_start)));
        self.recording
            .on_answer(since_begin, latency, round_trip, datagram.in_kernel);
    }
}

/// Sends the next datagram after the reply to the previous one. This shows undisturbed round trips
/// and hides stalls, which delay only one datagram.
pub(super) fn closed(
    client: &mut impl Client,
    window: Window,
    probe: &Probe,
    recording: &mut Recording,
) -> io::Result<()> {
    let mut buffer = [0; DATAGRAM_MAX];
    let mut number = 0;
    loop {
        let left = client.now();
        if left >= window.end() {
            return Ok(());
        }
        client.send(probe.write(&mut buffer, number))?;
        // `None` in the warm-up.
        let since_begin = window.since_begin(left);
        if let Some(since_begin) = since_begin {
            recording.on_due(since_begin);
        }
        let answered = answer_to(number, left, client, probe, recording)?;
        if let (Some(since_begin), Some((at, in_kernel))) = (since_begin, answered) {
            let time = at.saturating_duration_since(left);
            recording.on_answer(since_begin, time, time, in_kernel);
        }
        number += 1;
    }
}

/// When the reply to datagram `number` arrived, and how long it waited in the kernel; `None` if it
/// is lost.
fn answer_to(
    number: u64,
    left: Instant,
    client: &mut impl Client,
    probe: &Probe,
    recording: &mut Recording,
) -> io::Result<Option<(Instant, Option<Duration>)>> {
    let until = left + ANSWER_MAX;
    let answered = Cell::new(None);
    let mut take = |datagram: Received<'_>| match probe.read(&datagram) {
        Some(answer) if answer == number && answered.get().is_none() => {
            answered.set(Some((datagram.at, datagram.in_kernel)));
        }
        Some(_) => recording.counts.repeated += 1,
        None => recording.counts.foreign += 1,
    };
    while answered.get().is_none() && client.now() < until {
        client.turn(until, &mut take)?;
    }
    Ok(answered.get())
}

#[cfg(test)]
mod tests;
