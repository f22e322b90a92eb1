//! A host at a moment of virtual time.

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use tickwire::proto::HostState;
use tickwire::{Broadcast, Delivery, PeerId, PeerStats, Receipt, SendError};

/// A `&HostState` or `&mut HostState` with the time that its calls receive.
pub(crate) struct At<H> {
    pub(crate) host: H,
    pub(crate) now: Instant,
}

impl<H: Deref<Target = HostState>> At<H> {
    pub(crate) fn peer_stats(&self, peer: PeerId) -> Option<PeerStats> {
        self.host.peer_stats(peer, self.now)
    }
}

impl<H: DerefMut<Target = HostState>> At<H> {
    pub(crate) fn send(
        &mut self,
        peer: PeerId,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<(), SendError> {
        self.host.send(peer, delivery, message, self.now)
    }

    pub(crate) fn send_tracked(
        &mut self,
        peer: PeerId,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<Receipt, SendError> {
        self.host.send_tracked(peer, delivery, message, self.now)
    }

    pub(crate) fn broadcast(
        &mut self,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<Broadcast, SendError> {
        self.host.broadcast(delivery, message, self.now)
    }
}

impl<H: Deref<Target = HostState>> Deref for At<H> {
    type Target = HostState;

    fn deref(&self) -> &HostState {
        &self.host
    }
}

impl<H: DerefMut<Target = HostState>> DerefMut for At<H> {
    fn deref_mut(&mut self) -> &mut HostState {
        &mut self.host
    }
}
