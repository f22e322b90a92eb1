//! Sending packets.

use std::net::SocketAddr;

use crate::limits::DATAGRAM_MAX;
use crate::proto::buffers::Buffers;
use crate::proto::channel::send::WriteContext;
use crate::proto::connection::Connection;
use crate::proto::connection::close::Closing;
use crate::proto::recovery::loss_rate::LOSSY_PPM;
use crate::proto::recovery::sent_packets::PacketContents;
use crate::proto::stats::SendLimitedBy;
use crate::proto::time::Instant;
use crate::proto::wire::Writer;
use crate::proto::wire::frame;
use crate::proto::wire::frame::WINDOW_LEN_MAX;
use crate::proto::wire::packet;
use crate::proto::wire::packet::HEADER_LEN;

pub(super) const CHALLENGE_LEN: usize = HEADER_LEN + 9 + packet::TAG_ROOM;

impl Connection {
    /// Whether control frames, which are small and not paced, or messages that pacing allows are
    /// due.
    fn has_frames_due(&self, now: Instant) -> bool {
        self.wants_ping
            || self.response.is_some()
            || self.acks.ack_at().is_some_and(|at| at <= now)
            || self.inbound.is_window_due()
            || self.has_messages(now) && self.rate.has_room(now)
    }

    fn has_messages(&self, now: Instant) -> bool {
        self.outbound.has_unreliable() || self.may_send_reliable() && self.has_reliable(now)
    }

    fn has_reliable(&self, now: Instant) -> bool {
        let copies_at = self.outbound.copies_alone_at();
        self.outbound.has_reliable() || copies_at.is_some_and(|at| at <= now)
    }

    /// Whether reliable messages may be sent: the congestion window and the record of sent packets
    /// are not full, or this is a probe.
    pub(super) fn may_send_reliable(&self) -> bool {
        let is_full = self.rate.is_window_full(self.sent.open_bytes());
        self.sent.has_room() && !is_full || self.is_probing
    }

    pub(super) fn limited_by(&self, now: Instant) -> SendLimitedBy {
        let has_reliable = self.has_reliable(now);
        if self.outbound.has_unreliable() || has_reliable {
            if !self.rate.has_room(now) {
                return SendLimitedBy::Pacing;
            }
            if has_reliable && !self.may_send_reliable() {
                return SendLimitedBy::CongestionWindow;
            }
        }
        if self.outbound.is_blocked() {
            return SendLimitedBy::FlowControl;
        }
        SendLimitedBy::Application
    }

    fn wants_challenge(&self, now: Instant) -> bool {
        let path = self.new_path.as_deref();
        path.is_some_and(|path| path.wants_challenge(CHALLENGE_LEN, now))
    }

    pub(crate) fn wants_to_send(&self, now: Instant) -> bool {
        self.closing.is_some() || self.wants_challenge(now) || self.has_frames_due(now)
    }

    pub(crate) fn transmit(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        buffers: &mut Buffers,
        now: Instant,
    ) -> Option<(SocketAddr, usize)> {
        if let Some(closing) = self.closing.take() {
            return self.transmit_closing(closing, buffer, buffers, now);
        }
        if self.wants_challenge(now) {
            return self.transmit_challenge(buffer, now);
        }
        if !self.has_frames_due(now) {
            return None;
        }
        self.transmit_frames(buffer, buffers, now)
    }

    fn transmit_frames(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        buffers: &mut Buffers,
        now: Instant,
    ) -> Option<(SocketAddr, usize)> {
        self.make_room(buffers, now);
        let mut writer = Writer::new(packet::payload_room(buffer));
        let mut contents = PacketContents::default();
        self.write_ack(&mut writer, &mut contents, now);
        let ack_len = writer.len();
        if let Some(token) = self.response.take() {
            frame::write_response(&mut writer, token);
        }
        self.write_window(&mut writer, &mut contents);
        if self.rate.has_room(now) {
            self.write_messages(&mut writer, now);
        }
        // A message elicits an acknowledgement too, so a ping is needed only without one.
        let is_alone = writer.len() == ack_len;
        let wants_ping = std::mem::take(&mut self.wants_ping);
        let wants_to_forget = self.acks.wants_to_forget() || self.stale_notices.wants_to_forget();
        if is_alone && (wants_ping || wants_to_forget) {
            frame::write_ping(&mut writer);
        }
        let (len, wants_ack) = (writer.len(), writer.len() > ack_len);
        if len == 0 {
            self.note_backlog(now);
            return None; // the queued messages did not fit, expired, or were acknowledged meanwhile
        }
        Some(self.finish(
            len,
            wants_ack.then_some(contents),
            self.address,
            buffer,
            now,
        ))
    }

