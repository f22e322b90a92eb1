//! A pair on virtual time: hosts without sockets, links, and a clock that jumps from tick to tick. The
//! same seed gives the same figures on every machine.

use std::error::Error;
use std::time::Instant;

use tickwire::limits::DATAGRAM_MAX;
use tickwire::proto::HostState;
use tickwire::sim::Link;
use tickwire::{Delivery, Event, PeerId, PeerStats, SendError};

use super::case::Case;
use super::run::{Outcome, Pair, Run};
use super::{Settings, options_to};
use crate::failure::Failure;

/// Of the addresses that are kept for documentation (RFC 5737).
const SENDER: ([u8; 4], u16) = ([192, 0, 2, 1], 1);
const RECEIVER: ([u8; 4], u16) = ([192, 0, 2, 2], 2);

#[derive(Debug)]
struct VirtualPair {
    sender: HostState,
    receiver: HostState,
    there: Link<()>,
    back: Link<()>,
    peer: PeerId,
    /// The time of the last turn.
    now: Instant,
}

/// A whole run, as fast as it can be computed.
pub(super) fn run(case: Case, settings: &Settings, seed: u64) -> Result<Outcome, Failure> {
    let mut tick = Instant::now();
    let pair = VirtualPair::new(case, settings, seed, tick);
    let pair = pair.map_err(|error| Failure::Refused(format!("cannot measure: {error}")))?;
    let mut run = Run::new(pair, case, settings);
    while !run.is_over() {
        run.tick(tick)?;
        tick += settings.tick();
    }
    Ok(run.outcome())
}

impl VirtualPair {
    fn new(
        case: Case,
        settings: &Settings,
        seed: u64,
        now: Instant,
    ) -> Result<Self, Box<dyn Error>> {
        let config = settings.config(case);
        let conditions = settings.conditions(case);
        let link = |way| Link::new(conditions.clone(), seed.wrapping_mul(2) + way);
        let receiver = HostState::new(config.clone(), seed_of(seed, 2), now)?;
        let mut sender = HostState::new(config, seed_of(seed, 1), now)?;
        let peer = sender.connect(RECEIVER.into(), &options_to(receiver.public_key()), now)?;
        Ok(Self {
            sender,
            receiver,
            there: link(0)?,
            back: link(1)?,
            peer,
            now,
        })
    }
}

impl Pair for VirtualPair {
    fn now(&self, tick: Instant) -> Instant {
        tick
    }

    fn turn(&mut self, now: Instant) -> Result<(), Failure> {
        self.now = now;
        while let Some(((), bytes)) = self.there.poll(now) {
            self.receiver.handle_datagram(SENDER.into(), bytes, now);
        }
        while let Some(((), bytes)) = self.back.poll(now) {
            self.sender.handle_datagram(RECEIVER.into(), bytes, now);
        }
        self.sender.handle_timeout(now);
        self.receiver.handle_timeout(now);
        self.flush(now)
    }

    fn flush(&mut self, now: Instant) -> Result<(), Failure> {
        transmit(&mut self.sender, &mut self.there, now);
        transmit(&mut self.receiver, &mut self.back, now);
        Ok(())
    }

    fn send(&mut self, delivery: Delivery, message: &[u8]) -> Result<(), SendError> {
        self.sender.send(self.peer, delivery, message, self.now)
    }

    fn next_event_of_sender(&mut self) -> Option<Event> {
        self.sender.poll_event()
    }

    fn next_event_of_receiver(&mut self) -> Option<Event> {
        self.receiver.poll_event()
    }

    fn is_connected(&self) -> bool {
        self.sender.is_connected(self.peer) && self.receiver.peers().next().is_some()
    }

    fn stats(&self) -> Option<PeerStats> {
        self.sender.peer_stats(self.peer, self.now)
    }
}

fn transmit(host: &mut HostState, link: &mut Link<()>, now: Instant) {
    let mut buffer = [0; DATAGRAM_MAX];
    while let Some(datagram) = host.poll_transmit(&mut buffer, now) {
        link.send((), &buffer[..datagram.len], now);
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
        let mut tick = Instant::now();
        let pair = VirtualPair::new(case, &settings, 0, tick).unwrap();
        let mut run = Run::new(pair, case, &settings);
        for number in 0.. {
            if run.is_over() {
                break;
            }
            if number == 100 {
                let mut conditions = settings.conditions(case);
                conditions.partitioned = true;
                run.pair_mut()
                    .there
                    .set_conditions(conditions.clone())
                    .unwrap();
                run.pair_mut().back.set_conditions(conditions).unwrap();
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
