//! A game tick of a server: every client has sent an unreliable input of 32 bytes; the server sends
//! every client an unreliable snapshot of 200 bytes and a reliable event of 40 bytes.
//!
//! Real sockets over loopback. Server and clients share a thread, and only the server's CPU time
//! counts. The floors send every client one datagram of 240 bytes without a protocol. A warm server
//! must not allocate. Losses are counted by place (network, receive buffer, turn budget, send
//! queue, peer); a topic with a loss meets no goal.

mod floor;
mod game;

use tickwire::{Config, Delivery};

pub(crate) use self::game::{Game, Workload};
use crate::prelude::*;
use crate::topics::client_pool::noise;

/// Served clients of a round, over all its ticks.
const SERVED: usize = 1280;
const SERVED_IN_TEST: usize = 192;

const CLIENTS_MAX_IN_TEST: usize = 64;

const INPUT: &[u8] = &[1; 32];
const SNAPSHOT: &[u8] = &[2; 200];
const EVENT: &[u8] = &[3; 40];
const BOTH: &[u8] = &[2; 240];

const TICK: Workload = Workload {
    input: INPUT,
    messages: 2,
    send: |server, peers| {
        for &peer in peers {
            server.send(peer, Delivery::Unreliable, SNAPSHOT)?;
            server.send(peer, Delivery::Reliable, EVENT)?;
        }
        Ok(())
    },
};

/// Number of clients, and of ticks per round.
fn size(settings: &Settings, clients: usize) -> (usize, usize) {
    let clients = settings.size(clients, clients.min(CLIENTS_MAX_IN_TEST));
    let served = settings.size(SERVED, SERVED_IN_TEST);
    (clients, served.div_ceil(clients))
}

pub(crate) fn enter(settings: &Settings, clients: usize) -> io::Result<Vec<Entry>> {
    let (clients, ticks) = size(settings, clients);
    let plain = Game::new(&Config::plain(7), clients, TICK)?;
    let noise = Game::new(&noise(), clients, TICK)?;
    Ok(vec![
        floor::batched(clients, ticks)?,
        plain.entry("tickwire, plain", ticks, clients * ticks),
        noise.entry("tickwire, Noise", ticks, clients * ticks),
    ])
}

pub(crate) fn enter_with_single(settings: &Settings, clients: usize) -> io::Result<Vec<Entry>> {
    let (connected, ticks) = size(settings, clients);
    let mut entries = enter(settings, clients)?;
    entries.push(floor::single(connected, ticks)?);
    Ok(entries)
}
