//! Receiving reliable messages, also from a peer that ignores every limit.

#![allow(clippy::cast_possible_truncation, reason = "limits fit 32 bits")]

use std::collections::VecDeque;

use crate::limits::{
    CHANNEL_KEPT, FRAGMENT_BYTES, MESSAGE_OVERHEAD, RELIABLE_OPEN_MAX, ROOMY_CHANNELS,
};
use crate::proto::buffers::Buffers;
use crate::proto::channel::recv::event_sink::{EventSink, QueueQuota};
use crate::proto::channel::recv::flow_control::ReceiveWindow;
use crate::proto::channel::recv::stream::RecvStream;
use crate::proto::channel::recv::{RecvChannels, RecvOutcome, Refused};
use crate::proto::delivery::Delivery;
use crate::proto::event::Event;
use crate::proto::peer_id::PeerId;
use crate::proto::pool::Pool;
use crate::proto::wire::message::{FragmentHeader, MessageFrame, MessageHeader};

const ORDERED: Delivery = Delivery::Ordered(7);

/// Sequences around every change of the encoded length.
const WRAPS: [u64; 4] = [1 << 6, 1 << 14, 1 << 30, (1 << 62) - 8];

#[derive(Default)]
struct Post {
    events: VecDeque<Event>,
    pool: Pool,
    buffers: Buffers,
    quota: QueueQuota,
}

impl Post {
    fn event_sink(&mut self) -> EventSink<'_> {
        EventSink {
            peer: PeerId {
                index: 0,
                generation: 0,
            },
            received_at: std::time::Instant::now(),
            events: &mut self.events,
            pool: &mut self.pool,
            buffers: &mut self.buffers,
            quota: &mut self.quota,
        }
    }

    fn delivered(&mut self) -> Vec<Vec<u8>> {
        let bytes = |event| match event {
            Event::Message { bytes, .. } => bytes.to_vec(),
            other => panic!("expected a message, not {other:?}"),
        };
        self.events.drain(..).map(bytes).collect()
    }
}

struct StreamTestReceiver {
    stream: RecvStream,
    window: ReceiveWindow,
    post: Post,
}

impl StreamTestReceiver {
    fn new(delivery: Delivery) -> Self {
        Self::starting_at(delivery, 0, 1 << 20)
    }

    fn starting_at(delivery: Delivery, next: u64, window: u64) -> Self {
        Self {
            stream: RecvStream::starting_at(delivery, next),
            window: ReceiveWindow::new(window),
            post: Post::default(),
        }
    }

    fn whole(&mut self, sequence: u64, bytes: &[u8]) -> Result<RecvOutcome, Refused> {
        self.accept(sequence, None, bytes)
    }

    fn fragment(&mut self, sequence: u64, total: u32, index: u32) -> Result<RecvOutcome, Refused> {
        let fragment = FragmentHeader { total, index };
        let bytes = vec![u8::try_from(index).unwrap(); fragment.len()];
        self.accept(sequence, Some(fragment), &bytes)
    }

    fn accept(
        &mut self,
        sequence: u64,
        fragment: Option<FragmentHeader>,
        bytes: &[u8],
    ) -> Result<RecvOutcome, Refused> {
        let frame = frame(self.stream.delivery, sequence, fragment, bytes);
        let event_sink = &mut self.post.event_sink();
        self.stream.accept(&frame, &mut self.window, event_sink)
    }

    /// The first byte of each message.
    fn delivered(&mut self) -> Vec<u8> {
        let delivered = self.post.delivered();
        delivered.iter().map(|message| message[0]).collect()
    }
}

fn frame(
    delivery: Delivery,
    sequence: u64,
    fragment: Option<FragmentHeader>,
    bytes: &[u8],
) -> MessageFrame<'_> {
    let head = MessageHeader {
        delivery,
        sequence,
        is_tracked: false,
        fragment,
        len: bytes.len(),
    };
    MessageFrame { head, bytes }
}

fn cost(len: usize) -> u64 {
    (len + MESSAGE_OVERHEAD) as u64
}

#[test]
fn delivers_ordered_messages_after_their_predecessors() {
    for start in WRAPS.map(|wrap| wrap - 2) {
        let mut receiver = StreamTestReceiver::starting_at(ORDERED, start, 1 << 20);
        for n in [2, 1, 4] {
            let taken = receiver.whole(start + u64::from(n), &[n]);
            assert_eq!(taken, Ok(RecvOutcome::Buffered), "{n} from {start}");
        }
        assert_eq!(receiver.delivered(), []);
        assert_eq!(receiver.whole(start, &[0]), Ok(RecvOutcome::Delivered));
        assert_eq!(receiver.delivered(), [0, 1, 2]);
        assert_eq!(receiver.whole(start + 3, &[3]), Ok(RecvOutcome::Delivered));
        assert_eq!(receiver.delivered(), [3, 4]);
    }
}

