//! Draining a socket: it is filled first, by another socket, and only the drain is timed.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::{Socket, SocketConfig};
use tickwire_measure::floors::LOOPBACK;
use tickwire_measure::runner::{Entry, Goal, Subject, Topic, nanos};
use tickwire_measure::settings::Settings;

use crate::raw::{ControlReceiver, Controls, RawReceiver, RawSender};
use crate::work::{Digest, Drains, Sends, bind, mio_loop, std_loop};

/// Minimum that Linux charges a queued datagram against the receive buffer, in bytes, as `raw_socket.rs` has it.
const DATAGRAM_CHARGE_MIN: usize = 768;

const TICKWIRE: &str = "tickwire";
const TICKWIRE_SINGLE: &str = "tickwire, `batch: 1`";
const RAW: &str = "raw recvmmsg, 64 slots";
const MIO: &str = "mio poll, then recv_from until it would block";
const STD: &str = "std recv_from until it would block";

const GOALS: &[Goal] = &[
    Goal::bounded(
        "drain: tickwire against a raw 64-slot recvmmsg loop",
        TICKWIRE,
        RAW,
        1.05,
    ),
    Goal::bounded(
        "drain: tickwire against a plain mio loop",
        TICKWIRE,
        MIO,
        0.87,
    ),
    Goal::shown("drain: tickwire against std", TICKWIRE, STD),
    Goal::shown("drain: the raw loop against the plain mio loop", RAW, MIO),
    Goal::shown(
        "drain: tickwire with `batch: 1` against the plain mio loop",
        TICKWIRE_SINGLE,
        MIO,
    ),
];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "drain",
        unit: "ns per datagram",
        units: settings.datagrams,
        rounds: settings.rounds,
        goals: GOALS,
        enter,
    }
}

fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let count = settings.datagrams;
    let single = SocketConfig {
        batch: 1,
        ..SocketConfig::default()
    };
    Ok(vec![
        entry(RAW, RawReceiver::new(Controls::None)?, count)?,
        entry(MIO, mio_loop()?, count)?,
        entry(STD, std_loop()?, count)?,
        entry(TICKWIRE, Socket::bind(LOOPBACK)?, count)?,
        entry(
            TICKWIRE_SINGLE,
            Socket::with_config(LOOPBACK, &single)?,
            count,
        )?,
    ])
}

const AFTER_LOSS: &str = "tickwire, after the kernel dropped datagrams";
const RAW_MARKS: &str = "raw recvmmsg, 64 slots, the counter asked for and not received";
const RAW_CONTROLS: &str = "raw recvmmsg, 64 slots, each with the counter";
const SINGLE_CONTROLS: &str = "raw recvmsg, one at a time, each with the counter";

/// What it costs to know how many datagrams the kernel dropped (`SO_RXQ_OVFL`), once there are some.
const DROPS_GOALS: &[Goal] = &[
    Goal::shown(
        "drain: tickwire after a loss against tickwire without one",
        AFTER_LOSS,
        TICKWIRE,
    ),
    Goal::shown(
        "drain: the counter asked for by the raw loop and not received, against the raw loop",
        RAW_MARKS,
        RAW,
    ),
    Goal::shown(
        "drain: the counter in every slot of the raw loop, against the raw loop",
        RAW_CONTROLS,
        RAW,
    ),
    Goal::shown(
        "drain: the counter with every single recvmsg, against the raw loop",
        SINGLE_CONTROLS,
        RAW,
    ),
];

pub(crate) fn drops_topic(settings: &Settings) -> Topic {
    Topic {
        title: "drain after a loss",
        unit: "ns per datagram",
        units: settings.datagrams,
        rounds: settings.rounds,
        goals: DROPS_GOALS,
        enter: enter_after_loss,
    }
}

fn enter_after_loss(settings: &Settings) -> io::Result<Vec<Entry>> {
    let count = settings.datagrams;
    Ok(vec![
        entry(RAW, RawReceiver::new(Controls::None)?, count)?,
        entry(TICKWIRE, Socket::bind(LOOPBACK)?, count)?,
        entry_after_loss(AFTER_LOSS, Socket::bind(LOOPBACK)?, count)?,
        entry(RAW_MARKS, RawReceiver::new(Controls::Marks)?, count)?,
        entry_after_loss(RAW_CONTROLS, RawReceiver::new(Controls::Drops)?, count)?,
        entry_after_loss(SINGLE_CONTROLS, ControlReceiver::new()?, count)?,
    ])
}

fn entry(name: &'static str, drains: impl Drains + 'static, count: usize) -> io::Result<Entry> {
    Ok(Entry::new(name, Filled::new(drains, count)?))
}

/// As [`entry`], with a socket that overflowed once.
fn entry_after_loss(
    name: &'static str,
    drains: impl Drains + 'static,
    count: usize,
) -> io::Result<Entry> {
    let mut filled = Filled::new(drains, count)?;
    filled.overflow()?;
    Ok(Entry::new(name, filled))
}

/// A socket that is filled before it is drained.
struct Filled<D> {
    drains: D,
    address: SocketAddr,
    sender: RawSender,
    count: usize,
}

impl<D: Drains> Filled<D> {
    fn new(drains: D, count: usize) -> io::Result<Self> {
        Ok(Self {
            address: drains.address()?,
            drains,
            sender: RawSender::new()?,
            count,
        })
    }

    /// Sends more than any receive buffer of this size holds, and takes out what it held.
    fn overflow(&mut self) -> io::Result<()> {
        let granted = socket2::Socket::from(bind()?).recv_buffer_size()?;
        let sent = granted / DATAGRAM_CHARGE_MIN + 64;
        self.sender.send_all(self.address, sent)?;
        let received = self.drains.drain()?.count;
        if received >= sent {
            return Err(io::Error::other("the socket did not overflow"));
        }
        Ok(())
    }
}

impl<D: Drains> Subject for Filled<D> {
    fn round(&mut self) -> io::Result<f64> {
        self.sender.send_all(self.address, self.count)?;
        let start = Instant::now();
        let digest = self.drains.drain()?;
        let time = start.elapsed();
        digest.check(self.count)?;
        Ok(nanos(time))
    }
}

/// A turn as the documentation has it.
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
