//! Admission of 10,000 connections: how long it takes, what it costs the server, and how much memory a connection takes.
//!
//! Real sockets over loopback, one per client, at most 128 clients connecting at a time. Server and clients take turns on
//! one thread, so the time until all are admitted includes the clients; the CPU time and the memory are the server's
//! alone. Every client must be admitted, be kept and close its connection.

use std::io;
use std::time::{Duration, Instant};

#[cfg(feature = "noise")]
use tickwire::limits::HANDSHAKES_MAX;
use tickwire::{Config, DisconnectReason, Event, Host};
#[cfg(feature = "noise")]
use tickwire::{NoiseConfig, Security};
use tickwire_measure::cpu;
use tickwire_measure::runner::{Entry, Goal, Subject, Topic, joint, nanos};
use tickwire_measure::settings::Settings;

use super::clients;
use crate::topics::client_pool::ClientPool;
use crate::work::expect;

const CLIENTS: usize = 10_000;
const CLIENTS_IN_TEST: usize = 64;
const ROUNDS_MAX: usize = 5;

/// Application code with which the clients close.
const CLOSED: u32 = 17;

const PLAIN_CPU: &str = "tickwire plain, CPU time of the server";
const PLAIN_WALL: &str = "tickwire plain, until all are admitted";
#[cfg(feature = "noise")]
const NOISE_CPU: &str = "tickwire with Noise, CPU time of the server";
#[cfg(feature = "noise")]
const NOISE_WALL: &str = "tickwire with Noise, until all are admitted";

const GOALS: &[Goal] = &[
    #[cfg(feature = "noise")]
    Goal::shown(
        "admission of 10,000 connections: CPU time of the server, Noise against plain",
        NOISE_CPU,
        PLAIN_CPU,
    ),
    #[cfg(feature = "noise")]
    Goal::shown(
        "admission of 10,000 connections: time until all are admitted, Noise against plain",
        NOISE_WALL,
        PLAIN_WALL,
    ),
    Goal::shown(
        "admission of 10,000 connections: CPU time of the server against the time until all are admitted",
        PLAIN_CPU,
        PLAIN_WALL,
    ),
];

const PLAIN_HEAP: &str = "tickwire plain, heap of the server";
const PLAIN_STATED: &str = "stated by Config::peer_bytes_idle, plain";
#[cfg(feature = "noise")]
const NOISE_HEAP: &str = "tickwire with Noise, heap of the server";
#[cfg(feature = "noise")]
const NOISE_STATED: &str = "stated by Config::peer_bytes_idle, Noise";

const MEMORY_GOALS: &[Goal] = &[
    Goal::bounded(
        "memory of 10,000 connections: tickwire plain against what its configuration states",
        PLAIN_HEAP,
        PLAIN_STATED,
        1.00,
    ),
    #[cfg(feature = "noise")]
    Goal::bounded(
        "memory of 10,000 connections: tickwire with Noise against what its configuration states",
        NOISE_HEAP,
        NOISE_STATED,
        1.00,
    ),
];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "admission",
        unit: "ns per connection",
        units: clients(settings, CLIENTS, CLIENTS_IN_TEST),
        rounds: settings.rounds.min(ROUNDS_MAX),
        goals: GOALS,
        enter,
    }
}

pub(crate) fn memory_topic(settings: &Settings) -> Topic {
    Topic {
        title: "memory",
        unit: "bytes per connection",
        units: clients(settings, CLIENTS, CLIENTS_IN_TEST),
        // It is the same in every round.
        rounds: 1,
        goals: MEMORY_GOALS,
        enter: enter_memory,
    }
}

fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let clients = clients(settings, CLIENTS, CLIENTS_IN_TEST);
    let times = |config: Config| {
        move || {
            let admitted = admit(&config, clients)?;
            Ok([nanos(admitted.cpu), nanos(admitted.wall)])
        }
    };
    let entries = joint([PLAIN_CPU, PLAIN_WALL], times(plain(clients)));
    #[cfg(feature = "noise")]
    let entries = entries
        .into_iter()
        .chain(joint([NOISE_CPU, NOISE_WALL], times(noise(clients))));
    Ok(entries.into_iter().collect())
}

