//! The way through a connection: how it is opened, what travels on it, and why it ends.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::proto::VERSION;
use tickwire::{
    Config, ConnectOptions, Datagram, Delivery, DisconnectReason, Event, Host, PeerId, PeerStats,
    PublicKey, Socket,
};

use super::tally::Millis;
use super::way::{Departure, Discarded, Take, Way};
use crate::agreement::{self, GOODBYE, ProtocolId};
use crate::failure::{self, Failure};
use crate::signals::Stop;

/// What the two ends agree on, and how long this one tries.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) protocol_id: ProtocolId,
    pub(super) payload: Vec<u8>,
    pub(super) timeout: Duration,
    /// The key that the server must have.
    pub(super) server_key: Option<PublicKey>,
    /// Shows the payload to whoever answers.
    pub(super) trust_unpinned: bool,
    pub(super) is_plain: bool,
}

impl Terms {
    fn config(&self) -> Config {
        let ProtocolId(protocol_id) = self.protocol_id;
        if self.is_plain {
            return Config::plain(protocol_id);
        }
        Config::noise(protocol_id)
    }

    fn options(&self) -> ConnectOptions {
        let mut options = ConnectOptions::default();
        options.payload = self.payload.clone();
        options.server_key = self.server_key;
        options.trust_unpinned = self.trust_unpinned;
        options
    }
}

/// A host with a single peer.
pub(super) struct Connected {
    host: Host,
    to: SocketAddr,
    peer: PeerId,
    /// The key that the server has proven to have.
    server_key: Option<PublicKey>,
    discarded: Discarded,
    end: Option<DisconnectReason>,
    /// What was last known of the peer; once it is gone nobody can be asked.
    known: Option<PeerStats>,
}

/// A host that connects and takes nobody in.
pub(super) fn host(socket: Socket, terms: &Terms) -> Result<Host, Failure> {
    let config = Config {
        peers_max: 1,
        accept_incoming: false,
        connect_timeout: terms.timeout,
        ..terms.config()
    };
    Host::with_socket(socket, config).map_err(|error| Failure::cannot("connect")(error.into()))
}

impl Connected {
    /// Connects, and says how long that took; or why not.
    pub(super) fn open(
        mut host: Host,
        to: SocketAddr,
        terms: &Terms,
        stop: &Stop,
    ) -> Result<(Self, Duration), Failure> {
        let start = Instant::now();
        let peer = host
            .connect(to, &terms.options())
            .map_err(|error| Failure::Refused(format!("cannot connect: {error}")))?;
        let server_key = wait_for_answer(&mut host, to, stop)?;
        let connected = Self {
            known: host.peer_stats(peer),
            host,
            to,
            peer,
            server_key,
            discarded: Discarded::default(),
            end: None,
        };
        Ok((connected, start.elapsed()))
    }

    /// How safe it is, in words.
    pub(super) fn how(&self, terms: &Terms) -> String {
        match self.server_key {
            None => "not encrypted".to_owned(),
            Some(_) if terms.server_key.is_some() => {
                "encrypted, to the server with the key that was given".to_owned()
            }
            Some(key) => {
                format!("encrypted, to whoever has the key {key} (--server-key makes sure)")
            }
        }
    }

