//! One encoding per value: whatever a parser accepts is encoded to the same bytes again.

use std::fmt::Arguments;

use crate::limits::DATAGRAM_MAX;
use crate::proto::rng::SeededRng;
use crate::proto::wire::checksum::{COMMON, checksum, numbered_checksum};
use crate::proto::wire::cursor::{Malformed, Writer};
use crate::proto::wire::frame::{
    Frame, Frames, write_ack, write_challenge, write_disconnect, write_ping, write_response,
    write_stale, write_window,
};
use crate::proto::wire::golden_tests;
use crate::proto::wire::golden_tests::PROTOCOL_ID;
use crate::proto::wire::handshake::{
    Accept, AnyHello, Connect, CookieReply, Deny, Hello, Mismatch, VERSION,
};
use crate::proto::wire::kind;
use crate::proto::wire::packet::{Header, PAYLOAD_MAX, open, payload_room, seal};
use crate::proto::wire::packet_number;

const EXPECTED: u64 = 1 << 32;

/// The golden datagrams, with the checksums of packet numbers near [`EXPECTED`].
fn datagrams() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    golden_tests::datagrams().map(|(name, mut bytes)| {
        repair(&mut bytes);
        (name, bytes)
    })
}

fn reencoded(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut buffer = [0xee; DATAGRAM_MAX];
    let len = match *bytes.first().ok_or(Malformed)? {
        kind::HELLO => reencode_hello(bytes, &mut buffer)?,
        kind::MISMATCH => Mismatch::read(bytes)?.write(&mut buffer),
        kind::COOKIE => CookieReply::read(PROTOCOL_ID, bytes)?.write(PROTOCOL_ID, &mut buffer),
        kind::CONNECT => Connect::read(PROTOCOL_ID, bytes)?.write(PROTOCOL_ID, &mut buffer),
        kind::ACCEPT => Accept::read(PROTOCOL_ID, bytes)?.write(PROTOCOL_ID, &mut buffer),
        kind::DENY => Deny::read(PROTOCOL_ID, bytes)?.write(PROTOCOL_ID, &mut buffer),
        kind::PACKET => reencode_packet(bytes, &mut buffer)?,
        _ => return Err(Malformed),
    };
    Ok(buffer[..len].to_vec())
}

fn reencode_hello(bytes: &[u8], buffer: &mut [u8]) -> Result<usize, Malformed> {
    let any = AnyHello::read(bytes)?;
    if any.version != VERSION {
        return Err(Malformed);
    }
    let hello = Hello::read(bytes)?;
    assert_eq!(hello.nonce, any.nonce);
    Ok(hello.write(buffer))
}

fn reencode_packet(bytes: &[u8], buffer: &mut [u8; DATAGRAM_MAX]) -> Result<usize, Malformed> {
    let header = Header::read(bytes)?;
    let number = packet_number::expand(header.truncated_number, EXPECTED);
    let payload = reencoded_frames(open(PROTOCOL_ID, number, bytes)?)?;
    payload_room(buffer)[..payload.len()].copy_from_slice(&payload);
    Ok(seal(PROTOCOL_ID, header.id, number, payload.len(), buffer))
}

fn reencoded_frames(payload: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut buffer = [0xee; PAYLOAD_MAX];
    let mut writer = Writer::new(&mut buffer);
    for frame in Frames::check(payload)? {
        write_frame(&mut writer, &frame);
    }
    Ok(writer.written().to_vec())
}

fn write_frame(writer: &mut Writer<'_>, frame: &Frame<'_>) {
    match frame {
        Frame::Ping => write_ping(writer),
        Frame::Ack(ack) => {
            let ranges: Vec<_> = ack.ranges().collect();
            write_ack(writer, ack.delay_us, ranges.iter().cloned());
        }
        Frame::Disconnect { code, text } => write_disconnect(writer, *code, text),
        Frame::Challenge(token) => write_challenge(writer, *token),
        Frame::Response(token) => write_response(writer, *token),
        Frame::Window(window) => write_window(writer, *window),
        Frame::Stale { channel, sequence } => write_stale(writer, *channel, *sequence),
        Frame::Message(message) => message.write(writer),
    }
}

fn repair(bytes: &mut [u8]) {
    let Some(end) = bytes.len().checked_sub(4) else {
        return;
    };
    let (body, sum) = bytes.split_at_mut(end);
    let right = match body.first() {
        Some(&kind::HELLO | &kind::MISMATCH) => checksum(COMMON, body),
        Some(&kind::PACKET) => {
            let header = Header::read(body).map(|header| header.truncated_number);
            let number = packet_number::expand(header.unwrap_or(0), EXPECTED);
            numbered_checksum(PROTOCOL_ID, number, body)
        }
        _ => checksum(PROTOCOL_ID, body),
    };
    sum.copy_from_slice(&right.to_be_bytes());
}

/// Whether the datagram is accepted. Fails if it is, but encodes differently.
fn is_read(bytes: &[u8], what: Arguments<'_>) -> bool {
    let again = reencoded(bytes);
    if let Ok(again) = &again {
        assert_eq!(again, bytes, "{what}");
    }
    again.is_ok()
}

