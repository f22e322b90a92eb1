//! Driving a host: received datagrams, timers, and transmission.

use std::net::SocketAddr;
use std::time;

use crate::limits::DATAGRAM_MAX;
use crate::proto::connection_id::ConnectionId;
use crate::proto::event::DisconnectReason;
use crate::proto::host::slots::PeerState;
use crate::proto::host::stateless_replies::StatelessReply;
use crate::proto::host::{HostState, Transmit};
use crate::proto::slot_index::SlotIndex;
use crate::proto::time::Instant;
use crate::proto::wire::handshake::{Accept, CookieReply, Mismatch, SignedDeny, VERSION};
use crate::proto::wire::kind;

impl HostState {
    /// Processes one datagram received from `from`. Malformed or unauthenticated input is counted
    /// in [`stats`](Self::stats) and otherwise ignored. Do not pass in a truncated datagram: no
    /// tickwire packet is longer than [`DATAGRAM_MAX`].
    pub fn handle_datagram(&mut self, from: SocketAddr, bytes: &[u8], now: time::Instant) {
        let now = self.clock.at(now);
        match bytes.first() {
            Some(&kind::PACKET) => self.on_packet(from, bytes, now),
            Some(&kind::HELLO) => self.on_hello(from, bytes),
            Some(&kind::CONNECT) => self.on_connect(from, bytes, now),
            Some(&kind::COOKIE) => self.on_cookie(from, bytes, now),
            Some(&kind::ACCEPT) => self.on_accept(from, bytes, now),
            Some(&kind::DENY) => self.on_deny(from, bytes),
            Some(&kind::MISMATCH) => self.on_mismatch(from, bytes),
            _ => self.stats.malformed += 1,
        }
    }

    /// Runs the timers that are due. Call it in every turn, after the turn's datagrams, so that a
    /// peer whose packet has arrived does not time out.
    pub fn handle_timeout(&mut self, now: time::Instant) {
        let now = self.clock.at(now);
        self.connects_in_turn = 0;
        self.slots.begin_turn();
        while let Some(index) = self.slots.next_due(now) {
            self.on_timeout(index, now);
            self.slots.make_ready(index);
        }
    }

    fn on_timeout(&mut self, index: SlotIndex, now: Instant) {
        match self.slots.change(index) {
            PeerState::Connecting(attempt) if attempt.is_given_up(now) => {
                let reason = attempt.timeout_reason();
                self.end_attempt(index, reason);
            }
            PeerState::Pending(pending) if now >= pending.expires_at => {
                self.expire_pending(index, now);
            }
            PeerState::Open(connection) => {
                let is_silent = connection.on_timeout(now);
                if is_silent {
                    self.stats.timed_out += 1;
                    self.end_open(index, DisconnectReason::TimedOut, now);
                }
                self.finish_linger(index, now);
            }
            _ => {}
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) must run next if no datagram arrives earlier.
    /// `None`: no timer is set.
    ///
    /// After a complete turn it is in the future. It can be in the past while
    /// [`poll_transmit`](Self::poll_transmit) has datagrams left, so a caller whose socket would
    /// block must wait until the socket is writable instead.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<time::Instant> {
        let next = self.slots.next_deadline();
        next.and_then(|at| self.clock.to_std(at))
    }

    /// Writes the next datagram to send into `buffer`. Peers come first, in turns, then replies to
    /// other addresses.
    #[must_use]
    pub fn poll_transmit(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: time::Instant,
    ) -> Option<Transmit> {
        self.poll_transmit_to_peers(buffer, now)
            .or_else(|| self.poll_transmit_replies(buffer, now))
    }

    pub(crate) fn may_transmit(&self) -> bool {
        self.slots.has_ready() || !self.replies.is_empty()
    }

    /// The part of [`poll_transmit`](Self::poll_transmit) for peers and own connection attempts.
    pub(crate) fn poll_transmit_to_peers(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: time::Instant,
    ) -> Option<Transmit> {
        let now = self.clock.at(now);
        while let Some(index) = self.slots.pop_ready() {
            let transmit = self.transmit_from(index, buffer, now);
            self.emit_receipts(index);
            self.finish_linger(index, now);
            if transmit.is_some() {
                self.after_packet(index, now);
                return transmit;
            }
            // Checked again at its deadline and not at once, so a peer cannot monopolise the turn.
            self.slots.refresh_deadline(index);
        }
        None
    }

    /// The part of [`poll_transmit`](Self::poll_transmit) for other addresses: at most
    /// [`REPLIES_PER_TURN_MAX`](crate::limits::REPLIES_PER_TURN_MAX) datagrams per turn.
    pub(crate) fn poll_transmit_replies(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: time::Instant,
    ) -> Option<Transmit> {
        let now = self.clock.at(now);
        while let Some(answer) = self.replies.pop() {
            let transmit = self.write_answer(answer, buffer, now);
            if transmit.is_some() {
                return transmit;
            }
        }
        None
    }

