//! What happened so far: of a peer, and of a host with everybody.

use std::net::SocketAddr;
use std::time::Duration;

/// One peer, from its handshake on. Counts only grow; times are estimates of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStats {
    /// Where it is.
    pub address: SocketAddr,
    /// The smoothed time from a packet to its acknowledgement, without what the peer held it back
    /// (RFC 9002 section 5). `None` before the first sample.
    pub round_trip: Option<Duration>,
    /// The mean deviation of that, the jitter.
    pub jitter: Option<Duration>,
    /// Packets that went to it.
    pub packets_sent: u64,
    /// Their bytes, with headers, without those of UDP and IP.
    pub bytes_sent: u64,
    /// Packets that came from it, were authentic and no duplicates.
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Packets that went to it and were not acknowledged in time: lost on the network, or the peer was
    /// busy.
    pub packets_lost: u64,
    /// Packets that came twice, or so late that nobody could tell.
    pub duplicates: u64,
    /// Packets that named it, but were damaged or forged.
    pub failed_authentication: u64,
    /// Packets that were authentic and made no sense. Its software has a fault.
    pub malformed: u64,
    /// Packets from an address that is not the peer's, or not yet.
    pub unvalidated_address: u64,
    /// Packets from it that were not acknowledged because a message in it found no room, or broke a
    /// limit: see [`messages_refused`](Self::messages_refused).
    pub packets_refused: u64,
    /// Packets from it that have not come: lost on the network, dropped by this machine's kernel, or on a
    /// longer way than later ones.
    pub packets_missing: u64,
    /// The share of the packets to it that are lost, lately, in millionths: an average in which the last 90
    /// packets count for half.
    pub loss_ppm: u32,
    /// Messages that were queued for it.
    pub messages_sent: u64,
    /// Messages from it that went into the event queue.
    pub messages_received: u64,
    /// Messages from it, or fragments of them, that were not taken: its share of the event queue was full
    /// because the application does not take them fast enough, or the peer broke a limit. Their packets
    /// were not acknowledged.
    pub messages_refused: u64,
    /// Reliable messages, or fragments of them, that came again: copies, and what was sent again in vain.
    pub duplicate_messages: u64,
    /// Sequenced messages from it that were dropped because a newer one of their channel had come.
    pub stale_messages: u64,
    /// Unreliable and sequenced messages to it that were dropped because the rate did not let them go in
    /// time ([`UNRELIABLE_WAIT_MAX`](crate::limits::UNRELIABLE_WAIT_MAX)).
    pub messages_expired: u64,
    /// Reliable messages, or fragments of them, that were sent again because their packet counted as lost, or
    /// nobody answered.
    pub messages_retransmitted: u64,
    /// Copies of small reliable messages that were sent before anybody asked for them.
    pub copies_sent: u64,
    /// How often a copy saved a round trip: the first packet with a message was lost, and by the time that
    /// was known the message had arrived.
    pub copies_useful: u64,
    /// Messages to it that wait or are not acknowledged, now.
    pub queued_messages: usize,
    /// Their bytes.
    pub queued_bytes: usize,
    /// Reliable messages from it that the application has not taken or that are not whole, now, in bytes,
    /// each with [`MESSAGE_OVERHEAD`](crate::limits::MESSAGE_OVERHEAD) more.
    pub unread_bytes: u64,
    /// Bytes of packets to it that are neither acknowledged nor lost, now.
    pub in_flight_bytes: usize,
    /// How fast it may be sent to, now, in bits per second.
    pub pacing_rate: u64,
    /// How fast the network was seen to deliver, in bits per second: the most of the last two round trips. Less
    /// than there is where the application does not send more, and while a queue drains.
    pub delivery_rate: u64,
    /// By how much the shortest of the last three round trips was longer than the shortest of the last ten to
    /// twenty seconds: packets wait in a queue on their way. Zero as long as that is no more than noise, or
    /// than a delay that stayed when less was sent. It is as old as the last acknowledgement.
    pub queue_delay: Duration,
    /// What keeps messages to it from leaving, now.
    pub limited_by: SendLimitedBy,
}

/// What keeps messages to a peer from leaving. Where several of these do, it is the last of them in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SendLimitedBy {
    /// Nothing: the application has sent no more, or it leaves with the next turn.
    #[default]
    Application,
    /// The peer's application does not take reliable messages as fast as they come, and its
    /// [`receive_window`](crate::Config::receive_window) is full.
    FlowControl,
    /// As much is on its way as the path is thought to hold, or
    /// [`IN_FLIGHT_MAX`](crate::limits::IN_FLIGHT_MAX) packets are: reliable messages wait until some of it
    /// is acknowledged or lost.
    CongestionWindow,
    /// They wait for their time at the [`rate`](PeerStats::pacing_rate). Unreliable ones no longer than
    /// [`UNRELIABLE_WAIT_MAX`](crate::limits::UNRELIABLE_WAIT_MAX).
    Pacing,
    /// This machine's socket took no more when it was last tried: so it is for every peer, also where nothing
    /// waits. A [`HostState`](crate::proto::HostState) has no socket and never says so.
    Socket,
}

impl PeerStats {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            round_trip: None,
            jitter: None,
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

/// A host, since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HostStats {
    /// Peers that are connected now.
    pub peers: usize,
    /// Those who were accepted and have not yet shown that they know it, now.
    pub pending: usize,
    /// Those that this side is connecting to, now.
    pub connecting: usize,
    /// Hellos that were answered with a cookie.
    pub cookies_sent: u64,
    /// Hellos of another version, protection or protocol.
    pub mismatches: u64,
    /// Connects whose cookie was wrong or too old.
    pub bad_cookies: u64,
    /// Connects that were decrypted, or could not be: each cost a Diffie-Hellman. Under Noise alone.
    pub handshakes: u64,
    /// Connects with a good cookie, and answers to this host's own, that were left out because there had
    /// been enough of them: see [`handshakes_per_second`](crate::Security). Under Noise alone.
    pub handshakes_over_rate: u64,
    /// Connects, accepts and denies that were damaged or forged. Under Noise alone.
    pub failed_authentication: u64,
    /// Cookies that came with another key than the pinned one, or with one that is none. Under Noise
    /// alone.
    pub wrong_keys: u64,
    /// Connects that were accepted before: their clients wait for the accept, or somebody replays them.
    pub repeated_connects: u64,
    /// Connects that were accepted, repetitions not counted.
    pub accepted: u64,
    /// Connects that were refused: by the application, or because the host was full or closed.
    pub denied: u64,
    /// Accepted ones that never showed that they knew it.
    pub pending_expired: u64,
    /// Peers that timed out.
    pub timed_out: u64,
    /// Datagrams that no host of this version sends.
    pub malformed: u64,
    /// Cookies, accepts, denies and mismatches that no attempt of this host waits for: late ones,
    /// repetitions, guesses.
    pub unexpected_answers: u64,
    /// Packets for a connection that this host does not have: late ones, guesses, and those of somebody
    /// who believes it is still there.
    pub unknown_connection: u64,
    /// Hellos and connects that were left out because a turn had enough of them.
    pub over_limit: u64,
}