#[test]
fn reencodes_every_datagram_unchanged() {
    for (name, bytes) in datagrams() {
        assert_eq!(reencoded(&bytes), Ok(bytes), "{name}");
    }
}

#[test]
fn rejects_truncated_and_extended_datagrams() {
    for (name, whole) in datagrams() {
        for len in 0..whole.len() {
            assert!(
                !is_read(&whole[..len], format_args!("{name}")),
                "{name}, {len} bytes"
            );
        }
        for more in [0, 1, 0xff] {
            let longer = [&whole[..], &[more]].concat();
            assert!(
                !is_read(&longer, format_args!("{name}")),
                "{name} and {more}"
            );
        }
    }
}

/// With the right checksum. A packet without its last frame is valid as well.
#[test]
fn truncated_datagrams_with_a_right_checksum_have_one_encoding() {
    for (name, whole) in datagrams() {
        let is_packet = whole[0] == kind::PACKET;
        for len in 0..whole.len() {
            let mut bytes = whole[..len].to_vec();
            repair(&mut bytes);
            let is_read = is_read(&bytes, format_args!("{name}, {len} bytes"));
            assert!(is_packet || !is_read, "{name}, {len} bytes");
        }
        for more in 0..=255 {
            let mut bytes = [&whole[..], &[more]].concat();
            repair(&mut bytes);
            let is_read = is_read(&bytes, format_args!("{name} and {more}"));
            assert!(is_packet || !is_read, "{name} and {more}");
        }
    }
}

#[test]
fn checksum_detects_every_changed_byte() {
    for (name, whole) in datagrams() {
        let mut bytes = whole.clone();
        for place in 0..whole.len() {
            for value in (0..=255).filter(|value| *value != whole[place]) {
                bytes[place] = value;
                assert!(
                    !is_read(&bytes, format_args!("{name}")),
                    "{name}, {value} at {place}"
                );
            }
            bytes[place] = whole[place];
        }
    }
}

#[test]
fn changed_bytes_with_a_right_checksum_have_one_encoding() {
    for (name, whole) in datagrams() {
        let (mut read, mut refused) = (0, 0);
        let mut bytes = whole.clone();
        for place in 0..whole.len() - 4 {
            for value in (0..=255).filter(|value| *value != whole[place]) {
                bytes[place] = value;
                repair(&mut bytes);
                if is_read(&bytes, format_args!("{name}, {value} at {place}")) {
                    read += 1;
                } else {
                    refused += 1;
                }
            }
            bytes[place] = whole[place];
        }
        assert!(read > 0 && refused > 0, "{name}: {read} and {refused}");
    }
}

/// Bytes that are valid frames more often than random ones.
fn almost_frames(random: &mut SeededRng) -> Vec<u8> {
    let len = random.number() % 40;
    let byte = |random: &mut SeededRng| {
        let [what, any] = random.bytes();
        match what % 4 {
            0 => any,
            1 => any & 0x4f,
            _ => any & 7,
        }
    };
    (0..len).map(|_| byte(random)).collect()
}

#[test]
fn generated_frames_have_one_encoding() {
    let mut random = SeededRng::from_seed([3; 32]);
    let mut read = 0;
    for round in 0..200_000 {
        let payload = almost_frames(&mut random);
        if let Ok(again) = reencoded_frames(&payload) {
            assert_eq!(again, payload, "round {round}");
            read += 1;
        }
    }
    assert!(read > 1000, "only {read} were frames");
}

#[test]
fn every_payload_of_two_bytes_has_one_encoding() {
    for value in 0..=u16::MAX {
        let payload = value.to_be_bytes();
        if let Ok(again) = reencoded_frames(&payload) {
            assert_eq!(again, payload);
        }
    }
}

#[test]
fn mutated_datagrams_have_one_encoding() {
    let mut random = SeededRng::from_seed([4; 32]);
    let golden: Vec<_> = datagrams().collect();
    let (mut read, rounds) = (0, 50_000);
    for round in 0..rounds {
        let (name, bytes) = &golden[below(&mut random, golden.len())];
        let mut bytes = bytes.clone();
        if random.number() % 4 == 0 {
            let len = below(&mut random, 100);
            bytes.resize_with(len, || random.bytes::<1>()[0]);
        }
        for _ in 0..below(&mut random, 4).min(bytes.len()) {
            let place = below(&mut random, bytes.len());
            bytes[place] = almost_frames(&mut random).first().copied().unwrap_or(0);
        }
        repair(&mut bytes);
        read += u32::from(is_read(&bytes, format_args!("{name}, round {round}")));
    }
    assert!(read > rounds / 10, "only {read} were datagrams");
}

#[test]
fn random_datagrams_have_one_encoding() {
    let mut random = SeededRng::from_seed([5; 32]);
    for round in 0..50_000 {
        let mut bytes = random.bytes::<128>().to_vec();
        bytes.truncate(below(&mut random, 129));
        if let Some(first) = bytes.first_mut() {
            *first %= 9;
        }
        repair(&mut bytes);
        is_read(&bytes, format_args!("round {round}"));
    }
}

#[allow(clippy::cast_possible_truncation, reason = "below a length")]
fn below(random: &mut SeededRng, end: usize) -> usize {
    (random.number() % end as u64) as usize
}
