//! Indexed binary heap of timers: stores the position of each slot, so a slot is in it at most once
//! and can be moved in O(log n). Reading the earliest entry is O(1).

use crate::proto::slot_index::SlotIndex;
use crate::proto::time::Instant;

/// Marks a slot that is not in the heap.
const NOWHERE: u32 = u32::MAX;

#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: Vec<TimerEntry>,
    places: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct TimerEntry {
    at: Instant,
    slot: SlotIndex,
}

impl Timers {
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.first().map(|entry| entry.at)
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<SlotIndex> {
        let first = self.heap.first().filter(|entry| entry.at <= now)?;
        let slot = first.slot;
        self.remove(slot);
        Some(slot)
    }

    /// Replaces any earlier time.
    pub(crate) fn set(&mut self, slot: SlotIndex, at: Instant) {
        match self.place(slot) {
            Some(place) => {
                self.heap[place].at = at;
                self.settle(place);
            }
            None => self.insert(slot, at),
        }
    }

    /// Sets a slot to be due at `at` or earlier. Keeps an existing entry within the second half of
    /// the interval. So a deadline that moves back with every packet seldom costs a heap operation,
    /// and a slot is checked too early at most once per half of its interval.
    pub(crate) fn set_no_later(&mut self, slot: SlotIndex, at: Instant, now: Instant) {
        let half_way = now + (at - now) / 2;
        let is_early_enough = self
            .place(slot)
            .is_some_and(|place| (half_way..=at).contains(&self.heap[place].at));
        if !is_early_enough {
            self.set(slot, at);
        }
    }

    pub(crate) fn remove(&mut self, slot: SlotIndex) {
        let Some(place) = self.place(slot) else {
            return;
        };
        self.places[slot.as_usize()] = NOWHERE;
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.settle(place);
        }
    }

    fn place(&self, slot: SlotIndex) -> Option<usize> {
        let place = *self.places.get(slot.as_usize())?;
        (place != NOWHERE).then_some(place as usize)
    }

    #[allow(clippy::cast_possible_truncation, reason = "slots are below 2^20")]
    fn insert(&mut self, slot: SlotIndex, at: Instant) {
        if self.places.len() <= slot.as_usize() {
            self.places.resize(slot.as_usize() + 1, NOWHERE);
        }
        let place = self.heap.len();
        self.heap.push(TimerEntry { at, slot });
        self.settle(place);
    }

    fn settle(&mut self, place: usize) {
        let place = self.rise(place);
        self.sink(place);
    }

    fn rise(&mut self, mut place: usize) -> usize {
        let entry = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent].at <= entry.at {
                break;
            }
            self.put(place, self.heap[parent]);
            place = parent;
        }
        self.put(place, entry);
        place
    }

    fn sink(&mut self, mut place: usize) {
        let entry = self.heap[place];
        while let Some(child) = self.earlier_child(place) {
            if entry.at <= self.heap[child].at {
                break;
            }
            self.put(place, self.heap[child]);
            place = child;
        }
        self.put(place, entry);
    }

    fn earlier_child(&self, place: usize) -> Option<usize> {
        let (left, right) = (2 * place + 1, 2 * place + 2);
        if right < self.heap.len() && self.heap[right].at < self.heap[left].at {
            return Some(right);
        }
        (left < self.heap.len()).then_some(left)
    }

    #[allow(clippy::cast_possible_truncation, reason = "slots are below 2^20")]
    fn put(&mut self, place: usize, entry: TimerEntry) {
        self.heap[place] = entry;
        self.places[entry.slot.as_usize()] = place as u32;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::proto::slot_index::SlotIndex as Slot;
    use crate::proto::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn pops_due_slots_in_order() {
        let start = Instant::START;
        let mut timers = Timers::default();
        for slot in [3, 1, 4, 0, 5] {
            timers.set(Slot::new(slot), start + MS * slot);
        }
        assert_eq!(timers.next(), Some(start));
        let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(start + 3 * MS)).collect();
        assert_eq!(due, [0, 1, 3].map(Slot::new));
        assert_eq!(timers.next(), Some(start + 4 * MS));
    }

    #[test]
    fn moves_a_timer_forward_and_rarely_back() {
        let start = Instant::START;
        let mut timers = Timers::default();
        timers.set_no_later(Slot::new(7), start + 5 * MS, start);
        timers.set_no_later(Slot::new(7), start + 9 * MS, start);
        assert_eq!(
            timers.next(),
            Some(start + 5 * MS),
            "an entry at half of the interval stays"
        );
        timers.set_no_later(Slot::new(7), start + 2 * MS, start);
        assert_eq!(timers.next(), Some(start + 2 * MS));
        timers.set_no_later(Slot::new(7), start + 5 * MS, start);
        assert_eq!(
            timers.next(),
            Some(start + 5 * MS),
            "an entry before half of the interval is replaced"
        );
        timers.set(Slot::new(7), start + 9 * MS);
        assert_eq!(timers.next(), Some(start + 9 * MS));
        timers.remove(Slot::new(7));
        timers.remove(Slot::new(7));
        timers.remove(Slot::new(1000));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn matches_a_sorted_map() {
        let start = Instant::START;
        let (mut timers, mut model) = (Timers::default(), HashMap::new());
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..50_000 {
            let slot = Slot::new(u32::try_from(random(50)).unwrap());
            let at = start + Duration::from_micros(random(1000));
            match random(4) {
                0 => {
                    timers.remove(slot);
                    model.remove(&slot);
                }
                1 => {
                    if let Some(slot) = timers.pop_due(at) {
                        let due = model.remove(&slot).unwrap();
                        assert!(due <= at && model.values().all(|other| *other >= due));
                    } else {
                        assert!(model.values().all(|due| *due > at));
                    }
                }
                _ => {
                    timers.set(slot, at);
                    model.insert(slot, at);
                }
            }
            assert_eq!(timers.next(), model.values().min().copied());
        }
    }
}
