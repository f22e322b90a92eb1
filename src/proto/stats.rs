//! Statistics of a peer and of a host.

use std::net::SocketAddr;
use std::time::Duration;

/// Statistics of one connection: counters since the handshake, and current values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStats {
    /// The peer's address.
    pub address: SocketAddr,
    /// Smoothed round-trip time, excluding the peer's acknowledgement delay (RFC 9002 section 5).
    /// `None` before the first sample.
    pub round_trip: Option<Duration>,
    /// Mean deviation of the round-trip time. `None` before the first sample.
    pub jitter: Option<Duration>,
    /// Time since the last authentic, non-duplicate packet from the peer, or since the handshake.
    /// Limited by [`idle_timeout`](crate::Config::idle_timeout).
    ///
    /// A [`Host`](crate::Host) measures it at its last turn. Idle peers are silent for up to their
    /// [`keep_alive`](crate::Config::keep_alive), 5 s by default. While this side sends every tick,
    /// the peer acknowledges within a round trip plus its
    /// [`ack_delay_max`](crate::Config::ack_delay_max), so a game can report an interrupted
    /// connection after half a second.
    pub silent_for: Duration,
    /// Packets sent to the peer.
    pub packets_sent: u64,
    /// Bytes of these packets, without UDP and IP headers.
    pub bytes_sent: u64,
    /// Authentic packets from the peer, without duplicates.
    pub packets_received: u64,
    /// Bytes of these packets.
    pub bytes_received: u64,
    /// Packets to the peer that were declared lost.
    pub packets_lost: u64,
    /// Packets from the peer that arrived twice, or too late for the replay window.
    pub duplicates: u64,
    /// Packets with this connection's id that failed authentication: damaged or forged.
    pub failed_authentication: u64,
    /// Authentic packets that could not be parsed: a bug in the peer's software.
    pub malformed: u64,
    /// Packets from an address that is not validated for this peer.
    pub unvalidated_address: u64,
    /// Packets from the peer that were not acknowledged because of a [refused
    /// message](Self::messages_refused).
    pub packets_refused: u64,
    /// Packets from the peer that have not arrived: dropped by the network or this machine's
    /// kernel, or reordered. Includes packets that only acknowledge, which the peer does not count
    /// in [`packets_lost`](Self::packets_lost).
    pub packets_missing: u64,
    /// Recent loss rate of packets to the peer in parts per million: an exponential average in
    /// which the last 90 packets have half the weight.
    pub loss_ppm: u32,
    /// Messages queued for the peer.
    pub messages_sent: u64,
    /// Messages from the peer that entered the event queue.
    pub messages_received: u64,
    /// Messages or fragments from the peer that were refused and not acknowledged: the peer's share
    /// of the event queue is full, because the application takes events too slowly, or the peer
    /// exceeded a limit.
    pub messages_refused: u64,
    /// Reliable messages or fragments from the peer that had already arrived: redundant copies and
    /// spurious retransmissions.
    pub duplicate_messages: u64,
    /// Sequenced messages from the peer that were dropped because a newer one in their channel had
    /// arrived.
    pub stale_messages: u64,
    /// Unreliable and sequenced messages from the peer that were dropped while fragments were
    /// missing: a newer message of the channel had arrived, or more than 16 were incomplete.
    pub abandoned_messages: u64,
    /// Unreliable and sequenced messages to the peer that were dropped because pacing delayed them
    /// for more than 50 ms.
    pub messages_expired: u64,
    /// Reliable messages or fragments to the peer that were retransmitted after a packet loss or a
    /// probe timeout.
    pub messages_retransmitted: u64,
    /// Redundant copies of reliable messages.
    pub copies_sent: u64,
    /// Redundant copies that saved a retransmission: the first packet with the message was lost,
    /// but the message had arrived before the loss was detected.
    pub copies_useful: u64,
    /// Messages to the peer that are queued or not acknowledged.
    pub queued_messages: usize,
    /// Bytes of these messages.
    pub queued_bytes: usize,
    /// Bytes of reliable messages from the peer that are incomplete or not taken by the
    /// application, each with [`MESSAGE_OVERHEAD`](crate::limits::MESSAGE_OVERHEAD) (64) more.
    pub unread_bytes: u64,
    /// Bytes in flight: sent, and neither acknowledged nor declared lost.
    pub in_flight_bytes: usize,
    /// Pacing rate in bits per second.
    pub pacing_rate: u64,
    /// Estimated delivery rate in bits per second: the maximum of the last two round trips. Below
    /// the capacity of the path if the flow is application-limited, and while a queue drains.
    pub delivery_rate: u64,
    /// Estimated queueing delay of the path: the minimum of the last three round-trip time samples
    /// minus that of the last 10 to 20 s. Zero within noise, or if a lower send rate did not reduce
    /// it. As of the last acknowledgement.
    pub queue_delay: Duration,
    /// What limits sending.
    pub limited_by: SendLimitedBy,
}

