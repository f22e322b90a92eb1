//! Counters of a run of ping.

use std::fmt;
use std::time::Duration;

use derive_more::Display;
use serde::Serialize;

use super::in_flight::ReplyKind;
use crate::time::Millis;

/// Upper bound of the delay after which a probe counts as sent late.
const LATE_MAX: Duration = Duration::from_millis(100);

/// Each sent probe is `received`, `lost` or `in_flight`.
#[derive(Debug, Clone, Copy, Default, Display, PartialEq, Serialize)]
#[display(
    "in all {sent} sent, {received} received, {lost} lost ({:.1}%), {late} late, {duplicates} \
     duplicates, {out_of_order} out of order, {altered} altered, {foreign} foreign, {not_sent} not \
     sent, {dropped_by_kernel} dropped by kernel, {in_flight} in flight",
    100.0 * loss_fraction
)]
pub(super) struct Counters {
    pub(super) sent: u64,
    /// Probes with a reply in time.
    pub(super) received: u64,
    /// Probes without a reply in time, even if a reply arrives later.
    pub(super) lost: u64,
    /// Lost probes with a late reply.
    pub(super) late: u64,
    /// Replies to a probe that already had one.
    pub(super) duplicates: u64,
    /// Received probes whose reply arrived after the reply to a later probe.
    pub(super) out_of_order: u64,
    /// Replies with the nonce of this run and changed bytes.
    pub(super) altered: u64,
    /// Datagrams without the nonce, from another address, or with an unknown sequence number.
    pub(super) foreign: u64,
    /// Probes that the system rejected, not counted in `sent`.
    pub(super) not_sent: u64,
    /// Datagrams that the kernel of this machine dropped.
    pub(super) dropped_by_kernel: u64,
    /// Set by [`finish`](Self::finish), as the next field.
    pub(super) in_flight: u64,
    /// `lost` as a share of the probes that are not in flight.
    pub(super) loss_fraction: f64,
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

    /// The counters at the end of a run.
    pub(super) fn finish(self, dropped_by_kernel: u64) -> Self {
        let settled = self.received + self.lost;
        Self {
            dropped_by_kernel,
            in_flight: self.sent.saturating_sub(settled),
            // Exact to 2^53 probes, which are 285 years at a million per second.
            loss_fraction: self.lost as f64 / settled.max(1) as f64,
            ..self
        }
    }
}

/// Probes that ping itself sent late: by the interval, after which the schedule restarts, or by
/// [`LATE_MAX`].
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct LateSends {
    #[serde(skip)]
    threshold: Duration,
    probes: u64,
    longest_ms: Millis,
}

impl LateSends {
    /// With an interval of zero, no probe is late.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            threshold: match interval {
                Duration::ZERO => Duration::MAX,
                interval => interval.min(LATE_MAX),
            },
            probes: 0,
            longest_ms: Millis(Duration::ZERO),
        }
    }

    /// A probe was sent, this long after it was due.
    pub(super) fn on_sent(&mut self, late: Duration) {
        if late >= self.threshold {
            self.probes += 1;
            self.longest_ms = self.longest_ms.max(Millis(late));
        }
    }
}

/// A line after the counters, if a probe was late.
impl fmt::Display for LateSends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (probes, longest) = (self.probes, self.longest_ms);
        if probes == 0 {
            return Ok(());
        }
        write!(
            f,
            "\nheld up: {probes} probes were sent late, by up to {longest} ms; this machine may have \
             caused the times and losses around them"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn late_sends(interval: Duration, late: &[Duration]) -> String {
        let mut late_sends = LateSends::new(interval);
        late.iter().for_each(|time| late_sends.on_sent(*time));
        late_sends.to_string()
    }

    #[test]
    fn counts_late_probes_and_shows_the_longest_delay() {
        let late = [20 * MS, 1500 * MS, 16 * MS];
        let text = "\nheld up: 3 probes were sent late, by up to 1500.000 ms; this machine may have \
                    caused the times and losses around them";
        assert_eq!(late_sends(16 * MS, &late), text);
    }

    #[test]
    fn a_probe_is_late_after_an_interval() {
        assert_eq!(late_sends(16 * MS, &[Duration::ZERO, 15 * MS]), "");
        assert_ne!(late_sends(16 * MS, &[16 * MS]), "");
    }

    #[test]
    fn with_long_intervals_a_probe_is_late_after_100_ms() {
        assert_eq!(late_sends(1000 * MS, &[50 * MS]), "");
        assert_ne!(late_sends(1000 * MS, &[100 * MS]), "");
    }

    #[test]
    fn with_an_interval_of_zero_no_probe_is_late() {
        assert_eq!(late_sends(Duration::ZERO, &[1000 * MS]), "");
    }

    #[test]
    fn counters_are_one_line_that_adds_up() {
        let mut counters = Counters {
            sent: 8,
            lost: 1,
            altered: 1,
            foreign: 3,
            not_sent: 4,
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
                    1 altered, 3 foreign, 4 not sent, 5 dropped by kernel, 2 in flight";
        assert_eq!(counters.finish(5).to_string(), text);
    }

    #[test]
    fn a_run_without_probes_has_no_loss() {
        let text = Counters::default().finish(0).to_string();
        assert!(text.starts_with("in all 0 sent, 0 received, 0 lost (0.0%), "));
    }
}
