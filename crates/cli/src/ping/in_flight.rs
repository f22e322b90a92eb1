//! Which probes are under way, since when, and what an answer is to them: in time, out of order,
//! late, a duplicate.
//!
//! Knows no clock and no bytes: sequence numbers and times come from outside.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many probes are remembered, answered ones included: 65,536, in at most 2 MiB.
///
/// With more the oldest is forgotten. If it was still waiting it is lost from then on, and an answer
/// to it is an answer to nothing.
const REMEMBERED_MAX: usize = 65_536;

/// How many probes may be under way at once: 32,768. What asks for more is refused before it begins,
/// so that none is forgotten while it waits, and late answers find their probe for as long again.
pub(crate) const IN_FLIGHT_MAX: usize = 32_768;
const _: () = assert!(2 * IN_FLIGHT_MAX <= REMEMBERED_MAX);

/// What an answer is to its probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyKind {
    /// The first one, in time.
    InOrder,
    /// The same, but an answer to a later probe came before it.
    OutOfOrder,
    /// The first one, after the timeout, to a probe that was lost.
    Late,
    /// The same, before anybody had looked whether the probe was lost: it is from now on.
    Overdue,
    /// Another one.
    Duplicate,
}

/// An answer to a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) seq: u64,
    pub(crate) round_trip: Duration,
    pub(crate) kind: ReplyKind,
}

/// One probe.
#[derive(Debug, Clone, Copy)]
struct SentProbe {
    sent: Instant,
    state: State,
}
const _: () = assert!(size_of::<SentProbe>() * REMEMBERED_MAX <= 2 << 20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    /// Not answered in time, and not since.
    Lost,
    /// Answered, in time or not.
    Answered,
    /// It never left.
    Unsent,
}

/// The probes of a run that are still remembered.
#[derive(Debug)]
pub(crate) struct InFlight {
    timeout: Duration,
    /// Those from `oldest` on, without a gap.
    in_flight: VecDeque<SentProbe>,
    /// The sequence number of the first that is remembered.
    oldest: u64,
    /// No probe before this one waits.
    unsettled: u64,
    waiting: u64,
    /// The latest probe that was answered in time.
    latest_answered: u64,
}

