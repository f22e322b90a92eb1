//! The server: one loop around an endpoint and a ticker, without a game in it.
//!
//! Its loop is the one that the library recommends: sleep until a datagram or the tick, drain, and
//! when a tick is due send everybody a state.

use std::hint::black_box;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use tickwire::{Endpoint, EndpointStats, SendError, Ticker};

use super::load::Times;
use crate::bench::cpu::ThreadCpu;

/// A server and those it serves.
#[derive(Debug)]
pub(super) struct Server {
    endpoint: Endpoint,
    clients: Vec<SocketAddr>,
    state: Vec<u8>,
    ticker: Ticker,
    /// How many ticks it is to make or to miss, and how many it has made.
    ticks: u64,
    made: u64,
    late: u64,
    turns: u64,
    /// How long each tick kept it awake, and how long since the last one.
    awake: Times,
    awake_now: Duration,
    /// What each tick used of the processor, and when the last one ended.
    cpu: Times,
    cpu_then: ThreadCpu,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) stats: EndpointStats,
    /// What its send queue still held.
    pub(super) queued: u64,
    pub(super) ticks: u64,
    /// Ticks that were made a period or more too late, to catch up.
    pub(super) ticks_late: u64,
    /// Ticks that were not made at all, because it was too late for them.
    pub(super) overruns: u64,
    /// How often it woke up.
    pub(super) turns: u64,
    pub(super) cpu: Option<Duration>,
    pub(super) wall: Duration,
    /// How long each tick kept it awake, and what each used of the processor.
    pub(super) awake: Times,
    pub(super) cpu_each: Times,
}

impl Server {
    pub(super) fn new(
        endpoint: Endpoint,
        clients: Vec<SocketAddr>,
        state: usize,
        ticker: Ticker,
        ticks: u64,
    ) -> io::Result<Self> {
        let times = || Times::new().ok_or_else(|| io::Error::other("the histogram has bad limits"));
        Ok(Self {
            endpoint,
            clients,
            state: vec![0x5A; state],
            ticker,
            ticks,
            made: 0,
            late: 0,
            turns: 0,
            awake: times()?,
            awake_now: Duration::ZERO,
            cpu: times()?,
            cpu_then: ThreadCpu::now(),
        })
    }

    /// Runs until all ticks are over and the clients have sent their last (they drop the other end of
    /// `clients`), and takes what they sent.
    pub(super) fn serve(mut self, clients: &Receiver<()>) -> io::Result<Served> {
        let start = Instant::now();
        let cpu = ThreadCpu::now();
        // Of this thread, not of the one that made the server.
        self.cpu_then = cpu;
        while self.ticks_left() > 0 || clients.try_recv() == Err(TryRecvError::Empty) {
            self.turn()?;
        }
        self.drain_all()?;
        let (cpu, wall) = (cpu.elapsed(), start.elapsed());
        Ok(Served {
            stats: self.endpoint.stats(),
            queued: self.endpoint.queued() as u64,
            ticks: self.made,
            ticks_late: self.late,
            overruns: self.ticks - self.made,
            turns: self.turns,
            cpu,
            wall,
            awake: self.awake,
            cpu_each: self.cpu,
        })
    }

    fn ticks_left(&self) -> u64 {
        self.ticks
            .saturating_sub(self.made + self.ticker.overruns())
    }

    fn turn(&mut self) -> io::Result<()> {
        self.endpoint.wait_until(self.ticker.deadline())?;
        let start = Instant::now();
        self.turns += 1;
        self.drain()?;
        let steps = self.steps_due();
        for _ in 0..steps {
            self.step()?;
        }
        self.awake_now += start.elapsed();
        if steps > 0 {
            self.record_tick();
        }
        Ok(())
    }

    /// A tick is everything since the one before: the drains in between, and the states at its end.
    fn record_tick(&mut self) {
        self.awake.record(std::mem::take(&mut self.awake_now));
        let cpu = std::mem::replace(&mut self.cpu_then, ThreadCpu::now());
        if let Some(used) = self.cpu_then.since(cpu) {
            self.cpu.record(used);
        }
    }

    fn steps_due(&mut self) -> u64 {
        let due = u64::from(self.ticker.steps_due(Instant::now()));
        // Once all are over, only the clients' last inputs are waited for.
        let due = due.min(self.ticks_left());
        self.late += due.saturating_sub(1);
        self.made += due;
        due
    }

    /// Everything that waits, within the budget of the endpoint.
    fn drain(&mut self) -> io::Result<()> {
        while let Some(datagram) = self.endpoint.recv()? {
            black_box((datagram.from, datagram.bytes));
        }
        Ok(())
    }

    fn drain_all(&mut self) -> io::Result<()> {
        self.drain()?;
        while self.endpoint.may_have_more() {
            self.drain()?;
        }
        Ok(())
    }

    /// One state for each client, on its way when this returns.
    fn step(&mut self) -> io::Result<()> {
        for &client in &self.clients {
            match self.endpoint.send(client, &self.state) {
                // A full queue leaves this one out, and is counted: the next tick has a newer state.
                Ok(()) | Err(SendError::QueueFull) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // What the system refuses is counted as discarded, and must not end the loop.
        let _ = self.endpoint.flush();
        Ok(())
    }
}
