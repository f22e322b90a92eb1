//! Messages that may be lost, as they come: too late, not whole, and without room.

#![allow(clippy::cast_possible_truncation, reason = "limits fit 32 bits")]

use std::collections::VecDeque;

use crate::limits::{
    FRAGMENT_BYTES, QUEUED_MESSAGES_MAX, UNRELIABLE_INCOMPLETE_MAX, UNRELIABLE_MAX,
};
use crate::proto::buffers::Buffers;
use crate::proto::channel::recv::event_sink::{Mailbox, Share};
use crate::proto::channel::recv::unreliable::Expendable;
use crate::proto::channel::recv::{Refused, Taken};
use crate::proto::delivery::Delivery;
use crate::proto::event::Event;
use crate::proto::peer_id::PeerId;
use crate::proto::pool::Pool;
use crate::proto::wire::message::{Head, MessageFrame, Piece};

const SEQUENCED: Delivery = Delivery::Sequenced(3);
const TOTAL: u32 = 2 * FRAGMENT_BYTES as u32;

#[derive(Default)]
struct Receiver {
    expendable: Expendable,
    events: VecDeque<Event>,
    pool: Pool,
    buffers: Buffers,
    share: Share,
}

impl Receiver {
    fn accept(
        &mut self,
        delivery: Delivery,
        sequence: u64,
        piece: Option<Piece>,
        bytes: &[u8],
    ) -> Result<Taken, Refused> {
        let mut mailbox = Mailbox {
            peer: PeerId {
                index: 0,
                generation: 0,
            },
            events: &mut self.events,
            pool: &mut self.pool,
            buffers: &mut self.buffers,
            share: &mut self.share,
        };
        let head = Head {
            delivery,
            sequence,
            is_tracked: false,
            piece,
            len: bytes.len(),
        };
        let frame = MessageFrame { head, bytes };
        self.expendable.accept(&frame, &mut mailbox)
    }

    fn whole(&mut self, delivery: Delivery, sequence: u64) -> Result<Taken, Refused> {
        self.accept(delivery, sequence, None, &[7])
    }

    /// One of the two pieces of a message.
    fn piece(&mut self, delivery: Delivery, sequence: u64, index: u32) -> Result<Taken, Refused> {
        let piece = Piece {
            total: TOTAL,
            index,
        };
        self.accept(delivery, sequence, Some(piece), &[7; FRAGMENT_BYTES])
    }

    /// The application takes everything.
    fn take_all(&mut self) {
        for event in self.events.drain(..) {
            if let Event::Message { bytes, .. } = event {
                self.share.on_taken(bytes.len());
            }
        }
    }
}

#[test]
fn a_sequenced_message_never_goes_back() {
    for base in [62, 16_382, (1 << 30) - 2, (1 << 62) - 4] {
        let mut receiver = Receiver::default();
        assert_eq!(receiver.whole(SEQUENCED, base + 1), Ok(Taken::Delivered));
        for late in [base + 1, base, 0] {
            assert_eq!(receiver.whole(SEQUENCED, late), Ok(Taken::TooLate));
            assert_eq!(receiver.piece(SEQUENCED, late, 0), Ok(Taken::TooLate));
        }
        assert_eq!(receiver.whole(SEQUENCED, base + 3), Ok(Taken::Delivered));
        assert_eq!(receiver.whole(SEQUENCED, base + 2), Ok(Taken::TooLate));
        assert_eq!(receiver.events.len(), 2);
    }
}

#[test]
fn every_channel_has_its_own_newest_message() {
    let mut receiver = Receiver::default();
    for channel in 0..=255 {
        let delivery = Delivery::Sequenced(channel);
        let sequence = 1000 - u64::from(channel);
        assert_eq!(receiver.whole(delivery, sequence), Ok(Taken::Delivered));
        assert_eq!(receiver.whole(delivery, sequence - 1), Ok(Taken::TooLate));
    }
}

#[test]
fn unreliable_messages_overtake_each_other_whole_or_in_pieces() {
    let mut receiver = Receiver::default();
    assert_eq!(receiver.piece(Delivery::Unreliable, 1, 1), Ok(Taken::Waits));
    assert_eq!(receiver.piece(Delivery::Unreliable, 0, 0), Ok(Taken::Waits));
    let taken = receiver.whole(Delivery::Unreliable, 0);
    assert_eq!(taken, Ok(Taken::Delivered));
    let taken = receiver.piece(Delivery::Unreliable, 1, 0);
    assert_eq!(taken, Ok(Taken::Delivered));
    let taken = receiver.piece(Delivery::Unreliable, 0, 1);
    assert_eq!(taken, Ok(Taken::Delivered));
}

