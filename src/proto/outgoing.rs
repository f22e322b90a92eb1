//! Messages that wait for a packet, one behind the other in one piece of memory.

use std::collections::VecDeque;

use crate::limits::{QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX};

/// How many bytes the length in front of a message takes.
const LEN_BYTES: usize = 2;

/// See the [module](self). Allocates nothing before the first message.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: VecDeque<u8>,
    messages: usize,
}

impl Outgoing {
    /// Whether another message of `len` bytes fits.
    pub(crate) fn has_room(&self, len: usize) -> bool {
        self.messages < QUEUED_MESSAGES_MAX
            && self.bytes.len() + LEN_BYTES + len <= QUEUED_BYTES_MAX
    }

    /// Takes a message, for which there [is room](Self::has_room).
    pub(crate) fn push(&mut self, message: &[u8]) {
        #[allow(clippy::cast_possible_truncation, reason = "a message fits a packet")]
        let len = message.len() as u16;
        self.bytes.extend(len.to_be_bytes());
        self.bytes.extend(message);
        self.messages += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// How long the next message is.
    pub(crate) fn next_len(&self) -> Option<usize> {
        let high = *self.bytes.front()?;
        let low = *self.bytes.get(1)?;
        Some(usize::from(u16::from_be_bytes([high, low])))
    }

    /// Moves the next message into `to`, which is as long as [`next_len`](Self::next_len).
    pub(crate) fn pop_into(&mut self, to: &mut [u8]) {
        self.bytes.drain(..LEN_BYTES);
        let (front, back) = self.bytes.as_slices();
        let from_front = front.len().min(to.len());
        let (start, rest) = to.split_at_mut(from_front);
        start.copy_from_slice(&front[..from_front]);
        rest.copy_from_slice(&back[..rest.len()]);
        self.bytes.drain(..to.len());
        self.messages -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pop(outgoing: &mut Outgoing) -> Option<Vec<u8>> {
        let mut message = vec![0; outgoing.next_len()?];
        outgoing.pop_into(&mut message);
        Some(message)
    }

    #[test]
    fn messages_come_out_as_they_went_in_also_across_the_end_of_the_ring() {
        let mut outgoing = Outgoing::default();
        for turn in 0..2000_usize {
            let len = turn * 7 % 900;
            outgoing.push(&vec![turn.to_be_bytes()[7]; len]);
            outgoing.push(&[]);
            assert_eq!(pop(&mut outgoing), Some(vec![turn.to_be_bytes()[7]; len]));
            assert_eq!(pop(&mut outgoing), Some(vec![]));
            assert_eq!(pop(&mut outgoing), None);
            assert!(outgoing.is_empty());
        }
    }

    #[test]
    fn both_limits_hold() {
        let mut outgoing = Outgoing::default();
        while outgoing.has_room(0) {
            outgoing.push(&[]);
        }
        assert_eq!(outgoing.messages, QUEUED_MESSAGES_MAX);
        let mut outgoing = Outgoing::default();
        while outgoing.has_room(992) {
            outgoing.push(&[0; 992]);
        }
        assert_eq!(outgoing.messages, QUEUED_BYTES_MAX / 994);
    }
}
