//! A pair in real time: two hosts with sockets on loopback, and the simulated link of
//! `Host::set_link_conditions`.
//!
//! All cases run concurrently, each with its own pair, in one loop with the ticks of a game. A case
//! takes 20 s with the default options. Both hosts of a pair tick at the same time, as on virtual
//! time.

use std::io;
use std::time::Instant;

use tickwire::{Delivery, Event, Host, PeerId, PeerStats, SendError, Ticker};
use tickwire_measure::floors::LOOPBACK;

use super::case::Case;
use super::outcome::Outcome;
use super::run::{Pair, Run, Side};
use super::{Options, options_to};
use crate::bench::frame;
use crate::bench::progress::Progress;
use crate::error::CliError;

#[derive(Debug)]
struct RealPair {
    sender: Host,
    receiver: Host,
    peer: PeerId,
}

/// One round of all cases; returns their outcomes in order.
pub(super) fn run(
    cases: &[Case],
    options: &Options,
    progress: &Progress,
) -> Result<Vec<Outcome>, CliError> {
    let run = |&case: &Case| Ok(Run::new(RealPair::new(case, options)?, case, options));
    let runs: io::Result<Vec<_>> = cases.iter().map(run).collect();
    let mut runs = runs.map_err(CliError::cannot("open the sockets"))?;
    let mut ticker = Ticker::hz(options.tick_rate);
    while !runs.iter().all(Run::is_over) {
        let tick = ticker.deadline();
        frame::sleep_until(tick);
        for run in runs.iter_mut().filter(|run| !run.is_over()) {
            run.tick(tick)?;
        }
        // One step per tick: a late tick catches up, and its messages count from their due times.
        ticker.steps_due(tick);
        progress.pass();
    }
    Ok(runs.into_iter().map(Run::outcome).collect())
}

impl RealPair {
    fn new(case: Case, options: &Options) -> io::Result<Self> {
        let config = options.config(case);
        let receiver = Host::bind(LOOPBACK, config.clone())?;
        let mut sender = Host::bind(LOOPBACK, config)?;
        // Conditions of a host apply to both directions.
        sender
            .set_link_conditions(Some(options.conditions(case)))
            .map_err(io::Error::other)?;
        let options = options_to(receiver.public_key());
        let peer = sender.connect(receiver.local_addr(), &options);
        Ok(Self {
            peer: peer.map_err(io::Error::other)?,
            sender,
            receiver,
        })
    }
}

impl Pair for RealPair {
    fn receive(&mut self, _tick: Instant) -> Result<Instant, CliError> {
        // The sender first, so that datagrams due on its link reach the receiver's socket.
        let received = self.sender.receive();
        let received = received.and_then(|()| self.receiver.receive());
        received.map_err(CliError::cannot("receive"))?;
        Ok(Instant::now())
    }

    fn flush(&mut self) -> Result<(), CliError> {
        let flushed = self.sender.flush().and_then(|()| self.receiver.flush());
        // The return path begins when the sender reads its socket. Reading a tick later would
        // lengthen it.
        let flushed = flushed.and_then(|()| self.sender.receive());
        flushed.map_err(CliError::cannot("send"))
    }

    fn send(&mut self, delivery: Delivery, message: &[u8]) -> Result<(), SendError> {
        self.sender.send(self.peer, delivery, message)
    }

    fn next_event(&mut self, side: Side) -> Option<Event> {
        match side {
            Side::Sender => self.sender.next_event(),
            Side::Receiver => self.receiver.next_event(),
        }
    }

    fn stats(&self) -> Option<PeerStats> {
        self.sender.peer_stats(self.peer)
    }
}
