//! Packets encoded without the library, including those that a host never sends.

use crc32fast::Hasher;

#[cfg(feature = "noise")]
use super::crypto;
use super::{PROTOCOL, is_noise};

pub(crate) mod kind {
    pub(crate) const HELLO: u8 = 1;
    pub(crate) const MISMATCH: u8 = 2;
    pub(crate) const COOKIE: u8 = 3;
    pub(crate) const CONNECT: u8 = 4;
    pub(crate) const ACCEPT: u8 = 5;
    pub(crate) const DENY: u8 = 6;
    pub(crate) const PACKET: u8 = 7;
}

pub(crate) const VERSION: u8 = 1;
const MAGIC: &[u8; 4] = b"TWRE";
const COMMON: u64 = u64::from_be_bytes(*b"tickwire");

pub(crate) type Nonce = [u8; 16];
pub(crate) type Cookie = [u8; 16];

fn sealed(common: u64, mut bytes: Vec<u8>) -> Vec<u8> {
    let mut hasher = Hasher::new();
    hasher.update(&common.to_be_bytes());
    hasher.update(&bytes);
    bytes.extend(hasher.finalize().to_be_bytes());
    bytes
}

/// Appends the checksum to an altered handshake datagram.
pub(crate) fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    sealed(PROTOCOL, bytes.to_vec())
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Hello {
    pub(crate) version: u8,
    pub(crate) nonce: Nonce,
    pub(crate) protection: u8,
    pub(crate) protocol: u64,
}

impl Hello {
    pub(crate) fn new(nonce: Nonce) -> Self {
        Self {
            version: VERSION,
            nonce,
            protection: is_noise().into(),
            protocol: PROTOCOL,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![kind::HELLO];
        bytes.extend(MAGIC);
        bytes.push(self.version);
        bytes.extend(self.nonce);
        bytes.push(self.protection);
        bytes.extend(self.protocol.to_be_bytes());
        bytes.resize(1020, 0);
        sealed(COMMON, bytes)
    }
}

/// A server's reply to an incompatible hello.
pub(crate) fn mismatch(version: u8, nonce: Nonce, difference: u8) -> Vec<u8> {
    let mut bytes = vec![kind::MISMATCH];
    bytes.extend(MAGIC);
    bytes.push(version);
    bytes.extend(nonce);
    bytes.push(difference);
    sealed(COMMON, bytes)
}

pub(crate) fn nonce_of_hello(hello: &[u8]) -> Nonce {
    hello[6..22].try_into().unwrap()
}

pub(crate) fn cookie_reply(nonce: Nonce, cookie: Cookie) -> Vec<u8> {
    let mut bytes = vec![kind::COOKIE, VERSION];
    bytes.extend(nonce);
    bytes.extend(cookie);
    bytes.extend(server_key_bytes());
    sealed(PROTOCOL, bytes)
}

/// Public key of the test hosts; zeros under Plain.
fn server_key_bytes() -> [u8; 32] {
    #[cfg(feature = "noise")]
    if is_noise() {
        return *crypto::server_key().as_bytes();
    }
    [0; 32]
}

pub(crate) fn accept(connect: &[u8], client_id: u64, nonce: Nonce, server_id: u64) -> Vec<u8> {
    let mut bytes = vec![kind::ACCEPT, VERSION];
    bytes.extend(client_id.to_be_bytes());
    bytes.extend(nonce);
    let body = [
        &server_id.to_be_bytes()[..],
        &20_000_u32.to_be_bytes(),
        &[16],
        &(64_u32 << 10).to_be_bytes(),
        &(256_u32 << 10).to_be_bytes(),
    ]
    .concat();
    bytes.extend(sealed_accept(connect, body));
    sealed(PROTOCOL, bytes)
}

#[cfg_attr(not(feature = "noise"), allow(unused_variables))]
fn sealed_accept(connect: &[u8], body: Vec<u8>) -> Vec<u8> {
    #[cfg(feature = "noise")]
    if is_noise() {
        return crypto::sealed_accept(connect, &body);
    }
    body
}

/// The deny of a connect by a full server.
#[cfg_attr(not(feature = "noise"), allow(unused_variables))]
pub(crate) fn deny(connect: &[u8], client_id: u64, nonce: Nonce) -> Vec<u8> {
    let mut bytes = vec![kind::DENY, VERSION];
    bytes.extend(client_id.to_be_bytes());
    bytes.extend(nonce);
    bytes.extend([0; 5]);
    #[cfg(feature = "noise")]
    if is_noise() {
        bytes.extend(crypto::tag_of_deny(connect, &bytes));
    }
    sealed(PROTOCOL, bytes)
}

pub(crate) fn client_id(connect: &[u8]) -> u64 {
    #[cfg(feature = "noise")]
    if is_noise() {
        let body = crypto::open_connect(connect);
        return u64::from_be_bytes(body[..8].try_into().unwrap());
    }
    u64::from_be_bytes(connect[34..42].try_into().unwrap())
}

#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub(crate) nonce: Nonce,
    pub(crate) cookie: Cookie,
    pub(crate) client_id: u64,
    pub(crate) idle_timeout_ms: u32,
    pub(crate) ack_delay_ms: u8,
    pub(crate) message_max: u32,
    pub(crate) window: u32,
    pub(crate) payload: Vec<u8>,
}

