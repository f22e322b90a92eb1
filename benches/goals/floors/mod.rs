//! What tickwire is measured against: the same work by hand, as lean as it can be written.

mod plain;
mod raw;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use tickwire::limits::RECEIVE_BUFFER_DEFAULT;

pub(crate) use self::plain::{MioLoop, StdBlocking, StdLoop};
pub(crate) use self::raw::{
    ControlReceiver, Controls, PeerName, RawReceiver, RawSender, RawServer,
};

/// A socket as a socket has it by default: non-blocking, with the same receive buffer.
pub(crate) fn bind() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_DEFAULT)?;
    socket.bind(&loopback().into())?;
    Ok(socket.into())
}

/// Any port of this machine.
pub(crate) fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}
