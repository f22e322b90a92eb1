//! Effects of acknowledged and lost packets on congestion control, channels, flow control and
//! closing.

use crate::proto::buffers::Buffers;
use crate::proto::channel::recv::RecvChannels;
use crate::proto::channel::send::SendChannels;
use crate::proto::congestion::CongestionControl;
use crate::proto::connection::Connection;
use crate::proto::connection::close::Closing;
use crate::proto::recovery::loss_rate::LossRate;
use crate::proto::recovery::rtt::RttEstimator;
use crate::proto::recovery::sent_packets::{LossListener, SentFrame, SentPacket, SentPackets};
use crate::proto::time::Instant;

/// Effects that search a whole list are collected and applied once per acknowledgement.
pub(super) struct AckEffects<'a> {
    /// The peer has received acknowledgements of its packets up to this number.
    pub(super) acked_up_to: Option<u64>,
    /// Largest acknowledged packet that carried an acknowledgement and its stale notices.
    pub(super) notices_acked_in: Option<u64>,
    inbound: &'a mut RecvChannels,
    closing: &'a mut Option<Closing>,
    outbound: &'a mut SendChannels,
    loss: &'a mut LossRate,
    rate: &'a mut CongestionControl,
    buffers: &'a mut Buffers,
    now: Instant,
}

impl Connection {
    pub(super) fn split_for_outcomes<'a>(
        &'a mut self,
        buffers: &'a mut Buffers,
        now: Instant,
    ) -> (&'a mut SentPackets, &'a mut RttEstimator, AckEffects<'a>) {
        let effects = AckEffects {
            acked_up_to: None,
            notices_acked_in: None,
            inbound: &mut self.inbound,
            closing: &mut self.closing,
            outbound: &mut self.outbound,
            loss: &mut self.loss,
            rate: &mut self.rate,
            buffers,
            now,
        };
        (&mut self.sent, &mut self.round_trip, effects)
    }
}

impl LossListener for AckEffects<'_> {
    fn on_packet_acked(&mut self, packet: &SentPacket, frames: impl Iterator<Item = SentFrame>) {
        let contents = &packet.contents;
        self.loss.on_packet(false);
        self.rate
            .on_acked(packet.snapshot, packet.at, packet.bytes.into(), self.now);
        frames.for_each(|frame| self.outbound.on_acked(frame, self.buffers));
        if contents.acknowledged.is_some() {
            self.acked_up_to = self.acked_up_to.max(contents.acknowledged);
            self.notices_acked_in = self.notices_acked_in.max(Some(packet.number));
        }
        if let Some(window) = contents.window {
            self.inbound.on_window_arrived(window);
        }
        if contents.is_disconnect {
            *self.closing = Some(Closing::Over);
        }
    }

    /// A lost packet does not lower the rate: a radio link loses packets without congestion.
    fn on_packet_lost(&mut self, packet: &SentPacket, frames: impl Iterator<Item = SentFrame>) {
        self.loss.on_packet(true);
        frames.for_each(|frame| self.outbound.on_lost(frame, packet.number));
        if let Some(window) = packet.contents.window {
            self.inbound.on_window_lost(window);
        }
    }
}
