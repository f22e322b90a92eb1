//! Decides which peers a turn checks.
//!
//! - An *active* peer changed in this turn or in the last one. Its deadline is checked in every
//!   turn, and it has no timer: a busy peer, whose deadline moves with every packet, costs no heap
//!   operation.
//! - A *parked* peer has a timer, unless it has no deadline.
//! - A *ready* peer may have a packet to send.
//!
//! So the cost of a turn depends on the number of peers with work.
//! [`PeerSlots`](super::slots::PeerSlots) notifies the scheduler whenever a peer is mutably
//! borrowed.

use std::collections::VecDeque;

use crate::limits::TIMER_GRANULARITY;
use crate::proto::host::timers::Timers;
use crate::proto::slot_index::SlotIndex;
use crate::proto::time::{Duration, Instant};

/// Scheduling state of a peer, in the same cache line as its state.
#[derive(Debug)]
pub(super) struct Schedule {
    deadline: Deadline,
    activity: Activity,
    is_ready: bool,
}

/// The next deadline, computed while the peer is in the CPU cache and kept until the peer changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deadline {
    /// The peer has changed since it was computed.
    Unknown,
    Known(Option<Instant>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activity {
    /// Not in the list of active peers; has a timer instead.
    Parked,
    /// The peer has changed since its last check.
    Active,
    /// The peer has not changed since its last check.
    Cooling,
}

#[derive(Debug, Default)]
pub(super) struct Scheduler {
    active: Vec<SlotIndex>,
    /// Position in `active` of this turn's check.
    cursor: usize,
    is_handed_out: bool,
    /// Active peers were checked, and parked ones follow. A parked peer that becomes active is not
    /// checked again.
    has_reached_timers: bool,
    timers: Timers,
    ready: VecDeque<SlotIndex>,
    /// The peer of the last packet, if its deadline was not computed since.
    last_heard: Option<SlotIndex>,
}

/// Heap memory per peer, in bytes.
pub(super) const SCHEDULED_BYTES: usize = 2 * size_of::<SlotIndex>();

impl Default for Schedule {
    fn default() -> Self {
        Self {
            deadline: Deadline::Unknown,
            activity: Activity::Parked,
            is_ready: false,
        }
    }
}

/// A peer, as the scheduler sees it.
pub(super) trait Scheduled {
    fn schedule(&mut self) -> &mut Schedule;

    fn known_deadline(&self) -> Deadline;

    fn next_deadline(&self) -> Option<Instant>;

    fn deadline(&self) -> Option<Instant> {
        match self.known_deadline() {
            Deadline::Unknown => self.next_deadline(),
            Deadline::Known(deadline) => {
                debug_assert_eq!(deadline, self.next_deadline());
                deadline
            }
        }
    }

    fn compute_deadline(&mut self) -> Option<Instant> {
        let deadline = self.deadline();
        self.schedule().deadline = Deadline::Known(deadline);
        deadline
    }
}

impl Schedule {
    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }
}

impl Scheduler {
    /// The peer is about to change.
    #[inline]
    pub(super) fn on_change(&mut self, schedule: &mut Schedule, index: SlotIndex) {
        schedule.deadline = Deadline::Unknown;
        if std::mem::replace(&mut schedule.activity, Activity::Active) == Activity::Parked {
            self.active.push(index);
        }
    }

