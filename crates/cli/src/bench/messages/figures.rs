//! What the runs of a case come to.
//!
//! A message that did not arrive counts as infinitely long: the rank of a percentile is counted over all
//! messages that were to be sent, and one that falls among the missing is lost.

use serde::Serialize;

use super::case::Case;
use super::run::Outcome;

/// How many points of a distribution are kept for each power of ten.
const POINTS_PER_DECADE: i32 = 40;

/// A row of the table, and what the file and the picture have besides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) case: Case,
    /// From the tick in which a message was due to be sent to the one in which it was taken.
    pub(super) latency_ms: Percentiles,
    pub(super) messages: u64,
    pub(super) sent: u64,
    pub(super) delivered: u64,
    pub(super) out_of_order: u64,
    pub(super) duplicates: u64,
    pub(super) damaged: u64,
    /// What went to the receiver while messages were sent, with the headers of IPv4 and UDP.
    pub(super) kbit_per_second: f64,
    pub(super) packets_per_message: f64,
    /// Beside the message itself.
    pub(super) copies_per_message: f64,
    /// How many of them saved a round trip.
    pub(super) copies_useful: u64,
    pub(super) retransmissions: u64,
    pub(super) distribution: Vec<Point>,
    pub(super) runs: Vec<RunFigures>,
}

/// `None`: lost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Percentiles {
    pub(super) p50: Option<f64>,
    pub(super) p90: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) p99_9: Option<f64>,
    pub(super) max: Option<f64>,
}

/// All but one in `one_in` messages took no longer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Point {
    pub(super) one_in: f64,
    pub(super) ms: f64,
}

/// One run alone: a seed, or a round.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct RunFigures {
    latency_ms: Percentiles,
    sent: u32,
    delivered: usize,
    sending_seconds: f64,
    packets: u64,
    bytes: u64,
    copies: u64,
    retransmissions: u64,
    /// Why its connection ended before the run did.
    pub(super) broken: Option<String>,
}

/// Latencies, and how many messages there should have been.
#[derive(Debug, Clone, Copy)]
struct Times<'a> {
    /// Sorted.
    arrived_ms: &'a [f64],
    messages: u64,
}

impl Row {
    /// `messages` are those of one run.
    pub(super) fn of(case: Case, messages: u32, outcomes: &[Outcome]) -> Self {
        let sum = |count: fn(&Outcome) -> u64| outcomes.iter().map(count).sum::<u64>();
        let mut arrived_ms: Vec<f64> = outcomes
            .iter()
            .flat_map(|outcome| outcome.latencies_ms.iter().copied())
            .collect();
        arrived_ms.sort_by(f64::total_cmp);
        let times = Times {
            arrived_ms: &arrived_ms,
            messages: u64::from(messages) * outcomes.len() as u64,
        };
        let sent = sum(|outcome| u64::from(outcome.sent));
        let seconds: f64 = outcomes.iter().map(|outcome| outcome.sending.seconds).sum();
        Self {
            case,
            latency_ms: Percentiles::of(times),
            messages: times.messages,
            sent,
            delivered: arrived_ms.len() as u64,
            out_of_order: sum(|outcome| u64::from(outcome.out_of_order)),
            duplicates: sum(|outcome| u64::from(outcome.duplicates)),
            damaged: sum(|outcome| u64::from(outcome.damaged)),
            kbit_per_second: per(sum(|outcome| outcome.sending.bytes) * 8, seconds) / 1e3,
            packets_per_message: per(sum(|outcome| outcome.sending.packets), count(sent)),
            copies_per_message: per(sum(|outcome| outcome.copies), count(sent)),
            copies_useful: sum(|outcome| outcome.copies_useful),
            retransmissions: sum(|outcome| outcome.retransmitted),
            distribution: times.distribution(),
            runs: outcomes
                .iter()
                .map(|outcome| RunFigures::of(messages, outcome))
                .collect(),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.delivered == self.messages
    }

    /// What no link is an excuse for, in a sentence.
    pub(super) fn complaint(&self) -> Option<String> {
        let what = self.fault()?;
        Some(format!("{}: {what}", self.case))
    }

    fn fault(&self) -> Option<String> {
        if let Some(reason) = self.runs.iter().find_map(|run| run.broken.as_ref()) {
            let count = self.runs.iter().filter(|run| run.broken.is_some()).count();
            let runs = self.runs.len();
            return Some(format!(
                "{count} of {runs} connections did not last; of the first of them, {reason}"
            ));
        }
        if self.damaged > 0 {
            return Some(format!(
                "{} messages were not as they were sent",
                self.damaged
            ));
        }
        if self.case.delivery.keeps_order() && self.out_of_order > 0 {
            return Some(format!("{} messages came out of order", self.out_of_order));
        }
        if !self.case.delivery.is_reliable() {
            return None;
        }
        if self.duplicates > 0 {
            return Some(format!("{} messages came more than once", self.duplicates));
        }
        let missing = self.messages - self.delivered;
        (missing > 0).then(|| format!("{missing} of {} messages did not arrive", self.messages))
    }
}

impl RunFigures {
    fn of(messages: u32, outcome: &Outcome) -> Self {
        let times = Times {
            arrived_ms: &outcome.latencies_ms,
            messages: messages.into(),
        };
        Self {
            latency_ms: Percentiles::of(times),
            sent: outcome.sent,
            delivered: outcome.latencies_ms.len(),
            sending_seconds: outcome.sending.seconds,
            packets: outcome.sending.packets,
            bytes: outcome.sending.bytes,
            copies: outcome.copies,
            retransmissions: outcome.retransmitted,
            broken: outcome.broken.clone(),
        }
    }
}

impl Percentiles {
    fn of(times: Times<'_>) -> Self {
        Self {
            p50: times.percentile(50.0),
            p90: times.percentile(90.0),
            p99: times.percentile(99.0),
            p99_9: times.percentile(99.9),
            max: times.percentile(100.0),
        }
    }
}

impl Times<'_> {
    /// What this share of the messages does not exceed, by the nearest rank.
    fn percentile(&self, percent: f64) -> Option<f64> {
        // Multiplied first: 0.99 * 100 is 99, and 0.999 * 1000 is more than 999.
        let rank = (percent * count(self.messages) / 100.0).ceil();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among messages, rounded"
        )]
        let rank = rank as usize;
        self.arrived_ms.get(rank.max(1) - 1).copied()
    }

    /// As far as messages arrived; the last point is the longest, or the last before those that are lost.
    fn distribution(&self) -> Vec<Point> {
        let messages = count(self.messages);
        let steps = (0..).map(|step| 10_f64.powf(f64::from(step) / f64::from(POINTS_PER_DECADE)));
        let within = steps.take_while(|one_in| *one_in < messages);
        let point = |one_in| {
            let ms = self.percentile(100.0 - 100.0 / one_in)?;
            Some(Point { one_in, ms })
        };
        within.chain([messages]).map_while(point).collect()
    }
}

