//! Results of one run, and of all runs of a case.

use std::time::Duration;

use serde::Serialize;

use super::case::Case;
use crate::bench::distribution::{Distribution, Percentiles, Point};

/// Decimals of a latency in milliseconds.
const UNIT: Duration = Duration::from_micros(1);
const DIGITS: u8 = 4;

/// Results of one run, or of several combined.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    /// Latency from the tick in which a message was due to the tick of its reception.
    pub(super) latency: Distribution,
    pub(super) counts: Counts,
    /// Reason of the first disconnect.
    pub(super) broken: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) messages: u64,
    pub(super) sent: u64,
    /// Messages received after a later one.
    pub(super) out_of_order: u64,
    pub(super) duplicates: u64,
    /// Messages with an unknown number or altered content.
    pub(super) damaged: u64,
    /// Duration of sending, and bytes sent to the receiver in that time, including IPv4 and UDP
    /// headers.
    #[serde(skip)]
    pub(super) sending: Duration,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Counters of the whole connection.
    pub(super) copies: u64,
    /// Copies that saved a round trip.
    pub(super) copies_useful: u64,
    pub(super) retransmissions: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Summary {
    pub(super) latency_micros: Percentiles,
    pub(super) delivered: u64,
    #[serde(flatten)]
    pub(super) counts: Counts,
    sending_seconds: f64,
    pub(super) kbit_per_second: f64,
    pub(super) packets_per_message: f64,
    /// Besides the first transmission.
    pub(super) copies_per_message: f64,
    pub(super) broken: Option<String>,
}

/// A row of the table, with the details of the record and the picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) case: Case,
    #[serde(flatten)]
    pub(super) total: Summary,
    pub(super) distribution: Vec<Point>,
    pub(super) runs: Vec<Summary>,
}

impl Outcome {
    pub(super) fn new() -> Self {
        Self {
            latency: Distribution::new(UNIT, DIGITS),
            counts: Counts::default(),
            broken: None,
        }
    }

    fn add(&mut self, other: Self) {
        self.latency.add(&other.latency);
        self.counts.add(&other.counts);
        self.broken = self.broken.take().or(other.broken);
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.sent += other.sent;
        self.out_of_order += other.out_of_order;
        self.duplicates += other.duplicates;
        self.damaged += other.damaged;
        self.sending += other.sending;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.copies += other.copies;
        self.copies_useful += other.copies_useful;
        self.retransmissions += other.retransmissions;
    }
}

impl Summary {
    fn of(outcome: &Outcome) -> Self {
        let (counts, delivered) = (outcome.counts, outcome.latency.count());
        let sending_seconds = counts.sending.as_secs_f64();
        let per = |sum: u64, of: f64| if of > 0.0 { sum as f64 / of } else { 0.0 };
        Self {
            latency_micros: outcome.latency.percentiles(counts.messages - delivered),
            delivered,
            counts,
            sending_seconds,
            kbit_per_second: per(counts.bytes * 8, sending_seconds) / 1e3,
            packets_per_message: per(counts.packets, counts.sent as f64),
            copies_per_message: per(counts.copies, counts.sent as f64),
            broken: outcome.broken.clone(),
        }
    }

    pub(super) fn missing(&self) -> u64 {
        self.counts.messages - self.delivered
    }
}

impl Row {
    pub(super) fn of<E>(
        case: Case,
        outcomes: impl IntoIterator<Item = Result<Outcome, E>>,
    ) -> Result<Self, E> {
        let (mut total, mut runs) = (Outcome::new(), Vec::new());
        for outcome in outcomes {
            let outcome = outcome?;
            runs.push(Summary::of(&outcome));
            total.add(outcome);
        }
        let summary = Summary::of(&total);
        Ok(Self {
            case,
            distribution: total.latency.points(summary.missing()),
            total: summary,
            runs,
        })
    }

    /// A failure that the link does not explain, as a sentence.
    pub(super) fn complaint(&self) -> Option<String> {
        Some(format!("{}: {}", self.case, self.fault()?))
    }

    fn fault(&self) -> Option<String> {
        let (counts, delivery) = (&self.total.counts, self.case.delivery);
        if let Some(reason) = &self.total.broken {
            let count = self.runs.iter().filter(|run| run.broken.is_some()).count();
            let runs = self.runs.len();
            return Some(format!(
                "{count} of {runs} connections failed; the first {reason}"
            ));
        }
        if counts.damaged > 0 {
            let damaged = counts.damaged;
            return Some(format!("{damaged} messages arrived altered"));
        }
        if delivery.keeps_order() && counts.out_of_order > 0 {
            let out_of_order = counts.out_of_order;
            return Some(format!("{out_of_order} messages arrived out of order"));
        }
        match (counts.duplicates, self.total.missing()) {
            _ if !delivery.is_reliable() => None,
            (0, 0) => None,
            (0, missing) => {
                let messages = counts.messages;
                Some(format!("{missing} of {messages} messages did not arrive"))
            }
            (duplicates, _) => Some(format!("{duplicates} messages arrived more than once")),
        }
    }
}
