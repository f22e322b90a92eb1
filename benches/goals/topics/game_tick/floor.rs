//! What is measured against: clients and a server without a protocol, a datagram each way.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::{BOTH, INPUT};
use crate::cpu::thread_cpu_time;
use crate::floors::{PeerName, RawServer};
use crate::runner::Subject;
use crate::topics::client_pool::{client_socket, expect, received};
use crate::work::Bound;

/// Clients and a server without a protocol.
pub(super) struct Floor<S> {
    server: S,
    clients: Vec<UdpSocket>,
    ticks: usize,
}

/// Half of a floor.
pub(super) trait FloorServer {
    fn tick(&mut self) -> io::Result<usize>;
}

pub(super) struct Batched {
    server: RawServer,
    peers: Vec<PeerName>,
}

pub(super) struct Single {
    socket: UdpSocket,
    peers: Vec<SocketAddr>,
}

impl Floor<Batched> {
    pub(super) fn batched(clients: usize, ticks: usize) -> io::Result<Self> {
        let server = RawServer::new()?;
        let clients = clients_of(server.address()?, clients)?;
        let peers = addresses(&clients)?.into_iter().map(PeerName::new);
        let peers = peers.collect::<io::Result<_>>()?;
        Ok(Self {
            server: Batched { server, peers },
            clients,
            ticks,
        })
    }
}

impl Floor<Single> {
    pub(super) fn single(clients: usize, ticks: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let clients = clients_of(socket.local_addr()?, clients)?;
        let peers = addresses(&clients)?;
        Ok(Self {
            server: Single { socket, peers },
            clients,
            ticks,
        })
    }
}

impl FloorServer for Batched {
    fn tick(&mut self) -> io::Result<usize> {
        self.server.tick(&self.peers, BOTH)
    }
}

impl FloorServer for Single {
    fn tick(&mut self) -> io::Result<usize> {
        let (mut buffer, mut count) = ([0; 1024], 0);
        while received(self.socket.recv_from(&mut buffer))?.is_some() {
            count += 1;
        }
        for peer in &self.peers {
            self.socket.send_to(BOTH, peer)?;
        }
        Ok(count)
    }
}

impl<S: FloorServer> Subject for Floor<S> {
    fn round(&mut self) -> io::Result<Duration> {
        let mut time = Duration::ZERO;
        for _ in 0..self.ticks {
            for client in &self.clients {
                client.send(INPUT)?;
            }
            let start = thread_cpu_time();
            let inputs = self.server.tick()?;
            time += thread_cpu_time() - start;
            expect("inputs", inputs, self.clients.len())?;
            let mut buffer = [0; 1024];
            for client in &self.clients {
                let len = received(client.recv(&mut buffer))?;
                expect("bytes", len.unwrap_or(0), BOTH.len())?;
            }
        }
        Ok(time)
    }
}

fn clients_of(server: SocketAddr, count: usize) -> io::Result<Vec<UdpSocket>> {
    (0..count).map(|_| client_socket(server)).collect()
}

fn addresses(clients: &[UdpSocket]) -> io::Result<Vec<SocketAddr>> {
    clients.iter().map(UdpSocket::local_addr).collect()
}
