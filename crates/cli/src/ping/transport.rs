//! What carries probes there and answers back.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tickwire::{Datagram, Socket, SocketStats};

use crate::error::{self, CliError};

/// A way to an echo.
pub(super) trait Transport: Sized {
    /// Lets a probe leave.
    fn send(&mut self, probe: &[u8]) -> SendOutcome;

    /// Sleeps until something comes, a signal, or `time`; without one for as long as it takes.
    fn sleep(&mut self, time: Option<Instant>) -> Result<(), CliError>;

    /// Hands everything that came to `take`.
    fn receive(&mut self, handle: &mut DatagramHandler<'_>) -> Result<(), CliError>;

    /// How many datagrams this machine's own kernel dropped on their way to us.
    fn dropped_by_kernel(&self) -> u64;

    /// Why nothing can be sent any more, if that is so.
    fn end(&self) -> Option<String> {
        None
    }

    /// What there is to say at the end, besides what the probes have shown.
    fn summary(&self) -> Option<String> {
        None
    }

    /// Says goodbye, where somebody is to be told.
    fn close(self) -> Result<(), CliError> {
        Ok(())
    }
}

/// Who looks at what came.
pub(super) type DatagramHandler<'a> = dyn FnMut(&Datagram<'_>) -> Result<(), CliError> + 'a;

/// What became of a probe that was to leave.
#[derive(Debug)]
pub(super) struct SendOutcome {
    /// Just before it went to the system.
    pub(super) at: Instant,
    /// Why it did not leave, if it did not.
    pub(super) refusal: Option<String>,
}

/// Bare datagrams, to whatever echoes.
#[derive(Debug)]
pub(super) struct UdpTransport {
    socket: Socket,
    to: SocketAddr,
    discarded: DiscardCounter,
}

impl UdpTransport {
    pub(super) fn new(socket: Socket, to: SocketAddr) -> Self {
        Self {
            socket,
            to,
            discarded: DiscardCounter::default(),
        }
    }
}

impl Transport for UdpTransport {
    fn send(&mut self, probe: &[u8]) -> SendOutcome {
        let queued = self.socket.send(self.to, probe);
        let at = Instant::now();
        let flushed = self.socket.flush();
        let error = queued.map_err(io::Error::from).and(flushed).err();
        // The system is asked while the probe is under way, so it costs no round trip anything.
        let refusal = self.discarded.refusal(error, &self.socket.stats());
        SendOutcome { at, refusal }
    }

    fn sleep(&mut self, time: Option<Instant>) -> Result<(), CliError> {
        let slept = match time {
            Some(time) => self.socket.wait_until(time),
            None => self.socket.wait(None),
        };
        slept.map_err(CliError::cannot("wait for answers"))
    }

    fn receive(&mut self, handle: &mut DatagramHandler<'_>) -> Result<(), CliError> {
        while let Some(datagram) = self.socket.recv().map_err(CliError::cannot("receive"))? {
            handle(&datagram)?;
        }
        Ok(())
    }

    fn dropped_by_kernel(&self) -> u64 {
        self.socket.stats().dropped_by_kernel
    }
}

/// How many datagrams the socket had discarded at the last look.
#[derive(Debug, Default)]
pub(super) struct DiscardCounter(u64);

impl DiscardCounter {
    /// Why the probe did not leave for which `stats` were asked, if it did not: the error that the
    /// system answered, or what the socket discarded meanwhile. One that was still queued from an
    /// earlier probe counts for the one that finds out.
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
