//! The floor: recvmmsg(2) and sendmmsg(2) called directly, 64 datagrams per call, with headers that are prepared once.
//! Nothing is checked that the work does not need.

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::{io, mem, ptr};

use libc::{c_int, c_uint, iovec, mmsghdr, sockaddr_in, socklen_t};
use tickwire::limits::{BATCH_MAX, DATAGRAM_MAX};

use crate::work::{Digest, Drains, Sends, bind, payload};

/// Room for one control message that holds a `u32`: 16 bytes of header, 4 of data, padding.
type Control = [u64; 3];

/// Everything that the system reads and writes in a call, in one piece.
#[repr(C)]
struct Arena {
    headers: [mmsghdr; BATCH_MAX],
    vectors: [iovec; BATCH_MAX],
    names: [sockaddr_in; BATCH_MAX],
    controls: [Control; BATCH_MAX],
    slots: [[u8; DATAGRAM_MAX]; BATCH_MAX],
}

impl Arena {
    /// Leaked, because its headers point into it: it must neither move nor end, and a benchmark ends
    /// soon enough.
    fn leak() -> *mut Self {
        // SAFETY: an arena is integers and raw pointers, for which zeros are a value.
        let arena: *mut Self = Box::leak(Box::new(unsafe { mem::zeroed() }));
        for index in 0..BATCH_MAX {
            // SAFETY: `arena` is valid and not shared yet; the index is within its arrays.
            unsafe { Self::link(arena, index) };
        }
        arena
    }

    /// Points header `index` to its name, its vector and its slot.
    ///
    /// # Safety
    ///
    /// `arena` is valid for writes, there is no reference into it, and `index` is below `BATCH_MAX`.
    unsafe fn link(arena: *mut Self, index: usize) {
        // SAFETY: guaranteed by the caller; only addresses are taken of the other arrays.
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
}

#[allow(clippy::cast_possible_truncation, reason = "16")]
const NAME_LEN: socklen_t = size_of::<sockaddr_in>() as socklen_t;

#[allow(clippy::cast_possible_truncation, reason = "64")]
const BATCH_LEN: c_uint = BATCH_MAX as c_uint;

/// Whether a receiver asks for the kernel's counter of dropped datagrams (`SO_RXQ_OVFL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Controls {
    None,
    /// It does, without room for the counter: the header then only shows that control data was cut.
    Marks,
    /// It does, with room in every header.
    Drops,
}

/// Receives 64 datagrams a call.
pub(crate) struct RawReceiver {
    socket: UdpSocket,
    arena: *mut Arena,
    controls: Controls,
}

impl RawReceiver {
    pub(crate) fn new(controls: Controls) -> io::Result<Self> {
        let receiver = Self {
            socket: bind()?,
            arena: Arena::leak(),
            controls,
        };
        if controls != Controls::None {
            ask_for_drops(&receiver.socket)?;
        }
        Ok(receiver)
    }

    /// Fills slots and returns how many, 0 if the socket is empty.
    fn receive(&mut self) -> io::Result<usize> {
        // SAFETY: the arena is valid forever, and this is the only reference to it.
        let headers = unsafe { &mut (*self.arena).headers };
        for header in &mut *headers {
            // The last call shortened it to what came; a longer address would be cut.
            header.msg_hdr.msg_namelen = NAME_LEN;
        }
        if self.controls == Controls::Drops {
            self.reset_controls();
        }
        // SAFETY: as above; every header points into the arena, with the lengths that are there.
        let count = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                (&raw mut (*self.arena).headers).cast(),
                BATCH_LEN,
                0,
                ptr::null_mut(),
            )
        };
        count_or_empty(count)
    }

    fn reset_controls(&mut self) {
        for index in 0..BATCH_MAX {
            // SAFETY: the arena is valid forever, and there is no reference into it.
            unsafe {
                let header = &raw mut (*self.arena).headers[index].msg_hdr;
                (*header).msg_control = (&raw mut (*self.arena).controls[index]).cast();
                (*header).msg_controllen = size_of::<Control>();
            }
        }
    }

    /// Datagram `index` of the last call.
    fn look(&self, index: usize, digest: &mut Digest) {
        // SAFETY: the arena is valid forever, and the system is done with it.
        let arena = unsafe { &*self.arena };
        let len = arena.headers[index].msg_len as usize;
        let port = u16::from_be(arena.names[index].sin_port);
        digest.add(port, &arena.slots[index][..len]);
    }
}

impl Drains for RawReceiver {
    fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn drain(&mut self) -> io::Result<Digest> {
        let mut digest = Digest::default();
        loop {
            let count = self.receive()?;
            for index in 0..count {
                self.look(index, &mut digest);
            }
            if count < BATCH_MAX {
                return Ok(digest);
            }
        }
    }
}

/// Receives one datagram a call by recvmsg(2), with room for the kernel's counter of dropped ones.
pub(crate) struct ControlReceiver {
    socket: UdpSocket,
    arena: *mut Arena,
}

impl ControlReceiver {
    pub(crate) fn new() -> io::Result<Self> {
        let socket = bind()?;
        ask_for_drops(&socket)?;
        Ok(Self {
            socket,
            arena: Arena::leak(),
        })
    }

