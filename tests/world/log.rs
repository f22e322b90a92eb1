//! Events of one host, with their order checked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use tickwire::{DisconnectReason, Event, PeerId};

/// State of a peer as seen by its application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Connected,
    Lingering,
    Disconnected(DisconnectReason),
}

#[derive(Default)]
pub(crate) struct Log {
    stages: BTreeMap<PeerId, Stage>,
    pub(crate) messages: Vec<(PeerId, Bytes)>,
    pub(crate) moves: Vec<(PeerId, SocketAddr)>,
    pub(crate) connect_payloads: Vec<(PeerId, Bytes)>,
    pub(crate) ends: Vec<(PeerId, DisconnectReason)>,
}

impl Log {
    pub(crate) fn on_connect(&mut self, peer: PeerId) {
        let before = self.stages.insert(peer, Stage::Connecting);
        assert_eq!(before, None, "{peer} was used before");
    }

    pub(crate) fn on_linger(&mut self, peer: PeerId) {
        let before = self.stages.insert(peer, Stage::Lingering);
        assert_eq!(before, Some(Stage::Connected), "{peer} lingers");
    }

    pub(crate) fn on_event(&mut self, event: Event) {
        match event {
            Event::Connected {
                peer,
                payload,
                incoming,
                ..
            } => self.on_connected(peer, payload, incoming),
            Event::Message { peer, bytes, .. } => {
                self.assert_connected(peer);
                self.messages.push((peer, bytes));
            }
            Event::Moved { peer, address, .. } => {
                self.assert_connected(peer);
                self.moves.push((peer, address));
            }
            Event::Disconnected { peer, reason, .. } => self.on_disconnected(peer, reason),
            other => panic!("unexpected event {other:?}"),
        }
    }

    fn on_connected(&mut self, peer: PeerId, payload: Bytes, incoming: bool) {
        let before = self.stages.insert(peer, Stage::Connected);
        let expected = (!incoming).then_some(Stage::Connecting);
        assert_eq!(before, expected, "{peer} is connected");
        if incoming {
            self.connect_payloads.push((peer, payload));
        }
    }

    fn on_disconnected(&mut self, peer: PeerId, reason: DisconnectReason) {
        let before = self.stages.insert(peer, Stage::Disconnected(reason));
        let is_right = matches!(
            before,
            Some(Stage::Connecting | Stage::Connected | Stage::Lingering)
        );
        assert!(is_right, "{peer} disconnected ({reason}) while {before:?}");
        self.ends.push((peer, reason));
    }

    fn assert_connected(&self, peer: PeerId) {
        let stage = self.stages.get(&peer);
        let is_connected = matches!(stage, Some(Stage::Connected | Stage::Lingering));
        assert!(is_connected, "an event of {peer} while {stage:?}");
    }

    pub(crate) fn is_connected(&self, peer: PeerId) -> bool {
        self.stages.get(&peer) == Some(&Stage::Connected)
    }

    pub(crate) fn connected(&self) -> Vec<PeerId> {
        self.with(|stage| stage == Stage::Connected)
    }

    pub(crate) fn connecting(&self) -> Vec<PeerId> {
        self.with(|stage| stage == Stage::Connecting)
    }

    pub(crate) fn lingering(&self) -> usize {
        self.with(|stage| stage == Stage::Lingering).len()
    }

    fn with(&self, is_wanted: impl Fn(Stage) -> bool) -> Vec<PeerId> {
        let wanted = self.stages.iter().filter(|(_, stage)| is_wanted(**stage));
        wanted.map(|(peer, _)| *peer).collect()
    }

    pub(crate) fn end_of(&self, peer: PeerId) -> Option<DisconnectReason> {
        match self.stages.get(&peer) {
            Some(Stage::Disconnected(reason)) => Some(*reason),
            _ => None,
        }
    }

    pub(crate) fn messages_from(&self, peer: PeerId) -> usize {
        let from_peer = self.messages.iter().filter(|(from, _)| *from == peer);
        from_peer.count()
    }

    pub(crate) fn assert_all_disconnected(&self) {
        let left = self.with(|stage| !matches!(stage, Stage::Disconnected(_)));
        assert_eq!(left, Vec::new(), "peers without a disconnect");
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Ids of all peers so far. Ids are never reused.
    pub(crate) fn peer_ids(&self) -> BTreeSet<PeerId> {
        self.stages.keys().copied().collect()
    }
}
