//! Records the arrival time of each message.
//!
//! Latency counts from the tick in which a message was due, so that a full queue adds to it.

use std::time::Instant;

use super::outcome::Outcome;

/// Length in bytes of the number at the start of a message.
pub(super) const NUMBER_LEN: usize = 4;

const FILLER: u8 = 0x5a;

#[derive(Debug)]
pub(super) struct Recording {
    size: usize,
    due_at: Vec<Instant>,
    has_arrived: Vec<bool>,
    largest: Option<usize>,
    pub(super) outcome: Outcome,
}

impl Recording {
    pub(super) fn new(messages: u32, size: usize) -> Self {
        let mut outcome = Outcome::new();
        outcome.counts.messages = messages.into();
        Self {
            size: size.max(NUMBER_LEN),
            due_at: Vec::with_capacity(messages as usize),
            has_arrived: vec![false; messages as usize],
            largest: None,
            outcome,
        }
    }

    pub(super) fn sent(&self) -> u32 {
        u32::try_from(self.due_at.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn next_message(&self) -> Vec<u8> {
        let mut message = self.sent().to_be_bytes().to_vec();
        message.resize(self.size, FILLER);
        message
    }

    pub(super) fn on_sent(&mut self, due: Instant) {
        self.due_at.push(due);
        self.outcome.counts.sent += 1;
    }

    pub(super) fn on_arrived(&mut self, message: &[u8], now: Instant) {
        let counts = &mut self.outcome.counts;
        let Some((number, due)) = number_of(message, self.size)
            .and_then(|number| Some((number, *self.due_at.get(number)?)))
        else {
            counts.damaged += 1;
            return;
        };
        if std::mem::replace(&mut self.has_arrived[number], true) {
            counts.duplicates += 1;
            return;
        }
        counts.out_of_order += u64::from(self.largest.is_some_and(|largest| largest > number));
        self.largest = self.largest.max(Some(number));
        self.outcome.latency.record(now.duration_since(due));
    }

    pub(super) fn has_everything(&self) -> bool {
        self.outcome.latency.count() == self.outcome.counts.messages
    }
}

/// The number of a message of this size, if its filler is unchanged.
fn number_of(message: &[u8], size: usize) -> Option<usize> {
    let (number, filler) = message.split_first_chunk()?;
    let is_whole = message.len() == size && filler.iter().all(|byte| *byte == FILLER);
    is_whole.then_some(u32::from_be_bytes(*number) as usize)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    /// A recording of three messages of eight bytes, sent in consecutive ticks, and their content.
    fn sent(start: Instant) -> (Recording, [Vec<u8>; 3]) {
        let mut recording = Recording::new(3, 8);
        let messages = [0, 1, 2].map(|number| {
            let message = recording.next_message();
            recording.on_sent(start + number * TICK);
            message
        });
        (recording, messages)
    }

    fn assert_counts(recording: &Recording, wanted: [u64; 3]) {
        let counts = recording.outcome.counts;
        let seen = [counts.out_of_order, counts.duplicates, counts.damaged];
        assert_eq!(seen, wanted);
    }

    #[test]
    fn latency_counts_from_the_due_tick() {
        let start = Instant::now();
        let (mut recording, messages) = sent(start);
        for message in &messages {
            recording.on_arrived(message, start + 5 * TICK);
        }
        for number in 3..=5 {
            assert_eq!(recording.outcome.latency.count_of(number * TICK), 1);
        }
        assert!(recording.has_everything());
        assert_counts(&recording, [0, 0, 0]);
    }

    #[test]
    fn counts_reordered_duplicate_and_damaged_messages() {
        let start = Instant::now();
        let (mut recording, messages) = sent(start);
        for number in [2, 0, 0] {
            recording.on_arrived(&messages[number], start + 5 * TICK);
        }
        let longer = [&messages[1][..], &[FILLER]].concat();
        let other = [&messages[1][..7], &[0]].concat();
        for damaged in [&[][..], &[0; 3], &9_u32.to_be_bytes(), &longer, &other] {
            recording.on_arrived(damaged, start + 5 * TICK);
        }
        assert_counts(&recording, [1, 1, 5]);
        assert!(!recording.has_everything());
        assert_eq!(recording.outcome.latency.count(), 2);
    }
}
