//! The in-memory transport of [`Host::pair`](crate::Host::pair): two queues instead of sockets.
//!
//! Behaves as UDP over loopback: a datagram that does not fit into the queue is lost and counted by
//! the receiver, and sending wakes a sleeping receiver. Uses no thread.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock;
use crate::limits::DATAGRAM_MAX;
use crate::socket::{Poller, SocketStats, Waker};

/// Maximum number of queued datagrams per direction, as in the default send queue of a socket; at
/// most 1 MiB. When it is full, the newest datagram is dropped.
const QUEUE_DATAGRAMS_MAX: usize = 1024;

/// Addresses that are not reachable from outside: both hosts are in this process.
const CLIENT: ([u8; 4], u16) = ([127, 0, 0, 1], 1);
const SERVER: ([u8; 4], u16) = ([127, 0, 0, 1], 2);

#[derive(Debug)]
pub(crate) struct MemoryTransport {
    local: SocketAddr,
    remote: SocketAddr,
    incoming: Arc<Mailbox>,
    outgoing: Arc<Mailbox>,
    /// Datagrams taken from `incoming` in one operation. Empty between two drains.
    received: VecDeque<Box<Buffer>>,
    has_sent: bool,
    /// Created by the first sleep.
    poller: Option<Poller>,
    woken: bool,
    stats: SocketStats,
}

/// One direction.
#[derive(Debug, Default)]
struct Mailbox(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    datagrams: VecDeque<Box<Buffer>>,
    free: VecDeque<Box<Buffer>>,
    dropped: u64,
    /// Wakes the receiver, while it sleeps.
    sleeper: Option<Waker>,
}

struct Buffer {
    len: usize,
    bytes: [u8; DATAGRAM_MAX],
}

impl MemoryTransport {
    pub(crate) fn pair() -> (Self, Self) {
        let (up, down) = (Arc::<Mailbox>::default(), Arc::<Mailbox>::default());
        let end = |local: ([u8; 4], u16), remote: ([u8; 4], u16), incoming, outgoing| Self {
            local: local.into(),
            remote: remote.into(),
            incoming,
            outgoing,
            received: VecDeque::new(),
            has_sent: false,
            poller: None,
            woken: false,
            stats: SocketStats::default(),
        };
        let client = end(CLIENT, SERVER, Arc::clone(&down), Arc::clone(&up));
        (client, end(SERVER, CLIENT, up, down))
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn reaches(&self, to: SocketAddr) -> bool {
        to == self.remote
    }

    pub(super) fn drain(&mut self, mut handle: impl FnMut(SocketAddr, &[u8])) {
        if !self.incoming.take_all(&mut self.received) {
            self.stats.receive_would_block += 1;
            return;
        }
        self.stats.batches_received += 1;
        for datagram in &self.received {
            self.stats.datagrams_received += 1;
            self.stats.bytes_received += datagram.len as u64;
            handle(self.remote, datagram.bytes());
        }
        self.incoming.give_back(&mut self.received);
    }

    /// Sends a datagram. [`transmit`](Self::transmit) wakes the other end.
    pub(super) fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        if to != self.remote {
            self.stats.discarded += 1;
            return;
        }
        self.stats.datagrams_sent += 1;
        self.stats.bytes_sent += bytes.len() as u64;
        self.outgoing.push(bytes);
        self.has_sent = true;
    }

    pub(super) fn transmit(&mut self) {
        if std::mem::take(&mut self.has_sent) {
            self.stats.batches_sent += 1;
            self.outgoing.wake_receiver();
        }
    }

