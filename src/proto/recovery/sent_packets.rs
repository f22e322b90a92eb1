//! The packets that want an acknowledgement and have none yet: how long a round trip takes, what was
//! lost, and when a silent peer is asked again.

use std::collections::VecDeque;

use crate::limits::{
    IN_FLIGHT_MAX, PROBE_MAX, REORDERING_PACKETS, REORDERING_PACKETS_MAX, UNITS_MAX,
};
use crate::proto::buffers::shed;
use crate::proto::congestion::controller::Stamp;
use crate::proto::delivery::Receipt;
use crate::proto::recovery::rtt::RoundTrip;
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::Malformed;
use crate::proto::wire::frame::AckFrame;
use crate::proto::wire::packet::PAYLOAD_MAX;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Sent {
    /// The number of the next packet.
    next: u64,
    /// In the order of their numbers.
    in_flight: VecDeque<Packet>,
    units: Units,
    /// How many of them are still open, neither acknowledged nor given up, and their bytes.
    open: usize,
    open_bytes: usize,
    /// When the last one that wants an acknowledgement left.
    asked_at: Instant,
    /// How often the peer was asked since it last answered.
    probes: u32,
    lost: u64,
    /// How many later packets must have arrived before one counts as lost. Grows where packets overtake
    /// each other.
    reordering_packets: u64,
    /// How much later than expected a packet came that counted as lost.
    reordering_time: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) number: u64,
    pub(crate) at: Instant,
    pub(crate) content: Content,
    /// What its acknowledgement will say of the rate.
    pub(crate) stamp: Stamp,
    /// Its length in bytes.
    pub(crate) bytes: u16,
    /// How many units it carries: they stand behind those of the packets before it.
    units: u16,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Acknowledged,
    /// Counted as lost, and remembered for a while: it may have been overtaken only.
    Lost,
}

/// How much memory a packet takes that is on its way.
pub(crate) const PACKET_BYTES: usize = size_of::<Packet>();

/// What a packet carried that matters when it is acknowledged or lost, beside its units.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Content {
    /// The largest number that an acknowledgement in it named.
    pub(crate) acknowledged: Option<u64>,
    /// The window that it told.
    pub(crate) window: Option<u64>,
    pub(crate) is_disconnect: bool,
}

/// A message, or a piece of one, in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// One that is sent until it arrives.
    Reliable {
        stream: u16,
        /// Whether this packet was the first that carried it, and copies are to follow.
        is_first: bool,
        piece: u32,
        sequence: u64,
    },
    /// One that is not, but whose fate is to be told.
    Tracked(Receipt),
}

/// How much memory a unit takes.
pub(crate) const UNIT_BYTES: usize = size_of::<Unit>();

/// The most that a packet carries: no message takes less than two bytes of it.
const UNITS_PER_PACKET_MAX: usize = PAYLOAD_MAX / 2;
const _: () = assert!(UNITS_PER_PACKET_MAX <= UNITS_MAX);

/// What the packets on their way carry, in their order.
#[derive(Debug, Default)]
pub(crate) struct Units {
    units: VecDeque<Unit>,
    /// How many of them belong to packets that have left.
    sent: usize,
}

impl Units {
    /// Whether the packet that is being written may carry one more.
    pub(crate) fn has_room(&self) -> bool {
        self.units.len() < UNITS_MAX
    }

    pub(crate) fn push(&mut self, unit: Unit) {
        self.units.push_back(unit);
    }

    /// What was pushed since the last time.
    #[cfg(test)]
    pub(crate) fn take(&mut self) -> Vec<Unit> {
        self.units.drain(..).collect()
    }
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrived,
    Lost,
}

/// Who is told what became of packets.
pub(crate) trait Witness {
    fn on_packet(&mut self, packet: &Packet, fate: Fate, units: impl Iterator<Item = Unit>);
}

