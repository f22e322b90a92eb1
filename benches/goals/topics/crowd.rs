//! A server of this library and its clients, over loopback, on one thread.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::{Config, ConnectOptions, Delivery, Event, Host, PeerId};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// A server and its clients, all of them connected.
pub(crate) struct Crowd {
    pub(crate) server: Host,
    pub(crate) clients: Vec<Client>,
}

/// A client without a loop of its own: the protocol, and a socket.
pub(crate) struct Client {
    state: HostState,
    socket: UdpSocket,
    server: SocketAddr,
    peer: PeerId,
    buffer: [u8; 1024],
    /// That came since this was last set to 0.
    pub(crate) messages: usize,
}

impl Crowd {
    pub(crate) fn new(config: &Config, clients: usize) -> io::Result<Self> {
        let server = Host::bind(([127, 0, 0, 1], 0).into(), config.clone())?;
        let clients = (0..clients).map(|number| Client::new(config, server.local_addr(), number));
        let clients = clients.collect::<io::Result<_>>()?;
        let mut crowd = Self { server, clients };
        crowd.connect()?;
        Ok(crowd)
    }

    fn connect(&mut self) -> io::Result<()> {
        let start = Instant::now();
        while self.server.stats().peers < self.clients.len() {
            if start.elapsed() > CONNECT_TIMEOUT {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.clients_turn()?;
            self.server.poll()?;
        }
        while self.server.next_event().is_some() {}
        self.clients_turn()
    }

    pub(crate) fn clients_turn(&mut self) -> io::Result<()> {
        self.clients.iter_mut().try_for_each(Client::turn)
    }
}

impl Client {
    fn new(config: &Config, server: SocketAddr, number: usize) -> io::Result<Self> {
        let socket = client_socket(server)?;
        let (state, peer) = connecting(config, server, number)?;
        Ok(Self {
            state,
            socket,
            server,
            peer,
            buffer: [0; 1024],
            messages: 0,
        })
    }

    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let now = Instant::now();
        self.state
            .send(self.peer, Delivery::Unreliable, message, now)?;
        self.transmit(now)
    }

    /// Receives what there is, and sends what that led to.
    pub(crate) fn turn(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while let Some(len) = received(self.socket.recv(&mut self.buffer))? {
            self.state
                .handle_datagram(self.server, &self.buffer[..len], now);
        }
        self.state.handle_timeout(now);
        while let Some(event) = self.state.poll_event() {
            self.messages += usize::from(matches!(event, Event::Message { .. }));
        }
        self.transmit(now)
    }

    fn transmit(&mut self, now: Instant) -> io::Result<()> {
        while let Some(datagram) = self.state.poll_transmit(&mut self.buffer, now) {
            self.socket.send(&self.buffer[..datagram.len])?;
        }
        Ok(())
    }
}

/// The protocol of a client that begins to connect, and the server as it calls it.
pub(crate) fn connecting(
    config: &Config,
    server: SocketAddr,
    number: usize,
) -> io::Result<(HostState, PeerId)> {
    let now = Instant::now();
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    let mut state = HostState::new(config.clone(), seed, now)?;
    let peer = state.connect(server, &ConnectOptions::default(), now)?;
    Ok((state, peer))
}

pub(crate) fn client_socket(server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    Ok(socket)
}

/// `None` where the socket is empty.
pub(crate) fn received<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(received) => Ok(Some(received)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn expect(what: &str, got: usize, wanted: usize) -> io::Result<()> {
    if got == wanted {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{got} of {wanted} {what} arrived"
    )))
}
