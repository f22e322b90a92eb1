//! A bare socket with a receive buffer of a given size, alone or in a poll of its own: what the floors
//! are made of.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Type};

use super::LOOPBACK;

/// A non-blocking socket of this machine alone, which has asked for this receive buffer.
pub(crate) fn bind(buffer_bytes: usize) -> io::Result<std::net::UdpSocket> {
    let socket = socket2::Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(buffer_bytes)?;
    socket.bind(&LOOPBACK.into())?;
    Ok(socket.into())
}

/// A socket in a poll of its own: the plain mio loop.
#[derive(Debug)]
pub(crate) struct Polled {
    pub(crate) socket: UdpSocket,
    poll: Poll,
    events: Events,
}

impl Polled {
    /// The socket must not block.
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let mut socket = UdpSocket::from_std(socket);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut socket, Token(0), Interest::READABLE)?;
        Ok(Self {
            socket,
            poll,
            events: Events::with_capacity(1),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        // A socket that is bound has an address; without it nothing would come, and that shows.
        self.socket.local_addr().unwrap_or(LOOPBACK)
    }

    /// Sleeps until there is something to read, at most `timeout`. Readiness is edge-triggered: the
    /// socket must have been seen empty before.
    pub(crate) fn sleep(&mut self, timeout: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }
}
