//! Events: what a host reports to its application.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

#[cfg(feature = "noise")]
use crate::keys::PublicKey;
use crate::proto::delivery::{Delivery, Receipt};
use crate::proto::peer_id::PeerId;
use crate::proto::stats::PeerStats;

/// An event of a host, in order of occurrence. Taken with
/// [`Host::next_event`](crate::Host::next_event) or
/// [`HostState::poll_event`](crate::proto::HostState::poll_event).
///
/// Each peer has at most one `Connected` event, then any number of others, and exactly one
/// `Disconnected` event, its last. Events own their bytes. `Debug` prints addresses, counts and
/// lengths, never a payload.
///
/// # In tests
///
/// Fields may be added in minor versions, so tests create events with
/// [`connected`](Self::connected), [`message`](Self::message) and the other constructors. Ids come
/// from [`PeerId::from_parts`] and [`Receipt::from_number`].
///
/// ```
/// use std::time::Instant;
/// use tickwire::{Delivery, Event, PeerId};
///
/// fn score(event: &Event) -> usize {
///     match event {
///         Event::Message { bytes, .. } => bytes.len(),
///         _ => 0,
///     }
/// }
///
/// let peer = PeerId::from_parts(0, 0);
/// let event = Event::message(peer, Delivery::Reliable, &b"hello"[..], Instant::now());
/// assert_eq!(score(&event), 5);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A peer is connected and accepts messages. For an outgoing connection the server has
    /// accepted; for an incoming one the client has confirmed the accept.
    #[non_exhaustive]
    Connected {
        /// The peer.
        peer: PeerId,
        /// Its address, which may [change](Self::Moved) later.
        address: SocketAddr,
        /// The payload of the client's `connect`, at most
        /// [`CONNECT_PAYLOAD_MAX`](crate::limits::CONNECT_PAYLOAD_MAX) (256) bytes. Empty for an
        /// outgoing connection.
        payload: Bytes,
        /// Whether the peer connected to this host.
        incoming: bool,
        /// The public key that authenticated the server, for an outgoing connection under Noise.
        /// Without a [pinned](crate::ConnectOptions::server_key) key it is the key that the server
        /// presented; a program may store it and pin it next time.
        ///
        /// `None` for an incoming connection, also if two hosts connected to each other and this
        /// host's attempt yielded to the peer's.
        #[cfg(feature = "noise")]
        server_key: Option<PublicKey>,
    },
    /// A message arrived.
    #[non_exhaustive]
    Message {
        /// The sender.
        peer: PeerId,
        /// Its delivery.
        delivery: Delivery,
        /// Its content, which may share a chunk of 16 KiB with other messages. A chunk is reused
        /// when all of its messages are dropped, so copy a message to keep it for long.
        bytes: Bytes,
        /// When the host processed the packet that completed the message: the time of that turn, or
        /// the `now` of [`handle_datagram`](crate::proto::HostState::handle_datagram). An ordered
        /// message that waited for an earlier one has the time of the earlier one. Time in the
        /// kernel's receive buffer is not included.
        received_at: Instant,
    },
    /// A [tracked](crate::Host::send_tracked) message is in the event queue of the other side.
    #[non_exhaustive]
    Acked {
        /// The receiver.
        peer: PeerId,
        /// The message.
        receipt: Receipt,
    },
    /// A tracked unreliable or sequenced message is presumed lost: its packet was declared lost, it
    /// was stale on arrival, or it expired in the send queue. Final, although the message may have
    /// arrived. Never reported for reliable messages.
    #[non_exhaustive]
    Lost {
        /// The receiver.
        peer: PeerId,
        /// The message.
        receipt: Receipt,
    },
    /// A peer has a new, validated address, for example after NAT rebinding. If the peer moves
    /// again before this event is taken, the event has the last address.
    #[non_exhaustive]
    Moved {
        /// The peer.
        peer: PeerId,
        /// Its new address.
        address: SocketAddr,
    },
    /// The connection has ended, or the `connect` failed and this is the peer's only event. Tracked
    /// messages without [`Acked`](Self::Acked) or [`Lost`](Self::Lost) may have arrived.
    #[non_exhaustive]
    Disconnected {
        /// The peer. From now on `peer_stats` returns `None` for it.
        peer: PeerId,
        /// The reason.
        reason: DisconnectReason,
        /// The text that the peer sent with [`Remote`](DisconnectReason::Remote), at most
        /// [`CLOSE_TEXT_MAX`](crate::limits::CLOSE_TEXT_MAX) (64) bytes of UTF-8. Untrusted: do not
        /// show it as the game's own.
        text: Option<Box<str>>,
        /// Final statistics. `None` if the peer was never connected.
        stats: Option<Box<PeerStats>>,
    },
}

// A queue may hold thousands of events per peer, and `Config::peer_bytes_max` counts each of them.
const _: () = assert!(size_of::<Event>() <= 112, "box what is larger");

