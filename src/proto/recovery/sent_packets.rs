//! Sent ack-eliciting packets: round-trip samples, loss detection and probe timeouts.

use std::collections::VecDeque;

use crate::limits::{IN_FLIGHT_MAX, PROBE_MAX, REORDERING_PACKETS, SENT_FRAMES_MAX};
use crate::proto::buffers::shed;
use crate::proto::delivery::Receipt;
use crate::proto::recovery::delivery_snapshot::DeliverySnapshot;
use crate::proto::recovery::rtt::RttEstimator;
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::Malformed;
use crate::proto::wire::frame::AckFrame;
use crate::proto::wire::packet::PAYLOAD_MAX;

/// Maximum of the adaptive packet threshold of loss detection: 128.
const REORDERING_PACKETS_MAX: u64 = 128;

#[derive(Debug)]
pub(crate) struct SentPackets {
    next: u64,
    /// Ordered by packet number.
    in_flight: VecDeque<SentPacket>,
    frames: SentFrames,
    /// Number of packets in `in_flight` that are neither acknowledged nor lost, and their bytes.
    open: usize,
    open_bytes: usize,
    /// When the last ack-eliciting packet was sent.
    asked_at: Instant,
    /// Number of probes since the last acknowledgement.
    probes: u32,
    lost: u64,
    /// Packet threshold of loss detection. Grows after spurious loss.
    reordering_packets: u64,
    /// Additional time threshold, learned from spurious loss.
    reordering_time: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SentPacket {
    pub(crate) number: u64,
    pub(crate) at: Instant,
    pub(crate) contents: PacketContents,
    pub(crate) snapshot: DeliverySnapshot,
    pub(crate) bytes: u16,
    /// Number of frames in `SentFrames`.
    frames: u16,
    state: PacketState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PacketState {
    Open,
    Acknowledged,
    /// Declared lost, and kept for a while to detect a spurious loss.
    Lost,
}

pub(crate) const PACKET_BYTES: usize = size_of::<SentPacket>();

/// Contents that matter when a packet is acknowledged or lost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PacketContents {
    /// The largest number in its acknowledgement.
    pub(crate) acknowledged: Option<u64>,
    /// The flow control limit that it advertised.
    pub(crate) window: Option<u64>,
    pub(crate) is_disconnect: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentFrame {
    /// Retransmitted until it is acknowledged.
    Reliable {
        stream: u16,
        /// Whether this packet was the first with it; redundant copies follow.
        is_first: bool,
        fragment: u32,
        sequence: u64,
    },
    /// Not retransmitted, but with a receipt.
    Tracked(Receipt),
}

pub(crate) const SENT_FRAME_BYTES: usize = size_of::<SentFrame>();

/// Maximum number of frames in a packet: a message takes at least two bytes.
const FRAMES_PER_PACKET_MAX: usize = PAYLOAD_MAX / 2;
const _: () = assert!(FRAMES_PER_PACKET_MAX <= SENT_FRAMES_MAX);

/// The frames of the packets in flight, in packet order.
#[derive(Debug, Default)]
pub(crate) struct SentFrames {
    queue: VecDeque<SentFrame>,
    /// Number of frames that belong to sent packets.
    sent: usize,
}

impl SentFrames {
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < SENT_FRAMES_MAX
    }

    pub(crate) fn push(&mut self, frame: SentFrame) {
        self.queue.push_back(frame);
    }

    /// Frames pushed since the last call.
    #[cfg(test)]
    pub(crate) fn take(&mut self) -> Vec<SentFrame> {
        self.queue.drain(..).collect()
    }
}

/// Receives the outcome of every packet, exactly once.
pub(crate) trait LossListener {
    fn on_packet_acked(&mut self, packet: &SentPacket, frames: impl Iterator<Item = SentFrame>);

    /// Also called for a packet that is abandoned because the record is full.
    fn on_packet_lost(&mut self, packet: &SentPacket, frames: impl Iterator<Item = SentFrame>);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PacketOutcome {
    Acked,
    Lost,
}

impl SentPackets {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            next: 0,
            in_flight: VecDeque::new(),
            frames: SentFrames::default(),
            open: 0,
            open_bytes: 0,
            asked_at: now,
            probes: 0,
            lost: 0,
            reordering_packets: REORDERING_PACKETS,
            reordering_time: Duration::ZERO,
        }
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.next
    }

