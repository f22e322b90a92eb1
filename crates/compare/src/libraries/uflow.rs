//! uflow owns its sockets and reads the clock itself, so a relay of two sockets reads its datagrams
//! from loopback, and a run takes real time.
//!
//! A tick follows uflow's documentation: `step`, take and send messages, `flush`. The relay
//! forwards a datagram in the tick in which the simulated link delivers it, directly before that
//! endpoint's `step`, and adds no delay.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use uflow::client::{self, Client};
use uflow::server::{self, Server};
use uflow::{MAX_FRAME_SIZE, SendMode};

use super::{Failure, Pair, Side};

pub(super) struct UflowPair {
    client: Client,
    server: Server,
    /// The sockets that the endpoints use as their peers, by side.
    relay: [UdpSocket; 2],
    connected: [bool; 2],
    messages: VecDeque<Vec<u8>>,
}

impl UflowPair {
    pub(super) fn new() -> io::Result<Self> {
        let server = Server::bind("127.0.0.1:0", server::Config::default())?;
        let relay = [relay_socket()?, relay_socket()?];
        relay[Side::Server as usize].connect(server.address())?;
        let facing_client = &relay[Side::Client as usize];
        let client = Client::connect(facing_client.local_addr()?, client::Config::default())?;
        facing_client.connect(client.local_address())?;
        Ok(Self {
            client,
            server,
            relay,
            connected: [false; 2],
            messages: VecDeque::new(),
        })
    }

    fn on_client_event(&mut self, event: client::Event) -> Result<(), Failure> {
        match event {
            client::Event::Connect => self.connected[Side::Client as usize] = true,
            client::Event::Receive(_) => {}
            client::Event::Disconnect => return Err("the server closed the connection".into()),
            client::Event::Error(error) => return Err(format!("client: {error:?}").into()),
        }
        Ok(())
    }

    fn on_server_event(&mut self, event: server::Event) -> Result<(), Failure> {
        match event {
            server::Event::Connect(_) => self.connected[Side::Server as usize] = true,
            server::Event::Receive(_, message) => self.messages.push_back(message.into_vec()),
            server::Event::Disconnect(_) => return Err("the client closed the connection".into()),
            server::Event::Error(_, error) => return Err(format!("server: {error:?}").into()),
        }
        Ok(())
    }
}

fn relay_socket() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl Pair for UflowPair {
    fn receive(&mut self, at: Side, datagrams: &[Vec<u8>], _now: Instant) -> Result<(), Failure> {
        for datagram in datagrams {
            self.relay[at as usize].send(datagram)?;
        }
        match at {
            Side::Client => {
                let events: Vec<_> = self.client.step().collect();
                events
                    .into_iter()
                    .try_for_each(|event| self.on_client_event(event))
            }
            Side::Server => {
                let events: Vec<_> = self.server.step().collect();
                events
                    .into_iter()
                    .try_for_each(|event| self.on_server_event(event))
            }
        }
    }

    fn is_connected(&self) -> bool {
        self.connected == [true; 2]
    }

    fn send(&mut self, message: &[u8], _now: Instant) -> Result<(), Failure> {
        self.client.send(message.into(), 0, SendMode::Reliable);
        Ok(())
    }

    fn flush(&mut self, at: Side, _now: Instant) {
        match at {
            Side::Client => self.client.flush(),
            Side::Server => self.server.flush(),
        }
    }

    fn poll_datagram(&mut self, from: Side, _now: Instant) -> Option<Vec<u8>> {
        let mut buffer = [0; MAX_FRAME_SIZE];
        // An error means an empty queue: both ends are sockets of this process.
        let length = self.relay[from as usize].recv(&mut buffer).ok()?;
        Some(buffer[..length].to_vec())
    }

    fn poll_message(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.messages.pop_front())
    }
}
