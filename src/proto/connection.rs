//! One connection: what came from the peer, what goes to it, and when.
//!
//! It knows neither its host nor other peers. Its owner hands it the packets with its id, asks it for
//! packets while it [has something to send](Connection::wants_to_send), and lets it look at the time
//! when its [deadline](Connection::deadline) has come.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::closing::Closing;
use super::connection_id::ConnectionId;
use super::introduction::Introduction;
use super::outgoing::Outgoing;
use super::path::NewPath;
use super::protection::Protection;
use super::random::Random;
use super::received::Received;
use super::round_trip::RoundTrip;
use super::sent::{Content, Sent};
use super::sequence::{self, NUMBER_MAX};
use super::stats::PeerStats;
use super::wire::Writer;
use super::wire::frame::{self, Frame, Frames, Token};
use super::wire::handshake::{ConnectName, Nonce, Settings};
use super::wire::packet::{self, HEADER_LEN};
use crate::config::Config;
use crate::limits::{DATAGRAM_MAX, PACKETS_PER_CONNECTION_MAX, UNRELIABLE_MAX};
use crate::send_error::SendError;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) protection: Protection,
    /// What the client called the attempt that became this.
    pub(crate) nonce: Nonce,
    /// What the connect is known by that made this.
    pub(crate) name: ConnectName,
    /// Under which this side receives.
    pub(crate) our_id: ConnectionId,
    /// Under which the peer receives.
    pub(crate) their_id: ConnectionId,
    pub(crate) address: SocketAddr,
    /// Where it was when it connected.
    pub(crate) connected_from: SocketAddr,
    idle_timeout: Duration,
    keep_alive: Duration,
    /// How long the peer may hold back an acknowledgement.
    their_ack_delay: Duration,

    sent: Sent,
    received: Received,
    round_trip: RoundTrip,
    /// When the peer is asked for a sign of life, if nothing goes there before.
    keep_alive_at: Instant,
    last_received: Instant,

    outgoing: Outgoing,
    wants_ping: bool,
    /// Of a client, until it has heard from the server.
    introduction: Option<Introduction>,
    /// What the peer wants to have back from here.
    response: Option<Token>,
    new_path: Option<NewPath>,
    closing: Option<Closing>,
    stats: PeerStats,
}

/// Who a connection is between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) nonce: Nonce,
    pub(crate) name: ConnectName,
    pub(crate) our_id: ConnectionId,
    pub(crate) their_id: ConnectionId,
    pub(crate) address: SocketAddr,
    /// What the peer told of itself.
    pub(crate) theirs: Settings,
}

/// A packet that passed every check.
#[derive(Debug)]
pub(crate) struct Verified<'a> {
    number: u64,
    len: usize,
    frames: Frames<'a>,
    /// The peer has proven a new address with it.
    pub(crate) moved_to: Option<SocketAddr>,
}

/// What a challenge takes in a packet, with header and checksum.
const CHALLENGE_LEN: usize = HEADER_LEN + 9 + packet::TAG_ROOM;

impl Connection {
    pub(crate) fn new(config: &Config, ends: Ends, protection: Protection, now: Instant) -> Self {
        let their_idle_timeout = Duration::from_millis(ends.theirs.idle_timeout_ms.into());
        let keep_alive = config.keep_alive.min(their_idle_timeout / 3);
        Self {
            protection,
            nonce: ends.nonce,
            name: ends.name,
            our_id: ends.our_id,
            their_id: ends.their_id,
            address: ends.address,
            connected_from: ends.address,
            idle_timeout: config.idle_timeout,
            keep_alive,
            their_ack_delay: Duration::from_millis(ends.theirs.ack_delay_ms.into()),
            sent: Sent::new(now),
            received: Received::new(config.ack_delay_max, now),
            round_trip: RoundTrip::new(),
            keep_alive_at: now + keep_alive,
            last_received: now,
            outgoing: Outgoing::default(),
            wants_ping: false,
            introduction: None,
            response: None,
            new_path: None,
            closing: None,
            stats: PeerStats::new(ends.address),
        }
    }