    /// Numbers never repeat.
    pub(crate) fn take_number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    #[cfg(test)]
    pub(crate) fn skip_to_number(&mut self, number: u64) {
        self.next = number;
    }

    pub(crate) fn frames(&mut self) -> &mut SentFrames {
        &mut self.frames
    }

    pub(crate) fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// Whether another packet can be tracked without abandoning one.
    pub(crate) fn has_room(&self) -> bool {
        self.in_flight.len() < IN_FLIGHT_MAX
            && self.frames.queue.len() + FRAMES_PER_PACKET_MAX <= SENT_FRAMES_MAX
    }

    /// Abandons the oldest packets until one more can be tracked.
    pub(crate) fn make_room(&mut self, listener: &mut impl LossListener) {
        while !self.has_room() {
            self.settle(0, PacketOutcome::Lost, 0, listener);
            self.pop_front();
        }
    }

    /// Records a packet with the frames pushed since the previous one.
    pub(crate) fn on_sent(
        &mut self,
        number: u64,
        contents: PacketContents,
        snapshot: DeliverySnapshot,
        len: usize,
        now: Instant,
    ) {
        debug_assert!(
            self.in_flight.len() < IN_FLIGHT_MAX && self.frames.queue.len() <= SENT_FRAMES_MAX
        );
        let frames = self.frames.queue.len() - self.frames.sent;
        self.frames.sent = self.frames.queue.len();
        #[allow(clippy::cast_possible_truncation, reason = "both fit a packet")]
        self.in_flight.push_back(SentPacket {
            number,
            at: now,
            contents,
            snapshot,
            bytes: len as u16,
            frames: frames as u16,
            state: PacketState::Open,
        });
        self.open += 1;
        self.open_bytes += len;
        self.asked_at = now;
    }

    /// Rejects an acknowledgement as a whole if it names packets that were never sent. Returns
    /// whether it contains anything new.
    pub(crate) fn on_ack(
        &mut self,
        ack: &AckFrame<'_>,
        round_trip: &mut RttEstimator,
        ack_delay_max: Duration,
        now: Instant,
        listener: &mut impl LossListener,
    ) -> Result<Option<Duration>, Malformed> {
        if ack.largest >= self.next {
            return Err(Malformed);
        }
        let mut sample = None;
        if let Some((number, at)) = self.close_named(ack, now, listener) {
            self.probes = 0;
            // A repeated acknowledgement is no round-trip sample.
            if number == ack.largest {
                let delay = Duration::from_micros(ack.delay_us).min(ack_delay_max);
                let time = now.saturating_duration_since(at);
                round_trip.sample(time, delay);
                sample = Some(time.saturating_sub(delay));
            }
            self.give_up_overtaken(ack.largest, round_trip.reordering(), now, listener);
        }
        self.forget_closed(round_trip, now);
        Ok(sample)
    }

    /// Returns number and send time of the largest newly acknowledged packet.
    fn close_named(
        &mut self,
        ack: &AckFrame<'_>,
        now: Instant,
        listener: &mut impl LossListener,
    ) -> Option<(u64, Instant)> {
        let mut ranges = ack.ranges();
        let mut range = ranges.next()?;
        let mut largest_news = None;
        let (mut index, mut frames_end) = (self.in_flight.len(), self.frames.sent);
        while index > 0 && self.open > 0 {
            index -= 1;
            let packet = &self.in_flight[index];
            while *range.start() > packet.number {
                let Some(next) = ranges.next() else {
                    return largest_news;
                };
                range = next;
            }
            frames_end -= usize::from(packet.frames);
            if !range.contains(&packet.number) {
                continue;
            }
            match packet.state {
                PacketState::Open => {
                    largest_news = largest_news.max(Some((packet.number, packet.at)));
                    self.settle(index, PacketOutcome::Acked, frames_end, listener);
                }
                PacketState::Lost => self.on_late_ack(index, ack.largest, now),
                PacketState::Acknowledged => {}
            }
        }
        largest_news
    }

    /// Raises the thresholds after a spurious loss, as RACK does (RFC 8985 section 6.2).
    fn on_late_ack(&mut self, index: usize, largest: u64, now: Instant) {
        let packet = &mut self.in_flight[index];
        packet.state = PacketState::Acknowledged;
        let distance = (largest - packet.number + 1).min(REORDERING_PACKETS_MAX);
        let age = now.saturating_duration_since(packet.at);
        self.reordering_packets = self.reordering_packets.max(distance);
        self.reordering_time = self.reordering_time.max(age).min(Duration::of(PROBE_MAX));
    }

