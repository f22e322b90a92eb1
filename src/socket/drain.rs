//! Receiving: batches into fixed slots, within a budget.
//!
//! Readiness is edge-triggered: after an event, the next one follows only once the socket was found
//! empty. A drain therefore records how it ended: the socket was empty (the next datagram causes an
//! event), or the budget was spent (no event follows, so the caller must not sleep).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use log::trace;

use crate::config::SocketConfig;
use crate::limits::DATAGRAM_MAX;
use crate::socket::datagram::{Datagram, ReceivedMeta};
use crate::socket::os_error::{OsError, OsErrorLog};
use crate::socket::raw_socket::RawSocket;
use crate::socket::stats::SocketStats;

/// Number of single receives before the next batch, after a drain of at most one datagram: 2. The
/// first receives the expected datagram; the second usually finds the socket empty. Measured:
/// cheaper than a batch of two slots, and an empty receive costs three quarters of an empty batch.
const SPARSE_SINGLES: usize = 2;

/// Bytes behind the last slot, to detect truncation: a `recv_from` into 1024 bytes returns 1024 for
/// a datagram of 1025 bytes too.
///
/// On Windows the longest possible datagram fits, because a receive into a smaller buffer is an
/// error (WSAEMSGSIZE) without the sender's address.
const SPARE: usize = if cfg!(windows) {
    65_535 - DATAGRAM_MAX
} else {
    1
};

pub(super) type TimestampedDatagram<'a> = (Datagram<'a>, Option<SystemTime>);

pub(super) struct Drain {
    /// One slot of 1024 bytes per datagram of a batch, then the spare bytes.
    slots: Box<[u8]>,
    arrivals: Box<[ReceivedMeta]>,
    filled: usize,
    next: usize,
    /// Number of receives left that use a single slot.
    singles: usize,
    budget: usize,
    /// Budget used by this drain. Errors count, so a socket that returns only errors ends the turn.
    spent: usize,
    /// The socket was empty, or the system out of buffers. The drain ends when its slots are read.
    seen_empty: bool,
    /// Datagrams may be pending without an event.
    unread: bool,
    /// An incomplete batch ends the drain without another system call. Only if `on_turn` announces
    /// every turn: otherwise datagrams that arrive while the batch is read would stay unread after
    /// their event.
    short_batch_ends: bool,
    /// Kernel receive time of the datagram in the first slot.
    stamp: Option<SystemTime>,
    /// With it, datagrams are received one by one.
    #[cfg(target_os = "linux")]
    stamp_control: Option<Box<[u8]>>,
    errors: OsErrorLog,
    stats: SocketStats,
}

impl Drain {
    pub(super) fn new(socket: &RawSocket, config: &SocketConfig) -> Self {
        let batch = if cfg!(target_os = "linux") {
            config.batch
        } else {
            1
        };
        let empty = ReceivedMeta {
            from: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            len: 0,
            truncated: false,
        };
        Self {
            slots: vec![0; batch * DATAGRAM_MAX + SPARE].into_boxed_slice(),
            arrivals: vec![empty; batch].into_boxed_slice(),
            filled: 0,
            next: 0,
            singles: SPARSE_SINGLES,
            budget: config.drain_budget.unwrap_or_else(|| socket.queued_max()),
            spent: 0,
            seen_empty: false,
            unread: false,
            short_batch_ends: true,
            stamp: None,
            #[cfg(target_os = "linux")]
            stamp_control: config.receive_timestamps.then(super::batch::stamp_control),
            errors: OsErrorLog::new("receiving"),
            stats: SocketStats::default(),
        }
    }

