//! One message for several peers.

use std::time;

use crate::error::SendError;
use crate::limits::MESSAGE_MAX;
use crate::proto::channel;
use crate::proto::delivery::Delivery;
use crate::proto::host::HostState;
use crate::proto::peer_id::PeerId;

/// Outcome of a [broadcast](HostState::broadcast).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Broadcast {
    /// Number of peers for which the message was queued.
    pub queued: usize,
    /// Peers for which it was not queued, and the reason: [`QueueFull`](SendError::QueueFull),
    /// [`TooLong`](SendError::TooLong) for the peer's own maximum, and after
    /// [`broadcast_to`](HostState::broadcast_to) also [`UnknownPeer`](SendError::UnknownPeer) and
    /// [`NotConnected`](SendError::NotConnected).
    pub skipped: Vec<(PeerId, SendError)>,
}

impl Broadcast {
    fn count(&mut self, peer: PeerId, sent: Result<(), SendError>) {
        match sent {
            Ok(()) => self.queued += 1,
            Err(error) => self.skipped.push((peer, error)),
        }
    }
}

impl HostState {
    /// Like [`Host::broadcast`](crate::Host::broadcast).
    ///
    /// # Errors
    ///
    /// Same as [`Host::broadcast`](crate::Host::broadcast).
    pub fn broadcast(
        &mut self,
        delivery: Delivery,
        message: &[u8],
        now: time::Instant,
    ) -> Result<Broadcast, SendError> {
        self.broadcast_where(delivery, message, now, |_| true)
    }

    /// Like [`broadcast`](Self::broadcast), to all peers but one.
    ///
    /// # Errors
    ///
    /// Same as `broadcast`.
    pub fn broadcast_except(
        &mut self,
        except: PeerId,
        delivery: Delivery,
        message: &[u8],
        now: time::Instant,
    ) -> Result<Broadcast, SendError> {
        self.broadcast_where(delivery, message, now, |peer| peer != except)
    }

    fn broadcast_where(
        &mut self,
        delivery: Delivery,
        message: &[u8],
        now: time::Instant,
        is_receiver: impl Fn(PeerId) -> bool,
    ) -> Result<Broadcast, SendError> {
        check_len(delivery, message)?;
        let mut outcome = Broadcast::default();
        for index in self.slots.indices() {
            let peer = self.slots.peer_id(index);
            if self.slots.accepts_messages(index) && is_receiver(peer) {
                let sent = self.send(peer, delivery, message, now);
                outcome.count(peer, sent);
            }
        }
        Ok(outcome)
    }

    /// Like [`broadcast`](Self::broadcast), to the given peers.
    ///
    /// # Errors
    ///
    /// Same as `broadcast`.
    pub fn broadcast_to(
        &mut self,
        peers: impl IntoIterator<Item = PeerId>,
        delivery: Delivery,
        message: &[u8],
        now: time::Instant,
    ) -> Result<Broadcast, SendError> {
        check_len(delivery, message)?;
        let mut outcome = Broadcast::default();
        for peer in peers {
            let sent = self.send(peer, delivery, message, now);
            outcome.count(peer, sent);
        }
        Ok(outcome)
    }
}

/// Checks the limit of all peers.
fn check_len(delivery: Delivery, message: &[u8]) -> Result<(), SendError> {
    let (len, max) = (message.len(), channel::message_max(delivery, MESSAGE_MAX));
    if len > max {
        return Err(SendError::TooLong { len, max });
    }
    Ok(())
}
