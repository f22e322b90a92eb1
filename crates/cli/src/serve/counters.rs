//! Counters of the server: over an interval and since its start.

use std::time::Duration;

use serde::{Serialize, Serializer};
use tickwire::{HostStats, SocketStats};

use super::echo::Echo;
use super::peers::Peers;

/// A counter's field in JSON, and its label in text.
type Label = (&'static str, &'static str);

/// Where packets, datagrams, messages or replies were lost.
const LOST: [Label; 6] = [
    ("network", "on the network"),
    ("kernel", "by the kernel"),
    ("event_queue", "in the event queue"),
    ("send_queue", "in the send queue"),
    ("peer_gone", "with their peer"),
    ("system", "by the system"),
];

/// Why an incoming datagram or connection attempt was rejected.
const REJECTED: [Label; 8] = [
    ("denied", "denied"),
    (
        "mismatches",
        "with another version, protection or protocol id",
    ),
    ("cookie", "with an invalid cookie"),
    ("poll_limit", "over the limit per turn"),
    ("handshake_rate", "over the handshake rate"),
    ("malformed", "malformed"),
    ("forged", "forged or damaged"),
    ("unknown_connection", "for an unknown connection"),
];

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counters {
    peers: u64,
    received: Traffic,
    sent: Traffic,
    #[serde(serialize_with = "lost")]
    lost: [u64; LOST.len()],
    #[serde(serialize_with = "rejected")]
    rejected: [u64; REJECTED.len()],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Traffic {
    messages: u64,
    datagrams: u64,
}

fn lost<S: Serializer>(counts: &[u64; LOST.len()], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(LOST.iter().map(|(field, _)| field).zip(counts))
}

fn rejected<S: Serializer>(counts: &[u64; REJECTED.len()], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(REJECTED.iter().map(|(field, _)| field).zip(counts))
}

impl Counters {
    pub(super) fn new(host: &HostStats, socket: &SocketStats, peers: &Peers, echo: &Echo) -> Self {
        let (totals, echo) = (peers.totals(), &echo.counters);
        Self {
            peers: peers.accepted(),
            received: Traffic {
                messages: echo.received,
                datagrams: socket.datagrams_received,
            },
            sent: Traffic {
                messages: echo.replied,
                datagrams: socket.datagrams_sent,
            },
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

    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            peers: self.peers - before.peers,
            received: self.received.since(before.received),
            sent: self.sent.since(before.sent),
            lost: since(&self.lost, &before.lost),
            rejected: since(&self.rejected, &before.rejected),
        }
    }

    /// `1 peers; in 60 messages/s, 60 datagrams/s; out 60 messages/s, 61 datagrams/s; ...`.
    pub(super) fn progress(&self, connected: usize, interval: Duration) -> String {
        let traffic = self.traffic("/s", |count| rate(count, interval));
        format!("{connected} peers{traffic}{}", self.problems())
    }

    /// `in all 3 peers; in 60 messages, 60 datagrams; out 60 messages, 61 datagrams; nothing lost`.
    pub(super) fn totals(&self) -> String {
        let traffic = self.traffic("", |count| count.to_string());
        format!("in all {} peers{traffic}{}", self.peers, self.problems())
    }

    fn traffic(&self, unit: &str, show: impl Fn(u64) -> String) -> String {
        let both = [("in", self.received), ("out", self.sent)];
        both.map(|(direction, traffic)| {
            let [messages, datagrams] = [traffic.messages, traffic.datagrams].map(&show);
            format!("; {direction} {messages} messages{unit}, {datagrams} datagrams{unit}")
        })
        .concat()
    }

    /// Losses and rejections other than zero: `; lost: 2 by the kernel; rejected: 1 denied`.
    fn problems(&self) -> String {
        let lost = match list(&self.lost, &LOST) {
            Some(lost) => format!("; lost: {lost}"),
            None => "; nothing lost".to_owned(),
        };
        let rejected = list(&self.rejected, &REJECTED);
        lost + &rejected.map_or_else(String::new, |list| format!("; rejected: {list}"))
    }
}

impl Traffic {
    fn since(self, before: Self) -> Self {
        Self {
            messages: self.messages - before.messages,
            datagrams: self.datagrams - before.datagrams,
        }
    }
}

fn since<const N: usize>(now: &[u64; N], before: &[u64; N]) -> [u64; N] {
    // The kernel's counter wraps at 2^32.
    std::array::from_fn(|index| now[index].saturating_sub(before[index]))
}

fn list(counts: &[u64], labels: &[Label]) -> Option<String> {
    let counts = counts.iter().zip(labels).filter(|(count, _)| **count > 0);
    let items: Vec<String> = counts
        .map(|(count, (_, label))| format!("{count} {label}"))
        .collect();
    (!items.is_empty()).then(|| items.join(", "))
}

/// A count per second, with a decimal below 10.
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
            received: Traffic {
                messages: 60,
                datagrams: 61,
            },
            sent: Traffic {
                messages: 58,
                datagrams: 59,
            },
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
    fn losses_and_rejections_have_labels() {
        let counters = Counters {
            lost: [1, 0, 0, 2, 0, 3],
            rejected: [0, 4, 0, 0, 0, 0, 0, 5],
            ..counters()
        };
        let text = counters.totals();
        let troubles = "; lost: 1 on the network, 2 in the send queue, 3 by the system; \
                        rejected: 4 with another version, protection or protocol id, 5 for an unknown connection";
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
        // An interval may end a little late.
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
