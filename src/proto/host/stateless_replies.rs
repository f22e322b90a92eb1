//! Replies to addresses that are no peers: bounded in number, and without per-address state.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::limits::REPLIES_PER_TURN_MAX;
use crate::proto::connection_id::ConnectionId;
use crate::proto::slot_index::SlotIndex;
use crate::proto::wire::handshake::{Deny, MismatchKind, Nonce, Tag};

/// Encoded only when it is sent.
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
        /// `None` under Plain.
        tag: Option<Tag>,
    },
    /// Dropped if the slot was reused since.
    Accept {
        slot: SlotIndex,
        server_id: ConnectionId,
    },
}

#[derive(Debug, Default)]
pub(crate) struct StatelessReplies(VecDeque<StatelessReply>);

impl StatelessReplies {
    /// Queues a reply. Returns `false` and drops it if the queue is full; the client retries.
    pub(crate) fn push(&mut self, answer: StatelessReply) -> bool {
        let has_room = self.0.len() < REPLIES_PER_TURN_MAX;
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
