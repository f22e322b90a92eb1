//! The transport through a connection: how it opens, and why it ends.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tickwire::proto::VERSION;
use tickwire::{
    Config, ConnectOptions, Datagram, Delivery, DisconnectReason, Event, Host, PeerId, PeerStats,
    PublicKey, Socket,
};

use super::Options;
use super::event::{ConnectionSummary, PingEvent};
use super::transport::{DiscardCounter, Handler, SendOutcome, Transport};
use crate::error::{self, CliError};
use crate::protocol::{self, NORMAL_CLOSE, ProtocolId};
use crate::schedule::until;
use crate::signals::StopSignal;
use crate::time::Millis;

/// A host with a single peer: the server.
pub(super) struct ConnectionTransport {
    host: Host,
    to: SocketAddr,
    peer: PeerId,
    discarded: DiscardCounter,
    end: Option<DisconnectReason>,
    /// As of the last wait. A host has no statistics of a disconnected peer.
    stats: Option<PeerStats>,
}

/// A host that connects and does not accept connections.
pub(super) fn host(socket: Socket, options: &Options) -> Result<Host, CliError> {
    let ProtocolId(protocol_id) = options.protocol_id;
    let secured = match options.plain {
        true => Config::plain(protocol_id),
        false => Config::noise(protocol_id),
    };
    let config = Config {
        peers_max: 1,
        accept_incoming: false,
        connect_timeout: options.connect_timeout,
        ..secured
    };
    Host::with_socket(socket, config).map_err(|error| CliError::cannot("connect")(error.into()))
}

impl ConnectionTransport {
    /// Connects, and measures how long that takes.
    pub(super) fn open(
        mut host: Host,
        to: SocketAddr,
        options: &Options,
        stop: &StopSignal,
    ) -> Result<(Self, PingEvent), CliError> {
        let mut connect_options = ConnectOptions::default();
        connect_options.payload = options.payload();
        connect_options.server_key = options.server_key;
        connect_options.trust_unpinned = options.trust_unpinned;
        let start = Instant::now();
        let peer = host
            .connect(to, &connect_options)
            .map_err(|error| CliError::Runtime(format!("cannot connect: {error}")))?;
        let server_key = wait_for_accept(&mut host, to, stop)?;
        let connected = PingEvent::Connected {
            connect_ms: Millis(start.elapsed()),
            server_key: server_key.map(|key| key.to_string()),
            is_pinned: options.server_key.is_some(),
        };
        let connection = Self {
            stats: host.peer_stats(peer),
            host,
            to,
            peer,
            discarded: DiscardCounter::default(),
            end: None,
        };
        Ok((connection, connected))
    }
}

fn wait_for_accept(
    host: &mut Host,
    to: SocketAddr,
    stop: &StopSignal,
) -> Result<Option<PublicKey>, CliError> {
    while !stop.is_requested() {
        host.wait(None).map_err(CliError::cannot("wait"))?;
        match host.next_event() {
            Some(Event::Connected { server_key, .. }) => return Ok(server_key),
            Some(Event::Disconnected { reason, .. }) => {
                return Err(not_connected(host, to, reason));
            }
            _ => {}
        }
    }
    Err(CliError::Runtime(format!(
        "not connected to {to}: interrupted before the server replied"
    )))
}

fn not_connected(host: &Host, to: SocketAddr, reason: DisconnectReason) -> CliError {
    let stats = host.socket_stats();
    CliError::Runtime(match reason {
        DisconnectReason::ConnectTimeout if stats.discarded > 0 => {
            let reason = error::send_error_reason(&stats.send_errors);
            format!("cannot send to {to}: {reason}")
        }
        reason => format!("not connected to {to}: {}", disconnect_text(reason)),
    })
}

