//! Received messages as slices of reusable chunks, so receiving does not allocate. A chunk is
//! reused once all of its messages were dropped.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Size of a chunk in bytes.
pub(crate) const CHUNK_BYTES: usize = 16 << 10;

/// Maximum number of chunks kept for reuse: 1 MiB.
const CHUNKS_KEPT_MAX: usize = 64;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Pool {
    current: Option<BytesMut>,
    /// Full chunks, oldest first.
    full: VecDeque<BytesMut>,
}

impl Pool {
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Bytes {
        let chunk = match self.current.take() {
            Some(chunk) if chunk.capacity() - chunk.len() >= bytes.len() => chunk,
            full => self.next_chunk(full, bytes.len()),
        };
        let chunk = self.current.insert(chunk);
        chunk.extend_from_slice(bytes);
        chunk.split().freeze()
    }

    /// Restarts at the beginning of the chunk, which is in the CPU cache, if no message uses the
    /// chunk.
    pub(crate) fn rewind(&mut self) {
        if let Some(chunk) = &mut self.current {
            let _ = chunk.try_reclaim(CHUNK_BYTES); // otherwise it continues at its position
        }
    }

    fn next_chunk(&mut self, full: Option<BytesMut>, len: usize) -> BytesMut {
        let size = CHUNK_BYTES.max(len);
        self.full.extend(full);
        // The oldest chunk is the most likely to be free.
        if let Some(mut oldest) = self.full.pop_front() {
            if oldest.try_reclaim(size) {
                return oldest;
            }
            if self.full.len() < CHUNKS_KEPT_MAX {
                self.full.push_back(oldest);
            }
        }
        BytesMut::with_capacity(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_equal_their_source() {
        let mut pool = Pool::default();
        let copies: Vec<Bytes> = (0..100).map(|n: u8| pool.copy(&[n; 900])).collect();
        for (n, copy) in (0..100).zip(&copies) {
            assert_eq!(copy[..], [n; 900]);
        }
        assert_eq!(pool.copy(&[]), Bytes::new());
    }

    #[test]
    fn allocates_nothing_after_warm_up() {
        let mut pool = Pool::default();
        let mut turn = || {
            for _ in 0..100 {
                drop(pool.copy(&[7; 100]));
            }
        };
        // The first two allocate the chunk and the list of full chunks.
        turn();
        turn();
        let info = allocation_counter::measure(|| (0..100).for_each(|_| turn()));
        assert_eq!(info.count_total, 0);
    }

    #[test]
    fn rewinds_only_a_chunk_without_held_messages() {
        let mut pool = Pool::default();
        let first = pool.copy(&[1; 100]);
        pool.rewind();
        let second = pool.copy(&[2; 100]);
        assert_eq!((&first[..], &second[..]), (&[1; 100][..], &[2; 100][..]));
        let at = first.as_ptr();
        drop((first, second));
        pool.rewind();
        assert_eq!(pool.copy(&[3; 100]).as_ptr(), at);
    }

    #[test]
    fn keeps_a_limited_number_of_held_chunks() {
        let mut pool = Pool::default();
        let kept: Vec<Bytes> = (0..1000).map(|_| pool.copy(&[7; CHUNK_BYTES])).collect();
        assert!(pool.full.len() <= CHUNKS_KEPT_MAX);
        drop(kept);
        let info = allocation_counter::measure(|| {
            for _ in 0..1000 {
                drop(pool.copy(&[7; CHUNK_BYTES / 2]));
            }
        });
        assert!(info.count_total <= 4, "{}", info.count_total);
    }
}
