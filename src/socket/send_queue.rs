//! Sending: a ring of fixed slots, sent in batches and in order. Datagrams that the system does not
//! accept yet stay queued.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use log::trace;

use crate::config::SocketConfig;
use crate::error::SocketSendError;
use crate::limits::{BATCH_MAX, DATAGRAM_MAX};
use crate::socket::os_error::{OsError, OsErrorLog};
use crate::socket::raw_socket::RawSocket;
use crate::socket::stats::SocketStats;

/// Maximum retries of a call interrupted by a signal. Calls on a non-blocking socket are not
/// interrupted in practice; the limit bounds the loop.
pub(super) const INTERRUPTED_MAX: u32 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocked {
    /// An event reports when the socket is writable.
    WouldBlock,
    /// The system had no buffers, or signals interrupted repeatedly: no event follows, so the next
    /// turn retries.
    Retry,
}

pub(super) struct SendQueue {
    /// Slots of 1024 bytes. An empty ring restarts at the first slot, so a short queue stays within
    /// the same few pages.
    slots: Box<[[u8; DATAGRAM_MAX]]>,
    entries: Box<[QueuedDatagram]>,
    head: usize,
    len: usize,
    /// Maximum number of datagrams per system call.
    #[cfg(target_os = "linux")]
    batch: usize,
    /// Why the last transmission stopped with datagrams queued.
    blocked: Option<Blocked>,
    /// `send` returned `QueueFull`, and the caller was not yet notified of free slots.
    notify_writable: bool,
    /// The system reported an error of an earlier datagram instead of sending the oldest one, which
    /// is retried once.
    head_retried: bool,
    /// The first error that the next `flush` returns.
    refusal: Option<io::Error>,
    errors: OsErrorLog,
    stats: SocketStats,
}

#[derive(Debug, Clone, Copy)]
struct QueuedDatagram {
    to: SocketAddr,
    len: usize,
}

impl SendQueue {
    pub(super) fn new(config: &SocketConfig) -> Self {
        let capacity = config.send_queue;
        let unused = QueuedDatagram {
            to: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            len: 0,
        };
        Self {
            // Zeroed memory is allocated lazily: only pages that are used become resident.
            slots: vec![[0; DATAGRAM_MAX]; capacity].into_boxed_slice(),
            entries: vec![unused; capacity].into_boxed_slice(),
            head: 0,
            len: 0,
            #[cfg(target_os = "linux")]
            batch: config.batch,
            blocked: None,
            notify_writable: false,
            head_retried: false,
            refusal: None,
            errors: OsErrorLog::new("sending"),
            stats: SocketStats::default(),
        }
    }

    /// Queues a copy of `bytes`, and sends if a batch is complete.
    pub(super) fn send(
        &mut self,
        socket: &RawSocket,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), SocketSendError> {
        if bytes.len() > DATAGRAM_MAX {
            return Err(SocketSendError::TooLong {
                len: bytes.len(),
                max: DATAGRAM_MAX,
            });
        }
        if !socket.reaches(to) {
            return Err(SocketSendError::WrongFamily { to });
        }
        if self.len == self.entries.len() {
            self.stats.queue_full += 1;
            self.notify_writable = true;
            return Err(SocketSendError::QueueFull);
        }
        self.free_slot()[..bytes.len()].copy_from_slice(bytes);
        self.commit(socket, to, bytes.len());
        Ok(())
    }

    /// The next free slot, to be filled and [committed](Self::commit). `None` if the queue is full.
    pub(super) fn next_slot(&mut self, socket: &RawSocket) -> Option<&mut [u8; DATAGRAM_MAX]> {
        self.make_room(socket).then(|| self.free_slot())
    }

    /// Queues the `len` bytes in the next slot, and sends if a batch is complete.
    pub(super) fn commit(&mut self, socket: &RawSocket, to: SocketAddr, len: usize) {
        let index = self.index(self.len);
        self.entries[index] = QueuedDatagram { to, len };
        self.len += 1;
        // A socket that would block is not retried until it is writable, or until the next turn.
        if self.len >= BATCH_MAX.min(self.entries.len()) && self.blocked.is_none() {
            self.transmit(socket);
        }
    }

    pub(super) fn count_discarded(&mut self) {
        self.stats.discarded += 1;
    }

    /// The queue must not be full.
    fn free_slot(&mut self) -> &mut [u8; DATAGRAM_MAX] {
        &mut self.slots[self.index(self.len)]
    }

