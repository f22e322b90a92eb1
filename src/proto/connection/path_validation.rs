//! Path validation of a peer's new address (RFC 9000 sections 8.2 and 9).
//!
//! An attacker can forge a source address, or forward an observed packet from another one. So
//! traffic stays on the old address until the new one has answered a challenge. Until then the new
//! address receives only challenges, at most three times as many bytes as it has sent.

use std::net::SocketAddr;

use crate::limits::{CHALLENGES_MAX, HANDSHAKE_RETRY_FIRST, HANDSHAKE_RETRY_MAX, UNPROVEN_FACTOR};
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::frame::Token;

#[derive(Debug)]
pub(crate) struct PathValidation {
    pub(crate) address: SocketAddr,
    pub(crate) token: Token,
    number: u64,
    bytes_received: u64,
    bytes_sent: u64,
    challenges: u32,
    /// When the next challenge is due; after the last one, when validation fails.
    next_at: Instant,
    gap: Duration,
}

impl PathValidation {
    pub(crate) fn new(address: SocketAddr, token: Token, number: u64, now: Instant) -> Self {
        Self {
            address,
            token,
            number,
            bytes_received: 0,
            bytes_sent: 0,
            challenges: 0,
            next_at: now,
            gap: Duration::of(HANDSHAKE_RETRY_FIRST),
        }
    }

    /// Whether a packet from a third address is newer evidence of the peer's address.
    pub(crate) fn is_older_than(&self, number: u64) -> bool {
        self.number < number
    }

    pub(crate) fn on_received(&mut self, number: u64, bytes: usize) {
        self.number = self.number.max(number);
        self.bytes_received += bytes as u64;
    }

    pub(crate) fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Whether a challenge of `bytes` is due and within the amplification limit.
    pub(crate) fn wants_challenge(&self, bytes: usize, now: Instant) -> bool {
        let allowed = UNPROVEN_FACTOR * self.bytes_received;
        self.challenges < CHALLENGES_MAX
            && now >= self.next_at
            && self.bytes_sent + bytes as u64 <= allowed
    }

    pub(crate) fn on_challenge(&mut self, bytes: usize, now: Instant) {
        self.bytes_sent += bytes as u64;
        self.put_off(now);
    }

    pub(crate) fn put_off(&mut self, now: Instant) {
        self.challenges += 1;
        self.next_at = now + self.gap;
        self.gap = (self.gap * 2).min(Duration::of(HANDSHAKE_RETRY_MAX));
    }

    pub(crate) fn is_given_up(&self, now: Instant) -> bool {
        self.challenges >= CHALLENGES_MAX && now >= self.next_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_an_unvalidated_address_to_three_times_the_received_bytes() {
        let now = Instant::START;
        let mut path = PathValidation::new(([192, 0, 2, 1], 9).into(), [0; 8], 5, now);
        path.on_received(5, 18);
        let mut sent = 0;
        let mut at = now;
        while !path.is_given_up(at) {
            if path.wants_challenge(26, at) {
                path.on_challenge(26, at);
                sent += 26;
            } else if at >= path.next_at() {
                path.put_off(at);
            }
            assert!(sent <= 3 * 18);
            at = path.next_at();
        }
        assert_eq!(sent, 52, "the limit is used");
        assert_eq!(at - now, Duration::from_millis(250 + 500 + 3 * 1000));
    }
}