#[test]
fn delivers_reliable_messages_independently() {
    for start in WRAPS.map(|wrap| wrap - 2) {
        let mut receiver = StreamTestReceiver::starting_at(Delivery::Reliable, start, 1 << 20);
        for n in [3, 1, 0, 2] {
            let taken = receiver.whole(start + u64::from(n), &[n]);
            assert_eq!(taken, Ok(RecvOutcome::Delivered), "{n} from {start}");
            assert_eq!(receiver.delivered(), [n]);
        }
    }
}

#[test]
fn delivers_a_duplicate_once() {
    for delivery in [ORDERED, Delivery::Reliable] {
        let mut receiver = StreamTestReceiver::new(delivery);
        for n in [1, 0, 2] {
            receiver.whole(u64::from(n), &[n]).unwrap();
            let held = receiver.window.held();
            for again in [n, 1] {
                let taken = receiver.whole(again.into(), &[99]);
                assert_eq!(taken, Ok(RecvOutcome::Duplicate), "{again} of {delivery:?}");
            }
            assert_eq!(
                receiver.window.held(),
                held,
                "a duplicate does not count against the window"
            );
        }
        let mut delivered = receiver.delivered();
        delivered.sort_unstable();
        assert_eq!(delivered, [0, 1, 2]);
    }
}

#[test]
fn reassembles_fragments_in_any_order_and_counts_each_once() {
    for start in WRAPS.map(|wrap| wrap - 1) {
        let mut receiver = StreamTestReceiver::starting_at(ORDERED, start, 1 << 20);
        let total = 3 * FRAGMENT_BYTES as u32 - 5;
        for (index, taken) in [
            (2, RecvOutcome::Buffered),
            (0, RecvOutcome::Buffered),
            (2, RecvOutcome::Buffered),
        ] {
            assert_eq!(receiver.fragment(start, total, index), Ok(taken));
        }
        assert_eq!(
            receiver.window.held(),
            cost(total as usize),
            "the whole message counts from its first fragment"
        );
        assert_eq!(
            receiver.fragment(start, total, 1),
            Ok(RecvOutcome::Delivered)
        );
        let [message] = &receiver.post.delivered()[..] else {
            panic!("expected one message");
        };
        let expected = [
            [0; FRAGMENT_BYTES].to_vec(),
            vec![1; FRAGMENT_BYTES],
            vec![2; FRAGMENT_BYTES - 5],
        ];
        assert_eq!(*message, expected.concat());
        assert_eq!(
            receiver.fragment(start, total, 1),
            Ok(RecvOutcome::Duplicate)
        );
    }
}

#[test]
fn delivers_a_fragmented_message_after_its_predecessor() {
    let mut receiver = StreamTestReceiver::new(ORDERED);
    let total = FRAGMENT_BYTES as u32 + 1;
    assert_eq!(receiver.fragment(1, total, 0), Ok(RecvOutcome::Buffered));
    assert_eq!(receiver.whole(2, &[2]), Ok(RecvOutcome::Buffered));
    assert_eq!(receiver.fragment(1, total, 1), Ok(RecvOutcome::Buffered));
    assert_eq!(
        receiver.fragment(1, total, 0),
        Ok(RecvOutcome::Duplicate),
        "the message is complete"
    );
    assert_eq!(receiver.whole(0, &[9]), Ok(RecvOutcome::Delivered));
    assert_eq!(receiver.delivered(), [9, 0, 2]);
}

#[test]
fn rejects_fragments_with_different_counts() {
    let mut receiver = StreamTestReceiver::new(ORDERED);
    receiver.fragment(0, 2000, 0).unwrap();
    let held = receiver.window.held();
    for total in [1999, 2001, 1921, 16 << 20] {
        assert_eq!(receiver.fragment(0, total, 1), Err(Refused), "{total}");
    }
    assert_eq!(
        receiver.whole(0, &[7]),
        Err(Refused),
        "a whole message with the sequence of a fragmented one"
    );
    assert_eq!(receiver.window.held(), held);
    receiver.fragment(0, 2000, 1).unwrap();
    assert_eq!(receiver.fragment(0, 2000, 2), Ok(RecvOutcome::Delivered));
}

