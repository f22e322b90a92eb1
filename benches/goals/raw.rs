//! The floor: direct calls of recvmmsg(2) and sendmmsg(2), 64 datagrams per call, with headers
//! prepared once and no unnecessary checks.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::{io, mem, ptr};

use libc::{c_int, c_uint, iovec, mmsghdr, sockaddr_in, socklen_t};
use nix::sys::socket::{SockaddrIn, setsockopt, sockopt};
use tickwire::limits::{BATCH_MAX, DATAGRAM_MAX};

use crate::work::{Digest, Drains, bind, failure, payload};

/// Size of a control message with a `u32`: 16 bytes of header, 4 of data, padding.
type Control = [u64; 3];

const NAME_LEN: socklen_t = 16;
const BATCH_LEN: c_uint = 64;

const _: () = assert!(NAME_LEN as usize == size_of::<sockaddr_in>());
const _: () = assert!(BATCH_LEN as usize == BATCH_MAX);

/// All memory that the system accesses in a call. Header `n` points to the other entries `n`.
#[repr(C)]
struct Arena {
    headers: [mmsghdr; BATCH_MAX],
    vectors: [iovec; BATCH_MAX],
    names: [sockaddr_in; BATCH_MAX],
    controls: [Control; BATCH_MAX],
    slots: [[u8; DATAGRAM_MAX]; BATCH_MAX],
}

/// The only pointer to an arena. It is never freed, because its headers point into it.
struct Batch(*mut Arena);

impl Batch {
    fn leak() -> Self {
        // SAFETY: an arena is integers and raw pointers, for which zero is valid.
        let arena: *mut Arena = Box::leak(Box::new(unsafe { mem::zeroed() }));
        for index in 0..BATCH_MAX {
            // SAFETY: `arena` is valid, nothing borrows it, and the index is within its arrays.
            unsafe {
                (*arena).vectors[index] = iovec {
                    iov_base: (&raw mut (*arena).slots[index]).cast(),
                    iov_len: DATAGRAM_MAX,
                };
                let header = &raw mut (*arena).headers[index].msg_hdr;
                (*header).msg_name = (&raw mut (*arena).names[index]).cast();
                (*header).msg_namelen = NAME_LEN;
                (*header).msg_iov = &raw mut (*arena).vectors[index];
                (*header).msg_iovlen = 1;
            }
        }
        Self(arena)
    }

    fn arena(&mut self) -> &mut Arena {
        // SAFETY: the arena is never freed, and no other pointer to it is used meanwhile. The
        // system uses the pointers in the headers only within a call.
        unsafe { &mut *self.0 }
    }

    fn receive(&mut self, fd: RawFd) -> c_int {
        let headers = self.arena().headers.as_mut_ptr();
        // SAFETY: all `BATCH_LEN` headers point into the arena with valid lengths.
        unsafe { libc::recvmmsg(fd, headers, BATCH_LEN, 0, ptr::null_mut()) }
    }

    /// Calls recvmsg(2) with the first header; returns the result in the form of recvmmsg(2).
    fn receive_one(&mut self, fd: RawFd) -> c_int {
        let header = &mut self.arena().headers[0];
        // SAFETY: the header points into the arena with valid lengths.
        let len = unsafe { libc::recvmsg(fd, &raw mut header.msg_hdr, 0) };
        c_uint::try_from(len).map_or(-1, |len| {
            header.msg_len = len;
            1
        })
    }

    /// Calls sendmmsg(2) with the headers from `sent` to `queued`.
    fn send(&mut self, fd: RawFd, sent: usize, queued: usize) -> c_int {
        let headers = &mut self.arena().headers[sent..queued];
        let count = c_uint::try_from(headers.len()).unwrap_or(BATCH_LEN);
        // SAFETY: all `count` headers point into the arena with valid lengths.
        unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), count, 0) }
    }
}

/// Whether a receive requests the kernel's counter of dropped datagrams (`SO_RXQ_OVFL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Controls {
    None,
    /// Requested, without space for the counter: the header only shows truncated control data.
    Marks,
    /// Requested, with space in every header.
    Drops,
    /// Requested, with one datagram per call through recvmsg(2).
    DropsOfEach,
}