fn per(sum: u64, of: f64) -> f64 {
    if of > 0.0 { count(sum) / of } else { 0.0 }
}

fn count(number: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
    let number = number as f64;
    number
}

#[cfg(test)]
mod tests {
    use super::super::case::Kind;
    use super::super::run::Sending;
    use super::*;

    fn case(delivery: Kind) -> Case {
        Case {
            loss: 0.05,
            burst: None,
            redundancy: Some(2),
            delivery,
        }
    }

    fn outcome(latencies: std::ops::RangeInclusive<u32>) -> Outcome {
        Outcome {
            latencies_ms: latencies.map(f64::from).collect(),
            sent: 100,
            sending: Sending {
                seconds: 2.0,
                packets: 150,
                bytes: 10_000,
            },
            copies: 250,
            ..Outcome::default()
        }
    }

    #[test]
    fn a_percentile_is_the_nearest_rank_among_all_messages() {
        let row = Row::of(case(Kind::Ordered), 100, &[outcome(1..=100)]);
        let wanted = Percentiles {
            p50: Some(50.0),
            p90: Some(90.0),
            p99: Some(99.0),
            p99_9: Some(100.0),
            max: Some(100.0),
        };
        assert_eq!(row.latency_ms, wanted);
        assert!(row.is_complete());
        assert_eq!(row.complaint(), None);
        let ends = [row.distribution.first(), row.distribution.last()];
        let wanted = [(1.0, 1.0), (100.0, 99.0)].map(|(one_in, ms)| Point { one_in, ms });
        assert_eq!(ends.map(|end| *end.expect("a point")), wanted);
    }

    #[test]
    fn a_percentile_among_the_missing_is_lost() {
        let row = Row::of(case(Kind::Unreliable), 100, &[outcome(1..=95)]);
        assert_eq!(row.latency_ms.p90, Some(90.0));
        assert_eq!((row.latency_ms.p99, row.latency_ms.max), (None, None));
        assert_eq!((row.delivered, row.messages), (95, 100));
        assert_eq!(row.complaint(), None, "they may be lost");
        assert!(row.distribution.iter().all(|point| point.ms <= 95.0));
    }

    #[test]
    fn runs_are_added_up() {
        let row = Row::of(
            case(Kind::Ordered),
            100,
            &[outcome(1..=100), outcome(1..=100)],
        );
        assert_eq!((row.messages, row.delivered), (200, 200));
        let close = |value: f64, wanted: f64| assert!((value - wanted).abs() < 1e-9, "{value}");
        close(row.kbit_per_second, 40.0);
        close(row.packets_per_message, 1.5);
        close(row.copies_per_message, 2.5);
    }

    #[test]
    fn what_no_link_is_an_excuse_for_is_told() {
        let told = |delivery, outcome| Row::of(case(delivery), 100, &[outcome]).complaint();
        let missing = told(Kind::Ordered, outcome(1..=95));
        let wanted = "5% lost, ordered, redundancy 2: 5 of 100 messages did not arrive";
        assert_eq!(missing.as_deref(), Some(wanted));

        let swapped = |delivery| {
            let out_of_order = 1;
            let outcome = Outcome {
                out_of_order,
                ..outcome(1..=100)
            };
            told(delivery, outcome)
        };
        for delivery in [Kind::Ordered, Kind::Sequenced] {
            let told = swapped(delivery).unwrap_or_default();
            assert!(told.ends_with("1 messages came out of order"), "{told}");
        }
        assert_eq!(swapped(Kind::Reliable), None);
        assert_eq!(swapped(Kind::Unreliable), None);

        let broken = Some("it broke after 7 messages".to_owned());
        let told = told(
            Kind::Unreliable,
            Outcome {
                broken,
                ..outcome(1..=3)
            },
        );
        let told = told.unwrap_or_default();
        assert!(told.contains("1 of 1 connections did not last"), "{told}");
        assert!(told.ends_with("it broke after 7 messages"), "{told}");
    }
}
