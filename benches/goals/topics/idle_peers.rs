//! Cost of idle peers: a turn with 10,000 idle peers against a turn without them, while one active
//! peer exchanges a message.
//!
//! Without sockets, and within a virtual time too short for any idle peer to be due. The topic
//! `keep_alive` measures keep-alives.

use crate::prelude::*;
use tickwire::limits::RATE_MAX;
use tickwire::proto::HostState;
use tickwire::{Config, ConnectOptions, Delivery, Event, PeerId};

const IDLE_PEERS: u16 = 10_000;
const IDLE_PEERS_IN_TEST: u16 = 100;
const TURNS: usize = 500;

pub(crate) fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let idle = settings.size(IDLE_PEERS, IDLE_PEERS_IN_TEST);
    let (mut alone, mut crowded) = (World::new(0)?, World::new(idle)?);
    let crowded = move || crowded.turns();
    Ok(vec![
        Entry::new("a turn with one peer", move || alone.turns()),
        Entry::new("a turn with one peer and 10,000 idle ones", crowded),
    ])
}

/// A server, and a client that acts as all of its peers. Each connection has its own address: the
/// peer's for the server, and the server's for the client.
struct World {
    server: HostState,
    client: HostState,
    /// The active peer: the last to connect.
    active: PeerId,
    now: Instant,
    buffer: [u8; 1024],
}

impl World {
    fn new(idle: u16) -> io::Result<Self> {
        let config = Config {
            peers_max: usize::from(IDLE_PEERS) + 1,
            // Disables pacing.
            rate_floor: RATE_MAX,
            rate_ceiling: RATE_MAX,
            rate_start: RATE_MAX,
            ..Config::plain(7)
        };
        let now = Instant::now();
        let mut server = HostState::new(config.clone(), [1; 32], now)?;
        let mut client = HostState::new(config, [2; 32], now)?;
        let mut active = connect(&mut server, &mut client, 1, now)?;
        for number in 2..=idle + 1 {
            active = connect(&mut server, &mut client, number, now)?;
        }
        Ok(Self {
            server,
            client,
            active,
            now,
            buffer: [0; 1024],
        })
    }

    /// A turn of the server: one datagram in, one out.
    fn serve(&mut self, from: SocketAddr, len: usize, now: Instant) -> io::Result<usize> {
        self.server.handle_datagram(from, &self.buffer[..len], now);
        self.server.handle_timeout(now);
        while let Some(event) = self.server.poll_event() {
            if let Event::Message { peer, bytes, .. } = event {
                self.server.send(peer, Delivery::Unreliable, &bytes, now)?;
            }
        }
        let sent = self.server.poll_transmit(&mut self.buffer, now);
        sent.map(|sent| sent.len)
            .ok_or_else(|| io::Error::other("the server did not reply"))
    }

    fn turns(&mut self) -> io::Result<f64> {
        let mut time = Duration::ZERO;
        for _ in 0..TURNS {
            // The transmission time of a packet at the rate ceiling.
            self.now += Duration::from_micros(1);
            let (client, now) = (&mut self.client, self.now);
            client.send(self.active, Delivery::Unreliable, &[7; 32], now)?;
            let sent = client.poll_transmit(&mut self.buffer, now);
            let sent = sent.ok_or_else(|| io::Error::other("the client did not send"))?;
            let start = Instant::now();
            let len = self.serve(sent.to, sent.len, now)?;
            time += start.elapsed();
            let answer = &self.buffer[..len];
            self.client.handle_datagram(sent.to, answer, now);
            while self.client.poll_event().is_some() {}
        }
        Ok(nanos_per(TURNS, time))
    }
}

fn connect(
    server: &mut HostState,
    client: &mut HostState,
    number: u16,
    now: Instant,
) -> io::Result<PeerId> {
    let to = ([192, 0, 2, 1], number).into();
    let connected = client.connect(to, &ConnectOptions::default(), now);
    while carry(client, server, now) + carry(server, client, now) > 0 {
        server.handle_timeout(now);
    }
    while server.poll_event().is_some() || client.poll_event().is_some() {}
    connected.map_err(io::Error::other)
}

/// Delivers the pending datagrams of a host. Returns their number.
fn carry(from: &mut HostState, to: &mut HostState, now: Instant) -> usize {
    let (mut buffer, mut count) = ([0; 1024], 0);
    while let Some(sent) = from.poll_transmit(&mut buffer, now) {
        to.handle_datagram(sent.to, &buffer[..sent.len], now);
        count += 1;
    }
    count
}
