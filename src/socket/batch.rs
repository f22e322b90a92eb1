//! Batched system calls: recvmmsg(2) and sendmmsg(2), through nix and without `unsafe`.
//!
//! nix's header arrays hold raw pointers, so they are not `Send`, but a socket must be. They are
//! therefore thread-local scratch space. Restrictions, each found by a failure:
//! - Never share an array between receiving and sending: after a send its headers point to the
//!   caller's addresses, and a receive would let the kernel write there.
//! - Never share an array between address families: a receive shortens a header's name length to
//!   that of the received address, and nothing restores it.
//! - Never use control buffers: a receive shortens their length in the same way.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::thread::LocalKey;
use std::time::{Duration, SystemTime};

use mio::net::UdpSocket;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn, SockaddrIn6,
    SockaddrLike, recvmmsg, recvmsg, sendmmsg,
};

use nix::sys::time::TimeSpec;

use crate::limits::{BATCH_MAX, DATAGRAM_MAX};
use crate::socket::address_family::{AddressFamily, canonical};
use crate::socket::datagram::ReceivedMeta;

type Headers<S> = LocalKey<RefCell<MultiHeaders<S>>>;

thread_local! {
    static RECEIVE_V4: RefCell<MultiHeaders<SockaddrIn>> = RefCell::new(preallocate());
    static RECEIVE_V6: RefCell<MultiHeaders<SockaddrIn6>> = RefCell::new(preallocate());
    static SEND_V4: RefCell<MultiHeaders<SockaddrIn>> = RefCell::new(preallocate());
    static SEND_V6: RefCell<MultiHeaders<SockaddrIn6>> = RefCell::new(preallocate());
}

fn preallocate<S: SockaddrLike + Copy>() -> MultiHeaders<S> {
    MultiHeaders::preallocate(BATCH_MAX, None)
}

/// Receives up to `arrivals.len()` datagrams, one into each 1024-byte slot.
pub(super) fn receive(
    socket: &UdpSocket,
    family: AddressFamily,
    slots: &mut [u8],
    arrivals: &mut [ReceivedMeta],
) -> io::Result<usize> {
    match family {
        AddressFamily::V4 => receive_from(socket, &RECEIVE_V4, slots, arrivals),
        AddressFamily::V6 | AddressFamily::Dual | AddressFamily::Mapped => {
            receive_from(socket, &RECEIVE_V6, slots, arrivals)
        }
    }
}

fn receive_from<S: BatchAddress>(
    socket: &UdpSocket,
    headers: &'static Headers<S>,
    slots: &mut [u8],
    arrivals: &mut [ReceivedMeta],
) -> io::Result<usize> {
    borrow(headers, |headers| {
        receive_wide(socket, headers, slots, arrivals)
    })
}

fn receive_wide<S: BatchAddress>(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<S>,
    slots: &mut [u8],
    arrivals: &mut [ReceivedMeta],
) -> io::Result<usize> {
    let mut slots = slots.chunks_exact_mut(DATAGRAM_MAX);
    let mut vectors: [[IoSliceMut<'_>; 1]; BATCH_MAX] =
        std::array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
    let vectors = vectors.iter_mut().take(arrivals.len());
    let messages = recvmmsg(
        socket.as_raw_fd(),
        headers,
        vectors,
        MsgFlags::empty(),
        None,
    )?;

    let mut count = 0;
    for (arrival, message) in arrivals.iter_mut().zip(messages) {
        *arrival = arrival_of(&message)?;
        count += 1;
    }
    Ok(count)
}

#[inline]
fn arrival_of<S: BatchAddress>(message: &RecvMsg<'_, '_, S>) -> io::Result<ReceivedMeta> {
    let Some(from) = message.address else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the system returned a datagram without a source address",
        ));
    };
    Ok(ReceivedMeta {
        from: canonical(from.into()),
        len: message.bytes,
        truncated: message.flags.contains(MsgFlags::MSG_TRUNC),
    })
}

