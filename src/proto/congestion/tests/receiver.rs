//! The side that receives: it acknowledges as a host does, and notes what arrived and how late.

use std::ops::RangeInclusive;

use crate::limits::{ACK_DELAY_DEFAULT, ACK_RANGES_MAX};
use crate::proto::time::{Duration, Instant};

use super::datagram::{Ack, Content, PIECE};

#[derive(Debug, Default)]
pub(crate) struct Receiver {
    /// The largest first.
    ranges: Vec<RangeInclusive<u64>>,
    largest_at: Option<Instant>,
    ack_at: Option<Instant>,
    pub(crate) arrived: Arrived,
}

#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// When they were made, how many, and how late they came.
    pub(crate) game: Vec<(Instant, u32, Duration)>,
    pub(crate) flood: u64,
    pub(crate) bulk_bytes: u64,
    /// When how many bytes of the transfer were there.
    pub(crate) bulk_first: Option<Instant>,
    pub(crate) bulk_last: Option<Instant>,
}

impl Receiver {
    pub(crate) fn on_packet(&mut self, number: u64, content: Content, now: Instant) {
        let expected = self.ranges.first().map_or(0, |range| range.end() + 1);
        self.insert(number);
        if number >= expected {
            self.largest_at = Some(now);
        }
        let due = if number == expected {
            now + Duration::of(ACK_DELAY_DEFAULT)
        } else {
            now
        };
        self.ack_at = Some(self.ack_at.map_or(due, |at| at.min(due)));
        self.arrived.take(content, now);
    }

    fn insert(&mut self, number: u64) {
        match self.ranges.first_mut() {
            Some(range) if *range.end() + 1 == number => *range = *range.start()..=number,
            Some(range) if *range.end() >= number => {
                unreachable!("the link neither reorders nor doubles")
            }
            _ => self.ranges.insert(0, number..=number),
        }
        self.ranges.truncate(ACK_RANGES_MAX);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.ack_at
    }

    /// The acknowledgement that is due, or that can go with the game's own packet.
    pub(crate) fn poll_ack(&mut self, has_packet: bool, now: Instant) -> Option<Ack> {
        let due = self.ack_at?;
        if due > now && !has_packet {
            return None;
        }
        self.ack_at = None;
        Some(Ack {
            ranges: self.ranges.clone(),
            delay: now - self.largest_at?,
        })
    }
}

impl Arrived {
    fn take(&mut self, content: Content, now: Instant) {
        match content {
            Content::Game { count, made_at } => {
                self.game.push((made_at, count, now - made_at));
            }
            Content::Flood => self.flood += 1,
            Content::Bulk => {
                self.bulk_bytes += PIECE as u64;
                self.bulk_first.get_or_insert(now);
                self.bulk_last = Some(now);
            }
            Content::Ping => {}
        }
    }
}
