//! Receiving unreliable messages: stale, incomplete, and over the quota.

#![allow(clippy::cast_possible_truncation, reason = "limits fit 32 bits")]

use std::collections::VecDeque;

use crate::limits::{
    FRAGMENT_BYTES, QUEUED_MESSAGES_MAX, UNRELIABLE_INCOMPLETE_MAX, UNRELIABLE_MAX,
};
use crate::proto::buffers::Buffers;
use crate::proto::channel::recv::event_sink::{EventSink, QueueQuota};
use crate::proto::channel::recv::unreliable::UnreliableReceiver;
use crate::proto::channel::recv::{RecvOutcome, Refused};
use crate::proto::delivery::Delivery;
use crate::proto::event::Event;
use crate::proto::peer_id::PeerId;
use crate::proto::pool::Pool;
use crate::proto::wire::message::{FragmentHeader, MessageFrame, MessageHeader};

const SEQUENCED: Delivery = Delivery::Sequenced(3);
const TOTAL: u32 = 2 * FRAGMENT_BYTES as u32;

#[derive(Default)]
struct TestReceiver {
    unreliable: UnreliableReceiver,
    events: VecDeque<Event>,
    pool: Pool,
    buffers: Buffers,
    quota: QueueQuota,
}

impl TestReceiver {
    fn accept(
        &mut self,
        delivery: Delivery,
        sequence: u64,
        fragment: Option<FragmentHeader>,
        bytes: &[u8],
    ) -> Result<RecvOutcome, Refused> {
        let mut event_sink = EventSink {
            peer: PeerId {
                index: 0,
                generation: 0,
            },
            received_at: std::time::Instant::now(),
            events: &mut self.events,
            pool: &mut self.pool,
            buffers: &mut self.buffers,
            quota: &mut self.quota,
        };
        let head = MessageHeader {
            delivery,
            sequence,
            is_tracked: false,
            fragment,
            len: bytes.len(),
        };
        let frame = MessageFrame { head, bytes };
        self.unreliable.accept(&frame, &mut event_sink)
    }

    fn whole(&mut self, delivery: Delivery, sequence: u64) -> Result<RecvOutcome, Refused> {
        self.accept(delivery, sequence, None, &[7])
    }

    fn fragment(
        &mut self,
        delivery: Delivery,
        sequence: u64,
        index: u32,
    ) -> Result<RecvOutcome, Refused> {
        let fragment = FragmentHeader {
            total: TOTAL,
            index,
        };
        self.accept(delivery, sequence, Some(fragment), &[7; FRAGMENT_BYTES])
    }

    fn take_all(&mut self) {
        for event in self.events.drain(..) {
            if let Event::Message { bytes, .. } = event {
                self.quota.on_taken(bytes.len());
            }
        }
    }
}

#[test]
fn never_delivers_an_older_sequenced_message() {
    for base in [62, 16_382, (1 << 30) - 2, (1 << 62) - 4] {
        let mut receiver = TestReceiver::default();
        assert_eq!(
            receiver.whole(SEQUENCED, base + 1),
            Ok(RecvOutcome::Delivered)
        );
        for late in [base + 1, base, 0] {
            assert_eq!(receiver.whole(SEQUENCED, late), Ok(RecvOutcome::Stale));
            assert_eq!(
                receiver.fragment(SEQUENCED, late, 0),
                Ok(RecvOutcome::Stale)
            );
        }
        assert_eq!(
            receiver.whole(SEQUENCED, base + 3),
            Ok(RecvOutcome::Delivered)
        );
        assert_eq!(receiver.whole(SEQUENCED, base + 2), Ok(RecvOutcome::Stale));
        assert_eq!(receiver.events.len(), 2);
    }
}

#[test]
fn each_channel_has_its_own_newest_message() {
    let mut receiver = TestReceiver::default();
    for channel in 0..=255 {
        let delivery = Delivery::Sequenced(channel);
        let sequence = 1000 - u64::from(channel);
        assert_eq!(
            receiver.whole(delivery, sequence),
            Ok(RecvOutcome::Delivered)
        );
        assert_eq!(
            receiver.whole(delivery, sequence - 1),
            Ok(RecvOutcome::Stale)
        );
    }
}

#[test]
fn delivers_unreliable_messages_out_of_order() {
    let mut receiver = TestReceiver::default();
    assert_eq!(
        receiver.fragment(Delivery::Unreliable, 1, 1),
        Ok(RecvOutcome::Buffered)
    );
    assert_eq!(
        receiver.fragment(Delivery::Unreliable, 0, 0),
        Ok(RecvOutcome::Buffered)
    );
    let taken = receiver.whole(Delivery::Unreliable, 0);
    assert_eq!(taken, Ok(RecvOutcome::Delivered));
    let taken = receiver.fragment(Delivery::Unreliable, 1, 0);
    assert_eq!(taken, Ok(RecvOutcome::Delivered));
    let taken = receiver.fragment(Delivery::Unreliable, 0, 1);
    assert_eq!(taken, Ok(RecvOutcome::Delivered));
}

