//! The loop of mio's own UDP example: `poll`, then `recv_from` until it would block.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::{Buffer, EMPTY, received};
use crate::side::{Received, Side, unless_blocked};

/// A non-blocking socket in its own poll.
#[derive(Debug)]
pub struct MioLoop {
    poll: Poll,
    events: Events,
    socket: mio::net::UdpSocket,
    buffer: Buffer,
}

impl MioLoop {
    /// `socket` must be non-blocking.
    ///
    /// # Errors
    ///
    /// The system cannot create the poll.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut socket = mio::net::UdpSocket::from_std(socket);
        poll.registry()
            .register(&mut socket, Token(0), Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(16),
            socket,
            buffer: EMPTY,
        })
    }

    /// mio's `poll`: sleeps until a datagram arrives or `timeout`, which mio rounds up to whole
    /// milliseconds, has passed. Returns whether a datagram arrived.
    ///
    /// # Errors
    ///
    /// Same as `poll`, except for an interruption.
    pub fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let polled = unless_blocked(self.poll.poll(&mut self.events, timeout))?;
        // An interrupted sleep keeps the events of the previous sleep.
        Ok(polled.is_some() && !self.events.is_empty())
    }

    /// Sleeps until `until`, as precisely as tickwire. With mio's rounding to milliseconds the
    /// benchmark would compare timers.
    #[cfg(target_os = "linux")]
    fn sleep_until(&mut self, until: Instant) -> io::Result<bool> {
        use std::os::fd::AsFd;

        use nix::poll::{PollFd, PollFlags, ppoll};

        const MS: Duration = Duration::from_millis(1);

        let left = until.saturating_duration_since(Instant::now());
        if left >= MS {
            // Rounded down to milliseconds; the next iteration sleeps the rest.
            let millis = MS * u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
            return self.sleep(Some(millis));
        }
        let mut epoll = [PollFd::new(self.poll.registry().as_fd(), PollFlags::POLLIN)];
        let ready = ppoll(&mut epoll, Some(left.into()), None).map_err(io::Error::from);
        match unless_blocked(ready)? {
            Some(1..) => self.sleep(Some(Duration::ZERO)),
            _ => Ok(false),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn sleep_until(&mut self, until: Instant) -> io::Result<bool> {
        self.sleep(Some(until.saturating_duration_since(Instant::now())))
    }

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
}

impl Side for MioLoop {
    fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        unless_blocked(self.socket.send_to(bytes, to)).map(drop)
    }

    fn turn(
        &mut self,
        until: Option<Instant>,
        take: &mut impl FnMut(Received<'_>),
    ) -> io::Result<()> {
        let is_readable = match until {
            Some(until) => self.sleep_until(until)?,
            None => self.sleep(None)?,
        };
        if !is_readable {
            return Ok(());
        }
        while let Some(came) = unless_blocked(self.socket.recv_from(&mut self.buffer))? {
            take(received(&self.buffer, came));
        }
        Ok(())
    }

    fn echo(&mut self) -> io::Result<()> {
        self.sleep(None)?;
        while let Some((len, from)) = unless_blocked(self.socket.recv_from(&mut self.buffer))? {
            unless_blocked(self.socket.send_to(&self.buffer[..len], from))?;
        }
        Ok(())
    }
}