    fn transmit_from(
        &mut self,
        index: SlotIndex,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> Option<Transmit> {
        match self.slots.change(index) {
            PeerState::Connecting(_) => self.transmit_attempt(index, buffer, now),
            PeerState::Open(connection) => {
                let transmit = connection.transmit(buffer, &mut self.buffers, now);
                if connection.has_exhausted_packet_numbers() {
                    connection.disconnect(0.into(), now);
                    self.end_open(index, DisconnectReason::PacketNumbersExhausted, now);
                }
                transmit.map(|(to, len)| Transmit { to, len })
            }
            PeerState::Closing(connection) => {
                let transmit = connection.transmit(buffer, &mut self.buffers, now);
                if connection.is_over() {
                    self.close_finally(index);
                }
                transmit.map(|(to, len)| Transmit { to, len })
            }
            _ => None,
        }
    }

    fn transmit_attempt(
        &mut self,
        index: SlotIndex,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> Option<Transmit> {
        let (protection, protocol_id) = (self.protection(), self.protocol_id());
        let settings = self.settings(false);
        let PeerState::Connecting(attempt) = self.slots.change(index) else {
            return None;
        };
        attempt.wants_to_send(now).then(|| Transmit {
            len: attempt.transmit(protection, protocol_id, settings, buffer, now),
            to: attempt.to,
        })
    }

    fn write_answer(
        &mut self,
        answer: StatelessReply,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> Option<Transmit> {
        let protocol_id = self.protocol_id();
        match answer {
            StatelessReply::Cookie { to, nonce } => {
                let cookie = self.cookies.issue(to, &nonce, &mut self.random, now);
                let answer = CookieReply {
                    nonce,
                    cookie,
                    public_key: self.shown_key(),
                };
                self.stats.cookies_sent += 1;
                let len = answer.write(protocol_id, buffer);
                Some(Transmit { to, len })
            }
            StatelessReply::Mismatch {
                to,
                nonce,
                difference,
            } => {
                let mismatch = Mismatch {
                    version: VERSION,
                    nonce,
                    difference,
                };
                let len = mismatch.write(buffer);
                Some(Transmit { to, len })
            }
            StatelessReply::Deny { to, deny, tag } => {
                let len = match tag {
                    Some(tag) => SignedDeny { deny, tag }.write(protocol_id, buffer),
                    None => deny.write(protocol_id, buffer),
                };
                Some(Transmit { to, len })
            }
            StatelessReply::Accept { slot, server_id } => {
                self.write_accept(slot, server_id, buffer)
            }
        }
    }

    /// Zeros under Plain.
    fn shown_key(&self) -> [u8; 32] {
        #[cfg(feature = "noise")]
        if let Some(key) = self.public_key() {
            return *key.as_bytes();
        }
        [0; 32]
    }

    fn write_accept(
        &self,
        slot: SlotIndex,
        server_id: ConnectionId,
        buffer: &mut [u8; DATAGRAM_MAX],
    ) -> Option<Transmit> {
        let connection = match self.slots[slot].state() {
            PeerState::Pending(pending) => &pending.connection,
            PeerState::Open(connection) => connection,
            _ => return None,
        };
        if connection.local_cid != server_id {
            return None;
        }
        if let Some(accept) = connection.protection.accept() {
            buffer[..accept.len()].copy_from_slice(accept);
            return Some(Transmit {
                to: connection.address,
                len: accept.len(),
            });
        }
        let accept = Accept {
            client_id: connection.remote_cid,
            nonce: connection.nonce,
            server_id,
            settings: self.settings(true),
        };
        let len = accept.write(self.protocol_id(), buffer);
        Some(Transmit {
            to: connection.address,
            len,
        })
    }

    /// Reschedules a peer after a packet was sent. With nothing in flight its next deadline may be
    /// far away, so it is computed while the peer is in the CPU cache.
    fn after_packet(&mut self, index: SlotIndex, now: Instant) {
        let (has_more, is_waiting) = match self.slots[index].state() {
            PeerState::Open(connection) => (connection.wants_to_send(now), connection.is_waiting()),
            _ => (true, true),
        };
        if has_more {
            self.slots.make_ready(index);
        } else if !is_waiting {
            self.slots.refresh_deadline(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use crate::limits::PACKETS_PER_CONNECTION_MAX;
    use crate::proto::connection::Connection;
    use crate::proto::{ConnectOptions, Delivery, Event, PeerId};

    const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 7);
    const CLIENT: ([u8; 4], u16) = ([192, 0, 2, 2], 7);

    fn exchange(client: &mut HostState, server: &mut HostState, now: time::Instant) {
        let mut buffer = [0; DATAGRAM_MAX];
        for _ in 0..6 {
            while let Some(sent) = client.poll_transmit(&mut buffer, now) {
                server.handle_datagram(CLIENT.into(), &buffer[..sent.len], now);
            }
            while let Some(sent) = server.poll_transmit(&mut buffer, now) {
                client.handle_datagram(SERVER.into(), &buffer[..sent.len], now);
            }
        }
    }

    fn reason(host: &mut HostState) -> Option<DisconnectReason> {
        std::iter::from_fn(|| host.poll_event()).find_map(|event| match event {
            Event::Disconnected { reason, .. } => Some(reason),
            _ => None,
        })
    }

    fn open_connection(host: &mut HostState, peer: PeerId) -> &mut Connection {
        match host.slots.change(peer.slot()) {
            PeerState::Open(connection) => connection,
            other => panic!("not connected: {other:?}"),
        }
    }

    #[test]
    fn disconnects_before_packet_numbers_run_out() {
        let now = time::Instant::now();
        let host = |seed| HostState::new(Config::plain(7), [seed; 32], now).unwrap();
        let (mut client, mut server) = (host(1), host(2));
        let options = ConnectOptions::default();
        let peer = client.connect(SERVER.into(), &options, now).unwrap();
        exchange(&mut client, &mut server, now);
        let last = PACKETS_PER_CONNECTION_MAX - 1;
        let start = Instant::START;
        open_connection(&mut client, peer).skip_to_packet_number(last);
        let back = server.peers().next().unwrap();
        open_connection(&mut server, back).skip_to_received_number(last - 1, start);
        client
            .send(peer, Delivery::Unreliable, b"the last", now)
            .unwrap();
        exchange(&mut client, &mut server, now);
        assert_eq!(
            reason(&mut client),
            Some(DisconnectReason::PacketNumbersExhausted)
        );
        let told = DisconnectReason::Remote { code: 0 };
        assert_eq!(reason(&mut server), Some(told));
    }
}