    fn on_event(&mut self, event: Event, take: &mut Take<'_>) -> Result<(), Failure> {
        match event {
            Event::Message { bytes, .. } => take(&Datagram {
                from: self.to,
                bytes: &bytes,
                truncated: false,
            }),
            Event::Disconnected { reason, .. } => {
                self.end = Some(reason);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Until the server has accepted; the key that it has.
fn wait_for_answer(
    host: &mut Host,
    to: SocketAddr,
    stop: &Stop,
) -> Result<Option<PublicKey>, Failure> {
    while !stop.is_requested() {
        host.wait(None).map_err(Failure::cannot("wait"))?;
        match host.next_event() {
            Some(Event::Connected { server_key, .. }) => return Ok(server_key),
            Some(Event::Disconnected { reason, .. }) => {
                return Err(not_connected(host, to, reason));
            }
            _ => {}
        }
    }
    let text = format!("not connected to {to}: it was ended before there was an answer");
    Err(Failure::Refused(text))
}

fn not_connected(host: &Host, to: SocketAddr, reason: DisconnectReason) -> Failure {
    let stats = host.socket_stats();
    let is_unsent = reason == DisconnectReason::ConnectTimeout && stats.discarded > 0;
    if is_unsent {
        let why = failure::reason(&stats.send_errors);
        return Failure::Refused(format!("cannot send to {to}: {why}"));
    }
    Failure::Refused(format!("not connected to {to}: {}", Why(reason)))
}

impl Way for Connected {
    fn send(&mut self, probe: &[u8]) -> Departure {
        let queued = self.host.send(self.peer, Delivery::Unreliable, probe);
        let at = Instant::now();
        let flushed = self.host.flush();
        let error = queued.map_err(io::Error::from).and(flushed).err();
        let refusal = self.discarded.refusal(error, &self.host.socket_stats());
        Departure { at, refusal }
    }

    fn sleep(&mut self, time: Option<Instant>) -> Result<(), Failure> {
        self.known = self.host.peer_stats(self.peer).or(self.known);
        let slept = match time {
            Some(time) => self.host.wait_until(time),
            None => self.host.wait(None),
        };
        slept.map_err(Failure::cannot("wait for answers"))
    }

    fn receive(&mut self, take: &mut Take<'_>) -> Result<(), Failure> {
        while let Some(event) = self.host.next_event() {
            self.on_event(event, take)?;
        }
        Ok(())
    }

    fn dropped_by_kernel(&self) -> u64 {
        self.host.socket_stats().dropped_by_kernel
    }

    fn end(&self) -> Option<String> {
        self.end.map(|reason| Why(reason).to_string())
    }

    fn summary(&self) -> Option<String> {
        let stats = self.host.peer_stats(self.peer).or(self.known)?;
        Some(summary(&stats))
    }

    /// The server is told at once, and does not have to wait for its idle timeout.
    fn close(self) -> Result<(), Failure> {
        self.host
            .close(GOODBYE)
            .map_err(Failure::cannot("say goodbye"))
    }
}

/// `connection: round trip 0.123 ms, jitter 0.010 ms, 12 packets sent, 11 received, 0 lost`.
fn summary(stats: &PeerStats) -> String {
    let millis = |time: Option<Duration>| {
        time.map_or_else(|| "-".to_owned(), |time| Millis(time).to_string())
    };
    format!(
        "connection: round trip {} ms, jitter {} ms, {} packets sent, {} received, {} lost",
        millis(stats.round_trip),
        millis(stats.jitter),
        stats.packets_sent,
        stats.packets_received,
        stats.packets_lost,
    )
}

/// Why there is no connection, as one says it to a person who typed the address of a server.
struct Why(DisconnectReason);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DisconnectReason as Reason;
        match self.0 {
            Reason::Local { code } => write!(f, "this side ended it, code {code}"),
            Reason::Remote { code } => {
                write!(f, "the server ended it, code {code}{}", Advice(code))
            }
            Reason::TimedOut => f.write_str("nothing was heard of the server for too long"),
            Reason::Replaced => {
                f.write_str("another connection between the same addresses took its place")
            }
            Reason::ConnectTimeout => f.write_str(
                "nobody answered: no server of connections listens there \
                 (`tickwire serve` is one), or a firewall is in between",
            ),
            Reason::ServerFull => f.write_str("the server is full"),
            Reason::ServerClosed => f.write_str("the server takes nobody, or is about to end"),
            Reason::Denied { code } => {
                write!(f, "the server refused, code {code}{}", Advice(code))
            }
            Reason::VersionMismatch { theirs } => write!(
                f,
                "the server speaks version {theirs} of the protocol, this program {VERSION}"
            ),
            Reason::SecurityMismatch => f.write_str(
                "the server protects its packets in another way: either both are --plain or none is",
            ),
            Reason::WrongServerKey { shown } => write!(
                f,
                "who answered has another key, {shown}: the server has a new one, or somebody poses as it"
            ),
            Reason::ProtocolMismatch => f.write_str(
                "the server has another protocol id: give it the same --protocol-id as this",
            ),
            other => write!(f, "{other}"),
        }
    }
}

/// `: the --token has expired`, where the number says so.
struct Advice(u32);

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match agreement::advice(self.0) {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::WRONG_TICKET;

    #[test]
    fn a_refusal_says_what_to_do_about_it() {
        let why = |reason| Why(reason).to_string();
        let denied = |code| why(DisconnectReason::Denied { code });
        assert!(denied(WRONG_TICKET).ends_with("it wants a --ticket, or another one"));
        assert_eq!(denied(7), "the server refused, code 7");
        let mismatch = why(DisconnectReason::VersionMismatch { theirs: 9 });
        assert!(mismatch.contains("version 9") && mismatch.contains("this program"));
        assert!(why(DisconnectReason::ConnectTimeout).contains("tickwire serve"));
        assert!(why(DisconnectReason::ProtocolMismatch).contains("--protocol-id"));
    }
}