#[test]
fn a_newer_message_gives_up_what_is_not_whole_in_its_channel() {
    let mut receiver = Receiver::default();
    let other = Delivery::Sequenced(4);
    receiver.piece(SEQUENCED, 1, 0).unwrap();
    receiver.piece(SEQUENCED, 3, 0).unwrap();
    receiver.piece(other, 1, 0).unwrap();
    assert_eq!(receiver.whole(SEQUENCED, 2), Ok(Taken::Delivered));
    assert_eq!(receiver.piece(SEQUENCED, 1, 1), Ok(Taken::TooLate));
    assert_eq!(receiver.piece(SEQUENCED, 3, 1), Ok(Taken::Delivered));
    assert_eq!(receiver.piece(other, 1, 1), Ok(Taken::Delivered));
}

#[test]
fn the_message_that_began_first_is_given_up_for_one_too_many_and_never_acknowledged_whole() {
    let mut receiver = Receiver::default();
    let max = UNRELIABLE_INCOMPLETE_MAX as u64;
    for sequence in 0..=max {
        let taken = receiver.piece(Delivery::Unreliable, sequence, 0);
        assert_eq!(taken, Ok(Taken::Waits));
    }
    // Its first piece was acknowledged, so its last one must not be.
    assert_eq!(receiver.piece(Delivery::Unreliable, 0, 1), Err(Refused));
    for sequence in 1..=max {
        let taken = receiver.piece(Delivery::Unreliable, sequence, 1);
        assert_eq!(taken, Ok(Taken::Delivered), "{sequence}");
    }
}

#[test]
fn what_is_older_than_a_message_that_was_given_up_does_not_begin() {
    let mut receiver = Receiver::default();
    let max = UNRELIABLE_INCOMPLETE_MAX as u64;
    for sequence in 10..=10 + max {
        receiver.piece(Delivery::Unreliable, sequence, 0).unwrap();
    }
    // Whether it was given up as well nobody remembers.
    for old in [0, 9, 10] {
        assert_eq!(receiver.piece(Delivery::Unreliable, old, 1), Err(Refused));
    }
    let taken = receiver.whole(Delivery::Unreliable, 0);
    assert_eq!(taken, Ok(Taken::Delivered), "a whole one has no sequence");
}

#[test]
fn a_sequenced_message_that_was_given_up_is_too_late() {
    let mut receiver = Receiver::default();
    let max = UNRELIABLE_INCOMPLETE_MAX as u64;
    for sequence in 0..=max {
        receiver.piece(SEQUENCED, sequence, 0).unwrap();
    }
    assert_eq!(receiver.piece(SEQUENCED, 0, 1), Ok(Taken::TooLate));
    assert_eq!(receiver.piece(SEQUENCED, 1, 1), Ok(Taken::Delivered));
}

#[test]
fn a_message_that_its_own_beginning_makes_too_late_is_refused() {
    let mut receiver = Receiver::default();
    let max = UNRELIABLE_INCOMPLETE_MAX as u64;
    receiver.piece(SEQUENCED, 100, 0).unwrap();
    for sequence in 101..100 + max {
        receiver.piece(SEQUENCED, sequence, 0).unwrap();
    }
    assert_eq!(receiver.piece(SEQUENCED, 50, 0), Err(Refused));
    assert_eq!(receiver.piece(SEQUENCED, 50, 1), Ok(Taken::TooLate));
}

#[test]
fn pieces_of_two_totals_are_no_message() {
    for delivery in [Delivery::Unreliable, SEQUENCED] {
        let mut receiver = Receiver::default();
        receiver.piece(delivery, 0, 0).unwrap();
        for total in [TOTAL - 1, TOTAL + 1, UNRELIABLE_MAX as u32] {
            let piece = Piece { total, index: 1 };
            let bytes = vec![7; piece.len()];
            let taken = receiver.accept(delivery, 0, Some(piece), &bytes);
            assert_eq!(taken, Err(Refused), "{total}");
        }
        assert_eq!(receiver.piece(delivery, 0, 1), Ok(Taken::Delivered));
    }
}

#[test]
fn without_room_nothing_is_taken_and_with_room_it_goes_on() {
    let mut receiver = Receiver::default();
    receiver.piece(Delivery::Unreliable, 0, 0).unwrap();
    for _ in 0..QUEUED_MESSAGES_MAX {
        receiver.whole(Delivery::Unreliable, 0).unwrap();
    }
    assert_eq!(receiver.whole(Delivery::Unreliable, 0), Err(Refused));
    assert_eq!(receiver.whole(SEQUENCED, 5), Err(Refused));
    assert_eq!(receiver.piece(Delivery::Unreliable, 0, 1), Err(Refused));
    receiver.take_all();
    let taken = receiver.whole(SEQUENCED, 4);
    assert_eq!(taken, Ok(Taken::Delivered), "what was refused never came");
    let taken = receiver.piece(Delivery::Unreliable, 0, 1);
    assert_eq!(taken, Ok(Taken::Waits), "its other piece is forgotten");
}
