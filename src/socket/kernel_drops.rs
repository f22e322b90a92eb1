//! How many datagrams the kernel dropped because the receive buffer was full (Linux), at no price for
//! those that it did not drop.
//!
//! There are two ways to ask. `SO_RXQ_OVFL` (socket(7)) puts the counter beside every datagram:
//! setting it costs a drain one to three percent, received or not, and receiving it a seventh more.
//! `SO_MEMINFO` (Linux 4.12) is asked when somebody wants to know, and costs one getsockopt(2) then,
//! about as much as to receive from an empty socket.

use std::io;
use std::os::fd::AsFd;

use nix::{getsockopt_impl, libc, sockopt_impl};

/// The counters of `SO_MEMINFO`: `SK_MEMINFO_VARS` of `linux/sock_diag.h`, each a `u32`.
const COUNTERS: usize = 9;

/// `SK_MEMINFO_DROPS`.
const DROPS: usize = 8;

// nix's own way to name an option that it does not: its macro makes the call, and nine numbers are
// valid whatever the kernel writes into them.
sockopt_impl!(
    /// What the kernel knows of a socket's memory.
    MemInfo,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    [u32; COUNTERS]
);

/// The kernel's counter of this socket; it wraps at 2^32.
pub(super) fn read(socket: &impl AsFd) -> io::Result<u32> {
    let counters = nix::sys::socket::getsockopt(socket, MemInfo)?;
    Ok(counters[DROPS])
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_a_full_buffer_loses_is_counted_to_the_datagram() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let receiver = socket2::Socket::from(receiver);
        receiver.set_recv_buffer_size(1).unwrap();
        receiver.set_nonblocking(true).unwrap();
        assert_eq!(read(&receiver).unwrap(), 0);

        let receiver = UdpSocket::from(receiver);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender
                .send_to(&[0; 64], receiver.local_addr().unwrap())
                .unwrap();
        }
        let mut received = 0;
        while receiver.recv(&mut [0; 64]).is_ok() {
            received += 1;
        }
        assert!(received < 100, "the smallest buffer holds a few");
        assert_eq!(read(&receiver).unwrap(), 100 - received);
    }
}