    /// How long the handshake took there and back, if it is known.
    pub(crate) fn on_handshake_round_trip(&mut self, time: Duration) {
        self.round_trip.sample(time, Duration::ZERO);
    }

    /// The server is to hear from this client, now and until it says so.
    pub(crate) fn introduce(&mut self, now: Instant) {
        self.wants_ping = true;
        self.introduction = Some(Introduction::new(now));
    }

    /// Queues a message.
    pub(crate) fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let (len, max) = (message.len(), UNRELIABLE_MAX);
        if len > max {
            return Err(SendError::TooLong { len, max });
        }
        if !self.outgoing.has_room(len) {
            return Err(SendError::QueueFull);
        }
        self.outgoing.push(message);
        self.stats.messages_sent += 1;
        Ok(())
    }

    /// This side ends it, and tells the peer. What is queued is forgotten.
    pub(crate) fn disconnect(&mut self, code: u32, now: Instant) {
        if self.closing.is_none() {
            self.closing = Some(Closing::announce(code, now));
            self.forget_plans();
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether it is closed, and the peer was told.
    pub(crate) fn is_over(&self) -> bool {
        self.closing == Some(Closing::Over)
    }

    /// Whether no packet may follow, because there are only so many numbers.
    pub(crate) fn is_used_up(&self) -> bool {
        // Every packet has a number of its own, beginning with 0.
        self.stats.packets_sent >= PACKETS_PER_CONNECTION_MAX
    }

    /// As if it had sent so many.
    #[cfg(test)]
    pub(crate) fn pretend_sent(&mut self, packets: u64) {
        self.stats.packets_sent = packets;
    }

    fn forget_plans(&mut self) {
        self.outgoing = Outgoing::default();
        self.wants_ping = false;
        self.response = None;
        self.new_path = None;
    }

    /// What is known of the peer.
    pub(crate) fn stats(&self) -> PeerStats {
        PeerStats {
            address: self.address,
            round_trip: self.round_trip.smoothed(),
            jitter: self.round_trip.deviation(),
            packets_lost: self.sent.lost(),
            ..self.stats
        }
    }
}

/// Receiving.
impl Connection {
    /// Looks at a packet with this connection's id. The order of the checks is that of `WIRE.md`, and
    /// one that fails changes nothing but a count.
    pub(crate) fn verify<'a>(
        &mut self,
        from: SocketAddr,
        bytes: &'a mut [u8],
        truncated_number: u32,
        random: &mut Random,
        now: Instant,
    ) -> Option<Verified<'a>> {
        let number = sequence::expand(truncated_number, self.received.expected());
        if number > NUMBER_MAX {
            self.stats.malformed += 1;
            return None;
        }
        let len = bytes.len();
        let Ok(payload) = self.protection.open(number, bytes) else {
            self.stats.failed_authentication += 1;
            return None;
        };
        if !self.received.is_new(number) {
            self.stats.duplicates += 1;
            return None;
        }
        let Ok(frames) = Frames::check(payload) else {
            self.stats.malformed += 1;
            return None;
        };
        let is_elsewhere = from != self.address;
        if is_elsewhere && !self.proves_address(from, frames) {
            self.on_packet_from_elsewhere(from, number, len, random, now);
            return None;
        }
        Some(Verified {
            number,
            len,
            frames,
            moved_to: is_elsewhere.then_some(from),
        })
    }

    /// Takes in a packet; each message in it goes to `on_message`, which says whether there was room.
    /// Returns the number with which the peer ended the connection, if it did.
    pub(crate) fn take(
        &mut self,
        packet: &Verified<'_>,
        now: Instant,
        on_message: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Option<u32> {
        if let Some(address) = packet.moved_to {
            self.move_to(address);
        }
        self.stats.packets_received += 1;
        self.stats.bytes_received += packet.len as u64;
        self.last_received = now;
        self.introduction = None;
        let mut frames = packet.frames;
        let wants_ack = frames.any(|frame| frame.wants_ack());
        self.received.insert(packet.number, wants_ack, now);
        self.on_frames(packet.frames, now, on_message)
    }

    fn on_frames(
        &mut self,
        frames: Frames<'_>,
        now: Instant,
        on_message: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Option<u32> {
        let mut disconnected = None;
        for frame in frames {
            match frame {
                Frame::Ack(ack) => self.on_ack(&ack, now),
                Frame::Disconnect(code) => {
                    disconnected = disconnected.or(self.on_disconnect(code));
                }
                _ if self.closing.is_some() => {}
                Frame::Unreliable(message) => self.on_message(message, on_message),
                Frame::Challenge(token) => self.response = Some(token),
                // Whoever asks for a sign of life has waited long enough.
                Frame::Ping => self.received.ack_now(now),
                // One that was waited for has been looked at before.
                Frame::Response(_) => {}
            }
        }
        disconnected
    }

    fn on_ack(&mut self, ack: &frame::AckFrame<'_>, now: Instant) {
        let news = self
            .sent
            .on_ack(ack, &mut self.round_trip, self.their_ack_delay, now);
        let Ok(news) = news else {
            self.stats.malformed += 1;
            return;
        };
        if let Some(number) = news.acknowledged {
            self.received.forget_below(number);
        }
        if news.disconnect_arrived {
            self.closing = Some(Closing::Over);
        }
    }

    /// Returns the code if that is news: who has said goodbye himself needs nobody to tell him.
    fn on_disconnect(&mut self, code: u32) -> Option<u32> {
        match self.closing {
            None => {
                self.closing = Some(Closing::LastAck);
                self.forget_plans();
                return Some(code);
            }
            // Said twice, and acknowledged once.
            Some(Closing::LastAck) => {}
            Some(_) => self.closing = Some(Closing::Over),
        }
        None
    }

    fn on_message(&mut self, message: &[u8], on_message: &mut dyn FnMut(&[u8]) -> bool) {
        if on_message(message) {
            self.stats.messages_received += 1;
        } else {
            self.stats.messages_dropped += 1;
        }
    }
}

/// Moving to another address.
impl Connection {
    /// Whether a packet from `from` brings back what was sent there to be brought back.
    fn proves_address(&self, from: SocketAddr, mut frames: Frames<'_>) -> bool {
        self.new_path.as_ref().is_some_and(|path| {
            path.address == from && frames.any(|frame| frame == Frame::Response(path.token))
        })
    }

    /// Nothing in such a packet counts, but that somebody is there who may be the peer.
    fn on_packet_from_elsewhere(
        &mut self,
        from: SocketAddr,
        number: u64,
        len: usize,
        random: &mut Random,
        now: Instant,
    ) {
        self.stats.from_elsewhere += 1;
        // One that was overtaken tells where the peer was, not where it is (RFC 9000 section 9.3).
        let is_late = number < self.received.expected();
        if is_late || self.closing.is_some() {
            return;
        }
        let is_known = |path: &NewPath| path.address == from || !path.is_older_than(number);
        if !self.new_path.as_ref().is_some_and(is_known) {
            self.new_path = Some(NewPath::new(from, random.bytes(), number, now));
        }
        if let Some(path) = self.new_path.as_mut().filter(|path| path.address == from) {
            path.on_received(number, len);
        }
    }

    fn move_to(&mut self, address: SocketAddr) {
        self.address = address;
        self.new_path = None;
        // Another way has another length.
        self.round_trip = RoundTrip::new();
    }
}

/// Time.
impl Connection {
    /// When it has something to do of itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if let Some(closing) = &self.closing {
            return closing.next_at();
        }
        let own = (self.last_received + self.idle_timeout).min(self.keep_alive_at);
        let others = [
            self.introduction.as_ref().and_then(Introduction::next_at),
            self.received.ack_at(),
            self.sent.probe_at(&self.round_trip, self.their_ack_delay),
            self.new_path.as_ref().map(NewPath::next_at),
        ];
        Some(others.into_iter().flatten().fold(own, Instant::min))
    }

    /// Looks at the time. Returns whether the peer was silent for too long.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> bool {
        if self.closing.is_some() {
            return false;
        }
        if now >= self.last_received + self.idle_timeout {
            return true;
        }
        if now >= self.keep_alive_at {
            self.wants_ping = true;
        }
        let probe_at = self.sent.probe_at(&self.round_trip, self.their_ack_delay);
        if probe_at.is_some_and(|at| now >= at) {
            self.sent.on_probe();
            self.wants_ping = true;
        }
        let introduction = self.introduction.as_mut();
        self.wants_ping |= introduction.is_some_and(|introduction| introduction.is_due(now));
        self.look_at_new_path(now);
        false
    }

    fn look_at_new_path(&mut self, now: Instant) {
        let Some(path) = &mut self.new_path else {
            return;
        };
        if path.is_given_up(now) {
            self.new_path = None;
        } else if now >= path.next_at() && !path.wants_challenge(CHALLENGE_LEN, now) {
            path.put_off(now);
        }
    }
}