impl InFlight {
    /// The first probe will be number 1.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            in_flight: VecDeque::new(),
            oldest: 1,
            unsettled: 1,
            waiting: 0,
            latest_answered: 0,
        }
    }

    /// The number of the next probe.
    pub(crate) fn next_seq(&self) -> u64 {
        self.oldest + self.in_flight.len() as u64
    }

    /// How many are under way.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// The next probe leaves at `now`. What had to be forgotten for it while it waited is returned:
    /// lost.
    pub(crate) fn on_sent(&mut self, now: Instant) -> Option<u64> {
        let forgotten = self.make_room();
        self.in_flight.push_back(SentProbe {
            sent: now,
            state: State::Waiting,
        });
        self.waiting += 1;
        forgotten
    }

    /// The probe that was sent last did not leave.
    pub(crate) fn on_refused(&mut self) {
        let Some(probe) = self.in_flight.back_mut() else {
            return;
        };
        if probe.state == State::Waiting {
            probe.state = State::Unsent;
            self.waiting -= 1;
        }
    }

    /// An answer came at `now`; `None` if no probe of that number is known that left.
    pub(crate) fn on_answer(&mut self, seq: u64, now: Instant) -> Option<Reply> {
        let probe = *self.get(seq)?;
        let round_trip = now.saturating_duration_since(probe.sent);
        let kind = match probe.state {
            State::Unsent => return None,
            State::Answered => ReplyKind::Duplicate,
            State::Lost => ReplyKind::Late,
            State::Waiting => self.on_first(seq, round_trip),
        };
        self.set(seq, State::Answered);
        Some(Reply {
            seq,
            round_trip,
            kind,
        })
    }

    /// The next probe whose time is over at `now`; it is lost from then on.
    pub(crate) fn take_overdue(&mut self, now: Instant) -> Option<u64> {
        let seq = self.first_waiting()?;
        self.unsettled = seq;
        let sent = self.get(seq)?.sent;
        if now.saturating_duration_since(sent) <= self.timeout {
            return None;
        }
        self.waiting -= 1;
        self.set(seq, State::Lost);
        Some(seq)
    }

    /// When the next probe will be overdue, if one is under way.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let probe = self.get(self.first_waiting()?)?;
        // Exactly at the timeout an answer is still in time.
        probe
            .sent
            .checked_add(self.timeout + Duration::from_nanos(1))
    }

    fn on_first(&mut self, seq: u64, round_trip: Duration) -> ReplyKind {
        self.waiting -= 1;
        if round_trip > self.timeout {
            return ReplyKind::Overdue;
        }
        if seq < self.latest_answered {
            return ReplyKind::OutOfOrder;
        }
        self.latest_answered = seq;
        ReplyKind::InOrder
    }

    /// Probes leave in order and all have the same time, so the first that waits is due first.
    fn first_waiting(&self) -> Option<u64> {
        if self.waiting == 0 {
            return None;
        }
        (self.unsettled..self.next_seq())
            .find(|seq| self.get(*seq).is_some_and(|f| f.state == State::Waiting))
    }

    fn make_room(&mut self) -> Option<u64> {
        if self.in_flight.len() < REMEMBERED_MAX {
            return None;
        }
        let forgotten = self.in_flight.pop_front()?;
        let seq = self.oldest;
        self.oldest += 1;
        self.unsettled = self.unsettled.max(self.oldest);
        if forgotten.state != State::Waiting {
            return None;
        }
        self.waiting -= 1;
        Some(seq)
    }

    fn get(&self, seq: u64) -> Option<&SentProbe> {
        self.in_flight.get(self.index(seq)?)
    }

    fn set(&mut self, seq: u64, state: State) {
        let index = self.index(seq);
        if let Some(probe) = index.and_then(|index| self.in_flight.get_mut(index)) {
            probe.state = state;
        }
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

    /// `count` probes that left a millisecond apart.
    fn sent(count: u32) -> (InFlight, Instant) {
        let start = Instant::now();
        let mut in_flight = InFlight::new(TIMEOUT);
        for step in 0..count {
            assert_eq!(in_flight.on_sent(start + step * MS), None);
        }
        (in_flight, start)
    }

    fn kind(in_flight: &mut InFlight, seq: u64, now: Instant) -> Option<ReplyKind> {
        in_flight.on_answer(seq, now).map(|answer| answer.kind)
    }

    #[test]
    fn an_answer_has_the_time_since_its_probe_left() {
        let (mut in_flight, start) = sent(2);
        assert_eq!(in_flight.next_seq(), 3);
        let answer = Reply {
            seq: 2,
            round_trip: 4 * MS,
            kind: ReplyKind::InOrder,
        };
        assert_eq!(in_flight.on_answer(2, start + 5 * MS), Some(answer));
        assert_eq!(in_flight.waiting(), 1);
    }

    #[test]
    fn an_answer_behind_a_later_one_is_out_of_order() {
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
    fn every_answer_but_the_first_is_a_duplicate() {
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
    fn exactly_at_the_timeout_an_answer_is_in_time() {
        let (mut in_flight, start) = sent(1);
        assert_eq!(in_flight.take_overdue(start + TIMEOUT), None);
        let kind = kind(&mut in_flight, 1, start + TIMEOUT);
        assert_eq!(kind, Some(ReplyKind::InOrder));
    }

    #[test]
    fn a_probe_is_overdue_at_its_deadline_and_its_answer_late() {
        let (mut in_flight, start) = sent(1);
        let Some(deadline) = in_flight.deadline() else {
            panic!("one is under way");
        };
        assert_eq!(in_flight.take_overdue(deadline), Some(1));
        assert_eq!(in_flight.take_overdue(deadline), None);
        assert_eq!((in_flight.waiting(), in_flight.deadline()), (0, None));
        let late = kind(&mut in_flight, 1, start + 2 * TIMEOUT);
        assert_eq!(late, Some(ReplyKind::Late));
        let again = kind(&mut in_flight, 1, start + 2 * TIMEOUT);
        assert_eq!(again, Some(ReplyKind::Duplicate));
    }

    #[test]
    fn an_answer_is_late_also_if_nobody_had_looked_before() {
        let (mut in_flight, start) = sent(1);
        let late = kind(&mut in_flight, 1, start + 2 * TIMEOUT);
        assert_eq!(late, Some(ReplyKind::Overdue));
        assert_eq!(in_flight.take_overdue(start + 3 * TIMEOUT), None);
        assert_eq!(in_flight.waiting(), 0);
    }

    #[test]
    fn those_that_wait_are_overdue_one_after_the_other() {
        let (mut in_flight, start) = sent(5);
        in_flight.on_answer(1, start + 5 * MS);
        in_flight.on_answer(3, start + 5 * MS);
        let deadline = start + MS + TIMEOUT + Duration::from_nanos(1);
        assert_eq!(in_flight.deadline(), Some(deadline));
        let after = start + TIMEOUT + 3 * MS + MS / 2;
        let overdue: Vec<u64> = std::iter::from_fn(|| in_flight.take_overdue(after)).collect();
        assert_eq!(overdue, [2, 4]);
        assert_eq!(in_flight.waiting(), 1);
    }

    #[test]
    fn an_answer_to_no_probe_is_none() {
        let (mut in_flight, start) = sent(3);
        for seq in [0, 4, u64::MAX] {
            assert_eq!(in_flight.on_answer(seq, start + 5 * MS), None);
        }
        assert_eq!(in_flight.waiting(), 3);
    }

    #[test]
    fn one_that_never_left_does_not_wait() {
        let (mut in_flight, start) = sent(2);
        in_flight.on_refused();
        assert_eq!(in_flight.waiting(), 1);
        assert_eq!(in_flight.on_answer(2, start + 5 * MS), None);
        assert_eq!(in_flight.take_overdue(start + 2 * TIMEOUT), Some(1));
        assert_eq!(in_flight.take_overdue(start + 2 * TIMEOUT), None);
        assert_eq!(in_flight.next_seq(), 3);
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_while_it_waits_is_lost() {
        let now = Instant::now();
        let mut in_flight = InFlight::new(TIMEOUT);
        for _ in 0..REMEMBERED_MAX {
            assert_eq!(in_flight.on_sent(now), None);
        }
        in_flight.on_answer(1, now);
        assert_eq!(in_flight.on_sent(now), None, "1 was answered");
        assert_eq!(in_flight.on_sent(now), Some(2));
        assert_eq!(in_flight.in_flight.len(), REMEMBERED_MAX);
        assert_eq!(in_flight.waiting(), REMEMBERED_MAX as u64);
        assert_eq!(in_flight.on_answer(2, now), None);
        let overdue = std::iter::from_fn(|| in_flight.take_overdue(now + 2 * TIMEOUT));
        assert_eq!(overdue.count(), REMEMBERED_MAX);
    }
}
