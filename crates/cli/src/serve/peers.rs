//! Who is there, and the lines that tell of their coming and going.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::{DisconnectReason, Host, PeerId, PeerStats};

/// Who is there, and what was counted of all who ever were.
#[derive(Debug, Default)]
pub(super) struct Peers {
    here: HashMap<PeerId, Peer>,
    seen: u64,
    totals: PeerTotals,
}

#[derive(Debug)]
struct Peer {
    address: SocketAddr,
    since: Instant,
    /// What was in the sums of this peer at the last look.
    counted: PeerTotals,
}

/// What only the connections know. Somebody who is gone cannot be asked any more, so it is what was
/// known at the last look.
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
        peer: PeerId,
        address: SocketAddr,
        now: Instant,
    ) -> String {
        self.seen += 1;
        self.here.insert(
            peer,
            Peer {
                address,
                since: now,
                counted: PeerTotals::default(),
            },
        );
        format!("peer {peer} connected from {address}")
    }

    pub(super) fn on_moved(&mut self, peer: PeerId, address: SocketAddr) -> String {
        let before = self.here.get_mut(&peer).map(|peer| {
            let before = peer.address;
            peer.address = address;
            before
        });
        let before = Where(before);
        format!("peer {peer}{before} moved to {address}")
    }

    pub(super) fn on_disconnected(
        &mut self,
        peer: PeerId,
        reason: DisconnectReason,
        now: Instant,
    ) -> String {
        let gone = self.here.remove(&peer);
        let address = Where(gone.as_ref().map(|gone| gone.address));
        let since = gone.map_or(now, |gone| gone.since);
        let after = Seconds(now.duration_since(since));
        format!("peer {peer}{address} gone after {after}: {reason}")
    }

    /// Asks all who are there.
    pub(super) fn refresh_all(&mut self, host: &Host) {
        for (id, peer) in &mut self.here {
            self.totals.look(host, *id, peer);
        }
    }

    /// Asks this one.
    pub(super) fn refresh(&mut self, host: &Host, id: PeerId) {
        if let Some(peer) = self.here.get_mut(&id) {
            self.totals.look(host, id, peer);
        }
    }

    /// How many ever were there.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    pub(super) fn totals(&self) -> PeerTotals {
        self.totals
    }
}

impl PeerTotals {
    fn of(stats: &PeerStats) -> Self {
        Self {
            packets_lost: stats.packets_lost,
            messages_refused: stats.messages_refused,
            malformed: stats.malformed,
            failed_authentication: stats.failed_authentication,
        }
    }

    fn look(&mut self, host: &Host, id: PeerId, peer: &mut Peer) {
        let Some(stats) = host.peer_stats(id) else {
            return;
        };
        let now = Self::of(&stats);
        self.add(&now, &peer.counted);
        peer.counted = now;
    }

    /// Adds what `now` has more than `before`.
    fn add(&mut self, now: &Self, before: &Self) {
        self.packets_lost += now.packets_lost - before.packets_lost;
        self.messages_refused += now.messages_refused - before.messages_refused;
        self.malformed += now.malformed - before.malformed;
        self.failed_authentication += now.failed_authentication - before.failed_authentication;
    }
}

/// ` from 127.0.0.1:54321`, where that is known.
struct Where(Option<SocketAddr>);

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, " from {address}"),
            None => Ok(()),
        }
    }
}

/// A time in seconds, with its unit: `12.345 s`.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.0.as_secs_f64())
    }
}
