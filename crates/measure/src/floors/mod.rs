//! The floors of the benchmarks: the same work with std or mio, one datagram per system call, as in
//! their documentation.

mod mio_loop;
mod std_loop;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

use socket2::{Domain, Socket, Type};

pub use self::mio_loop::MioLoop;
pub use self::std_loop::{StdBlocking, StdLoop};
use crate::side::{DATAGRAM_MAX, Received};

/// Any free port of the loopback address.
pub const LOOPBACK: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// A non-blocking socket. `receive_buffer` is the size to request in bytes; `None` keeps the
/// system's default.
///
/// # Errors
///
/// The system rejects the socket, the buffer size or the address.
pub fn bind(address: SocketAddr, receive_buffer: Option<usize>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Space for the longest datagram, and one byte to detect a longer datagram.
type Buffer = [u8; DATAGRAM_MAX + 1];

const EMPTY: Buffer = [0; DATAGRAM_MAX + 1];

fn received(buffer: &Buffer, (len, from): (usize, SocketAddr)) -> Received<'_> {
    let bytes = &buffer[..len.min(DATAGRAM_MAX)];
    Received::now(from, bytes, len > DATAGRAM_MAX)
}
