//! One connection. Knows neither its host nor other peers.
//!
//! - input: `verify` and `take` (`recv`), `on_timeout` (`timeouts`), `send` and `disconnect`
//! - output: `transmit` (`send`), `deadline` (`timeouts`), `next_outcome`
//! - internal: `migration` to another address, `packet_outcome` of acknowledged and lost packets

pub(crate) mod accept_confirmation;
pub(crate) mod close;
mod migration;
mod packet_outcome;
pub(crate) mod packet_protection;
pub(crate) mod path_validation;
mod recv;
mod send;
mod timeouts;

use std::net::SocketAddr;

use self::accept_confirmation::AcceptConfirmation;
use self::close::{Closing, Linger};
use self::packet_protection::PacketProtection;
use self::path_validation::PathValidation;
use crate::config::Config;
use crate::error::SendError;
use crate::limits::PACKETS_PER_CONNECTION_MAX;
use crate::proto::buffers::Buffers;
use crate::proto::channel::receipts::DeliveryOutcome;
use crate::proto::channel::recv::RecvChannels;
use crate::proto::channel::send::SendChannels;
use crate::proto::channel::stale_notices::StaleNotices;
use crate::proto::close_reason::CloseReason;
use crate::proto::congestion::CongestionControl;
use crate::proto::connection_id::ConnectionId;
use crate::proto::delivery::{Delivery, Receipt};
use crate::proto::recovery::ack_tracker::AckTracker;
use crate::proto::recovery::loss_rate::LossRate;
use crate::proto::recovery::rtt::RttEstimator;
use crate::proto::recovery::sent_packets::SentPackets;
use crate::proto::stats::PeerStats;
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::frame::{Frames, Token};
use crate::proto::wire::handshake::{ConnectFingerprint, Nonce, Settings};

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) protection: PacketProtection,
    pub(crate) nonce: Nonce,
    pub(crate) name: ConnectFingerprint,
    /// Sequence number among the connections of this host; the larger number is newer.
    pub(crate) accepted_as: u64,
    /// Connection id under which this side receives.
    pub(crate) local_cid: ConnectionId,
    /// Connection id under which the peer receives.
    pub(crate) remote_cid: ConnectionId,
    pub(crate) address: SocketAddr,
    /// Remote address at connect time.
    pub(crate) connected_from: SocketAddr,
    idle_timeout: Duration,
    keep_alive: Duration,
    remote_ack_delay: Duration,

    sent: SentPackets,
    acks: AckTracker,
    round_trip: RttEstimator,
    loss: LossRate,
    rate: CongestionControl,
    keep_alive_at: Instant,
    last_received: Instant,

    outbound: SendChannels,
    inbound: RecvChannels,
    stale_notices: StaleNotices,
    wants_ping: bool,
    /// The next packet is a probe, which ignores the congestion window.
    is_probing: bool,
    /// Pacing holds back unreliable messages.
    is_limited: bool,
    /// On a client, until it has received a packet of the server.
    confirmation: Option<AcceptConfirmation>,
    /// Path challenge of the peer to answer.
    response: Option<Token>,
    /// Rare, so it is not stored inline.
    new_path: Option<Box<PathValidation>>,
    closing: Option<Closing>,
    /// Rare, so it is not stored inline.
    linger: Option<Box<Linger>>,
    stats: PeerStats,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionParams {
    pub(crate) nonce: Nonce,
    pub(crate) name: ConnectFingerprint,
    pub(crate) accepted_as: u64,
    pub(crate) local_cid: ConnectionId,
    pub(crate) remote_cid: ConnectionId,
    pub(crate) address: SocketAddr,
    pub(crate) ours: Settings,
    pub(crate) theirs: Settings,
}

#[derive(Debug)]
pub(crate) struct VerifiedPacket<'a> {
    number: u64,
    len: usize,
    frames: Frames<'a>,
    /// Address that the peer has validated with it.
    pub(crate) moved_to: Option<SocketAddr>,
}

