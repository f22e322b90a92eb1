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

/// Something that happened on a host, in the order in which it happened. Taken with `next_event` (of a
/// [`Host`](crate::Host)) or [`poll_event`](crate::proto::HostState::poll_event).
///
/// Each peer has at most one `Connected` event, then any number of others, and exactly one `Disconnected`
/// event, which is its last. Events own their bytes, so the host can be used while an event is examined.
///
/// `Debug` prints addresses, counts and lengths. It never prints a payload.
///
/// # In tests
///
/// Fields may be added in minor versions, so events are not literals. [`connected`](Self::connected),
/// [`message`](Self::message) and the other constructors make events for tests of code that handles them;
/// ids come from [`PeerId::from_parts`] and [`Receipt::from_number`].
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
    /// A peer is connected and can be sent to. On the side that called `connect`, the server has accepted;
    /// on the other side, the client has confirmed the accept.
    #[non_exhaustive]
    Connected {
        /// The peer.
        peer: PeerId,
        /// Its address. The peer may [move](Self::Moved) later.
        address: SocketAddr,
        /// The payload of the peer's `connect`, at most
        /// [`CONNECT_PAYLOAD_MAX`](crate::limits::CONNECT_PAYLOAD_MAX) bytes. Empty on the side that
        /// called `connect`.
        payload: Bytes,
        /// Whether the peer connected to this host. `false` on the side that called `connect`.
        incoming: bool,
        /// The key that the server has proven to hold, on the side that called `connect`, under Noise.
        /// Without a [pinned](crate::ConnectOptions::server_key) key it is the key that the server showed:
        /// a program may store it and pin it next time. `None` on the other side, because clients prove no
        /// key, and where two hosts connected to each other and this host's attempt gave way.
        #[cfg(feature = "noise")]
        server_key: Option<PublicKey>,
    },
    /// A message arrived.
    #[non_exhaustive]
    Message {
        /// The sender.
        peer: PeerId,
        /// How it was sent.
        delivery: Delivery,
        /// The content. It may share a chunk of 16 KiB with other messages, and the chunk is reused only
        /// when none of them is held any more: copy what is kept for long.
        bytes: Bytes,
        /// When the host processed the packet that completed the message: the time of that turn, which a
        /// [`Host`](crate::Host) reads once per turn, or the `now` of
        /// [`handle_datagram`](crate::proto::HostState::handle_datagram). An ordered message that waited
        /// for an earlier one has the time at which that one arrived. Time spent in the kernel's receive
        /// buffer is not included.
        received_at: Instant,
    },
    /// A [tracked](crate::proto::HostState::send_tracked) message is in the event queue of the other side.
    #[non_exhaustive]
    Acked {
        /// The receiver.
        peer: PeerId,
        /// The message.
        receipt: Receipt,
    },
    /// A tracked unreliable or sequenced message is believed lost: its packet was declared lost, it was
    /// stale on arrival, or it expired in the send queue. This is final and may be wrong: the message may
    /// have arrived all the same. Never reported for reliable messages.
    #[non_exhaustive]
    Lost {
        /// The receiver.
        peer: PeerId,
        /// The message.
        receipt: Receipt,
    },
    /// A peer has a new, validated address, for example after a NAT rebinding or a change of network. The
    /// connection continues; nothing needs to be done. If the peer moves again before this event is taken,
    /// the event holds the last address.
    #[non_exhaustive]
    Moved {
        /// The peer.
        peer: PeerId,
        /// Its new address.
        address: SocketAddr,
    },
    /// The connection is over, or the `connect` failed: then this is the peer's only event. Tracked
    /// messages without an earlier [`Acked`](Self::Acked) or [`Lost`](Self::Lost) event may or may not have
    /// arrived.
    #[non_exhaustive]
    Disconnected {
        /// The peer. `peer_stats` returns `None` for it from now on.
        peer: PeerId,
        /// Why.
        reason: DisconnectReason,
        /// The text that the peer gave with [`Remote`](DisconnectReason::Remote), at most
        /// [`CLOSE_TEXT_MAX`](crate::limits::CLOSE_TEXT_MAX) bytes of UTF-8. The peer chose it, so do not show it as
        /// the game's own.
        text: Option<Box<str>>,
        /// The final statistics of the connection. `None` if the peer was never connected.
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

    /// The same `Connected` event with a server key; any other event as it is.
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

    /// A [`Disconnected`](Self::Disconnected) event, for tests. [`PeerStats::new`] makes statistics.
    #[must_use]
    pub fn disconnected(peer: PeerId, reason: DisconnectReason, stats: Option<PeerStats>) -> Self {
        Self::Disconnected {
            peer,
            reason,
            text: None,
            stats: stats.map(Box::new),
        }
    }

    /// The same `Disconnected` event with a text of the peer; any other event as it is.
    #[must_use]
    pub fn with_text(mut self, peer_text: &str) -> Self {
        if let Self::Disconnected { text, .. } = &mut self {
            *text = Some(peer_text.into());
        }
        self
    }

    /// The peer that the event is about.
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

/// Prints the length of a payload, never its content.
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

/// `Debug` of bytes that must not be printed: `12 bytes`.
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
    /// This side called [`disconnect`](crate::proto::HostState::disconnect) or
    /// [`shutdown`](crate::proto::HostState::shutdown).
    #[error("disconnected by this side, code {code}")]
    Local {
        /// The code that it gave.
        code: u32,
    },
    /// The peer ended the connection.
    #[error("disconnected by the peer, code {code}")]
    Remote {
        /// The code that its application gave.
        code: u32,
    },
    /// Nothing arrived from the peer for [`idle_timeout`](crate::Config::idle_timeout).
    #[error("the peer was silent for too long")]
    TimedOut,
    /// This side has sent 2^48 packets, and a packet number must not be used twice. The peer sees
    /// [`Remote`](Self::Remote) with code 0. Connect again.
    #[error("this side has used all packet numbers")]
    PacketNumbersExhausted,
    /// A newer connection from the same address was confirmed: the client was restarted without
    /// disconnecting.
    #[error("replaced by a new connection from the same address")]
    Replaced,
    /// The `connect` was not answered within [`connect_timeout`](crate::Config::connect_timeout).
    #[error("the server did not answer in time")]
    ConnectTimeout,
    /// The `connect` timed out, and a server with a key other than the
    /// [pinned key](crate::ConnectOptions::server_key) answered: the server's key has changed, or an
    /// attacker poses as the server. Reported only at the timeout, because a forged reply must not abort
    /// the attempt.
    #[cfg(feature = "noise")]
    #[error("no server with the pinned key answered, but one with the key {shown} did")]
    WrongServerKey {
        /// The last key that was shown.
        shown: PublicKey,
    },
    /// The server has reached its [`peers_max`](crate::Config::peers_max).
    #[error("the server is full")]
    ServerFull,
    /// The server does not accept connections, or is shutting down.
    #[error("the server does not accept connections")]
    ServerClosed,
    /// The server's application refused the connection.
    #[error("the server refused, code {code}")]
    Denied {
        /// The code that it gave.
        code: u32,
    },
    /// The server speaks another version of the protocol.
    #[error("the server speaks version {theirs} of the protocol")]
    VersionMismatch {
        /// The server's version; this side's is [`VERSION`](crate::proto::VERSION).
        theirs: u8,
    },
    /// The server uses another kind of [`Security`](crate::Security).
    #[error("the server uses another kind of security")]
    SecurityMismatch,
    /// The server has another [`protocol_id`](crate::Security::protocol_id): it belongs to another game,
    /// or to another version of this one.
    #[error("the server has another protocol id")]
    ProtocolMismatch,
}