    #[inline]
    pub(super) fn make_ready(&mut self, schedule: &mut Schedule, index: SlotIndex) {
        if !std::mem::replace(&mut schedule.is_ready, true) {
            self.ready.push_back(index);
        }
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Removes the peer that has been ready for longest.
    pub(super) fn pop_ready(&mut self, slots: &mut [impl Scheduled]) -> Option<SlotIndex> {
        let index = self.ready.pop_front()?;
        slots[index.as_usize()].schedule().is_ready = false;
        Some(index)
    }

    /// Computes the deadline of the previous packet's peer, which is still in the CPU cache.
    pub(super) fn mark_heard(&mut self, slots: &mut [impl Scheduled], index: SlotIndex) {
        let before = self.last_heard.replace(index);
        if let Some(before) = before.filter(|before| *before != index) {
            self.refresh_deadline(slots, before);
        }
    }

    #[inline]
    pub(super) fn refresh_deadline(&mut self, slots: &mut [impl Scheduled], index: SlotIndex) {
        slots[index.as_usize()].compute_deadline();
    }

    /// Begins a turn: [`next_due`](Self::next_due) follows until `None`.
    pub(super) fn begin_turn(&mut self) {
        self.last_heard = None; // it is among the active peers
        self.cursor = 0;
        self.is_handed_out = false;
        self.has_reached_timers = false;
    }

    /// The next peer whose deadline has passed. Parks active peers that did not change for a turn.
    pub(super) fn next_due(
        &mut self,
        slots: &mut [impl Scheduled],
        now: Instant,
    ) -> Option<SlotIndex> {
        if !self.has_reached_timers {
            if let Some(index) = self.next_due_active(slots, now) {
                return Some(index);
            }
            self.has_reached_timers = true;
        }
        while let Some(index) = self.timers.pop_due(now) {
            if slots[index.as_usize()].schedule().activity == Activity::Parked {
                return Some(index);
            }
        }
        None
    }

    fn next_due_active(&mut self, slots: &mut [impl Scheduled], now: Instant) -> Option<SlotIndex> {
        if std::mem::take(&mut self.is_handed_out) {
            let index = self.active[self.cursor];
            slots[index.as_usize()].schedule().activity = Activity::Cooling;
            self.cursor += 1;
        }
        while let Some(index) = self.active.get(self.cursor).copied() {
            let slot = &mut slots[index.as_usize()];
            let deadline = slot.compute_deadline();
            if deadline.is_some_and(|at| at <= now) {
                self.is_handed_out = true;
                return Some(index);
            }
            if slot.schedule().activity == Activity::Active {
                slot.schedule().activity = Activity::Cooling;
                self.cursor += 1;
                continue;
            }
            slot.schedule().activity = Activity::Parked;
            self.active.swap_remove(self.cursor);
            self.set_timer(index, deadline, now);
        }
        None
    }

    /// A timer is always in the future, so a turn is finite for every deadline: work that is due
    /// now is done by sending, or was done in this turn.
    fn set_timer(&mut self, index: SlotIndex, deadline: Option<Instant>, now: Instant) {
        if let Some(deadline) = deadline {
            let is_past = deadline <= now;
            let at = if is_past {
                now + Duration::of(TIMER_GRANULARITY)
            } else {
                deadline
            };
            self.timers.set_no_later(index, at, now);
        }
    }

    pub(super) fn next_deadline(&self, slots: &[impl Scheduled]) -> Option<Instant> {
        let active = self.active.iter();
        let active = active.filter_map(|index| slots[index.as_usize()].deadline());
        active.chain(self.timers.next()).min()
    }

    pub(super) fn on_release(&mut self, schedule: &mut Schedule, index: SlotIndex) {
        schedule.deadline = Deadline::Unknown;
        self.timers.remove(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[derive(Default)]
    struct Peer {
        schedule: Schedule,
        next_deadline: Option<Instant>,
    }

    impl Scheduled for Peer {
        fn schedule(&mut self) -> &mut Schedule {
            &mut self.schedule
        }

        fn known_deadline(&self) -> Deadline {
            self.schedule.deadline
        }

        fn next_deadline(&self) -> Option<Instant> {
            self.next_deadline
        }
    }

    fn change(scheduler: &mut Scheduler, peers: &mut [Peer], index: u32) {
        let index = SlotIndex::new(index);
        scheduler.on_change(&mut peers[index.as_usize()].schedule, index);
    }

    /// Each peer changes when it is returned, and keeps its deadline.
    fn turn(scheduler: &mut Scheduler, peers: &mut [Peer], now: Instant) -> Vec<u32> {
        scheduler.begin_turn();
        let mut due = Vec::new();
        while let Some(index) = scheduler.next_due(peers, now) {
            due.push(index.as_u32());
            assert!(
                due.len() <= peers.len(),
                "a peer was returned twice: {due:?}"
            );
            change(scheduler, peers, index.as_u32());
        }
        due
    }

    #[test]
    fn a_late_turn_visits_each_due_peer_once() {
        let start = Instant::START;
        let mut scheduler = Scheduler::default();
        let mut peers = [Peer::default(), Peer::default()];
        for peer in &mut peers {
            peer.next_deadline = Some(start + 10 * MS);
        }
        change(&mut scheduler, &mut peers, 1);
        assert_eq!(turn(&mut scheduler, &mut peers, start), []);
        assert_eq!(turn(&mut scheduler, &mut peers, start + MS), []);
        assert!(scheduler.active.is_empty(), "peer 1 is parked");
        change(&mut scheduler, &mut peers, 0);
        assert_eq!(scheduler.next_deadline(&peers), Some(start + 10 * MS));
        assert_eq!(turn(&mut scheduler, &mut peers, start + 30 * MS), [0, 1]);
        assert_eq!(turn(&mut scheduler, &mut peers, start + 31 * MS), [0, 1]);
    }

    #[test]
    fn a_parked_peer_keeps_its_exact_deadline() {
        let start = Instant::START;
        let mut scheduler = Scheduler::default();
        let at = start + Duration::from_micros(10_300);
        let mut peers = [Peer {
            next_deadline: Some(at),
            ..Peer::default()
        }];
        change(&mut scheduler, &mut peers, 0);
        assert_eq!(turn(&mut scheduler, &mut peers, start), []);
        assert_eq!(turn(&mut scheduler, &mut peers, start + 10 * MS), []);
        assert!(scheduler.active.is_empty());
        assert_eq!(scheduler.next_deadline(&peers), Some(at));
        assert_eq!(turn(&mut scheduler, &mut peers, at), [0]);
    }
}
