//! What a peer costs in memory.

use std::net::SocketAddr;
use std::time::Instant;

use super::connection::Connection;
use super::event::Event;
#[cfg(feature = "noise")]
use super::protection::Sealed;
use super::sent;
use super::slots::Slot;
#[cfg(feature = "noise")]
use super::wire::handshake::ACCEPT_SEALED_LEN;
use super::wire::handshake::ConnectName;
use crate::config::{Config, Security};
use crate::limits::{IN_FLIGHT_MAX, QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX};

/// A vector doubles when it is full, so that half of it may be empty; a table, too, and keeps an eighth
/// free.
const GROWTH: usize = 2;

impl Config {
    /// The most memory that a peer takes that has never been sent a message, in bytes of the allocator:
    /// at most 4 KiB. The slots of the [`Endpoint`](crate::Endpoint) and the kernel's buffers are the
    /// same for any number of peers and not in it.
    pub fn peer_bytes_idle(&self) -> usize {
        let timer = size_of::<(Instant, u32)>() + size_of::<u32>();
        let ready = size_of::<usize>();
        let by_address = table_entry(size_of::<(SocketAddr, usize)>());
        let by_connect = table_entry(size_of::<((SocketAddr, ConnectName), usize)>());
        let untaken = 2 * size_of::<Event>();
        size_of::<Connection>()
            + self.keys_bytes()
            + GROWTH * (size_of::<Slot>() + timer + ready + untaken)
            + by_address
            + by_connect
    }

    /// What a connection keeps for its encryption.
    fn keys_bytes(&self) -> usize {
        match self.security {
            #[cfg(feature = "noise")]
            Security::Noise { .. } => size_of::<Sealed>() + ACCEPT_SEALED_LEN,
            Security::Plain { .. } => 0,
        }
    }

    /// The most memory that a peer takes, in bytes of the allocator: everything that may wait for it and
    /// from it waits.
    ///
    /// Messages that the application has taken are its own. One that it keeps holds the chunk of 16 KiB
    /// that it was cut from, so it copies what it keeps for long.
    pub fn peer_bytes_max(&self) -> usize {
        let outgoing = GROWTH * QUEUED_BYTES_MAX;
        let in_flight = GROWTH * IN_FLIGHT_MAX * sent::PACKET_BYTES;
        // A chunk is given up when the next message does not fit it any more.
        let incoming = GROWTH * QUEUED_BYTES_MAX;
        let events = GROWTH * QUEUED_MESSAGES_MAX * size_of::<Event>();
        self.peer_bytes_idle() + outgoing + in_flight + incoming + events
    }
}

/// A byte beside each entry, an eighth of all free, and twice as many as there were when it last grew.
fn table_entry(bytes: usize) -> usize {
    (GROWTH * (bytes + 1)).div_ceil(7) * 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{ConnectOptions, Delivery, HostState, PeerId};

    /// Two hosts on a network without latency.
    struct Pair {
        server: HostState,
        client: HostState,
        now: Instant,
    }

    impl Pair {
        fn new(config: &Config) -> Self {
            let now = Instant::now();
            let host = |seed| HostState::new(config.clone(), [seed; 32], now).unwrap();
            Self {
                server: host(1),
                client: host(2),
                now,
            }
        }

        /// Lets everything arrive. The client pretends to be at `address`.
        fn exchange(&mut self, address: SocketAddr) {
            let mut buffer = [0; 1024];
            for _ in 0..4 {
                let (server, client, now) = (&mut self.server, &mut self.client, self.now);
                while let Some(sent) = client.poll_transmit(&mut buffer, now) {
                    server.handle_datagram(address, &buffer[..sent.len], now);
                }
                server.handle_timeout(now);
                while let Some(sent) = server.poll_transmit(&mut buffer, now) {
                    client.handle_datagram(SERVER.into(), &buffer[..sent.len], now);
                }
            }
        }
    }

    const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 7);

    /// A peer of the server, of whom its own side has forgotten everything.
    fn connect(pair: &mut Pair, number: u16) -> SocketAddr {
        let address = SocketAddr::from(([192, 0, 2, 2], number));
        let (config, seed) = (pair.server.config().clone(), [number.to_be_bytes()[1]; 32]);
        pair.client = HostState::new(config, seed, pair.now).unwrap();
        pair.client
            .connect(SERVER.into(), &ConnectOptions::default(), pair.now)
            .unwrap();
        pair.exchange(address);
        address
    }

    /// In every protection.
    fn configs() -> Vec<Config> {
        vec![
            Config::plain(7),
            #[cfg(feature = "noise")]
            Config {
                security: Security::Noise {
                    protocol_id: 7,
                    private_key: None,
                    handshakes_per_second: crate::limits::HANDSHAKES_MAX,
                    handshake_burst: crate::limits::HANDSHAKES_MAX,
                },
                ..Config::default()
            },
        ]
    }

    #[test]
    fn an_idle_peer_costs_no_more_than_is_stated() {
        configs().iter().for_each(assert_idle);
    }

    fn assert_idle(config: &Config) {
        assert!(
            config.peer_bytes_idle() <= 4096,
            "{}",
            config.peer_bytes_idle()
        );
        for peers in [100, 500, 1000_u16] {
            let mut pair = Pair::new(config);
            connect(&mut pair, 9999);
            let info = allocation_counter::measure(|| {
                for number in 1..=peers {
                    connect(&mut pair, number);
                }
                // Only the server's memory counts.
                pair.client = HostState::new(config.clone(), [0; 32], pair.now).unwrap();
            });
            let each = usize::try_from(info.bytes_current).unwrap() / usize::from(peers);
            assert_eq!(pair.server.stats().peers, usize::from(peers) + 1);
            assert!(each <= config.peer_bytes_idle(), "{each} of {peers}");
            assert!(
                each > config.peer_bytes_idle() / 4,
                "the formula is not a joke"
            );
        }
    }

    fn flood(host: &mut HostState, peer: PeerId) {
        while host.send(peer, Delivery::Unreliable, &[7; 40]).is_ok() {}
    }

    #[test]
    fn a_busy_peer_costs_no_more_than_is_stated() {
        configs().iter().for_each(assert_busy);
    }

    fn assert_busy(config: &Config) {
        let mut pair = Pair::new(config);
        let before = allocation_counter::measure(|| {
            let address = connect(&mut pair, 1);
            let theirs = pair.client.peers().next().unwrap();
            let ours = pair.server.peers().next().unwrap();
            // Everything from it waits for the application, and everything to it for the network.
            for _ in 0..5 {
                flood(&mut pair.client, theirs);
                pair.exchange(address);
            }
            flood(&mut pair.server, ours);
            let mut buffer = [0; 1024];
            while pair.server.poll_transmit(&mut buffer, pair.now).is_some() {}
            flood(&mut pair.server, ours);
            assert!(pair.server.peer_stats(ours).unwrap().messages_dropped > 0);
            pair.client = HostState::new(config.clone(), [0; 32], pair.now).unwrap();
        });
        let each = usize::try_from(before.bytes_current).unwrap();
        assert!(
            each <= config.peer_bytes_max(),
            "{each} of {}",
            config.peer_bytes_max()
        );
        assert!(
            each > config.peer_bytes_max() / 4,
            "{each} of {}",
            config.peer_bytes_max()
        );
    }
}
