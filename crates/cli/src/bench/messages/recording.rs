//! Takes down which message came when.
//!
//! A message counts from the tick in which it was due, and not from when it could be sent: a connection
//! that takes no more pays for what has to wait before it.

use std::time::{Duration, Instant};

/// How many bytes the number of a message takes, which stands at its beginning.
pub(super) const NUMBER_LEN: usize = 4;

/// What fills a message.
const FILLER: u8 = 0x5a;

#[derive(Debug)]
pub(super) struct Recording {
    size: usize,
    sent: u32,
    /// When each message was due, as far as it was sent.
    due_at: Vec<Instant>,
    arrived_at: Vec<Option<Instant>>,
    missing: usize,
    largest: Option<usize>,
    /// Messages that came after one that was sent behind them.
    pub(super) out_of_order: u32,
    pub(super) duplicates: u32,
    /// Messages that were not sent, or not with this content.
    pub(super) damaged: u32,
}

impl Recording {
    pub(super) fn new(messages: u32, size: usize) -> Self {
        let messages = messages as usize;
        Self {
            size: size.max(NUMBER_LEN),
            sent: 0,
            due_at: Vec::with_capacity(messages),
            arrived_at: vec![None; messages],
            missing: messages,
            largest: None,
            out_of_order: 0,
            duplicates: 0,
            damaged: 0,
        }
    }

    /// How many were sent.
    pub(super) fn sent(&self) -> u32 {
        self.sent
    }

    /// The next one to be sent.
    pub(super) fn next_message(&self) -> Vec<u8> {
        let mut message = self.sent.to_be_bytes().to_vec();
        message.resize(self.size, FILLER);
        message
    }

    /// It was sent.
    pub(super) fn on_sent(&mut self, due: Instant) {
        self.sent += 1;
        self.due_at.push(due);
    }

    pub(super) fn on_arrived(&mut self, message: &[u8], now: Instant) {
        let Some(number) = self.number(message) else {
            self.damaged += 1;
            return;
        };
        let arrived_at = &mut self.arrived_at[number];
        if arrived_at.is_some() {
            self.duplicates += 1;
            return;
        }
        *arrived_at = Some(now);
        self.missing -= 1;
        self.out_of_order += u32::from(self.largest.is_some_and(|largest| largest > number));
        self.largest = self.largest.max(Some(number));
    }

    /// That of a message which was sent, if this is one.
    fn number(&self, message: &[u8]) -> Option<usize> {
        let (number, filler) = message.split_first_chunk()?;
        let number = u32::from_be_bytes(*number);
        let is_whole = message.len() == self.size && filler.iter().all(|byte| *byte == FILLER);
        (is_whole && number < self.sent).then_some(number as usize)
    }

    pub(super) fn has_everything(&self) -> bool {
        self.missing == 0
    }

    /// How long those took that arrived, the shortest first, in milliseconds.
    pub(super) fn latencies_ms(&self) -> Vec<f64> {
        let pairs = self.due_at.iter().zip(&self.arrived_at);
        let times = pairs.filter_map(|(due, arrived)| Some(arrived.as_ref()?.duration_since(*due)));
        let mut times: Vec<Duration> = times.collect();
        times.sort_unstable();
        times.iter().map(|time| time.as_secs_f64() * 1e3).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    /// A recording of three messages of eight bytes, sent tick by tick, and what they look like.
    fn sent(start: Instant) -> (Recording, [Vec<u8>; 3]) {
        let mut recording = Recording::new(3, 8);
        let messages = [0, 1, 2].map(|number| {
            let message = recording.next_message();
            recording.on_sent(start + number * TICK);
            message
        });
        (recording, messages)
    }

    #[test]
    fn a_latency_counts_from_when_its_message_was_due() {
        let start = Instant::now();
        let (mut recording, messages) = sent(start);
        for message in &messages {
            recording.on_arrived(message, start + 5 * TICK);
        }
        assert_eq!(recording.latencies_ms(), [30.0, 40.0, 50.0]);
        assert!(recording.has_everything());
        assert_eq!(
            (
                recording.out_of_order,
                recording.duplicates,
                recording.damaged
            ),
            (0, 0, 0)
        );
    }

    #[test]
    fn what_overtakes_comes_twice_or_is_damaged_is_counted() {
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
        assert_eq!(
            (
                recording.out_of_order,
                recording.duplicates,
                recording.damaged
            ),
            (1, 1, 5)
        );
        assert!(!recording.has_everything());
        assert_eq!(recording.latencies_ms().len(), 2);
    }
}
