//! Sending one stream: order, fragments, and use of the flow control window.

use crate::limits::{CHANNEL_KEPT, FRAGMENT_BYTES, MESSAGE_OVERHEAD};
use crate::proto::channel::receipts::Receipts;
use crate::proto::channel::send::stream::{FragmentKey, SendStream};
use crate::proto::delivery::Delivery;

const ORDERED: Delivery = Delivery::Ordered(1);
const ENOUGH: u64 = 1 << 40;

/// Sequences around every change of the encoded length.
const WRAPS: [u64; 4] = [1 << 6, 1 << 14, 1 << 30, (1 << 62) - 8];

fn cost(len: usize) -> u64 {
    (len + MESSAGE_OVERHEAD) as u64
}

fn key(sequence: u64, fragment: u32) -> FragmentKey {
    FragmentKey { sequence, fragment }
}

fn send_all(stream: &mut SendStream, mut credit: u64) -> Vec<FragmentKey> {
    let mut sent = Vec::new();
    while let Some(next) = stream.next_unsent(credit) {
        credit -= stream.on_sent_first(next);
        sent.push(next);
    }
    sent
}

fn forget(stream: &mut SendStream) -> usize {
    stream.forget_acked(&mut Receipts::default())
}

#[test]
fn sends_messages_and_fragments_in_order() {
    for start in WRAPS.map(|wrap| wrap - 1) {
        let mut stream = SendStream::starting_at(ORDERED, start);
        for len in [0, 2 * FRAGMENT_BYTES + 1, FRAGMENT_BYTES] {
            stream.push(vec![7; len], None);
        }
        let expected = [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0)];
        let expected = expected.map(|(n, fragment)| key(start + n, fragment));
        assert_eq!(send_all(&mut stream, ENOUGH), expected, "from {start}");
    }
}

#[test]
fn removes_acknowledged_messages_from_the_front() {
    for start in WRAPS.map(|wrap| wrap - 2) {
        let mut stream = SendStream::starting_at(ORDERED, start);
        (0..4).for_each(|_| stream.push(vec![7], None));
        send_all(&mut stream, ENOUGH);
        assert!(stream.on_acked(key(start + 2, 0)).is_some());
        assert!(stream.on_acked(key(start + 1, 0)).is_some());
        assert_eq!(
            forget(&mut stream),
            0,
            "the first message is unacknowledged"
        );
        assert!(stream.get_mut(start + 1).is_none());
        assert!(stream.get_mut(start).is_some() && stream.get_mut(start + 3).is_some());
        assert!(stream.on_acked(key(start, 0)).is_some());
        assert_eq!(forget(&mut stream), 3);
        assert!(
            stream.get_mut(start).is_none(),
            "a removed message is not found"
        );
        assert!(stream.get_mut(start + 3).is_some());
        assert!(stream.get_mut(start + 4).is_none());
    }
}

#[test]
fn completes_a_message_with_its_last_fragment() {
    let mut stream = SendStream::new(ORDERED);
    stream.push(vec![7; 100 * FRAGMENT_BYTES], None);
    send_all(&mut stream, ENOUGH);
    for fragment in (0..100).rev().filter(|fragment| *fragment != 64) {
        assert!(stream.on_acked(key(0, fragment)).is_none());
        assert!(
            stream.on_acked(key(0, fragment)).is_none(),
            "a duplicate completes nothing"
        );
        let message = stream.get_mut(0).unwrap();
        assert!(message.has_arrived(fragment) && !message.has_arrived(64));
    }
    assert!(stream.on_acked(key(0, 64)).is_some());
    assert!(stream.on_acked(key(0, 64)).is_none());
}

#[test]
fn limits_a_kind_to_the_rest_of_the_window() {
    for window in [1000, 10_000, 262_144] {
        let mut stream = SendStream::new(ORDERED);
        (0..4000).for_each(|_| stream.push(vec![7; 36], None));
        let held = send_all(&mut stream, window).len() as u64 * cost(36);
        assert!(held <= window - held, "{held} of {window}");
        assert!(
            held + cost(36) > window - held - cost(36),
            "the stream uses all of its half"
        );
    }
}

#[test]
fn starts_a_long_message_only_in_an_empty_kind() {
    let (len, window) = (10_000, cost(10_000));
    let mut stream = SendStream::new(ORDERED);
    stream.push(vec![7; len], None);
    assert_eq!(
        stream.next_unsent(window - 1),
        None,
        "the whole message must fit"
    );
    assert!(stream.next_unsent(window).is_some());

    let mut stream = SendStream::new(ORDERED);
    stream.push(vec![], None);
    stream.push(vec![7; len], None);
    send_all(&mut stream, 1000);
    let least = 2 * window + cost(0);
    assert_eq!(stream.next_unsent(least - 1), None);
    assert!(stream.next_unsent(least).is_some());
    stream.on_acked(key(0, 0)).unwrap();
    forget(&mut stream);
    assert!(
        stream.next_unsent(window).is_some(),
        "an empty stream may use the whole window"
    );
}

#[test]
fn finishes_a_started_message_without_credit() {
    let mut stream = SendStream::new(ORDERED);
    stream.push(vec![7; FRAGMENT_BYTES + 1], None);
    let credit = cost(FRAGMENT_BYTES + 1);
    assert_eq!(stream.on_sent_first(key(0, 0)), credit);
    assert!(!stream.is_between_messages());
    assert_eq!(stream.next_unsent(0), Some(key(0, 1)));
    assert_eq!(
        stream.on_sent_first(key(0, 1)),
        0,
        "a started message uses no more credit"
    );
    assert!(stream.is_between_messages());
}

#[test]
fn only_ordered_messages_wait_behind_a_gap() {
    for (delivery, can_go_on) in [(ORDERED, false), (Delivery::Reliable, true)] {
        let mut stream = SendStream::new(delivery);
        (0..100).for_each(|_| stream.push(vec![7; 36], None));
        let sent = send_all(&mut stream, 1000);
        for key in &sent[1..] {
            stream.on_acked(*key).unwrap();
        }
        forget(&mut stream);
        let credit = 1000 - sent.len() as u64 * cost(36);
        let next = stream.next_unsent(credit);
        assert_eq!(next.is_some(), can_go_on, "{delivery:?}");
    }
}

#[test]
fn releases_memory_after_a_peak() {
    let mut stream = SendStream::new(ORDERED);
    let info = allocation_counter::measure(|| {
        for sequence in 0..4000 {
            stream.push(Vec::new(), None);
            send_all(&mut stream, ENOUGH);
            stream.on_acked(key(sequence, 0)).unwrap();
        }
        assert_eq!(forget(&mut stream), 4000);
        stream.shed();
    });
    let most = 2 * CHANNEL_KEPT * super::MESSAGE_BYTES;
    let kept = usize::try_from(info.bytes_current).unwrap();
    assert!(kept <= most, "{kept} of {most}");
}
