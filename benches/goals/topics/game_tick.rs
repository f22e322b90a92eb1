//! A game tick, on the server: every client has sent an unreliable input of 32 bytes; the server sends
//! every client an unreliable snapshot of 200 bytes and a reliable event of 40.
//!
//! Real sockets over loopback. Server and clients take turns on one thread, and only the server's
//! processor time counts. The floors send every client one datagram of 240 bytes and have no protocol.
//! Everything has to arrive, in the same tick, and a warm server may not allocate.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::{Config, ConnectOptions, Delivery, Event, Host, PeerId};

use crate::contest::{Contestant, Entry, Goal, Topic};
use crate::cpu::thread_cpu_time;
use crate::floors::{PeerName, RawServer};
use crate::settings::Settings;
use crate::work::Bound;

const CLIENTS: usize = 64;
const TICKS: usize = 20;
const TICKS_IN_TEST: usize = 3;

const INPUT: &[u8] = &[1; 32];
const SNAPSHOT: &[u8] = &[2; 200];
const EVENT: &[u8] = &[3; 40];
const BOTH: &[u8] = &[2; 240];

const BATCHED: &str = "recvmmsg and sendmmsg, no protocol";
const SINGLE: &str = "recvfrom and sendto, no protocol";
const PLAIN: &str = "tickwire, plain";

const GOALS: &[Goal] = &[
    Goal {
        name: "game tick, 64 clients: tickwire plain against recvmmsg and sendmmsg without a protocol",
        of: PLAIN,
        against: BATCHED,
        bound: Some(1.10),
    },
    Goal {
        name: "game tick, 64 clients: recvfrom and sendto against recvmmsg and sendmmsg",
        of: SINGLE,
        against: BATCHED,
        bound: None,
    },
];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "game tick",
        unit: "client and tick",
        units: CLIENTS * ticks(settings),
        rounds: settings.rounds,
        goals: GOALS,
        enter,
    }
}

fn ticks(settings: &Settings) -> usize {
    if settings.is_test {
        TICKS_IN_TEST
    } else {
        TICKS
    }
}

fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let ticks = ticks(settings);
    Ok(vec![
        Entry::new(BATCHED, Floor::batched(ticks)?),
        Entry::new(SINGLE, Floor::single(ticks)?),
        Entry::new(PLAIN, Game::new(&Config::plain(7), ticks)?),
    ])
}

/// Clients and a server without a protocol.
struct Floor<S> {
    server: S,
    clients: Vec<UdpSocket>,
    ticks: usize,
}

/// Half of a floor.
trait FloorServer {
    fn tick(&mut self) -> io::Result<usize>;
}

struct Batched {
    server: RawServer,
    peers: Vec<PeerName>,
}

struct Single {
    socket: UdpSocket,
    peers: Vec<SocketAddr>,
}

impl Floor<Batched> {
    fn batched(ticks: usize) -> io::Result<Self> {
        let server = RawServer::new()?;
        let clients = clients_of(server.address()?)?;
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
    fn single(ticks: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let clients = clients_of(socket.local_addr()?)?;
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

impl<S: FloorServer> Contestant for Floor<S> {
    fn round(&mut self) -> io::Result<Duration> {
        let mut time = Duration::ZERO;
        for _ in 0..self.ticks {
            for client in &self.clients {
                client.send(INPUT)?;
            }
            let start = thread_cpu_time();
            let inputs = self.server.tick()?;
            time += thread_cpu_time() - start;
            expect("inputs", inputs, CLIENTS)?;
            let mut buffer = [0; 1024];
            for client in &self.clients {
                let len = received(client.recv(&mut buffer))?;
                expect("bytes", len.unwrap_or(0), BOTH.len())?;
            }
        }
        Ok(time)
    }
}

fn clients_of(server: SocketAddr) -> io::Result<Vec<UdpSocket>> {
    (0..CLIENTS)
        .map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_nonblocking(true)?;
            socket.connect(server)?;
            Ok(socket)
        })
        .collect()
}

fn addresses(clients: &[UdpSocket]) -> io::Result<Vec<SocketAddr>> {
    clients.iter().map(UdpSocket::local_addr).collect()
}

/// `None` where the socket is empty.
fn received<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(received) => Ok(Some(received)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn expect(what: &str, got: usize, wanted: usize) -> io::Result<()> {
    if got == wanted {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{got} of {wanted} {what} arrived"
    )))
}

