//! A tickwire server and its clients, over loopback, on one thread.

use std::mem;
use std::net::UdpSocket;

use tickwire::limits::HANDSHAKES_MAX;
use tickwire::proto::HostState;
use tickwire::{Config, ConnectOptions, Delivery, Event, Host, NoiseConfig, PeerId, Security};
use tickwire_measure::floors::bind;
use tickwire_measure::losses::Losses;
use tickwire_measure::side::unless_blocked;

use crate::prelude::*;

/// Number of clients that connect at the same time.
const CONNECTING_MAX: usize = 128;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// A server without a limit on handshakes.
pub(crate) fn noise() -> Config {
    Config {
        security: Security::Noise(NoiseConfig {
            handshakes_per_second: HANDSHAKES_MAX,
            handshake_burst: HANDSHAKES_MAX,
            ..NoiseConfig::new(7)
        }),
        ..Config::default()
    }
}

pub(crate) struct ClientPool {
    pub(crate) server: Host,
    pub(crate) clients: Vec<Client>,
}

/// A client without a loop: a `HostState` and a socket.
pub(crate) struct Client {
    pub(crate) socket: UdpSocket,
    state: HostState,
    server: SocketAddr,
    peer: Option<PeerId>,
    /// Datagrams sent, rejected by the system, and received.
    counts: Losses,
    messages: usize,
    /// Connections that the server ended.
    pub(crate) disconnected: usize,
}

impl ClientPool {
    /// Opens all sockets without connecting. They accept datagrams from any source, so they also
    /// serve as the clients of a floor.
    pub(crate) fn open(config: &Config, clients: usize) -> io::Result<Self> {
        let server = Host::bind(LOOPBACK, config.clone())?;
        let clients = (0..clients).map(|number| Client::new(config, server.local_addr(), number));
        let clients = clients.collect::<io::Result<_>>()?;
        Ok(Self { server, clients })
    }

    /// A pool of connected clients with connected sockets and no pending events.
    pub(crate) fn connected(config: &Config, clients: usize) -> io::Result<Self> {
        let mut pool = Self::open(config, clients)?;
        let mut clients = pool.clients.iter();
        clients.try_for_each(|client| client.socket.connect(client.server))?;
        pool.connect(serve)?;
        Ok(pool)
    }

    /// Connects all clients. `serve` is a turn of the server.
    pub(crate) fn connect(
        &mut self,
        mut serve: impl FnMut(&mut Host) -> io::Result<()>,
    ) -> io::Result<()> {
        let start = Instant::now();
        let mut begun = 0;
        while self.server.stats().peers < self.clients.len() {
            if start.elapsed() > CONNECT_TIMEOUT {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if self.server.stats().peers == begun {
                begun = self.clients.len().min(begun + CONNECTING_MAX);
            }
            let newest = begun.saturating_sub(CONNECTING_MAX);
            for client in &mut self.clients[newest..begun] {
                client.connect()?;
                client.turn()?;
            }
            serve(&mut self.server)?;
        }
        self.clients_turn()
    }

    pub(crate) fn clients_turn(&mut self) -> io::Result<()> {
        self.clients.iter_mut().try_for_each(Client::turn)
    }

    /// Messages that the clients received since the last call.
    pub(crate) fn take_messages(&mut self) -> usize {
        let clients = self.clients.iter_mut();
        clients.map(|client| mem::take(&mut client.messages)).sum()
    }

    pub(crate) fn counts(&self) -> Losses {
        let server = self.server.socket_stats();
        let clients = || self.clients.iter().map(|client| &client.counts);
        Losses {
            inputs_sent: clients().map(|counts| counts.inputs_sent).sum(),
            inputs_refused: clients().map(|counts| counts.inputs_refused).sum(),
            inputs_received: server.datagrams_received,
            dropped_by_kernel: Some(server.dropped_by_kernel),
            // The flush emptied the send queue, or the next turn sends the rest.
            states_sent: server.datagrams_sent,
            queue_full: server.queue_full,
            discarded: server.discarded,
            states_received: clients().map(|counts| counts.states_received).sum(),
            budget_spent: server.budget_spent,
        }
    }
}

/// A turn of a server that discards its events.
pub(crate) fn serve(server: &mut Host) -> io::Result<()> {
    server.poll()?;
    while server.next_event().is_some() {}
    Ok(())
}

impl Client {
    fn new(config: &Config, server: SocketAddr, number: usize) -> io::Result<Self> {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        Ok(Self {
            socket: bind(LOOPBACK, None)?,
            state: HostState::new(config.clone(), seed, Instant::now())?,
            server,
            peer: None,
            counts: Losses::default(),
            messages: 0,
            disconnected: 0,
        })
    }

    fn connect(&mut self) -> io::Result<()> {
        if self.peer.is_none() {
            let options = ConnectOptions::default();
            self.peer = Some(self.state.connect(self.server, &options, Instant::now())?);
        }
        Ok(())
    }

    /// Queues an unreliable message for the next turn.
    pub(crate) fn queue(&mut self, message: &[u8]) -> io::Result<()> {
        let peer = self.peer.ok_or(io::ErrorKind::NotConnected)?;
        let now = Instant::now();
        Ok(self.state.send(peer, Delivery::Unreliable, message, now)?)
    }

    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.queue(message)?;
        self.transmit(Instant::now())
    }

    pub(crate) fn disconnect(&mut self, code: u32) -> io::Result<()> {
        let now = Instant::now();
        if let Some(peer) = self.peer {
            self.state.disconnect(peer, code, now);
        }
        self.transmit(now)
    }

    pub(crate) fn turn(&mut self) -> io::Result<()> {
        let mut buffer = [0; 1024];
        let now = Instant::now();
        while let Some((len, from)) = unless_blocked(self.socket.recv_from(&mut buffer))? {
            // Echoes of a floor are ignored.
            if from == self.server {
                self.counts.states_received += 1;
                self.state.handle_datagram(from, &buffer[..len], now);
            }
        }
        self.state.handle_timeout(now);
        while let Some(event) = self.state.poll_event() {
            self.messages += usize::from(matches!(event, Event::Message { .. }));
            self.disconnected += usize::from(matches!(event, Event::Disconnected { .. }));
        }
        self.transmit(now)
    }

    fn transmit(&mut self, now: Instant) -> io::Result<()> {
        let mut buffer = [0; 1024];
        while let Some(datagram) = self.state.poll_transmit(&mut buffer, now) {
            let bytes = &buffer[..datagram.len];
            match unless_blocked(self.socket.send_to(bytes, self.server))? {
                Some(_) => self.counts.inputs_sent += 1,
                None => self.counts.inputs_refused += 1,
            }
        }
        Ok(())
    }
}
