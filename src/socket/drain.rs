//! Receiving: fixed slots, filled by as few system calls as possible, handed out one by one, within
//! a budget, and without ever forgetting that something is left.
//!
//! Readiness is edge-triggered: the system says once that there is something to read, and promises to
//! say it again only after the socket was seen empty. So a drain ends in one of two ways that must not be
//! confused: the socket was seen empty (the next datagram brings a new event), or the budget was
//! spent (no event will come, and whoever sleeps now sleeps on unread datagrams). The drain remembers
//! which it was.

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

/// How many datagrams are received one by one, after a drain that brought at most one, before the
/// next receive is a batch: 2.
///
/// The first is the one that is expected; the second receive shows, as a rule, that the socket is
/// empty. Measured: that costs less than a batch of two slots, and an empty socket costs three
/// quarters of an empty batch.
const SPARSE_SINGLES: usize = 2;

/// How many bytes stand behind the last slot, to show whether a datagram was longer than its slot:
/// a `recv_from` into 1024 bytes returns 1024 for a datagram of 1024 and of 1025 bytes alike.
///
/// On Windows the spare takes the longest datagram that exists, because there a receive into too
/// small a buffer is an error (WSAEMSGSIZE) that does not say who sent it.
const SPARE: usize = if cfg!(windows) {
    65_535 - DATAGRAM_MAX
} else {
    1
};

/// A datagram, and when the kernel took it in.
pub(super) type TimestampedDatagram<'a> = (Datagram<'a>, Option<SystemTime>);

/// The receiving half of a socket.
pub(super) struct Drain {
    /// One slot of 1024 bytes per datagram of a batch, then the spare bytes.
    slots: Box<[u8]>,
    /// What came into which slot.
    arrivals: Box<[ReceivedMeta]>,
    filled: usize,
    next: usize,
    /// How many of the next receives take a single slot, although there are more.
    singles: usize,
    budget: usize,
    /// How much of the budget this drain has used: datagrams, and errors too, so that a socket that
    /// answers nothing but errors ends a turn as well.
    spent: usize,
    /// This drain has seen the socket empty, or without the buffers to tell; it ends when its slots
    /// are handed out.
    seen_empty: bool,
    /// The socket may hold datagrams for which no event will come.
    unread: bool,
    /// A batch that came up short ends the drain without asking the system once more. Only where
    /// every turn is announced by `on_turn`: otherwise what came while the rest of the batch lay in
    /// its slots would be taken for read, and its event is gone.
    short_batch_ends: bool,
    /// When the kernel took in the datagram in the first slot, if it was asked to say.
    stamp: Option<SystemTime>,
    /// Room for that beside a datagram; with it datagrams come one by one.
    #[cfg(target_os = "linux")]
    stamp_control: Option<Box<[u8]>>,
    answers: OsErrorLog,
    stats: SocketStats,
}

impl Drain {
    pub(super) fn new(socket: &RawSocket, config: &SocketConfig) -> Self {
        let batch = if cfg!(target_os = "linux") {
            config.batch
        } else {
            1
        };
        let nobody = ReceivedMeta {
            from: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            len: 0,
            truncated: false,
        };
        Self {
            slots: vec![0; batch * DATAGRAM_MAX + SPARE].into_boxed_slice(),
            arrivals: vec![nobody; batch].into_boxed_slice(),
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
            answers: OsErrorLog::new("receiving"),
            stats: SocketStats::default(),
        }
    }

    /// The next datagram, or `None` at the end of the drain. The call after that begins a new one.
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

    /// As [`receive`](Self::receive), with the time at which the kernel took it in.
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

    /// Whether datagrams may wait for which no event will come.
    pub(super) fn has_unread(&self) -> bool {
        self.unread || self.next < self.filled
    }

    /// An event said that the socket is readable.
    pub(super) fn on_readable(&mut self) {
        self.unread = true;
    }

    /// A new turn: the budget is whole again, and what the last drain saw is no longer true, also if
    /// it was left before its end.
    pub(super) fn on_turn(&mut self) {
        if self.spent > 0 {
            self.end();
        }
        self.seen_empty = false;
    }

    /// Whether turns are announced by `on_turn` from now on; at first they are.
    pub(super) fn on_turns_announced(&mut self, announced: bool) {
        self.short_batch_ends = announced;
    }

    /// The receiving half of the statistics.
    pub(super) fn stats(&self) -> SocketStats {
        let mut stats = self.stats;
        stats.receive_errors = self.answers.counts();
        stats
    }

    /// Fills slots; `false` at the end of the drain.
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

    /// Receives at least one datagram into the slots, or says why not.
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
        // The first slot and the spare behind it, which is the second slot where there is one.
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
        // A batch that the socket could not fill has seen it empty: recvmmsg(2) stops at EAGAIN.
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

    /// What is done about an answer that is not a datagram; returned if the caller has to know.
    fn on_error(&mut self, error: io::Error) -> io::Result<()> {
        let answer = OsError::of(&error);
        if answer == OsError::WouldBlock {
            self.stats.receive_would_block += 1;
            self.seen_empty = true;
            self.unread = false;
            return Ok(());
        }
        self.answers.note(answer, &error, format_args!(""));
        self.unread = true;
        self.spent += 1;
        match answer {
            // An ICMP answer to an earlier send must not end the drain: other peers share the socket.
            OsError::Refused
            | OsError::Unreachable
            | OsError::Permission
            | OsError::Interrupted => {}
            // A system that does not even say who sent it: the datagram is gone.
            OsError::TooLong => self.stats.truncated += 1,
            // The next turn tries again, and it will not sleep before: something is unread.
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

    /// A drain that brought at most one datagram is followed by one that begins with single slots:
    /// a loop that spins would otherwise pay for a batch to receive one datagram or none.
    fn adapt(&mut self) {
        let is_sparse = self.spent <= 1;
        self.singles = if is_sparse { SPARSE_SINGLES } else { 0 };
    }
}