    /// Reports the outcome of an open packet; its frames begin at `frames_at`.
    fn settle(
        &mut self,
        index: usize,
        outcome: PacketOutcome,
        frames_at: usize,
        listener: &mut impl LossListener,
    ) {
        let packet = &mut self.in_flight[index];
        if packet.state != PacketState::Open {
            return;
        }
        packet.state = match outcome {
            PacketOutcome::Acked => PacketState::Acknowledged,
            PacketOutcome::Lost => PacketState::Lost,
        };
        self.open -= 1;
        self.open_bytes -= usize::from(packet.bytes);
        self.lost += u64::from(outcome == PacketOutcome::Lost);
        let range = frames_at..frames_at + usize::from(packet.frames);
        let frames = self.frames.queue.range(range).copied();
        match outcome {
            PacketOutcome::Acked => listener.on_packet_acked(packet, frames),
            PacketOutcome::Lost => listener.on_packet_lost(packet, frames),
        }
    }

    /// Declares packets lost by packet threshold or time threshold.
    fn give_up_overtaken(
        &mut self,
        largest: u64,
        reordering: Duration,
        now: Instant,
        listener: &mut impl LossListener,
    ) {
        let reordering = reordering.max(self.reordering_time);
        let (mut index, mut frames_at) = (0, 0);
        while index < self.in_flight.len() {
            let packet = &self.in_flight[index];
            if packet.number >= largest {
                return;
            }
            let is_overtaken = packet.number + self.reordering_packets <= largest
                || now.saturating_duration_since(packet.at) > reordering;
            let frames = usize::from(packet.frames);
            if is_overtaken {
                self.settle(index, PacketOutcome::Lost, frames_at, listener);
            }
            frames_at += frames;
            index += 1;
        }
    }

