//! tickwire: two [`HostState`]s with encryption, driven as [`tickwire::Host`] drives them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::limits::DATAGRAM_MAX;
use tickwire::proto::HostState;
use tickwire::{Config, ConnectOptions, Delivery, Event, PeerId};

use super::{Failure, Pair, Side};

/// Addresses for documentation (RFC 5737), indexed by side.
const ADDRESSES: [([u8; 4], u16); 2] = [([192, 0, 2, 1], 1), ([192, 0, 2, 2], 2)];

/// As in `tickwire bench messages`: the default of 10 s is too short for bursts at high loss, and
/// connecting is not measured.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(120);

pub(super) struct TickwirePair {
    hosts: [HostState; 2],
    server: PeerId,
    connected: [bool; 2],
}

impl TickwirePair {
    pub(super) fn new(redundant_copies: u8, seed: u64, now: Instant) -> Result<Self, Failure> {
        let config = Config {
            connect_timeout: CONNECT_TIMEOUT,
            redundant_copies,
            peers_max: 1,
            ..Config::noise(1)
        };
        let server = HostState::new(config.clone(), seed_of(seed, 2), now)?;
        let mut client = HostState::new(config, seed_of(seed, 1), now)?;
        let key = server.public_key().ok_or("the server has no key")?;
        let options = ConnectOptions::default().pin(key);
        Ok(Self {
            server: client.connect(address(Side::Server), &options, now)?,
            hosts: [client, server],
            connected: [false; 2],
        })
    }
}

impl Pair for TickwirePair {
    fn receive(&mut self, at: Side, datagrams: &[Vec<u8>], now: Instant) -> Result<(), Failure> {
        let host = &mut self.hosts[at as usize];
        for datagram in datagrams {
            host.handle_datagram(address(at.other()), datagram, now);
        }
        host.handle_timeout(now);
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.connected == [true; 2]
    }

    fn send(&mut self, message: &[u8], now: Instant) -> Result<(), Failure> {
        let client = &mut self.hosts[Side::Client as usize];
        Ok(client.send(self.server, Delivery::Ordered(0), message, now)?)
    }

    /// A host sends when it is polled, at the end of `receive` and of the tick.
    fn flush(&mut self, _at: Side, _now: Instant) {}

    fn poll_datagram(&mut self, from: Side, now: Instant) -> Option<Vec<u8>> {
        let mut buffer = [0; DATAGRAM_MAX];
        let sent = self.hosts[from as usize].poll_transmit(&mut buffer, now)?;
        Some(buffer[..sent.len].to_vec())
    }

    /// Events are taken after `receive` has sent its acknowledgements, as after
    /// [`tickwire::Host::wait`].
    fn poll_message(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        for side in Side::BOTH {
            while let Some(event) = self.hosts[side as usize].poll_event() {
                match event {
                    Event::Connected { .. } => self.connected[side as usize] = true,
                    Event::Message { bytes, .. } => return Ok(Some(bytes.to_vec())),
                    Event::Disconnected { reason, .. } => return Err(reason.to_string().into()),
                    _ => {}
                }
            }
        }
        Ok(None)
    }
}

fn address(side: Side) -> SocketAddr {
    ADDRESSES[side as usize].into()
}

/// As in `tickwire bench messages`, so that both programs print the same figures.
fn seed_of(seed: u64, host: u8) -> [u8; 32] {
    let mut bytes = [host; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes
}
