//! Sending reliable messages: turns, limits, losses, and redundant copies.

use crate::limits::{
    FRAGMENT_BYTES, MESSAGE_OVERHEAD, QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX, REDUNDANT_MESSAGE_MAX,
    RELIABLE_OPEN_MAX,
};
use crate::proto::buffers::Buffers;
use crate::proto::channel::receipts::Receipts;
use crate::proto::channel::send::cadence::COPY_ALONE_AFTER;
use crate::proto::channel::send::redundancy::COPY_SPACING;
use crate::proto::channel::send::reliable::{PacketBuilder, ReliableQueue};
use crate::proto::channel::send::stream::FragmentKey;
use crate::proto::delivery::{Delivery, Receipt};
use crate::proto::recovery::sent_packets::{SentFrame, SentFrames};
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::Writer;
use crate::proto::wire::frame::{Frame, Frames};
use crate::proto::wire::packet::PAYLOAD_MAX;

use Delivery::Ordered;

const MS: Duration = Duration::from_millis(1);

/// Delivery, sequence and fragment of a frame in a packet.
type SentFragment = (Delivery, u64, u32);

struct ReliableTestSender {
    reliable: ReliableQueue,
    receipts: Receipts,
    buffers: Buffers,
    frames: SentFrames,
    number: u64,
    now: Instant,
    is_lossy: bool,
}

struct SentPayload {
    number: u64,
    frames: Vec<SentFrame>,
    carried: Vec<SentFragment>,
}

impl ReliableTestSender {
    fn new(redundancy: u8, window: u64) -> Self {
        Self {
            reliable: ReliableQueue::new(redundancy, window, 1 << 30),
            receipts: Receipts::default(),
            buffers: Buffers::default(),
            frames: SentFrames::default(),
            number: 0,
            now: Instant::START,
            is_lossy: false,
        }
    }

    fn push(&mut self, delivery: Delivery, len: usize) {
        let message = vec![7; len];
        self.reliable
            .push(delivery, &message, None, &mut self.buffers);
    }

    fn push_tracked(&mut self, delivery: Delivery) -> Receipt {
        let receipt = self.receipts.issue(1, None);
        self.reliable
            .push(delivery, &[7], Some(receipt), &mut self.buffers);
        receipt
    }

    fn send(&mut self) -> SentPayload {
        self.send_into(PAYLOAD_MAX)
    }

    fn send_into(&mut self, room: usize) -> SentPayload {
        let mut buffer = [0; PAYLOAD_MAX];
        let mut writer = Writer::new(&mut buffer[..room]);
        let number = self.number;
        self.number += 1;
        self.reliable.write(&mut PacketBuilder {
            writer: &mut writer,
            frames: &mut self.frames,
            number,
            now: self.now,
            patience: Duration::of(COPY_ALONE_AFTER),
            is_lossy: self.is_lossy,
        });
        let carried = carried(writer.written());
        let frames = self.frames.take();
        assert_eq!(frames.len(), carried.len(), "every frame is recorded");
        SentPayload {
            number,
            frames,
            carried,
        }
    }

    fn send_all(&mut self) -> Vec<SentPayload> {
        let next = || Some(self.send()).filter(|left| !left.carried.is_empty());
        std::iter::from_fn(next).collect()
    }

    fn ack(&mut self, left: &SentPayload) {
        for frame in &left.frames {
            let (stream, key, _) = fragments(*frame);
            let (receipts, buffers) = (&mut self.receipts, &mut self.buffers);
            self.reliable.on_acked(stream, key, receipts, buffers);
        }
    }

    fn lose(&mut self, left: &SentPayload) {
        for frame in &left.frames {
            let (stream, key, is_first) = fragments(*frame);
            self.reliable.on_lost(stream, key, is_first, left.number);
        }
    }

    fn probe(&mut self, left: &SentPayload) -> bool {
        let mut again = |frame: &SentFrame| {
            let (stream, key, _) = fragments(*frame);
            self.reliable.on_probe(stream, key)
        };
        left.frames.iter().filter(|frame| again(frame)).count() > 0
    }