/// Why a `connect` did not begin. Nothing was sent and no event follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host is already connected or connecting to this address.
    #[error("already connected there, as {peer}")]
    AlreadyConnected {
        /// The peer at this address.
        peer: PeerId,
    },
    /// The host has reached its [`peers_max`](crate::Config::peers_max).
    #[error("this host has reached its peers_max")]
    HostFull,
    /// The host is shutting down.
    #[error("this host is shutting down")]
    ShuttingDown,
    /// The payload is longer than [`CONNECT_PAYLOAD_MAX`](crate::limits::CONNECT_PAYLOAD_MAX).
    #[error(
        "the payload is {len} bytes, but at most {} fit",
        crate::limits::CONNECT_PAYLOAD_MAX
    )]
    PayloadTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// There is a payload but no [`server_key`](crate::ConnectOptions::server_key), so any server that
    /// answers could read it. See [`trust_unpinned`](crate::ConnectOptions::trust_unpinned).
    #[cfg(feature = "noise")]
    #[error("a payload needs the key of the server that may read it")]
    PayloadNeedsServerKey,
    /// A server key is pinned, but this host is [`Plain`](crate::Security::Plain), where servers prove no
    /// key.
    #[cfg(feature = "noise")]
    #[error("this host is not encrypted, so no server can prove its key to it")]
    ServerKeyUnderPlain,
    /// Nothing can be sent to this address: its port is 0, it is unspecified, broadcast or multicast, or
    /// the host's socket cannot reach its address family.
    #[error("{to} cannot be sent to from here")]
    Unreachable {
        /// The address.
        to: SocketAddr,
    },
}
