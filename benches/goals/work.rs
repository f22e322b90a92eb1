//! The work of the subjects, defined once for all, and the checks that it is complete.

use std::hint::black_box;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use tickwire::SocketConfig;
use tickwire::limits::DATAGRAM_MAX;
use tickwire_measure::floors::{self, LOOPBACK, MioLoop, StdLoop};
use tickwire_measure::receive_buffer::ReceiveBuffer;
use tickwire_measure::settings::Settings;
use tickwire_measure::side::{self, Side};

/// Length of every datagram in bytes.
pub(crate) const DATAGRAM_LEN: usize = 64;

/// Bytes charged to the receive buffer per queued datagram. Linux 6.18 charges 832 for 64 bytes;
/// rounded up, so that no round overflows the socket.
const DATAGRAM_CHARGE: usize = 1024;

const _: () = assert!(side::DATAGRAM_MAX == DATAGRAM_MAX);

/// Limits the datagrams of a round to the capacity of a socket on this machine, and prints the
/// limit.
pub(crate) fn limit_datagrams(settings: &mut Settings) -> io::Result<ReceiveBuffer> {
    let requested = SocketConfig::default().receive_buffer.unwrap_or(0);
    let buffer = ReceiveBuffer::request(requested)?;
    let (wanted, held) = (settings.datagrams, buffer.datagrams(DATAGRAM_CHARGE));
    if held < wanted {
        println!(
            "A receive buffer holds {held} datagrams, so a round has {held} instead of {wanted}.\n"
        );
        settings.datagrams = held;
    }
    Ok(buffer)
}

/// A non-blocking socket with the receive buffer of tickwire.
pub(crate) fn bind() -> io::Result<UdpSocket> {
    floors::bind(LOOPBACK, SocketConfig::default().receive_buffer)
}

pub(crate) fn std_loop() -> io::Result<StdLoop> {
    bind().map(StdLoop::new)
}

pub(crate) fn mio_loop() -> io::Result<MioLoop> {
    MioLoop::new(bind()?)
}

pub(crate) trait Drains {
    fn address(&self) -> io::Result<SocketAddr>;

    /// Receives until the socket is empty and adds each datagram to the digest.
    fn drain(&mut self) -> io::Result<Digest>;
}

impl Drains for StdLoop {
    fn address(&self) -> io::Result<SocketAddr> {
        Side::address(self)
    }

    fn drain(&mut self) -> io::Result<Digest> {
        let mut digest = Digest::default();
        while let Some((from, bytes)) = self.receive()? {
            digest.add(from.port(), bytes);
        }
        Ok(digest)
    }
}

impl Drains for MioLoop {
    fn address(&self) -> io::Result<SocketAddr> {
        Side::address(self)
    }

    fn drain(&mut self) -> io::Result<Digest> {
        let mut digest = Digest::default();
        if self.sleep(Some(Duration::ZERO))? {
            while let Some((from, bytes)) = self.receive()? {
                digest.add(from.port(), bytes);
            }
        }
        Ok(digest)
    }
}

/// What every subject reads from a datagram: source, length, first byte.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) count: usize,
    bytes: usize,
    first_bytes: u64,
}

impl Digest {
    #[inline]
    pub(crate) fn add(&mut self, from_port: u16, bytes: &[u8]) {
        black_box(from_port);
        self.count += 1;
        self.bytes += bytes.len();
        self.first_bytes += u64::from(bytes.first().copied().unwrap_or_default());
    }

    /// Fails unless the payloads 0 to `count` - 1 arrived.
    pub(crate) fn check(&self, count: usize) -> io::Result<()> {
        let mut wanted = Self::default();
        (0..count).for_each(|number| wanted.add(0, &payload(number)));
        if *self == wanted {
            return Ok(());
        }
        failure(format!("wanted {wanted:?}, got {self:?}"))
    }
}

/// The payload of datagram `number`, which differs between datagrams.
#[inline]
pub(crate) fn payload(number: usize) -> [u8; DATAGRAM_LEN] {
    let mut payload = [0x5A; DATAGRAM_LEN];
    payload[0] = number.to_le_bytes()[0];
    black_box(payload)
}

pub(crate) fn expect(what: &str, got: usize, wanted: usize) -> io::Result<()> {
    if got == wanted {
        return Ok(());
    }
    failure(format!("{got} of {wanted} {what} arrived"))
}

/// The error of an incomplete round.
pub(crate) fn failure<T>(text: impl Into<String>) -> io::Result<T> {
    Err(io::Error::other(text.into()))
}
