//! The floor on Linux: what a tick costs a program that does nothing but call the system, with the
//! widest calls that there are.
//!
//! Everything that can be made once is made once. What is left for every call is what nix's safe
//! functions ask for: 64 pointers to slots.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};
use tickwire::limits::{BATCH_MAX, DATAGRAM_MAX};

use super::contestant::{Contestant, look};
use super::losses::ServerCounts;

/// `recvmmsg` and `sendmmsg`, 64 datagrams a call.
pub(super) struct Batched {
    socket: UdpSocket,
    /// Never one for both: after a send its headers point to the addresses of the clients.
    receive_headers: MultiHeaders<SockaddrIn>,
    send_headers: MultiHeaders<SockaddrIn>,
    /// 1024 bytes for each datagram of a batch.
    receive_slots: Box<[u8]>,
    send_slots: Box<[u8]>,
    /// As the system wants them.
    clients: Box<[Option<SockaddrIn>]>,
    counts: ServerCounts,
}

impl Batched {
    pub(super) const NAME: &'static str = "recvmmsg, sendmmsg";

    /// To be called by the thread that serves: the headers cannot move to another one.
    pub(super) fn enter(socket: UdpSocket, clients: Vec<SocketAddr>) -> io::Result<Self> {
        let slots = || vec![0; BATCH_MAX * DATAGRAM_MAX].into_boxed_slice();
        let clients: io::Result<_> = clients.into_iter().map(|to| v4(to).map(Some)).collect();
        Ok(Self {
            socket,
            receive_headers: MultiHeaders::preallocate(BATCH_MAX, None),
            send_headers: MultiHeaders::preallocate(BATCH_MAX, None),
            receive_slots: slots(),
            send_slots: slots(),
            clients: clients?,
            counts: ServerCounts::default(),
        })
    }

    /// One call.
    fn receive(&mut self) -> io::Result<usize> {
        let mut slots = self.receive_slots.chunks_exact_mut(DATAGRAM_MAX);
        let mut vectors: [[IoSliceMut<'_>; 1]; BATCH_MAX] =
            std::array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
        let messages = recvmmsg(
            self.socket.as_raw_fd(),
            &mut self.receive_headers,
            vectors.iter_mut(),
            MsgFlags::empty(),
            None,
        )?;
        let mut count = 0;
        for message in messages {
            if let Some(from) = message.address {
                look(from.into(), message.iovs().next().unwrap_or_default());
            }
            count += 1;
        }
        Ok(count)
    }
}

impl Contestant for Batched {
    /// A single call, to the nanosecond.
    fn sleep_until(&mut self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut readable = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut readable, Some(left.into()), None) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A batch that comes up short has seen the socket empty.
    fn drain(&mut self) -> io::Result<()> {
        loop {
            let count = match self.receive() {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.counts.inputs_received += count as u64;
            if count < BATCH_MAX {
                return Ok(());
            }
        }
    }

    fn may_have_more(&self) -> bool {
        false
    }

    fn send_to_all(&mut self, state: &[u8]) -> io::Result<()> {
        let mut batch = Batch {
            socket: &self.socket,
            headers: &mut self.send_headers,
            counts: &mut self.counts,
        };
        for clients in self.clients.chunks(BATCH_MAX) {
            let slots = self.send_slots.chunks_exact_mut(DATAGRAM_MAX);
            for (slot, _) in slots.zip(clients) {
                slot[..state.len()].copy_from_slice(state);
            }
            batch.send(clients, &self.send_slots, state.len());
        }
        Ok(())
    }

    fn counts(&self) -> ServerCounts {
        self.counts
    }
}

/// What sending a batch needs beside the batch.
struct Batch<'a> {
    socket: &'a UdpSocket,
    headers: &'a mut MultiHeaders<SockaddrIn>,
    counts: &'a mut ServerCounts,
}

impl Batch<'_> {
    /// One call, and more only if the system does not take everything at once.
    fn send(&mut self, clients: &[Option<SockaddrIn>], slots: &[u8], len: usize) {
        let mut slots = slots.chunks_exact(DATAGRAM_MAX);
        let vectors: [[IoSlice<'_>; 1]; BATCH_MAX] =
            std::array::from_fn(|_| [IoSlice::new(&slots.next().unwrap_or_default()[..len])]);
        let mut done = 0;
        while done < clients.len() {
            match self.call(&vectors[done..], &clients[done..]) {
                Ok(count) => {
                    self.counts.states_sent += count as u64;
                    done += count;
                }
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => {
                    self.counts.discarded += (clients.len() - done) as u64;
                    return;
                }
                // It belongs to the first that was not taken.
                Err(_) => {
                    self.counts.discarded += 1;
                    done += 1;
                }
            }
        }
    }

    fn call(
        &mut self,
        vectors: &[[IoSlice<'_>; 1]],
        clients: &[Option<SockaddrIn>],
    ) -> nix::Result<usize> {
        let no_control: [ControlMessage<'_>; 0] = [];
        let fd = self.socket.as_raw_fd();
        let sent = sendmmsg(
            fd,
            self.headers,
            vectors,
            clients,
            no_control,
            MsgFlags::empty(),
        )?;
        Ok(sent.count())
    }
}

fn v4(to: SocketAddr) -> io::Result<SockaddrIn> {
    match to {
        SocketAddr::V4(v4) => Ok(v4.into()),
        SocketAddr::V6(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}
