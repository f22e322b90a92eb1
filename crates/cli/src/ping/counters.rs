//! What a run of ping knows in the end: its counts, its summary, and why nothing was answered.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::in_flight::ReplyKind;
use super::rtt::RttSummary;

/// Everything that was counted. Every probe that left is `received`, `lost` or still under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Probes that the system took.
    pub(crate) sent: u64,
    /// Those that were answered in time.
    pub(crate) received: u64,
    /// Those that were not. An answer after the timeout does not change that.
    pub(crate) lost: u64,
    /// Lost ones that were answered after all.
    pub(crate) late: u64,
    /// Answers to a probe that was answered before.
    pub(crate) duplicates: u64,
    /// Received ones whose answer came behind that of a later probe.
    pub(crate) out_of_order: u64,
    /// Datagrams with our nonce that are not what was sent.
    pub(crate) altered: u64,
    /// Datagrams without our nonce, from another address, or of no probe that we know.
    pub(crate) foreign: u64,
    /// Probes that the system refused. They are not `sent`.
    pub(crate) not_sent: u64,
    /// Datagrams that this machine's own kernel dropped on their way to us, because we did not read
    /// fast enough: answers that the network did not lose.
    pub(crate) dropped_by_kernel: u64,
}

impl Counters {
    pub(crate) fn on_answer(&mut self, kind: ReplyKind) {
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

    /// Probes of which nobody knows yet: sent less than a timeout before the end.
    fn under_way(&self) -> u64 {
        self.sent.saturating_sub(self.received + self.lost)
    }

    /// Of the probes whose fate is known. Without one nothing is lost.
    fn lost_percent(&self) -> f64 {
        let settled = self.received + self.lost;
        if settled == 0 {
            return 0.0;
        }
        // Exact to 2^53 probes, which are 285 years at a million a second.
        100.0 * self.lost as f64 / settled as f64
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "in all {} sent, {} received, {} lost ({:.1}%), {} late, {} duplicates, {} out of order, \
             {} altered, {} foreign, {} not sent, {} dropped by kernel, {} under way",
            self.sent,
            self.received,
            self.lost,
            self.lost_percent(),
            self.late,
            self.duplicates,
            self.out_of_order,
            self.altered,
            self.foreign,
            self.not_sent,
            self.dropped_by_kernel,
            self.under_way(),
        )
    }
}

/// How often ping itself could not send when it was time to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LateSends {
    probes: u64,
    longest: Duration,
}

impl LateSends {
    /// One more probe was, for so long.
    pub(crate) fn add(&mut self, time: Duration) {
        self.probes += 1;
        self.longest = self.longest.max(time);
    }

    pub(crate) fn is_none(&self) -> bool {
        self.probes == 0
    }
}

impl fmt::Display for LateSends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { probes, longest } = *self;
        write!(
            f,
            "held up: {probes} probes left late, the latest by {} ms; \
             times and losses around them are this machine's",
            Millis(longest)
        )
    }
}

/// The figures in one line, in the manner of ping(8).
impl fmt::Display for RttSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("round trip min/avg/p50/p99/max/jitter = ")?;
        for time in [self.min, self.avg, self.p50, self.p99, self.max] {
            write!(f, "{}/", Millis(time))?;
        }
        match self.jitter {
            Some(jitter) => write!(f, "{} ms", Millis(jitter)),
            // One round trip does not vary.
            None => f.write_str("- ms"),
        }
    }
}

/// A time in milliseconds, without the unit: `0.123`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Millis(pub(crate) Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0.as_secs_f64() * 1e3)
    }
}

