//! A host in the world: its state, its socket, and an application that does as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::{Delivery, PeerId};

use super::{Log, Witness};

/// What a kernel keeps for a socket that nobody reads, in datagrams: its default receive buffer holds
/// about as many small ones. The newest are lost beyond.
pub(crate) const SOCKET_DATAGRAMS_MAX: usize = 256;

/// See the [module](self).
pub(crate) struct Node {
    pub(crate) state: HostState,
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
    socket: VecDeque<(SocketAddr, Vec<u8>)>,
    pub(crate) stalled_until: Option<Instant>,
    pub(crate) is_deaf: bool,
    chatter: Option<Chatter>,
}

/// Numbered messages to everybody.
struct Chatter {
    interval: Duration,
    next_at: Instant,
    number: u64,
}

impl Node {
    pub(crate) fn new(state: HostState, address: SocketAddr) -> Self {
        Self {
            state,
            address,
            log: Log::default(),
            socket: VecDeque::new(),
            stalled_until: None,
            is_deaf: false,
            chatter: None,
        }
    }

    /// Everything but the address is another one.
    pub(crate) fn restart(&mut self, state: HostState) {
        *self = Self::new(state, self.address);
    }

    pub(crate) fn set_chatter(&mut self, interval: Option<Duration>, now: Instant) {
        self.chatter = interval.map(|interval| Chatter {
            interval,
            next_at: now,
            number: 0,
        });
    }

    /// A datagram has arrived.
    pub(crate) fn queue(&mut self, from: SocketAddr, bytes: &[u8]) {
        if self.socket.len() < SOCKET_DATAGRAMS_MAX {
            self.socket.push_back((from, bytes.to_vec()));
        }
    }

    pub(crate) fn is_stalled(&self, now: Instant) -> bool {
        self.stalled_until.is_some_and(|until| now < until)
    }

    /// When it wants a turn, beside the turns for datagrams that arrive. After a stall it has one.
    pub(crate) fn next_time(&self) -> Option<Instant> {
        let chatter = self.chatter.as_ref().map(|chatter| chatter.next_at);
        let own = self.state.poll_timeout().into_iter().chain(chatter).min();
        self.stalled_until.or(own)
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        let has_datagrams = !self.socket.is_empty() && !self.is_stalled(now);
        has_datagrams || self.next_time().is_some_and(|at| at <= now)
    }

    pub(crate) fn take_datagrams(&mut self, host: usize, witness: &mut Witness, now: Instant) {
        self.stalled_until = None;
        while let Some((from, bytes)) = self.socket.pop_front() {
            witness.on_received(host, from, &bytes);
            self.state.handle_datagram(from, &bytes, now);
        }
    }

    pub(crate) fn take_events(&mut self) {
        if self.is_deaf {
            return;
        }
        while let Some(event) = self.state.poll_event() {
            self.log.on_event(event);
        }
    }

    /// Says what the chatter has to say.
    pub(crate) fn talk(&mut self, now: Instant) {
        let Some(chatter) = self.chatter.as_mut().filter(|one| one.next_at <= now) else {
            return;
        };
        chatter.next_at = now + chatter.interval;
        chatter.number += 1;
        let message = chatter.number.to_be_bytes();
        let outcome = self.state.broadcast(Delivery::Unreliable, &message, now);
        assert_eq!(outcome.unwrap().queue_full, 0);
    }

    /// Whether the host takes this for the address of a peer.
    pub(crate) fn has_peer_at(&self, address: SocketAddr, now: Instant) -> bool {
        let mut peers = self.state.peers();
        peers.any(|peer| {
            let stats = self.state.peer_stats(peer, now);
            stats.is_some_and(|stats| stats.address == address)
        })
    }

    /// What must hold between two turns.
    pub(crate) fn check(&self, now: Instant) {
        if let Some(at) = self.state.poll_timeout() {
            assert!(at > now, "a deadline that a complete turn left behind");
        }
        if self.is_deaf {
            return;
        }
        // An application that has taken every event knows as much as the host.
        let peers: Vec<PeerId> = self.state.peers().collect();
        let stats = self.state.stats();
        let mut connected = self.log.connected();
        connected.sort_by_key(|peer| peer.index());
        assert_eq!(peers, connected);
        assert_eq!(stats.peers, connected.len());
        assert_eq!(stats.connecting, self.log.asked().len());
    }
}