/// Clients and a server of this library.
struct Game {
    server: Host,
    peers: Vec<PeerId>,
    clients: Vec<Client>,
    ticks: usize,
    is_warm: bool,
}

/// A client without a loop of its own: the protocol, and a socket.
struct Client {
    state: HostState,
    socket: UdpSocket,
    server: SocketAddr,
    peer: PeerId,
    buffer: [u8; 1024],
    messages: usize,
}

impl Game {
    fn new(config: &Config, ticks: usize) -> io::Result<Self> {
        let server = Host::bind(([127, 0, 0, 1], 0).into(), config.clone())?;
        let clients = (0..CLIENTS).map(|number| Client::new(config, server.local_addr(), number));
        let clients = clients.collect::<io::Result<_>>()?;
        let mut game = Self {
            server,
            peers: Vec::new(),
            clients,
            ticks,
            is_warm: false,
        };
        game.connect()?;
        game.peers = game.server.peers().collect();
        Ok(game)
    }

    fn connect(&mut self) -> io::Result<()> {
        let start = Instant::now();
        while self.server.stats().peers < CLIENTS {
            if start.elapsed() > Duration::from_secs(10) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            for client in &mut self.clients {
                client.turn()?;
            }
            self.server.poll()?;
        }
        while self.server.next_event().is_some() {}
        for client in &mut self.clients {
            client.turn()?;
        }
        Ok(())
    }

    /// The part that is measured: what a game server does in a tick. Returns how many inputs came.
    fn serve(&mut self) -> io::Result<usize> {
        self.server.poll()?;
        let mut inputs = 0;
        while let Some(event) = self.server.next_event() {
            inputs += usize::from(matches!(event, Event::Message { .. }));
        }
        for peer in self.peers.iter().copied() {
            self.server.send(peer, Delivery::Unreliable, SNAPSHOT)?;
            self.server.send(peer, Delivery::Reliable, EVENT)?;
        }
        self.server.flush()?;
        Ok(inputs)
    }
}

impl Contestant for Game {
    fn round(&mut self) -> io::Result<Duration> {
        let (mut time, mut allocated) = (Duration::ZERO, 0);
        for _ in 0..self.ticks {
            for client in &mut self.clients {
                client.send_input()?;
            }
            let (mut inputs, mut took) = (Ok(0), Duration::ZERO);
            let info = allocation_counter::measure(|| {
                let start = thread_cpu_time();
                inputs = self.serve();
                took = thread_cpu_time() - start;
            });
            time += took;
            allocated += info.count_total;
            expect("inputs", inputs?, CLIENTS)?;
            for client in &mut self.clients {
                client.turn()?;
                expect("messages", std::mem::take(&mut client.messages), 2)?;
            }
        }
        // The first round warms the pools up.
        if std::mem::replace(&mut self.is_warm, true) && allocated > 0 {
            return Err(io::Error::other(format!(
                "the server allocated {allocated} times"
            )));
        }
        Ok(time)
    }
}

impl Client {
    fn new(config: &Config, server: SocketAddr, number: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        socket.connect(server)?;
        let now = Instant::now();
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let mut state = HostState::new(config.clone(), seed, now)?;
        let peer = state.connect(server, &ConnectOptions::default(), now)?;
        Ok(Self {
            state,
            socket,
            server,
            peer,
            buffer: [0; 1024],
            messages: 0,
        })
    }

    fn send_input(&mut self) -> io::Result<()> {
        self.state.send(self.peer, Delivery::Unreliable, INPUT)?;
        self.transmit(Instant::now())
    }

    /// Receives what there is, and sends what that led to.
    fn turn(&mut self) -> io::Result<()> {
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
