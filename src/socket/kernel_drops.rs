//! Number of datagrams that Linux dropped because the receive buffer was full.
//!
//! `SO_MEMINFO` (Linux 4.12) costs one getsockopt(2) per query, about as much as a receive on an
//! empty socket. The alternative, `SO_RXQ_OVFL` (socket(7)), adds the counter to every datagram:
//! enabling it costs a drain 1% to 3%, and receiving it another seventh.

use std::io;
use std::os::fd::AsFd;

use nix::{getsockopt_impl, libc, sockopt_impl};

/// Number of `u32` counters of `SO_MEMINFO`: `SK_MEMINFO_VARS` of `linux/sock_diag.h`.
const COUNTERS: usize = 9;

/// `SK_MEMINFO_DROPS`.
const DROPS: usize = 8;

// nix's macro for socket options that it does not define. It is sound: any nine numbers are valid.
sockopt_impl!(
    MemInfo,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    [u32; COUNTERS]
);

/// Drop counter of this socket. It wraps at 2^32.
pub(super) fn read(socket: &impl AsFd) -> io::Result<u32> {
    let counters = nix::sys::socket::getsockopt(socket, MemInfo)?;
    Ok(counters[DROPS])
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn counts_datagrams_dropped_by_a_full_buffer() {
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
        assert!(received < 100, "100 datagrams exceed the smallest buffer");
        assert_eq!(read(&receiver).unwrap(), 100 - received);
    }
}
