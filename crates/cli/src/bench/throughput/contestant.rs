//! Who receives: tickwire, and the bare loops that it is held against.

use std::hint::black_box;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tickwire::{Socket, SocketConfig};

use super::floor::RecvFrom;
#[cfg(target_os = "linux")]
use super::floor::RecvMmsg;
use crate::bench::LOOPBACK;

/// Something that receives. All of them look at the source, the length and the first byte of each
/// datagram, and leave a drain only when the socket was seen empty or, tickwire alone, at its budget.
pub(super) trait Contestant {
    /// Where to send to.
    fn address(&self) -> SocketAddr;

    /// Takes what waits in the socket and says how many datagrams it was. Never sleeps.
    fn drain(&mut self) -> io::Result<u64>;

    /// Sleeps until there is something to take, at most `timeout`.
    fn sleep(&mut self, timeout: Duration) -> io::Result<()>;

    /// How many datagrams the kernel says it dropped by now; a bare loop does not ask.
    fn dropped_by_kernel(&self) -> Option<u64>;
}

/// The names of those who enter, in the order in which [`enter`] makes them. The first is the floor.
pub(super) fn names(batch: usize) -> &'static [&'static str] {
    if has_raw_batches(batch) {
        &["recvmmsg", "recv_from", "tickwire"]
    } else {
        &["recv_from", "tickwire"]
    }
}

/// Opens a socket for each, with a receive buffer that the system is known to grant.
pub(super) fn enter(batch: usize, buffer_bytes: usize) -> io::Result<Vec<Box<dyn Contestant>>> {
    let mut contestants: Vec<Box<dyn Contestant>> = Vec::new();
    #[cfg(target_os = "linux")]
    if has_raw_batches(batch) {
        contestants.push(Box::new(RecvMmsg::bind(batch, buffer_bytes)?));
    }
    contestants.push(Box::new(RecvFrom::bind(buffer_bytes)?));
    contestants.push(Box::new(Tickwire::bind(batch, buffer_bytes)?));
    Ok(contestants)
}

/// One datagram a call is `recv_from`'s own trade, and only Linux has batches.
fn has_raw_batches(batch: usize) -> bool {
    cfg!(target_os = "linux") && batch > 1
}

/// What every contestant does with a datagram.
#[inline]
pub(super) fn look(from_port: u16, bytes: &[u8]) {
    black_box((from_port, bytes.len(), bytes.first().copied()));
}

/// The library.
struct Tickwire {
    socket: Socket,
}

impl Tickwire {
    fn bind(batch: usize, buffer_bytes: usize) -> io::Result<Self> {
        let config = SocketConfig {
            batch,
            receive_buffer: Some(buffer_bytes),
            ..SocketConfig::default()
        };
        let socket = Socket::with_config(LOOPBACK, &config)?;
        Ok(Self { socket })
    }
}

impl Contestant for Tickwire {
    fn address(&self) -> SocketAddr {
        self.socket.local_addr()
    }

    fn drain(&mut self) -> io::Result<u64> {
        let mut count = 0;
        while let Some(datagram) = self.socket.recv()? {
            look(datagram.from.port(), datagram.bytes);
            count += 1;
        }
        Ok(count)
    }

    fn sleep(&mut self, timeout: Duration) -> io::Result<()> {
        self.socket.wait(Some(timeout))
    }

    fn dropped_by_kernel(&self) -> Option<u64> {
        let tells = cfg!(target_os = "linux");
        tells.then(|| self.socket.stats().dropped_by_kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_name() {
        for batch in [1, 2, 64] {
            let contestants = enter(batch, 65_536).unwrap();
            assert_eq!(contestants.len(), names(batch).len());
        }
    }

    #[test]
    fn everybody_takes_what_waits_and_no_more() {
        let sender = std::net::UdpSocket::bind(LOOPBACK).unwrap();
        for batch in [1, 8, 64] {
            for contestant in &mut enter(batch, 1 << 20).unwrap() {
                assert_eq!(contestant.drain().unwrap(), 0);
                // Full batches, an incomplete one, and none at all.
                for count in [1, 8, 130, 0] {
                    for _ in 0..count {
                        sender.send_to(b"x", contestant.address()).unwrap();
                    }
                    assert_eq!(contestant.drain().unwrap(), count);
                }
            }
        }
    }

    #[test]
    fn nobody_sleeps_on_what_waits() {
        let sender = std::net::UdpSocket::bind(LOOPBACK).unwrap();
        for contestant in &mut enter(8, 65_536).unwrap() {
            sender.send_to(b"x", contestant.address()).unwrap();
            contestant.sleep(Duration::from_secs(3600)).unwrap();
            assert_eq!(contestant.drain().unwrap(), 1);
        }
    }
}