    /// Sends until the queue is empty or the system accepts no more.
    pub(super) fn transmit(&mut self, socket: &RawSocket) {
        self.blocked = None;
        let mut interrupted = 0;
        // Finite: every round sends, discards, marks the head as retried, is interrupted, or
        // blocks.
        while self.len > 0 && self.blocked.is_none() {
            match self.transmit_batch(socket) {
                Ok(count) => self.on_sent(count),
                Err(error) => {
                    interrupted += u32::from(self.on_error(error) == OsError::Interrupted);
                }
            }
            if self.len > 0 && interrupted == INTERRUPTED_MAX {
                // Recorded, so that the caller does not sleep with datagrams queued.
                self.blocked = Some(Blocked::Retry);
            }
        }
    }

    /// Whether a slot is free, after sending if necessary. Otherwise the caller is notified as
    /// after `QueueFull`.
    pub(super) fn make_room(&mut self, socket: &RawSocket) -> bool {
        if self.len == self.entries.len() && self.blocked.is_none() {
            self.transmit(socket);
        }
        let has_room = self.len < self.entries.len();
        self.notify_writable |= !has_room;
        has_room
    }

    pub(super) fn blocked(&self) -> Option<Blocked> {
        self.blocked
    }

    /// Whether a slot is free again after a `QueueFull`. Returns `true` once.
    pub(super) fn take_writable(&mut self) -> bool {
        let has_room = self.notify_writable && self.len < self.entries.len();
        self.notify_writable &= !has_room;
        has_room
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn take_refusal(&mut self) -> io::Result<()> {
        self.refusal.take().map_or(Ok(()), Err)
    }

    pub(super) fn stats(&self) -> SocketStats {
        SocketStats {
            send_errors: self.errors.counts(),
            ..self.stats
        }
    }

    fn transmit_batch(&self, socket: &RawSocket) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        if self.batch > 1 && self.len > 1 {
            let count = self.batch.min(self.len);
            return socket.send_batch((0..count).map(|offset| self.datagram(offset)));
        }
        let (to, bytes) = self.datagram(0);
        socket.send_one(to, bytes)?;
        Ok(1)
    }

    fn on_sent(&mut self, count: usize) {
        self.stats.batches_sent += 1;
        self.stats.datagrams_sent += count as u64;
        for offset in 0..count {
            let (to, bytes) = self.datagram(offset);
            let len = bytes.len();
            trace!("sent {len} bytes to {to}");
            self.stats.bytes_sent += len as u64;
        }
        self.remove(count);
    }

    /// Handles a send error, which always belongs to the oldest datagram.
    fn on_error(&mut self, error: io::Error) -> OsError {
        let answer = OsError::of(&error);
        if answer == OsError::WouldBlock {
            self.stats.send_would_block += 1;
            self.blocked = Some(Blocked::WouldBlock);
            return answer;
        }
        let (to, bytes) = self.datagram(0);
        let len = bytes.len();
        self.errors
            .note(answer, &error, format_args!(" {len} bytes to {to}"));
        match answer {
            OsError::Interrupted | OsError::WouldBlock => {}
            OsError::NoBuffers => self.blocked = Some(Blocked::Retry),
            // Reported for an earlier datagram; this one was not sent.
            OsError::Refused if !self.head_retried => self.head_retried = true,
            OsError::Refused | OsError::Unreachable | OsError::Permission => self.discard(),
            OsError::TooLong => {
                self.discard();
                let max = len.saturating_sub(1);
                self.refuse(SocketSendError::TooLong { len, max }.into());
            }
            OsError::Other => {
                self.discard();
                self.refuse(error);
            }
        }
        answer
    }

    fn discard(&mut self) {
        self.stats.discarded += 1;
        self.remove(1);
    }

    fn refuse(&mut self, error: io::Error) {
        self.refusal.get_or_insert(error);
    }

    fn remove(&mut self, count: usize) {
        self.head_retried = false;
        self.len -= count;
        self.head = if self.len == 0 { 0 } else { self.index(count) };
    }

    #[inline]
    fn datagram(&self, offset: usize) -> (SocketAddr, &[u8]) {
        let index = self.index(offset);
        let entry = self.entries[index];
        (entry.to, &self.slots[index][..entry.len])
    }

    #[inline]
    fn index(&self, offset: usize) -> usize {
        let index = self.head + offset;
        if index < self.entries.len() {
            index
        } else {
            index - self.entries.len()
        }
    }
}
