//! Clients and a server of this library.

use std::io;
use std::time::Duration;

use tickwire::{Config, Delivery, Event, PeerId};

use super::{EVENT, INPUT, SNAPSHOT};
use crate::cpu::thread_cpu_time;
use crate::runner::Subject;
use crate::topics::client_pool::{ClientPool, expect};

/// How often clients are served before the first tick that counts. The first tick was seen to allocate 9 times
/// for each client, and the second a few times in all; after 512 inputs of 32 bytes, which is as much as a chunk
/// of the pool of messages holds, it happened once more. From then on never.
const WARM_UP_SERVED: usize = 1280;
const WARM_UP_TICKS_MIN: usize = 5;

pub(super) struct Game {
    client_pool: ClientPool,
    peers: Vec<PeerId>,
    ticks: usize,
}

/// What a tick cost the server.
#[derive(Debug, Default)]
struct Cost {
    time: Duration,
    allocations: u64,
}

impl Game {
    pub(super) fn new(config: &Config, clients: usize, ticks: usize) -> io::Result<Self> {
        let client_pool = ClientPool::new(config, clients)?;
        let peers = client_pool.server.peers().collect();
        let mut game = Self {
            client_pool,
            peers,
            ticks,
        };
        let warm_up_ticks = WARM_UP_SERVED.div_ceil(clients).max(WARM_UP_TICKS_MIN);
        for _ in 0..warm_up_ticks {
            game.tick()?;
        }
        Ok(game)
    }

    fn tick(&mut self) -> io::Result<Cost> {
        for client in &mut self.client_pool.clients {
            client.send(INPUT)?;
        }
        let (mut inputs, mut time) = (Ok(0), Duration::ZERO);
        let info = allocation_counter::measure(|| {
            let start = thread_cpu_time();
            inputs = self.serve();
            time = thread_cpu_time() - start;
        });
        expect("inputs", inputs?, self.peers.len())?;
        for client in &mut self.client_pool.clients {
            client.turn()?;
            expect("messages", std::mem::take(&mut client.messages), 2)?;
        }
        Ok(Cost {
            time,
            allocations: info.count_total,
        })
    }

    /// The part that is measured: what a game server does in a tick. Returns how many inputs came.
    fn serve(&mut self) -> io::Result<usize> {
        let server = &mut self.client_pool.server;
        server.poll()?;
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
}

impl Subject for Game {
    fn round(&mut self) -> io::Result<Duration> {
        let mut time = Duration::ZERO;
        for _ in 0..self.ticks {
            let cost = self.tick()?;
            expect_no_allocation(cost.allocations)?;
            time += cost.time;
        }
        Ok(time)
    }
}

fn expect_no_allocation(count: u64) -> io::Result<()> {
    if count == 0 {
        return Ok(());
    }
    let text = format!("the warm server allocated {count} times in a tick");
    Err(io::Error::other(text))
}
