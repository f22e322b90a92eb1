//! The floor on systems without batches: `recv_from` and `send_to`, one datagram a call, in a plain mio
//! poll.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use tickwire::limits::DATAGRAM_MAX;

use super::contestant::{Contestant, look};
use super::losses::ServerCounts;
use crate::bench::polled::Polled;

/// One datagram a call.
pub(super) struct Single {
    polled: Polled,
    clients: Vec<SocketAddr>,
    /// 1024 bytes each.
    receive_slot: Box<[u8]>,
    send_slot: Box<[u8]>,
    counts: ServerCounts,
}

impl Single {
    #[cfg_attr(target_os = "linux", allow(dead_code, reason = "the other one has it"))]
    pub(super) const NAME: &'static str = "recv_from, send_to";

    pub(super) fn enter(socket: UdpSocket, clients: Vec<SocketAddr>) -> io::Result<Self> {
        let slot = || vec![0; DATAGRAM_MAX].into_boxed_slice();
        Ok(Self {
            polled: Polled::new(socket)?,
            clients,
            receive_slot: slot(),
            send_slot: slot(),
            counts: ServerCounts::default(),
        })
    }
}

impl Contestant for Single {
    fn sleep_until(&mut self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.polled.sleep(left)
    }

    /// Until the socket was seen empty: no event would come for what is left.
    fn drain(&mut self) -> io::Result<()> {
        loop {
            match self.polled.socket.recv_from(&mut self.receive_slot) {
                Ok((len, from)) => look(from, &self.receive_slot[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            self.counts.inputs_received += 1;
        }
    }

    fn may_have_more(&self) -> bool {
        false
    }

    fn send_to_all(&mut self, state: &[u8]) -> io::Result<()> {
        let slot = &mut self.send_slot[..state.len()];
        for client in &self.clients {
            slot.copy_from_slice(state);
            match self.polled.socket.send_to(slot, *client) {
                Ok(_) => self.counts.states_sent += 1,
                // Whatever the reason: the next tick has a newer state.
                Err(_) => self.counts.discarded += 1,
            }
        }
        Ok(())
    }

    fn counts(&self) -> ServerCounts {
        self.counts
    }
}
