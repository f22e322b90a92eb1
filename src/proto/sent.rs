//! The packets that want an acknowledgement and have none yet: how long a round trip takes, what was
//! lost, and when a silent peer is asked again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::round_trip::RoundTrip;
use super::wire::Malformed;
use super::wire::frame::AckFrame;
use crate::limits::{IN_FLIGHT_MAX, PROBE_MAX, REORDERING_PACKETS};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Sent {
    /// The number of the next packet.
    next: u64,
    /// In the order of their numbers.
    in_flight: VecDeque<Packet>,
    /// How many of them are still open, neither acknowledged nor given up.
    open: usize,
    /// When the last one that wants an acknowledgement left.
    asked_at: Instant,
    /// How often the peer was asked since it last answered.
    probes: u32,
    lost: u64,
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    number: u64,
    at: Instant,
    is_open: bool,
    content: Content,
}

/// How much memory a packet takes that is on its way.
pub(crate) const PACKET_BYTES: usize = size_of::<Packet>();

/// What a packet carried that matters when it is acknowledged.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Content {
    /// The largest number that an acknowledgement in it named.
    pub(crate) acknowledged: Option<u64>,
    pub(crate) is_disconnect: bool,
}

/// What an acknowledgement said that was not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct News {
    /// Our acknowledgements up to this number have arrived.
    pub(crate) acknowledged: Option<u64>,
    /// The peer knows that it is over.
    pub(crate) disconnect_arrived: bool,
}

impl Sent {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            next: 0,
            in_flight: VecDeque::new(),
            open: 0,
            asked_at: now,
            probes: 0,
            lost: 0,
        }
    }

    /// A number for a packet, never the same twice.
    pub(crate) fn take_number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// A packet that wants an acknowledgement leaves.
    pub(crate) fn on_sent(&mut self, number: u64, content: Content, now: Instant) {
        if self.in_flight.len() == IN_FLIGHT_MAX {
            self.drop_oldest();
        }
        self.in_flight.push_back(Packet {
            number,
            at: now,
            is_open: true,
            content,
        });
        self.open += 1;
        self.asked_at = now;
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.in_flight.pop_front().filter(|packet| packet.is_open) {
            debug_assert!(oldest.number < self.next);
            self.open -= 1;
            self.lost += 1;
        }
    }

    /// Takes in an acknowledgement. One of packets that were never sent is refused as a whole.
    pub(crate) fn on_ack(
        &mut self,
        ack: &AckFrame<'_>,
        round_trip: &mut RoundTrip,
        ack_delay_max: Duration,
        now: Instant,
    ) -> Result<News, Malformed> {
        if ack.largest >= self.next {
            return Err(Malformed);
        }
        let mut news = News {
            acknowledged: None,
            disconnect_arrived: false,
        };
        let mut largest_news = None;
        self.close_named(ack, |packet| {
            largest_news = largest_news.max(Some((packet.number, packet.at)));
            news.acknowledged = news.acknowledged.max(packet.content.acknowledged);
            news.disconnect_arrived |= packet.content.is_disconnect;
        });
        if let Some((number, at)) = largest_news {
            self.probes = 0;
            // An acknowledgement that comes a second time would make a round trip out of its repetition.
            if number == ack.largest {
                let delay = Duration::from_micros(ack.delay_us).min(ack_delay_max);
                round_trip.sample(now.saturating_duration_since(at), delay);
            }
            self.give_up_overtaken(ack.largest, round_trip.reordering(), now);
        }
        self.forget_closed();
        Ok(news)
    }

    /// Closes the packets that the ranges name; both run from the largest number down.
    fn close_named(&mut self, ack: &AckFrame<'_>, mut each: impl FnMut(&Packet)) {
        let mut ranges = ack.ranges();
        let mut range = ranges.next();
        for packet in self.in_flight.iter_mut().rev() {
            while range
                .as_ref()
                .is_some_and(|range| *range.start() > packet.number)
            {
                range = ranges.next();
            }
            let Some(range) = &range else { return };
            if packet.is_open && range.contains(&packet.number) {
                packet.is_open = false;
                self.open -= 1;
                each(packet);
            }
        }
    }

    /// Gives up what three later packets have overtaken, or one that left much later.
    fn give_up_overtaken(&mut self, largest: u64, reordering: Duration, now: Instant) {
        for packet in &mut self.in_flight {
            if packet.number >= largest {
                return;
            }
            let is_overtaken = packet.number + REORDERING_PACKETS <= largest
                || now.saturating_duration_since(packet.at) > reordering;
            if packet.is_open && is_overtaken {
                packet.is_open = false;
                self.open -= 1;
                self.lost += 1;
            }
        }
    }

    fn forget_closed(&mut self) {
        while self.in_flight.front().is_some_and(|packet| !packet.is_open) {
            self.in_flight.pop_front();
        }
    }

    /// When the peer is to be asked for an acknowledgement that is missing; each time in a row it gets
    /// twice as long.
    pub(crate) fn probe_at(&self, round_trip: &RoundTrip, ack_delay: Duration) -> Option<Instant> {
        if self.open == 0 {
            return None;
        }
        let timeout = round_trip.probe_timeout(ack_delay);
        let backed_off = timeout.saturating_mul(1 << self.probes.min(16));
        Some(self.asked_at + backed_off.min(PROBE_MAX.max(timeout)))
    }

    pub(crate) fn on_probe(&mut self) {
        self.probes += 1;
    }

    /// How many packets were given up.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::Writer;
    use super::super::wire::frame::{Frame, Frames, write_ack};
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const NO_DELAY: Duration = Duration::ZERO;

    struct Side {
        sent: Sent,
        round_trip: RoundTrip,
        now: Instant,
    }

    impl Side {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                sent: Sent::new(now),
                round_trip: RoundTrip::new(),
                now,
            }
        }

        fn send(&mut self, count: usize) {
            for _ in 0..count {
                let number = self.sent.take_number();
                self.sent.on_sent(number, Content::default(), self.now);
            }
        }

        fn ack(&mut self, ranges: &[std::ops::RangeInclusive<u64>]) -> Result<News, Malformed> {
            let mut buffer = [0; 200];
            let mut writer = Writer::new(&mut buffer);
            write_ack(&mut writer, 0, ranges.iter().cloned());
            let mut frames = Frames::check(writer.written()).unwrap();
            let Some(Frame::Ack(ack)) = frames.next() else {
                panic!("an acknowledgement was written");
            };
            self.sent
                .on_ack(&ack, &mut self.round_trip, NO_DELAY, self.now)
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
        assert_eq!(side.sent.probe_at(&side.round_trip, NO_DELAY), None);
        side.round_trip.sample(100 * MS, NO_DELAY);
        side.send(1);
        for timeout in [300, 600, 1200, 2000, 2000] {
            let at = side.sent.probe_at(&side.round_trip, NO_DELAY).unwrap();
            assert_eq!(at - side.now, timeout * MS);
            side.now = at;
            side.sent.on_probe();
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
}
