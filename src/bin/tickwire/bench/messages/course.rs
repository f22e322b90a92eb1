//! One run: a host sends numbered messages to another one through a bad link, and the other one says
//! when each of them came.

use std::time::{Duration, Instant};

use serde::Serialize;
use tickwire::{Delivery, LinkConditions, PeerStats};

use crate::bench::percentile;

/// What is to be run.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) delivery: Delivery,
    pub(super) conditions: LinkConditions,
    pub(super) redundancy: u8,
    pub(super) messages: u32,
    pub(super) size: usize,
    pub(super) ticks_per_second: u32,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Outcome {
    /// From the tick in which a message was sent to the one in which it was delivered, sorted.
    pub(super) latencies_ms: Vec<f64>,
    pub(super) sent: u32,
    pub(super) delivered: u32,
    /// Messages that came before one that was sent before them.
    pub(super) out_of_order: u32,
    pub(super) duplicates: u32,
    /// Of packets, towards the receiver.
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) copies: u64,
    pub(super) copies_useful: u64,
    pub(super) retransmitted: u64,
    pub(super) seconds: f64,
}

/// Takes down which message came when.
#[derive(Debug)]
pub(super) struct Book {
    sent_at: Vec<Instant>,
    arrived_at: Vec<Option<Instant>>,
    largest: Option<usize>,
    is_reliable: bool,
    out_of_order: u32,
    duplicates: u32,
}

/// How many bytes the number of a message takes, which stands at its beginning.
pub(super) const NUMBER_LEN: usize = 4;

impl Book {
    pub(super) fn new(course: &Course) -> Self {
        Self {
            sent_at: Vec::with_capacity(course.messages as usize),
            arrived_at: vec![None; course.messages as usize],
            largest: None,
            is_reliable: course.delivery.is_reliable(),
            out_of_order: 0,
            duplicates: 0,
        }
    }

    /// The next message, as it is sent.
    pub(super) fn next_message(&self, size: usize) -> Vec<u8> {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "messages are counted by u32"
        )]
        let number = self.sent_at.len() as u32;
        let mut message = number.to_be_bytes().to_vec();
        message.resize(size.max(NUMBER_LEN), 0x5a);
        message
    }

    pub(super) fn on_sent(&mut self, now: Instant) {
        self.sent_at.push(now);
    }

    pub(super) fn on_arrived(&mut self, message: &[u8], now: Instant) {
        let Some(number) = message
            .first_chunk()
            .map(|number| u32::from_be_bytes(*number))
        else {
            return;
        };
        let number = number as usize;
        let Some(arrived_at) = self.arrived_at.get_mut(number) else {
            return;
        };
        self.duplicates += u32::from(arrived_at.is_some());
        arrived_at.get_or_insert(now);
        self.out_of_order += u32::from(self.largest.is_some_and(|largest| largest > number));
        self.largest = self.largest.max(Some(number));
    }

    pub(super) fn sent(&self) -> u32 {
        u32::try_from(self.sent_at.len()).unwrap_or(u32::MAX)
    }

    /// Whether everything has to arrive.
    pub(super) fn is_reliable(&self) -> bool {
        self.is_reliable
    }

    pub(super) fn has_everything(&self) -> bool {
        self.arrived_at.iter().all(Option::is_some)
    }

    /// What is to be said of the messages.
    pub(super) fn outcome(&self) -> Outcome {
        let pairs = self.sent_at.iter().zip(&self.arrived_at);
        let times =
            pairs.filter_map(|(sent, arrived)| Some(arrived.as_ref()?.duration_since(*sent)));
        let mut latencies: Vec<Duration> = times.collect();
        latencies.sort_unstable();
        Outcome {
            sent: self.sent(),
            delivered: u32::try_from(latencies.len()).unwrap_or(u32::MAX),
            latencies_ms: latencies
                .iter()
                .map(|time| time.as_secs_f64() * 1e3)
                .collect(),
            out_of_order: self.out_of_order,
            duplicates: self.duplicates,
            ..Outcome::default()
        }
    }
}

impl Outcome {
    /// Another run of the same course.
    pub(super) fn add(&mut self, other: Self) {
        self.latencies_ms.extend(other.latencies_ms);
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.out_of_order += other.out_of_order;
        self.duplicates += other.duplicates;
        self.bytes += other.bytes;
        self.packets += other.packets;
        self.copies += other.copies;
        self.copies_useful += other.copies_useful;
        self.retransmitted += other.retransmitted;
        self.seconds += other.seconds;
    }

    /// What the sender counted, from the first message to the last, and to the arrival of all.
    pub(super) fn take_counts(&mut self, before: &PeerStats, after: &PeerStats, end: &PeerStats) {
        self.bytes = after.bytes_sent - before.bytes_sent;
        self.packets = after.packets_sent - before.packets_sent;
        self.copies = end.copies_sent;
        self.copies_useful = end.copies_useful;
        self.retransmitted = end.messages_retransmitted;
    }

    /// After the last run.
    pub(super) fn sort(&mut self) {
        self.latencies_ms.sort_by(f64::total_cmp);
    }

    #[allow(clippy::cast_precision_loss, reason = "a few megabytes")]
    pub(super) fn kilobits_per_second(&self) -> f64 {
        self.bytes as f64 * 8.0 / 1000.0 / self.seconds.max(1e-9)
    }

    /// The latency that this share of the messages does not exceed (nearest rank).
    pub(super) fn percentile(&self, percent: f64) -> Option<f64> {
        percentile::of_sorted(&self.latencies_ms, percent)
    }
}