impl Connect {
    pub(crate) fn new(nonce: Nonce, cookie: Cookie, client_id: u64) -> Self {
        Self {
            nonce,
            cookie,
            client_id,
            idle_timeout_ms: 20_000,
            ack_delay_ms: 16,
            message_max: 64 << 10,
            window: 256 << 10,
            payload: Vec::new(),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![kind::CONNECT, VERSION];
        bytes.extend(self.nonce);
        bytes.extend(self.cookie);
        bytes.extend(self.sealed_body());
        sealed(PROTOCOL, bytes)
    }

    fn sealed_body(&self) -> Vec<u8> {
        #[cfg(feature = "noise")]
        if is_noise() {
            return crypto::sealed_connect(self);
        }
        self.body()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let mut bytes = self.client_id.to_be_bytes().to_vec();
        bytes.extend(self.idle_timeout_ms.to_be_bytes());
        bytes.push(self.ack_delay_ms);
        bytes.extend(self.message_max.to_be_bytes());
        bytes.extend(self.window.to_be_bytes());
        bytes.extend(u16::try_from(self.payload.len()).unwrap().to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }
}

/// The cookie of a cookie reply or a connect, which have it at the same offset.
pub(crate) fn returned_cookie(packet: &[u8]) -> Option<Cookie> {
    packet.get(18..34)?.try_into().ok()
}

pub(crate) fn server_id(body: &[u8]) -> u64 {
    u64::from_be_bytes(body[..8].try_into().unwrap())
}

pub(crate) fn connection_id(packet: &[u8]) -> u64 {
    u64::from_be_bytes(packet[1..9].try_into().unwrap())
}

pub(crate) fn packet_number(packet: &[u8]) -> u64 {
    u32::from_be_bytes(packet[9..13].try_into().unwrap()).into()
}

pub(crate) fn header(id: u64, number: u64) -> Vec<u8> {
    let mut bytes = vec![kind::PACKET];
    bytes.extend(id.to_be_bytes());
    bytes.extend(&number.to_be_bytes()[4..]);
    bytes
}

/// A packet made without keys: valid under Plain, a forgery under Noise.
pub(crate) fn packet(id: u64, number: u64, frames: &[u8]) -> Vec<u8> {
    let mut bytes = header(id, number);
    bytes.extend(frames);
    if is_noise() {
        bytes.extend([0x5a; 16]);
        return bytes;
    }
    let mut hasher = Hasher::new();
    hasher.update(&PROTOCOL.to_be_bytes());
    hasher.update(&number.to_be_bytes());
    hasher.update(&bytes);
    bytes.extend(hasher.finalize().to_be_bytes());
    bytes
}

pub(crate) fn frames(packet: &[u8]) -> &[u8] {
    &packet[13..packet.len() - 4]
}

/// Whether a packet contains only a challenge. Under Noise only its length is visible.
pub(crate) fn is_challenge(packet: &[u8]) -> bool {
    if is_noise() {
        return packet[0] == kind::PACKET && packet.len() == 13 + 9 + 16;
    }
    challenge_in(packet).is_some()
}

pub(crate) const PING: [u8; 1] = [1];

/// Acknowledges `largest` and the `below` packets before it.
pub(crate) fn ack(largest: u64, below: u64) -> Vec<u8> {
    let mut frame = vec![2];
    frame.extend(variable(largest));
    frame.extend([0, 0]);
    frame.extend(variable(below));
    frame
}

pub(crate) fn disconnect(code: u32) -> Vec<u8> {
    let mut frame = vec![3];
    frame.extend(code.to_be_bytes());
    frame
}

pub(crate) const CHALLENGE: u8 = 4;

/// Token of a packet that contains only a challenge, under Plain.
pub(crate) fn challenge_in(packet: &[u8]) -> Option<[u8; 8]> {
    let is_whole = packet.len() == 26 && packet[0] == kind::PACKET;
    token_in(is_whole.then(|| frames(packet))?)
}

/// Token of a challenge, if that is the only frame.
pub(crate) fn token_in(frames: &[u8]) -> Option<[u8; 8]> {
    let (kind, token) = frames.split_first()?;
    token.try_into().ok().filter(|_| *kind == CHALLENGE)
}

pub(crate) fn response(token: [u8; 8]) -> Vec<u8> {
    let mut frame = vec![5];
    frame.extend(token);
    frame
}

pub(crate) fn unreliable(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x40];
    frame.extend(variable(message.len() as u64));
    frame.extend(message);
    frame
}

/// A variable-length integer (RFC 9000, section 16).
pub(crate) fn variable(value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let (len, tag) = match value {
        0..0x40 => (1, 0),
        0x40..0x4000 => (2, 0x40),
        0x4000..0x4000_0000 => (4, 0x80),
        _ => (8, 0xc0),
    };
    let mut bytes = bytes[8 - len..].to_vec();
    bytes[0] |= tag;
    bytes
}
