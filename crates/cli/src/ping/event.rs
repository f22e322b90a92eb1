//! What ping prints for each event, as text or as JSON.

use std::net::SocketAddr;

use derive_more::Display;
use humantime::format_duration;
use serde::Serialize;
use tickwire::Datagram;

use super::counters::{Counters, LateSends};
use super::in_flight::ReplyKind;
use super::rtt::RttSummary;
use crate::output::on_a_line;
use crate::time::{Millis, or_dash};

#[derive(Debug, Display, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum PingEvent {
    #[display("ping {address}, {size_bytes} bytes")]
    Target {
        address: SocketAddr,
        size_bytes: u16,
    },
    #[display("connected in {connect_ms} ms, {}", security(server_key.as_deref(), *is_pinned))]
    Connected {
        connect_ms: Millis,
        /// `None` without encryption.
        server_key: Option<String>,
        /// The key was given by `--server-key`, so the server is authenticated.
        is_pinned: bool,
    },
    #[display("seq={seq} {size_bytes} bytes time={round_trip_ms} ms{}", kind.remark())]
    Reply {
        seq: u64,
        size_bytes: usize,
        round_trip_ms: Millis,
        kind: ReplyKind,
    },
    #[display("seq={seq} lost: no reply within {}", format_duration(timeout_ms.0))]
    Lost { seq: u64, timeout_ms: Millis },
    #[display("seq={seq} not sent: {reason}")]
    NotSent { seq: u64, reason: String },
    #[display("altered {_0}")]
    Altered(Unexpected),
    #[display("foreign {_0}")]
    Foreign(Unexpected),
    #[display("disconnected: {reason}")]
    Disconnected { reason: String },
    #[display("{_0}")]
    Summary(Box<Summary>),
}

/// A datagram that is not a reply.
#[derive(Debug, Display, Serialize)]
#[display("{}{size_bytes} bytes from {from}", if *truncated { "more than " } else { "" })]
pub(super) struct Unexpected {
    from: SocketAddr,
    size_bytes: usize,
    truncated: bool,
}

#[derive(Debug, Display, Serialize)]
#[display("{counters}{late_sends}{}{}", on_a_line(rtt.as_ref()), on_a_line(connection.as_ref()))]
pub(super) struct Summary {
    #[serde(flatten)]
    pub(super) counters: Counters,
    pub(super) late_sends: LateSends,
    #[serde(rename = "round_trip_ms")]
    pub(super) rtt: Option<RttSummary>,
    pub(super) connection: Option<ConnectionSummary>,
}

/// The connection's own measurements.
#[derive(Debug, Display, Serialize)]
#[display(
    "connection: round trip {} ms, jitter {} ms, {packets_sent} packets sent, {packets_received} \
     received, {packets_lost} lost",
    or_dash(*round_trip_ms), or_dash(*jitter_ms)
)]
pub(super) struct ConnectionSummary {
    pub(super) round_trip_ms: Option<Millis>,
    pub(super) jitter_ms: Option<Millis>,
    pub(super) packets_sent: u64,
    pub(super) packets_received: u64,
    pub(super) packets_lost: u64,
}

impl From<&Datagram<'_>> for Unexpected {
    fn from(datagram: &Datagram<'_>) -> Self {
        Self {
            from: datagram.from,
            size_bytes: datagram.bytes.len(),
            truncated: datagram.truncated,
        }
    }
}

fn security(server_key: Option<&str>, is_pinned: bool) -> String {
    match server_key {
        None => "not encrypted".to_owned(),
        Some(_) if is_pinned => "encrypted, to the server with the key that was given".to_owned(),
        Some(key) => format!(
            "encrypted, to a server with the key {key} (pin it with --server-key to authenticate the server)"
        ),
    }
}
