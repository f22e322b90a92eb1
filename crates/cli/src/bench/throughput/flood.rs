//! Receiving under fire: others send as fast as they can while one thread receives.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use tickwire::limits::BATCH_MAX;
use tickwire::{Socket, SocketConfig, SocketSendError};

use super::contestant::Contestant;
use super::sample::Sample;
use crate::bench::LOOPBACK;
use crate::bench::cpu::ThreadCpu;

/// How long a receiver sleeps before it looks whether the flood is over.
const LOOK: Duration = Duration::from_millis(10);

/// The most that one sender sends. Time ends it long before, as long as the clock goes on.
const SENT_MAX: u64 = 1 << 32;

/// The most senders: from here on they are in each other's way in the kernel.
const SENDERS_MAX: usize = 4;

/// What is sent, by how many, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flood {
    pub(super) size: usize,
    pub(super) senders: usize,
    pub(super) time: Duration,
}

/// One sender for each processor that the receiver leaves, at least one.
pub(super) fn senders() -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    processors.saturating_sub(1).clamp(1, SENDERS_MAX)
}

/// Lets each contestant receive in turn, on this thread; `first` goes first.
pub(super) fn measure(
    contestants: &mut [Box<dyn Contestant>],
    flood: Flood,
    first: usize,
) -> io::Result<Vec<Sample>> {
    let count = contestants.len();
    let mut samples = vec![Sample::NOTHING; count];
    for index in (0..count).map(|index| (index + first) % count) {
        samples[index] = stand(contestants[index].as_mut(), flood)?;
    }
    Ok(samples)
}

fn stand(contestant: &mut dyn Contestant, flood: Flood) -> io::Result<Sample> {
    let running = AtomicUsize::new(flood.senders);
    let dropped = contestant.dropped_by_kernel();
    thread::scope(|scope| {
        let senders = start(scope, flood, contestant.address(), &running);
        let cpu = ThreadCpu::now();
        let received = receive(contestant, &running);
        let cpu = cpu.elapsed();
        let sent = join(senders)?;
        Ok(Sample {
            sent: sent.count,
            received: received?,
            wall: sent.time,
            cpu,
            dropped_by_kernel: contestant
                .dropped_by_kernel()
                .zip(dropped)
                .map(|(after, before)| after - before),
        })
    })
}

/// The loop of a server: sleep, drain. It ends with a drain that began after the last datagram.
fn receive(contestant: &mut dyn Contestant, running: &AtomicUsize) -> io::Result<u64> {
    let mut received = 0;
    loop {
        let is_over = running.load(Ordering::Acquire) == 0;
        received += contestant.drain()?;
        if is_over {
            // A drain can have ended at its budget.
            return Ok(received + contestant.drain()?);
        }
        contestant.sleep(LOOK)?;
    }
}

/// What one or more senders did.
#[derive(Default)]
struct Sent {
    count: u64,
    /// From the first to the last of the one that took longest.
    time: Duration,
}

type Sender<'scope> = ScopedJoinHandle<'scope, io::Result<Sent>>;

fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    flood: Flood,
    to: SocketAddr,
    running: &'scope AtomicUsize,
) -> Vec<Sender<'scope>> {
    let sender = move || {
        let sent = send(flood, to);
        running.fetch_sub(1, Ordering::Release);
        sent
    };
    (0..flood.senders).map(|_| scope.spawn(sender)).collect()
}

fn join(senders: Vec<Sender<'_>>) -> io::Result<Sent> {
    let mut all = Sent::default();
    for sender in senders {
        let sent = sender
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        all.count += sent.count;
        all.time = all.time.max(sent.time);
    }
    Ok(all)
}

fn send(flood: Flood, to: SocketAddr) -> io::Result<Sent> {
    let config = SocketConfig {
        receive_buffer: None,
        ..SocketConfig::default()
    };
    let mut socket = Socket::with_config(LOOPBACK, &config)?;
    let payload = vec![0x5A; flood.size];
    let start = Instant::now();
    // At least once, or a short flood on a busy machine would send nothing.
    for _ in 0..SENT_MAX / BATCH_MAX as u64 {
        send_batch(&mut socket, to, &payload)?;
        if start.elapsed() >= flood.time {
            break;
        }
    }
    Ok(Sent {
        count: socket.stats().datagrams_sent,
        time: start.elapsed(),
    })
}

/// One system call, if the system takes what it is given.
fn send_batch(socket: &mut Socket, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
    for _ in 0..BATCH_MAX {
        match socket.send(to, payload) {
            Ok(()) => {}
            // The system takes no more just now: tried again as long as the flood lasts.
            Err(SocketSendError::QueueFull) => break,
            Err(error) => return Err(error.into()),
        }
    }
    socket.flush()
}

#[cfg(test)]
mod tests {
    use super::super::contestant::enter;
    use super::*;

    #[test]
    fn what_is_sent_is_received_or_dropped_by_the_kernel() {
        // The smallest buffer, so that something is dropped too.
        let flood = Flood {
            size: 1024,
            senders: 2,
            time: Duration::from_millis(5),
        };
        for batch in [1, 64] {
            let mut contestants = enter(batch, 1).unwrap();
            for sample in measure(&mut contestants, flood, 1).unwrap() {
                assert!(sample.received > 0);
                assert!(sample.received <= sample.sent);
                if let Some(dropped) = sample.dropped_by_kernel {
                    assert_eq!(sample.lost(), dropped);
                }
            }
        }
    }
}
