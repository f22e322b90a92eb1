//! What a host says to those who are no peers: short, bounded, and without remembering them.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::limits::ANSWERS_PER_TURN_MAX;
use crate::proto::connection_id::ConnectionId;
use crate::proto::slot_index::SlotIndex;
use crate::proto::wire::handshake::{Deny, MismatchKind, Nonce, Tag};

/// What is to be said, to whom. Made into a packet only when it leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StatelessReply {
    Cookie {
        to: SocketAddr,
        nonce: Nonce,
    },
    Mismatch {
        to: SocketAddr,
        nonce: Nonce,
        difference: MismatchKind,
    },
    Deny {
        to: SocketAddr,
        deny: Deny,
        /// By which the client knows that it is this host's; under Plain it does not.
        tag: Option<Tag>,
    },
    /// To whom is in this slot; if it has not changed hands.
    Accept {
        slot: SlotIndex,
        server_id: ConnectionId,
    },
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct StatelessReplies(VecDeque<StatelessReply>);

impl StatelessReplies {
    /// Returns whether there was room: whoever is left out asks again.
    pub(crate) fn push(&mut self, answer: StatelessReply) -> bool {
        let has_room = self.0.len() < ANSWERS_PER_TURN_MAX;
        if has_room {
            self.0.push_back(answer);
        }
        has_room
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn pop(&mut self) -> Option<StatelessReply> {
        self.0.pop_front()
    }
}
