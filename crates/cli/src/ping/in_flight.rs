//! Tracks the probes in flight, and classifies replies: in order, out of order, late, duplicate.
//!
//! This file reads no clock and parses no bytes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

/// Maximum number of remembered probes: 2 MiB. Beyond that the oldest probe is forgotten, and lost
/// if in flight.
const REMEMBERED_MAX: usize = 65_536;

/// Maximum number of probes in flight. The others are lost probes, remembered for late replies.
pub(super) const IN_FLIGHT_MAX: usize = 32_768;
const _: () = assert!(2 * IN_FLIGHT_MAX <= REMEMBERED_MAX);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReplyKind {
    /// The first reply, in time.
    InOrder,
    /// The first reply, in time, but after the reply to a later probe.
    OutOfOrder,
    /// The first reply to a probe that was lost.
    Late,
    /// Like `Late`, but [`take_lost`](InFlight::take_lost) has not reported the probe yet.
    #[serde(rename = "late")]
    Overdue,
    Duplicate,
}

impl ReplyKind {
    pub(super) fn remark(self) -> &'static str {
        match self {
            Self::InOrder => "",
            Self::OutOfOrder => ", out of order",
            Self::Late | Self::Overdue => ", late",
            Self::Duplicate => ", duplicate",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) seq: u64,
    pub(super) round_trip: Duration,
    pub(super) kind: ReplyKind,
}

#[derive(Debug, Clone, Copy)]
struct SentProbe {
    sent: Instant,
    state: State,
}
const _: () = assert!(size_of::<SentProbe>() * REMEMBERED_MAX <= 2 << 20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InFlight,
    /// The timeout has passed without a reply.
    Lost,
    Answered,
    Unsent,
}

/// The remembered probes of a run.
#[derive(Debug)]
pub(super) struct InFlight {
    timeout: Duration,
    /// Consecutive sequence numbers from `oldest` on.
    probes: VecDeque<SentProbe>,
    oldest: u64,
    /// No probe before this one is in flight.
    unsettled: u64,
    waiting: u64,
    /// The highest sequence number with a reply in time.
    latest_answered: u64,
}

