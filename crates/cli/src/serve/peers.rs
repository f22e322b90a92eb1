//! The connected peers, and the lines that report connects, moves and disconnects.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use tickwire::{DisconnectReason, Host, PeerId, PeerStats};

/// The connected peers, and the statistics of all peers so far.
#[derive(Debug, Default)]
pub(super) struct Peers {
    connected: HashMap<PeerId, Peer>,
    accepted: u64,
    disconnected: PeerTotals,
}

#[derive(Debug)]
struct Peer {
    address: SocketAddr,
    since: Instant,
    /// As of the last refresh: a host has no statistics of a peer that has disconnected.
    stats: Option<PeerStats>,
}

/// Sums of the counters that a host keeps per peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PeerTotals {
    pub(super) packets_lost: u64,
    pub(super) messages_refused: u64,
    pub(super) malformed: u64,
    pub(super) failed_authentication: u64,
}

impl Peers {
    pub(super) fn on_connected(
        &mut self,
        id: PeerId,
        address: SocketAddr,
        since: Instant,
    ) -> String {
        self.accepted += 1;
        let stats = None;
        let peer = Peer {
            address,
            since,
            stats,
        };
        self.connected.insert(id, peer);
        format!("peer {id} connected from {address}")
    }

    pub(super) fn on_moved(&mut self, id: PeerId, address: SocketAddr) -> String {
        let Some(peer) = self.connected.get_mut(&id) else {
            return format!("peer {id} moved to {address}");
        };
        let before = std::mem::replace(&mut peer.address, address);
        format!("peer {id} from {before} moved to {address}")
    }

    pub(super) fn on_disconnected(
        &mut self,
        id: PeerId,
        reason: DisconnectReason,
        now: Instant,
    ) -> String {
        let Some(peer) = self.connected.remove(&id) else {
            return format!("peer {id} gone: {reason}");
        };
        self.disconnected.add(&peer);
        let seconds = now.duration_since(peer.since).as_secs_f64();
        let address = peer.address;
        format!("peer {id} from {address} gone after {seconds:.3} s: {reason}")
    }

    pub(super) fn refresh_all(&mut self, host: &Host) {
        for (id, peer) in &mut self.connected {
            peer.stats = host.peer_stats(*id).or(peer.stats);
        }
    }

    pub(super) fn refresh(&mut self, host: &Host, id: PeerId) {
        if let Some(peer) = self.connected.get_mut(&id) {
            peer.stats = host.peer_stats(id).or(peer.stats);
        }
    }

    /// Number of peers that ever connected.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Of connected and disconnected peers, as of their last refresh.
    pub(super) fn totals(&self) -> PeerTotals {
        let mut totals = self.disconnected;
        self.connected.values().for_each(|peer| totals.add(peer));
        totals
    }
}

impl PeerTotals {
    fn add(&mut self, peer: &Peer) {
        let Some(stats) = &peer.stats else { return };
        self.packets_lost += stats.packets_lost;
        self.messages_refused += stats.messages_refused;
        self.malformed += stats.malformed;
        self.failed_authentication += stats.failed_authentication;
    }
}
