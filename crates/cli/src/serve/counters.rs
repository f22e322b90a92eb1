//! Counters of the server, and the lines that report them: one per interval and one at the end.

use std::time::Duration;

use tickwire::{HostStats, SocketStats};

use super::echo::Echo;
use super::peers::Peers;

/// Where packets, datagrams, messages or replies were lost.
const LOSS_LABELS: [&str; 6] = [
    "on the network",
    "by the kernel",
    "in the event queue",
    "in the send queue",
    "with their peer",
    "by the system",
];

/// Why an incoming datagram or connection attempt was rejected.
const REJECT_LABELS: [&str; 8] = [
    "refused",
    "with another protocol id",
    "with an invalid cookie",
    "over the limit per poll",
    "over the handshake rate",
    "malformed",
    "forged or damaged",
    "for an unknown connection",
];

/// All counters, since the start or over an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Peers that connected.
    peers: u64,
    received: Traffic,
    sent: Traffic,
    lost: [u64; LOSS_LABELS.len()],
    rejected: [u64; REJECT_LABELS.len()],
}

/// Messages and datagrams in one direction.
type Traffic = [u64; 2];

impl Counters {
    pub(super) fn new(host: &HostStats, socket: &SocketStats, peers: &Peers, echo: &Echo) -> Self {
        let (totals, echo) = (peers.totals(), &echo.counters);
        Self {
            peers: peers.accepted(),
            received: [echo.received, socket.datagrams_received],
            sent: [echo.replied, socket.datagrams_sent],
            lost: [
                totals.packets_lost,
                socket.dropped_by_kernel,
                totals.messages_refused,
                echo.queue_full,
                echo.peer_gone,
                socket.discarded + socket.queue_full,
            ],
            rejected: [
                host.denied,
                host.mismatches,
                host.bad_cookies,
                host.over_limit,
                host.handshakes_over_rate,
                host.malformed + totals.malformed + socket.truncated,
                host.failed_authentication + totals.failed_authentication,
                host.unknown_connection,
            ],
        }
    }

    /// The increase since an earlier reading.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            peers: self.peers - before.peers,
            received: since(&self.received, &before.received),
            sent: since(&self.sent, &before.sent),
            lost: since(&self.lost, &before.lost),
            rejected: since(&self.rejected, &before.rejected),
        }
    }

    /// The line for an interval:
    /// `1 peers; in 60 messages/s, 60 datagrams/s; out 60 messages/s, 61 datagrams/s; nothing lost`.
    pub(super) fn progress(&self, connected: usize, interval: Duration) -> String {
        let traffic = self.traffic("/s", |count| rate(count, interval));
        format!("{connected} peers{traffic}{}", self.problems())
    }

    /// The line at the end:
    /// `in all 3 peers; in 60 messages, 60 datagrams; out 60 messages, 61 datagrams; nothing lost`.
    pub(super) fn totals(&self) -> String {
        let traffic = self.traffic("", |count| count.to_string());
        format!("in all {} peers{traffic}{}", self.peers, self.problems())
    }

    fn traffic(&self, unit: &str, show: impl Fn(u64) -> String) -> String {
        let both = [("in", self.received), ("out", self.sent)];
        both.map(|(direction, counts)| {
            let [messages, datagrams] = counts.map(&show);
            format!("; {direction} {messages} messages{unit}, {datagrams} datagrams{unit}")
        })
        .concat()
    }

    /// Losses and rejections other than zero: `; lost: 2 by the kernel; turned away: 1 refused`.
    fn problems(&self) -> String {
        let lost = match list(&self.lost, &LOSS_LABELS) {
            Some(lost) => format!("; lost: {lost}"),
            None => "; nothing lost".to_owned(),
        };
        let rejected = list(&self.rejected, &REJECT_LABELS);
        lost + &rejected.map_or_else(String::new, |list| format!("; turned away: {list}"))
    }
}

fn since<const N: usize>(now: &[u64; N], before: &[u64; N]) -> [u64; N] {
    // The kernel's own counter wraps at 2^32.
    std::array::from_fn(|index| now[index].saturating_sub(before[index]))
}

/// The counts other than zero with their labels, if there are any.
fn list(counts: &[u64], labels: &[&str]) -> Option<String> {
    let counts = counts.iter().zip(labels).filter(|(count, _)| **count > 0);
    let items: Vec<String> = counts
        .map(|(count, label)| format!("{count} {label}"))
        .collect();
    (!items.is_empty()).then(|| items.join(", "))
}

/// A count per second. Rates below 10 have a decimal if they are not whole, so that a low rate is
/// not shown as zero.
fn rate(count: u64, interval: Duration) -> String {
    // Exact to 2^53, which no interval reaches.
    let rate = count as f64 / interval.as_secs_f64().max(1e-9);
    let is_whole = (rate - rate.round()).abs() < 0.05;
    let decimals = usize::from(rate < 9.95 && !is_whole);
    format!("{rate:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn counters() -> Counters {
        Counters {
            peers: 3,
            received: [60, 61],
            sent: [58, 59],
            ..Counters::default()
        }
    }

    #[test]
    fn totals_are_one_line() {
        let text = "in all 3 peers; in 60 messages, 61 datagrams; out 58 messages, 59 datagrams; \
                    nothing lost";
        assert_eq!(counters().totals(), text);
    }

    #[test]
    fn losses_and_rejections_have_a_label_each() {
        let counters = Counters {
            lost: [1, 0, 0, 2, 0, 3],
            rejected: [0, 4, 0, 0, 0, 0, 0, 5],
            ..counters()
        };
        let text = counters.totals();
        let troubles = "; lost: 1 on the network, 2 in the send queue, 3 by the system; \
                        turned away: 4 with another protocol id, 5 for an unknown connection";
        assert!(text.ends_with(troubles), "{text}");
    }

    #[test]
    fn progress_is_per_second() {
        let progress = counters().progress(2, 2 * SECOND);
        let text = "2 peers; in 30 messages/s, 30 datagrams/s; out 29 messages/s, 30 datagrams/s; \
                    nothing lost";
        assert_eq!(progress, text);
    }

    #[test]
    fn a_small_rate_has_a_decimal() {
        let rate_over = |count, seconds| rate(count, seconds * SECOND);
        assert_eq!(rate_over(0, 1), "0");
        assert_eq!(rate_over(1, 1), "1");
        assert_eq!(rate_over(1, 10), "0.1");
        assert_eq!(rate_over(3, 2), "1.5");
        assert_eq!(rate_over(25, 2), "12");
        // An interval ends a little late.
        assert_eq!(rate(8, SECOND + SECOND / 1000), "8");
        assert_eq!(rate(8, SECOND - SECOND / 1000), "8");
    }

    #[test]
    fn since_is_the_difference_to_an_earlier_reading() {
        let now = Counters {
            lost: [1, 0, 0, 2, 0, 3],
            ..counters()
        };
        let since = now.since(&counters());
        let wanted = Counters {
            lost: [1, 0, 0, 2, 0, 3],
            ..Counters::default()
        };
        assert_eq!(since, wanted);
        assert_eq!(now.since(&now), Counters::default());
    }
}
