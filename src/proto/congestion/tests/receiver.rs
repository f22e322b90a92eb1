//! The receiving side of a flow: acknowledges as a host does.

use std::ops::RangeInclusive;

use super::packet::{FRAGMENT_LEN, FlowAck, Payload};
use crate::limits::{ACK_DELAY_DEFAULT, ACK_RANGES_MAX};
use crate::proto::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(super) struct FlowReceiver {
    /// Received packet numbers, the largest range first.
    ranges: Vec<RangeInclusive<u64>>,
    largest_received_at: Option<Instant>,
    ack_deadline: Option<Instant>,
    pub(super) arrived: Arrived,
}

#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// Per packet of the game: when its oldest message was created, their number, and their delay.
    pub(super) game: Vec<(Instant, u32, Duration)>,
    pub(super) flood: u64,
    pub(super) bulk_bytes: u64,
    pub(super) bulk_last: Option<Instant>,
}

impl FlowReceiver {
    pub(super) fn on_packet(&mut self, number: u64, payload: Payload, now: Instant) {
        let expected = self.ranges.first().map_or(0, |range| range.end() + 1);
        self.insert(number);
        if number >= expected {
            self.largest_received_at = Some(now);
        }
        let due = if number == expected {
            now + Duration::of(ACK_DELAY_DEFAULT)
        } else {
            now
        };
        self.ack_deadline = Some(self.ack_deadline.map_or(due, |at| at.min(due)));
        self.arrived.record(payload, now);
    }

    fn insert(&mut self, number: u64) {
        match self.ranges.first_mut() {
            Some(range) if *range.end() + 1 == number => *range = *range.start()..=number,
            Some(range) if *range.end() >= number => {
                unreachable!("the scenarios neither reorder nor duplicate")
            }
            _ => self.ranges.insert(0, number..=number),
        }
        self.ranges.truncate(ACK_RANGES_MAX);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.ack_deadline
    }

    /// The acknowledgement, if it is due or if a packet is sent anyway.
    pub(super) fn poll_ack(&mut self, has_packet: bool, now: Instant) -> Option<FlowAck> {
        let due = self.ack_deadline?;
        if due > now && !has_packet {
            return None;
        }
        self.ack_deadline = None;
        Some(FlowAck {
            ranges: self.ranges.clone(),
            delay: now - self.largest_received_at?,
        })
    }
}

impl Arrived {
    fn record(&mut self, payload: Payload, now: Instant) {
        match payload {
            Payload::Game { count, made_at } => {
                self.game.push((made_at, count, now - made_at));
            }
            Payload::Flood => self.flood += 1,
            Payload::Bulk => {
                self.bulk_bytes += FRAGMENT_LEN as u64;
                self.bulk_last = Some(now);
            }
            Payload::Ping => {}
        }
    }
}