fn enter_memory(settings: &Settings) -> io::Result<Vec<Entry>> {
    let clients = clients(settings, CLIENTS, CLIENTS_IN_TEST);
    let memory = |heap, stated, config: &Config| {
        let admitted = admit(config, clients)?;
        let stated_bytes = config.peer_bytes_idle() * clients;
        Ok::<_, io::Error>([
            Entry::new(heap, Bytes(admitted.heap_bytes as f64)),
            Entry::new(stated, Bytes(stated_bytes as f64)),
        ])
    };
    let entries = memory(PLAIN_HEAP, PLAIN_STATED, &plain(clients))?;
    #[cfg(feature = "noise")]
    let entries = entries
        .into_iter()
        .chain(memory(NOISE_HEAP, NOISE_STATED, &noise(clients))?);
    Ok(entries.into_iter().collect())
}

fn plain(clients: usize) -> Config {
    Config {
        peers_max: clients,
        ..Config::plain(7)
    }
}

/// A server that every client may ask for a handshake at once.
#[cfg(feature = "noise")]
fn noise(clients: usize) -> Config {
    Config {
        peers_max: clients,
        security: Security::Noise(NoiseConfig {
            handshakes_per_second: HANDSHAKES_MAX,
            handshake_burst: HANDSHAKES_MAX,
            ..NoiseConfig::new(7)
        }),
        ..Config::default()
    }
}

/// What the admission of all clients took.
#[derive(Debug, Default)]
struct Admitted {
    cpu: Duration,
    wall: Duration,
    /// Heap that the server allocated and did not free.
    heap_bytes: i64,
}

/// Admits all clients, checks that they are kept, and closes them.
fn admit(config: &Config, clients: usize) -> io::Result<Admitted> {
    let mut pool = ClientPool::open(config, clients)?;
    let (mut admitted, mut connected) = (Admitted::default(), 0);
    let start = Instant::now();
    pool.connect(|server| {
        let info = allocation_counter::measure(|| {
            let (events, time) = cpu::timed(|| turn(server));
            admitted.cpu += time;
            connected += events.as_ref().map_or(0, |events| events.connected);
        });
        admitted.heap_bytes += info.bytes_current;
        Ok(())
    })?;
    admitted.wall = start.elapsed();
    expect("connections", connected, clients)?;

    let idle = turn(&mut pool.server)?;
    expect("ends", idle.closed + idle.failed, 0)?;
    close(&mut pool)?;
    Ok(admitted)
}

/// Closes every connection. The server must see every close, and no other end.
fn close(pool: &mut ClientPool) -> io::Result<()> {
    let (mut closed, mut failed) = (0, 0);
    for client in &mut pool.clients {
        expect("ends", client.disconnected, 0)?;
        client.disconnect(CLOSED)?;
        let events = turn(&mut pool.server)?;
        closed += events.closed;
        failed += events.failed;
    }
    expect("closes", closed, pool.clients.len())?;
    expect("ends", failed, 0)
}

/// What a turn of the server reported.
#[derive(Debug, Default)]
struct Events {
    connected: usize,
    closed: usize,
    failed: usize,
}

fn turn(server: &mut Host) -> io::Result<Events> {
    let mut events = Events::default();
    server.poll()?;
    while let Some(event) = server.next_event() {
        match event {
            Event::Connected { .. } => events.connected += 1,
            Event::Disconnected {
                reason: DisconnectReason::Remote { code: CLOSED },
                ..
            } => events.closed += 1,
            Event::Disconnected { .. } => events.failed += 1,
            _ => {}
        }
    }
    Ok(events)
}

/// The memory of all clients, which is the same in every round.
struct Bytes(f64);

impl Subject for Bytes {
    fn round(&mut self) -> io::Result<f64> {
        Ok(self.0)
    }
}
