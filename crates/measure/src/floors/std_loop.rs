//! Loops on std's socket, spinning or blocking.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::{Buffer, EMPTY, received};
use crate::side::{Received, Side, unless_blocked};

/// `recv_from` and `send_to` on a blocking or non-blocking socket.
#[derive(Debug)]
pub struct StdSocket<const BLOCKS: bool> {
    socket: UdpSocket,
    buffer: Buffer,
}

/// `recv_from` on a non-blocking socket until it would block, and `send_to`.
pub type StdLoop = StdSocket<false>;

/// Blocking `recv_from`, and `send_to`.
pub type StdBlocking = StdSocket<true>;

impl StdLoop {
    /// `socket` must be non-blocking.
    #[must_use]
    pub fn new(socket: UdpSocket) -> Self {
        Self {
            socket,
            buffer: EMPTY,
        }
    }
}

impl StdBlocking {
    /// A turn lasts at most `timeout`, regardless of its deadline: a timeout per turn would cost a
    /// system call.
    ///
    /// # Errors
    ///
    /// The system rejects blocking mode or the timeout.
    pub fn new(socket: UdpSocket, timeout: Option<Duration>) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(timeout)?;
        Ok(Self {
            socket,
            buffer: EMPTY,
        })
    }

    /// A second handle, for a thread that sends while another thread blocks in `turn`.
    ///
    /// # Errors
    ///
    /// The system cannot duplicate the handle.
    pub fn sender(&self) -> io::Result<UdpSocket> {
        self.socket.try_clone()
    }
}

impl<const BLOCKS: bool> StdSocket<BLOCKS> {
    /// Receives at most one datagram.
    ///
    /// # Errors
    ///
    /// Same as `recv_from`, except for an empty socket.
    #[inline]
    pub fn receive(&mut self) -> io::Result<Option<(SocketAddr, &[u8])>> {
        let received = unless_blocked(self.socket.recv_from(&mut self.buffer))?;
        Ok(received.map(|(len, from)| (from, &self.buffer[..len])))
    }

    /// Receives one datagram and sends it back. `false` if the socket was empty.
    ///
    /// # Errors
    ///
    /// Same as `recv_from` and `send_to`, except for an empty or a full socket.
    #[inline]
    pub fn echo_one(&mut self) -> io::Result<bool> {
        let Some((len, from)) = unless_blocked(self.socket.recv_from(&mut self.buffer))? else {
            return Ok(false);
        };
        unless_blocked(self.socket.send_to(&self.buffer[..len], from))?;
        Ok(true)
    }
}

/// One receive per turn, without a second receive to find the socket empty: the minimum for a loop.
impl<const BLOCKS: bool> Side for StdSocket<BLOCKS> {
    fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        unless_blocked(self.socket.send_to(bytes, to)).map(drop)
    }

    fn turn(
        &mut self,
        _until: Option<Instant>,
        take: &mut impl FnMut(Received<'_>),
    ) -> io::Result<()> {
        if let Some(came) = unless_blocked(self.socket.recv_from(&mut self.buffer))? {
            take(received(&self.buffer, came));
        }
        Ok(())
    }

    fn echo(&mut self) -> io::Result<()> {
        self.echo_one().map(drop)
    }
}
