//! Handshake packets with invalid values, missing and trailing bytes.

#![allow(clippy::cast_possible_truncation, reason = "limits fit 32 bits")]

use crate::limits::{
    CONNECT_PAYLOAD_MAX, DATAGRAM_MAX, MESSAGE_MAX, MESSAGE_MAX_MIN, MESSAGE_OVERHEAD,
};
use crate::proto::connection_id::ConnectionId;
use crate::proto::wire::checksum::{COMMON, checksum};
use crate::proto::wire::cursor::Malformed;
use crate::proto::wire::handshake::{
    Accept, AnyHello, Connect, Deny, DenyReason, Hello, Mismatch, MismatchKind, SecurityMode,
    Settings,
};

const PROTOCOL_ID: u64 = 7;

const HELLO: Hello = Hello {
    protection: SecurityMode::Plain,
    protocol_id: PROTOCOL_ID,
    nonce: [1; 16],
};

const SETTINGS: Settings = Settings {
    idle_timeout_ms: 20_000,
    ack_delay_ms: 16,
    message_max: 65_536,
    window: 262_144,
};

const CONNECT: Connect<'_> = Connect {
    nonce: [1; 16],
    cookie: [2; 16],
    client_id: ConnectionId(3),
    settings: SETTINGS,
    payload: b"ticket",
};

const ACCEPT: Accept = Accept {
    client_id: ConnectionId(3),
    nonce: [1; 16],
    server_id: ConnectionId(4),
    settings: SETTINGS,
};

fn written(write: impl FnOnce(&mut [u8]) -> usize) -> Vec<u8> {
    let mut buffer = [0; DATAGRAM_MAX];
    let len = write(&mut buffer);
    buffer[..len].to_vec()
}

