//! What a host tells its application.

use std::net::SocketAddr;
use std::{error, fmt};

use bytes::Bytes;

#[cfg(feature = "noise")]
use crate::keys::PublicKey;
use crate::proto::delivery::{Delivery, Receipt};
use crate::proto::peer_id::PeerId;

/// Something that happened. Taken with `next_event` (of a [`Host`](crate::Host)) or
/// [`poll_event`](crate::proto::HostState::poll_event), in the order in which it happened.
///
/// Of each peer there is at most one `Connected`, then whatever comes, and exactly one `Disconnected`,
/// after which there is nothing. Events own their bytes, so a host may be used while one is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A peer is there, and can be sent to. On the side that called `connect` the server has accepted;
    /// on the other side the client has shown that it knows of it.
    #[non_exhaustive]
    Connected {
        /// Who.
        peer: PeerId,
        /// Where it is. It may [move](Self::Moved).
        address: SocketAddr,
        /// What it said when it connected, at most
        /// [`CONNECT_PAYLOAD_MAX`](crate::limits::CONNECT_PAYLOAD_MAX) bytes. Empty on the side that
        /// called `connect`.
        payload: Bytes,
        /// Whether it came to us. `false` on the side that called `connect`.
        incoming: bool,
        /// The key that the server has proven to have, on the side that called `connect`, under Noise.
        /// Without a [pinned](crate::ConnectOptions::server_key) one it is the one that was shown: a
        /// program may keep it, and pin it the next time. `None` on the other side, whose peer proves
        /// no key, and where two hosts connected to each other and this one's attempt stood back.
        #[cfg(feature = "noise")]
        server_key: Option<PublicKey>,
    },
    /// A message arrived.
    #[non_exhaustive]
    Message {
        /// From whom.
        peer: PeerId,
        /// How it was sent.
        delivery: Delivery,
        /// What it says. A fragment of a larger chunk that is used again when nobody holds a fragment of it
        /// any more: copy what is kept for long.
        bytes: Bytes,
    },
    /// A message that was [tracked](crate::proto::HostState::send_tracked) is in the event queue of the other
    /// side: what builds on it may be sent.
    #[non_exhaustive]
    Acked {
        /// Who has it.
        peer: PeerId,
        /// Which one.
        receipt: Receipt,
    },
    /// A message that was tracked did not arrive, as far as is known: its packet was lost, it came too late
    /// for its channel, or it waited too long for the rate. That is final, and may be pessimistic: it may
    /// have arrived all the same. Of a reliable message this is never said.
    #[non_exhaustive]
    Lost {
        /// Who does not have it.
        peer: PeerId,
        /// Which one.
        receipt: Receipt,
    },
    /// A peer changed its address and has proven the new one: its router forgot it, or the player left
    /// the house. Nothing else changes, and nothing needs to be done. Of several moves before this is
    /// taken the last is told.
    #[non_exhaustive]
    Moved {
        /// Who.
        peer: PeerId,
        /// Where it is now.
        address: SocketAddr,
    },
    /// It is over, or it never was: a `connect` that fails ends with this alone. Of a tracked message of
    /// which nothing was said until then nothing is known.
    #[non_exhaustive]
    Disconnected {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: DisconnectReason,
    },
}

