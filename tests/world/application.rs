//! Network hooks of a world: an application on each host and the packet observer.

use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::sim::{Hooks, HostId, WireDatagram};
use tickwire::{Delivery, PeerId};

use super::{Log, PacketObserver};

#[derive(Default)]
pub(crate) struct Applications {
    pub(crate) nodes: Vec<Application>,
    pub(crate) packet_observer: PacketObserver,
}

/// Logs the events of one host and can send messages at an interval.
#[derive(Default)]
pub(crate) struct Application {
    pub(crate) log: Log,
    pub(crate) events_paused: bool,
    chatter: Option<Chatter>,
}

struct Chatter {
    interval: Duration,
    next_at: Instant,
    number: u64,
}

impl Application {
    pub(crate) fn set_chatter(&mut self, interval: Option<Duration>, now: Instant) {
        self.chatter = interval.map(|interval| Chatter {
            interval,
            next_at: now,
            number: 0,
        });
    }

    fn take_events(&mut self, state: &mut HostState) {
        if self.events_paused {
            return;
        }
        while let Some(event) = state.poll_event() {
            self.log.on_event(event);
        }
    }

    fn send_chatter(&mut self, state: &mut HostState, now: Instant) {
        let Some(chatter) = self
            .chatter
            .as_mut()
            .filter(|chatter| chatter.next_at <= now)
        else {
            return;
        };
        chatter.next_at = now + chatter.interval;
        chatter.number += 1;
        let message = chatter.number.to_be_bytes();
        let outcome = state.broadcast(Delivery::Unreliable, &message, now);
        assert_eq!(outcome.unwrap().skipped, []);
    }

    /// Once all events are read, the log agrees with the host's statistics.
    fn check(&self, state: &HostState) {
        if self.events_paused {
            return;
        }
        let peers: Vec<PeerId> = state.peers().collect();
        let stats = state.stats();
        let mut connected = self.log.connected();
        connected.sort_by_key(|peer| peer.index());
        assert_eq!(peers, connected);
        assert_eq!(stats.peers, connected.len() + self.log.lingering());
        assert_eq!(stats.connecting, self.log.connecting().len());
    }
}

impl Hooks for Applications {
    fn on_receive(&mut self, host: HostId, datagram: WireDatagram<'_>) {
        let WireDatagram { from, bytes, .. } = datagram;
        self.packet_observer.on_received(host.index(), from, bytes);
    }

    fn on_turn(&mut self, host: HostId, state: &mut HostState, now: Instant) {
        let node = &mut self.nodes[host.index()];
        node.take_events(state);
        node.send_chatter(state, now);
    }

    fn on_send(&mut self, host: HostId, state: &HostState, datagram: WireDatagram<'_>) {
        let WireDatagram {
            at,
            from,
            to,
            bytes,
        } = datagram;
        // Whether `to` is the current address of a peer.
        let is_peer = || {
            let mut addresses = state.peers().map(|peer| state.peer_address(peer));
            addresses.any(|address| address == Some(to))
        };
        self.packet_observer
            .on_sent(host.index(), to, bytes, is_peer);
        self.packet_observer.record(at, from, to, bytes);
    }

    fn on_turn_end(&mut self, host: HostId, state: &HostState) {
        self.nodes[host.index()].check(state);
    }

    fn next_turn(&self, host: HostId) -> Option<Instant> {
        let chatter = self.nodes[host.index()].chatter.as_ref();
        chatter.map(|chatter| chatter.next_at)
    }
}