    /// The length of the datagram, if there was one.
    fn receive(&mut self) -> io::Result<Option<usize>> {
        // SAFETY: the arena is valid forever, there is no reference into it, and the header points
        // into it with the lengths that are there.
        let len = unsafe {
            let header = &raw mut (*self.arena).headers[0].msg_hdr;
            (*header).msg_namelen = NAME_LEN;
            (*header).msg_control = (&raw mut (*self.arena).controls[0]).cast();
            (*header).msg_controllen = size_of::<Control>();
            libc::recvmsg(self.socket.as_raw_fd(), header, 0)
        };
        if let Ok(len) = usize::try_from(len) {
            return Ok(Some(len));
        }
        would_block().map(|()| None)
    }
}

impl Drains for ControlReceiver {
    fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn drain(&mut self) -> io::Result<Digest> {
        let mut digest = Digest::default();
        while let Some(len) = self.receive()? {
            // SAFETY: the arena is valid forever, and the system is done with it.
            let arena = unsafe { &*self.arena };
            let port = u16::from_be(arena.names[0].sin_port);
            digest.add(port, &arena.slots[0][..len]);
        }
        Ok(digest)
    }
}

/// Sends 64 datagrams a call.
pub(crate) struct RawSender {
    socket: UdpSocket,
    arena: *mut Arena,
    queued: usize,
}

impl RawSender {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            socket: bind()?,
            arena: Arena::leak(),
            queued: 0,
        })
    }

    /// Copies a datagram into the next slot and writes its destination: what any program has to do
    /// that does not always send the same. Sends when 64 are there.
    #[inline]
    fn push(&mut self, to: &sockaddr_in, bytes: &[u8]) -> io::Result<()> {
        // SAFETY: the arena is valid forever, and this is the only reference to it.
        let arena = unsafe { &mut *self.arena };
        arena.slots[self.queued][..bytes.len()].copy_from_slice(bytes);
        arena.vectors[self.queued].iov_len = bytes.len();
        arena.names[self.queued] = *to;
        self.queued += 1;
        if self.queued == BATCH_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.queued {
            // SAFETY: every header points into the arena, which is valid forever; `sent` and
            // `queued` are at most `BATCH_MAX`.
            let count = unsafe {
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    (&raw mut (*self.arena).headers[sent]).cast(),
                    c_uint::try_from(self.queued - sent).unwrap_or(BATCH_LEN),
                    0,
                )
            };
            sent += usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        }
        self.queued = 0;
        Ok(())
    }
}

impl Sends for RawSender {
    fn send_all(&mut self, to: SocketAddr, count: usize) -> io::Result<()> {
        let to = name_of(to)?;
        for number in 0..count {
            self.push(&to, &payload(number))?;
        }
        self.flush()
    }
}

/// A server without a protocol: one socket that is drained, and from which every peer gets a datagram.
pub(crate) struct RawServer {
    receiver: RawReceiver,
    sender: RawSender,
}

impl RawServer {
    pub(crate) fn new() -> io::Result<Self> {
        let receiver = RawReceiver::new(Controls::None)?;
        let mut sender = RawSender::new()?;
        sender.socket = receiver.socket.try_clone()?;
        Ok(Self { receiver, sender })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.receiver.address()
    }

    /// One tick: receives what is there, and sends `bytes` to every peer. Returns how many datagrams were received.
    pub(crate) fn tick(&mut self, to: &[PeerName], bytes: &[u8]) -> io::Result<usize> {
        let count = self.receiver.drain()?.count;
        for peer in to {
            self.sender.push(&peer.0, bytes)?;
        }
        self.sender.flush()?;
        Ok(count)
    }
}

/// Where a peer is, as the system takes it.
pub(crate) struct PeerName(sockaddr_in);

impl PeerName {
    pub(crate) fn new(addr: SocketAddr) -> io::Result<Self> {
        name_of(addr).map(Self)
    }
}

/// Address and port as the system takes them.
fn name_of(addr: SocketAddr) -> io::Result<sockaddr_in> {
    let SocketAddr::V4(v4) = addr else {
        return Err(io::Error::other("the floors speak IPv4 alone"));
    };
    Ok(name_of_v4(v4))
}

fn name_of_v4(addr: SocketAddrV4) -> sockaddr_in {
    sockaddr_in {
        #[allow(clippy::cast_possible_truncation, reason = "2")]
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: addr.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(*addr.ip()).to_be(),
        },
        sin_zero: [0; 8],
    }
}

fn ask_for_drops(socket: &UdpSocket) -> io::Result<()> {
    nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::RxqOvfl, &1)?;
    Ok(())
}

/// What recvmmsg(2) returned: that many, or an error, of which "empty" is none.
fn count_or_empty(count: c_int) -> io::Result<usize> {
    match usize::try_from(count) {
        Ok(count) => Ok(count),
        Err(_) => would_block().map(|()| 0),
    }
}

/// The last call failed: because the socket is empty, or for a reason that ends the benchmark.
fn would_block() -> io::Result<()> {
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::WouldBlock {
        return Ok(());
    }
    Err(error)
}