impl InFlight {
    /// The first sequence number is 1.
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            probes: VecDeque::new(),
            oldest: 1,
            unsettled: 1,
            waiting: 0,
            latest_answered: 0,
        }
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.oldest + self.probes.len() as u64
    }

    pub(super) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// The next probe was sent at `now`. Returns a probe that was forgotten while it was in flight.
    pub(super) fn on_sent(&mut self, now: Instant) -> Option<u64> {
        let forgotten = self.forget_oldest();
        self.probes.push_back(SentProbe {
            sent: now,
            state: State::InFlight,
        });
        self.waiting += 1;
        forgotten
    }

    pub(super) fn on_refused(&mut self) {
        match self.probes.back_mut() {
            Some(probe) if probe.state == State::InFlight => probe.state = State::Unsent,
            _ => return,
        }
        self.waiting -= 1;
    }

    /// A reply arrived at `now`. Returns `None` for an unknown sequence number.
    pub(super) fn on_reply(&mut self, seq: u64, now: Instant) -> Option<Reply> {
        let index = self.index(seq)?;
        let probe = self.probes.get_mut(index)?;
        let round_trip = now.saturating_duration_since(probe.sent);
        let kind = match probe.state {
            State::Unsent => return None,
            State::Answered => ReplyKind::Duplicate,
            State::Lost => ReplyKind::Late,
            State::InFlight if round_trip > self.timeout => ReplyKind::Overdue,
            State::InFlight if seq < self.latest_answered => ReplyKind::OutOfOrder,
            State::InFlight => ReplyKind::InOrder,
        };
        self.waiting -= u64::from(probe.state == State::InFlight);
        probe.state = State::Answered;
        if kind == ReplyKind::InOrder {
            self.latest_answered = seq;
        }
        Some(Reply {
            seq,
            round_trip,
            kind,
        })
    }

    /// Takes the next probe that is lost at `now`.
    pub(super) fn take_lost(&mut self, now: Instant) -> Option<u64> {
        self.unsettled = self.first_in_flight()?;
        let index = self.index(self.unsettled)?;
        let probe = self.probes.get_mut(index)?;
        if now.saturating_duration_since(probe.sent) <= self.timeout {
            return None;
        }
        probe.state = State::Lost;
        self.waiting -= 1;
        Some(self.unsettled)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let probe = self.probes.get(self.index(self.first_in_flight()?)?)?;
        // At the timeout itself a reply is still in time.
        probe
            .sent
            .checked_add(self.timeout + Duration::from_nanos(1))
    }

    /// The timeout is the same for all, so the first probe in flight is lost first.
    fn first_in_flight(&self) -> Option<u64> {
        if self.waiting == 0 {
            return None;
        }
        let start = self.index(self.unsettled)?;
        let mut probes = self.probes.iter().skip(start);
        let skipped = probes.position(|probe| probe.state == State::InFlight)?;
        Some(self.unsettled + skipped as u64)
    }

    fn forget_oldest(&mut self) -> Option<u64> {
        if self.probes.len() < REMEMBERED_MAX {
            return None;
        }
        let forgotten = self.probes.pop_front()?;
        let seq = self.oldest;
        self.oldest += 1;
        self.unsettled = self.unsettled.max(self.oldest);
        if forgotten.state != State::InFlight {
            return None;
        }
        self.waiting -= 1;
        Some(seq)
    }

    fn index(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.oldest)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    fn sent(count: u32) -> (InFlight, Instant) {
        let start = Instant::now();
        let mut in_flight = InFlight::new(TIMEOUT);
        for step in 0..count {
            assert_eq!(in_flight.on_sent(start + step * MS), None);
        }
        (in_flight, start)
    }

    fn kind(in_flight: &mut InFlight, seq: u64, now: Instant) -> Option<ReplyKind> {
        in_flight.on_reply(seq, now).map(|reply| reply.kind)
    }

    #[test]
    fn a_reply_has_the_time_since_its_probe_was_sent() {
        let (mut in_flight, start) = sent(2);
        assert_eq!(in_flight.next_seq(), 3);
        let reply = Reply {
            seq: 2,
            round_trip: 4 * MS,
            kind: ReplyKind::InOrder,
        };
        assert_eq!(in_flight.on_reply(2, start + 5 * MS), Some(reply));
        assert_eq!(in_flight.waiting(), 1);
    }

    #[test]
    fn a_reply_after_that_of_a_later_probe_is_out_of_order() {
        let (mut in_flight, start) = sent(4);
        let kinds = [1, 4, 2, 3].map(|seq| kind(&mut in_flight, seq, start + 5 * MS));
        let (in_order, out) = (Some(ReplyKind::InOrder), Some(ReplyKind::OutOfOrder));
        assert_eq!(kinds, [in_order, in_order, out, out]);
    }

    #[test]
    fn a_gap_is_not_out_of_order() {
        let (mut in_flight, start) = sent(4);
        for seq in [1, 4] {
            let kind = kind(&mut in_flight, seq, start + 5 * MS);
            assert_eq!(kind, Some(ReplyKind::InOrder));
        }
    }

    #[test]
    fn every_reply_but_the_first_is_a_duplicate() {
        let (mut in_flight, start) = sent(2);
        let kinds = [2, 2, 1, 2, 1].map(|seq| kind(&mut in_flight, seq, start + 5 * MS));
        let wanted = [
            ReplyKind::InOrder,
            ReplyKind::Duplicate,
            ReplyKind::OutOfOrder,
            ReplyKind::Duplicate,
            ReplyKind::Duplicate,
        ];
        assert_eq!(kinds, wanted.map(Some));
        assert_eq!(in_flight.waiting(), 0);
    }

    #[test]
    fn a_reply_exactly_at_the_timeout_is_in_time() {
        let (mut in_flight, start) = sent(1);
        assert_eq!(in_flight.take_lost(start + TIMEOUT), None);
        let kind = kind(&mut in_flight, 1, start + TIMEOUT);
        assert_eq!(kind, Some(ReplyKind::InOrder));
    }

    #[test]
    fn a_probe_is_lost_at_its_deadline_and_its_reply_is_late() {
        let (mut in_flight, start) = sent(1);
        let Some(deadline) = in_flight.deadline() else {
            panic!("a probe is in flight");
        };
        assert_eq!(in_flight.take_lost(deadline), Some(1));
        assert_eq!(in_flight.take_lost(deadline), None);
        assert_eq!((in_flight.waiting(), in_flight.deadline()), (0, None));
        let late = kind(&mut in_flight, 1, start + 2 * TIMEOUT);
        assert_eq!(late, Some(ReplyKind::Late));
        let again = kind(&mut in_flight, 1, start + 2 * TIMEOUT);
        assert_eq!(again, Some(ReplyKind::Duplicate));
    }

    #[test]
    fn a_reply_is_late_before_the_loss_was_reported() {
        let (mut in_flight, start) = sent(1);
        let late = kind(&mut in_flight, 1, start + 2 * TIMEOUT);
        assert_eq!(late, Some(ReplyKind::Overdue));
        assert_eq!(in_flight.take_lost(start + 3 * TIMEOUT), None);
        assert_eq!(in_flight.waiting(), 0);
    }

    #[test]
    fn probes_are_lost_one_after_the_other() {
        let (mut in_flight, start) = sent(5);
        in_flight.on_reply(1, start + 5 * MS);
        in_flight.on_reply(3, start + 5 * MS);
        let deadline = start + MS + TIMEOUT + Duration::from_nanos(1);
        assert_eq!(in_flight.deadline(), Some(deadline));
        let after = start + TIMEOUT + 3 * MS + MS / 2;
        let lost: Vec<u64> = std::iter::from_fn(|| in_flight.take_lost(after)).collect();
        assert_eq!(lost, [2, 4]);
        assert_eq!(in_flight.waiting(), 1);
    }

    #[test]
    fn a_reply_to_an_unknown_probe_is_ignored() {
        let (mut in_flight, start) = sent(3);
        for seq in [0, 4, u64::MAX] {
            assert_eq!(in_flight.on_reply(seq, start + 5 * MS), None);
        }
        assert_eq!(in_flight.waiting(), 3);
    }

    #[test]
    fn an_unsent_probe_is_not_in_flight() {
        let (mut in_flight, start) = sent(2);
        in_flight.on_refused();
        assert_eq!(in_flight.waiting(), 1);
        assert_eq!(in_flight.on_reply(2, start + 5 * MS), None);
        assert_eq!(in_flight.take_lost(start + 2 * TIMEOUT), Some(1));
        assert_eq!(in_flight.take_lost(start + 2 * TIMEOUT), None);
        assert_eq!(in_flight.next_seq(), 3);
    }

    #[test]
    fn memory_is_bounded_and_forgotten_probes_are_lost() {
        let now = Instant::now();
        let mut in_flight = InFlight::new(TIMEOUT);
        for _ in 0..REMEMBERED_MAX {
            assert_eq!(in_flight.on_sent(now), None);
        }
        in_flight.on_reply(1, now);
        assert_eq!(in_flight.on_sent(now), None, "1 was answered");
        assert_eq!(in_flight.on_sent(now), Some(2));
        assert_eq!(in_flight.probes.len(), REMEMBERED_MAX);
        assert_eq!(in_flight.waiting(), REMEMBERED_MAX as u64);
        assert_eq!(in_flight.on_reply(2, now), None);
        let lost = std::iter::from_fn(|| in_flight.take_lost(now + 2 * TIMEOUT));
        assert_eq!(lost.count(), REMEMBERED_MAX);
    }
}
