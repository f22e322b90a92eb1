//! Full packets, invalid frames, and acknowledgements in limited room.

use std::ops::RangeInclusive;

use crate::limits::{
    ACK_RANGES_MAX, FRAGMENT_BYTES, MESSAGE_MAX, UNRELIABLE_FRAGMENTS_MAX, UNRELIABLE_MAX,
    WHOLE_MAX,
};
use crate::proto::delivery::Delivery;
use crate::proto::rng::SeededRng;
use crate::proto::wire::cursor::{Malformed, Writer};
use crate::proto::wire::frame::{Frame, Frames, write_ack, write_ping};
use crate::proto::wire::message::{FragmentHeader, MessageFrame, MessageHeader, whole_max};
use crate::proto::wire::packet::PAYLOAD_MAX;
use crate::proto::wire::packet_number::NUMBER_MAX;

type RangeList = Vec<RangeInclusive<u64>>;

/// The acknowledgement written into `room` bytes.
fn ack_in(room: usize, delay_us: u64, ranges: &RangeList) -> Vec<u8> {
    let mut buffer = vec![0; room];
    let mut writer = Writer::new(&mut buffer);
    write_ack(&mut writer, delay_us, ranges.iter().cloned());
    writer.written().to_vec()
}

fn read_ack(bytes: &[u8]) -> (u64, u64, RangeList) {
    let mut frames = Frames::check(bytes).unwrap();
    let Some(Frame::Ack(ack)) = frames.next() else {
        panic!("an acknowledgement was written");
    };
    assert_eq!(frames.next(), None);
    (ack.largest, ack.delay_us, ack.ranges().collect())
}

/// Every encoded length occurs.
fn any_number(random: &mut SeededRng) -> u64 {
    let bits = random.number() % 63;
    random.number() & ((1 << bits) - 1)
}

/// Random ranges, largest first.
fn any_ranges(random: &mut SeededRng) -> RangeList {
    let mut ranges = RangeList::new();
    let mut largest = Some(any_number(random));
    let gap_bits = random.number() % 62;
    while let Some(end) = largest.filter(|_| ranges.len() < ACK_RANGES_MAX) {
        let start = end - (random.number() & ((1 << gap_bits) - 1)).min(end);
        ranges.push(start..=end);
        let gap = 2 + (random.number() & ((1 << gap_bits) - 1));
        largest = start.checked_sub(gap);
    }
    ranges
}

#[test]
fn reads_an_acknowledgement_as_it_was_written() {
    let mut random = SeededRng::from_seed([1; 32]);
    for round in 0..5000 {
        let (ranges, delay_us) = (any_ranges(&mut random), any_number(&mut random));
        let bytes = ack_in(PAYLOAD_MAX, delay_us, &ranges);
        let largest = *ranges[0].end();
        assert_eq!(read_ack(&bytes), (largest, delay_us, ranges), "{round}");
    }
}

#[test]
fn the_longest_acknowledgement_fits_a_packet() {
    let step = 1 << 31;
    let ranges: RangeList = (0..ACK_RANGES_MAX as u64)
        .map(|index| NUMBER_MAX - index * 2 * step)
        .map(|end| end - step + 2..=end)
        .collect();
    let bytes = ack_in(PAYLOAD_MAX, 1 << 32, &ranges);
    assert_eq!(bytes.len(), 522);
    assert_eq!(read_ack(&bytes), (NUMBER_MAX, 1 << 32, ranges));
}

#[test]
fn truncates_an_acknowledgement_to_the_room() {
    let mut random = SeededRng::from_seed([2; 32]);
    for round in 0..500 {
        let (ranges, delay_us) = (any_ranges(&mut random), any_number(&mut random));
        let whole = ack_in(PAYLOAD_MAX, delay_us, &ranges).len();
        let least = ack_in(PAYLOAD_MAX, delay_us, &ranges[..1].to_vec()).len();
        let mut count_before = 0;
        for room in 0..=whole {
            let bytes = ack_in(room, delay_us, &ranges);
            assert_eq!(bytes.is_empty(), room < least, "{round}: {room}");
            if bytes.is_empty() {
                continue;
            }
            let (_, _, named) = read_ack(&bytes);
            assert_eq!(named, ranges[..named.len()], "{round}: the largest first");
            assert!(named.len() >= count_before, "more room, more ranges");
            count_before = named.len();
        }
        assert_eq!(count_before, ranges.len(), "{round}");
    }
}

