//! Admission of 10,000 connections: duration, CPU time of the server, memory per connection.
//!
//! Real sockets over loopback, one per client, at most 128 connecting at a time. Server and clients
//! share a thread, so the duration includes the clients; CPU time and memory are the server's
//! alone. Every client must be admitted, remain connected and disconnect.

use tickwire::{Config, DisconnectReason, Event, Host};
use tickwire_measure::cpu;

use super::clients;
use crate::prelude::*;
use crate::topics::client_pool::{ClientPool, noise};

/// Application code of the disconnects.
const CLOSED: u32 = 17;

pub(crate) fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let clients = clients(settings)?;
    let times = |security, config| {
        let names = ["CPU time of the server", "until all are admitted"];
        let names = names.map(|what| format!("tickwire {security}, {what}"));
        Entry::joint(names, move || {
            let admitted = admit(&config, clients)?;
            Ok([admitted.cpu, admitted.wall].map(|time| nanos_per(clients, time)))
        })
    };
    Ok(vec![
        times("plain", Config::plain(7)),
        times("with Noise", noise()),
    ])
}

/// Memory of all clients, the same in every round.
pub(crate) fn enter_memory(settings: &Settings) -> io::Result<Vec<Entry>> {
    let clients = clients(settings)?;
    let bytes = |heap: &str, stated: &str, config: Config| {
        let heap_bytes = admit(&config, clients)?.heap_bytes as f64 / clients as f64;
        let bytes = [heap_bytes, config.peer_bytes_idle() as f64];
        let names = [
            format!("tickwire {heap}, heap of the server"),
            format!("stated by Config::peer_bytes_idle, {stated}"),
        ];
        Ok::<_, io::Error>(Entry::joint(names, move || Ok(bytes)))
    };
    Ok(vec![
        bytes("plain", "plain", Config::plain(7))?,
        bytes("with Noise", "Noise", noise())?,
    ])
}

#[derive(Debug, Default)]
struct Admitted {
    cpu: Duration,
    wall: Duration,
    /// Heap in use by the server.
    heap_bytes: i64,
}

/// Admits all clients, checks that they remain connected, and disconnects them.
fn admit(config: &Config, clients: usize) -> io::Result<Admitted> {
    let config = Config {
        peers_max: clients,
        ..config.clone()
    };
    let mut pool = ClientPool::open(&config, clients)?;
    let (mut admitted, mut events) = (Admitted::default(), Events::default());
    let start = Instant::now();
    pool.connect(|server| {
        let mut served = (Ok(()), Duration::ZERO);
        let info = allocation_counter::measure(|| served = cpu::timed(|| events.turn(server)));
        admitted.cpu += served.1;
        admitted.heap_bytes += info.bytes_current;
        served.0
    })?;
    admitted.wall = start.elapsed();
    expect("connections", events.connected, clients)?;

    events.turn(&mut pool.server)?;
    expect("ends", events.closed + events.failed, 0)?;
    for client in &mut pool.clients {
        expect("ends", client.disconnected, 0)?;
        client.disconnect(CLOSED)?;
        events.turn(&mut pool.server)?;
    }
    // Every disconnect at the server must come from a client.
    expect("closes", events.closed, clients)?;
    expect("ends", events.failed, 0)?;
    Ok(admitted)
}

#[derive(Debug, Default)]
struct Events {
    connected: usize,
    closed: usize,
    failed: usize,
}

impl Events {
    fn turn(&mut self, server: &mut Host) -> io::Result<()> {
        server.poll()?;
        while let Some(event) = server.next_event() {
            match event {
                Event::Connected { .. } => self.connected += 1,
                Event::Disconnected {
                    reason: DisconnectReason::Remote { code: CLOSED },
                    ..
                } => self.closed += 1,
                Event::Disconnected { .. } => self.failed += 1,
                _ => {}
            }
        }
        Ok(())
    }
}
