//! One datagram a system call, as the documentation of std and mio shows it.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use tickwire::limits::DATAGRAM_MAX;

use crate::work::{Bound, Digest, Drains, Sends, Side, payload};

/// `recv_from` of a non-blocking std socket until it would block, and `send_to`.
#[derive(Debug)]
pub(crate) struct StdLoop {
    socket: UdpSocket,
    buffer: [u8; DATAGRAM_MAX],
}

impl StdLoop {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            socket: super::bind()?,
            buffer: [0; DATAGRAM_MAX],
        })
    }

    /// Receives one datagram and answers it with itself; `false` if there was none.
    pub(crate) fn echo_one(&mut self) -> io::Result<bool> {
        match self.socket.recv_from(&mut self.buffer) {
            Ok((len, from)) => {
                self.socket.send_to(&self.buffer[..len], from)?;
                Ok(true)
            }
            Err(error) => none_if_would_block(error).map(|()| false),
        }
    }
}

impl Bound for StdLoop {
    fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl Drains for StdLoop {
    fn drain(&mut self) -> io::Result<Digest> {
        let mut digest = Digest::default();
        loop {
            match self.socket.recv_from(&mut self.buffer) {
                Ok((len, from)) => digest.add(from.port(), &self.buffer[..len]),
                Err(error) => return none_if_would_block(error).map(|()| digest),
            }
        }
    }
}

impl Sends for StdLoop {
    fn send_all(&mut self, to: SocketAddr, count: usize) -> io::Result<()> {
        for number in 0..count {
            self.socket.send_to(&payload(number), to)?;
        }
        Ok(())
    }
}

/// One look, and no second one to see that there is no more: the least that anybody could do.
impl Side for StdLoop {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.socket.send_to(bytes, to).map(drop)
    }

    fn turn(&mut self, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        match self.socket.recv_from(&mut self.buffer) {
            Ok((len, _)) => take(&self.buffer[..len]),
            Err(error) => none_if_would_block(error)?,
        }
        Ok(())
    }

    fn echo(&mut self) -> io::Result<()> {
        self.echo_one().map(drop)
    }
}

/// `recv_from` of a std socket that blocks until something comes, and `send_to`.
#[derive(Debug)]
pub(crate) struct StdBlocking {
    socket: UdpSocket,
    buffer: [u8; DATAGRAM_MAX],
}

impl StdBlocking {
    pub(crate) fn new() -> io::Result<Self> {
        let socket = super::bind()?;
        socket.set_nonblocking(false)?;
        Ok(Self {
            socket,
            buffer: [0; DATAGRAM_MAX],
        })
    }
}

impl Bound for StdBlocking {
    fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl Side for StdBlocking {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.socket.send_to(bytes, to).map(drop)
    }

    fn turn(&mut self, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let (len, _) = self.socket.recv_from(&mut self.buffer)?;
        take(&self.buffer[..len]);
        Ok(())
    }

    fn echo(&mut self) -> io::Result<()> {
        let (len, from) = self.socket.recv_from(&mut self.buffer)?;
        self.socket.send_to(&self.buffer[..len], from).map(drop)
    }
}

/// A non-blocking socket behind mio: `poll`, then `recv_from` until it would block.
#[derive(Debug)]
pub(crate) struct MioLoop {
    poll: Poll,
    events: Events,
    socket: mio::net::UdpSocket,
    buffer: [u8; DATAGRAM_MAX],
}

impl MioLoop {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut socket = mio::net::UdpSocket::from_std(super::bind()?);
        poll.registry()
            .register(&mut socket, Token(0), Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(16),
            socket,
            buffer: [0; DATAGRAM_MAX],
        })
    }

    /// Sleeps for `timeout`, or until something comes.
    pub(crate) fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.poll.poll(&mut self.events, timeout)
    }
}

impl Bound for MioLoop {
    fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl Drains for MioLoop {
    fn drain(&mut self) -> io::Result<Digest> {
        let mut digest = Digest::default();
        self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        if self.events.is_empty() {
            return Ok(digest);
        }
        loop {
            match self.socket.recv_from(&mut self.buffer) {
                Ok((len, from)) => digest.add(from.port(), &self.buffer[..len]),
                Err(error) => return none_if_would_block(error).map(|()| digest),
            }
        }
    }
}

impl Sends for MioLoop {
    fn send_all(&mut self, to: SocketAddr, count: usize) -> io::Result<()> {
        for number in 0..count {
            self.socket.send_to(&payload(number), to)?;
        }
        Ok(())
    }
}

/// The loop of mio's own UDP example.
impl Side for MioLoop {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.socket.send_to(bytes, to).map(drop)
    }

    fn turn(&mut self, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        self.sleep(None)?;
        loop {
            match self.socket.recv_from(&mut self.buffer) {
                Ok((len, _)) => take(&self.buffer[..len]),
                Err(error) => return none_if_would_block(error),
            }
        }
    }

    fn echo(&mut self) -> io::Result<()> {
        self.sleep(None)?;
        loop {
            match self.socket.recv_from(&mut self.buffer) {
                Ok((len, from)) => self.socket.send_to(&self.buffer[..len], from)?,
                Err(error) => return none_if_would_block(error),
            };
        }
    }
}

fn none_if_would_block(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::WouldBlock {
        return Ok(());
    }
    Err(error)
}
