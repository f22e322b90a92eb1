//! The floor: clients and a server without a protocol, one datagram each way.

use std::net::UdpSocket;

use tickwire_measure::cpu;
use tickwire_measure::floors::bind;
use tickwire_measure::losses::Losses;
use tickwire_measure::side::{Side, unless_blocked};

use super::{BOTH, INPUT};
use crate::prelude::*;
use crate::raw::{Controls, RawSocket, peer_name};
use crate::work::{Drains, std_loop};

pub(super) fn batched(clients: usize, ticks: usize) -> io::Result<Entry> {
    let name = "recvmmsg and sendmmsg, no protocol";
    let mut server = RawSocket::new(Controls::None)?;
    let (clients, peers) = clients_of(server.address()?, clients)?;
    let peers = peers.into_iter().map(peer_name);
    let peers = peers.collect::<io::Result<Vec<_>>>()?;
    let tick = move || server.tick(&peers, BOTH);
    Ok(entry(name, clients, ticks, tick))
}

pub(super) fn single(clients: usize, ticks: usize) -> io::Result<Entry> {
    let name = "recvfrom and sendto, no protocol";
    let mut server = std_loop()?;
    let (clients, peers) = clients_of(Side::address(&server)?, clients)?;
    let tick = move || {
        let count = server.drain()?.count;
        for peer in &peers {
            server.send(*peer, BOTH)?;
        }
        Ok(count)
    };
    Ok(entry(name, clients, ticks, tick))
}

fn clients_of(server: SocketAddr, count: usize) -> io::Result<(Vec<UdpSocket>, Vec<SocketAddr>)> {
    let client = |_| {
        let socket = bind(LOOPBACK, None)?;
        socket.connect(server)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    };
    (0..count).map(client).collect()
}

/// A `tick` of the server drains the socket, sends every client a datagram, and returns the number
/// of received datagrams.
fn entry(
    name: &str,
    clients: Vec<UdpSocket>,
    ticks: usize,
    mut tick: impl FnMut() -> io::Result<usize> + 'static,
) -> Entry {
    let mut losses = Losses::default();
    Entry::with_losses(name, move || {
        let mut time = Duration::ZERO;
        for _ in 0..ticks {
            for client in &clients {
                client.send(INPUT)?;
            }
            let (inputs, tick_time) = cpu::timed(&mut tick);
            time += tick_time;
            losses.inputs_sent += clients.len() as u64;
            losses.inputs_received += inputs? as u64;
            losses.states_sent += clients.len() as u64;
            let mut buffer = [0; 1024];
            for client in &clients {
                let len = unless_blocked(client.recv(&mut buffer))?;
                losses.states_received += u64::from(len == Some(BOTH.len()));
            }
        }
        Ok((nanos_per(clients.len() * ticks, time), losses))
    })
}
