//! The bytes of a probe: the nonce of the run and the sequence number, eight bytes each in network
//! byte order, repeated up to its size. A reply is verified in every byte.

use std::hash::{BuildHasher, Hasher, RandomState};

use tickwire::Datagram;

/// Minimum size of a probe in bytes: a nonce and a sequence number.
pub(super) const PROBE_MIN: usize = 16;

/// How a datagram relates to the probes of this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeMatch {
    /// The probe with this sequence number, unchanged.
    Probe(u64),
    /// The nonce matches, but other bytes were changed.
    Altered,
    /// The nonce does not match.
    Foreign,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Probes {
    nonce: u64,
    size: usize,
}

impl Probes {
    /// Draws a nonce. `size` is at least [`PROBE_MIN`].
    pub(super) fn of_size(size: usize) -> Self {
        // The random keys of hash maps separate runs that share an echo, and need not resist
        // attackers.
        let nonce = RandomState::new().build_hasher().finish();
        Self { nonce, size }
    }

    pub(super) fn bytes(&self, seq: u64) -> impl Iterator<Item = u8> {
        let numbers = self
            .nonce
            .to_be_bytes()
            .into_iter()
            .chain(seq.to_be_bytes());
        numbers.cycle().take(self.size)
    }

    /// Matches a datagram by its bytes alone.
    pub(super) fn read(&self, datagram: &Datagram<'_>) -> ProbeMatch {
        let Some((nonce, rest)) = datagram.bytes.split_first_chunk() else {
            return ProbeMatch::Foreign;
        };
        if *nonce != self.nonce.to_be_bytes() {
            return ProbeMatch::Foreign;
        }
        let Some(seq) = rest.first_chunk() else {
            return ProbeMatch::Altered;
        };
        let seq = u64::from_be_bytes(*seq);
        let is_whole = !datagram.truncated && datagram.bytes.iter().copied().eq(self.bytes(seq));
        if is_whole {
            ProbeMatch::Probe(seq)
        } else {
            ProbeMatch::Altered
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use tickwire::limits::DATAGRAM_MAX;

    use super::*;

    const PROBES: Probes = Probes {
        nonce: 0x0102_0304_0506_0708,
        size: 20,
    };

    fn read(probes: Probes, bytes: &[u8]) -> ProbeMatch {
        probes.read(&datagram(bytes))
    }

    fn datagram(bytes: &[u8]) -> Datagram<'_> {
        Datagram {
            from: SocketAddr::from((Ipv4Addr::LOCALHOST, 7)),
            bytes,
            truncated: false,
        }
    }

    #[test]
    fn a_probe_repeats_nonce_and_sequence_number() {
        let bytes: Vec<u8> = PROBES.bytes(0x0a0b).collect();
        let wanted = [
            1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0x0a, 0x0b, 1, 2, 3, 4,
        ];
        assert_eq!(bytes, wanted);
    }

    #[test]
    fn an_unchanged_probe_is_recognised() {
        for size in [PROBE_MIN, 17, 64, DATAGRAM_MAX] {
            let probes = Probes { size, ..PROBES };
            let bytes: Vec<u8> = probes.bytes(u64::MAX).collect();
            assert_eq!(read(probes, &bytes), ProbeMatch::Probe(u64::MAX));
        }
    }

    #[test]
    fn every_changed_byte_is_detected() {
        let probes = Probes { size: 64, ..PROBES };
        let bytes: Vec<u8> = probes.bytes(3).collect();
        for index in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[index] ^= 0x10;
            let wanted = if index < 8 {
                ProbeMatch::Foreign
            } else {
                ProbeMatch::Altered
            };
            assert_eq!(read(probes, &bytes), wanted, "byte {index}");
        }
    }

    #[test]
    fn another_length_is_altered_and_without_a_nonce_it_is_foreign() {
        let long: Vec<u8> = Probes { size: 21, ..PROBES }.bytes(3).collect();
        for len in 0..=long.len() {
            let wanted = match len {
                0..8 => ProbeMatch::Foreign,
                20 => ProbeMatch::Probe(3),
                _ => ProbeMatch::Altered,
            };
            assert_eq!(read(PROBES, &long[..len]), wanted, "{len} bytes");
        }
    }

    #[test]
    fn a_truncated_datagram_is_altered() {
        let size = DATAGRAM_MAX;
        let probes = Probes { size, ..PROBES };
        let bytes: Vec<u8> = probes.bytes(3).collect();
        let cut = Datagram {
            truncated: true,
            ..datagram(&bytes)
        };
        assert_eq!(probes.read(&cut), ProbeMatch::Altered);
    }

    #[test]
    fn probes_of_another_run_are_foreign() {
        let (ours, theirs) = (Probes::of_size(64), Probes::of_size(64));
        let bytes: Vec<u8> = theirs.bytes(1).collect();
        assert_eq!(read(ours, &bytes), ProbeMatch::Foreign);
    }
}