/// A run in which no answer came in time, and what is known of why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoReply {
    pub(crate) counters: Counters,
    pub(crate) to: SocketAddr,
    pub(crate) timeout: Duration,
    /// From where else our probes came back.
    pub(crate) other_address: Option<SocketAddr>,
    /// How many foreign datagrams the target itself sent.
    pub(crate) foreign_of_target: u64,
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (counters, to) = (&self.counters, self.to);
        if counters.late > 0 {
            let timeout = humantime::format_duration(self.timeout);
            return write!(
                f,
                "no answer from {to} within {timeout}, and {} after it: choose a longer --timeout",
                counters.late
            );
        }
        if let Some(other_address) = self.other_address {
            return write!(
                f,
                "no answer from {to}, but from {other_address}: ping that address instead"
            );
        }
        if counters.altered > 0 {
            return write!(
                f,
                "no answer from {to} that is what was sent, {} altered: it is no echo",
                counters.altered
            );
        }
        if self.foreign_of_target > 0 {
            return write!(
                f,
                "no answer from {to}, only foreign datagrams ({}): it is no echo",
                self.foreign_of_target
            );
        }
        if counters.lost == 0 {
            return write!(f, "no answer from {to} before the end");
        }
        write!(
            f,
            "no answer from {to}: nobody listens there, it is no echo \
             (`tickwire listen --echo` is one), or a firewall is in between"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn no_reply(counters: Counters) -> NoReply {
        NoReply {
            counters,
            to: SocketAddr::from((Ipv4Addr::LOCALHOST, 7)),
            timeout: 1500 * MS,
            other_address: None,
            foreign_of_target: 0,
        }
    }

    #[test]
    fn what_was_held_up_is_counted_and_the_longest_is_told() {
        let mut late_sends = LateSends::default();
        assert!(late_sends.is_none());
        for time in [20 * MS, 1500 * MS, 16 * MS] {
            late_sends.add(time);
        }
        let text = "held up: 3 probes left late, the latest by 1500.000 ms; \
                    times and losses around them are this machine's";
        assert_eq!(late_sends.to_string(), text);
    }

    #[test]
    fn the_counts_are_one_line_that_adds_up() {
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
            counters.on_answer(kind);
        }
        let text = "in all 8 sent, 4 received, 2 lost (33.3%), 2 late, 1 duplicates, 1 out of order, \
                    1 altered, 3 foreign, 4 not sent, 5 dropped by kernel, 2 under way";
        assert_eq!(counters.to_string(), text);
    }

    #[test]
    fn a_run_without_probes_has_lost_nothing() {
        let text = Counters::default().to_string();
        assert!(text.starts_with("in all 0 sent, 0 received, 0 lost (0.0%), "));
    }

    #[test]
    fn the_figures_are_one_line_in_milliseconds() {
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

    #[test]
    fn silence_says_what_is_known_of_its_cause() {
        let lost = Counters {
            sent: 1,
            lost: 1,
            ..Counters::default()
        };
        let text = no_reply(lost).to_string();
        assert!(
            text.starts_with("no answer from 127.0.0.1:7: nobody listens there, it is no echo")
        );
        let late = Counters { late: 1, ..lost };
        let text = "no answer from 127.0.0.1:7 within 1s 500ms, and 1 after it: \
                    choose a longer --timeout";
        assert_eq!(no_reply(late).to_string(), text);
        let altered = Counters { altered: 1, ..lost };
        let text = "no answer from 127.0.0.1:7 that is what was sent, 1 altered: it is no echo";
        assert_eq!(no_reply(altered).to_string(), text);
        let other_address = NoReply {
            other_address: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 8))),
            ..no_reply(lost)
        };
        let text = "no answer from 127.0.0.1:7, but from 127.0.0.1:8: ping that address instead";
        assert_eq!(other_address.to_string(), text);
        let foreign = NoReply {
            foreign_of_target: 2,
            ..no_reply(lost)
        };
        let text = "no answer from 127.0.0.1:7, only foreign datagrams (2): it is no echo";
        assert_eq!(foreign.to_string(), text);
        let text = no_reply(Counters::default()).to_string();
        assert_eq!(text, "no answer from 127.0.0.1:7 before the end");
    }
}
