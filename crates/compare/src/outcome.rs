//! Latencies of runs, and their percentiles.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::TICK_RATE;
use crate::condition::Condition;

/// Of one run, or of several runs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    messages: usize,
    /// From the tick of sending to the tick of delivery, in the order of delivery.
    latencies: Vec<Duration>,
    /// From the client to the server while messages were sent, with IP and UDP headers.
    pub(crate) bytes_sent: u64,
    /// Why a run ended before everything was delivered.
    pub(crate) failure: Option<String>,
}

/// A library under one condition.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) library: String,
    pub(crate) condition: Condition,
    pub(crate) p50_ms: Latency,
    pub(crate) p90_ms: Latency,
    pub(crate) p99_ms: Latency,
    pub(crate) max_ms: Latency,
    pub(crate) delivered: usize,
    pub(crate) messages: usize,
    pub(crate) kbit_per_second: f64,
    /// Of the first run that failed.
    pub(crate) failure: Option<String>,
}

/// `None` if a percentile falls among messages that were not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Latency(pub(crate) Option<Duration>);

impl Outcome {
    pub(crate) fn new(messages: u32) -> Self {
        Self {
            messages: messages as usize,
            latencies: Vec::new(),
            bytes_sent: 0,
            failure: None,
        }
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    pub(crate) fn delivered(&self) -> usize {
        self.latencies.len()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.delivered() == self.messages
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.latencies.push(latency);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.latencies.extend(other.latencies);
        self.bytes_sent += other.bytes_sent;
        self.failure = self.failure.take().or(other.failure);
    }

    pub(crate) fn row(mut self, library: String, condition: Condition) -> Row {
        self.latencies.sort_unstable();
        let seconds = self.messages as f64 / f64::from(TICK_RATE);
        Row {
            library,
            condition,
            p50_ms: self.percentile(50),
            p90_ms: self.percentile(90),
            p99_ms: self.percentile(99),
            max_ms: self.percentile(100),
            delivered: self.delivered(),
            messages: self.messages,
            kbit_per_second: self.bytes_sent as f64 * 8.0 / seconds / 1e3,
            failure: self.failure,
        }
    }

    /// Nearest rank of sorted latencies. Messages that were not delivered count as infinitely late.
    fn percentile(&self, percent: usize) -> Latency {
        let rank = (self.messages * percent).div_ceil(100).max(1);
        Latency(self.latencies.get(rank - 1).copied())
    }
}

impl Latency {
    pub(crate) fn millis(self) -> Option<f64> {
        self.0.map(|latency| latency.as_secs_f64() * 1e3)
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.millis().serialize(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks_and_count_undelivered_messages() {
        let mut outcome = Outcome::new(100);
        for millis in (1..=95).rev() {
            outcome.record(Duration::from_millis(millis));
        }
        let row = outcome.row("x".to_owned(), "5%".parse().unwrap());
        let shown = [row.p50_ms, row.p90_ms, row.p99_ms, row.max_ms].map(Latency::millis);
        assert_eq!(shown, [Some(50.0), Some(90.0), None, None]);
        assert_eq!((row.delivered, row.messages), (95, 100));
    }

    #[test]
    fn sums_of_runs_keep_the_first_failure() {
        let mut sum = Outcome::new(0);
        for failure in [None, Some("first"), Some("second")] {
            let mut outcome = Outcome::new(60);
            outcome.bytes_sent = 1000;
            outcome.failure = failure.map(str::to_owned);
            sum.add(outcome);
        }
        let row = sum.row("x".to_owned(), "0%".parse().unwrap());
        assert_eq!(row.failure.as_deref(), Some("first"));
        assert!((row.kbit_per_second - 8.0).abs() < 1e-9);
    }
}
