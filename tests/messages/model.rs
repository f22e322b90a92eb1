//! Model of message delivery: the sent messages, their delivery and their outcomes.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tickwire::limits::{MESSAGE_OVERHEAD, QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX, RECEIPTS_MAX};
use tickwire::{Delivery, DisconnectReason, Event, PeerId, Receipt};

use crate::pair::Observer;

/// Minimum length of a message that contains its id.
const ID_LEN_MIN: usize = 8;

/// One connection between two sides.
#[derive(Default)]
pub(crate) struct Model {
    /// Indexed by the sending side.
    pub(crate) directions: [Direction; 2],
    peers: [Option<PeerId>; 2],
    pub(crate) ends: [Option<DisconnectReason>; 2],
    /// Events that each side read since its queue was last empty.
    backlogs: [Backlog; 2],
    pub(crate) windows: [u64; 2],
}

#[derive(Default)]
pub(crate) struct Direction {
    /// The index is the id of the message.
    sent: Vec<Sent>,
    ordered: HashMap<u8, VecDeque<usize>>,
    sequenced: HashMap<u8, usize>,
    /// Messages too short for an id: the number in flight by delivery and length.
    unidentified: HashMap<(Delivery, usize), usize>,
    receipts: HashMap<Receipt, usize>,
    /// Undelivered reliable messages, and open receipts.
    reliable_missing: usize,
    outcomes_missing: usize,
    pub(crate) delivered: u64,
}

struct Sent {
    delivery: Delivery,
    len: usize,
    is_delivered: bool,
    /// Whether it was reported as acknowledged.
    outcome: Option<bool>,
}

#[derive(Default, Clone, Copy)]
struct Backlog {
    messages: usize,
    bytes: usize,
    reliable_cost: u64,
    outcomes: usize,
}

impl Model {
    pub(crate) fn new(windows: [u64; 2]) -> Self {
        Self {
            windows,
            ..Self::default()
        }
    }

    pub(crate) fn next_message(&self, side: usize, len: usize) -> Vec<u8> {
        message(self.directions[side].sent.len(), len)
    }

    pub(crate) fn on_sent(
        &mut self,
        side: usize,
        delivery: Delivery,
        len: usize,
        receipt: Option<Receipt>,
    ) {
        self.directions[side].on_sent(delivery, len, receipt);
    }

    /// Whether all reliable messages were delivered and all receipts have an outcome.
    pub(crate) fn is_settled(&self) -> bool {
        let mut directions = self.directions.iter();
        directions
            .all(|direction| direction.reliable_missing == 0 && direction.outcomes_missing == 0)
    }

    /// Once both sides have read everything, each acknowledged message was delivered.
    pub(crate) fn assert_acks_are_true(&self) {
        for direction in &self.directions {
            for (id, sent) in direction.sent.iter().enumerate() {
                let is_acked = sent.outcome == Some(true);
                let is_false = is_acked && !sent.is_delivered && has_id(sent.delivery, sent.len);
                assert!(
                    !is_false,
                    "message {id} was acknowledged, but not delivered"
                );
            }
        }
    }
}

impl Observer for Model {
    fn on_event(&mut self, side: usize, _: Duration, event: Event, other_is_drained: bool) {
        if let Event::Connected { peer, .. } = event {
            assert_eq!(self.peers[side].replace(peer), None);
            return;
        }
        assert_eq!(
            self.peers[side],
            Some(event.peer()),
            "an event of another peer"
        );
        assert_eq!(self.ends[side], None, "{event:?} after the disconnect");
        match event {
            Event::Message {
                delivery, bytes, ..
            } => {
                self.backlogs[side].on_message(delivery, bytes.len());
                self.directions[1 - side].on_delivered(delivery, &bytes);
            }
            Event::Acked { receipt, .. } => {
                self.backlogs[side].outcomes += 1;
                self.directions[side].on_outcome(receipt, true, other_is_drained);
            }
            Event::Lost { receipt, .. } => {
                self.backlogs[side].outcomes += 1;
                self.directions[side].on_outcome(receipt, false, other_is_drained);
            }
            Event::Disconnected { reason, .. } => self.ends[side] = Some(reason),
            other => panic!("unexpected event {other:?}"),
        }
    }

    fn on_drained(&mut self, side: usize) {
        let window = self.windows[side];
        std::mem::take(&mut self.backlogs[side]).assert_within(window);
    }
}

impl Backlog {
    fn on_message(&mut self, delivery: Delivery, len: usize) {
        if delivery.is_reliable() {
            self.reliable_cost += (len + MESSAGE_OVERHEAD) as u64;
        } else {
            self.messages += 1;
            self.bytes += len;
        }
    }