    fn arrived(&mut self) -> Vec<Receipt> {
        let mut fates = Vec::new();
        while let Some(fate) = self.receipts.next_outcome() {
            assert!(fate.arrived);
            fates.push(fate.receipt);
        }
        fates
    }
}

fn fragments(frame: SentFrame) -> (u16, FragmentKey, bool) {
    match frame {
        SentFrame::Reliable {
            stream,
            is_first,
            fragment,
            sequence,
        } => (stream, FragmentKey { sequence, fragment }, is_first),
        SentFrame::Tracked(_) => panic!("the queue holds only reliable messages"),
    }
}

fn carried(payload: &[u8]) -> Vec<SentFragment> {
    if payload.is_empty() {
        return Vec::new();
    }
    let head = |frame| match frame {
        Frame::Message(message) => {
            let fragment = message.head.fragment.map_or(0, |fragment| fragment.index);
            (message.head.delivery, message.head.sequence, fragment)
        }
        other => panic!("expected a message, not {other:?}"),
    };
    Frames::check(payload).unwrap().map(head).collect()
}

fn cost(len: usize) -> u64 {
    (len + MESSAGE_OVERHEAD) as u64
}

#[test]
fn a_long_message_blocks_only_its_channel() {
    let mut sender = ReliableTestSender::new(0, 1 << 20);
    sender.push(Ordered(1), 50 * FRAGMENT_BYTES);
    sender.push(Ordered(1), 1);
    sender.push(Ordered(2), 1);
    sender.push(Delivery::Reliable, 1);
    let first: Vec<_> = (0..3).flat_map(|_| sender.send().carried).collect();
    assert!(first.contains(&(Ordered(2), 0, 0)));
    assert!(first.contains(&(Delivery::Reliable, 0, 0)));
    assert!(!first.contains(&(Ordered(1), 1, 0)));
    let rest: Vec<_> = sender.send_all();
    assert!(
        rest.last()
            .unwrap()
            .carried
            .ends_with(&[(Ordered(1), 1, 0)])
    );
}

#[test]
fn channels_take_turns() {
    let mut sender = ReliableTestSender::new(0, 1 << 20);
    for channel in [1, 2, 3] {
        sender.push(Ordered(channel), 5 * FRAGMENT_BYTES);
    }
    let order = sender.send_all();
    let channels: Vec<_> = order.iter().map(|left| left.carried[0].0).collect();
    let expected: Vec<_> = (0..15).map(|n| Ordered(1 + n % 3)).collect();
    assert_eq!(channels, expected);
}

#[test]
fn limits_open_messages() {
    let mut sender = ReliableTestSender::new(0, 1 << 30);
    for channel in [1, 2] {
        (0..1000).for_each(|_| sender.push(Ordered(channel), 0));
    }
    let left = sender.send_all();
    let open: usize = left.iter().map(|left| left.carried.len()).sum();
    assert_eq!(open, RELIABLE_OPEN_MAX);
    sender.ack(&left[0]);
    let more: usize = sender
        .send_all()
        .iter()
        .map(|left| left.carried.len())
        .sum();
    assert_eq!(more, left[0].carried.len());
}

#[test]
fn a_blocked_channel_leaves_quota_for_the_longest_message() {
    let longest = 65_536;
    let mut sender = ReliableTestSender::new(0, 2 * cost(longest));
    (0..3000).for_each(|_| sender.push(Ordered(1), 100));
    sender.push(Ordered(2), longest);
    sender.push(Ordered(2), longest);
    let left = sender.send_all();
    let of = |channel| {
        let carried = left.iter().flat_map(|left| &left.carried);
        carried.filter(move |one| one.0 == Ordered(channel))
    };
    let whole = longest.div_ceil(FRAGMENT_BYTES);
    assert_eq!(of(2).count(), whole, "one message is sent completely");
    assert!(of(1).count() > 0);
    assert!(sender.reliable.is_blocked());
}