/// Receives and sends 64 datagrams per call.
pub(crate) struct RawSocket {
    socket: UdpSocket,
    received: Batch,
    controls: Controls,
    /// Datagrams per receive call.
    batch: usize,
    to_send: Batch,
    queued: usize,
}

/// The address of a peer in the form of the system.
pub(crate) type PeerName = sockaddr_in;

pub(crate) fn peer_name(address: SocketAddr) -> io::Result<PeerName> {
    match address {
        SocketAddr::V4(address) => Ok(*SockaddrIn::from(address).as_ref()),
        SocketAddr::V6(_) => failure("the floors speak IPv4 alone"),
    }
}

impl RawSocket {
    pub(crate) fn new(controls: Controls) -> io::Result<Self> {
        let socket = bind()?;
        if controls != Controls::None {
            setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        }
        Ok(Self {
            socket,
            received: Batch::leak(),
            controls,
            batch: if controls == Controls::DropsOfEach {
                1
            } else {
                BATCH_MAX
            },
            to_send: Batch::leak(),
            queued: 0,
        })
    }

    /// Receives into the slots; returns the number, 0 if the socket is empty.
    fn receive(&mut self) -> io::Result<usize> {
        self.reset_headers();
        let fd = self.socket.as_raw_fd();
        let count = match self.controls {
            Controls::DropsOfEach => self.received.receive_one(fd),
            _ => self.received.receive(fd),
        };
        usize::try_from(count).or_else(|_| match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            error => Err(error),
        })
    }

    /// Restores the lengths, which the last call shortened.
    fn reset_headers(&mut self) {
        let has_room = matches!(self.controls, Controls::Drops | Controls::DropsOfEach);
        let arena = self.received.arena();
        for index in 0..self.batch {
            let header = &mut arena.headers[index].msg_hdr;
            header.msg_namelen = NAME_LEN;
            if has_room {
                header.msg_control = (&raw mut arena.controls[index]).cast();
                header.msg_controllen = size_of::<Control>();
            }
        }
    }

    /// Copies a datagram into the next slot with its destination. Sends when 64 are queued.
    #[inline]
    fn push(&mut self, to: &PeerName, bytes: &[u8]) -> io::Result<()> {
        let queued = self.queued;
        let arena = self.to_send.arena();
        arena.slots[queued][..bytes.len()].copy_from_slice(bytes);
        arena.vectors[queued].iov_len = bytes.len();
        arena.names[queued] = *to;
        self.queued += 1;
        if self.queued == BATCH_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let (fd, mut sent) = (self.socket.as_raw_fd(), 0);
        while sent < self.queued {
            let count = self.to_send.send(fd, sent, self.queued);
            sent += usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        }
        self.queued = 0;
        Ok(())
    }

    /// Sends `count` datagrams to `to`; number `n` has the payload [`payload`]`(n)`.
    pub(crate) fn send_all(&mut self, to: SocketAddr, count: usize) -> io::Result<()> {
        let to = peer_name(to)?;
        (0..count).try_for_each(|number| self.push(&to, &payload(number)))?;
        self.flush()
    }

    /// A tick of a server without a protocol: drains the socket and sends `bytes` to every peer.
    /// Returns the number of received datagrams.
    pub(crate) fn tick(&mut self, to: &[PeerName], bytes: &[u8]) -> io::Result<usize> {
        let count = self.drain()?.count;
        to.iter().try_for_each(|peer| self.push(peer, bytes))?;
        self.flush()?;
        Ok(count)
    }
}

impl Drains for RawSocket {
    fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn drain(&mut self) -> io::Result<Digest> {
        let mut digest = Digest::default();
        loop {
            let count = self.receive()?;
            let arena = self.received.arena();
            for index in 0..count {
                let len = arena.headers[index].msg_len as usize;
                let port = u16::from_be(arena.names[index].sin_port);
                digest.add(port, &arena.slots[index][..len]);
            }
            if count < self.batch {
                return Ok(digest);
            }
        }
    }
}