impl Event {
    /// A [`Connected`](Self::Connected) event, for tests. `server_key` is `None`.
    #[must_use]
    pub fn connected(
        peer: PeerId,
        address: SocketAddr,
        payload: impl Into<Bytes>,
        incoming: bool,
    ) -> Self {
        Self::Connected {
            peer,
            address,
            payload: payload.into(),
            incoming,
            #[cfg(feature = "noise")]
            server_key: None,
        }
    }

    /// Sets the server key of a `Connected` event. Other events are unchanged.
    #[cfg(feature = "noise")]
    #[must_use]
    pub fn with_server_key(mut self, key: PublicKey) -> Self {
        if let Self::Connected { server_key, .. } = &mut self {
            *server_key = Some(key);
        }
        self
    }

    /// A [`Message`](Self::Message) event, for tests.
    #[must_use]
    pub fn message(
        peer: PeerId,
        delivery: Delivery,
        bytes: impl Into<Bytes>,
        received_at: Instant,
    ) -> Self {
        Self::Message {
            peer,
            delivery,
            bytes: bytes.into(),
            received_at,
        }
    }

    /// An [`Acked`](Self::Acked) event, for tests.
    #[must_use]
    pub fn acked(peer: PeerId, receipt: Receipt) -> Self {
        Self::Acked { peer, receipt }
    }

    /// A [`Lost`](Self::Lost) event, for tests.
    #[must_use]
    pub fn lost(peer: PeerId, receipt: Receipt) -> Self {
        Self::Lost { peer, receipt }
    }

    /// A [`Moved`](Self::Moved) event, for tests.
    #[must_use]
    pub fn moved(peer: PeerId, address: SocketAddr) -> Self {
        Self::Moved { peer, address }
    }

    /// A [`Disconnected`](Self::Disconnected) event, for tests. [`PeerStats::new`] creates
    /// statistics.
    #[must_use]
    pub fn disconnected(peer: PeerId, reason: DisconnectReason, stats: Option<PeerStats>) -> Self {
        Self::Disconnected {
            peer,
            reason,
            text: None,
            stats: stats.map(Box::new),
        }
    }

    /// Sets the peer's text of a `Disconnected` event. Other events are unchanged.
    #[must_use]
    pub fn with_text(mut self, peer_text: &str) -> Self {
        if let Self::Disconnected { text, .. } = &mut self {
            *text = Some(peer_text.into());
        }
        self
    }

    /// The peer of the event.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        match self {
            Self::Connected { peer, .. }
            | Self::Message { peer, .. }
            | Self::Acked { peer, .. }
            | Self::Lost { peer, .. }
            | Self::Moved { peer, .. }
            | Self::Disconnected { peer, .. } => *peer,
        }
    }
}

/// Prints lengths of payloads and texts, never their content.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected {
                peer,
                address,
                payload,
                incoming,
                #[cfg(feature = "noise")]
                server_key,
            } => {
                let mut fields = f.debug_struct("Connected");
                fields.field("peer", peer).field("address", address);
                fields.field("payload", &ByteCount(payload.len()));
                fields.field("incoming", incoming);
                #[cfg(feature = "noise")]
                fields.field("server_key", server_key);
                fields.finish()
            }
            Self::Message {
                peer,
                delivery,
                bytes,
                received_at,
            } => f
                .debug_struct("Message")
                .field("peer", peer)
                .field("delivery", delivery)
                .field("bytes", &ByteCount(bytes.len()))
                .field("received_at", received_at)
                .finish(),
            Self::Acked { peer, receipt } => debug_receipt(f, "Acked", *peer, *receipt),
            Self::Lost { peer, receipt } => debug_receipt(f, "Lost", *peer, *receipt),
            Self::Moved { peer, address } => f
                .debug_struct("Moved")
                .field("peer", peer)
                .field("address", address)
                .finish(),
            Self::Disconnected {
                peer,
                reason,
                text,
                stats,
            } => f
                .debug_struct("Disconnected")
                .field("peer", peer)
                .field("reason", reason)
                .field("text_len", &text.as_ref().map_or(0, |text| text.len()))
                .field("stats", stats)
                .finish(),
        }
    }
}

fn debug_receipt(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    peer: PeerId,
    receipt: Receipt,
) -> fmt::Result {
    f.debug_struct(name)
        .field("peer", &peer)
        .field("receipt", &receipt)
        .finish()
}

/// Prints as `12 bytes`, for bytes that must not be printed.
pub(crate) struct ByteCount(pub(crate) usize);

impl fmt::Debug for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

