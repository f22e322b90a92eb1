//! The game that is played: every message is answered with itself, at the tick if there is one.

use tickwire::bytes::Bytes;
use tickwire::{Delivery, Host, PeerId, SendError};

/// How many messages may wait for the tick: 65,536, at most 64 MiB. What comes then is not answered,
/// and counted.
const WAITING_MAX: usize = 65_536;

/// What waits to be answered, and what became of all that was.
#[derive(Debug, Default)]
pub(super) struct Echo {
    waiting: Vec<Message>,
    received: u64,
    answered: u64,
    queue_full: u64,
    peer_gone: u64,
}

#[derive(Debug)]
struct Message {
    from: PeerId,
    delivery: Delivery,
    bytes: Bytes,
}

impl Echo {
    pub(super) fn on_message(&mut self, from: PeerId, delivery: Delivery, bytes: Bytes) {
        self.received += 1;
        if self.waiting.len() == WAITING_MAX {
            self.queue_full += 1;
            return;
        }
        self.waiting.push(Message {
            from,
            delivery,
            bytes,
        });
    }

    /// Answers everybody. A full queue ends nothing: the answer is left out and counted, as a game
    /// leaves out a state when a newer one follows anyway.
    pub(super) fn answer(&mut self, host: &mut Host) {
        for message in self.waiting.drain(..) {
            match host.send(message.from, message.delivery, &message.bytes) {
                Ok(()) => self.answered += 1,
                Err(SendError::UnknownPeer) => self.peer_gone += 1,
                Err(_) => self.queue_full += 1,
            }
        }
    }

    /// How many messages came.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// How many went back.
    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    /// How many answers found no room.
    pub(super) fn queue_full(&self) -> u64 {
        self.queue_full
    }

    /// How many answers were for somebody who had gone.
    pub(super) fn peer_gone(&self) -> u64 {
        self.peer_gone
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use tickwire::limits::{QUEUED_MESSAGES_MAX, UNRELIABLE_MAX};
    use tickwire::{Config, ConnectOptions, Event};

    use super::*;

    /// A server with a client, and the client's name there.
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
    fn a_full_send_queue_is_counted_and_ends_nothing() {
        let (mut server, _client, peer) = connected();
        let mut echo = Echo::default();
        let count = QUEUED_MESSAGES_MAX + 1;
        for _ in 0..count {
            message(&mut echo, peer, UNRELIABLE_MAX);
        }
        echo.answer(&mut server);
        assert!(echo.answered() > 0 && echo.queue_full() > 0, "{echo:?}");
        assert_eq!(echo.answered() + echo.queue_full(), count as u64);
        server.flush().unwrap();
        message(&mut echo, peer, 1);
        let before = echo.answered();
        echo.answer(&mut server);
        assert_eq!(echo.answered(), before + 1, "there is room again");
    }

    #[test]
    fn who_has_gone_is_not_answered() {
        let (mut server, _client, peer) = connected();
        let mut echo = Echo::default();
        message(&mut echo, peer, 1);
        server.disconnect(peer, 0);
        echo.answer(&mut server);
        assert_eq!((echo.answered(), echo.peer_gone()), (0, 1));
    }

    #[test]
    fn what_waits_for_the_tick_is_bounded() {
        let (_server, _client, peer) = connected();
        let mut echo = Echo::default();
        for _ in 0..=WAITING_MAX {
            message(&mut echo, peer, 0);
        }
        assert_eq!(echo.waiting.len(), WAITING_MAX);
        assert_eq!(
            (echo.received(), echo.queue_full()),
            (WAITING_MAX as u64 + 1, 1)
        );
    }
}