    fn make_room(&mut self, buffers: &mut Buffers, now: Instant) {
        let (sent, _, mut effects) = self.split_for_outcomes(buffers, now);
        sent.make_room(&mut effects);
    }

    fn transmit_closing(
        &mut self,
        closing: Closing,
        buffer: &mut [u8; DATAGRAM_MAX],
        buffers: &mut Buffers,
        now: Instant,
    ) -> Option<(SocketAddr, usize)> {
        if !closing.is_due(now) {
            self.closing = Some(closing);
            return None;
        }
        self.make_room(buffers, now);
        let mut writer = Writer::new(packet::payload_room(buffer));
        let mut contents = PacketContents::default();
        self.write_ack(&mut writer, &mut contents, now);
        if let Closing::Announce { reason, .. } = &closing {
            frame::write_disconnect(&mut writer, reason.code(), reason.text());
            contents.is_disconnect = true;
        }
        self.closing = Some(closing.after_packet(now));
        let len = writer.len();
        if len == 0 {
            return None; // an acknowledgement with nothing to acknowledge
        }
        let contents = contents.is_disconnect.then_some(contents);
        Some(self.finish(len, contents, self.address, buffer, now))
    }

    /// Writes only a challenge, because the destination may not be the peer.
    fn transmit_challenge(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> Option<(SocketAddr, usize)> {
        let path = self.new_path.as_deref_mut()?;
        let mut writer = Writer::new(packet::payload_room(buffer));
        frame::write_challenge(&mut writer, path.token);
        let (len, address) = (writer.len(), path.address);
        path.on_challenge(CHALLENGE_LEN, now);
        Some(self.finish(len, None, address, buffer, now))
    }

    /// Stale notices come first: the peer must process them before the acknowledgement of their
    /// packets.
    fn write_ack(&mut self, writer: &mut Writer<'_>, contents: &mut PacketContents, now: Instant) {
        if self.acks.ack_at().is_none() {
            return;
        }
        let delay_us = self.acks.delay_us(now);
        contents.acknowledged = self.acks.ranges().next().map(|range| *range.end());
        self.stale_notices.write(writer, self.sent.next_number());
        frame::write_ack(writer, delay_us, self.acks.ranges());
        self.acks.on_ack_sent();
    }

    fn write_window(&mut self, writer: &mut Writer<'_>, contents: &mut PacketContents) {
        if self.inbound.is_window_due() && writer.room() >= WINDOW_LEN_MAX {
            let window = self.inbound.advertise_window();
            frame::write_window(writer, window);
            contents.window = Some(window);
        }
    }

    fn write_messages(&mut self, writer: &mut Writer<'_>, now: Instant) {
        let context = WriteContext {
            number: self.sent.next_number(),
            now,
            is_lossy: self.loss.ppm() > LOSSY_PPM,
            may_send_reliable: self.may_send_reliable(),
        };
        if self.is_limited {
            self.outbound.drop_stale(now);
        }
        let before = writer.len();
        self.outbound.write(context, writer, self.sent.frames());
        if writer.len() > before {
            self.rate.start(now);
        }
    }

    fn note_backlog(&mut self, now: Instant) {
        let has_unreliable = self.outbound.has_unreliable();
        self.is_limited = has_unreliable && !self.rate.has_room(now);
        if !has_unreliable && !self.outbound.has_reliable() {
            self.rate.on_app_limited(self.sent.open_bytes(), now);
        } else if !self.rate.has_room(now) {
            self.rate.on_backlogged(now);
        }
    }

    /// A side that only answered waits a quarter longer, so of two idle sides always the same one
    /// sends keep-alives.
    fn put_off_keep_alive(&mut self, has_asked: bool, now: Instant) {
        let after = if has_asked {
            self.keep_alive
        } else {
            self.keep_alive * 5 / 4
        };
        self.keep_alive_at = now + after;
    }

    /// A packet with `contents` is ack-eliciting.
    fn finish(
        &mut self,
        payload_len: usize,
        contents: Option<PacketContents>,
        to: SocketAddr,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> (SocketAddr, usize) {
        let number = self.sent.take_number();
        let len = self
            .protection
            .seal(self.remote_cid, number, payload_len, buffer);
        if to == self.address {
            self.put_off_keep_alive(contents.is_some(), now);
        }
        // Acknowledgement-only packets do not count against the congestion control (RFC 9002
        // section 7). Otherwise a fast receiver would have no rate left for its own messages.
        if let Some(contents) = contents {
            let snapshot = self.rate.on_sent(len, self.sent.open_bytes(), now);
            self.sent.on_sent(number, contents, snapshot, len, now);
            self.note_backlog(now);
        }
        self.is_probing = false;
        self.stats.packets_sent += 1;
        self.stats.bytes_sent += len as u64;
        (to, len)
    }
}
