//! Two hosts on virtual time and a network without latency.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::{Config, ConnectOptions, Event, PeerId};

pub(crate) fn server_address() -> SocketAddr {
    ([192, 0, 2, 1], 5000).into()
}

pub(crate) fn client_address() -> SocketAddr {
    ([192, 0, 2, 2], 5000).into()
}

pub(crate) fn config() -> Config {
    #[cfg(feature = "noise")]
    return Config::noise(7);
    #[cfg(not(feature = "noise"))]
    Config::plain(7)
}

/// Options with a payload and without a pinned key.
pub(crate) fn with_payload(payload: &[u8]) -> ConnectOptions {
    let options = ConnectOptions::with_payload(payload);
    #[cfg(feature = "noise")]
    return options.trust_unpinned();
    #[cfg(not(feature = "noise"))]
    options
}

pub(crate) struct Pair {
    pub(crate) server: HostState,
    pub(crate) client: HostState,
    pub(crate) client_at: SocketAddr,
    pub(crate) now: Instant,
}

impl Pair {
    pub(crate) fn new(config: &Config) -> Self {
        let now = Instant::now();
        let host = |seed| HostState::new(config.clone(), [seed; 32], now).unwrap();
        Self {
            server: host(1),
            client: host(2),
            client_at: client_address(),
            now,
        }
    }

    /// Two connected hosts, the server's id at the client and the client's id at the server. Their
    /// `Connected` events are read.
    pub(crate) fn connected(config: &Config) -> (Self, PeerId, PeerId) {
        let mut pair = Self::new(config);
        let server = pair.connect(&ConnectOptions::default());
        pair.exchange();
        let client = pair.server.peers().next().unwrap();
        assert!(pair.client.is_connected(server));
        events(&mut pair.server);
        events(&mut pair.client);
        (pair, server, client)
    }

    /// Replaces the client by a process at another address.
    pub(crate) fn replace_client(&mut self, number: u8) {
        self.client_at = ([192, 0, 2, number], 5000).into();
        self.restart_client(number);
    }

    /// Restarts the client at the same address without a disconnect.
    pub(crate) fn restart_client(&mut self, seed: u8) {
        let config = self.client.config().clone();
        self.client = HostState::new(config, [seed; 32], self.now).unwrap();
    }

    pub(crate) fn connect(&mut self, options: &ConnectOptions) -> PeerId {
        self.client
            .connect(server_address(), options, self.now)
            .unwrap()
    }

    /// Delivers everything that either side sends now.
    pub(crate) fn exchange(&mut self) {
        let mut buffer = [0; 1024];
        for _ in 0..6 {
            self.deliver_to_server(|_| true);
            self.server.handle_timeout(self.now);
            while let Some(sent) = self.server.poll_transmit(&mut buffer, self.now) {
                let bytes = &buffer[..sent.len];
                self.client
                    .handle_datagram(server_address(), bytes, self.now);
            }
            self.client.handle_timeout(self.now);
        }
    }

    /// Delivers what the client sends now, except datagrams whose index `passes` rejects.
    pub(crate) fn deliver_to_server(&mut self, passes: impl Fn(usize) -> bool) {
        let mut buffer = [0; 1024];
        let mut count = 0;
        while let Some(sent) = self.client.poll_transmit(&mut buffer, self.now) {
            if passes(count) {
                let bytes = &buffer[..sent.len];
                self.server.handle_datagram(self.client_at, bytes, self.now);
            }
            count += 1;
        }
    }

    /// Advances both sides without delivering datagrams.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.server.handle_timeout(self.now);
        self.client.handle_timeout(self.now);
    }
}

pub(crate) fn events(host: &mut HostState) -> Vec<Event> {
    std::iter::from_fn(|| host.poll_event()).collect()
}