/// Receives one datagram and its kernel receive time. `control` is a [`stamp_control`].
pub(super) fn receive_stamped(
    socket: &UdpSocket,
    family: AddressFamily,
    slot: &mut [u8],
    control: &mut [u8],
) -> io::Result<(ReceivedMeta, Option<SystemTime>)> {
    match family {
        AddressFamily::V4 => receive_message::<SockaddrIn>(socket, slot, control),
        AddressFamily::V6 | AddressFamily::Dual | AddressFamily::Mapped => {
            receive_message::<SockaddrIn6>(socket, slot, control)
        }
    }
}

pub(super) fn stamp_control() -> Box<[u8]> {
    vec![0; nix::cmsg_space!(TimeSpec).capacity()].into_boxed_slice()
}

fn receive_message<S: BatchAddress>(
    socket: &UdpSocket,
    slot: &mut [u8],
    control: &mut [u8],
) -> io::Result<(ReceivedMeta, Option<SystemTime>)> {
    let mut vector = [IoSliceMut::new(slot)];
    let message = recvmsg::<S>(
        socket.as_raw_fd(),
        &mut vector,
        Some(control),
        MsgFlags::empty(),
    )?;
    // Without space for the timestamp, return the datagram alone.
    let stamp = message.cmsgs().ok().and_then(|mut messages| {
        messages.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(time) => system_time(time),
            _ => None,
        })
    });
    Ok((arrival_of(&message)?, stamp))
}

/// `None` if the clock is before 1970, because it was never set.
fn system_time(time: TimeSpec) -> Option<SystemTime> {
    let seconds = u64::try_from(time.tv_sec()).ok()?;
    let nanos = u32::try_from(time.tv_nsec()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

/// Sends up to [`BATCH_MAX`] datagrams in order; returns how many the system accepted.
pub(super) fn send<'q>(
    socket: &UdpSocket,
    family: AddressFamily,
    datagrams: impl Iterator<Item = (SocketAddr, &'q [u8])>,
) -> io::Result<usize> {
    match family {
        AddressFamily::V4 => send_from(socket, family, &SEND_V4, datagrams),
        AddressFamily::V6 | AddressFamily::Dual | AddressFamily::Mapped => {
            send_from(socket, family, &SEND_V6, datagrams)
        }
    }
}

fn send_from<'q, S: BatchAddress>(
    socket: &UdpSocket,
    family: AddressFamily,
    headers: &'static Headers<S>,
    datagrams: impl Iterator<Item = (SocketAddr, &'q [u8])>,
) -> io::Result<usize> {
    let mut addresses = [None; BATCH_MAX];
    let mut vectors = [[IoSlice::new(&[])]; BATCH_MAX];
    let mut count = 0;
    for (to, bytes) in datagrams.take(BATCH_MAX) {
        // Without an address the system would report "destination address required". `send` has
        // rejected addresses of the other family.
        addresses[count] = S::of(family.on_the_wire(to));
        vectors[count] = [IoSlice::new(bytes)];
        count += 1;
    }
    borrow(headers, |headers| {
        let no_control: [ControlMessage<'_>; 0] = [];
        let taken = sendmmsg(
            socket.as_raw_fd(),
            headers,
            &vectors[..count],
            &addresses[..count],
            no_control,
            MsgFlags::empty(),
        )?;
        Ok(taken.count())
    })
}

fn borrow<S: BatchAddress, T>(
    headers: &'static Headers<S>,
    mut call: impl FnMut(&mut MultiHeaders<S>) -> io::Result<T>,
) -> io::Result<T> {
    headers
        .try_with(|headers| call(&mut headers.borrow_mut()))
        // The thread is ending and its headers are gone, but a socket in another of its
        // thread-locals may still send on drop.
        .unwrap_or_else(|_| call(&mut preallocate()))
}

trait BatchAddress: SockaddrLike + Copy + Into<SocketAddr> + 'static {
    /// `None` if `addr` is of the other family.
    fn of(addr: SocketAddr) -> Option<Self>;
}

impl BatchAddress for SockaddrIn {
    fn of(addr: SocketAddr) -> Option<Self> {
        match addr {
            SocketAddr::V4(v4) => Some(v4.into()),
            SocketAddr::V6(_) => None,
        }
    }
}

impl BatchAddress for SockaddrIn6 {
    fn of(addr: SocketAddr) -> Option<Self> {
        match addr {
            SocketAddr::V6(v6) => Some(v6.into()),
            SocketAddr::V4(_) => None,
        }
    }
}
