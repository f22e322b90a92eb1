//! What the applications were told, with the time, for tests of single properties.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tickwire::{Delivery, DisconnectReason, Event, Receipt};

use crate::pair::Observer;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Diary {
    sides: [Pages; 2],
}

/// Of one side.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) messages: Vec<Message>,
    /// Whether a tracked message arrived, and when this side knew.
    pub(crate) fates: BTreeMap<Receipt, (bool, Duration)>,
    pub(crate) end: Option<DisconnectReason>,
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) at: Duration,
    pub(crate) delivery: Delivery,
    pub(crate) bytes: Bytes,
}

impl Diary {
    pub(crate) fn of(&self, side: usize) -> &Pages {
        &self.sides[side]
    }

    /// The messages that a side took of one kind.
    pub(crate) fn taken(&self, side: usize, delivery: Delivery) -> impl Iterator<Item = &Message> {
        let messages = self.sides[side].messages.iter();
        messages.filter(move |message| message.delivery == delivery)
    }

    pub(crate) fn count(&self, side: usize, delivery: Delivery) -> usize {
        self.taken(side, delivery).count()
    }

    /// Whether a message arrived, as far as its sender knows.
    pub(crate) fn fate(&self, side: usize, receipt: Receipt) -> Option<bool> {
        let fate = self.sides[side].fates.get(&receipt);
        fate.map(|(arrived, _)| *arrived)
    }
}

impl Pages {
    fn on_fate(&mut self, receipt: Receipt, arrived: bool, at: Duration) {
        let before = self.fates.insert(receipt, (arrived, at));
        assert_eq!(before, None, "receipt {receipt} has two fates");
    }
}

impl Observer for Diary {
    fn on_event(&mut self, side: usize, at: Duration, event: Event, _: bool) {
        let pages = &mut self.sides[side];
        match event {
            Event::Message {
                delivery, bytes, ..
            } => pages.messages.push(Message {
                at,
                delivery,
                bytes,
            }),
            Event::Acked { receipt, .. } => pages.on_fate(receipt, true, at),
            Event::Lost { receipt, .. } => pages.on_fate(receipt, false, at),
            Event::Disconnected { reason, .. } => pages.end = Some(reason),
            _ => {}
        }
    }
}