impl Sent {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            next: 0,
            in_flight: VecDeque::new(),
            units: Units::default(),
            open: 0,
            open_bytes: 0,
            asked_at: now,
            probes: 0,
            lost: 0,
            reordering_packets: REORDERING_PACKETS,
            reordering_time: Duration::ZERO,
        }
    }

    /// The number of the next packet.
    pub(crate) fn next_number(&self) -> u64 {
        self.next
    }

    /// A number for a packet, never the same twice.
    pub(crate) fn take_number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// Where the packet that is being written notes what it carries.
    pub(crate) fn units(&mut self) -> &mut Units {
        &mut self.units
    }

    /// Bytes of packets that are neither acknowledged nor lost.
    pub(crate) fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// Whether another packet can be remembered without giving one up.
    pub(crate) fn has_room(&self) -> bool {
        self.in_flight.len() < IN_FLIGHT_MAX
            && self.units.units.len() + UNITS_PER_PACKET_MAX <= UNITS_MAX
    }

    /// Gives up the oldest packets until one more can be remembered, with everything that it may carry.
    pub(crate) fn make_room(&mut self, witness: &mut impl Witness) {
        while !self.has_room() {
            self.settle(0, Fate::Lost, 0, witness);
            self.pop_front();
        }
    }

    /// A packet that wants an acknowledgement leaves, with the units that were pushed since the one
    /// before.
    pub(crate) fn on_sent(
        &mut self,
        number: u64,
        content: Content,
        stamp: Stamp,
        len: usize,
        now: Instant,
    ) {
        debug_assert!(self.in_flight.len() < IN_FLIGHT_MAX && self.units.units.len() <= UNITS_MAX);
        let units = self.units.units.len() - self.units.sent;
        self.units.sent = self.units.units.len();
        #[allow(clippy::cast_possible_truncation, reason = "both fit a packet")]
        self.in_flight.push_back(Packet {
            number,
            at: now,
            content,
            stamp,
            bytes: len as u16,
            units: units as u16,
            state: State::Open,
        });
        self.open += 1;
        self.open_bytes += len;
        self.asked_at = now;
    }

    /// Takes in an acknowledgement. One of packets that were never sent is refused as a whole. Returns
    /// whether it said something that was not known.
    pub(crate) fn on_ack(
        &mut self,
        ack: &AckFrame<'_>,
        round_trip: &mut RoundTrip,
        ack_delay_max: Duration,
        now: Instant,
        witness: &mut impl Witness,
    ) -> Result<Option<Duration>, Malformed> {
        if ack.largest >= self.next {
            return Err(Malformed);
        }
        let mut sample = None;
        if let Some((number, at)) = self.close_named(ack, now, witness) {
            self.probes = 0;
            // An acknowledgement that comes a second time would make a round trip out of its repetition.
            if number == ack.largest {
                let delay = Duration::from_micros(ack.delay_us).min(ack_delay_max);
                let time = now.saturating_duration_since(at);
                round_trip.sample(time, delay);
                sample = Some(time.saturating_sub(delay));
            }
            self.give_up_overtaken(ack.largest, round_trip.reordering(), now, witness);
        }
        self.forget_closed(round_trip, now);
        Ok(sample)
    }

    /// Closes the packets that the ranges name; both run from the largest number down. Returns number and
    /// time of the largest that is news.
    fn close_named(
        &mut self,
        ack: &AckFrame<'_>,
        now: Instant,
        witness: &mut impl Witness,
    ) -> Option<(u64, Instant)> {
        let mut ranges = ack.ranges();
        let mut range = ranges.next()?;
        let mut largest_news = None;
        let (mut index, mut units_end) = (self.in_flight.len(), self.units.sent);
        while index > 0 && self.open > 0 {
            index -= 1;
            let packet = &self.in_flight[index];
            while *range.start() > packet.number {
                let Some(next) = ranges.next() else {
                    return largest_news;
                };
                range = next;
            }
            units_end -= usize::from(packet.units);
            if !range.contains(&packet.number) {
                continue;
            }
            match packet.state {
                State::Open => {
                    largest_news = largest_news.max(Some((packet.number, packet.at)));
                    self.settle(index, Fate::Arrived, units_end, witness);
                }
                State::Lost => self.on_late_ack(index, ack.largest, now),
                State::Acknowledged => {}
            }
        }
        largest_news
    }

    /// A packet that counted as lost was only overtaken: more patience from now on, as with RACK (RFC
    /// 8985 section 6.2).
    fn on_late_ack(&mut self, index: usize, largest: u64, now: Instant) {
        let packet = &mut self.in_flight[index];
        packet.state = State::Acknowledged;
        let distance = (largest - packet.number + 1).min(REORDERING_PACKETS_MAX);
        let age = now.saturating_duration_since(packet.at);
        self.reordering_packets = self.reordering_packets.max(distance);
        self.reordering_time = self.reordering_time.max(age).min(Duration::of(PROBE_MAX));
    }

    /// The fate of an open packet is known; its units begin at `units_at`.
    fn settle(&mut self, index: usize, fate: Fate, units_at: usize, witness: &mut impl Witness) {
        let packet = &mut self.in_flight[index];
        if packet.state != State::Open {
            return;
        }
        packet.state = match fate {
            Fate::Arrived => State::Acknowledged,
            Fate::Lost => State::Lost,
        };
        self.open -= 1;
        self.open_bytes -= usize::from(packet.bytes);
        self.lost += u64::from(fate == Fate::Lost);
        let range = units_at..units_at + usize::from(packet.units);
        witness.on_packet(packet, fate, self.units.units.range(range).copied());
    }

    /// Gives up what three later packets have overtaken, or one that left much later.
    fn give_up_overtaken(
        &mut self,
        largest: u64,
        reordering: Duration,
        now: Instant,
        witness: &mut impl Witness,
    ) {
        let reordering = reordering.max(self.reordering_time);
        let (mut index, mut units_at) = (0, 0);
        while index < self.in_flight.len() {
            let packet = &self.in_flight[index];
            if packet.number >= largest {
                return;
            }
            let is_overtaken = packet.number + self.reordering_packets <= largest
                || now.saturating_duration_since(packet.at) > reordering;
            let units = usize::from(packet.units);
            if is_overtaken {
                self.settle(index, Fate::Lost, units_at, witness);
            }
            units_at += units;
            index += 1;
        }
    }

    /// Forgets those at the front of which nothing more is expected. One that counted as lost is remembered
    /// for as long as a probe takes, to see whether it comes after all.
    fn forget_closed(&mut self, round_trip: &RoundTrip, now: Instant) {
        let patience = round_trip.probe_timeout(Duration::ZERO);
        while let Some(packet) = self.in_flight.front() {
            let is_over = match packet.state {
                State::Open => false,
                State::Acknowledged => true,
                State::Lost => now.saturating_duration_since(packet.at) > 2 * patience,
            };
            if !is_over {
                return;
            }
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some(packet) = self.in_flight.pop_front() {
            let units = usize::from(packet.units);
            self.units.units.drain(..units);
            self.units.sent -= units;
        }
    }

    /// When the peer is to be asked for an acknowledgement that is missing; each time in a row it gets
    /// twice as long. Somebody who is `blocked` waits for a window in the same way.
    pub(crate) fn probe_at(
        &self,
        round_trip: &RoundTrip,
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

    /// Nobody has answered in time: hands out what the oldest open packets carry, until `again` has
    /// enough.
    pub(crate) fn on_probe(&mut self, mut again: impl FnMut(Unit) -> bool) {
        self.probes += 1;
        let mut units_at = 0;
        for packet in &self.in_flight {
            let range = units_at..units_at + usize::from(packet.units);
            units_at = range.end;
            if packet.state != State::Open {
                continue;
            }
            let units = self.units.units.range(range);
            // All of a packet, and no second one if that was something.
            let handed_out = units.filter(|unit| again(**unit)).count();
            if handed_out > 0 {
                return;
            }
        }
    }

    /// When the last packet left that wants an acknowledgement.
    pub(crate) fn asked_at(&self) -> Instant {
        self.asked_at
    }

    /// Gives back what was needed once.
    pub(crate) fn shed(&mut self) {
        shed(&mut self.in_flight);
        shed(&mut self.units.units);
    }

    /// How many packets were given up.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::congestion::controller::{Congestion, Limits};
    use crate::proto::wire::Writer;
    use crate::proto::wire::frame::{Frame, Frames, write_ack};

    const MS: Duration = Duration::from_millis(1);
    const NO_DELAY: Duration = Duration::ZERO;

    /// Writes down what became of which packets, and what they carried.
    #[derive(Default)]
    struct Log(Vec<(u64, Fate, Vec<Unit>)>);

    impl Witness for Log {
        fn on_packet(&mut self, packet: &Packet, fate: Fate, units: impl Iterator<Item = Unit>) {
            self.0.push((packet.number, fate, units.collect()));
        }
    }

    struct Side {
        sent: Sent,
        congestion: Congestion,
        log: Log,
        round_trip: RoundTrip,
        now: Instant,
    }

    impl Side {
        fn new() -> Self {
            let now = Instant::START;
            Self {
                sent: Sent::new(now),
                congestion: Congestion::new(
                    Limits {
                        floor: 1,
                        ceiling: 1,
                        start: 1,
                    },
                    now,
                ),
                log: Log::default(),
                round_trip: RoundTrip::new(),
                now,
            }
        }

        fn send(&mut self, count: usize) {
            for _ in 0..count {
                let number = self.sent.take_number();
                self.sent.make_room(&mut self.log);
                let stamp = self.congestion.on_sent(self.sent.open_bytes(), self.now);
                let content = Content::default();
                self.sent.on_sent(number, content, stamp, 100, self.now);
            }
        }

        /// A packet that carries these units.
        fn send_units(&mut self, units: &[Unit]) {
            units.iter().for_each(|unit| self.sent.units().push(*unit));
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
                panic!("an acknowledgement was written");
            };
            let (round_trip, log) = (&mut self.round_trip, &mut self.log);
            self.sent.on_ack(&ack, round_trip, NO_DELAY, self.now, log)
        }
    }

    #[test]
    fn an_acknowledged_packet_gives_a_round_trip_once() {
        let mut side = Side::new();
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
    fn what_was_never_sent_cannot_be_acknowledged() {
        let mut side = Side::new();
        side.send(2);
        assert_eq!(side.ack(&[0..=2]), Err(Malformed));
        assert_eq!(side.sent.open, 2);
    }

    #[test]
    fn three_later_ones_make_a_packet_lost_and_two_do_not() {
        let mut side = Side::new();
        side.send(5);
        side.now += MS;
        side.ack(&[1..=2]).unwrap();
        assert_eq!(side.sent.lost(), 0);
        side.ack(&[1..=3]).unwrap();
        assert_eq!(side.sent.lost(), 1);
        assert_eq!(side.sent.open, 1, "4 is still on its way");
        side.ack(&[0..=0]).unwrap();
        assert_eq!(side.sent.lost(), 1, "too late, and no second time");
    }

    #[test]
    fn a_packet_that_left_much_earlier_than_an_acknowledged_one_is_lost() {
        let mut side = Side::new();
        side.send(1);
        side.now += 100 * MS;
        side.send(1);
        side.now += 10 * MS;
        side.ack(&[1..=1]).unwrap();
        assert_eq!(side.sent.lost(), 1);
    }

    #[test]
    fn a_silent_peer_is_asked_less_and_less_often() {
        let mut side = Side::new();
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
    fn the_oldest_of_too_many_counts_as_lost() {
        let mut side = Side::new();
        side.send(IN_FLIGHT_MAX + 10);
        assert_eq!(side.sent.lost(), 10);
        assert_eq!(side.sent.open, IN_FLIGHT_MAX);
    }

    fn reliable(sequence: u64) -> Unit {
        Unit::Reliable {
            stream: 0,
            is_first: true,
            piece: 0,
            sequence,
        }
    }

    #[test]
    fn every_packet_has_one_fate_and_its_own_units() {
        let mut side = Side::new();
        let carried = |number: u64| (0..number % 4).map(move |n| reliable(10 * number + n));
        for number in 0..40 {
            side.send_units(&carried(number).collect::<Vec<_>>());
        }
        side.now += MS;
        side.ack(&[20..=29, 5..=9, 1..=1]).unwrap();
        side.ack(&[0..=39]).unwrap();
        let mut fates = std::mem::take(&mut side.log.0);
        fates.sort_by_key(|(number, ..)| *number);
        assert_eq!(fates.len(), 40, "each has one");
        for (number, (named, fate, units)) in (0..).zip(fates) {
            let was_named = [20..=29, 5..=9, 1..=1].iter().any(|r| r.contains(&number));
            let is_overtaken = number < 27 && !was_named;
            assert_eq!((named, fate == Fate::Lost), (number, is_overtaken));
            assert_eq!(units, carried(number).collect::<Vec<_>>(), "{number}");
        }
        assert_eq!((side.sent.open, side.sent.open_bytes), (0, 0));
    }

    #[test]
    fn units_of_packets_that_are_forgotten_go_with_them() {
        let mut side = Side::new();
        for number in 0..10 {
            side.send_units(&[reliable(number), Unit::Tracked(Receipt(number))]);
        }
        side.ack(&[0..=4]).unwrap();
        assert_eq!(side.sent.units.units.len(), 10);
        assert_eq!(side.sent.units.sent, 10);
        side.ack(&[5..=9]).unwrap();
        assert_eq!((side.sent.units.units.len(), side.sent.units.sent), (0, 0));
    }

    #[test]
    fn a_probe_hands_out_the_oldest_open_packet_that_has_something() {
        let mut side = Side::new();
        side.send_units(&[]);
        side.send_units(&[reliable(1), reliable(2)]);
        side.send_units(&[reliable(3)]);
        side.ack(&[0..=0]).unwrap();
        let mut asked = Vec::new();
        side.sent.on_probe(|unit| {
            asked.push(unit);
            true
        });
        assert_eq!(asked, [reliable(1), reliable(2)], "all of one packet");
        asked.clear();
        side.sent.on_probe(|unit| {
            asked.push(unit);
            unit == reliable(3)
        });
        assert_eq!(asked, [reliable(1), reliable(2), reliable(3)]);
    }

    #[test]
    fn who_waits_for_a_window_asks_with_nothing_on_its_way() {
        let mut side = Side::new();
        side.round_trip.sample(100 * MS, NO_DELAY);
        let at = |side: &Side, is_blocked| {
            let at = side.sent.probe_at(&side.round_trip, NO_DELAY, is_blocked);
            at.map(|at| at - side.now)
        };
        assert_eq!(at(&side, false), None);
        assert_eq!(at(&side, true), Some(300 * MS));
    }

    #[test]
    fn packets_that_overtake_each_other_teach_patience() {
        let mut side = Side::new();
        side.send(20);
        side.ack(&[9..=9]).unwrap();
        assert_eq!(side.sent.lost(), 7, "0 to 6, overtaken by three or more");
        side.ack(&[0..=9]).unwrap();
        side.send(20);
        side.ack(&[29..=29]).unwrap();
        assert_eq!(
            side.sent.lost(),
            7 + 10,
            "10 to 19, overtaken by ten or more"
        );
    }
}
