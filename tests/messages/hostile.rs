//! Invalid messages from a malicious peer.

use allocation_counter::measure;
use tickwire::limits::{FRAGMENT_BYTES, QUEUED_BYTES_MAX};
use tickwire::{Event, PeerId};

use crate::world::harness::Harness;
use crate::world::packets::variable;
use crate::world::rng::TestRng;
use crate::world::{Stranger, config, for_each_seed};

const NUMBER_MAX: u64 = (1 << 62) - 1;

/// Bits of the first byte of a message frame, see `proto/WIRE.md`.
const MESSAGE: u8 = 0x40;
const FRAGMENT: u8 = 0x04;

fn host_with_peer() -> (Harness, Stranger, PeerId) {
    let (mut harness, mut stranger) = (Harness::new(config()), Stranger::new(1));
    assert!(harness.handshake(&mut stranger));
    assert!(matches!(
        harness.host.poll_event(),
        Some(Event::Connected { .. })
    ));
    let peer = harness.host.peers().next().unwrap();
    (harness, stranger, peer)
}

fn send_frames(harness: &mut Harness, stranger: &mut Stranger, frames: &[u8]) {
    let packet = stranger.packet(frames);
    harness.deliver(stranger.address, &packet);
    harness.turn(|_, _| {});
}

/// A fragment frame of any delivery.
fn fragment_frame(code: u8, sequence: u64, total: u64, index: u64, len: usize) -> Vec<u8> {
    let mut frame = vec![MESSAGE | FRAGMENT | code];
    if code % 2 == 1 {
        frame.push(7); // the channel
    }
    for number in [sequence, total, index] {
        frame.extend(variable(number));
    }
    frame.resize(frame.len() + len, 7);
    frame
}

fn assert_alive(harness: &mut Harness, stranger: &mut Stranger, peer: PeerId) {
    while harness.host.poll_event().is_some() {}
    send_frames(
        harness,
        stranger,
        &[MESSAGE, 5, b'h', b'e', b'l', b'l', b'o'],
    );
    let event = harness.host.poll_event();
    let is_received = matches!(&event, Some(Event::Message { bytes, .. }) if bytes == "hello");
    assert!(is_received, "{event:?}");
    assert!(harness.host.is_connected(peer));
}

// Bugs in other libraries: a fragment index past the count caused a panic, and a forged sequence
// number near the maximum an overflow.
fn rejects_fragment_with_index_past_count() {
    let (mut harness, mut stranger, peer) = host_with_peer();
    let fragment = FRAGMENT_BYTES as u64;
    let totals = [0, 1, fragment, fragment + 1, 15_360, 15_361, 65_536, 65_537];
    let long = [
        1 << 24,
        (1 << 24) + 1,
        u64::from(u32::MAX),
        1 << 32,
        NUMBER_MAX,
    ];
    let sequences = [0, 1, 1023, 1024, 1 << 32, NUMBER_MAX - 1, NUMBER_MAX];
    for code in 0..4 {
        for total in totals.into_iter().chain(long) {
            let count = total.div_ceil(fragment);
            let impossible = [count, count + 1, u64::from(u32::MAX), NUMBER_MAX];
            for index in impossible.map(|index| index.min(NUMBER_MAX)) {
                for sequence in sequences {
                    for len in [0, 1, FRAGMENT_BYTES] {
                        let frame = fragment_frame(code, sequence, total, index, len);
                        send_frames(&mut harness, &mut stranger, &frame);
                    }
                }
            }
        }
    }
    let stats = harness.host.peer_stats(peer, harness.now).unwrap();
    assert_eq!((stats.messages_received, stats.unread_bytes), (0, 0));
    assert_eq!(stats.packets_received, 1, "{stats:?}");
    assert_alive(&mut harness, &mut stranger, peer);
}

fn sequence_numbers_near_the_maximum_do_not_overflow() {
    let (mut harness, mut stranger, peer) = host_with_peer();
    for code in 0..4 {
        for sequence in [NUMBER_MAX - 1, NUMBER_MAX, 0, NUMBER_MAX, 1 << 61] {
            for index in [0, 1, 1] {
                let frame = fragment_frame(code, sequence, 1920, index, FRAGMENT_BYTES);
                send_frames(&mut harness, &mut stranger, &frame);
            }
        }
    }
    assert_alive(&mut harness, &mut stranger, peer);
}

