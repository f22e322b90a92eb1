//! The connected peers, and the events of their connects, moves and disconnects.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use tickwire::{DisconnectReason, Host, PeerId, PeerStats};

use super::event::ServeEvent;
use crate::time::Millis;

/// The connected peers, and the counters of all peers since the start.
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
    /// As of the last refresh: a host has no statistics of a disconnected peer.
    stats: Option<PeerStats>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PeerTotals {
    pub(super) packets_lost: u64,
    pub(super) messages_refused: u64,
    pub(super) malformed: u64,
    pub(super) failed_authentication: u64,
}

impl Peers {
    pub(super) fn on_connected(&mut self, id: PeerId, address: SocketAddr, since: Instant) {
        self.accepted += 1;
        let stats = None;
        let peer = Peer {
            address,
            since,
            stats,
        };
        self.connected.insert(id, peer);
    }

    /// `None` if the peer is unknown.
    pub(super) fn on_moved(&mut self, id: PeerId, address: SocketAddr) -> Option<ServeEvent> {
        let peer = self.connected.get_mut(&id)?;
        Some(ServeEvent::Moved {
            peer: id.to_string(),
            from: std::mem::replace(&mut peer.address, address),
            address,
        })
    }

    /// `None` if the peer is unknown.
    pub(super) fn on_disconnected(
        &mut self,
        id: PeerId,
        reason: DisconnectReason,
        now: Instant,
    ) -> Option<ServeEvent> {
        let peer = self.connected.remove(&id)?;
        self.disconnected.add(&peer);
        Some(ServeEvent::Disconnected {
            peer: id.to_string(),
            address: peer.address,
            connected_ms: Millis(now.duration_since(peer.since)),
            reason: reason.to_string(),
        })
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
