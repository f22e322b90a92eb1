//! Reusable buffers for messages that wait for an acknowledgement or an earlier message, shared by
//! all peers of a host, so that a busy host does not allocate.

use std::collections::VecDeque;

use crate::limits::FRAGMENT_BYTES;

/// Maximum number of free buffers per size: two reliable messages in flight to each of 4,096 peers.
const BUFFERS_KEPT_MAX: usize = 8192;

/// Buffers allocated when a size is first used: 84 KiB per host for all sizes, more than a game
/// with one peer usually needs.
const BUFFERS_RESERVED: usize = 64;

/// Buffer sizes in bytes. A longer message gets an exact allocation, which is not kept.
pub(crate) const SIZES: [usize; 3] = [64, 256, 1024];
const _: () = assert!(FRAGMENT_BYTES <= SIZES[2]);

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    free: [Vec<Vec<u8>>; SIZES.len()],
}

impl Buffers {
    pub(crate) fn copy(&mut self, message: &[u8]) -> Vec<u8> {
        let mut buffer = self.with_room(message.len());
        buffer.extend_from_slice(message);
        buffer
    }

    fn with_room(&mut self, len: usize) -> Vec<u8> {
        let Some(class) = SIZES.iter().position(|size| len <= *size) else {
            return Vec::with_capacity(len);
        };
        if self.free[class].capacity() == 0 {
            self.make_reserve(class);
        }
        self.free[class]
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(SIZES[class]))
    }

    fn make_reserve(&mut self, class: usize) {
        let buffers = (0..BUFFERS_RESERVED).map(|_| Vec::with_capacity(SIZES[class]));
        self.free[class].extend(buffers);
    }

    /// Returns a buffer. It is kept if its size matches and fewer than [`BUFFERS_KEPT_MAX`] are
    /// free.
    pub(crate) fn give_back(&mut self, mut buffer: Vec<u8>) {
        let class = SIZES.iter().position(|size| buffer.capacity() == *size);
        let Some(free) = class.map(|class| &mut self.free[class]) else {
            return;
        };
        if free.len() < BUFFERS_KEPT_MAX {
            buffer.clear();
            free.push(buffer);
        }
    }
}

/// Releases the memory of an empty queue. Non-empty queues are left alone, so a peer cannot force
/// repeated reallocation.
pub(crate) fn shed<T>(ring: &mut VecDeque<T>) {
    if ring.is_empty() {
        ring.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocates_nothing_after_warm_up() {
        let mut buffers = Buffers::default();
        let mut turn = || {
            let lens = [0, 40, 64, 65, 256, 257, 960];
            let taken = lens.map(|len| buffers.copy(&vec![7; len][..]));
            for (len, buffer) in lens.into_iter().zip(&taken) {
                assert_eq!(*buffer, vec![7; len]);
            }
            taken
                .into_iter()
                .for_each(|buffer| buffers.give_back(buffer));
        };
        turn();
        let mut buffers_of = |len| buffers.copy(&[1; 2000][..len]);
        let taken = [buffers_of(10), buffers_of(100), buffers_of(1000)];
        for buffer in taken {
            buffers.give_back(buffer);
        }
        let info = allocation_counter::measure(|| {
            for len in [1, 60, 200, 900] {
                let buffer = buffers.copy(&[7; 900][..len]);
                buffers.give_back(buffer);
            }
        });
        assert_eq!(info.count_total, 0);
    }

    #[test]
    fn keeps_at_most_the_limit_and_no_oversized_buffer() {
        let mut buffers = Buffers::default();
        for _ in 0..BUFFERS_KEPT_MAX + 10 {
            buffers.give_back(Vec::with_capacity(64));
        }
        buffers.give_back(Vec::with_capacity(5000));
        let kept: usize = buffers.free.iter().map(Vec::len).sum();
        assert_eq!(kept, BUFFERS_KEPT_MAX);
    }

    #[test]
    fn sheds_empty_queues_only() {
        let mut ring: VecDeque<u64> = (0..1000).collect();
        ring.truncate(1);
        let capacity = ring.capacity();
        shed(&mut ring);
        assert_eq!(ring.capacity(), capacity);
        ring.clear();
        shed(&mut ring);
        assert_eq!(ring.capacity(), 0);
    }
}
