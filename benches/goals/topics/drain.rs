//! Draining a socket that another socket has filled. Only the drain is timed.

use tickwire::SocketConfig;

use crate::prelude::*;
use crate::raw::{Controls, RawSocket};
use crate::work::{Digest, Drains, bind, mio_loop, std_loop};

/// Minimum charge of a queued datagram against the receive buffer in bytes, as in `raw_socket.rs`.
const DATAGRAM_CHARGE_MIN: usize = 768;

const TICKWIRE: &str = "tickwire";
const RAW: &str = "raw recvmmsg, 64 slots";
const MIO: &str = "mio poll, then recv_from until it would block";
const AFTER_LOSS: &str = "tickwire, after the kernel dropped datagrams";
const RAW_MARKS: &str = "raw recvmmsg, 64 slots, the counter requested and not received";
const RAW_DROPS: &str = "raw recvmmsg, 64 slots, each with the counter";
const RAW_DROPS_OF_EACH: &str = "raw recvmsg, one at a time, each with the counter";

pub(crate) fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let count = settings.datagrams;
    let config = SocketConfig {
        batch: 1,
        ..SocketConfig::default()
    };
    let single = Socket::with_config(LOOPBACK, &config)?;
    Ok(vec![
        filled(RAW, RawSocket::new(Controls::None)?, count)?,
        filled(MIO, mio_loop()?, count)?,
        filled("std recv_from until it would block", std_loop()?, count)?,
        filled(TICKWIRE, Socket::bind(LOOPBACK)?, count)?,
        filled("tickwire, `batch: 1`", single, count)?,
    ])
}

pub(crate) fn enter_after_loss(settings: &Settings) -> io::Result<Vec<Entry>> {
    let count = settings.datagrams;
    let tickwire = overflowed(Socket::bind(LOOPBACK)?)?;
    let marks = RawSocket::new(Controls::Marks)?;
    let drops = overflowed(RawSocket::new(Controls::Drops)?)?;
    let single = overflowed(RawSocket::new(Controls::DropsOfEach)?)?;
    Ok(vec![
        filled(RAW, RawSocket::new(Controls::None)?, count)?,
        filled(TICKWIRE, Socket::bind(LOOPBACK)?, count)?,
        filled(AFTER_LOSS, tickwire, count)?,
        filled(RAW_MARKS, marks, count)?,
        filled(RAW_DROPS, drops, count)?,
        filled(RAW_DROPS_OF_EACH, single, count)?,
    ])
}

/// A socket that is filled before it is drained.
fn filled(name: &str, mut drains: impl Drains + 'static, count: usize) -> io::Result<Entry> {
    let address = drains.address()?;
    let mut sender = RawSocket::new(Controls::None)?;
    Ok(Entry::new(name, move || {
        sender.send_all(address, count)?;
        let start = Instant::now();
        let digest = drains.drain()?;
        let time = start.elapsed();
        digest.check(count)?;
        Ok(nanos_per(count, time))
    }))
}

/// Overflows the receive buffer of a socket, then drains it.
fn overflowed<D: Drains>(mut drains: D) -> io::Result<D> {
    let granted = socket2::Socket::from(bind()?).recv_buffer_size()?;
    let sent = granted / DATAGRAM_CHARGE_MIN + 64;
    RawSocket::new(Controls::None)?.send_all(drains.address()?, sent)?;
    if drains.drain()?.count >= sent {
        return failure("the socket did not overflow");
    }
    Ok(drains)
}

/// A turn as in the documentation.
impl Drains for Socket {
    fn address(&self) -> io::Result<SocketAddr> {
        Ok(self.local_addr())
    }

    fn drain(&mut self) -> io::Result<Digest> {
        let mut digest = Digest::default();
        self.wait(Some(Duration::from_secs(1)))?;
        while let Some(datagram) = self.recv()? {
            digest.add(datagram.from.port(), datagram.bytes);
        }
        Ok(digest)
    }
}
