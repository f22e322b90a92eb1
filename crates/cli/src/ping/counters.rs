//! Counters of a run of ping, and the lines of its summary.

use std::fmt;
use std::time::Duration;

use super::in_flight::ReplyKind;
use super::rtt::RttSummary;

/// A probe that is sent later than this counts as late, however long the step is.
const LATE_MAX: Duration = Duration::from_millis(100);

/// Every probe that was sent is `received`, `lost` or still in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Probes that were sent.
    pub(super) sent: u64,
    /// Probes with a reply in time.
    pub(super) received: u64,
    /// Probes without a reply in time. A late reply does not change that.
    pub(super) lost: u64,
    /// Lost probes with a late reply.
    pub(super) late: u64,
    /// Replies to a probe that already had one.
    pub(super) duplicates: u64,
    /// Received probes whose reply came after that of a later probe.
    pub(super) out_of_order: u64,
    /// Replies with the nonce of this run and other bytes than were sent.
    pub(super) altered: u64,
    /// Datagrams without the nonce, from another address, or with an unknown sequence number.
    pub(super) foreign: u64,
    /// Probes that the system refused to send. They are not in `sent`.
    pub(super) not_sent: u64,
    /// Datagrams that the kernel of this machine dropped because they were not read fast enough.
    pub(super) dropped_by_kernel: u64,
}

impl Counters {
    pub(super) fn on_reply(&mut self, kind: ReplyKind) {
        match kind {
            ReplyKind::InOrder => self.received += 1,
            ReplyKind::OutOfOrder => {
                self.received += 1;
                self.out_of_order += 1;
            }
            ReplyKind::Late => self.late += 1,
            ReplyKind::Overdue => {
                self.lost += 1;
                self.late += 1;
            }
            ReplyKind::Duplicate => self.duplicates += 1,
        }
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settled = self.received + self.lost;
        // Exact to 2^53 probes, which are 285 years at a million per second.
        let lost_percent = 100.0 * self.lost as f64 / settled.max(1) as f64;
        write!(
            f,
            "in all {} sent, {} received, {} lost ({lost_percent:.1}%), {} late, {} duplicates, \
             {} out of order, {} altered, {} foreign, {} not sent, {} dropped by kernel, {} under way",
            self.sent,
            self.received,
            self.lost,
            self.late,
            self.duplicates,
            self.out_of_order,
            self.altered,
            self.foreign,
            self.not_sent,
            self.dropped_by_kernel,
            self.sent.saturating_sub(settled),
        )
    }
}

/// Probes that ping itself sent late: by a whole step, after which the steps restart, or by
/// [`LATE_MAX`].
#[derive(Debug)]
pub(super) struct LateSends {
    threshold: Duration,
    probes: u64,
    longest: Duration,
}

impl LateSends {
    /// With a step of zero no probe is ever late.
    pub(super) fn new(step: Duration) -> Self {
        Self {
            threshold: match step {
                Duration::ZERO => Duration::MAX,
                step => step.min(LATE_MAX),
            },
            probes: 0,
            longest: Duration::ZERO,
        }
    }

    /// A probe was sent, this long after it was due.
    pub(super) fn on_sent(&mut self, late: Duration) {
        if late >= self.threshold {
            self.probes += 1;
            self.longest = self.longest.max(late);
        }
    }

    /// The line of the summary, if a probe was late.
    pub(super) fn summary(&self) -> Option<String> {
        let (probes, longest) = (self.probes, Millis(self.longest));
        (probes > 0).then(|| {
            format!(
                "held up: {probes} probes were sent late, by up to {longest} ms; this machine may \
                 have caused the times and losses around them"
            )
        })
    }
}

/// One line, in the format of ping(8).
impl fmt::Display for RttSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("round trip min/avg/p50/p99/max/jitter = ")?;
        for time in [self.min, self.avg, self.p50, self.p99, self.max] {
            write!(f, "{}/", Millis(time))?;
        }
        match self.jitter {
            Some(jitter) => write!(f, "{} ms", Millis(jitter)),
            None => f.write_str("- ms"),
        }
    }
}

/// A time in milliseconds, without the unit: `0.123`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Millis(pub(super) Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The line after probes that were late by these times.
    fn late_summary(step: Duration, late: &[Duration]) -> Option<String> {
        let mut late_sends = LateSends::new(step);
        late.iter().for_each(|time| late_sends.on_sent(*time));
        late_sends.summary()
    }

    #[test]
    fn late_probes_are_counted_and_the_longest_delay_is_shown() {
        let late = [20 * MS, 1500 * MS, 16 * MS];
        let text = "held up: 3 probes were sent late, by up to 1500.000 ms; this machine may \
                    have caused the times and losses around them";
        assert_eq!(late_summary(16 * MS, &late).as_deref(), Some(text));
    }

    #[test]
    fn a_probe_is_late_after_a_whole_step() {
        assert_eq!(late_summary(16 * MS, &[Duration::ZERO, 15 * MS]), None);
        assert!(late_summary(16 * MS, &[16 * MS]).is_some());
    }

    #[test]
    fn with_long_steps_a_probe_is_late_after_100_ms() {
        assert_eq!(late_summary(1000 * MS, &[50 * MS]), None);
        assert!(late_summary(1000 * MS, &[100 * MS]).is_some());
    }

    #[test]
    fn one_at_a_time_no_probe_is_late() {
        assert_eq!(late_summary(Duration::ZERO, &[1000 * MS]), None);
    }

    #[test]
    fn counters_are_one_line_that_adds_up() {
        let mut counters = Counters {
            sent: 8,
            lost: 1,
            altered: 1,
            foreign: 3,
            not_sent: 4,
            dropped_by_kernel: 5,
            ..Counters::default()
        };
        let kinds = [
            ReplyKind::InOrder,
            ReplyKind::InOrder,
            ReplyKind::InOrder,
            ReplyKind::OutOfOrder,
            ReplyKind::Late,
            ReplyKind::Overdue,
            ReplyKind::Duplicate,
        ];
        for kind in kinds {
            counters.on_reply(kind);
        }
        let text = "in all 8 sent, 4 received, 2 lost (33.3%), 2 late, 1 duplicates, 1 out of order, \
                    1 altered, 3 foreign, 4 not sent, 5 dropped by kernel, 2 under way";
        assert_eq!(counters.to_string(), text);
    }

    #[test]
    fn a_run_without_probes_has_no_loss() {
        let text = Counters::default().to_string();
        assert!(text.starts_with("in all 0 sent, 0 received, 0 lost (0.0%), "));
    }

    #[test]
    fn the_rtt_summary_is_one_line_in_milliseconds() {
        let rtt_summary = RttSummary {
            min: MS / 2,
            avg: MS,
            p50: 2 * MS,
            p99: 3 * MS,
            max: 4000 * MS,
            jitter: Some(MS / 1000),
        };
        let text =
            "round trip min/avg/p50/p99/max/jitter = 0.500/1.000/2.000/3.000/4000.000/0.001 ms";
        assert_eq!(rtt_summary.to_string(), text);
        let single = RttSummary {
            jitter: None,
            ..rtt_summary
        };
        assert!(single.to_string().ends_with("/4000.000/- ms"));
    }
}