#[test]
fn rejects_a_sequence_far_beyond_the_first_gap() {
    let max = RELIABLE_OPEN_MAX as u64;
    for delivery in [ORDERED, Delivery::Reliable] {
        let mut receiver = StreamTestReceiver::new(delivery);
        for sequence in [max, max + 1, 1 << 32, (1 << 62) - 1] {
            let total = 2000;
            assert_eq!(receiver.whole(sequence, &[1]), Err(Refused), "{sequence}");
            assert_eq!(receiver.fragment(sequence, total, 0), Err(Refused));
        }
        assert_eq!(
            receiver.window.held(),
            0,
            "a rejected message is not stored"
        );
        assert!(receiver.whole(max - 1, &[1]).is_ok());
        receiver.whole(0, &[0]).unwrap();
        assert!(
            receiver.whole(max, &[1]).is_ok(),
            "the limit moves with the first gap"
        );
    }
}

#[test]
fn accepts_the_highest_sequence_number() {
    let last = (1 << 62) - 1;
    for delivery in [ORDERED, Delivery::Reliable] {
        let mut receiver = StreamTestReceiver::starting_at(delivery, last - 1, 1 << 20);
        receiver.whole(last, &[2]).unwrap();
        receiver.whole(last - 1, &[1]).unwrap();
        let mut delivered = receiver.delivered();
        delivered.sort_unstable();
        assert_eq!(delivered, [1, 2]);
        assert_eq!(receiver.whole(last, &[2]), Ok(RecvOutcome::Duplicate));
    }
}

#[test]
fn rejects_messages_beyond_the_window_before_storing_them() {
    let mut receiver = StreamTestReceiver::starting_at(ORDERED, 0, 2 * cost(2000));
    receiver.fragment(1, 2000, 0).unwrap();
    assert_eq!(
        receiver.fragment(2, 2001, 0),
        Err(Refused),
        "one byte over the window"
    );
    receiver.fragment(2, 2000, 0).unwrap();
    assert_eq!(
        receiver.whole(0, &[]),
        Err(Refused),
        "the overhead of an empty message counts"
    );
    // A started message may be completed.
    receiver.fragment(1, 2000, 1).unwrap();
    receiver.fragment(1, 2000, 2).unwrap();
    receiver.window.on_taken(2000);
    assert_eq!(receiver.whole(0, &[5]), Ok(RecvOutcome::Delivered));
    assert_eq!(receiver.delivered(), [5, 0]);
}

#[test]
fn a_gap_in_one_channel_delays_no_other() {
    let (mut channels, mut post) = (RecvChannels::new(1 << 16, 1 << 20), Post::default());
    let mut accept = |delivery, sequence| {
        let frame = frame(delivery, sequence, None, &[7]);
        channels.accept(&frame, &mut post.event_sink())
    };
    assert_eq!(accept(Delivery::Ordered(1), 5), Ok(RecvOutcome::Buffered));
    assert_eq!(accept(Delivery::Ordered(2), 0), Ok(RecvOutcome::Delivered));
    assert_eq!(accept(Delivery::Reliable, 9), Ok(RecvOutcome::Delivered));
    assert_eq!(
        accept(Delivery::Sequenced(1), 3),
        Ok(RecvOutcome::Delivered)
    );
}

#[test]
fn rejects_a_message_over_the_agreed_length() {
    let (mut channels, mut post) = (RecvChannels::new(2000, 1 << 20), Post::default());
    let mut accept = |total| {
        let fragment = FragmentHeader { total, index: 0 };
        let frame = frame(ORDERED, 0, Some(fragment), &[7; FRAGMENT_BYTES]);
        channels.accept(&frame, &mut post.event_sink())
    };
    assert_eq!(accept(2001), Err(Refused));
    assert_eq!(accept(2000), Ok(RecvOutcome::Buffered));
    assert_eq!(channels.held(), cost(2000));
}

#[test]
fn idle_channels_release_memory() {
    let (mut channels, mut post) = (RecvChannels::new(1 << 16, 1 << 20), Post::default());
    let max = RELIABLE_OPEN_MAX as u64;
    let info = allocation_counter::measure(|| {
        for channel in 0..=255 {
            let delivery = Delivery::Ordered(channel);
            for sequence in (0..max).rev() {
                let frame = frame(delivery, sequence, None, &[]);
                channels.accept(&frame, &mut post.event_sink()).unwrap();
                post.buffers = Buffers::default();
            }
            assert_eq!(post.events.len(), RELIABLE_OPEN_MAX);
            post.events
                .drain(..)
                .for_each(|_| channels.on_taken(delivery, 0));
        }
        post = Post::default();
    });
    let kept = ROOMY_CHANNELS * RELIABLE_OPEN_MAX + 256 * CHANNEL_KEPT;
    let most = kept * super::STREAM_ENTRY_BYTES + 2 * 256 * super::super::RECV_CHANNEL_BYTES;
    let held = usize::try_from(info.bytes_current).unwrap();
    assert!(held <= most, "{held} of {most}");
}
