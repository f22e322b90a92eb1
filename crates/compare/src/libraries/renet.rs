//! renet without a transport: unencrypted, and connected from the start, because `renet_netcode`
//! would own the socket.
//!
//! A tick follows renet's README: `update`, process packets, take and send messages, send packets.

use std::time::Instant;

use renet::{ConnectionConfig, DefaultChannel, RenetClient, RenetServer};

use super::{Failure, Pair, Side};

const CLIENT: u64 = 1;

pub(super) struct RenetPair {
    client: RenetClient,
    server: RenetServer,
    /// Time of the last update, by side.
    updated: [Instant; 2],
    sent: [Vec<Vec<u8>>; 2],
}

impl RenetPair {
    pub(super) fn new(now: Instant) -> Self {
        let mut client = RenetClient::new(ConnectionConfig::default());
        let mut server = RenetServer::new(ConnectionConfig::default());
        client.set_connected();
        server.add_connection(CLIENT);
        Self {
            client,
            server,
            updated: [now; 2],
            sent: Default::default(),
        }
    }
}

impl Pair for RenetPair {
    fn receive(&mut self, at: Side, datagrams: &[Vec<u8>], now: Instant) -> Result<(), Failure> {
        let passed = now - std::mem::replace(&mut self.updated[at as usize], now);
        match at {
            Side::Client => {
                self.client.update(passed);
                for datagram in datagrams {
                    self.client.process_packet(datagram);
                }
            }
            Side::Server => {
                self.server.update(passed);
                for datagram in datagrams {
                    self.server.process_packet_from(datagram, CLIENT)?;
                }
            }
        }
        if let Some(reason) = self.client.disconnect_reason() {
            return Err(reason.to_string().into());
        }
        if !self.server.is_connected(CLIENT) {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }

    fn is_connected(&self) -> bool {
        true
    }

    fn send(&mut self, message: &[u8], _now: Instant) -> Result<(), Failure> {
        let channel = DefaultChannel::ReliableOrdered;
        self.client.send_message(channel, message.to_vec());
        Ok(())
    }

    fn flush(&mut self, at: Side, _now: Instant) {
        self.sent[at as usize] = match at {
            Side::Client => self.client.get_packets_to_send(),
            Side::Server => self
                .server
                .get_packets_to_send(CLIENT)
                .expect("the client was added"),
        };
    }

    fn poll_datagram(&mut self, from: Side, _now: Instant) -> Option<Vec<u8>> {
        let sent = &mut self.sent[from as usize];
        (!sent.is_empty()).then(|| sent.remove(0))
    }

    fn poll_message(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let channel = DefaultChannel::ReliableOrdered;
        let message = self.server.receive_message(CLIENT, channel);
        Ok(message.map(|message| message.to_vec()))
    }
}
