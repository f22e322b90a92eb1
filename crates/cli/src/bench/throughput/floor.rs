//! The floors: what a program costs that does nothing but call the system.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tickwire::limits::DATAGRAM_MAX;

use super::contestant::{Contestant, look};
use crate::bench::polled::{self, Polled};

/// `recv_from` until the socket is empty, one datagram a call.
pub(super) struct RecvFrom {
    polled: Polled,
    buffer: Vec<u8>,
}

impl RecvFrom {
    pub(super) fn bind(buffer_bytes: usize) -> io::Result<Self> {
        Ok(Self {
            polled: Polled::new(polled::bind(buffer_bytes)?)?,
            buffer: vec![0; DATAGRAM_MAX],
        })
    }
}

impl Contestant for RecvFrom {
    fn address(&self) -> SocketAddr {
        self.polled.address()
    }

    fn drain(&mut self) -> io::Result<u64> {
        let mut count = 0;
        loop {
            match self.polled.socket.recv_from(&mut self.buffer) {
                Ok((len, from)) => look(from.port(), &self.buffer[..len]),
                Err(error) => return or_empty(error).map(|()| count),
            }
            count += 1;
        }
    }

    fn sleep(&mut self, timeout: Duration) -> io::Result<()> {
        self.polled.sleep(timeout)
    }

    fn dropped_by_kernel(&self) -> Option<u64> {
        None
    }
}

/// `recvmmsg` until a batch comes up short. By way of nix, without `unsafe`, and with headers that
/// are made once; measured, that costs what the raw call costs (550 against 557 ns).
#[cfg(target_os = "linux")]
pub(super) struct RecvMmsg {
    polled: Polled,
    headers: nix::sys::socket::MultiHeaders<nix::sys::socket::SockaddrIn>,
    /// 1024 bytes for each datagram of a batch.
    slots: Vec<u8>,
}

#[cfg(target_os = "linux")]
impl RecvMmsg {
    pub(super) fn bind(batch: usize, buffer_bytes: usize) -> io::Result<Self> {
        Ok(Self {
            polled: Polled::new(polled::bind(buffer_bytes)?)?,
            headers: nix::sys::socket::MultiHeaders::preallocate(batch, None),
            slots: vec![0; batch * DATAGRAM_MAX],
        })
    }

    /// One call.
    fn receive(&mut self) -> io::Result<usize> {
        use std::io::IoSliceMut;
        use std::os::fd::AsRawFd;

        use nix::sys::socket::{MsgFlags, recvmmsg};
        use tickwire::limits::BATCH_MAX;

        let mut sources = [(0, 0); BATCH_MAX];
        let mut count = 0;
        let mut slots = self.slots.chunks_exact_mut(DATAGRAM_MAX);
        let batch = slots.len();
        let mut vectors: [[IoSliceMut<'_>; 1]; BATCH_MAX] =
            std::array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
        let messages = recvmmsg(
            self.polled.socket.as_raw_fd(),
            &mut self.headers,
            vectors.iter_mut().take(batch),
            MsgFlags::empty(),
            None,
        )?;
        for message in messages {
            let port = message.address.map_or(0, |from| from.port());
            sources[count] = (port, message.bytes);
            count += 1;
        }
        let slots = self.slots.chunks_exact(DATAGRAM_MAX);
        for (&(port, len), slot) in sources[..count].iter().zip(slots) {
            look(port, &slot[..len]);
        }
        Ok(count)
    }
}

#[cfg(target_os = "linux")]
impl Contestant for RecvMmsg {
    fn address(&self) -> SocketAddr {
        self.polled.address()
    }

    fn drain(&mut self) -> io::Result<u64> {
        let batch = self.slots.len() / DATAGRAM_MAX;
        let mut received = 0;
        loop {
            match self.receive() {
                Ok(count) => {
                    received += count as u64;
                    if count < batch {
                        return Ok(received);
                    }
                }
                Err(error) => return or_empty(error).map(|()| received),
            }
        }
    }

    fn sleep(&mut self, timeout: Duration) -> io::Result<()> {
        self.polled.sleep(timeout)
    }

    fn dropped_by_kernel(&self) -> Option<u64> {
        None
    }
}

/// An empty socket is the end of a drain and no error.
fn or_empty(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::WouldBlock => Ok(()),
        _ => Err(error),
    }
}