/// Why a connection ended or a `connect` failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// This side called [`disconnect`](crate::Host::disconnect),
    /// [`disconnect_after_flush`](crate::Host::disconnect_after_flush) or
    /// [`shutdown`](crate::Host::shutdown).
    #[error("disconnected by this side, code {code}")]
    Local {
        /// The code of that call.
        code: u32,
    },
    /// The peer ended the connection.
    #[error("disconnected by the peer, code {code}")]
    Remote {
        /// The code of its application.
        code: u32,
    },
    /// No packet arrived from the peer within [`idle_timeout`](crate::Config::idle_timeout).
    #[error("timed out: no packet from the peer within the idle timeout")]
    TimedOut,
    /// This side has sent 2^48 packets, and a packet number must not be used twice. Connect again.
    /// The peer sees [`Remote`](Self::Remote) with code 0.
    #[error("this side has sent 2^48 packets and has no packet numbers left, connect again")]
    PacketNumbersExhausted,
    /// A newer connection from the same address replaced this one: the client restarted without
    /// disconnecting.
    #[error("replaced by a newer connection from the same address")]
    Replaced,
    /// The server neither accepted nor denied the connection within
    /// [`connect_timeout`](crate::Config::connect_timeout).
    #[error("no reply from the server within the connect timeout: check its address and port")]
    ConnectTimeout,
    /// The `connect` timed out, and a server replied with a key other than the [pinned
    /// key](crate::ConnectOptions::server_key): the server's key has changed, or an attacker
    /// impersonates the server. Reported at the timeout, because a forged reply must not abort the
    /// attempt.
    #[cfg(feature = "noise")]
    #[error(
        "the server presented the key {shown} instead of the pinned key: its key has changed, or an \
         attacker impersonates the server"
    )]
    WrongServerKey {
        /// The last key presented.
        shown: PublicKey,
    },
    /// The server has reached its [`peers_max`](crate::Config::peers_max).
    #[error("the server is full, connect again later")]
    ServerFull,
    /// The server does not accept connections, or is shutting down.
    #[error("the server does not accept connections, or is shutting down")]
    ServerClosed,
    /// The server's application denied the connection: see
    /// [`Admission::Deny`](crate::Admission::Deny).
    #[error("denied by the server, code {code}")]
    Denied {
        /// The code of its application.
        code: u32,
    },
    /// The server uses another version of the wire format.
    #[error(
        "the server uses wire version {theirs}, but this side uses {}: update the older side",
        crate::proto::VERSION
    )]
    VersionMismatch {
        /// The server's version; this side's is [`VERSION`](crate::proto::VERSION).
        theirs: u8,
    },
    /// The server uses another kind of [`Security`](crate::Security).
    #[error(
        "the server uses another kind of security: set the same Config::security on both sides"
    )]
    SecurityMismatch,
    /// The server has another [`protocol_id`](crate::Security::protocol_id): another game or
    /// version.
    #[error(
        "the server has another protocol id: it is another game, or another version of this one"
    )]
    ProtocolMismatch,
}

/// Why a `connect` did not start. Nothing was sent, and no event follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host is already connected or connecting to this address.
    #[error("already connected or connecting to this address, as peer {peer}")]
    AlreadyConnected {
        /// The peer at this address.
        peer: PeerId,
    },
    /// The host has reached its [`peers_max`](crate::Config::peers_max), or closing peers hold the
    /// remaining slots (four times `peers_max`).
    #[error(
        "host is full: peers_max is {peers_max}, and a peer counts until its Disconnected event is taken"
    )]
    HostFull {
        /// The host's [`peers_max`](crate::Config::peers_max).
        peers_max: usize,
    },
    /// [`shutdown`](crate::Host::shutdown) was called.
    #[error("host is shutting down and starts no connections")]
    ShuttingDown,
    /// The payload is longer than [`CONNECT_PAYLOAD_MAX`](crate::limits::CONNECT_PAYLOAD_MAX).
    #[error(
        "payload is {len} bytes, but a connect carries at most {}",
        crate::limits::CONNECT_PAYLOAD_MAX
    )]
    PayloadTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A payload without a pinned [`server_key`](crate::ConnectOptions::server_key) could be read
    /// by any server that replies. [`trust_unpinned`](crate::ConnectOptions::trust_unpinned) allows
    /// it.
    #[cfg(feature = "noise")]
    #[error(
        "payload without a pinned server key: pin the key, or set trust_unpinned to send it anyway"
    )]
    PayloadNeedsServerKey,
    /// A server key is pinned, but this host uses [`Plain`](crate::Security::Plain), which does not
    /// authenticate servers.
    #[cfg(feature = "noise")]
    #[error(
        "server key is pinned, but this host uses Security::Plain, where no server can prove its key: \
         use Security::Noise"
    )]
    ServerKeyUnderPlain,
    /// The address is unreachable: its port is 0, it is unspecified, broadcast or multicast, or the
    /// host's socket cannot reach its address family.
    #[error(
        "{to} is unreachable: its port is 0, it is not a unicast address, or the socket cannot reach its \
         address family"
    )]
    Unreachable {
        /// The address.
        to: SocketAddr,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_value_the_limit_and_the_next_step() {
        let texts = [
            (
                ConnectError::HostFull { peers_max: 64 }.to_string(),
                "host is full: peers_max is 64, and a peer counts until its Disconnected event is taken",
            ),
            (
                ConnectError::PayloadTooLong { len: 300 }.to_string(),
                "payload is 300 bytes, but a connect carries at most 256",
            ),
            (
                DisconnectReason::VersionMismatch { theirs: 9 }.to_string(),
                "the server uses wire version 9, but this side uses 1: update the older side",
            ),
        ];
        for (text, wanted) in texts {
            assert_eq!(text, wanted);
        }
    }
}