    /// Removes closed packets at the front. A lost packet is kept for one probe timeout, to detect
    /// a spurious loss.
    fn forget_closed(&mut self, round_trip: &RttEstimator, now: Instant) {
        let patience = round_trip.probe_timeout(Duration::ZERO);
        while let Some(packet) = self.in_flight.front() {
            let is_over = match packet.state {
                PacketState::Open => false,
                PacketState::Acknowledged => true,
                PacketState::Lost => now.saturating_duration_since(packet.at) > 2 * patience,
            };
            if !is_over {
                return;
            }
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some(packet) = self.in_flight.pop_front() {
            let frames = usize::from(packet.frames);
            self.frames.queue.drain(..frames);
            self.frames.sent -= frames;
        }
    }

    /// When the next probe is due: exponential backoff while no acknowledgement arrives. A flow
    /// that is blocked by flow control probes for a window update.
    pub(crate) fn probe_at(
        &self,
        round_trip: &RttEstimator,
        ack_delay: Duration,
        is_blocked: bool,
    ) -> Option<Instant> {
        if self.open == 0 && !is_blocked {
            return None;
        }
        let timeout = round_trip.probe_timeout(ack_delay);
        if self.probes == 0 {
            return Some(self.asked_at + timeout);
        }
        let backed_off = timeout * (1 << self.probes.min(16));
        Some(self.asked_at + backed_off.min(Duration::of(PROBE_MAX).max(timeout)))
    }

    /// Passes the frames of the oldest open packets to `again`, until a packet has frames to
    /// retransmit.
    pub(crate) fn on_probe(&mut self, mut again: impl FnMut(SentFrame) -> bool) {
        self.probes += 1;
        let mut frames_at = 0;
        for packet in &self.in_flight {
            let range = frames_at..frames_at + usize::from(packet.frames);
            frames_at = range.end;
            if packet.state != PacketState::Open {
                continue;
            }
            let frames = self.frames.queue.range(range);
            let handed_out = frames.filter(|frame| again(**frame)).count();
            if handed_out > 0 {
                return;
            }
        }
    }

    pub(crate) fn asked_at(&self) -> Instant {
        self.asked_at
    }

    pub(crate) fn shed(&mut self) {
        shed(&mut self.in_flight);
        shed(&mut self.frames.queue);
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::congestion::controller::RateController;
    use crate::proto::congestion::{Controller, RateLimits};
    use crate::proto::wire::Writer;
    use crate::proto::wire::frame::{Frame, Frames, write_ack};

    const MS: Duration = Duration::from_millis(1);
    const NO_DELAY: Duration = Duration::ZERO;

    #[derive(Default)]
    struct EventLog(Vec<(u64, PacketOutcome, Vec<SentFrame>)>);

    impl LossListener for EventLog {
        fn on_packet_acked(
            &mut self,
            packet: &SentPacket,
            frames: impl Iterator<Item = SentFrame>,
        ) {
            self.0
                .push((packet.number, PacketOutcome::Acked, frames.collect()));
        }

        fn on_packet_lost(&mut self, packet: &SentPacket, frames: impl Iterator<Item = SentFrame>) {
            self.0
                .push((packet.number, PacketOutcome::Lost, frames.collect()));
        }
    }

    struct TestSide {
        sent: SentPackets,
        congestion: RateController,
        log: EventLog,
        round_trip: RttEstimator,
        now: Instant,
    }

    impl TestSide {
        fn new() -> Self {
            let now = Instant::START;
            Self {
                sent: SentPackets::new(now),
                congestion: RateController::new(
                    RateLimits {
                        floor: 1,
                        ceiling: 1,
                        start: 1,
                    },
                    now,
                ),
                log: EventLog::default(),
                round_trip: RttEstimator::new(),
                now,
            }
        }

        fn send(&mut self, count: usize) {
            for _ in 0..count {
                let number = self.sent.take_number();
                self.sent.make_room(&mut self.log);
                let snapshot = self.congestion.on_sent(self.sent.open_bytes(), self.now);
                let contents = PacketContents::default();
                self.sent.on_sent(number, contents, snapshot, 100, self.now);
            }
        }

        fn send_units(&mut self, frames: &[SentFrame]) {
            frames
                .iter()
                .for_each(|frame| self.sent.frames().push(*frame));
            self.send(1);
        }

        fn ack(
            &mut self,
            ranges: &[std::ops::RangeInclusive<u64>],
        ) -> Result<Option<Duration>, Malformed> {
            let mut buffer = [0; 200];
            let mut writer = Writer::new(&mut buffer);
            write_ack(&mut writer, 0, ranges.iter().cloned());
            let mut frames = Frames::check(writer.written()).unwrap();
            let Some(Frame::Ack(ack)) = frames.next() else {
                panic!("the writer wrote an ACK frame");
            };
            let (round_trip, log) = (&mut self.round_trip, &mut self.log);
            self.sent.on_ack(&ack, round_trip, NO_DELAY, self.now, log)
        }
    }

    #[test]
    fn takes_one_rtt_sample_per_acknowledged_packet() {
        let mut side = TestSide::new();
        side.send(1);
        side.now += 30 * MS;
        side.ack(&[0..=0]).unwrap();
        assert_eq!(side.round_trip.smoothed(), Some(30 * MS));
        side.now += 30 * MS;
        side.ack(&[0..=0]).unwrap();
        assert_eq!(side.round_trip.smoothed(), Some(30 * MS));
        assert_eq!((side.sent.open, side.sent.in_flight.len()), (0, 0));
    }

    #[test]
    fn rejects_acknowledgement_of_unsent_packets() {
        let mut side = TestSide::new();
        side.send(2);
        assert_eq!(side.ack(&[0..=2]), Err(Malformed));
        assert_eq!(side.sent.open, 2);
    }

    #[test]
    fn declares_loss_after_three_later_packets() {
        let mut side = TestSide::new();
        side.send(5);
        side.now += MS;
        side.ack(&[1..=2]).unwrap();
        assert_eq!(side.sent.lost(), 0);
        side.ack(&[1..=3]).unwrap();
        assert_eq!(side.sent.lost(), 1);
        assert_eq!(side.sent.open, 1, "packet 4 is in flight");
        side.ack(&[0..=0]).unwrap();
        assert_eq!(
            side.sent.lost(),
            1,
            "a late acknowledgement changes no outcome"
        );
    }

    #[test]
    fn declares_loss_after_the_time_threshold() {
        let mut side = TestSide::new();
        side.send(1);
        side.now += 100 * MS;
        side.send(1);
        side.now += 10 * MS;
        side.ack(&[1..=1]).unwrap();
        assert_eq!(side.sent.lost(), 1);
    }

    #[test]
    fn probe_timeout_backs_off() {
        let mut side = TestSide::new();
        assert_eq!(side.sent.probe_at(&side.round_trip, NO_DELAY, false), None);
        side.round_trip.sample(100 * MS, NO_DELAY);
        side.send(1);
        for timeout in [300, 600, 1200, 2000, 2000] {
            let at = side
                .sent
                .probe_at(&side.round_trip, NO_DELAY, false)
                .unwrap();
            assert_eq!(at - side.now, timeout * MS);
            side.now = at;
            side.sent.on_probe(|_| false);
            side.send(1);
        }
        side.ack(&[4..=5]).unwrap();
        assert_eq!(side.sent.probes, 0);
    }

    #[test]
    fn declares_the_oldest_packet_lost_at_the_limit() {
        let mut side = TestSide::new();
        side.send(IN_FLIGHT_MAX + 10);
        assert_eq!(side.sent.lost(), 10);
        assert_eq!(side.sent.open, IN_FLIGHT_MAX);
    }

    fn reliable(sequence: u64) -> SentFrame {
        SentFrame::Reliable {
            stream: 0,
            is_first: true,
            fragment: 0,
            sequence,
        }
    }

    #[test]
    fn each_packet_has_one_outcome_and_its_own_frames() {
        let mut side = TestSide::new();
        let carried = |number: u64| (0..number % 4).map(move |n| reliable(10 * number + n));
        for number in 0..40 {
            side.send_units(&carried(number).collect::<Vec<_>>());
        }
        side.now += MS;
        side.ack(&[20..=29, 5..=9, 1..=1]).unwrap();
        side.ack(&[0..=39]).unwrap();
        let mut fates = std::mem::take(&mut side.log.0);
        fates.sort_by_key(|(number, ..)| *number);
        assert_eq!(fates.len(), 40, "every packet has one outcome");
        for (number, (named, outcome, frames)) in (0..).zip(fates) {
            let was_named = [20..=29, 5..=9, 1..=1].iter().any(|r| r.contains(&number));
            let is_overtaken = number < 27 && !was_named;
            assert_eq!(
                (named, outcome == PacketOutcome::Lost),
                (number, is_overtaken)
            );
            assert_eq!(frames, carried(number).collect::<Vec<_>>(), "{number}");
        }
        assert_eq!((side.sent.open, side.sent.open_bytes), (0, 0));
    }

    #[test]
    fn removes_frames_with_their_packet() {
        let mut side = TestSide::new();
        for number in 0..10 {
            side.send_units(&[reliable(number), SentFrame::Tracked(Receipt(number))]);
        }
        side.ack(&[0..=4]).unwrap();
        assert_eq!(side.sent.frames.queue.len(), 10);
        assert_eq!(side.sent.frames.sent, 10);
        side.ack(&[5..=9]).unwrap();
        assert_eq!(
            (side.sent.frames.queue.len(), side.sent.frames.sent),
            (0, 0)
        );
    }

    #[test]
    fn a_probe_takes_the_oldest_packet_with_frames() {
        let mut side = TestSide::new();
        side.send_units(&[]);
        side.send_units(&[reliable(1), reliable(2)]);
        side.send_units(&[reliable(3)]);
        side.ack(&[0..=0]).unwrap();
        let mut asked = Vec::new();
        side.sent.on_probe(|frame| {
            asked.push(frame);
            true
        });
        assert_eq!(
            asked,
            [reliable(1), reliable(2)],
            "a probe retransmits all frames of one packet"
        );
        asked.clear();
        side.sent.on_probe(|frame| {
            asked.push(frame);
            frame == reliable(3)
        });
        assert_eq!(asked, [reliable(1), reliable(2), reliable(3)]);
    }

    #[test]
    fn probes_while_blocked_by_flow_control() {
        let mut side = TestSide::new();
        side.round_trip.sample(100 * MS, NO_DELAY);
        let at = |side: &TestSide, is_blocked| {
            let at = side.sent.probe_at(&side.round_trip, NO_DELAY, is_blocked);
            at.map(|at| at - side.now)
        };
        assert_eq!(at(&side, false), None);
        assert_eq!(at(&side, true), Some(300 * MS));
    }

    #[test]
    fn raises_the_reordering_threshold_after_spurious_loss() {
        let mut side = TestSide::new();
        side.send(20);
        side.ack(&[9..=9]).unwrap();
        assert_eq!(
            side.sent.lost(),
            7,
            "packets 0 to 6 are overtaken by three or more"
        );
        side.ack(&[0..=9]).unwrap();
        side.send(20);
        side.ack(&[29..=29]).unwrap();
        assert_eq!(
            side.sent.lost(),
            7 + 10,
            "packets 10 to 19 are overtaken by ten or more"
        );
    }
}
