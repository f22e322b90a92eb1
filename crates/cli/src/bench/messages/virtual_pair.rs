//! A pair of hosts in a simulated network. The seed determines all figures on every machine.

use std::error::Error;
use std::time::Instant;

use tickwire::sim::{HostId, Network};
use tickwire::{Delivery, Event, PeerId, PeerStats, SendError};

use super::case::Case;
use super::outcome::Outcome;
use super::run::{Pair, Run, Side};
use super::{Options, options_to};
use crate::error::CliError;

/// An address for documentation (RFC 5737).
const SENDER: ([u8; 4], u16) = ([192, 0, 2, 1], 1);
const RECEIVER: ([u8; 4], u16) = ([192, 0, 2, 2], 2);

#[derive(Debug)]
pub(super) struct VirtualPair {
    pub(super) network: Network,
    pub(super) sender: HostId,
    pub(super) receiver: HostId,
    peer: PeerId,
}

/// A whole run on virtual time.
pub(super) fn run(case: Case, options: &Options, seed: u64) -> Result<Outcome, CliError> {
    let pair = VirtualPair::new(case, options, seed);
    let pair = pair.map_err(|error| CliError::Runtime(format!("cannot measure: {error}")))?;
    let mut tick = pair.network.start();
    let mut run = Run::new(pair, case, options);
    while !run.is_over() {
        run.tick(tick)?;
        tick += options.tick();
    }
    Ok(run.outcome())
}

impl VirtualPair {
    pub(super) fn new(case: Case, options: &Options, seed: u64) -> Result<Self, Box<dyn Error>> {
        let config = options.config(case);
        let mut network = Network::new(seed);
        let receiver = network.add_host_with(config.clone(), RECEIVER.into(), seed_of(seed, 2))?;
        let sender = network.add_host_with(config, SENDER.into(), seed_of(seed, 1))?;
        for (number, (from, to)) in [(0, (sender, receiver)), (1, (receiver, sender))] {
            let link_seed = seed.wrapping_mul(2) + number;
            let link = network.add_link(options.conditions(case), link_seed)?;
            network.set_route(from, to, link);
        }
        let options = options_to(network.host(receiver).public_key());
        let peer = network.connect(sender, receiver, &options)?;
        Ok(Self {
            network,
            sender,
            receiver,
            peer,
        })
    }
}

impl Pair for VirtualPair {
    fn receive(&mut self, tick: Instant) -> Result<Instant, CliError> {
        self.network.advance_to(tick);
        self.network.receive(self.receiver);
        self.network.receive(self.sender);
        self.flush()?;
        Ok(tick)
    }

    fn flush(&mut self) -> Result<(), CliError> {
        self.network.transmit(self.sender);
        self.network.transmit(self.receiver);
        Ok(())
    }

    fn send(&mut self, delivery: Delivery, message: &[u8]) -> Result<(), SendError> {
        self.network.send(self.sender, self.peer, delivery, message)
    }

    fn next_event(&mut self, side: Side) -> Option<Event> {
        let host = match side {
            Side::Sender => self.sender,
            Side::Receiver => self.receiver,
        };
        self.network.host_mut(host).poll_event()
    }

    fn stats(&self) -> Option<PeerStats> {
        self.network.peer_stats(self.sender, self.peer)
    }
}

fn seed_of(seed: u64, host: u8) -> [u8; 32] {
    let mut bytes = [host; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes
}