    /// The next datagram, or `None` at the end of the drain. The following call begins a new one.
    #[inline]
    pub(super) fn receive(&mut self, socket: &RawSocket) -> io::Result<Option<Datagram<'_>>> {
        if self.next == self.filled && !self.refill(socket)? {
            return Ok(None);
        }
        let arrival = self.arrivals[self.next];
        let start = self.next * DATAGRAM_MAX;
        self.next += 1;
        let datagram = Datagram {
            from: arrival.from,
            bytes: &self.slots[start..start + arrival.len],
            truncated: arrival.truncated,
        };
        trace!("received {} bytes from {}", arrival.len, arrival.from);
        Ok(Some(datagram))
    }

    pub(super) fn receive_stamped(
        &mut self,
        socket: &RawSocket,
    ) -> io::Result<Option<TimestampedDatagram<'_>>> {
        if self.next == self.filled && !self.refill(socket)? {
            return Ok(None);
        }
        let stamp = self.stamp;
        Ok(self.receive(socket)?.map(|datagram| (datagram, stamp)))
    }

    pub(super) fn has_unread(&self) -> bool {
        self.unread || self.next < self.filled
    }

    pub(super) fn on_readable(&mut self) {
        self.unread = true;
    }

    /// Restores the budget and discards the state of an unfinished drain.
    pub(super) fn on_turn(&mut self) {
        if self.spent > 0 {
            self.end();
        }
        self.seen_empty = false;
    }

    /// Sets whether `on_turn` announces every turn. Default: `true`.
    pub(super) fn on_turns_announced(&mut self, announced: bool) {
        self.short_batch_ends = announced;
    }

    pub(super) fn stats(&self) -> SocketStats {
        let mut stats = self.stats;
        stats.receive_errors = self.errors.counts();
        stats
    }

    /// Fills slots. Returns `false` at the end of the drain.
    fn refill(&mut self, socket: &RawSocket) -> io::Result<bool> {
        self.filled = 0;
        self.next = 0;
        loop {
            if self.seen_empty {
                self.end();
                return Ok(false);
            }
            if self.spent >= self.budget {
                self.stats.budget_spent += 1;
                self.end();
                return Ok(false);
            }
            match self.fill(socket) {
                Ok(count) => {
                    self.on_filled(count);
                    return Ok(true);
                }
                Err(error) => self.on_error(error)?,
            }
        }
    }

    fn fill(&mut self, socket: &RawSocket) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        if self.stamp_control.is_some() {
            return self.fill_one_stamped(socket);
        }
        #[cfg(target_os = "linux")]
        if self.arrivals.len() > 1 && self.singles == 0 {
            return self.fill_batch(socket);
        }
        self.fill_one(socket)
    }

    fn fill_one(&mut self, socket: &RawSocket) -> io::Result<usize> {
        // The first slot and the spare bytes behind it, which overlap the second slot if there is
        // one.
        let (len, from) = socket.receive_one(&mut self.slots[..DATAGRAM_MAX + SPARE])?;
        self.unread = true;
        self.singles = self.singles.saturating_sub(1);
        self.arrivals[0] = ReceivedMeta {
            from,
            len: len.min(DATAGRAM_MAX),
            truncated: len > DATAGRAM_MAX,
        };
        Ok(1)
    }

    #[cfg(target_os = "linux")]
    fn fill_one_stamped(&mut self, socket: &RawSocket) -> io::Result<usize> {
        let control = self.stamp_control.as_deref_mut().unwrap_or_default();
        let slot = &mut self.slots[..DATAGRAM_MAX];
        (self.arrivals[0], self.stamp) = socket.receive_stamped(slot, control)?;
        self.unread = true;
        Ok(1)
    }

    #[cfg(target_os = "linux")]
    fn fill_batch(&mut self, socket: &RawSocket) -> io::Result<usize> {
        let wanted = self.arrivals.len().min(self.budget - self.spent);
        let count = socket.receive_batch(&mut self.slots, &mut self.arrivals[..wanted])?;
        // recvmmsg(2) stops at EAGAIN, so an incomplete batch has found the socket empty.
        self.seen_empty = count < wanted && self.short_batch_ends;
        self.unread = !self.seen_empty;
        Ok(count)
    }

    fn on_filled(&mut self, count: usize) {
        self.filled = count;
        self.spent += count;
        let stats = &mut self.stats;
        stats.batches_received += 1;
        stats.datagrams_received += count as u64;
        for arrival in &self.arrivals[..count] {
            stats.bytes_received += arrival.len as u64;
            stats.truncated += u64::from(arrival.truncated);
        }
    }

    /// Returns the errors that the caller has to handle.
    fn on_error(&mut self, error: io::Error) -> io::Result<()> {
        let answer = OsError::of(&error);
        if answer == OsError::WouldBlock {
            self.stats.receive_would_block += 1;
            self.seen_empty = true;
            self.unread = false;
            return Ok(());
        }
        self.errors.note(answer, &error, format_args!(""));
        self.unread = true;
        self.spent += 1;
        match answer {
            // An ICMP error for an earlier send must not end the drain: other peers share the
            // socket.
            OsError::Refused
            | OsError::Unreachable
            | OsError::Permission
            | OsError::Interrupted => {}
            // The system does not return the sender's address, so the datagram is lost.
            OsError::TooLong => self.stats.truncated += 1,
            // Retried in the next turn: `unread` prevents a sleep before.
            OsError::NoBuffers => self.seen_empty = true,
            OsError::WouldBlock | OsError::Other => return Err(error),
        }
        Ok(())
    }

    fn end(&mut self) {
        self.adapt();
        self.seen_empty = false;
        self.spent = 0;
    }

    /// After a drain of at most one datagram the next one begins with single slots: a spinning loop
    /// must not pay for a batch to receive one datagram.
    fn adapt(&mut self) {
        let is_sparse = self.spent <= 1;
        self.singles = if is_sparse { SPARSE_SINGLES } else { 0 };
    }
}
