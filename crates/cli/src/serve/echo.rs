//! The simulated game: echoes every message, at the next tick if there is one.

use tickwire::bytes::Bytes;
use tickwire::{Delivery, Host, PeerId, SendError};

/// Maximum number of replies that wait for the tick: 64 MiB. Further messages get no reply.
const PENDING_MAX: usize = 65_536;

/// Replies that wait for the next tick, and counters of all messages so far.
#[derive(Debug, Default)]
pub(super) struct Echo {
    pending: Vec<PendingReply>,
    pub(super) counters: EchoCounters,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EchoCounters {
    pub(super) received: u64,
    /// Replies queued for sending.
    pub(super) replied: u64,
    /// Replies that did not fit into a queue.
    pub(super) queue_full: u64,
    /// Replies to a peer that had disconnected.
    pub(super) peer_gone: u64,
}

#[derive(Debug)]
struct PendingReply {
    to: PeerId,
    delivery: Delivery,
    bytes: Bytes,
}

impl Echo {
    pub(super) fn on_message(&mut self, from: PeerId, delivery: Delivery, bytes: Bytes) {
        self.counters.received += 1;
        if self.pending.len() == PENDING_MAX {
            self.counters.queue_full += 1;
            return;
        }
        let to = from;
        self.pending.push(PendingReply {
            to,
            delivery,
            bytes,
        });
    }

    /// Queues all pending replies. A full send queue is counted and is not an error.
    pub(super) fn send_replies(&mut self, host: &mut Host) {
        let counters = &mut self.counters;
        for reply in self.pending.drain(..) {
            match host.send(reply.to, reply.delivery, &reply.bytes) {
                Ok(()) => counters.replied += 1,
                Err(SendError::UnknownPeer) => counters.peer_gone += 1,
                Err(_) => counters.queue_full += 1,
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic fails the test")]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use tickwire::limits::{QUEUED_MESSAGES_MAX, UNRELIABLE_MAX};
    use tickwire::{Config, ConnectOptions, Event};

    use super::*;

    /// A connected server and client, and the id of the client on the server.
    fn connected() -> (Host, Host, PeerId) {
        let bind = || Host::bind((Ipv4Addr::LOCALHOST, 0).into(), Config::plain(7)).unwrap();
        let (mut server, mut client) = (bind(), bind());
        let to = server.local_addr();
        client.connect(to, &ConnectOptions::default()).unwrap();
        loop {
            client.poll().unwrap();
            server.wait(Some(Duration::from_millis(1))).unwrap();
            if let Some(Event::Connected { peer, .. }) = server.next_event() {
                return (server, client, peer);
            }
        }
    }

    fn message(echo: &mut Echo, from: PeerId, len: usize) {
        echo.on_message(from, Delivery::Unreliable, Bytes::from(vec![7; len]));
    }

    #[test]
    fn a_full_send_queue_is_counted_and_is_not_an_error() {
        let (mut server, _client, peer) = connected();
        let mut echo = Echo::default();
        let count = QUEUED_MESSAGES_MAX + 1;
        for _ in 0..count {
            message(&mut echo, peer, UNRELIABLE_MAX);
        }
        echo.send_replies(&mut server);
        assert!(
            echo.counters.replied > 0 && echo.counters.queue_full > 0,
            "{echo:?}"
        );
        assert_eq!(
            echo.counters.replied + echo.counters.queue_full,
            count as u64
        );
        server.flush().unwrap();
        message(&mut echo, peer, 1);
        let before = echo.counters.replied;
        echo.send_replies(&mut server);
        assert_eq!(echo.counters.replied, before + 1, "there is space again");
    }

    #[test]
    fn a_disconnected_peer_gets_no_reply() {
        let (mut server, _client, peer) = connected();
        let mut echo = Echo::default();
        message(&mut echo, peer, 1);
        server.disconnect(peer, 0);
        echo.send_replies(&mut server);
        assert_eq!((echo.counters.replied, echo.counters.peer_gone), (0, 1));
    }

    #[test]
    fn pending_replies_are_bounded() {
        let (_server, _client, peer) = connected();
        let mut echo = Echo::default();
        for _ in 0..=PENDING_MAX {
            message(&mut echo, peer, 0);
        }
        assert_eq!(echo.pending.len(), PENDING_MAX);
        assert_eq!(
            (echo.counters.received, echo.counters.queue_full),
            (PENDING_MAX as u64 + 1, 1)
        );
    }
}
