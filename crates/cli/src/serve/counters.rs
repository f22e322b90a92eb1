//! What happened, and how it is told: in a line for each interval and in one at the end.

use std::fmt;
use std::time::Duration;

use tickwire::{HostStats, SocketStats};

use super::echo::Echo;
use super::peers::Peers;

/// Where something can be lost.
const LOSS_LABELS: [&str; 6] = [
    "on the network",
    "by the kernel",
    "in the event queue",
    "in the send queue",
    "with their peer",
    "by the system",
];

/// What can come and not be let in.
const REJECT_LABELS: [&str; 8] = [
    "refused",
    "of another protocol",
    "with a bad cookie",
    "too many for a turn",
    "too many handshakes for a second",
    "malformed",
    "forged or damaged",
    "for no connection",
];

/// Everything that was counted, from the start or from one look to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// How many peers came.
    peers: u64,
    incoming: Traffic,
    outgoing: Traffic,
    lost: [u64; LOSS_LABELS.len()],
    rejected: [u64; REJECT_LABELS.len()],
}

/// One direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Traffic {
    messages: u64,
    datagrams: u64,
}

impl Counters {
    pub(super) fn of(host: &HostStats, socket: &SocketStats, peers: &Peers, echo: &Echo) -> Self {
        let totals = peers.totals();
        Self {
            peers: peers.seen(),
            incoming: Traffic {
                messages: echo.received(),
                datagrams: socket.datagrams_received,
            },
            outgoing: Traffic {
                messages: echo.answered(),
                datagrams: socket.datagrams_sent,
            },
            lost: [
                totals.packets_lost,
                socket.dropped_by_kernel,
                totals.messages_refused,
                echo.queue_full(),
                echo.peer_gone(),
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

    /// What came to it since an earlier look.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            peers: self.peers - before.peers,
            incoming: self.incoming.since(before.incoming),
            outgoing: self.outgoing.since(before.outgoing),
            lost: since(&self.lost, &before.lost),
            rejected: since(&self.rejected, &before.rejected),
        }
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
    // The kernel's own counter starts over after 2^32.
    std::array::from_fn(|index| now[index].saturating_sub(before[index]))
}

/// What happened within an interval:
/// `1 peers; in 60 messages/s, 60 datagrams/s; out 60 messages/s, 61 datagrams/s; nothing lost`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// How many are there now.
    pub(super) peers: usize,
    pub(super) since: Counters,
    /// How long that took.
    pub(super) time: Duration,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters {
            incoming, outgoing, ..
        } = self.since;
        let rate = |count| Rate(count, self.time);
        write!(f, "{} peers", self.peers)?;
        for (way, traffic) in [("in", incoming), ("out", outgoing)] {
            let (messages, datagrams) = (rate(traffic.messages), rate(traffic.datagrams));
            write!(f, "; {way} {messages} messages/s, {datagrams} datagrams/s")?;
        }
        write!(f, "{}", Problems(&self.since))
    }
}

/// Everything that ever happened:
/// `in all 3 peers; in 60 messages, 60 datagrams; out 60 messages, 61 datagrams; nothing lost`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Totals(pub(super) Counters);

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters {
            peers,
            incoming,
            outgoing,
            ..
        } = self.0;
        write!(f, "in all {peers} peers")?;
        for (way, traffic) in [("in", incoming), ("out", outgoing)] {
            let (messages, datagrams) = (traffic.messages, traffic.datagrams);
            write!(f, "; {way} {messages} messages, {datagrams} datagrams")?;
        }
        write!(f, "{}", Problems(&self.0))
    }
}

/// What was lost and who was turned away, without the zeros: `; lost: 2 by the kernel; turned away: 1
/// refused`.
struct Problems<'a>(&'a Counters);

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = told(&self.0.lost, &LOSS_LABELS);
        if lost.is_empty() {
            f.write_str("; nothing lost")?;
        } else {
            write!(f, "; lost: {lost}")?;
        }
        let rejected = told(&self.0.rejected, &REJECT_LABELS);
        if !rejected.is_empty() {
            write!(f, "; turned away: {rejected}")?;
        }
        Ok(())
    }
}

fn told<const N: usize>(counters: &[u64; N], names: &[&str; N]) -> String {
    let told: Vec<String> = counters
        .iter()
        .zip(names)
        .filter(|(count, _)| **count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    told.join(", ")
}

/// A count by the second. A little is more than nothing, so small ones have a decimal if they need it.
struct Rate(u64, Duration);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Exact to 2^53, which no interval reaches.
        let rate = self.0 as f64 / self.1.as_secs_f64().max(1e-9);
        let is_whole = (rate - rate.round()).abs() < 0.05;
        let decimals = usize::from(rate < 9.95 && !is_whole);
        write!(f, "{rate:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn counters() -> Counters {
        Counters {
            peers: 3,
            incoming: Traffic {
                messages: 60,
                datagrams: 61,
            },
            outgoing: Traffic {
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
        assert_eq!(Totals(counters()).to_string(), text);
    }

    #[test]
    fn losses_are_told_by_place_and_strangers_by_kind() {
        let counters = Counters {
            lost: [1, 0, 0, 2, 0, 3],
            rejected: [0, 4, 0, 0, 0, 0, 0, 5],
            ..counters()
        };
        let text = Totals(counters).to_string();
        let troubles = "; lost: 1 on the network, 2 in the send queue, 3 by the system; \
                        turned away: 4 of another protocol, 5 for no connection";
        assert!(text.ends_with(troubles), "{text}");
    }

    #[test]
    fn progress_is_by_the_second() {
        let progress = Progress {
            peers: 2,
            since: counters(),
            time: 2 * SECOND,
        };
        let text = "2 peers; in 30 messages/s, 30 datagrams/s; out 29 messages/s, 30 datagrams/s; \
                    nothing lost";
        assert_eq!(progress.to_string(), text);
    }

    #[test]
    fn a_small_rate_has_a_decimal() {
        let rate = |count, seconds| Rate(count, seconds * SECOND).to_string();
        assert_eq!(rate(0, 1), "0");
        assert_eq!(rate(1, 1), "1");
        assert_eq!(rate(1, 10), "0.1");
        assert_eq!(rate(3, 2), "1.5");
        assert_eq!(rate(25, 2), "12");
        // An interval ends a little late.
        assert_eq!(Rate(8, SECOND + SECOND / 1000).to_string(), "8");
        assert_eq!(Rate(8, SECOND - SECOND / 1000).to_string(), "8");
    }

    #[test]
    fn what_happened_since_is_a_difference() {
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
