//! Model of message delivery: the sent messages, their delivery and their outcomes.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tickwire::limits::{MESSAGE_OVERHEAD, QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX, RECEIPTS_MAX};
use tickwire::{Delivery, DisconnectReason, Event, PeerId, Receipt};

use crate::pair::Observer;

/// Minimum length of a message that contains its id.
const NAMED_LEN_MIN: usize = 8;

/// One connection between two sides. See the [module](self).
#[derive(Default)]
pub(crate) struct Model {
    /// Indexed by the sending side.
    pub(crate) ways: [Way; 2],
    peers: [Option<PeerId>; 2],
    pub(crate) ends: [Option<DisconnectReason>; 2],
    /// Events that each side read since its queue was last empty.
    backlogs: [Backlog; 2],
    /// Receive window of each side.
    pub(crate) windows: [u64; 2],
}

/// Messages from one side to the other.
#[derive(Default)]
pub(crate) struct Way {
    /// The index is the id of the message.
    sent: Vec<Sent>,
    /// Undelivered messages of each ordered channel.
    ordered: HashMap<u8, VecDeque<usize>>,
    /// Last delivered message of each sequenced channel.
    sequenced: HashMap<u8, usize>,
    /// Messages too short for an id: the number in flight by delivery and length.
    nameless: HashMap<(Delivery, usize), usize>,
    receipts: HashMap<Receipt, usize>,
    /// Undelivered reliable messages, and open receipts.
    reliable_missing: usize,
    fates_missing: usize,
    pub(crate) delivered: u64,
}

struct Sent {
    delivery: Delivery,
    len: usize,
    is_delivered: bool,
    /// Whether it was reported as acknowledged.
    fate: Option<bool>,
}

#[derive(Default, Clone, Copy)]
struct Backlog {
    messages: usize,
    bytes: usize,
    reliable_cost: u64,
    fates: usize,
}

impl Model {
    pub(crate) fn new(windows: [u64; 2]) -> Self {
        Self {
            windows,
            ..Self::default()
        }
    }

    /// The next message that `side` sends.
    pub(crate) fn next_message(&self, side: usize, len: usize) -> Vec<u8> {
        message(self.ways[side].sent.len(), len)
    }

    /// `send` accepted the message.
    pub(crate) fn on_sent(
        &mut self,
        side: usize,
        delivery: Delivery,
        len: usize,
        receipt: Option<Receipt>,
    ) {
        self.ways[side].on_sent(delivery, len, receipt);
    }

    /// Whether all reliable messages were delivered and all receipts have an outcome.
    pub(crate) fn is_settled(&self) -> bool {
        let mut ways = self.ways.iter();
        ways.all(|way| way.reliable_missing == 0 && way.fates_missing == 0)
    }

    /// Once both sides have read everything, each acknowledged message was delivered.
    pub(crate) fn assert_honest(&self) {
        for way in &self.ways {
            for (name, sent) in way.sent.iter().enumerate() {
                let is_acked = sent.fate == Some(true);
                let is_false = is_acked && !sent.is_delivered && is_named(sent.delivery, sent.len);
                assert!(!is_false, "message {name} was acknowledged, but not delivered");
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
        assert_eq!(self.peers[side], Some(event.peer()), "an event of another peer");
        assert_eq!(self.ends[side], None, "{event:?} after the disconnect");
        match event {
            Event::Message {
                delivery, bytes, ..
            } => {
                self.backlogs[side].on_message(delivery, bytes.len());
                self.ways[1 - side].on_delivered(delivery, &bytes);
            }
            Event::Acked { receipt, .. } => {
                self.backlogs[side].fates += 1;
                self.ways[side].on_fate(receipt, true, other_is_drained);
            }
            Event::Lost { receipt, .. } => {
                self.backlogs[side].fates += 1;
                self.ways[side].on_fate(receipt, false, other_is_drained);
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
        assert!(self.fates <= RECEIPTS_MAX, "{}", self.fates);
    }
}

impl Way {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.len() as u64
    }

    fn on_sent(&mut self, delivery: Delivery, len: usize, receipt: Option<Receipt>) {
        let name = self.sent.len();
        self.sent.push(Sent {
            delivery,
            len,
            is_delivered: false,
            fate: None,
        });
        self.reliable_missing += usize::from(delivery.is_reliable());
        if let Delivery::Ordered(channel) = delivery {
            self.ordered.entry(channel).or_default().push_back(name);
        } else if len < NAMED_LEN_MIN {
            *self.nameless.entry((delivery, len)).or_default() += 1;
        }
        if let Some(receipt) = receipt {
            let before = self.receipts.insert(receipt, name);
            assert_eq!(before, None, "receipt {receipt} was given twice");
            self.fates_missing += 1;
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
        } else if bytes.len() < NAMED_LEN_MIN {
            let left = self.nameless.get_mut(&(delivery, bytes.len()));
            let left = left.expect("a short message that was not sent");
            *left = left.checked_sub(1).expect("a short message was delivered twice");
        } else {
            self.on_named(delivery, bytes);
        }
    }

    fn on_named(&mut self, delivery: Delivery, bytes: &[u8]) {
        let name = u64::from_be_bytes(bytes[..8].try_into().unwrap());
        let name = usize::try_from(name).unwrap();
        let sent = self.sent.get_mut(name);
        let sent = sent.expect("a message that was not sent");
        assert_is(bytes, name, sent.len);
        assert_eq!(sent.delivery, delivery);
        let was_delivered = std::mem::replace(&mut sent.is_delivered, true);
        assert!(!was_delivered, "message {name} was delivered twice");
        if let Delivery::Sequenced(channel) = delivery {
            let last = self.sequenced.insert(channel, name);
            assert!(last < Some(name), "{last:?} was delivered before {name}");
        }
    }

    fn on_fate(&mut self, receipt: Receipt, arrived: bool, other_is_drained: bool) {
        let name = self.receipts.remove(&receipt);
        let name = name.expect("an outcome without an open receipt");
        let sent = &mut self.sent[name];
        self.fates_missing -= 1;
        sent.fate = Some(arrived);
        assert!(
            arrived || !sent.delivery.is_reliable(),
            "a reliable message was reported as lost"
        );
        let is_there = sent.is_delivered || !is_named(sent.delivery, sent.len);
        assert!(
            !arrived || is_there || !other_is_drained,
            "message {name}, {} bytes by {:?}, is acknowledged, but was not delivered",
            sent.len,
            sent.delivery
        );
    }
}

/// Whether a message can be identified.
fn is_named(delivery: Delivery, len: usize) -> bool {
    len >= NAMED_LEN_MIN || matches!(delivery, Delivery::Ordered(_))
}

/// Starts with its id if it is long enough. The other bytes depend on id and position.
fn message(name: usize, len: usize) -> Vec<u8> {
    if len < NAMED_LEN_MIN {
        return vec![7; len];
    }
    let mut bytes = (name as u64).to_be_bytes().to_vec();
    bytes.extend(rest(name, len));
    bytes
}

#[allow(clippy::cast_possible_truncation, reason = "the lowest bits are meant")]
fn rest(name: usize, len: usize) -> impl Iterator<Item = u8> {
    (NAMED_LEN_MIN..len).map(move |at| (name * 31 + at + at / 960) as u8)
}

fn assert_is(bytes: &[u8], name: usize, len: usize) {
    assert_eq!(bytes.len(), len, "message {name}");
    assert!(bytes == message(name, len), "message {name} is corrupted");
}