fn incomplete_messages_use_no_more_than_the_window() {
    let (mut harness, mut stranger, peer) = host_with_peer();
    let mut begin = |from: u64, to: u64| {
        for sequence in from..to {
            for code in 0..4 {
                // Maximum length of each delivery.
                let total = if code < 2 { 15_360 } else { 65_536 };
                let frame = fragment_frame(code, sequence, total, 3, FRAGMENT_BYTES);
                send_frames(&mut harness, &mut stranger, &frame);
            }
        }
    };
    let info = measure(|| begin(0, 100));
    let most = i64::try_from(QUEUED_BYTES_MAX + 17 * 15_360).unwrap();
    assert!(info.bytes_current <= most + (128 << 10), "{info:?}");
    let more = measure(|| begin(100, 2000));
    assert!(more.bytes_current <= 64 << 10, "{more:?}");
    assert_alive(&mut harness, &mut stranger, peer);
}

fn rejects_fragments_with_different_totals() {
    let (mut harness, mut stranger, peer) = host_with_peer();
    for code in 0..4 {
        send_frames(
            &mut harness,
            &mut stranger,
            &fragment_frame(code, 0, 1920, 0, 960),
        );
        send_frames(
            &mut harness,
            &mut stranger,
            &fragment_frame(code, 0, 1900, 1, 940),
        );
    }
    assert_eq!(harness.host.poll_event(), None);
    assert_eq!(
        harness
            .host
            .peer_stats(peer, harness.now)
            .unwrap()
            .messages_refused,
        4
    );
    for code in 0..4 {
        send_frames(
            &mut harness,
            &mut stranger,
            &fragment_frame(code, 0, 1920, 1, 960),
        );
        let event = harness.host.poll_event();
        let is_whole = matches!(&event, Some(Event::Message { bytes, .. }) if bytes.len() == 1920);
        assert!(is_whole, "the matching fragment completes it: {event:?}");
    }
}

fn refuses_messages_beyond_the_window() {
    let (mut harness, mut stranger, peer) = host_with_peer();
    for sequence in 0..1000_u64 {
        let mut frame = vec![MESSAGE | 2];
        frame.extend(variable(sequence));
        frame.extend(variable(900));
        frame.resize(frame.len() + 900, 7);
        send_frames(&mut harness, &mut stranger, &frame);
    }
    let stats = harness.host.peer_stats(peer, harness.now).unwrap();
    let most = QUEUED_BYTES_MAX as u64;
    assert!(stats.unread_bytes <= most && stats.unread_bytes > most - 1000);
    assert!(stats.messages_refused > 0);
}

// Bug in another library: an empty datagram or random bytes from netcat stopped the server.
fn ignores_empty_datagrams_and_random_bytes() {
    let (mut harness, mut stranger, peer) = host_with_peer();
    let mut rng = TestRng::new(1);
    for _ in 0..20_000 {
        let len = rng.index(100);
        let mut bytes = vec![0; len];
        rng.fill(&mut bytes);
        if let Some(first) = bytes.first_mut() {
            *first %= 9;
        }
        harness.deliver(stranger.address, &bytes);
        harness.deliver(stranger.address, &[]);
        harness.turn(|_, _| {});
    }
    assert_alive(&mut harness, &mut stranger, peer);
}

fn random_frames_in_authentic_packets_cause_no_panic() {
    for_each_seed(10, |seed| {
        let (mut harness, mut stranger, _) = host_with_peer();
        let mut rng = TestRng::new(seed);
        for _ in 0..5000 {
            let mut frames = vec![0; rng.index(200)];
            rng.fill(&mut frames);
            if let Some(first) = frames.first_mut() {
                // Every kind except disconnect.
                *first = [1, 2, 4, 5, 6, 7, 0x40, 0x41, 0x42, 0x43, 0x44, 0x49][rng.index(12)];
            }
            if let Some(second) = frames.get_mut(1).filter(|_| rng.chance(0.7)) {
                *second %= 64;
            }
            send_frames(&mut harness, &mut stranger, &frames);
            while rng.chance(0.3) && harness.host.poll_event().is_some() {}
        }
    });
}

under_both!(
    rejects_fragment_with_index_past_count,
    sequence_numbers_near_the_maximum_do_not_overflow,
    incomplete_messages_use_no_more_than_the_window,
    rejects_fragments_with_different_totals,
    refuses_messages_beyond_the_window,
    ignores_empty_datagrams_and_random_bytes,
    random_frames_in_authentic_packets_cause_no_panic,
);
