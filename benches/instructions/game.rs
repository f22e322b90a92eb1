//! The game tick of `goals` without sockets: datagrams are in memory.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::{Config, ConnectOptions, Delivery, Event, PeerId};

use crate::Scenario;

const TICK: Duration = Duration::from_nanos(1_000_000_000 / 60);
const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 7);

const INPUT: &[u8] = &[1; 32];
const SNAPSHOT: &[u8] = &[2; 200];
const EVENT: &[u8] = &[3; 40];

#[derive(Clone)]
struct Datagram {
    address: SocketAddr,
    len: usize,
    bytes: [u8; 1024],
}

#[derive(Default)]
struct Wire {
    datagrams: Vec<Datagram>,
    len: usize,
}

pub(crate) struct Game {
    now: Instant,
    server: HostState,
    peers: Vec<PeerId>,
    clients: Vec<(SocketAddr, HostState, PeerId)>,
    to_server: Wire,
    to_clients: Wire,
    /// Messages received in this tick.
    inputs: usize,
    messages: usize,
}

impl Game {
    pub(crate) fn new(config: &Config, clients: u16) -> Self {
        let now = Instant::now();
        let server = HostState::new(config.clone(), [1; 32], now).expect("the config is valid");
        let clients = (1..=clients).map(|number| client(config, number, now));
        let mut game = Self {
            now,
            server,
            peers: Vec::new(),
            clients: clients.collect(),
            to_server: Wire::default(),
            to_clients: Wire::default(),
            inputs: 0,
            messages: 0,
        };
        for _ in 0..100 {
            game.clients_turn();
            game.server_receives();
            game.pack();
            game.clients_receive();
        }
        game.peers = game.server.peers().collect();
        assert_eq!(game.peers.len(), game.clients.len());
        game
    }

    fn clients_turn(&mut self) {
        for (address, client, _) in &mut self.clients {
            self.to_server.take_from(client, self.now, Some(*address));
        }
    }

    fn server_receives(&mut self) {
        self.receive();
        self.timers();
        self.inputs = self.take();
    }

    #[inline(never)]
    fn receive(&mut self) {
        for datagram in self.to_server.take() {
            let bytes = &datagram.bytes[..datagram.len];
            self.server
                .handle_datagram(datagram.address, bytes, self.now);
        }
    }

    #[inline(never)]
    fn timers(&mut self) {
        self.server.handle_timeout(self.now);
    }

    /// Takes the events. Returns the number of inputs.
    #[inline(never)]
    fn take(&mut self) -> usize {
        let mut inputs = 0;
        while let Some(event) = self.server.poll_event() {
            inputs += usize::from(matches!(event, Event::Message { .. }));
        }
        inputs
    }

    #[inline(never)]
    fn queue(&mut self) {
        for peer in &self.peers {
            let server = &mut self.server;
            let snapshot = server.send(*peer, Delivery::Unreliable, SNAPSHOT, self.now);
            snapshot.expect("there is room");
            let event = server.send(*peer, Delivery::Reliable, EVENT, self.now);
            event.expect("there is room");
        }
    }

    #[inline(never)]
    fn pack(&mut self) {
        self.to_clients.take_from(&mut self.server, self.now, None);
    }

    fn clients_receive(&mut self) {
        for datagram in self.to_clients.take() {
            let client = usize::from(datagram.address.port()) - 1;
            let (_, state, _) = &mut self.clients[client];
            let bytes = &datagram.bytes[..datagram.len];
            state.handle_datagram(SERVER.into(), bytes, self.now);
        }
        self.now += TICK;
        self.messages = 0;
        for (_, client, _) in &mut self.clients {
            client.handle_timeout(self.now);
            while let Some(event) = client.poll_event() {
                self.messages += usize::from(matches!(event, Event::Message { .. }));
            }
        }
    }
}

impl Scenario for Game {
    fn before(&mut self) {
        for (_, client, peer) in &mut self.clients {
            let sent = client.send(*peer, Delivery::Unreliable, INPUT, self.now);
            sent.expect("there is room");
        }
        self.clients_turn();
    }

    fn tick(&mut self) {
        self.server_receives();
        self.queue();
        self.pack();
    }

    fn after(&mut self) {
        self.clients_receive();
        let wanted = self.peers.len();
        assert_eq!((self.inputs, self.messages), (wanted, 2 * wanted));
    }
}

fn client(config: &Config, number: u16, now: Instant) -> (SocketAddr, HostState, PeerId) {
    let mut seed = [9; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    let mut client = HostState::new(config.clone(), seed, now).expect("the config is valid");
    let peer = client.connect(SERVER.into(), &ConnectOptions::default(), now);
    let peer = peer.expect("there is a slot for the peer");
    (([192, 0, 2, 2], number).into(), client, peer)
}

impl Wire {
    /// Takes the pending datagrams of a host. `from` is the source address, if the receiver needs
    /// it.
    fn take_from(&mut self, host: &mut HostState, now: Instant, from: Option<SocketAddr>) {
        loop {
            if self.len == self.datagrams.len() {
                self.datagrams.push(Datagram {
                    address: SERVER.into(),
                    len: 0,
                    bytes: [0; 1024],
                });
            }
            let datagram = &mut self.datagrams[self.len];
            let Some(sent) = host.poll_transmit(&mut datagram.bytes, now) else {
                return;
            };
            datagram.len = sent.len;
            datagram.address = from.unwrap_or(sent.to);
            self.len += 1;
        }
    }

    fn take(&mut self) -> impl Iterator<Item = &Datagram> {
        let len = std::mem::take(&mut self.len);
        self.datagrams[..len].iter()
    }
}
