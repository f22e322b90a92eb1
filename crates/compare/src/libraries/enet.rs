//! `rusty_enet`, `ENet` transpiled to Rust: two hosts with the clock of the run and sockets in
//! memory.
//!
//! A tick calls `service` until it returns no event, which also sends, and `flush` after the
//! message was queued.

use std::cell::Cell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rusty_enet::{Event, Host, HostSettings, Packet, PeerID, ReadWrite};

use super::{Failure, Pair, Side};

/// Clock of `rusty_enet` at the start of a run. Some of its fields use 0 for "not set", so it must
/// not begin at 0.
const START: Duration = Duration::from_secs(3600);

/// Allows for connect attempts that an endpoint still remembers.
const PEERS_MAX: usize = 8;

type Socket = ReadWrite<(), Infallible>;

pub(super) struct EnetPair {
    hosts: [Host<Socket>; 2],
    server: PeerID,
    /// The peer of each connected endpoint, by side.
    connected: [Option<PeerID>; 2],
    start: Instant,
    clock: Rc<Cell<Duration>>,
    messages: VecDeque<Vec<u8>>,
}

impl EnetPair {
    pub(super) fn new(seed: u64, now: Instant) -> Result<Self, Failure> {
        let clock = Rc::new(Cell::new(START));
        let host = |side: Side| {
            let clock = Rc::clone(&clock);
            let settings = HostSettings {
                peer_limit: PEERS_MAX,
                time: Box::new(move || clock.get()),
                seed: Some(u32::try_from(seed * 2)? + side as u32),
                ..HostSettings::default()
            };
            let host = Host::new(Socket::new(), settings);
            host.map_err(|error| Failure::from(error.to_string()))
        };
        let (mut client, server) = (host(Side::Client)?, host(Side::Server)?);
        let peer = client.connect((), 1, 0);
        let peer = peer.map_err(|error| error.to_string())?.id();
        Ok(Self {
            hosts: [client, server],
            server: peer,
            connected: [None; 2],
            start: now,
            clock,
            messages: VecDeque::new(),
        })
    }
}

impl EnetPair {
    /// Repeats a connect attempt that has timed out, because connecting is not measured.
    fn connect_again(&mut self, at: Side) -> Result<(), Failure> {
        self.connected[at as usize] = None;
        if at == Side::Client {
            let client = &mut self.hosts[Side::Client as usize];
            let peer = client.connect((), 1, 0);
            self.server = peer.map_err(|error| error.to_string())?.id();
        }
        Ok(())
    }
}

impl Pair for EnetPair {
    fn receive(&mut self, at: Side, datagrams: &[Vec<u8>], now: Instant) -> Result<(), Failure> {
        self.clock.set(START + (now - self.start));
        let host = &mut self.hosts[at as usize];
        for datagram in datagrams {
            host.socket_mut().write((), datagram.clone());
        }
        let mut has_failed = false;
        while let Some(event) = host.service()? {
            match event {
                Event::Connect { peer, .. } => self.connected[at as usize] = Some(peer.id()),
                Event::Receive { packet, .. } => self.messages.push_back(packet.data().to_vec()),
                Event::Disconnect { peer, .. } => {
                    // The peer of an abandoned attempt, or of the connection.
                    let current = self.connected[at as usize];
                    has_failed |= current.is_none_or(|current| current == peer.id());
                }
            }
        }
        match has_failed {
            true if self.is_connected() => Err("the peer timed out".into()),
            true => self.connect_again(at),
            false => Ok(()),
        }
    }

    fn is_connected(&self) -> bool {
        self.connected.iter().all(Option::is_some)
    }

    fn send(&mut self, message: &[u8], _now: Instant) -> Result<(), Failure> {
        let client = &mut self.hosts[Side::Client as usize];
        let sent = client
            .peer_mut(self.server)
            .send(0, &Packet::reliable(message));
        sent.map_err(|error| error.to_string().into())
    }

    fn flush(&mut self, at: Side, _now: Instant) {
        self.hosts[at as usize].flush();
    }

    fn poll_datagram(&mut self, from: Side, _now: Instant) -> Option<Vec<u8>> {
        let ((), datagram) = self.hosts[from as usize].socket_mut().read()?;
        Some(datagram)
    }

    fn poll_message(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.messages.pop_front())
    }
}