#[test]
fn abandons_incomplete_messages_when_a_newer_one_arrives() {
    let mut receiver = TestReceiver::default();
    let other = Delivery::Sequenced(4);
    receiver.fragment(SEQUENCED, 1, 0).unwrap();
    receiver.fragment(SEQUENCED, 3, 0).unwrap();
    receiver.fragment(other, 1, 0).unwrap();
    assert_eq!(receiver.whole(SEQUENCED, 2), Ok(RecvOutcome::Delivered));
    assert_eq!(receiver.unreliable.abandoned(), 1);
    assert_eq!(receiver.fragment(SEQUENCED, 1, 1), Ok(RecvOutcome::Stale));
    assert_eq!(
        receiver.fragment(SEQUENCED, 3, 1),
        Ok(RecvOutcome::Delivered)
    );
    assert_eq!(receiver.fragment(other, 1, 1), Ok(RecvOutcome::Delivered));
}

#[test]
fn abandons_the_oldest_reassembly_at_the_limit() {
    let mut receiver = TestReceiver::default();
    let max = UNRELIABLE_INCOMPLETE_MAX as u64;
    for sequence in 0..=max {
        let taken = receiver.fragment(Delivery::Unreliable, sequence, 0);
        assert_eq!(taken, Ok(RecvOutcome::Buffered));
    }
    assert_eq!(receiver.unreliable.abandoned(), 1);
    // Its first fragment was acknowledged, so its last one must not be.
    assert_eq!(receiver.fragment(Delivery::Unreliable, 0, 1), Err(Refused));
    for sequence in 1..=max {
        let taken = receiver.fragment(Delivery::Unreliable, sequence, 1);
        assert_eq!(taken, Ok(RecvOutcome::Delivered), "{sequence}");
    }
}

#[test]
fn rejects_messages_older_than_an_abandoned_one() {
    let mut receiver = TestReceiver::default();
    let max = UNRELIABLE_INCOMPLETE_MAX as u64;
    for sequence in 10..=10 + max {
        receiver
            .fragment(Delivery::Unreliable, sequence, 0)
            .unwrap();
    }
    // It is not recorded whether these were abandoned.
    for old in [0, 9, 10] {
        assert_eq!(
            receiver.fragment(Delivery::Unreliable, old, 1),
            Err(Refused)
        );
    }
    let taken = receiver.whole(Delivery::Unreliable, 0);
    assert_eq!(
        taken,
        Ok(RecvOutcome::Delivered),
        "an unfragmented message has no sequence"
    );
}

#[test]
fn reports_an_abandoned_sequenced_message_as_stale() {
    let mut receiver = TestReceiver::default();
    let max = UNRELIABLE_INCOMPLETE_MAX as u64;
    for sequence in 0..=max {
        receiver.fragment(SEQUENCED, sequence, 0).unwrap();
    }
    assert_eq!(receiver.fragment(SEQUENCED, 0, 1), Ok(RecvOutcome::Stale));
    assert_eq!(
        receiver.fragment(SEQUENCED, 1, 1),
        Ok(RecvOutcome::Delivered)
    );
}

#[test]
fn rejects_fragments_of_a_message_that_became_stale() {
    let mut receiver = TestReceiver::default();
    let max = UNRELIABLE_INCOMPLETE_MAX as u64;
    receiver.fragment(SEQUENCED, 100, 0).unwrap();
    for sequence in 101..100 + max {
        receiver.fragment(SEQUENCED, sequence, 0).unwrap();
    }
    assert_eq!(receiver.fragment(SEQUENCED, 50, 0), Err(Refused));
    assert_eq!(receiver.fragment(SEQUENCED, 50, 1), Ok(RecvOutcome::Stale));
}

#[test]
fn rejects_fragments_with_different_counts() {
    for delivery in [Delivery::Unreliable, SEQUENCED] {
        let mut receiver = TestReceiver::default();
        receiver.fragment(delivery, 0, 0).unwrap();
        for total in [TOTAL - 1, TOTAL + 1, UNRELIABLE_MAX as u32] {
            let fragment = FragmentHeader { total, index: 1 };
            let bytes = vec![7; fragment.len()];
            let taken = receiver.accept(delivery, 0, Some(fragment), &bytes);
            assert_eq!(taken, Err(Refused), "{total}");
        }
        assert_eq!(
            receiver.fragment(delivery, 0, 1),
            Ok(RecvOutcome::Delivered)
        );
    }
}

#[test]
fn stops_at_a_full_event_queue_and_resumes() {
    let mut receiver = TestReceiver::default();
    receiver.fragment(Delivery::Unreliable, 0, 0).unwrap();
    for _ in 0..QUEUED_MESSAGES_MAX {
        receiver.whole(Delivery::Unreliable, 0).unwrap();
    }
    assert_eq!(receiver.whole(Delivery::Unreliable, 0), Err(Refused));
    assert_eq!(receiver.whole(SEQUENCED, 5), Err(Refused));
    assert_eq!(receiver.fragment(Delivery::Unreliable, 0, 1), Err(Refused));
    receiver.take_all();
    let taken = receiver.whole(SEQUENCED, 4);
    assert_eq!(
        taken,
        Ok(RecvOutcome::Delivered),
        "a refused message does not make older ones stale"
    );
    let taken = receiver.fragment(Delivery::Unreliable, 0, 1);
    assert_eq!(
        taken,
        Ok(RecvOutcome::Buffered),
        "a refused fragment abandons its message"
    );
}