    fn assert_within(self, window: u64) {
        assert!(self.messages <= QUEUED_MESSAGES_MAX, "{}", self.messages);
        assert!(self.bytes <= QUEUED_BYTES_MAX, "{}", self.bytes);
        assert!(self.reliable_cost <= window, "{}", self.reliable_cost);
        assert!(self.outcomes <= RECEIPTS_MAX, "{}", self.outcomes);
    }
}

impl Direction {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.len() as u64
    }

    fn on_sent(&mut self, delivery: Delivery, len: usize, receipt: Option<Receipt>) {
        let id = self.sent.len();
        self.sent.push(Sent {
            delivery,
            len,
            is_delivered: false,
            outcome: None,
        });
        self.reliable_missing += usize::from(delivery.is_reliable());
        if let Delivery::Ordered(channel) = delivery {
            self.ordered.entry(channel).or_default().push_back(id);
        } else if len < ID_LEN_MIN {
            *self.unidentified.entry((delivery, len)).or_default() += 1;
        }
        if let Some(receipt) = receipt {
            let before = self.receipts.insert(receipt, id);
            assert_eq!(before, None, "receipt {receipt} was given twice");
            self.outcomes_missing += 1;
        }
    }

    fn on_delivered(&mut self, delivery: Delivery, bytes: &[u8]) {
        self.delivered += 1;
        self.reliable_missing -= usize::from(delivery.is_reliable());
        if let Delivery::Ordered(channel) = delivery {
            let next = self.ordered.get_mut(&channel).and_then(VecDeque::pop_front);
            let next = next.expect("an ordered message that was not sent");
            assert_is(bytes, next, self.sent[next].len);
            self.sent[next].is_delivered = true;
        } else if bytes.len() < ID_LEN_MIN {
            let left = self.unidentified.get_mut(&(delivery, bytes.len()));
            let left = left.expect("a short message that was not sent");
            *left = left
                .checked_sub(1)
                .expect("a short message was delivered twice");
        } else {
            self.on_identified(delivery, bytes);
        }
    }

    fn on_identified(&mut self, delivery: Delivery, bytes: &[u8]) {
        let id = u64::from_be_bytes(bytes[..8].try_into().unwrap());
        let id = usize::try_from(id).unwrap();
        let sent = self.sent.get_mut(id);
        let sent = sent.expect("a message that was not sent");
        assert_is(bytes, id, sent.len);
        assert_eq!(sent.delivery, delivery);
        let was_delivered = std::mem::replace(&mut sent.is_delivered, true);
        assert!(!was_delivered, "message {id} was delivered twice");
        if let Delivery::Sequenced(channel) = delivery {
            let last = self.sequenced.insert(channel, id);
            assert!(last < Some(id), "{last:?} was delivered before {id}");
        }
    }

    fn on_outcome(&mut self, receipt: Receipt, arrived: bool, other_is_drained: bool) {
        let id = self.receipts.remove(&receipt);
        let id = id.expect("an outcome without an open receipt");
        let sent = &mut self.sent[id];
        self.outcomes_missing -= 1;
        sent.outcome = Some(arrived);
        assert!(
            arrived || !sent.delivery.is_reliable(),
            "a reliable message was reported as lost"
        );
        let is_there = sent.is_delivered || !has_id(sent.delivery, sent.len);
        assert!(
            !arrived || is_there || !other_is_drained,
            "message {id}, {} bytes by {:?}, is acknowledged, but was not delivered",
            sent.len,
            sent.delivery
        );
    }
}

fn has_id(delivery: Delivery, len: usize) -> bool {
    len >= ID_LEN_MIN || matches!(delivery, Delivery::Ordered(_))
}

/// Starts with its id if it is long enough. The other bytes depend on id and position.
fn message(id: usize, len: usize) -> Vec<u8> {
    if len < ID_LEN_MIN {
        return vec![7; len];
    }
    let mut bytes = (id as u64).to_be_bytes().to_vec();
    bytes.extend(rest(id, len));
    bytes
}

#[allow(clippy::cast_possible_truncation, reason = "the lowest bits are meant")]
fn rest(id: usize, len: usize) -> impl Iterator<Item = u8> {
    (ID_LEN_MIN..len).map(move |at| (id * 31 + at + at / 960) as u8)
}

fn assert_is(bytes: &[u8], id: usize, len: usize) {
    assert_eq!(bytes.len(), len, "message {id}");
    assert!(bytes == message(id, len), "message {id} is corrupted");
}
