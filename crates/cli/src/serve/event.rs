//! What the server prints for each event, as text or as JSON.

use std::net::SocketAddr;

use derive_more::Display;
use humantime::format_duration;
use serde::Serialize;

use super::counters::Counters;
use crate::number;
use crate::output::on_a_line;
use crate::time::Millis;

#[derive(Debug, Display, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum ServeEvent {
    #[display("listening on {address}\n{}{}",
              security(server_key.as_deref(), *is_key_temporary), on_a_line(simulated_link.as_ref()))]
    Listening {
        address: SocketAddr,
        /// `None` without encryption.
        server_key: Option<String>,
        /// The key was generated, and is discarded at the end.
        is_key_temporary: bool,
        simulated_link: Option<SimulatedLink>,
    },
    #[display("peer {peer} connected from {address}{}",
              admission(player.as_deref(), refusal.as_deref()))]
    Connected {
        peer: String,
        address: SocketAddr,
        /// The player of its token, if the server requires one.
        player: Option<String>,
        /// Why its token was rejected after admission.
        refusal: Option<String>,
    },
    #[display("peer {peer} from {from} moved to {address}")]
    Moved {
        peer: String,
        from: SocketAddr,
        address: SocketAddr,
    },
    #[display("peer {peer} from {address} gone after {:.3} s: {reason}", connected_ms.0.as_secs_f64())]
    Disconnected {
        peer: String,
        address: SocketAddr,
        connected_ms: Millis,
        reason: String,
    },
    /// Counters over an interval.
    #[display("{}", counters.progress(*connected_peers, interval_ms.0))]
    Progress {
        connected_peers: usize,
        interval_ms: Millis,
        #[serde(flatten)]
        counters: Counters,
    },
    #[display("{}", _0.totals())]
    Summary(Counters),
}

/// Conditions in each direction.
#[derive(Debug, Display, Serialize)]
#[display(
    "simulated link, each way: latency {}, jitter up to {}, {} lost",
    format_duration(latency_ms.0), format_duration(jitter_ms.0), number::percent(*loss_fraction)
)]
pub(super) struct SimulatedLink {
    pub(super) latency_ms: Millis,
    pub(super) jitter_ms: Millis,
    pub(super) loss_fraction: f64,
}

fn security(server_key: Option<&str>, is_temporary: bool) -> String {
    match server_key {
        None => "not encrypted".to_owned(),
        Some(key) if is_temporary => format!("server key {key}, until it ends"),
        Some(key) => format!("server key {key}"),
    }
}

fn admission(player: Option<&str>, refusal: Option<&str>) -> String {
    match (player, refusal) {
        (_, Some(why)) => format!(", disconnected: {why}"),
        (Some(player), None) => format!(" as {player}"),
        (None, None) => String::new(),
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
