//! What ping prints: one or more lines of text, or one JSON object, for each event.

use std::fmt;
use std::net::SocketAddr;

use humantime::format_duration;
use serde::Serialize;
use tickwire::Datagram;

use super::counters::{Counters, LateSends};
use super::in_flight::ReplyKind;
use super::rtt::RttSummary;
use crate::time::Millis;

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum PingEvent {
    Target {
        address: SocketAddr,
        size_bytes: u16,
    },
    Connected {
        connect_ms: Millis,
        /// `None` without encryption.
        server_key: Option<String>,
        /// The key was given by `--server-key`, so the server is authenticated.
        is_pinned: bool,
    },
    Reply {
        seq: u64,
        size_bytes: usize,
        round_trip_ms: Millis,
        kind: ReplyKind,
    },
    Lost {
        seq: u64,
        timeout_ms: Millis,
    },
    NotSent {
        seq: u64,
        reason: String,
    },
    Altered(Unexpected),
    Foreign(Unexpected),
    Disconnected {
        reason: String,
    },
    Summary(Box<Summary>),
}

/// A datagram that is not a reply.
#[derive(Debug, Serialize)]
pub(super) struct Unexpected {
    from: SocketAddr,
    size_bytes: usize,
    truncated: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    pub(super) counters: Counters,
    pub(super) late_sends: LateSends,
    #[serde(rename = "round_trip_ms")]
    pub(super) rtt: Option<RttSummary>,
    pub(super) connection: Option<ConnectionSummary>,
}

/// The connection's own measurements.
#[derive(Debug, Serialize)]
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

impl fmt::Display for PingEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target {
                address,
                size_bytes,
            } => write!(f, "ping {address}, {size_bytes} bytes"),
            Self::Connected {
                connect_ms,
                server_key,
                is_pinned,
            } => {
                write!(f, "connected in {connect_ms} ms, ")?;
                match server_key {
                    None => f.write_str("not encrypted"),
                    Some(_) if *is_pinned => {
                        f.write_str("encrypted, to the server with the key that was given")
                    }
                    Some(key) => write!(
                        f,
                        "encrypted, to a server with the key {key} (pin it with --server-key to \
                         authenticate the server)"
                    ),
                }
            }
            Self::Reply {
                seq,
                size_bytes,
                round_trip_ms,
                kind,
            } => {
                let remark = match kind {
                    ReplyKind::InOrder => "",
                    ReplyKind::OutOfOrder => ", out of order",
                    ReplyKind::Late | ReplyKind::Overdue => ", late",
                    ReplyKind::Duplicate => ", duplicate",
                };
                write!(
                    f,
                    "seq={seq} {size_bytes} bytes time={round_trip_ms} ms{remark}"
                )
            }
            Self::Lost { seq, timeout_ms } => {
                let timeout = format_duration(timeout_ms.0);
                write!(f, "seq={seq} lost: no reply within {timeout}")
            }
            Self::NotSent { seq, reason } => write!(f, "seq={seq} not sent: {reason}"),
            Self::Altered(datagram) => write!(f, "altered {datagram}"),
            Self::Foreign(datagram) => write!(f, "foreign {datagram}"),
            Self::Disconnected { reason } => write!(f, "disconnected: {reason}"),
            Self::Summary(summary) => summary.fmt(f),
        }
    }
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more_than = if self.truncated { "more than " } else { "" };
        write!(f, "{more_than}{} bytes from {}", self.size_bytes, self.from)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.counters, self.late_sends)?;
        if let Some(rtt) = &self.rtt {
            write!(f, "\n{rtt}")?;
        }
        if let Some(connection) = &self.connection {
            write!(f, "\n{connection}")?;
        }
        Ok(())
    }
}

/// `connection: round trip 0.123 ms, jitter 0.010 ms, 12 packets sent, 11 received, 0 lost`.
impl fmt::Display for ConnectionSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [round_trip, jitter] = [self.round_trip_ms, self.jitter_ms]
            .map(|time| time.map_or("-".to_owned(), |time| time.to_string()));
        write!(
            f,
            "connection: round trip {round_trip} ms, jitter {jitter} ms, {} packets sent, {} received, {} \
             lost",
            self.packets_sent, self.packets_received, self.packets_lost,
        )
    }
}
