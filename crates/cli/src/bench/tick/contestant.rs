//! Who serves the clients: tickwire, and the bare loop that it is held against.
//!
//! The loop around both is the same (`server`). A contestant brings the four things in which they
//! differ: how to sleep, to drain, to send, and what it counted.

use std::hint::black_box;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tickwire::limits::BATCH_MAX;
use tickwire::{Socket, SocketSendError, SocketStats};

#[cfg(target_os = "linux")]
pub(super) use super::batched::Batched as Floor;
use super::losses::ServerCounts;
#[cfg(not(target_os = "linux"))]
pub(super) use super::single::Single as Floor;

/// Something that serves. It knows its clients from the beginning, and allocates nothing after its first
/// sleep.
pub(super) trait Contestant {
    /// Sleeps until a datagram comes, at most until `deadline`. It may return early.
    fn sleep_until(&mut self, deadline: Instant) -> io::Result<()>;

    /// Takes what waits, and shows each datagram to [`look`]. Never sleeps.
    fn drain(&mut self) -> io::Result<()>;

    /// Whether something may still wait after a drain.
    fn may_have_more(&self) -> bool;

    /// One state for each client, on its way when this returns. What the system will not take is left
    /// out and counted: the next tick has a newer state.
    fn send_to_all(&mut self, state: &[u8]) -> io::Result<()>;

    /// What it has counted since it entered.
    fn counts(&self) -> ServerCounts;
}

/// What every contestant does with a datagram: a game wants to know whose input it is.
#[inline]
pub(super) fn look(from: SocketAddr, bytes: &[u8]) {
    black_box((from, bytes));
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Floor,
    Tickwire,
}

impl Who {
    /// The floor first: what is shown last stays in sight.
    pub(super) const EVERYBODY: [Self; 2] = [Self::Floor, Self::Tickwire];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Floor => Floor::NAME,
            Self::Tickwire => "tickwire",
        }
    }
}

/// The library.
pub(super) struct Tickwire {
    socket: Socket,
    clients: Vec<SocketAddr>,
    /// What it had counted when it entered.
    before: SocketStats,
}

impl Tickwire {
    /// To be called by the thread that serves: what a batch needs belongs to a thread.
    pub(super) fn enter(mut socket: Socket, clients: Vec<SocketAddr>) -> io::Result<Self> {
        warm_up(&mut socket)?;
        Ok(Self {
            before: socket.stats(),
            socket,
            clients,
        })
    }
}

/// What is made once, at the first batch each way, is no part of a tick. So the first batches go to
/// the socket itself.
fn warm_up(socket: &mut Socket) -> io::Result<()> {
    for _ in 0..2 * BATCH_MAX {
        socket.send(socket.local_addr(), b"")?;
    }
    socket.flush()?;
    while socket.recv()?.is_some() {}
    Ok(())
}

impl Contestant for Tickwire {
    fn sleep_until(&mut self, deadline: Instant) -> io::Result<()> {
        self.socket.wait_until(deadline)
    }

    fn drain(&mut self) -> io::Result<()> {
        while let Some(datagram) = self.socket.recv()? {
            look(datagram.from, datagram.bytes);
        }
        Ok(())
    }

    fn may_have_more(&self) -> bool {
        self.socket.may_have_more()
    }

    fn send_to_all(&mut self, state: &[u8]) -> io::Result<()> {
        for &client in &self.clients {
            match self.socket.send(client, state) {
                // A full queue is counted.
                Ok(()) | Err(SocketSendError::QueueFull) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // What the system refuses is counted as discarded, and must not end the loop.
        let _ = self.socket.flush();
        Ok(())
    }

    fn counts(&self) -> ServerCounts {
        let (now, before) = (self.socket.stats(), &self.before);
        let dropped = now.dropped_by_kernel - before.dropped_by_kernel;
        ServerCounts {
            inputs_received: now.datagrams_received - before.datagrams_received,
            dropped_by_kernel: cfg!(target_os = "linux").then_some(dropped),
            budget_spent: now.budget_spent - before.budget_spent,
            states_sent: now.datagrams_sent - before.datagrams_sent,
            queue_full: now.queue_full - before.queue_full,
            discarded: now.discarded - before.discarded,
            queued: self.socket.queued() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::super::single::Single;
    use super::*;
    use crate::bench::LOOPBACK;
    use crate::bench::polled;

    /// More than two batches, so that the last one is not full.
    const CLIENTS: usize = 2 * BATCH_MAX + 2;

    /// Everybody, with the address to send to.
    fn everybody(clients: &[SocketAddr]) -> Vec<(SocketAddr, Box<dyn Contestant>)> {
        let plain = || polled::bind(1 << 20).unwrap();
        let socket = Socket::bind(LOOPBACK).unwrap();
        let (floor, single) = (plain(), plain());
        let clients = || clients.to_vec();
        vec![
            (
                floor.local_addr().unwrap(),
                Box::new(Floor::enter(floor, clients()).unwrap()),
            ),
            (
                single.local_addr().unwrap(),
                Box::new(Single::enter(single, clients()).unwrap()),
            ),
            (
                socket.local_addr(),
                Box::new(Tickwire::enter(socket, clients()).unwrap()),
            ),
        ]
    }

    #[test]
    fn everybody_takes_what_waits_and_sleeps_no_longer_than_until_then() {
        let sender = UdpSocket::bind(LOOPBACK).unwrap();
        for (address, mut contestant) in everybody(&[]) {
            let mut sent = 0;
            // Incomplete batches, full ones, and none at all.
            for count in [1, BATCH_MAX, CLIENTS, 0] {
                for _ in 0..count {
                    sender.send_to(b"input", address).unwrap();
                }
                if count > 0 {
                    let deadline = Instant::now() + Duration::from_secs(3600);
                    contestant.sleep_until(deadline).unwrap();
                }
                contestant.drain().unwrap();
                sent += count as u64;
                assert_eq!(contestant.counts().inputs_received, sent);
                assert!(!contestant.may_have_more());
            }
            contestant.sleep_until(Instant::now()).unwrap();
        }
    }

    #[test]
    fn everybody_sends_one_state_to_each_client() {
        let clients: Vec<UdpSocket> = (0..CLIENTS)
            .map(|_| UdpSocket::bind(LOOPBACK).unwrap())
            .collect();
        let addresses: Vec<SocketAddr> = clients
            .iter()
            .map(|client| client.local_addr().unwrap())
            .collect();
        for (address, mut contestant) in everybody(&addresses) {
            contestant.send_to_all(b"state").unwrap();
            for client in &clients {
                client.set_nonblocking(true).unwrap();
                let mut buffer = [0; 6];
                let received = client.recv_from(&mut buffer).unwrap();
                assert_eq!((received, &buffer[..5]), ((5, address), &b"state"[..]));
                assert!(client.recv_from(&mut buffer).is_err(), "one and no more");
            }
            let counts = contestant.counts();
            assert_eq!(counts.states_sent, CLIENTS as u64);
            assert_eq!(
                (counts.queue_full, counts.discarded, counts.queued),
                (0, 0, 0)
            );
        }
    }

    #[test]
    fn a_state_that_the_system_refuses_is_left_out_and_the_others_leave() {
        let client = UdpSocket::bind(LOOPBACK).unwrap();
        // Nothing can be sent to port 0.
        for (_, mut contestant) in everybody(&[LOOPBACK, client.local_addr().unwrap()]) {
            contestant.send_to_all(b"state").unwrap();
            client.recv(&mut [0; 5]).unwrap();
            let counts = contestant.counts();
            assert_eq!((counts.states_sent, counts.discarded), (1, 1));
        }
    }
}
