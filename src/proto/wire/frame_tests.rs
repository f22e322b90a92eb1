//! The corners of frames: what fills a packet to the last byte, what no frame is, and
//! acknowledgements that have to do with the room there is.

use std::ops::RangeInclusive;

use super::cursor::{Malformed, Writer};
use super::frame::{Frame, Frames, unreliable_len, unreliable_room, write_ack, write_ping};
use super::packet::PAYLOAD_MAX;
use crate::limits::{ACK_RANGES_MAX, UNRELIABLE_MAX};
use crate::proto::random::Random;
use crate::proto::sequence::NUMBER_MAX;

type Ranges = Vec<RangeInclusive<u64>>;

/// What is written into `room` bytes.
fn ack_in(room: usize, delay_us: u64, ranges: &Ranges) -> Vec<u8> {
    let mut buffer = vec![0; room];
    let mut writer = Writer::new(&mut buffer);
    write_ack(&mut writer, delay_us, ranges.iter().cloned());
    writer.written().to_vec()
}

fn read_ack(bytes: &[u8]) -> (u64, u64, Ranges) {
    let mut frames = Frames::check(bytes).unwrap();
    let Some(Frame::Ack(ack)) = frames.next() else {
        panic!("an acknowledgement was written");
    };
    assert_eq!(frames.next(), None);
    (ack.largest, ack.delay_us, ack.ranges().collect())
}

/// A number of a random length, because every length is written differently.
fn any_number(random: &mut Random) -> u64 {
    let bits = random.number() % 63;
    random.number() & ((1 << bits) - 1)
}