/// Sending.
impl Connection {
    /// Whether [`transmit`](Self::transmit) has a packet.
    pub(crate) fn wants_to_send(&self, now: Instant) -> bool {
        match &self.closing {
            Some(closing) => closing.is_due(now),
            None => self.has_news(now) || self.wants_challenge(now),
        }
    }

    fn has_news(&self, now: Instant) -> bool {
        self.wants_ping
            || self.response.is_some()
            || !self.outgoing.is_empty()
            || self.received.ack_at().is_some_and(|at| at <= now)
    }

    fn wants_challenge(&self, now: Instant) -> bool {
        let path = self.new_path.as_ref();
        path.is_some_and(|path| path.wants_challenge(CHALLENGE_LEN, now))
    }

    /// Writes the next packet: where to, and how long it is.
    pub(crate) fn transmit(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> Option<(SocketAddr, usize)> {
        if let Some(closing) = self.closing {
            return self.transmit_closing(closing, buffer, now);
        }
        if self.wants_challenge(now) {
            return self.transmit_challenge(buffer, now);
        }
        if !self.has_news(now) {
            return None;
        }
        let mut writer = Writer::new(packet::payload_room(buffer));
        let mut content = Content::default();
        self.write_ack(&mut writer, &mut content, now);
        let ack_len = writer.len();
        if let Some(token) = self.response.take() {
            frame::write_response(&mut writer, token);
        }
        self.write_messages(&mut writer);
        // A message wants an acknowledgement as well, and asks for it more cheaply.
        let is_alone = writer.len() == ack_len;
        if is_alone && (std::mem::take(&mut self.wants_ping) || self.received.wants_to_forget()) {
            frame::write_ping(&mut writer);
        }
        self.wants_ping = false;
        let (len, wants_ack) = (writer.len(), writer.len() > ack_len);
        Some(self.finish(len, wants_ack.then_some(content), self.address, buffer, now))
    }

    fn transmit_closing(
        &mut self,
        closing: Closing,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> Option<(SocketAddr, usize)> {
        if !closing.is_due(now) {
            return None;
        }
        let mut writer = Writer::new(packet::payload_room(buffer));
        let mut content = Content::default();
        self.write_ack(&mut writer, &mut content, now);
        if let Closing::Announce { code, .. } = closing {
            frame::write_disconnect(&mut writer, code);
            content.is_disconnect = true;
        }
        self.closing = Some(closing.after_packet(now));
        let len = writer.len();
        if len == 0 {
            return None; // an acknowledgement without anything to acknowledge
        }
        let content = content.is_disconnect.then_some(content);
        Some(self.finish(len, content, self.address, buffer, now))
    }

    /// A packet of its own, for somebody who may not be the peer: nothing else is in it.
    fn transmit_challenge(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> Option<(SocketAddr, usize)> {
        let path = self.new_path.as_mut()?;
        let mut writer = Writer::new(packet::payload_room(buffer));
        frame::write_challenge(&mut writer, path.token);
        let (len, address) = (writer.len(), path.address);
        path.on_challenge(CHALLENGE_LEN, now);
        Some(self.finish(len, None, address, buffer, now))
    }

    /// Whatever is to be acknowledged goes with every packet.
    fn write_ack(&mut self, writer: &mut Writer<'_>, content: &mut Content, now: Instant) {
        if self.received.ack_at().is_none() {
            return;
        }
        let delay_us = self.received.delay_us(now);
        content.acknowledged = self.received.ranges().next().map(|range| *range.end());
        frame::write_ack(writer, delay_us, self.received.ranges());
        self.received.on_ack_sent();
    }

    fn write_messages(&mut self, writer: &mut Writer<'_>) {
        while let Some(len) = self.outgoing.next_len() {
            if frame::unreliable_len(len) > writer.room() {
                return;
            }
            self.outgoing.pop_into(frame::unreliable_room(writer, len));
        }
    }

    /// Who has only answered waits a quarter longer, so that of two idle sides the same one always asks.
    /// Else both would: when the next question arrives, the last answer is just as old as a question may
    /// be.
    fn put_off_keep_alive(&mut self, has_asked: bool, now: Instant) {
        let longer = if has_asked {
            Duration::ZERO
        } else {
            self.keep_alive / 4
        };
        self.keep_alive_at = now + self.keep_alive + longer;
    }

    /// Gives a packet its number and seals it. One with `content` wants an acknowledgement.
    fn finish(
        &mut self,
        payload_len: usize,
        content: Option<Content>,
        to: SocketAddr,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> (SocketAddr, usize) {
        let number = self.sent.take_number();
        let len = self
            .protection
            .seal(self.their_id, number, payload_len, buffer);
        if to == self.address {
            self.put_off_keep_alive(content.is_some(), now);
        }
        if let Some(content) = content {
            self.sent.on_sent(number, content, now);
        }
        self.stats.packets_sent += 1;
        self.stats.bytes_sent += len as u64;
        (to, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(now: Instant) -> Connection {
        let address = ([192, 0, 2, 1], 5000).into();
        let ends = Ends {
            nonce: [1; 16],
            name: [1; 16],
            our_id: ConnectionId(7),
            their_id: ConnectionId(8),
            address,
            theirs: Settings {
                idle_timeout_ms: 20_000,
                ack_delay_ms: 16,
            },
        };
        let protection = Protection::Plain { protocol_id: 1 };
        Connection::new(&Config::plain(1), ends, protection, now)
    }

    /// Whether a packet with this number is taken.
    fn is_taken(connection: &mut Connection, number: u64, now: Instant) -> bool {
        let mut buffer = [0; DATAGRAM_MAX];
        frame::write_ping(&mut Writer::new(packet::payload_room(&mut buffer)));
        let len = packet::seal(1, connection.our_id, number, 1, &mut buffer);
        let (from, mut random) = (connection.address, Random::from_seed([1; 32]));
        let truncated = sequence::truncate(number);
        let verified = connection.verify(from, &mut buffer[..len], truncated, &mut random, now);
        let Some(verified) = verified else {
            return false;
        };
        connection.take(&verified, now, &mut |_| true);
        true
    }

    #[test]
    fn there_is_no_number_after_the_last_one() {
        let now = Instant::now();
        let mut connection = connection(now);
        connection.received.insert(NUMBER_MAX - 1, false, now);
        assert!(is_taken(&mut connection, NUMBER_MAX, now));
        for number in [NUMBER_MAX + 1, NUMBER_MAX + 2, NUMBER_MAX + (1 << 31)] {
            assert!(!is_taken(&mut connection, number, now), "{number}");
        }
        let mut buffer = [0; DATAGRAM_MAX];
        assert!(
            connection.transmit(&mut buffer, now).is_some(),
            "an acknowledgement"
        );
        assert_eq!(connection.stats.malformed, 3);
    }
}
