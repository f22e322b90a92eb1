//! Encoding and decoding of the packets and frames in `WIRE.md`, without connections and time.

mod checksum;
mod cursor;
pub(crate) mod frame;
pub(crate) mod handshake;
pub(crate) mod message;
pub(crate) mod packet;
pub(crate) mod packet_number;

#[cfg(test)]
mod canonical_tests;
#[cfg(test)]
mod golden_noise_tests;
#[cfg(test)]
mod golden_tests;

pub(crate) use self::cursor::{Malformed, VARIABLE_MAX, Writer};

/// Packet types: the first byte of every datagram.
pub(crate) mod kind {
    pub(crate) const HELLO: u8 = 1;
    pub(crate) const MISMATCH: u8 = 2;
    pub(crate) const COOKIE: u8 = 3;
    pub(crate) const CONNECT: u8 = 4;
    pub(crate) const ACCEPT: u8 = 5;
    pub(crate) const DENY: u8 = 6;
    pub(crate) const PACKET: u8 = 7;
}