#[test]
fn omits_ranges_beyond_the_limit() {
    let ranges: RangeList = (0..40).rev().map(|index| index * 3..=index * 3).collect();
    let (_, _, named) = read_ack(&ack_in(PAYLOAD_MAX, 0, &ranges));
    assert_eq!(named, ranges[..ACK_RANGES_MAX]);
}

#[test]
fn writes_no_acknowledgement_without_ranges() {
    assert_eq!(ack_in(PAYLOAD_MAX, 0, &RangeList::new()), []);
}

/// An acknowledgement of `count` ranges of one number each, with gaps of one number.
fn ack_of(largest: u8, count: u8) -> Vec<u8> {
    let mut bytes = vec![2, largest, 0, count - 1, 0];
    for _ in 1..count {
        bytes.extend([0, 0]);
    }
    bytes
}

#[test]
fn rejects_more_than_32_ranges() {
    assert_eq!(read_ack(&ack_of(63, 32)).2.len(), 32);
    // Below 255 there is room for 33 ranges.
    let mut bytes = vec![2, 0x40, 0xff, 0, 32, 0];
    bytes.extend([0; 64]);
    assert_eq!(Frames::check(&bytes).err(), Some(Malformed));
    bytes[4] = 31;
    bytes.truncate(6 + 62);
    assert!(Frames::check(&bytes).is_ok());
}

#[test]
fn rejects_a_range_below_zero() {
    let reaches_zero: [&[u8]; 3] = [
        &[2, 5, 0, 0, 5],
        &[2, 5, 0, 1, 1, 0, 2], // 4 and 5, not 3, 0 to 2
        &[2, 5, 0, 1, 1, 2, 0], // 4 and 5, not 1 to 3, 0
    ];
    for bytes in reaches_zero {
        assert_eq!(
            read_ack(bytes).2.last().map(|range| *range.start()),
            Some(0)
        );
    }
    let goes_below: [&[u8]; 5] = [
        &[2, 5, 0, 0, 6],
        &[2, 5, 0, 1, 1, 0, 3],
        &[2, 5, 0, 1, 1, 3, 0],
        &[2, 5, 0, 1, 5, 0, 0], // below zero
        &[2, 5, 0, 1, 4, 0, 0], // 1 to 5: the gap would be 0, and nothing is left
    ];
    for bytes in goes_below {
        assert_eq!(Frames::check(bytes).err(), Some(Malformed), "{bytes:?}");
    }
    let most = [0xff; 8];
    let huge = [&[2, 5, 0, 1, 0][..], &most, &most].concat();
    assert_eq!(Frames::check(&huge).err(), Some(Malformed));
}

#[test]
fn rejects_a_number_that_is_not_in_its_shortest_form() {
    let fine: [&[u8]; 2] = [&[2, 5, 0, 1, 1, 0, 0], &[0x40, 1, 9]];
    for bytes in fine {
        assert!(Frames::check(bytes).is_ok());
    }
    let longer: [&[u8]; 11] = [
        &[2, 0x40, 5, 0, 1, 1, 0, 0],
        &[2, 5, 0x40, 0, 1, 1, 0, 0],
        &[2, 5, 0, 1, 0x40, 1, 0, 0],
        &[2, 5, 0, 1, 1, 0x40, 0, 0],
        &[2, 5, 0, 1, 1, 0, 0x80, 0, 0, 0],
        &[6, 0x40, 5],
        &[7, 0, 0x40, 5],
        &[0x42, 0x40, 5, 0],
        &[0x43, 1, 5, 0x40, 0],
        &[0x46, 5, 0x43, 0xc1, 0x40, 1, 9],
        &[0x40, 0x40, 1, 9],
    ];
    for bytes in longer {
        assert_eq!(Frames::check(bytes).err(), Some(Malformed), "{bytes:?}");
    }
}