#[test]
fn sends_blocked_messages_when_the_window_opens() {
    let mut sender = ReliableTestSender::new(0, cost(10));
    sender.push(Delivery::Reliable, 10);
    let first = sender.send_all();
    sender.push(Delivery::Reliable, 10);
    assert!(sender.reliable.is_blocked() && sender.send_all().is_empty());
    sender.ack(&first[0]);
    assert!(
        sender.reliable.is_blocked(),
        "an acknowledgement does not extend the window"
    );
    sender.reliable.on_window(2 * cost(10) - 1);
    assert!(sender.reliable.is_blocked());
    sender.reliable.on_window(2 * cost(10));
    assert!(!sender.reliable.is_blocked());
    sender.reliable.on_window(0);
    assert_eq!(
        sender.send_all().len(),
        1,
        "an older window update is ignored"
    );
}

#[test]
fn retransmits_first_and_only_missing_fragments() {
    let mut sender = ReliableTestSender::new(0, 1 << 20);
    sender.push(Ordered(1), 3 * FRAGMENT_BYTES);
    let left = sender.send_all();
    sender.ack(&left[1]);
    sender.push(Ordered(1), 1);
    left.iter().for_each(|left| sender.lose(left));
    let again: Vec<_> = sender.send_all().into_iter().map(|l| l.carried).collect();
    // The second fragment does not fit beside the first one, so a new message is sent.
    let expected = [(Ordered(1), 0, 0), (Ordered(1), 1, 0), (Ordered(1), 0, 2)];
    assert_eq!(again.concat(), expected);
    assert_eq!(sender.reliable.counts.retransmitted, 2);
}

#[test]
fn defers_messages_that_do_not_fit() {
    let mut sender = ReliableTestSender::new(0, 1 << 20);
    sender.push(Ordered(1), 500);
    let left = sender.send();
    sender.lose(&left);
    assert_eq!(sender.send_into(100).carried, []);
    assert_eq!(sender.send().carried, [(Ordered(1), 0, 0)]);
    assert!(!sender.reliable.has_something());
}

#[test]
fn sequence_numbers_cross_every_encoded_length() {
    for wrap in [1 << 6, 1 << 14, 1 << 30, (1 << 62) - 60] {
        let mut sender = ReliableTestSender::new(2, 1 << 20);
        let start = wrap - 50;
        sender.reliable.start_at(Ordered(1), start);
        (0..100).for_each(|_| sender.push(Ordered(1), 40));
        let left = sender.send_all();
        let sequences = left.iter().flat_map(|left| &left.carried);
        let sequences: Vec<_> = sequences.map(|one| one.1).collect();
        assert_eq!(sequences, (start..start + 100).collect::<Vec<_>>());
        sender.lose(&left[1]);
        assert_eq!(sender.send().carried, left[1].carried, "from {start}");
        left.iter().for_each(|left| sender.ack(left));
        assert_eq!(sender.reliable.queued(), (0, 0));
    }
}

#[test]
fn sends_redundant_copies_in_later_packets() {
    let mut sender = ReliableTestSender::new(2, 1 << 20);
    sender.push(Ordered(1), REDUNDANT_MESSAGE_MAX);
    assert_eq!(sender.send().carried.len(), 1);
    sender.now += Duration::of(COPY_SPACING).saturating_sub(MS);
    assert_eq!(sender.send().carried, [], "a copy waits for the spacing");
    for _ in 0..2 {
        sender.now += Duration::of(COPY_SPACING);
        assert_eq!(sender.send().carried, [(Ordered(1), 0, 0)]);
        assert_eq!(sender.send().carried, [], "a copy is sent once");
    }
    sender.now += 1000 * MS;
    assert_eq!(
        sender.send().carried,
        [],
        "only the configured number of copies is sent"
    );
    assert_eq!(sender.reliable.counts.copies_sent, 2);
    assert_eq!(
        sender
            .reliable
            .copies_alone_at(Duration::of(COPY_ALONE_AFTER)),
        None
    );
}

