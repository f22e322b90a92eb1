//! The queue of unreliable messages: order, fragments, and expiry.

use crate::limits::{
    FRAGMENT_BYTES, QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX, SENT_FRAMES_MAX, UNRELIABLE_MAX,
    WHOLE_MAX,
};
use crate::proto::channel::receipts::Receipts;
use crate::proto::channel::send::UNRELIABLE_WAIT_MAX;
use crate::proto::channel::send::unreliable::UnreliableQueue;
use crate::proto::delivery::{Delivery, Receipt};
use crate::proto::recovery::sent_packets::{SentFrame, SentFrames};
use crate::proto::rng::SeededRng;
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::Writer;
use crate::proto::wire::frame::{Frame, Frames};
use crate::proto::wire::message::MessageHeader;
use crate::proto::wire::packet::PAYLOAD_MAX;

use Delivery::{Sequenced, Unreliable};

struct TestSender {
    unreliable: UnreliableQueue,
    receipts: Receipts,
    frames: SentFrames,
    now: Instant,
}

impl TestSender {
    fn new() -> Self {
        Self {
            unreliable: UnreliableQueue::default(),
            receipts: Receipts::default(),
            frames: SentFrames::default(),
            now: Instant::START,
        }
    }

    fn push(&mut self, delivery: Delivery, message: &[u8]) {
        assert!(self.unreliable.has_room(message.len()));
        self.unreliable.push(delivery, message, None, self.now);
    }

    fn push_tracked(&mut self, delivery: Delivery, message: &[u8]) -> Receipt {
        let receipts = Some(&mut self.receipts);
        let receipt = self.unreliable.push(delivery, message, receipts, self.now);
        receipt.unwrap()
    }

    /// The next packet: headers and content.
    fn send(&mut self) -> Vec<(MessageHeader, Vec<u8>)> {
        let mut buffer = [0; PAYLOAD_MAX];
        let mut writer = Writer::new(&mut buffer);
        while self.unreliable.write_next(&mut writer, &mut self.frames) {}
        if writer.written().is_empty() {
            return Vec::new();
        }
        let frames = Frames::check(writer.written()).unwrap();
        let message = |frame| match frame {
            Frame::Message(message) => (message.head, message.bytes.to_vec()),
            other => panic!("expected a message, not {other:?}"),
        };
        frames.map(message).collect()
    }

    fn send_all(&mut self) -> Vec<(MessageHeader, Vec<u8>)> {
        let next = || Some(self.send()).filter(|messages| !messages.is_empty());
        std::iter::from_fn(next).flatten().collect()
    }

    fn drop_stale(&mut self) {
        let receipts = &mut self.receipts;
        self.unreliable
            .drop_stale(Duration::of(UNRELIABLE_WAIT_MAX), receipts, self.now);
    }
}

#[test]
fn sends_in_order_at_every_ring_offset() {
    let (mut sender, mut random) = (TestSender::new(), SeededRng::from_seed([1; 32]));
    let mut waiting = std::collections::VecDeque::new();
    for round in 0..2000_u32 {
        for n in 0..random.number() % 8 {
            let len = usize::try_from(random.number() % 400).unwrap();
            let message = vec![(u64::from(round) + n).to_le_bytes()[0]; len];
            sender.push(Unreliable, &message);
            waiting.push_back(message);
        }
        for (_, bytes) in sender.send() {
            assert_eq!(Some(bytes), waiting.pop_front(), "round {round}");
        }
    }
    for (_, bytes) in sender.send_all() {
        assert_eq!(Some(bytes), waiting.pop_front());
    }
    assert!(waiting.is_empty() && sender.unreliable.is_empty());
    assert_eq!(sender.unreliable.bytes(), 0);
}

#[test]
fn fragments_reassemble_to_the_same_message() {
    for delivery in [Unreliable, Sequenced(9)] {
        for len in [WHOLE_MAX + 1, 2 * FRAGMENT_BYTES, UNRELIABLE_MAX] {
            let mut sender = TestSender::new();
            let message: Vec<u8> = (0..len).map(|n| n.to_le_bytes()[0] ^ 5).collect();
            sender.push(delivery, &message);
            sender.push(delivery, b"next");
            let mut sent = sender.send_all();
            let (last, _) = sent.pop().unwrap();
            assert_eq!(last.fragment, None);
            let mut whole = Vec::new();
            for (index, (head, bytes)) in (0..).zip(sent) {
                let fragment = head
                    .fragment
                    .expect("messages over `WHOLE_MAX` bytes are fragmented");
                assert_eq!((fragment.index, head.sequence), (index, 0));
                whole.extend(bytes);
            }
            assert_eq!(whole, message, "{len} bytes, {delivery:?}");
        }
    }
}

