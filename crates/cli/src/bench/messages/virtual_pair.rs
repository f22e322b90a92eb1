//! A pair of hosts in a simulated network, tick by tick. The same seed gives the same figures on every machine.

use std::error::Error;
use std::time::Instant;

use tickwire::sim::{HostId, Network};
use tickwire::{Delivery, Event, PeerId, PeerStats, SendError};

use super::case::Case;
use super::run::{Outcome, Pair, Run};
use super::{Settings, options_to};
use crate::error::CliError;

/// Of the addresses that are kept for documentation (RFC 5737).
const SENDER: ([u8; 4], u16) = ([192, 0, 2, 1], 1);
const RECEIVER: ([u8; 4], u16) = ([192, 0, 2, 2], 2);

#[derive(Debug)]
struct VirtualPair {
    network: Network,
    sender: HostId,
    receiver: HostId,
    peer: PeerId,
}

/// A whole run, as fast as it can be computed.
pub(super) fn run(case: Case, settings: &Settings, seed: u64) -> Result<Outcome, CliError> {
    let pair = VirtualPair::new(case, settings, seed);
    let pair = pair.map_err(|error| CliError::Runtime(format!("cannot measure: {error}")))?;
    let mut tick = pair.network.start();
    let mut run = Run::new(pair, case, settings);
    while !run.is_over() {
        run.tick(tick)?;
        tick += settings.tick();
    }
    Ok(run.outcome())
}

impl VirtualPair {
    fn new(case: Case, settings: &Settings, seed: u64) -> Result<Self, Box<dyn Error>> {
        let config = settings.config(case);
        let mut network = Network::new(seed);
        let receiver = seed_of(seed, 2);
        let receiver = network.add_host_with(config.clone(), RECEIVER.into(), receiver)?;
        let sender = network.add_host_with(config, SENDER.into(), seed_of(seed, 1))?;
        for (number, (from, to)) in [(0, (sender, receiver)), (1, (receiver, sender))] {
            let link_seed = seed.wrapping_mul(2) + number;
            let link = network.add_link(settings.conditions(case), link_seed)?;
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
    fn now(&self, tick: Instant) -> Instant {
        tick
    }

    fn turn(&mut self, now: Instant) -> Result<(), CliError> {
        self.network.advance_to(now);
        self.network.receive(self.receiver);
        self.network.receive(self.sender);
        self.flush(now)
    }

    fn flush(&mut self, _: Instant) -> Result<(), CliError> {
        self.network.transmit(self.sender);
        self.network.transmit(self.receiver);
        Ok(())
    }

    fn send(&mut self, delivery: Delivery, message: &[u8]) -> Result<(), SendError> {
        self.network.send(self.sender, self.peer, delivery, message)
    }

    fn next_event_of_sender(&mut self) -> Option<Event> {
        self.network.host_mut(self.sender).poll_event()
    }

    fn next_event_of_receiver(&mut self) -> Option<Event> {
        self.network.host_mut(self.receiver).poll_event()
    }

    fn is_connected(&self) -> bool {
        let receiver = self.network.host(self.receiver);
        let sender = self.network.host(self.sender);
        sender.is_connected(self.peer) && receiver.peers().next().is_some()
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

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use super::super::case::Kind;
    use super::*;

    #[test]
    fn a_connection_that_breaks_ends_the_run_with_what_there_was() {
        let settings = Settings::for_tests();
        let case = Case {
            loss: 0.0,
            burst: None,
            redundancy: Some(2),
            delivery: Kind::Ordered,
        };
        let pair = VirtualPair::new(case, &settings, 0).unwrap();
        let mut tick = pair.network.start();
        let mut run = Run::new(pair, case, &settings);
        for number in 0.. {
            if run.is_over() {
                break;
            }
            if number == 100 {
                let mut conditions = settings.conditions(case);
                conditions.partitioned = true;
                let pair = run.pair_mut();
                let (sender, receiver) = (pair.sender, pair.receiver);
                let network = &mut pair.network;
                network
                    .set_link_conditions(sender, receiver, &conditions)
                    .unwrap();
            }
            run.tick(tick).unwrap();
            tick += settings.tick();
        }
        let outcome = run.outcome();
        let arrived = outcome.latencies_ms.len();
        assert!((50..100).contains(&arrived), "{arrived}");
        assert!(outcome.sending.packets >= 100 && outcome.sending.seconds > 1.0);
        let told = outcome.broken.unwrap();
        assert!(told.starts_with("it broke after "), "{told}");
        assert!(told.ends_with("the peer was silent for too long"), "{told}");
    }
}
