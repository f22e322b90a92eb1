//! What is measured against: clients and a server without a protocol, a datagram each way.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use tickwire_measure::cpu;
use tickwire_measure::floors::{LOOPBACK, StdLoop, bind};
use tickwire_measure::losses::{ClientCounts, Losses, ServerCounts};
use tickwire_measure::runner::{Subject, nanos};
use tickwire_measure::side::{Side, unless_blocked};

use super::{BOTH, INPUT};
use crate::raw::{PeerName, RawServer};
use crate::work::{Drains, std_loop};

/// Clients and a server without a protocol.
pub(super) struct Floor<S> {
    server: S,
    clients: Vec<UdpSocket>,
    ticks: usize,
    client_counts: ClientCounts,
    server_counts: ServerCounts,
}

/// The server half of a floor.
pub(super) trait FloorServer {
    /// Receives what is there and sends every client a datagram. Returns how many datagrams arrived.
    fn tick(&mut self) -> io::Result<usize>;
}

pub(super) struct Batched {
    server: RawServer,
    peers: Vec<PeerName>,
}

pub(super) struct Single {
    server: StdLoop,
    peers: Vec<SocketAddr>,
}

impl Floor<Batched> {
    pub(super) fn batched(clients: usize, ticks: usize) -> io::Result<Self> {
        let server = RawServer::new()?;
        let clients = clients_of(server.address()?, clients)?;
        let peers = addresses(&clients)?.into_iter().map(PeerName::new);
        let peers = peers.collect::<io::Result<_>>()?;
        Ok(Self::new(Batched { server, peers }, clients, ticks))
    }
}

impl Floor<Single> {
    pub(super) fn single(clients: usize, ticks: usize) -> io::Result<Self> {
        let server = std_loop()?;
        let clients = clients_of(Side::address(&server)?, clients)?;
        let peers = addresses(&clients)?;
        Ok(Self::new(Single { server, peers }, clients, ticks))
    }
}

impl<S> Floor<S> {
    fn new(server: S, clients: Vec<UdpSocket>, ticks: usize) -> Self {
        Self {
            server,
            clients,
            ticks,
            client_counts: ClientCounts::default(),
            server_counts: ServerCounts::default(),
        }
    }
}

impl FloorServer for Batched {
    fn tick(&mut self) -> io::Result<usize> {
        self.server.tick(&self.peers, BOTH)
    }
}

impl FloorServer for Single {
    fn tick(&mut self) -> io::Result<usize> {
        let count = self.server.drain()?.count;
        for peer in &self.peers {
            self.server.send(*peer, BOTH)?;
        }
        Ok(count)
    }
}

impl<S: FloorServer> Subject for Floor<S> {
    fn round(&mut self) -> io::Result<f64> {
        let mut time = Duration::ZERO;
        for _ in 0..self.ticks {
            for client in &self.clients {
                client.send(INPUT)?;
            }
            let (inputs, tick_time) = cpu::timed(|| self.server.tick());
            time += tick_time;
            self.client_counts.inputs_sent += self.clients.len() as u64;
            self.server_counts.inputs_received += inputs? as u64;
            self.server_counts.states_sent += self.clients.len() as u64;
            let mut buffer = [0; 1024];
            for client in &self.clients {
                let len = unless_blocked(client.recv(&mut buffer))?;
                self.client_counts.states_received += u64::from(len == Some(BOTH.len()));
            }
        }
        Ok(nanos(time))
    }

    fn losses(&self) -> Option<Losses> {
        Some(Losses::of(self.client_counts, self.server_counts))
    }
}

fn clients_of(server: SocketAddr, count: usize) -> io::Result<Vec<UdpSocket>> {
    let client = |_| {
        let socket = bind(LOOPBACK, None)?;
        socket.connect(server)?;
        Ok(socket)
    };
    (0..count).map(client).collect()
}

fn addresses(clients: &[UdpSocket]) -> io::Result<Vec<SocketAddr>> {
    clients.iter().map(UdpSocket::local_addr).collect()
}