#[test]
fn reads_a_message_that_fills_the_payload() {
    let mut buffer = [0; PAYLOAD_MAX];
    let mut writer = Writer::new(&mut buffer);
    let message = whole(Delivery::Unreliable, &[9; WHOLE_MAX]);
    message.write(&mut writer);
    assert_eq!(writer.room(), 0);
    assert_eq!(writer.len(), message.head.encoded_len() + WHOLE_MAX);
    let frames: Vec<_> = Frames::check(&buffer).unwrap().collect();
    assert_eq!(frames, [Frame::Message(message)]);

    let mut writer = Writer::new(&mut buffer);
    while writer.room() > 0 {
        write_ping(&mut writer);
    }
    assert_eq!(Frames::check(&buffer).unwrap().count(), PAYLOAD_MAX);
}

#[test]
fn rejects_a_packet_with_one_malformed_frame() {
    for bad in [
        &[0][..],
        &[7],
        &[8],
        &[0x3f],
        &[255],
        &[3, 0, 0, 0],
        &[6],
        &[7, 1],
        &[0x40, 2, 1],
    ] {
        let bytes = [&[1, 1][..], bad].concat();
        assert_eq!(Frames::check(&bytes).err(), Some(Malformed), "{bad:?}");
    }
    assert_eq!(Frames::check(&[]).err(), Some(Malformed), "no frame");
}

#[test]
fn all_frames_but_acknowledgements_and_stale_notices_are_ack_eliciting() {
    let frames: [(&[u8], bool); 8] = [
        (&[1], true),
        (&[3, 0, 0, 0, 0], true),
        (&[4, 0, 0, 0, 0, 0, 0, 0, 0], true),
        (&[5, 0, 0, 0, 0, 0, 0, 0, 0], true),
        (&[6, 0], true),
        (&[0x40, 0], true),
        (&[7, 0, 0], false),
        (&[2, 0, 0, 0, 0], false),
    ];
    for (bytes, wants_ack) in frames {
        let frames = Frames::check(bytes).unwrap();
        assert_eq!(frames.wants_ack(), wants_ack, "{bytes:?}");
        assert!(
            frames
                .into_iter()
                .all(|frame| frame.wants_ack() == wants_ack)
        );
    }
    let both = Frames::check(&[7, 0, 0, 2, 0, 0, 0, 0, 0x40, 0]).unwrap();
    assert!(both.wants_ack(), "one ack-eliciting frame is enough");
}

fn whole(delivery: Delivery, bytes: &[u8]) -> MessageFrame<'_> {
    let head = MessageHeader {
        delivery,
        sequence: 0,
        is_tracked: false,
        fragment: None,
        len: bytes.len(),
    };
    MessageFrame { head, bytes }
}

fn fragment(delivery: Delivery, total: usize, index: usize) -> Vec<u8> {
    let head = MessageHeader {
        delivery,
        sequence: 0,
        is_tracked: false,
        fragment: Some(FragmentHeader {
            total: u32::try_from(total).unwrap(),
            index: u32::try_from(index).unwrap(),
        }),
        len: 0,
    };
    let mut buffer = [9; 2000];
    let mut writer = Writer::new(&mut buffer);
    head.write(&mut writer);
    let start = total.min(index.saturating_mul(FRAGMENT_BYTES));
    let len = writer.len() + (total - start).min(FRAGMENT_BYTES);
    buffer[..len].to_vec()
}

const DELIVERIES: [Delivery; 4] = [
    Delivery::Unreliable,
    Delivery::Sequenced(7),
    Delivery::Reliable,
    Delivery::Ordered(7),
];

#[test]
fn rejects_a_whole_message_above_its_maximum() {
    for delivery in DELIVERIES {
        let max = whole_max(delivery);
        for (len, is_fine) in [(0, true), (max, true), (max + 1, false)] {
            let mut buffer = [9; 2000];
            let bytes = [9; 2000];
            let mut writer = Writer::new(&mut buffer);
            whole(delivery, &bytes[..len]).write(&mut writer);
            let is_read = Frames::check(writer.written()).is_ok();
            assert_eq!(is_read, is_fine, "{delivery:?} of {len} bytes");
        }
    }
}

#[test]
fn rejects_a_fragmented_message_with_a_length_out_of_range() {
    for delivery in DELIVERIES {
        let max = if delivery.is_reliable() {
            MESSAGE_MAX
        } else {
            UNRELIABLE_MAX
        };
        let totals = [
            (0, false),
            (1, false),
            (FRAGMENT_BYTES, false),
            (FRAGMENT_BYTES + 1, true),
            (max, true),
            (max + 1, false),
            (u32::MAX as usize, false),
        ];
        for (total, is_fine) in totals {
            let is_read = Frames::check(&fragment(delivery, total, 0)).is_ok();
            assert_eq!(is_read, is_fine, "{delivery:?} of {total} bytes");
        }
    }
}