/// What limits sending to a peer. If several apply, the last of them in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SendLimitedBy {
    /// No limit: everything queued leaves with the next turn.
    #[default]
    Application,
    /// Flow control: the peer's [`receive_window`](crate::Config::receive_window) is full.
    FlowControl,
    /// The congestion window is full, or 1,024 packets are in flight. Reliable messages wait for
    /// acknowledgements.
    CongestionWindow,
    /// Pacing: messages wait for the [pacing rate](PeerStats::pacing_rate). Unreliable ones wait at
    /// most 50 ms.
    Pacing,
    /// The socket would block. Applies to every peer of the host, with or without queued messages.
    /// Never reported by a [`HostState`](crate::proto::HostState).
    Socket,
}

impl PeerStats {
    /// Statistics of a new connection, for tests. All fields are public.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            round_trip: None,
            jitter: None,
            silent_for: Duration::ZERO,
            packets_sent: 0,
            bytes_sent: 0,
            packets_received: 0,
            bytes_received: 0,
            packets_lost: 0,
            duplicates: 0,
            failed_authentication: 0,
            malformed: 0,
            unvalidated_address: 0,
            packets_refused: 0,
            packets_missing: 0,
            loss_ppm: 0,
            messages_sent: 0,
            messages_received: 0,
            messages_refused: 0,
            duplicate_messages: 0,
            stale_messages: 0,
            abandoned_messages: 0,
            messages_expired: 0,
            messages_retransmitted: 0,
            copies_sent: 0,
            copies_useful: 0,
            queued_messages: 0,
            queued_bytes: 0,
            unread_bytes: 0,
            in_flight_bytes: 0,
            pacing_rate: 0,
            delivery_rate: 0,
            queue_delay: Duration::ZERO,
            limited_by: SendLimitedBy::Application,
        }
    }
}

/// Statistics of a host since it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HostStats {
    /// Connected peers.
    pub peers: usize,
    /// Accepted clients that have not confirmed the accept.
    pub pending: usize,
    /// This host's connection attempts in progress.
    pub connecting: usize,
    /// Hellos that got a cookie as the reply.
    pub cookies_sent: u64,
    /// Hellos with another version, kind of security or protocol id.
    pub mismatches: u64,
    /// Connects with a wrong or expired cookie.
    pub bad_cookies: u64,
    /// Connects for which a Diffie-Hellman was computed, including those that failed to decrypt.
    /// Only under Noise.
    pub handshakes: u64,
    /// Connects with a valid cookie, and replies to this host's attempts, that the handshake rate
    /// limit dropped: see [`handshakes_per_second`](crate::Security). Only under Noise.
    pub handshakes_over_rate: u64,
    /// Connects, accepts and denies that were damaged or forged. Only under Noise.
    pub failed_authentication: u64,
    /// Cookies with an invalid key, or not the pinned one. Only under Noise.
    pub wrong_keys: u64,
    /// Connects that had already been accepted: retransmissions after a lost accept, or replays.
    pub repeated_connects: u64,
    /// Connects that were accepted, without retransmissions.
    pub accepted: u64,
    /// Connects that were denied: by the application, or because the host was full or closed.
    pub denied: u64,
    /// Accepted clients that never confirmed the accept.
    pub pending_expired: u64,
    /// Peers that timed out.
    pub timed_out: u64,
    /// Datagrams that could not be parsed.
    pub malformed: u64,
    /// Cookies, accepts, denies and mismatches without a matching attempt of this host: late,
    /// duplicate or forged.
    pub unexpected_answers: u64,
    /// Packets with an unknown connection id: late, forged, or of an ended connection.
    pub unknown_connection: u64,
    /// Hellos and connects that a limit per turn dropped.
    pub over_limit: u64,
}
