//! Clients and a server of this library.

use std::io;
use std::time::Duration;

use tickwire::{Config, Delivery, Event, PeerId};
use tickwire_measure::cpu;
use tickwire_measure::losses::{ClientCounts, Losses, ServerCounts};
use tickwire_measure::runner::{Subject, nanos};

use super::{EVENT, INPUT, SNAPSHOT};
use crate::topics::client_pool::{ClientPool, serve};
use crate::work::expect;

/// How often clients are served before the first tick that counts. The first tick was seen to allocate 9 times for each
/// client, and the second a few times in all; after 512 inputs of 32 bytes, which is as much as a chunk of the pool of
/// messages holds, it happened once more. From then on never.
const WARM_UP_SERVED: usize = 1280;
const WARM_UP_TICKS_MIN: usize = 5;

pub(super) struct Game {
    pool: ClientPool,
    peers: Vec<PeerId>,
    ticks: usize,
    /// Whether the server has made enough ticks that it may not allocate any more.
    is_warm: bool,
    /// What both sides had counted before the first tick, and after the last one.
    before: (ClientCounts, ServerCounts),
    after: (ClientCounts, ServerCounts),
}

impl Game {
    pub(super) fn new(config: &Config, clients: usize, ticks: usize) -> io::Result<Self> {
        let pool = ClientPool::connected(config, clients)?;
        let peers = pool.server.peers().collect();
        let mut game = Self {
            pool,
            peers,
            ticks,
            is_warm: false,
            before: Default::default(),
            after: Default::default(),
        };
        serve(&mut game.pool.server)?;
        game.clients_turn()?;
        game.before = game.after;
        let warm_up_ticks = WARM_UP_SERVED.div_ceil(clients).max(WARM_UP_TICKS_MIN);
        for _ in 0..warm_up_ticks {
            game.tick()?;
        }
        game.is_warm = true;
        Ok(game)
    }

    /// Returns the CPU time of the server.
    fn tick(&mut self) -> io::Result<Duration> {
        for client in &mut self.pool.clients {
            client.send(INPUT)?;
        }
        let (mut inputs, mut time) = (Ok(0), Duration::ZERO);
        let info = allocation_counter::measure(|| {
            (inputs, time) = cpu::timed(|| self.serve());
        });
        let inputs = inputs?;
        self.clients_turn()?;
        let clients = self.pool.clients.iter_mut();
        let messages: usize = clients
            .map(|client| std::mem::take(&mut client.messages))
            .sum();
        // A lost datagram is reported with its place, see `losses`; its retransmission allocates.
        if self.lost().is_nothing() {
            expect("inputs", inputs, self.peers.len())?;
            expect("messages", messages, 2 * self.peers.len())?;
            if self.is_warm {
                expect_no_allocation(info.count_total)?;
            }
        }
        Ok(time)
    }

    /// The part that is measured: what a game server does in a tick. Returns how many inputs arrived.
    fn serve(&mut self) -> io::Result<usize> {
        let server = &mut self.pool.server;
        server.receive()?;
        let mut inputs = 0;
        while let Some(event) = server.next_event() {
            inputs += usize::from(matches!(event, Event::Message { .. }));
        }
        for peer in self.peers.iter().copied() {
            server.send(peer, Delivery::Unreliable, SNAPSHOT)?;
            server.send(peer, Delivery::Reliable, EVENT)?;
        }
        server.flush()?;
        Ok(inputs)
    }

    /// Counts what the server has drained, then lets the clients receive its answers. What they send in return is
    /// drained in the next tick, and counts from then on.
    fn clients_turn(&mut self) -> io::Result<()> {
        let (drained, server) = (self.pool.counts(), self.server_counts());
        self.pool.clients_turn()?;
        let clients = ClientCounts {
            states_received: self.pool.counts().states_received,
            ..drained
        };
        self.after = (clients, server);
        Ok(())
    }

    fn server_counts(&self) -> ServerCounts {
        let stats = self.pool.server.socket_stats();
        ServerCounts {
            inputs_received: stats.datagrams_received,
            dropped_by_kernel: Some(stats.dropped_by_kernel),
            budget_spent: stats.budget_spent,
            states_sent: stats.datagrams_sent,
            queue_full: stats.queue_full,
            discarded: stats.discarded,
            // The send queue is empty after a flush, or the socket is full and the next turn goes on.
            queued: 0,
        }
    }

    fn lost(&self) -> Losses {
        let ((clients, server), (clients_before, server_before)) = (self.after, self.before);
        let clients = ClientCounts {
            inputs_sent: clients.inputs_sent - clients_before.inputs_sent,
            inputs_refused: clients.inputs_refused - clients_before.inputs_refused,
            states_received: clients.states_received - clients_before.states_received,
        };
        let dropped = server
            .dropped_by_kernel
            .zip(server_before.dropped_by_kernel);
        let server = ServerCounts {
            inputs_received: server.inputs_received - server_before.inputs_received,
            dropped_by_kernel: dropped.map(|(now, before)| now - before),
            budget_spent: server.budget_spent - server_before.budget_spent,
            states_sent: server.states_sent - server_before.states_sent,
            queue_full: server.queue_full - server_before.queue_full,
            discarded: server.discarded - server_before.discarded,
            queued: server.queued,
        };
        Losses::of(clients, server)
    }
}

impl Subject for Game {
    fn round(&mut self) -> io::Result<f64> {
        let mut time = Duration::ZERO;
        for _ in 0..self.ticks {
            time += self.tick()?;
        }
        Ok(nanos(time))
    }

    fn losses(&self) -> Option<Losses> {
        Some(self.lost())
    }
}

fn expect_no_allocation(count: u64) -> io::Result<()> {
    if count == 0 {
        return Ok(());
    }
    let text = format!("the warm server allocated {count} times in a tick");
    Err(io::Error::other(text))
}
