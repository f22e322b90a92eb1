//! The `Poll` that a socket is registered with: its own, an external one, or no poll.

use std::io;

use mio::{Interest, Registry, Token};

use crate::socket::poller::Poller;
use crate::socket::raw_socket::RawSocket;

#[derive(Debug)]
pub(super) enum Registration {
    Nowhere,
    Own(Box<Poller>),
    ExternalPoll(ExternalPoll),
}

impl Registration {
    /// Created on first use.
    pub(super) fn own(&mut self, socket: &mut RawSocket) -> io::Result<&mut Poller> {
        self.refuse_elsewhere()?;
        if matches!(self, Self::Nowhere) {
            *self = Self::Own(Box::new(Poller::new(socket)?));
        }
        match self {
            Self::Own(own) => Ok(own),
            Self::Nowhere | Self::ExternalPoll(_) => Err(registered_elsewhere()),
        }
    }

    /// Fails if the socket is registered with an external poll.
    pub(super) fn refuse_elsewhere(&self) -> io::Result<()> {
        match self {
            Self::ExternalPoll(_) => Err(registered_elsewhere()),
            Self::Nowhere | Self::Own(_) => Ok(()),
        }
    }

    pub(super) fn take_wake(&self) -> bool {
        match self {
            Self::Own(own) => own.take_wake(),
            Self::Nowhere | Self::ExternalPoll(_) => false,
        }
    }

    /// Registers the socket with an external poll; if `blocked`, also for writability.
    pub(super) fn register(
        &mut self,
        socket: &mut RawSocket,
        registry: &Registry,
        token: Token,
        interests: Interest,
        blocked: bool,
    ) -> io::Result<()> {
        match self {
            Self::Nowhere => {}
            Self::Own(_) => return Err(registered_own()),
            Self::ExternalPoll(_) => return Err(registered_elsewhere()),
        }
        let external = ExternalPoll {
            registry: registry.try_clone()?,
            token,
            interests,
            is_writable_asked: blocked,
        };
        socket.register(registry, token, interests, blocked)?;
        *self = Self::ExternalPoll(external);
        Ok(())
    }

    pub(super) fn reregister(
        &mut self,
        socket: &mut RawSocket,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        let Self::ExternalPoll(external) = self else {
            return Err(not_registered());
        };
        socket.reregister(registry, token, interests, external.is_writable_asked)?;
        external.token = token;
        external.interests = interests;
        Ok(())
    }

    pub(super) fn deregister(
        &mut self,
        socket: &mut RawSocket,
        registry: &Registry,
    ) -> io::Result<()> {
        let Self::ExternalPoll(_) = self else {
            return Err(not_registered());
        };
        socket.deregister(registry)?;
        *self = Self::Nowhere;
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct ExternalPoll {
    registry: Registry,
    token: Token,
    interests: Interest,
    is_writable_asked: bool,
}

impl ExternalPoll {
    /// As [`Poller::ask_writable`], in addition to the caller's interests.
    pub(super) fn ask_writable(&mut self, socket: &mut RawSocket, asked: bool) -> io::Result<()> {
        if self.is_writable_asked == asked {
            return Ok(());
        }
        socket.reregister(&self.registry, self.token, self.interests, asked)?;
        // Set after success, so a failed request is repeated.
        self.is_writable_asked = asked;
        Ok(())
    }
}

fn registered_elsewhere() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "the socket is registered with another poll: sleep in that one, or deregister it first",
    )
}

fn registered_own() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "the socket has a poll of its own since `wait` or `waker` was called, \
         so it cannot be registered with another",
    )
}

fn not_registered() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        "the socket is not registered with a poll",
    )
}
