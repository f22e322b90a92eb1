//! What a host told its application, with the order of it checked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use tickwire::{DisconnectReason, Event, PeerId};

/// Where a peer is in its life, as far as its application knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// `connect` was called.
    Asked,
    Connected,
    /// `disconnect_after_flush` was called: queued messages are still delivered.
    Lingering,
    Gone(DisconnectReason),
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Log {
    stages: BTreeMap<PeerId, Stage>,
    pub(crate) messages: Vec<(PeerId, Bytes)>,
    pub(crate) moves: Vec<(PeerId, SocketAddr)>,
    /// What those who came to this host said of themselves.
    pub(crate) arrivals: Vec<(PeerId, Bytes)>,
    /// The ends, in their order.
    pub(crate) ends: Vec<(PeerId, DisconnectReason)>,
}

impl Log {
    /// The application asked for a connection.
    pub(crate) fn on_connect(&mut self, peer: PeerId) {
        let before = self.stages.insert(peer, Stage::Asked);
        assert_eq!(before, None, "{peer} was somebody before");
    }

    /// The application called `disconnect_after_flush`.
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
            other => panic!("nobody said what {other:?} means"),
        }
    }

    fn on_connected(&mut self, peer: PeerId, payload: Bytes, incoming: bool) {
        let before = self.stages.insert(peer, Stage::Connected);
        let expected = (!incoming).then_some(Stage::Asked);
        assert_eq!(before, expected, "{peer} is connected");
        if incoming {
            self.arrivals.push((peer, payload));
        }
    }

    fn on_disconnected(&mut self, peer: PeerId, reason: DisconnectReason) {
        let before = self.stages.insert(peer, Stage::Gone(reason));
        let is_right = matches!(
            before,
            Some(Stage::Asked | Stage::Connected | Stage::Lingering)
        );
        assert!(is_right, "{peer} is gone ({reason}), and was {before:?}");
        self.ends.push((peer, reason));
    }

    fn assert_connected(&self, peer: PeerId) {
        let stage = self.stages.get(&peer);
        let is_connected = matches!(stage, Some(Stage::Connected | Stage::Lingering));
        assert!(is_connected, "an event of {peer}, which was {stage:?}");
    }

    pub(crate) fn is_connected(&self, peer: PeerId) -> bool {
        self.stages.get(&peer) == Some(&Stage::Connected)
    }

    /// Those who are connected, by their names.
    pub(crate) fn connected(&self) -> Vec<PeerId> {
        self.with(|stage| stage == Stage::Connected)
    }

    /// Those who were asked for and did not answer yet.
    pub(crate) fn asked(&self) -> Vec<PeerId> {
        self.with(|stage| stage == Stage::Asked)
    }

    /// The number of peers that are disconnected once their queued messages are delivered.
    pub(crate) fn lingering(&self) -> usize {
        self.with(|stage| stage == Stage::Lingering).len()
    }

    fn with(&self, is_wanted: impl Fn(Stage) -> bool) -> Vec<PeerId> {
        let wanted = self.stages.iter().filter(|(_, stage)| is_wanted(**stage));
        wanted.map(|(peer, _)| *peer).collect()
    }

    /// Why somebody is gone, if he is.
    pub(crate) fn end_of(&self, peer: PeerId) -> Option<DisconnectReason> {
        match self.stages.get(&peer) {
            Some(Stage::Gone(reason)) => Some(*reason),
            _ => None,
        }
    }

    /// How many messages came from a peer.
    pub(crate) fn messages_from(&self, peer: PeerId) -> usize {
        let from_peer = self.messages.iter().filter(|(from, _)| *from == peer);
        from_peer.count()
    }

    /// That everybody who was asked for was heard of in the end.
    pub(crate) fn assert_nobody_left(&self) {
        let left = self.with(|stage| !matches!(stage, Stage::Gone(_)));
        assert_eq!(left, Vec::new(), "not everybody is gone");
    }

    /// That nobody was ever here.
    pub(crate) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Names are never used twice, so there are as many as there were peers.
    pub(crate) fn names(&self) -> BTreeSet<PeerId> {
        self.stages.keys().copied().collect()
    }
}