#[test]
fn rejects_fragment_with_index_past_count() {
    let last = UNRELIABLE_FRAGMENTS_MAX - 1;
    let cases = [
        (Delivery::Unreliable, UNRELIABLE_MAX, last),
        (Delivery::Sequenced(0), FRAGMENT_BYTES + 1, 1),
        (
            Delivery::Reliable,
            MESSAGE_MAX,
            MESSAGE_MAX / FRAGMENT_BYTES,
        ),
        (Delivery::Ordered(0), 2 * FRAGMENT_BYTES, 1),
    ];
    for (delivery, total, last) in cases {
        assert!(Frames::check(&fragment(delivery, total, last)).is_ok());
        for index in [last + 1, last + 2, 1 << 20, u32::MAX as usize] {
            let bytes = fragment(delivery, total, index);
            assert_eq!(Frames::check(&bytes).err(), Some(Malformed), "{index}");
        }
    }
    // Total and index have up to 62 bits, of which only 32 are valid.
    let beyond = [0xc0, 0, 0, 1, 0, 0, 0, 0];
    for bytes in [
        [&[0x46, 0][..], &beyond, &[0]].concat(),
        [&[0x46, 0, 0x43, 0xc1][..], &beyond].concat(),
    ] {
        assert_eq!(Frames::check(&bytes).err(), Some(Malformed), "{bytes:?}");
    }
}

#[test]
fn length_of_a_fragment_follows_from_its_index() {
    for delivery in DELIVERIES {
        for (total, index) in [(FRAGMENT_BYTES + 1, 0), (FRAGMENT_BYTES + 1, 1), (2500, 2)] {
            let bytes = fragment(delivery, total, index);
            assert!(Frames::check(&bytes).is_ok(), "{total}, {index}");
            let short = &bytes[..bytes.len() - 1];
            assert_eq!(Frames::check(short).err(), Some(Malformed), "{total}");
            // A further byte is another frame, and 9 is no frame type.
            let longer = [&bytes[..], &[9]].concat();
            assert_eq!(Frames::check(&longer).err(), Some(Malformed), "{total}");
        }
    }
}

#[test]
fn rejects_a_tracked_message_that_is_not_sequenced() {
    for first in 0x40..=0x4f {
        let channel: &[u8] = if first & 1 == 1 { &[7] } else { &[] };
        let rest: &[u8] = match first & 7 {
            0 => &[0],
            1..=3 => &[5, 0],
            _ => &[5, 0x43, 0xc1, 1, 9],
        };
        let bytes = [&[first], channel, rest].concat();
        let is_fine = first & 8 == 0 || first & 3 == 1;
        assert_eq!(Frames::check(&bytes).is_ok(), is_fine, "{first:#x}");
    }
}

#[test]
fn reads_no_message_from_other_frame_types() {
    for first in 0..=255 {
        let is_message = (0x40..=0x4f).contains(&first);
        let bytes = [first, 0, 0, 0, 0, 0, 0, 0, 0];
        let read = Frames::check(&bytes).map(|mut frames| frames.next());
        let is_read = matches!(read, Ok(Some(Frame::Message(_))));
        assert!(is_message || !is_read, "{first:#x}");
    }
}

#[test]
fn rejects_a_disconnect_with_an_invalid_text() {
    let frame = |len: u8, text: &[u8]| [&[8, 0, 0, 0, 1, len], text].concat();
    let longest = [b'a'; 65];
    assert!(Frames::check(&frame(1, b"a")).is_ok());
    assert!(Frames::check(&frame(64, &longest[..64])).is_ok());
    let bad = [
        frame(0, b""),
        frame(65, &longest),
        frame(255, &longest),
        frame(3, b"ab"),
        frame(2, &[0xc3, 0x28]),
        frame(1, &[0xff]),
        vec![8, 0, 0, 0, 1],
        vec![8, 0, 0],
    ];
    for bytes in bad {
        assert_eq!(Frames::check(&bytes).err(), Some(Malformed), "{bytes:?}");
    }
}