impl Event {
    /// Whom it is about.
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

/// Why a peer is gone, or was never there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// This side said so, with [`disconnect`](crate::proto::HostState::disconnect) or
    /// [`shutdown`](crate::proto::HostState::shutdown).
    Local {
        /// The number that was given.
        code: u32,
    },
    /// The other side said so.
    Remote {
        /// The number that its application gave.
        code: u32,
    },
    /// It was silent for longer than [`idle_timeout`](crate::Config::idle_timeout).
    TimedOut,
    /// This side has sent [`PACKETS_PER_CONNECTION_MAX`](crate::limits::PACKETS_PER_CONNECTION_MAX)
    /// packets, and no packet number may be used twice. The peer is told
    /// [`Remote`](Self::Remote) with the code 0. Connect again.
    PacketNumbersExhausted,
    /// A new connection came from the same address and has proven itself: the client ended without a
    /// word, and came back.
    Replaced,
    /// Nobody answered the `connect` within [`connect_timeout`](crate::Config::connect_timeout).
    ConnectTimeout,
    /// Nobody with the [pinned key](crate::ConnectOptions::server_key) answered the `connect` in that
    /// time, but somebody with another key did: the server's key has changed, or somebody else poses as
    /// the server.
    #[cfg(feature = "noise")]
    WrongServerKey {
        /// The last key that was shown.
        shown: PublicKey,
    },
    /// The server has as many peers as it wants.
    ServerFull,
    /// The server takes nobody, or is shutting down.
    ServerClosed,
    /// The application of the server said no.
    Denied {
        /// The number that it gave.
        code: u32,
    },
    /// The server speaks another version of the protocol.
    VersionMismatch {
        /// That of the server; ours is [`VERSION`](crate::proto::VERSION).
        theirs: u8,
    },
    /// The server protects its packets in another way: see [`Security`](crate::Security).
    SecurityMismatch,
    /// The server has another [`protocol_id`](crate::Security::protocol_id): it belongs to another
    /// game, or to another version of this one.
    ProtocolMismatch,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { code } => write!(f, "disconnected by this side, code {code}"),
            Self::Remote { code } => write!(f, "disconnected by the peer, code {code}"),
            Self::TimedOut => f.write_str("the peer was silent for too long"),
            Self::PacketNumbersExhausted => f.write_str("this side has used all packet numbers"),
            Self::Replaced => f.write_str("replaced by a new connection from the same address"),
            Self::ConnectTimeout => f.write_str("the server did not answer in time"),
            #[cfg(feature = "noise")]
            Self::WrongServerKey { shown } => {
                write!(
                    f,
                    "nobody with the server's key answered, but somebody with the key {shown}"
                )
            }
            Self::ServerFull => f.write_str("the server is full"),
            Self::ServerClosed => f.write_str("the server takes nobody"),
            Self::Denied { code } => write!(f, "the server refused, code {code}"),
            Self::VersionMismatch { theirs } => {
                write!(f, "the server speaks version {theirs} of the protocol")
            }
            Self::SecurityMismatch => f.write_str("the server protects its packets differently"),
            Self::ProtocolMismatch => f.write_str("the server has another protocol id"),
        }
    }
}

/// To be returned where a program ends because its server is gone.
impl error::Error for DisconnectReason {}

/// Why a `connect` did not even begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is a connection to this address already, or one on its way.
    AlreadyConnected {
        /// Which.
        peer: PeerId,
    },
    /// The host has as many peers as its [`peers_max`](crate::Config::peers_max).
    HostFull,
    /// The host is shutting down.
    ShuttingDown,
    /// The payload is longer than [`CONNECT_PAYLOAD_MAX`](crate::limits::CONNECT_PAYLOAD_MAX).
    PayloadTooLong {
        /// How long it is, in bytes.
        len: usize,
    },
    /// A payload is sealed for a server whose key is known, and there is no
    /// [`server_key`](crate::ConnectOptions::server_key): whoever answers would read it. See
    /// [`trust_unpinned`](crate::ConnectOptions::trust_unpinned).
    #[cfg(feature = "noise")]
    PayloadNeedsServerKey,
    /// A server's key is pinned, and this host is [`Plain`](crate::Security::Plain): no server can prove
    /// anything to it.
    #[cfg(feature = "noise")]
    ServerKeyUnderPlain,
    /// Nothing can be sent there: the port is 0, or the address is one of many (unspecified,
    /// broadcast, multicast), or of a family that the host's socket cannot reach.
    Unreachable {
        /// The address.
        to: SocketAddr,
    },
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyConnected { peer } => write!(f, "already connected there, as {peer}"),
            Self::HostFull => f.write_str("this host has as many peers as it wants"),
            Self::ShuttingDown => f.write_str("this host is shutting down"),
            Self::PayloadTooLong { len } => write!(
                f,
                "the payload is {len} bytes, at most {} fit",
                crate::limits::CONNECT_PAYLOAD_MAX
            ),
            #[cfg(feature = "noise")]
            Self::PayloadNeedsServerKey => {
                f.write_str("a payload needs the key of the server that may read it")
            }
            #[cfg(feature = "noise")]
            Self::ServerKeyUnderPlain => {
                f.write_str("this host is not encrypted, so no server can prove its key to it")
            }
            Self::Unreachable { to } => write!(f, "{to} cannot be sent to from here"),
        }
    }
}

impl error::Error for ConnectError {}
