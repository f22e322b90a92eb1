//! What the figures were measured on.

use std::{fmt, fs, io, thread};

use crate::floors;

/// What a queued datagram of the benchmark is charged against the receive buffer, in bytes. Linux 6.18
/// charges 832 for one of 64 bytes; rounded up, so that no round overflows its socket.
const DATAGRAM_CHARGE: usize = 1024;

#[derive(Debug)]
pub(crate) struct Machine {
    kernel: String,
    cpu: String,
    cpus: usize,
    /// As the system reports it: the double of what it granted.
    receive_buffer: usize,
}

impl Machine {
    pub(crate) fn look() -> io::Result<Self> {
        let socket = socket2::Socket::from(floors::bind()?);
        Ok(Self {
            kernel: read("/proc/sys/kernel/osrelease"),
            cpu: cpu_model(&read("/proc/cpuinfo")),
            cpus: thread::available_parallelism()?.get(),
            receive_buffer: socket.recv_buffer_size()?,
        })
    }

    /// How many datagrams of the benchmark a socket surely holds.
    pub(crate) fn queued_max(&self) -> usize {
        self.receive_buffer / DATAGRAM_CHARGE
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Linux {}, {} CPUs ({}), receive buffers of {} bytes (SO_RCVBUF, as reported).",
            self.kernel, self.cpus, self.cpu, self.receive_buffer,
        )
    }
}

/// A missing file is no reason to measure nothing.
fn read(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

fn cpu_model(cpuinfo: &str) -> String {
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned())
}