impl Transport for ConnectionTransport {
    fn send(&mut self, probe: &[u8]) -> SendOutcome {
        let queued = self.host.send(self.peer, Delivery::Unreliable, probe);
        let at = Instant::now();
        let flushed = self.host.flush();
        let error = queued.map_err(io::Error::from).and(flushed).err();
        let refusal = self.discarded.refusal(error, &self.host.socket_stats());
        SendOutcome { at, refusal }
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Result<(), CliError> {
        self.stats = self.host.peer_stats(self.peer).or(self.stats);
        self.host
            .wait(until(deadline))
            .map_err(CliError::cannot("wait for replies"))
    }

    fn receive(&mut self, handle: &mut Handler<'_>) -> Result<(), CliError> {
        while let Some(event) = self.host.next_event() {
            match event {
                Event::Message { bytes, .. } => handle(&Datagram {
                    from: self.to,
                    bytes: &bytes,
                    truncated: false,
                })?,
                Event::Disconnected { reason, .. } => self.end = Some(reason),
                _ => {}
            }
        }
        Ok(())
    }

    fn dropped_by_kernel(&self) -> u64 {
        self.host.socket_stats().dropped_by_kernel
    }

    fn end(&self) -> Option<String> {
        self.end.map(disconnect_text)
    }

    fn summary(&self) -> Option<ConnectionSummary> {
        let stats = self.host.peer_stats(self.peer).or(self.stats)?;
        Some(ConnectionSummary {
            round_trip_ms: stats.round_trip.map(Millis),
            jitter_ms: stats.jitter.map(Millis),
            packets_sent: stats.packets_sent,
            packets_received: stats.packets_received,
            packets_lost: stats.packets_lost,
        })
    }

    /// Sends a disconnect, so that the server does not wait for its idle timeout.
    fn close(self) -> Result<(), CliError> {
        self.host
            .close(NORMAL_CLOSE)
            .map_err(CliError::cannot("disconnect"))
    }
}

/// Why the client has no connection, and what to do.
fn disconnect_text(reason: DisconnectReason) -> String {
    use DisconnectReason as Reason;
    let advice = |code| match protocol::advice(code) {
        Some(advice) => format!("{code}: {advice}"),
        None => format!("{code}"),
    };
    let text = match reason {
        Reason::Local { code } => return format!("disconnected by this side, code {code}"),
        Reason::Remote { code } => {
            return format!("disconnected by the server, code {}", advice(code));
        }
        Reason::Denied { code } => return format!("denied by the server, code {}", advice(code)),
        Reason::VersionMismatch { theirs } => {
            return format!(
                "the server has protocol version {theirs}, but this program has version {VERSION}: \
                 use the same release on both sides"
            );
        }
        Reason::WrongServerKey { shown } => {
            return format!(
                "the server has another public key, {shown}: its key was changed, or another host \
                 answers in its place; ask its operator for the key to pass to --server-key"
            );
        }
        Reason::TimedOut => "nothing was received from the server within the idle timeout",
        Reason::Replaced => "another connection between the same addresses replaced it",
        Reason::ConnectTimeout => {
            "no reply of a server: no `tickwire serve` or game server runs there (an echo such as \
             `tickwire listen` does not accept connections), or a firewall blocks it"
        }
        Reason::ServerFull => "the server is full: try again later, or raise its --peers-max",
        Reason::ServerClosed => {
            "it accepts no connections: it is not a server, or it is shutting down"
        }
        Reason::SecurityMismatch => {
            "the server protects its packets differently: use --plain on both sides or on neither"
        }
        Reason::ProtocolMismatch => {
            "the server has another protocol id: use the same --protocol-id on both sides"
        }
        other => return other.to_string(),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::WRONG_TICKET;

    #[test]
    fn a_denied_connect_states_what_to_do() {
        let why = disconnect_text;
        let denied = |code| why(DisconnectReason::Denied { code });
        assert!(denied(WRONG_TICKET).ends_with("it requires a --ticket, or a different one"));
        assert_eq!(denied(7), "denied by the server, code 7");
        let mismatch = why(DisconnectReason::VersionMismatch { theirs: 9 });
        assert!(mismatch.contains("version 9") && mismatch.contains("this program"));
        assert!(why(DisconnectReason::ConnectTimeout).contains("tickwire serve"));
        assert!(why(DisconnectReason::ProtocolMismatch).contains("--protocol-id"));
    }
}