#[test]
fn sends_more_copies_under_loss() {
    let mut sender = ReliableTestSender::new(2, 1 << 20);
    sender.is_lossy = true;
    sender.push(Ordered(1), 40);
    sender.send();
    let tick = Duration::of(COPY_ALONE_AFTER);
    let mut copies = Vec::new();
    for _ in 0..10 {
        sender.now += tick;
        copies.push(sender.send().carried.len());
    }
    assert_eq!(copies, [1, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    sender.is_lossy = false;
    sender.now += 2 * tick;
    assert_eq!(sender.send().carried.len(), 1, "the scheduled copy is sent");
    sender.now += 100 * tick;
    assert_eq!(sender.send().carried.len(), 0);
}

#[test]
fn sends_a_copy_alone_after_a_frame() {
    let mut sender = ReliableTestSender::new(1, 1 << 20);
    assert_eq!(
        sender
            .reliable
            .copies_alone_at(Duration::of(COPY_ALONE_AFTER)),
        None
    );
    sender.push(Ordered(1), 40);
    sender.send();
    let at = sender
        .reliable
        .copies_alone_at(Duration::of(COPY_ALONE_AFTER));
    assert_eq!(at, Some(sender.now + Duration::of(COPY_ALONE_AFTER)));
}

#[test]
fn sends_no_copies_of_long_or_acknowledged_messages_or_if_disabled() {
    for (redundancy, len, is_acked) in [
        (2, REDUNDANT_MESSAGE_MAX + 1, false),
        (2, 40, true),
        (0, 40, false),
    ] {
        let mut sender = ReliableTestSender::new(redundancy, 1 << 20);
        sender.is_lossy = true;
        sender.push(Delivery::Reliable, len);
        let left = sender.send();
        if is_acked {
            sender.ack(&left);
        }
        sender.now += 100 * MS;
        assert_eq!(sender.send().carried, [], "{redundancy}, {len} bytes");
    }
}

#[test]
fn declares_a_message_lost_with_its_last_packet() {
    let mut sender = ReliableTestSender::new(1, 1 << 20);
    sender.push(Ordered(1), 40);
    let first = sender.send();
    sender.now += Duration::of(COPY_SPACING);
    let copy = sender.send();
    assert_eq!(copy.carried, first.carried);
    sender.lose(&first);
    assert!(!sender.reliable.has_something(), "the copy is in flight");
    sender.lose(&copy);
    assert_eq!(sender.send().carried, first.carried);
    assert_eq!(sender.reliable.counts.retransmitted, 1);
}

#[test]
fn a_probe_sends_a_missing_message_once() {
    let mut sender = ReliableTestSender::new(0, 1 << 20);
    sender.push(Ordered(1), 40);
    let left = sender.send();
    assert!(sender.probe(&left) && sender.probe(&left));
    assert_eq!(sender.send().carried, left.carried);
    assert_eq!(sender.send().carried, []);
    sender.ack(&left);
    assert!(!sender.probe(&left));
    assert!(!sender.reliable.has_something());
}

#[test]
fn acknowledges_ordered_messages_in_order() {
    for (delivery, at_once) in [(Ordered(1), 0), (Delivery::Reliable, 2)] {
        let mut sender = ReliableTestSender::new(0, 1 << 20);
        let mut left = Vec::new();
        let receipts = [(); 3].map(|()| {
            let receipt = sender.push_tracked(delivery);
            left.push(sender.send());
            receipt
        });
        sender.ack(&left[1]);
        sender.ack(&left[2]);
        assert_eq!(sender.arrived().len(), at_once, "{delivery:?}");
        sender.ack(&left[0]);
        assert_eq!(sender.arrived().len(), receipts.len() - at_once);
    }
}

#[test]
fn limits_the_queue_by_messages_and_bytes_until_acknowledged() {
    let mut sender = ReliableTestSender::new(0, 1 << 30);
    (0..QUEUED_MESSAGES_MAX).for_each(|_| sender.push(Ordered(1), 0));
    assert!(!sender.reliable.has_room(0));
    let left = sender.send();
    sender.ack(&left);
    assert!(sender.reliable.has_room(0));

    let mut reliable = ReliableQueue::new(0, 1 << 30, QUEUED_BYTES_MAX);
    let message = vec![7; QUEUED_BYTES_MAX - 1];
    reliable.push(Ordered(1), &message, None, &mut Buffers::default());
    assert!(reliable.has_room(1) && !reliable.has_room(2));
}