impl Connection {
    pub(crate) fn new(
        config: &Config,
        params: ConnectionParams,
        protection: PacketProtection,
        now: Instant,
    ) -> Self {
        let their_idle_timeout = Duration::from_millis(params.theirs.idle_timeout_ms.into());
        let keep_alive = Duration::of(config.keep_alive).min(their_idle_timeout / 3);
        let (ours, theirs) = (params.ours, params.theirs);
        Self {
            protection,
            nonce: params.nonce,
            name: params.name,
            accepted_as: params.accepted_as,
            local_cid: params.local_cid,
            remote_cid: params.remote_cid,
            address: params.address,
            connected_from: params.address,
            idle_timeout: Duration::of(config.idle_timeout),
            keep_alive,
            remote_ack_delay: Duration::from_millis(theirs.ack_delay_ms.into()),
            sent: SentPackets::new(now),
            acks: AckTracker::new(Duration::of(config.ack_delay_max), now),
            round_trip: RttEstimator::new(),
            loss: LossRate::default(),
            rate: CongestionControl::new(config, now),
            keep_alive_at: now + keep_alive,
            last_received: now,
            outbound: SendChannels::new(config, theirs.message_max as usize, theirs.window.into()),
            inbound: RecvChannels::new(ours.message_max as usize, ours.window.into()),
            stale_notices: StaleNotices::default(),
            wants_ping: false,
            is_probing: false,
            is_limited: false,
            confirmation: None,
            response: None,
            new_path: None,
            closing: None,
            linger: None,
            stats: PeerStats::new(params.address),
        }
    }

    pub(crate) fn on_handshake_round_trip(&mut self, time: Duration) {
        self.round_trip.sample(time, Duration::ZERO);
    }

    /// Confirms the accept to the server, now and repeatedly until the server has sent a packet.
    pub(crate) fn confirm_accept(&mut self, now: Instant) {
        self.wants_ping = true;
        self.confirmation = Some(AcceptConfirmation::new(now));
    }

    pub(crate) fn send(
        &mut self,
        delivery: Delivery,
        message: &[u8],
        is_tracked: bool,
        buffers: &mut Buffers,
        now: Instant,
    ) -> Result<Option<Receipt>, SendError> {
        let receipt = self
            .outbound
            .push(delivery, message, is_tracked, buffers, now)?;
        self.stats.messages_sent += 1;
        Ok(receipt)
    }

    pub(crate) fn max_of(&self, delivery: Delivery) -> usize {
        self.outbound.max_of(delivery)
    }

    pub(crate) fn on_message_taken(&mut self, delivery: Delivery, len: usize) {
        self.inbound.on_taken(delivery, len);
    }

    pub(crate) fn is_window_due(&self) -> bool {
        self.inbound.is_window_due()
    }

    pub(crate) fn has_outcomes(&self) -> bool {
        self.outbound.has_outcomes()
    }

    pub(crate) fn next_outcome(&mut self) -> Option<DeliveryOutcome> {
        self.outbound.next_outcome()
    }

    pub(crate) fn on_receipt_taken(&mut self) {
        self.outbound.on_receipt_taken();
    }

    /// Queued messages are dropped.
    pub(crate) fn disconnect(&mut self, reason: CloseReason, now: Instant) {
        if self.closing.is_none() {
            self.closing = Some(Closing::announce(reason, now));
            self.cancel_pending_frames();
        }
    }

    /// Disconnects once every queued message was sent, and acknowledged if reliable, or after the
    /// idle timeout. Only the first call counts.
    pub(crate) fn disconnect_after_flush(&mut self, reason: CloseReason, now: Instant) {
        let until = now + self.idle_timeout;
        self.linger
            .get_or_insert_with(|| Box::new(Linger { reason, until }));
    }

    pub(crate) fn is_lingering(&self) -> bool {
        self.linger.is_some()
    }

    /// Cancels a disconnect after flush.
    pub(crate) fn take_linger(&mut self) -> Option<CloseReason> {
        Some(self.linger.take()?.reason)
    }

    /// The reason of a disconnect after flush that is due now.
    pub(crate) fn take_finished_linger(&mut self, now: Instant) -> Option<CloseReason> {
        let is_flushed = self.outbound.queued().0 == 0;
        let linger = self
            .linger
            .take_if(|linger| is_flushed || now >= linger.until)?;
        Some(linger.reason)
    }

