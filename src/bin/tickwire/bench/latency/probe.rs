//! What stands in the datagrams of a measurement, so that an answer can be told from anything else.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use tickwire::limits::DATAGRAM_MAX;

/// Nonce, number and departure, eight bytes each, in big-endian.
pub(super) const HEADER: usize = 24;
const _: () = assert!(HEADER <= DATAGRAM_MAX);

/// The datagrams of one round. Each round has a nonce of its own, which no stranger and no straggler
/// from an earlier round knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    nonce: u64,
    size: usize,
    /// Departures count from here.
    start: Instant,
}

/// A datagram that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) number: u64,
    /// When it really left.
    pub(super) left: Instant,
}

impl Probe {
    /// `size` is `HEADER` to `DATAGRAM_MAX`; the command line has seen to it.
    pub(super) fn new(size: usize, start: Instant) -> Self {
        Self {
            // Seeded by the system, anew for every one.
            nonce: RandomState::new().build_hasher().finish(),
            size,
            start,
        }
    }

    /// The datagram with this number, written into `buffer`.
    pub(super) fn write<'b>(
        &self,
        buffer: &'b mut [u8; DATAGRAM_MAX],
        number: u64,
        left: Instant,
    ) -> &'b [u8] {
        let left = left.saturating_duration_since(self.start).as_nanos();
        let left = u64::try_from(left).unwrap_or(u64::MAX);
        for (field, value) in [self.nonce, number, left].into_iter().enumerate() {
            buffer[field * 8..][..8].copy_from_slice(&value.to_be_bytes());
        }
        &buffer[..self.size]
    }

    /// What came back, if it is whole and one of ours.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Answer> {
        if bytes.len() != self.size || field(bytes, 0)? != self.nonce {
            return None;
        }
        // An answer from a mad echo can hold any number; the clock may not be able to say it.
        let left = self
            .start
            .checked_add(Duration::from_nanos(field(bytes, 2)?))?;
        Some(Answer {
            number: field(bytes, 1)?,
            left,
        })
    }
}

fn field(bytes: &[u8], index: usize) -> Option<u64> {
    let bytes = bytes.get(index * 8..)?.first_chunk()?;
    Some(u64::from_be_bytes(*bytes))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        for size in [HEADER, 64, DATAGRAM_MAX] {
            let probe = Probe::new(size, Instant::now());
            let left = probe.start + Duration::from_nanos(1_234_567_891);
            let mut buffer = [0; DATAGRAM_MAX];
            let bytes = probe.write(&mut buffer, 77, left);
            assert_eq!(bytes.len(), size);
            assert_eq!(probe.read(bytes), Some(Answer { number: 77, left }));
        }
    }

    #[test]
    fn a_datagram_of_another_round_or_another_length_is_foreign() {
        let now = Instant::now();
        let (ours, other) = (Probe::new(64, now), Probe::new(64, now));
        let mut buffer = [0; DATAGRAM_MAX];
        assert_eq!(ours.read(other.write(&mut buffer, 0, now)), None);
        let bytes = ours.write(&mut buffer, 0, now);
        assert_eq!(ours.read(&bytes[..63]), None);
        assert_eq!(ours.read(b""), None);
        assert_eq!(ours.read(&buffer[..65]), None);
    }

    #[test]
    fn an_answer_that_claims_any_time_does_no_harm() {
        let probe = Probe::new(HEADER, Instant::now());
        let mut bytes = [0xff; HEADER];
        bytes[..8].copy_from_slice(&probe.nonce.to_be_bytes());
        // Whether the clock can say so late a time is the platform's affair; only a panic is wrong.
        let _ = probe.read(&bytes);
        assert_eq!(probe.read(&bytes[..8]), None);
    }
}