/// From the largest down, none touching the next: as many as there may be, or fewer where zero comes
/// first.
fn any_ranges(random: &mut Random) -> Ranges {
    let mut ranges = Ranges::new();
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
fn an_acknowledgement_comes_back_as_it_was_written() {
    let mut random = Random::from_seed([1; 32]);
    for round in 0..5000 {
        let (ranges, delay_us) = (any_ranges(&mut random), any_number(&mut random));
        let bytes = ack_in(PAYLOAD_MAX, delay_us, &ranges);
        let largest = *ranges[0].end();
        assert_eq!(read_ack(&bytes), (largest, delay_us, ranges), "{round}");
    }
}

#[test]
fn the_longest_acknowledgement_fits_a_packet() {
    // Every number in it takes eight bytes.
    let step = 1 << 31;
    let ranges: Ranges = (0..ACK_RANGES_MAX as u64)
        .map(|index| NUMBER_MAX - index * 2 * step)
        .map(|end| end - step + 2..=end)
        .collect();
    let bytes = ack_in(PAYLOAD_MAX, 1 << 32, &ranges);
    assert_eq!(bytes.len(), 522);
    assert_eq!(read_ack(&bytes), (NUMBER_MAX, 1 << 32, ranges));
}

#[test]
fn an_acknowledgement_is_cut_to_the_room_and_never_longer() {
    let mut random = Random::from_seed([2; 32]);
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
fn ranges_beyond_the_limit_are_left_out() {
    let ranges: Ranges = (0..40).rev().map(|index| index * 3..=index * 3).collect();
    let (_, _, named) = read_ack(&ack_in(PAYLOAD_MAX, 0, &ranges));
    assert_eq!(named, ranges[..ACK_RANGES_MAX]);
}

#[test]
fn nothing_to_acknowledge_is_nothing_to_write() {
    assert_eq!(ack_in(PAYLOAD_MAX, 0, &Ranges::new()), []);
}

/// An acknowledgement of `count` ranges of one number each, with one missing between them.
fn ack_of(largest: u8, count: u8) -> Vec<u8> {
    let mut bytes = vec![2, largest, 0, count - 1, 0];
    for _ in 1..count {
        bytes.extend([0, 0]);
    }
    bytes
}

#[test]
fn thirty_two_ranges_are_an_acknowledgement_and_thirty_three_are_none() {
    assert_eq!(read_ack(&ack_of(63, 32)).2.len(), 32);
    // Below 255 there are numbers enough for 33 ranges.
    let mut bytes = vec![2, 0x40, 0xff, 0, 32, 0];
    bytes.extend([0; 64]);
    assert_eq!(Frames::check(&bytes).err(), Some(Malformed));
    bytes[4] = 31;
    bytes.truncate(6 + 62);
    assert!(Frames::check(&bytes).is_ok());
}

#[test]
fn a_range_below_zero_is_none() {
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
        &[2, 5, 0, 1, 5, 0, 0], // nothing is below zero
        &[2, 5, 0, 1, 4, 0, 0], // 1 to 5: 0 would be missing, and nothing left
    ];
    for bytes in goes_below {
        assert_eq!(Frames::check(bytes).err(), Some(Malformed), "{bytes:?}");
    }
    let most = [0xff; 8];
    let huge = [&[2, 5, 0, 1, 0][..], &most, &most].concat();
    assert_eq!(Frames::check(&huge).err(), Some(Malformed));
}

#[test]
fn a_number_that_is_longer_than_it_must_be_is_none() {
    let fine: [&[u8]; 2] = [&[2, 5, 0, 1, 1, 0, 0], &[6, 1, 9]];
    for bytes in fine {
        assert!(Frames::check(bytes).is_ok());
    }
    let longer: [&[u8]; 6] = [
        &[2, 0x40, 5, 0, 1, 1, 0, 0],
        &[2, 5, 0x40, 0, 1, 1, 0, 0],
        &[2, 5, 0, 1, 0x40, 1, 0, 0],
        &[2, 5, 0, 1, 1, 0x40, 0, 0],
        &[2, 5, 0, 1, 1, 0, 0x80, 0, 0, 0],
        &[6, 0x40, 1, 9],
    ];
    for bytes in longer {
        assert_eq!(Frames::check(bytes).err(), Some(Malformed), "{bytes:?}");
    }
}

#[test]
fn a_payload_is_filled_to_the_last_byte() {
    let mut buffer = [0; PAYLOAD_MAX];
    let mut writer = Writer::new(&mut buffer);
    unreliable_room(&mut writer, UNRELIABLE_MAX).fill(9);
    assert_eq!(writer.room(), 0);
    assert_eq!(writer.len(), unreliable_len(UNRELIABLE_MAX));
    let frames: Vec<_> = Frames::check(&buffer).unwrap().collect();
    assert_eq!(frames, [Frame::Unreliable(&[9; UNRELIABLE_MAX])]);

    let mut writer = Writer::new(&mut buffer);
    while writer.room() > 0 {
        write_ping(&mut writer);
    }
    assert_eq!(Frames::check(&buffer).unwrap().count(), PAYLOAD_MAX);
}

#[test]
fn one_frame_that_is_none_spoils_the_packet() {
    for bad in [&[0][..], &[7], &[255], &[3, 0, 0, 0], &[6, 2, 1]] {
        let bytes = [&[1, 1][..], bad].concat();
        assert_eq!(Frames::check(&bytes).err(), Some(Malformed), "{bad:?}");
    }
    assert_eq!(Frames::check(&[]).err(), Some(Malformed), "no frame at all");
}

#[test]
fn acknowledgements_alone_want_no_acknowledgement() {
    let frames: [&[u8]; 6] = [
        &[1],
        &[3, 0, 0, 0, 0],
        &[4, 0, 0, 0, 0, 0, 0, 0, 0],
        &[5, 0, 0, 0, 0, 0, 0, 0, 0],
        &[6, 0],
        &[2, 0, 0, 0, 0],
    ];
    let wants = frames.map(|bytes| Frames::check(bytes).unwrap().all(|frame| frame.wants_ack()));
    assert_eq!(wants, [true, true, true, true, true, false]);
}