    pub(crate) fn remote_close_reason(&self) -> Option<&CloseReason> {
        match &self.closing {
            Some(Closing::LastAck { reason }) => Some(reason),
            _ => None,
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether an ack-eliciting packet is in flight.
    pub(crate) fn is_waiting(&self) -> bool {
        self.sent.open_bytes() > 0
    }

    pub(crate) fn is_over(&self) -> bool {
        self.closing == Some(Closing::Over)
    }

    pub(crate) fn has_exhausted_packet_numbers(&self) -> bool {
        self.sent.next_number() >= PACKETS_PER_CONNECTION_MAX
    }

    #[cfg(test)]
    pub(crate) fn skip_to_packet_number(&mut self, number: u64) {
        self.sent.skip_to_number(number);
    }

    #[cfg(test)]
    pub(crate) fn skip_to_received_number(&mut self, number: u64, now: Instant) {
        self.acks.insert(number, false, now);
    }

    fn release_memory(&mut self) {
        self.sent.shed();
        self.outbound.shed();
        self.inbound.shed();
    }

    /// A closing connection sends only its disconnect and acknowledgements.
    fn cancel_pending_frames(&mut self) {
        self.wants_ping = false;
        self.response = None;
        self.new_path = None;
    }

    pub(crate) fn stats(&self, now: Instant) -> PeerStats {
        let (queued_messages, queued_bytes) = self.outbound.queued();
        let counts = self.outbound.counts();
        PeerStats {
            address: self.address,
            round_trip: self.round_trip.smoothed().map(Duration::to_std),
            jitter: self.round_trip.deviation().map(Duration::to_std),
            packets_lost: self.sent.lost(),
            loss_ppm: self.loss.ppm(),
            packets_missing: self
                .acks
                .expected()
                .saturating_sub(self.stats.packets_received + self.stats.packets_refused),
            queued_messages,
            queued_bytes,
            unread_bytes: self.inbound.held(),
            abandoned_messages: self.inbound.abandoned(),
            in_flight_bytes: self.sent.open_bytes(),
            messages_retransmitted: counts.retransmitted,
            copies_sent: counts.copies_sent,
            copies_useful: counts.copies_useful,
            messages_expired: self.outbound.dropped(),
            pacing_rate: self.rate.pacing_rate() * 8,
            delivery_rate: self.rate.delivery_rate().unwrap_or(0) * 8,
            queue_delay: self.rate.queue_delay().unwrap_or_default().to_std(),
            silent_for: (now - self.last_received).to_std(),
            limited_by: self.limited_by(now),
            ..self.stats
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DATAGRAM_MAX, IN_FLIGHT_MAX, RELIABLE_OPEN_MAX, STALE_NOTICES_MAX};
    use crate::proto::channel::recv::{EventSink, QueueQuota};
    use crate::proto::peer_id::PeerId;
    use crate::proto::pool::Pool;
    use crate::proto::rng::SeededRng;
    use crate::proto::stats::SendLimitedBy;
    use crate::proto::wire::Writer;
    use crate::proto::wire::packet_number;
    use crate::proto::wire::packet_number::NUMBER_MAX;
    use crate::proto::wire::{frame, packet};
    use std::collections::VecDeque;

    fn connection(now: Instant) -> Connection {
        let address = ([192, 0, 2, 1], 5000).into();
        let settings = Settings {
            idle_timeout_ms: 20_000,
            ack_delay_ms: 16,
            message_max: 65_536,
            window: 262_144,
        };
        let params = ConnectionParams {
            nonce: [1; 16],
            name: [1; 16],
            accepted_as: 1,
            local_cid: ConnectionId(7),
            remote_cid: ConnectionId(8),
            address,
            ours: settings,
            theirs: settings,
        };
        let protection = PacketProtection::Plain { protocol_id: 1 };
        Connection::new(&Config::plain(1), params, protection, now)
    }

    fn is_taken(connection: &mut Connection, number: u64, now: Instant) -> bool {
        let mut buffer = [0; DATAGRAM_MAX];
        frame::write_ping(&mut Writer::new(packet::payload_room(&mut buffer)));
        let len = packet::seal(1, connection.local_cid, number, 1, &mut buffer);
        let (from, mut random) = (connection.address, SeededRng::from_seed([1; 32]));
        let truncated = packet_number::truncate(number);
        let (bytes, mut scratch) = (&buffer[..len], Vec::new());
        let verified = connection.verify(from, bytes, &mut scratch, truncated, &mut random, now);
        let Some(verified) = verified else {
            return false;
        };
        let mut event_sink = EventSink {
            peer: PeerId {
                index: 0,
                generation: 0,
            },
            received_at: std::time::Instant::now(),
            events: &mut VecDeque::new(),
            pool: &mut Pool::default(),
            buffers: &mut Buffers::default(),
            quota: &mut QueueQuota::default(),
        };
        connection.take(&verified, now, &mut event_sink);
        true
    }

    #[test]
    fn ends_at_the_last_packet_number() {
        let now = Instant::START;
        let mut connection = connection(now);
        connection.acks.insert(NUMBER_MAX - 1, false, now);
        assert!(is_taken(&mut connection, NUMBER_MAX, now));
        for number in [NUMBER_MAX + 1, NUMBER_MAX + 2, NUMBER_MAX + (1 << 31)] {
            assert!(!is_taken(&mut connection, number, now), "{number}");
        }
        let mut buffer = [0; DATAGRAM_MAX];
        assert!(
            connection
                .transmit(&mut buffer, &mut Buffers::default(), now)
                .is_some(),
            "acknowledgements are still sent"
        );
        assert_eq!(connection.stats.malformed, 3);
    }

    /// The deadline afterwards must be in the future: otherwise the caller would spin.
    fn send_all(connection: &mut Connection, now: Instant) -> usize {
        let mut buffer = [0; DATAGRAM_MAX];
        let mut packets = 0;
        assert!(!connection.on_timeout(now));
        while connection
            .transmit(&mut buffer, &mut Buffers::default(), now)
            .is_some()
        {
            packets += 1;
        }
        let deadline = connection.deadline().unwrap();
        assert!(deadline > now, "{:?} late", now - deadline);
        packets
    }

    #[test]
    fn reports_what_limits_sending() {
        let (mut now, mut buffers) = (Instant::START, Buffers::default());
        let mut connection = connection(now);
        let limit = |connection: &Connection, now| connection.stats(now).limited_by;
        assert_eq!(limit(&connection, now), SendLimitedBy::Application);
        let message = [7; 60_000];
        for _ in 0..4 {
            let sent = connection.send(Delivery::Reliable, &message, false, &mut buffers, now);
            sent.unwrap();
        }
        assert_eq!(
            limit(&connection, now),
            SendLimitedBy::Application,
            "a queued message may be sent"
        );
        send_all(&mut connection, now);
        assert_eq!(limit(&connection, now), SendLimitedBy::Pacing);
        // Nothing is acknowledged, so the congestion window fills up and pacing no longer limits.
        for _ in 0..40 {
            now += Duration::from_millis(5);
            send_all(&mut connection, now);
        }
        now += Duration::from_millis(50);
        assert_eq!(limit(&connection, now), SendLimitedBy::CongestionWindow);
    }

    #[test]
    fn ack_only_packets_do_not_delay_messages() {
        let (now, mut buffers) = (Instant::START, Buffers::default());
        let mut connection = connection(now);
        for number in 0..1000 {
            connection.acks.insert(number, true, now);
            connection.acks.ack_now(now);
            assert_eq!(send_all(&mut connection, now), 1);
        }
        let sent = connection.send(Delivery::Unreliable, &[7; 40], false, &mut buffers, now);
        sent.unwrap();
        assert_eq!(send_all(&mut connection, now), 1);
        assert_eq!(connection.stats(now).limited_by, SendLimitedBy::Application);
        assert!(
            !connection.outbound.has_unreliable(),
            "the message was sent"
        );
    }

    #[test]
    fn blocked_copies_set_no_deadline() {
        let (mut now, mut buffers) = (Instant::START, Buffers::default());
        let mut connection = connection(now);
        let mut send = |connection: &mut Connection, delivery, now| {
            let sent = connection.send(delivery, &[7; 40], false, &mut buffers, now);
            sent.unwrap();
        };
        send(&mut connection, Delivery::Ordered(1), now);
        // The path is interrupted, and the maximum number of packets is in flight.
        for _ in 0..2 * IN_FLIGHT_MAX {
            send(&mut connection, Delivery::Unreliable, now);
            send_all(&mut connection, now);
        }
        for _ in 0..100 {
            now += Duration::from_millis(5);
            send_all(&mut connection, now);
        }
    }

    #[test]
    fn copies_over_the_record_limit_set_no_deadline() {
        let (mut now, mut buffers) = (Instant::START, Buffers::default());
        let mut connection = connection(now);
        (0..1000).for_each(|_| connection.loss.on_packet(true));
        for _ in 0..RELIABLE_OPEN_MAX {
            let delivery = Delivery::Ordered(1);
            let sent = connection.send(delivery, &[], false, &mut buffers, now);
            sent.unwrap();
        }
        for _ in 0..400 {
            now += Duration::from_millis(8);
            send_all(&mut connection, now);
        }
    }

    #[test]
    fn requests_acknowledgement_of_stale_notices_from_an_idle_peer() {
        let now = Instant::START;
        let mut connection = connection(now);
        let mut asked = 0;
        for sequence in 0..4 * STALE_NOTICES_MAX as u64 {
            // No ack-eliciting packet is received, and with it no acknowledgement of the notices.
            if !connection.stale_notices.push(1, sequence) {
                break;
            }
            connection.acks.insert(sequence, true, now);
            connection.acks.ack_now(now);
            let before = connection.sent.next_number();
            send_all(&mut connection, now);
            asked += usize::from(connection.sent.open_bytes() > 0);
            assert_eq!(connection.sent.next_number(), before + 1);
        }
        assert!(
            asked > 0,
            "an acknowledgement is requested before the limit"
        );
    }
}