    /// As [`Socket::wait`](crate::Socket::wait).
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.transmit();
        if self.take_wake() {
            self.woken = true;
            return Ok(());
        }
        if timeout == Some(Duration::ZERO) {
            return Ok(());
        }
        let waker = self.waker()?;
        if !self.incoming.begin_sleep(waker) {
            return Ok(());
        }
        let outcome = self.sleep(timeout);
        self.incoming.end_sleep();
        outcome
    }

    fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        // A deadline beyond the range of the clock never passes.
        let deadline = timeout.and_then(|timeout| clock::now().checked_add(timeout));
        let mut remaining = deadline.and(timeout);
        loop {
            let seen = poller(&mut self.poller)?.sleep(remaining)?;
            self.woken |= seen.woken;
            if seen.woken || self.has_unread() {
                return Ok(());
            }
            if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(clock::now());
                if left.is_zero() {
                    return Ok(());
                }
                remaining = Some(left);
            }
        }
    }

    pub(super) fn waker(&mut self) -> io::Result<Waker> {
        poller(&mut self.poller)?.waker()
    }

    pub(super) fn take_woken(&mut self) -> bool {
        self.take_wake() | std::mem::take(&mut self.woken)
    }

    fn take_wake(&self) -> bool {
        self.poller.as_ref().is_some_and(Poller::take_wake)
    }

    pub(super) fn has_unread(&self) -> bool {
        !self.incoming.lock().datagrams.is_empty()
    }

    pub(super) fn stats(&self) -> SocketStats {
        SocketStats {
            dropped_by_kernel: self.incoming.lock().dropped,
            ..self.stats
        }
    }
}

fn poller(poller: &mut Option<Poller>) -> io::Result<&mut Poller> {
    if let Some(poller) = poller {
        return Ok(poller);
    }
    Ok(poller.insert(Poller::without_socket()?))
}

impl Mailbox {
    /// A panic of another thread leaves the queue as it was between two operations.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, bytes: &[u8]) {
        let mut queue = self.lock();
        if queue.datagrams.len() >= QUEUE_DATAGRAMS_MAX {
            queue.dropped += 1;
            return;
        }
        let mut buffer = queue.free.pop_front().unwrap_or_default();
        buffer.fill(bytes);
        queue.datagrams.push_back(buffer);
    }

    /// Moves all datagrams to `received`, which is empty. Returns whether there were any.
    fn take_all(&self, received: &mut VecDeque<Box<Buffer>>) -> bool {
        std::mem::swap(&mut self.lock().datagrams, received);
        !received.is_empty()
    }

    fn give_back(&self, received: &mut VecDeque<Box<Buffer>>) {
        self.lock().free.append(received);
    }

    /// Returns `false`, without a sleep, if datagrams are queued.
    fn begin_sleep(&self, waker: Waker) -> bool {
        let mut queue = self.lock();
        if !queue.datagrams.is_empty() {
            return false;
        }
        queue.sleeper = Some(waker);
        true
    }

    fn end_sleep(&self) {
        self.lock().sleeper = None;
    }

    fn wake_receiver(&self) {
        let sleeper = self.lock().sleeper.take();
        if let Some(waker) = sleeper {
            waker.notify();
        }
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self {
            len: 0,
            bytes: [0; DATAGRAM_MAX],
        }
    }
}

impl Buffer {
    fn fill(&mut self, bytes: &[u8]) {
        self.len = bytes.len();
        self.bytes[..bytes.len()].copy_from_slice(bytes);
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Prints no payload.
impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_queue_drops_the_newest_datagram_and_the_receiver_counts_it() {
        let (mut client, mut server) = MemoryTransport::pair();
        let to = server.local_addr();
        for number in 0..QUEUE_DATAGRAMS_MAX + 3 {
            client.send(to, &number.to_be_bytes());
        }
        assert_eq!(server.stats().dropped_by_kernel, 3);
        let mut received = 0_usize;
        server.drain(|from, bytes| {
            assert_eq!(from, client.local_addr());
            assert_eq!(bytes, received.to_be_bytes());
            received += 1;
        });
        assert_eq!(received, QUEUE_DATAGRAMS_MAX);
        client.send(to, b"there is room again");
        assert_eq!(server.stats().dropped_by_kernel, 3);
        assert!(server.has_unread());
    }

    #[test]
    fn datagram_to_another_address_is_discarded() {
        let (mut client, server) = MemoryTransport::pair();
        client.send(([127, 0, 0, 1], 3).into(), b"hello");
        assert!(!server.has_unread());
        assert_eq!(client.stats().discarded, 1);
    }

    #[test]
    fn steady_exchange_allocates_nothing() {
        let (mut client, mut server) = MemoryTransport::pair();
        let to = server.local_addr();
        let mut exchange = || {
            for _ in 0..10 {
                client.send(to, &[1; DATAGRAM_MAX]);
            }
            client.transmit();
            let mut received = 0;
            server.drain(|_, _| received += 1);
            assert_eq!(received, 10);
        };
        for _ in 0..10 {
            exchange();
        }
        let info = allocation_counter::measure(exchange);
        assert_eq!(info.count_total, 0);
    }
}
