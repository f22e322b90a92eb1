//! Events of both hosts with their times.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tickwire::{Delivery, DisconnectReason, Event, Receipt};

use crate::pair::Observer;

#[derive(Debug, Default)]
pub(crate) struct EventLog {
    sides: [SideLog; 2],
}

#[derive(Debug, Default)]
pub(crate) struct SideLog {
    pub(crate) messages: Vec<Message>,
    /// Whether a tracked message was acknowledged, and when this was reported.
    pub(crate) outcomes: BTreeMap<Receipt, (bool, Duration)>,
    pub(crate) end: Option<DisconnectReason>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) at: Duration,
    pub(crate) delivery: Delivery,
    pub(crate) bytes: Bytes,
}

impl EventLog {
    pub(crate) fn of(&self, side: usize) -> &SideLog {
        &self.sides[side]
    }

    /// Messages that a side received by one delivery.
    pub(crate) fn received(
        &self,
        side: usize,
        delivery: Delivery,
    ) -> impl Iterator<Item = &Message> {
        let messages = self.sides[side].messages.iter();
        messages.filter(move |message| message.delivery == delivery)
    }

    pub(crate) fn count(&self, side: usize, delivery: Delivery) -> usize {
        self.received(side, delivery).count()
    }

    /// Reported outcome of a tracked message: whether it was acknowledged.
    pub(crate) fn outcome(&self, side: usize, receipt: Receipt) -> Option<bool> {
        let outcome = self.sides[side].outcomes.get(&receipt);
        outcome.map(|(arrived, _)| *arrived)
    }
}

impl SideLog {
    fn on_outcome(&mut self, receipt: Receipt, arrived: bool, at: Duration) {
        let before = self.outcomes.insert(receipt, (arrived, at));
        assert_eq!(before, None, "receipt {receipt} has two outcomes");
    }
}

impl Observer for EventLog {
    fn on_event(&mut self, side: usize, at: Duration, event: Event, _: bool) {
        let log = &mut self.sides[side];
        match event {
            Event::Message {
                delivery, bytes, ..
            } => log.messages.push(Message {
                at,
                delivery,
                bytes,
            }),
            Event::Acked { receipt, .. } => log.on_outcome(receipt, true, at),
            Event::Lost { receipt, .. } => log.on_outcome(receipt, false, at),
            Event::Disconnected { reason, .. } => log.end = Some(reason),
            _ => {}
        }
    }
}
