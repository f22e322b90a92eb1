//! Receiving packets.

use std::net::SocketAddr;

use crate::proto::buffers::Buffers;
use crate::proto::channel::recv::{EventSink, RecvOutcome};
use crate::proto::close_reason::CloseReason;
use crate::proto::connection::close::Closing;
use crate::proto::connection::{Connection, VerifiedPacket};
use crate::proto::delivery::Delivery;
use crate::proto::rng::SeededRng;
use crate::proto::time::Instant;
use crate::proto::wire::frame::{AckFrame, Frame, Frames};
use crate::proto::wire::message::MessageFrame;
use crate::proto::wire::packet_number;
use crate::proto::wire::packet_number::NUMBER_MAX;

impl Connection {
    /// The checks are in the order of `WIRE.md`. A packet that fails changes only a counter.
    pub(crate) fn verify<'a>(
        &mut self,
        from: SocketAddr,
        bytes: &'a [u8],
        scratch: &'a mut Vec<u8>,
        truncated_number: u32,
        random: &mut SeededRng,
        now: Instant,
    ) -> Option<VerifiedPacket<'a>> {
        let number = packet_number::expand(truncated_number, self.acks.expected());
        if number > NUMBER_MAX {
            self.stats.malformed += 1;
            return None;
        }
        let len = bytes.len();
        let Ok(payload) = self.protection.open(number, bytes, scratch) else {
            self.stats.failed_authentication += 1;
            return None;
        };
        if !self.acks.is_new(number) {
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
        Some(VerifiedPacket {
            number,
            len,
            frames,
            moved_to: is_elsewhere.then_some(from),
        })
    }

    /// Returns whether the peer ended the connection.
    pub(crate) fn take(
        &mut self,
        packet: &VerifiedPacket<'_>,
        now: Instant,
        event_sink: &mut EventSink<'_>,
    ) -> bool {
        if let Some(address) = packet.moved_to {
            self.move_to(address);
        }
        self.stats.bytes_received += packet.len as u64;
        self.last_received = now;
        self.confirmation = None;
        let outcome = self.on_frames(packet.frames, now, event_sink);
        if outcome.is_refused {
            // A refused packet is not acknowledged, so its reliable messages are retransmitted, and
            // no receipt reports an undelivered message as delivered.
            self.stats.packets_refused += 1;
            self.acks.insert_refused(packet.number);
        } else {
            self.stats.packets_received += 1;
            let wants_ack = packet.frames.wants_ack();
            self.acks.insert(packet.number, wants_ack, now);
            if outcome.is_asked {
                // The peer has waited for its keep-alive interval, so acknowledge at once.
                self.acks.ack_now(now);
                if now >= self.sent.asked_at() + self.keep_alive {
                    self.release_memory();
                }
            }
        }
        outcome.is_disconnected
    }

    fn on_frames(
        &mut self,
        frames: Frames<'_>,
        now: Instant,
        event_sink: &mut EventSink<'_>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        for frame in frames {
            match frame {
                Frame::Ack(ack) => self.on_ack(&ack, event_sink.buffers, now),
                Frame::Disconnect { code, text } => {
                    outcome.is_disconnected |= self.on_disconnect(code, text);
                }
                // The application takes no more messages.
                Frame::Message(_) if self.closing.is_some() => outcome.is_refused = true,
                _ if self.closing.is_some() => {}
                Frame::Message(message) => {
                    outcome.is_refused |= !self.on_message(&message, event_sink);
                }
                Frame::Stale { channel, sequence } => {
                    self.outbound.on_stale(channel, sequence);
                }
                Frame::Window(window) => self.outbound.on_window(window),
                Frame::Challenge(token) => self.response = Some(token),
                Frame::Ping => {
                    outcome.is_asked = true;
                    self.inbound.on_asked();
                }
                // An expected response was handled in `verify`.
                Frame::Response(_) => {}
            }
        }
        outcome
    }

    fn on_ack(&mut self, ack: &AckFrame<'_>, buffers: &mut Buffers, now: Instant) {
        let ack_delay_max = self.remote_ack_delay;
        let (sent, round_trip, mut effects) = self.split_for_outcomes(buffers, now);
        let Ok(sample) = sent.on_ack(ack, round_trip, ack_delay_max, now, &mut effects) else {
            self.stats.malformed += 1;
            return;
        };
        let (acked_up_to, notices_acked_in) = (effects.acked_up_to, effects.notices_acked_in);
        self.rate.on_end_acks(sample, now);
        if let Some(number) = acked_up_to {
            self.acks.forget_below(number);
        }
        if let Some(number) = notices_acked_in {
            self.stale_notices.on_arrived(number);
        }
    }

    /// Returns whether the peer has ended the connection: `false` if this side has, or if the
    /// disconnect is a duplicate.
    #[cold]
    #[inline(never)]
    fn on_disconnect(&mut self, code: u32, text: &str) -> bool {
        match self.closing {
            None => {
                let reason = CloseReason::new(code, text);
                self.closing = Some(Closing::LastAck { reason });
                self.cancel_pending_frames();
                return true;
            }
            // A duplicate; the first one was acknowledged.
            Some(Closing::LastAck { .. }) => {}
            Some(_) => self.closing = Some(Closing::Over),
        }
        false
    }

    /// Whether the message was accepted and may be acknowledged.
    fn on_message(&mut self, message: &MessageFrame<'_>, event_sink: &mut EventSink<'_>) -> bool {
        let events = event_sink.events.len();
        let Ok(taken) = self.inbound.accept(message, event_sink) else {
            self.stats.messages_refused += 1;
            return false;
        };
        // One message may release others that waited for it.
        self.stats.messages_received += (event_sink.events.len() - events) as u64;
        match taken {
            RecvOutcome::Delivered | RecvOutcome::Buffered => {}
            RecvOutcome::Duplicate => self.stats.duplicate_messages += 1,
            RecvOutcome::Stale => {
                self.stats.stale_messages += 1;
                return self.on_stale(message);
            }
        }
        true
    }

    fn on_stale(&mut self, message: &MessageFrame<'_>) -> bool {
        match message.head.delivery {
            Delivery::Sequenced(channel) if message.head.is_tracked => {
                self.stale_notices.push(channel, message.head.sequence)
            }
            _ => true,
        }
    }
}

#[derive(Debug, Default)]
struct Outcome {
    is_disconnected: bool,
    is_refused: bool,
    /// It contains a ping.
    is_asked: bool,
}
