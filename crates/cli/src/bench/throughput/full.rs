//! The pure cost of receiving: the socket is filled first, and only the drain is measured.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::{Socket, SocketConfig, SocketSendError};

use super::contestant::Contestant;
use super::sample::Sample;
use crate::bench::LOOPBACK;
use crate::bench::cpu::ThreadCpu;

/// How many datagrams wait when a drain begins, at most: a tick of 1,000 clients that send two each.
pub(super) const FILL_MAX: usize = 2000;

/// Drains of each contestant that do not count: pages, caches, batches that adapt.
const WARM_UP: usize = 2;

/// How long to wait before a look whether the system takes more. It never has to over loopback.
const FULL_RETRY: Duration = Duration::from_millis(1);

/// Fills and drains each contestant in turn, one drain after the other, for `time` each on average.
/// Turns are short, so whatever slows the machine down slows all of them.
pub(super) fn measure(
    contestants: &mut [Box<dyn Contestant>],
    filler: &mut Filler,
    time: Duration,
) -> io::Result<Vec<Sample>> {
    let count = contestants.len();
    let mut samples = vec![Sample::NOTHING; count];
    let mut start = Instant::now();
    let time = time * u32::try_from(count).unwrap_or(u32::MAX);
    for turn in 0.. {
        if turn == WARM_UP {
            start = Instant::now();
        }
        // Whoever goes first in one turn goes last in the next.
        for index in (0..count).map(|index| (index + turn) % count) {
            let sample = fill_and_drain(contestants[index].as_mut(), filler)?;
            if turn >= WARM_UP {
                samples[index] = samples[index].plus(sample);
            }
        }
        if turn >= WARM_UP && start.elapsed() >= time {
            break;
        }
    }
    Ok(samples)
}

fn fill_and_drain(contestant: &mut dyn Contestant, filler: &mut Filler) -> io::Result<Sample> {
    let sent = filler.fill(contestant.address())?;
    let dropped = contestant.dropped_by_kernel();
    let cpu = ThreadCpu::now();
    let start = Instant::now();
    let received = contestant.drain()?;
    let wall = start.elapsed();
    Ok(Sample {
        sent,
        received,
        wall,
        cpu: cpu.elapsed(),
        dropped_by_kernel: contestant
            .dropped_by_kernel()
            .zip(dropped)
            .map(|(after, before)| after - before),
    })
}

/// Sends what is to be drained.
pub(super) struct Filler {
    socket: Socket,
    payload: Vec<u8>,
    count: usize,
}

impl Filler {
    /// Fills with `count` datagrams of `size` bytes.
    pub(super) fn new(size: usize, count: usize) -> io::Result<Self> {
        let config = SocketConfig {
            receive_buffer: None,
            ..SocketConfig::default()
        };
        Ok(Self {
            socket: Socket::with_config(LOOPBACK, &config)?,
            payload: vec![0x5A; size],
            count,
        })
    }

    /// Over loopback a datagram that was sent is in the socket when the call returns. Returns how
    /// many were sent.
    fn fill(&mut self, to: SocketAddr) -> io::Result<u64> {
        let before = self.socket.stats().datagrams_sent;
        for _ in 0..self.count {
            match self.socket.send(to, &self.payload) {
                Ok(()) => {}
                // This one is left out, and not counted as sent.
                Err(SocketSendError::QueueFull) => self.socket.wait(Some(FULL_RETRY))?,
                Err(error) => return Err(error.into()),
            }
        }
        self.socket.flush()?;
        Ok(self.socket.stats().datagrams_sent - before)
    }
}

#[cfg(test)]
mod tests {
    use super::super::contestant::enter;
    use super::*;

    #[test]
    fn what_fits_is_drained_by_everybody_and_nothing_is_lost() {
        let mut contestants = enter(8, 1 << 20).unwrap();
        let mut filler = Filler::new(64, 50).unwrap();
        let samples = measure(&mut contestants, &mut filler, Duration::from_nanos(1)).unwrap();
        for sample in samples {
            assert_eq!((sample.sent, sample.received), (50, 50));
        }
    }
}