/// With the right checksum.
fn repaired(common: u64, mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 4;
    let sum = checksum(common, &bytes[..end]);
    bytes[end..].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// With `values` at `offset`.
fn changed(common: u64, bytes: &[u8], offset: usize, values: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[offset..offset + values.len()].copy_from_slice(values);
    repaired(common, bytes)
}

#[test]
fn rejects_an_idle_timeout_out_of_range() {
    let connect = written(|buffer| CONNECT.write(PROTOCOL_ID, buffer));
    let accept = written(|buffer| ACCEPT.write(PROTOCOL_ID, buffer));
    let times = [
        (0, false),
        (99, false),
        (100, true),
        (3_600_000, true),
        (3_600_001, false),
        (u32::MAX, false),
    ];
    for (time, is_fine) in times {
        let bytes = changed(PROTOCOL_ID, &connect, 42, &u32::to_be_bytes(time));
        let is_read = Connect::read(PROTOCOL_ID, &bytes).is_ok();
        assert_eq!(is_read, is_fine, "connect: {time} ms");
        let bytes = changed(PROTOCOL_ID, &accept, 34, &u32::to_be_bytes(time));
        let is_read = Accept::read(PROTOCOL_ID, &bytes).is_ok();
        assert_eq!(is_read, is_fine, "accept: {time} ms");
    }
}

/// Whether a connect and an accept with these settings are well-formed.
fn is_read_with(message_max: u32, window: u32) -> bool {
    let values = [message_max.to_be_bytes(), window.to_be_bytes()].concat();
    let connect = written(|buffer| CONNECT.write(PROTOCOL_ID, buffer));
    let accept = written(|buffer| ACCEPT.write(PROTOCOL_ID, buffer));
    let connect = changed(PROTOCOL_ID, &connect, 47, &values);
    let accept = changed(PROTOCOL_ID, &accept, 39, &values);
    let is_read = Connect::read(PROTOCOL_ID, &connect).is_ok();
    assert_eq!(Accept::read(PROTOCOL_ID, &accept).is_ok(), is_read);
    is_read
}

#[test]
fn rejects_a_maximum_message_length_out_of_range() {
    let (min, max) = (MESSAGE_MAX_MIN as u32, MESSAGE_MAX as u32);
    let cases = [
        (0, false),
        (min - 1, false),
        (min, true),
        (max, true),
        (max + 1, false),
        (u32::MAX, false),
    ];
    for (message_max, is_fine) in cases {
        let is_read = is_read_with(message_max, u32::MAX);
        assert_eq!(is_read, is_fine, "{message_max}");
    }
}

#[test]
fn rejects_a_window_below_two_messages_of_maximum_length() {
    for message_max in [MESSAGE_MAX_MIN as u32, 65_536, MESSAGE_MAX as u32] {
        let least = 2 * (message_max + MESSAGE_OVERHEAD as u32);
        for (window, is_fine) in [
            (0, false),
            (least - 1, false),
            (least, true),
            (u32::MAX, true),
        ] {
            let is_read = is_read_with(message_max, window);
            assert_eq!(is_read, is_fine, "{window} for {message_max}");
        }
    }
}

#[test]
fn rejects_non_zero_padding_in_a_hello() {
    let hello = written(|buffer| HELLO.write(buffer));
    assert_eq!(Hello::read(&hello), Ok(HELLO));
    for offset in 31..DATAGRAM_MAX - 4 {
        let bytes = changed(COMMON, &hello, offset, &[1]);
        assert_eq!(Hello::read(&bytes), Err(Malformed), "at {offset}");
    }
}

#[test]
fn reads_a_hello_of_another_version_at_the_fixed_length_only() {
    let hello = written(|buffer| HELLO.write(buffer));
    let newer = changed(COMMON, &hello, 5, &[200]);
    let any = AnyHello::read(&newer).unwrap();
    assert_eq!((any.version, any.nonce), (200, HELLO.nonce));
    for len in [DATAGRAM_MAX - 1, DATAGRAM_MAX + 1] {
        let mut bytes = newer.clone();
        bytes.resize(len, 0);
        let bytes = repaired(COMMON, bytes);
        assert_eq!(AnyHello::read(&bytes), Err(Malformed), "{len} bytes");
    }
    // The version defines what follows the nonce.
    let other = changed(COMMON, &newer, 22, &[0xff; 998]);
    assert_eq!(AnyHello::read(&other), Ok(any));
}

#[test]
fn rejects_an_unassigned_security_mode() {
    let hello = written(|buffer| HELLO.write(buffer));
    for (value, is_fine) in [(0, true), (1, true), (2, false), (255, false)] {
        let bytes = changed(COMMON, &hello, 22, &[value]);
        assert_eq!(Hello::read(&bytes).is_ok(), is_fine, "{value}");
    }
}

#[test]
fn rejects_an_unassigned_difference_in_a_mismatch() {
    let mismatch = Mismatch {
        version: 200,
        nonce: [1; 16],
        difference: MismatchKind::Version,
    };
    let bytes = written(|buffer| mismatch.write(buffer));
    for value in 0..=255 {
        let bytes = changed(COMMON, &bytes, 22, &[value]);
        assert_eq!(Mismatch::read(&bytes).is_ok(), value < 3, "{value}");
    }
}

#[test]
fn rejects_a_code_with_another_deny_reason_than_denied() {
    let deny = Deny {
        client_id: ConnectionId(3),
        nonce: [1; 16],
        refusal: DenyReason::Full,
    };
    let bytes = written(|buffer| deny.write(PROTOCOL_ID, buffer));
    let cases = [
        ([0, 0, 0, 0, 1], None),
        ([1, 0, 0, 0, 0], Some(DenyReason::Closed)),
        ([1, 1, 0, 0, 0], None),
        ([2, 0, 0, 0, 0], Some(DenyReason::Denied(0))),
        ([2, 0, 0, 1, 0], Some(DenyReason::Denied(256))),
        ([3, 0, 0, 0, 0], None),
    ];
    for (values, refusal) in cases {
        let bytes = changed(PROTOCOL_ID, &bytes, 26, &values);
        let read = Deny::read(PROTOCOL_ID, &bytes).ok();
        assert_eq!(read.map(|deny| deny.refusal), refusal, "{values:?}");
    }
}

#[test]
fn rejects_a_connect_payload_with_a_wrong_length_or_above_the_limit() {
    let full = [9; CONNECT_PAYLOAD_MAX];
    let connect = Connect {
        payload: &full,
        ..CONNECT
    };
    let bytes = written(|buffer| connect.write(PROTOCOL_ID, buffer));
    assert_eq!(Connect::read(PROTOCOL_ID, &bytes), Ok(connect));
    for len in [0_u16, 255, 257, u16::MAX] {
        let bytes = changed(PROTOCOL_ID, &bytes, 55, &len.to_be_bytes());
        assert_eq!(Connect::read(PROTOCOL_ID, &bytes), Err(Malformed), "{len}");
    }
    let mut longer = bytes.clone();
    longer.push(9);
    let longer = changed(PROTOCOL_ID, &longer, 55, &257_u16.to_be_bytes());
    let read = Connect::read(PROTOCOL_ID, &longer);
    assert_eq!(
        read,
        Err(Malformed),
        "above the limit, with a matching length"
    );
}
