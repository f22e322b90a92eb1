//! The datagrams of a measurement, and the recognition of replies.
//!
//! A probe is the nonce of its round and its number, eight bytes each in big-endian order, repeated
//! up to its length, so every byte of a reply is checked. It does not contain the departure time,
//! which an echo could alter.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;

use tickwire_measure::side::{DATAGRAM_MAX, Received};

/// Nonce and number, the smallest probe.
pub(super) const HEADER: usize = 16;
const _: () = assert!(HEADER <= DATAGRAM_MAX);

/// The datagrams of one round. The nonce distinguishes them from third parties and earlier rounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    nonce: u64,
    size: usize,
    /// Destination, and source of the replies.
    to: SocketAddr,
}

impl Probe {
    /// `size` is `HEADER` to `DATAGRAM_MAX`; the command line checks it.
    pub(super) fn new(size: usize, to: SocketAddr) -> Self {
        Self {
            // Seeded by the system for each value.
            nonce: RandomState::new().build_hasher().finish(),
            size,
            to,
        }
    }

    /// Writes the datagram with this number into `buffer`.
    pub(super) fn write<'b>(&self, buffer: &'b mut [u8; DATAGRAM_MAX], number: u64) -> &'b [u8] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&self.nonce.to_be_bytes());
        header[8..].copy_from_slice(&number.to_be_bytes());
        let bytes = &mut buffer[..self.size];
        for chunk in bytes.chunks_mut(HEADER) {
            chunk.copy_from_slice(&header[..chunk.len()]);
        }
        bytes
    }

    /// The number of a reply, if it has the content and the address of a probe.
    pub(super) fn read(&self, datagram: &Received<'_>) -> Option<u64> {
        let bytes = datagram.bytes;
        let is_whole = !datagram.truncated && bytes.len() == self.size;
        if !is_whole || !self.is_target(datagram.from) {
            return None;
        }
        let (nonce, rest) = bytes.split_first_chunk()?;
        let (number, filler) = rest.split_first_chunk()?;
        // A repeated header equals itself shifted by one header.
        let is_unaltered = *filler == bytes[..filler.len()];
        let is_ours = u64::from_be_bytes(*nonce) == self.nonce && is_unaltered;
        is_ours.then(|| u64::from_be_bytes(*number))
    }

    /// Ignores scope and flow of IPv6 addresses, because the system sets them on reception.
    fn is_target(&self, from: SocketAddr) -> bool {
        (from.ip(), from.port()) == (self.to.ip(), self.to.port())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const TARGET: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7);

    fn datagram(bytes: &[u8]) -> Received<'_> {
        Received::now(TARGET, bytes, false)
    }

    #[test]
    fn reads_back_a_written_probe() {
        for size in [HEADER, 17, 31, 64, DATAGRAM_MAX] {
            let probe = Probe::new(size, TARGET);
            let mut buffer = [0; DATAGRAM_MAX];
            let bytes = probe.write(&mut buffer, 77);
            assert_eq!(bytes.len(), size);
            assert_eq!(probe.read(&datagram(bytes)), Some(77));
        }
    }

    #[test]
    fn a_datagram_of_another_round_or_another_length_is_foreign() {
        let (ours, other) = (Probe::new(64, TARGET), Probe::new(64, TARGET));
        let mut buffer = [0; DATAGRAM_MAX];
        assert_eq!(ours.read(&datagram(other.write(&mut buffer, 0))), None);
        ours.write(&mut buffer, 0);
        for len in [0, 1, 8, 63, 65] {
            assert_eq!(ours.read(&datagram(&buffer[..len])), None, "{len} bytes");
        }
    }

    #[test]
    fn detects_every_changed_byte() {
        // A probe of one header contains its number once, so a changed number is not detected.
        for size in [32, 33, 64, DATAGRAM_MAX] {
            let probe = Probe::new(size, TARGET);
            let mut buffer = [0; DATAGRAM_MAX];
            let bytes = probe.write(&mut buffer, 77).to_vec();
            for index in 0..size {
                let mut bytes = bytes.clone();
                bytes[index] ^= 1;
                let read = probe.read(&datagram(&bytes));
                assert_eq!(read, None, "byte {index} of {size}");
            }
        }
    }

    #[test]
    fn a_reply_is_whole_and_comes_from_the_target() {
        let probe = Probe::new(DATAGRAM_MAX, TARGET);
        let mut buffer = [0; DATAGRAM_MAX];
        let answer = datagram(probe.write(&mut buffer, 77));
        assert_eq!(probe.read(&answer), Some(77));
        let cut = Received {
            truncated: true,
            ..answer
        };
        assert_eq!(probe.read(&cut), None);
        let elsewhere = Received {
            from: SocketAddr::from((Ipv4Addr::LOCALHOST, 8)),
            ..answer
        };
        assert_eq!(probe.read(&elsewhere), None);
    }
}