#[test]
fn numbers_channels_separately_and_fragmented_unreliable_messages() {
    let mut sender = TestSender::new();
    for delivery in [Sequenced(1), Sequenced(2), Sequenced(1), Unreliable] {
        sender.push(delivery, b"a");
    }
    sender.push(Unreliable, &[7; 1000]);
    sender.push(Unreliable, &[7; 1000]);
    let sent = sender.send_all();
    let sequences: Vec<_> = sent.iter().map(|(head, _)| head.sequence).collect();
    assert_eq!(sequences, [0, 0, 1, 0, 0, 0, 1, 1]);
}

#[test]
fn drops_stale_messages_oldest_first() {
    let mut sender = TestSender::new();
    let start = sender.now;
    for n in 0..10 {
        sender.now = start + n * Duration::from_millis(10);
        sender.push(Sequenced(1), &[n.to_le_bytes()[0]]);
    }
    sender.drop_stale();
    assert_eq!(
        sender.unreliable.dropped(),
        5,
        "messages 0 to 4 have waited for 90 to 50 ms"
    );
    let sent = sender.send();
    let bytes: Vec<_> = sent.iter().map(|(_, bytes)| bytes[0]).collect();
    assert_eq!(bytes, [5, 6, 7, 8, 9]);
    assert_eq!(sent[0].0.sequence, 5, "dropped messages used sequences");
}

#[test]
fn never_drops_a_partially_sent_message() {
    let mut sender = TestSender::new();
    sender.push(Unreliable, &[7; 3000]);
    sender.push(Unreliable, b"behind it");
    sender.push(Unreliable, b"and one more");
    assert_eq!(sender.send().len(), 1);
    sender.now += 10 * Duration::of(UNRELIABLE_WAIT_MAX);
    sender.drop_stale();
    assert_eq!(sender.unreliable.dropped(), 0);
    let sent = sender.send_all();
    let fragments = sent.iter().filter(|(head, _)| head.fragment.is_some());
    assert_eq!(fragments.count(), 3, "the remaining fragments are sent");
    sender.push(Unreliable, b"old");
    sender.now += Duration::of(UNRELIABLE_WAIT_MAX);
    sender.drop_stale();
    assert_eq!(
        sender.unreliable.dropped(),
        1,
        "later messages expire again"
    );
    assert_eq!(sender.unreliable.bytes(), 0);
}

#[test]
fn reports_a_dropped_tracked_message() {
    let mut sender = TestSender::new();
    let receipt = sender.push_tracked(Unreliable, b"a");
    sender.now += Duration::of(UNRELIABLE_WAIT_MAX);
    sender.drop_stale();
    let fate = sender.receipts.next_outcome().unwrap();
    assert_eq!((fate.receipt, fate.arrived), (receipt, false));
}

#[test]
fn records_fragments_of_tracked_messages_only() {
    let mut sender = TestSender::new();
    sender.push(Unreliable, b"a");
    let cut = sender.push_tracked(Sequenced(1), &[7; 2 * FRAGMENT_BYTES]);
    let whole = sender.push_tracked(Sequenced(1), b"b");
    let sent = sender.send_all();
    let tracked = sent.iter().map(|(head, _)| head.is_tracked);
    assert_eq!(tracked.collect::<Vec<_>>(), [false, true, true, true]);
    let frames = [cut, cut, whole].map(SentFrame::Tracked);
    assert_eq!(sender.frames.take(), frames);
}

#[test]
fn defers_a_tracked_message_that_cannot_be_recorded() {
    let mut sender = TestSender::new();
    let receipt = sender.push_tracked(Unreliable, b"a");
    for _ in 0..SENT_FRAMES_MAX {
        sender.frames.push(SentFrame::Tracked(receipt));
    }
    assert_eq!(sender.send().len(), 0);
    sender.frames.take();
    assert_eq!(sender.send().len(), 1);
}

#[test]
fn limits_the_queue_by_messages_and_bytes() {
    let mut sender = TestSender::new();
    (0..QUEUED_MESSAGES_MAX).for_each(|_| sender.push(Unreliable, b""));
    assert!(!sender.unreliable.has_room(0));

    let mut sender = TestSender::new();
    while sender.unreliable.has_room(UNRELIABLE_MAX) {
        sender.push(Unreliable, &[7; UNRELIABLE_MAX]);
    }
    let rest = QUEUED_BYTES_MAX % UNRELIABLE_MAX;
    assert!(sender.unreliable.has_room(rest));
    assert!(!sender.unreliable.has_room(rest + 1));
}
