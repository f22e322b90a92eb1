//! Datagrams that have arrived for a host.

use std::collections::VecDeque;
use std::time::Instant;

use crate::limits::DATAGRAM_MAX;
use crate::sim::network::Path;

/// Datagrams that wait for a host's turn. When it is full, the newest is dropped and counted.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    datagrams: VecDeque<ArrivedDatagram>,
    waiting_since: Option<Instant>,
    dropped: u64,
}

#[derive(Debug)]
pub(super) struct ArrivedDatagram {
    pub(super) path: Path,
    pub(super) buffer: Box<ArrivalBuffer>,
}

#[derive(Debug)]
pub(super) struct ArrivalBuffer {
    len: usize,
    bytes: [u8; DATAGRAM_MAX],
}

/// Free buffers, up to the peak demand.
#[derive(Debug, Default)]
pub(super) struct BufferPool {
    #[expect(clippy::vec_box, reason = "a kilobyte each that moves between queues")]
    free: Vec<Box<ArrivalBuffer>>,
    made: usize,
}

impl Inbox {
    /// Drops the datagram if `max` are waiting, or if it is longer than [`DATAGRAM_MAX`] bytes,
    /// which only an injected one can be.
    pub(super) fn push(
        &mut self,
        path: Path,
        bytes: &[u8],
        now: Instant,
        max: usize,
        buffers: &mut BufferPool,
    ) {
        if self.datagrams.len() >= max || bytes.len() > DATAGRAM_MAX {
            self.dropped += 1;
            return;
        }
        let mut buffer = buffers.take();
        buffer.fill(bytes);
        self.datagrams.push_back(ArrivedDatagram { path, buffer });
        self.waiting_since.get_or_insert(now);
    }

    pub(super) fn pop(&mut self) -> Option<ArrivedDatagram> {
        let datagram = self.datagrams.pop_front();
        if datagram.is_none() {
            self.waiting_since = None;
        }
        datagram
    }

    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.waiting_since
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl ArrivalBuffer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn fill(&mut self, bytes: &[u8]) {
        self.len = bytes.len();
        self.bytes[..bytes.len()].copy_from_slice(bytes);
    }
}

impl BufferPool {
    fn take(&mut self) -> Box<ArrivalBuffer> {
        self.free.pop().unwrap_or_else(|| {
            self.made += 1;
            // Reserve for every buffer now, so freeing never allocates.
            self.free.reserve(self.made);
            Box::new(ArrivalBuffer {
                len: 0,
                bytes: [0; DATAGRAM_MAX],
            })
        })
    }

    pub(super) fn give_back(&mut self, buffer: Box<ArrivalBuffer>) {
        self.free.push(buffer);
    }
}
