//! A pair in real time: two hosts with sockets on loopback, and the simulated link of `Host::set_link_conditions`.
//!
//! All cases run at once, each with a pair of its own, in one loop that ticks as a game does: a case takes
//! twenty seconds with the default options, and next to nothing of a processor. Both hosts of a pair have
//! their tick at the same time, as on virtual time.

use std::io;
use std::time::Instant;

use tickwire::sim::LinkConditions;
use tickwire::{Delivery, Event, Host, PeerId, PeerStats, SendError, Ticker};

use super::case::Case;
use super::run::{Outcome, Pair, Run};
use super::{Settings, options_to};
use crate::bench::progress::{Progress, REDRAW};
use crate::bench::{LOOPBACK, frame};
use crate::error::CliError;

#[derive(Debug)]
struct RealPair {
    sender: Host,
    receiver: Host,
    peer: PeerId,
}

/// A round: every case, side by side. An outcome for each, in order.
pub(super) fn run(
    cases: &[Case],
    settings: &Settings,
    progress: &Progress,
) -> Result<Vec<Outcome>, CliError> {
    let run = |&case: &Case| Ok(Run::new(RealPair::new(case, settings)?, case, settings));
    let runs: io::Result<Vec<_>> = cases.iter().map(run).collect();
    let mut runs = runs.map_err(CliError::cannot("open the sockets"))?;
    let mut ticker = Ticker::hz(settings.rate_per_second);
    let mut drawn = Instant::now();
    while !runs.iter().all(Run::is_over) {
        let tick = ticker.deadline();
        frame::sleep_until(tick);
        for run in runs.iter_mut().filter(|run| !run.is_over()) {
            run.tick(tick)?;
        }
        // Never more than one: a tick that is late is made up for, and its messages count from when they
        // were due.
        ticker.steps_due(tick);
        if drawn.elapsed() >= REDRAW {
            drawn = Instant::now();
            progress.pass();
        }
    }
    Ok(runs.into_iter().map(Run::outcome).collect())
}

impl RealPair {
    fn new(case: Case, settings: &Settings) -> io::Result<Self> {
        let config = settings.config(case);
        let receiver = Host::bind(LOOPBACK, config.clone())?;
        let mut sender = Host::bind(LOOPBACK, config)?;
        // Those of a host are for both directions.
        let conditions: LinkConditions = settings.conditions(case);
        sender
            .set_link_conditions(Some(conditions))
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
    fn now(&self, _tick: Instant) -> Instant {
        Instant::now()
    }

    fn turn(&mut self, _now: Instant) -> Result<(), CliError> {
        // The sender first: what has crossed its link by now is in the receiver's socket then.
        let turned = self.sender.receive();
        let turned = turned.and_then(|()| self.receiver.receive());
        turned.map_err(CliError::cannot("receive"))
    }

    fn flush(&mut self, _now: Instant) -> Result<(), CliError> {
        let flushed = self.sender.flush().and_then(|()| self.receiver.flush());
        // The way back begins when the sender takes an answer out of its socket. A tick later would be a
        // longer way.
        let flushed = flushed.and_then(|()| self.sender.receive());
        flushed.map_err(CliError::cannot("send"))
    }

    fn send(&mut self, delivery: Delivery, message: &[u8]) -> Result<(), SendError> {
        self.sender.send(self.peer, delivery, message)
    }

    fn next_event_of_sender(&mut self) -> Option<Event> {
        self.sender.next_event()
    }

    fn next_event_of_receiver(&mut self) -> Option<Event> {
        self.receiver.next_event()
    }

    fn is_connected(&self) -> bool {
        self.sender.is_connected(self.peer) && self.receiver.peers().next().is_some()
    }

    fn stats(&self) -> Option<PeerStats> {
        self.sender.peer_stats(self.peer)
    }
}
