//! What the server prints: one line of text or one JSON object for each event.

use std::fmt;
use std::net::SocketAddr;

use humantime::format_duration;
use serde::Serialize;

use super::counters::Counters;
use crate::number;
use crate::time::Millis;

/// Peers and reasons are text.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum ServeEvent {
    Listening {
        address: SocketAddr,
        /// `None` without encryption.
        server_key: Option<String>,
        /// The key was generated, and is discarded at the end.
        is_key_temporary: bool,
        simulated_link: Option<SimulatedLink>,
    },
    Connected {
        peer: String,
        address: SocketAddr,
        /// Of its token, if the server requires one.
        player: Option<String>,
        /// Why its token was refused after all.
        refusal: Option<String>,
    },
    Moved {
        peer: String,
        from: Option<SocketAddr>,
        address: SocketAddr,
    },
    Disconnected {
        peer: String,
        address: Option<SocketAddr>,
        connected_ms: Option<Millis>,
        reason: String,
    },
    /// Counters over an interval.
    Progress {
        connected_peers: usize,
        interval_ms: Millis,
        #[serde(flatten)]
        counters: Counters,
    },
    /// Counters since the start.
    Summary(Counters),
}

/// Conditions in each direction.
#[derive(Debug, Serialize)]
pub(super) struct SimulatedLink {
    pub(super) latency_ms: Millis,
    /// Maximum.
    pub(super) jitter_ms: Millis,
    pub(super) loss_fraction: f64,
}

impl fmt::Display for ServeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening {
                address,
                server_key,
                is_key_temporary,
                simulated_link,
            } => {
                writeln!(f, "listening on {address}")?;
                match server_key {
                    None => f.write_str("not encrypted")?,
                    Some(key) if *is_key_temporary => write!(f, "server key {key}, until it ends")?,
                    Some(key) => write!(f, "server key {key}")?,
                }
                simulated_link
                    .as_ref()
                    .map_or(Ok(()), |link| write!(f, "\n{link}"))
            }
            Self::Connected {
                peer,
                address,
                player,
                refusal,
            } => {
                write!(f, "peer {peer} connected from {address}")?;
                match (player, refusal) {
                    (_, Some(why)) => write!(f, ", disconnected: {why}"),
                    (Some(player), None) => write!(f, " as {player}"),
                    (None, None) => Ok(()),
                }
            }
            Self::Moved {
                peer,
                from,
                address,
            } => {
                write!(f, "peer {peer} ")?;
                from.map_or(Ok(()), |from| write!(f, "from {from} "))?;
                write!(f, "moved to {address}")
            }
            Self::Disconnected {
                peer,
                address,
                connected_ms,
                reason,
            } => {
                write!(f, "peer {peer} ")?;
                address.map_or(Ok(()), |address| write!(f, "from {address} "))?;
                f.write_str("gone")?;
                if let Some(Millis(time)) = connected_ms {
                    write!(f, " after {:.3} s", time.as_secs_f64())?;
                }
                write!(f, ": {reason}")
            }
            Self::Progress {
                connected_peers,
                interval_ms: Millis(interval),
                counters,
            } => f.write_str(&counters.progress(*connected_peers, *interval)),
            Self::Summary(counters) => f.write_str(&counters.totals()),
        }
    }
}

impl fmt::Display for SimulatedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (latency, jitter) = (self.latency_ms.0, self.jitter_ms.0);
        let (latency, jitter) = (format_duration(latency), format_duration(jitter));
        let loss = number::percent(self.loss_fraction);
        write!(
            f,
            "simulated link, each way: latency {latency}, jitter up to {jitter}, {loss} lost"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_simulated_link_is_one_line() {
        let link = SimulatedLink {
            latency_ms: Millis(Duration::from_millis(40)),
            jitter_ms: Millis(Duration::ZERO),
            loss_fraction: 0.05,
        };
        let text = "simulated link, each way: latency 40ms, jitter up to 0s, 5% lost";
        assert_eq!(link.to_string(), text);
    }
}
