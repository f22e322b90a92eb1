//! What carries probes to the target and replies back.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tickwire::{Datagram, Socket, SocketStats};

use super::event::ConnectionSummary;
use crate::error::{self, CliError};
use crate::schedule::until;

pub(super) type Handler<'a> = dyn FnMut(&Datagram<'_>) -> Result<(), CliError> + 'a;

pub(super) trait Transport: Sized {
    fn send(&mut self, probe: &[u8]) -> SendOutcome;

    /// Waits for a datagram, a signal or the deadline, if there is one.
    fn wait(&mut self, deadline: Option<Instant>) -> Result<(), CliError>;

    fn receive(&mut self, handle: &mut Handler<'_>) -> Result<(), CliError>;

    /// Number of datagrams that the kernel of this machine dropped.
    fn dropped_by_kernel(&self) -> u64;

    /// Why the connection has ended, if it has.
    fn end(&self) -> Option<String> {
        None
    }

    fn summary(&self) -> Option<ConnectionSummary> {
        None
    }

    fn close(self) -> Result<(), CliError> {
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct SendOutcome {
    /// When the probe was passed to the system.
    pub(super) at: Instant,
    /// Why the probe was not sent, if it was not.
    pub(super) refusal: Option<String>,
}

#[derive(Debug)]
pub(super) struct UdpTransport {
    socket: Socket,
    to: SocketAddr,
    discarded: DiscardCounter,
}

impl UdpTransport {
    pub(super) fn new(socket: Socket, to: SocketAddr) -> Self {
        let discarded = DiscardCounter::default();
        Self {
            socket,
            to,
            discarded,
        }
    }
}

impl Transport for UdpTransport {
    fn send(&mut self, probe: &[u8]) -> SendOutcome {
        let queued = self.socket.send(self.to, probe);
        let at = Instant::now();
        let flushed = self.socket.flush();
        let error = queued.map_err(io::Error::from).and(flushed).err();
        // Read while the probe is in flight.
        let refusal = self.discarded.refusal(error, &self.socket.stats());
        SendOutcome { at, refusal }
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Result<(), CliError> {
        self.socket
            .wait(until(deadline))
            .map_err(CliError::cannot("wait for replies"))
    }

    fn receive(&mut self, handle: &mut Handler<'_>) -> Result<(), CliError> {
        while let Some(datagram) = self.socket.recv().map_err(CliError::cannot("receive"))? {
            handle(&datagram)?;
        }
        Ok(())
    }

    fn dropped_by_kernel(&self) -> u64 {
        self.socket.stats().dropped_by_kernel
    }
}

/// The number of discarded datagrams at the last call.
#[derive(Debug, Default)]
pub(super) struct DiscardCounter(u64);

impl DiscardCounter {
    /// Why the last probe was not sent: the error, or a datagram discarded since the last call,
    /// which may be an earlier probe.
    pub(super) fn refusal(
        &mut self,
        error: Option<io::Error>,
        stats: &SocketStats,
    ) -> Option<String> {
        let before = std::mem::replace(&mut self.0, stats.discarded);
        if let Some(error) = error {
            return Some(error.to_string());
        }
        (stats.discarded > before).then(|| error::send_error_reason(&stats.send_errors).to_owned())
    }
}
