//! Clients and a server of tickwire.

use tickwire::{Config, Event, Host, PeerId};
use tickwire_measure::cpu;
use tickwire_measure::losses::Losses;

use crate::prelude::*;
use crate::topics::client_pool::{ClientPool, serve};

/// Warm-up, in served clients. The first tick allocates 9 times per client, the second a few times
/// in total, and the tick after 512 inputs of 32 bytes (one chunk of the message pool) once.
const WARM_UP_SERVED: usize = 1280;
const WARM_UP_TICKS_MIN: usize = 5;

/// Messages of a tick.
#[derive(Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) input: &'static [u8],
    /// Number of messages that the server sends to each client.
    pub(crate) messages: usize,
    pub(crate) send: fn(&mut Host, &[PeerId]) -> io::Result<()>,
}

pub(crate) struct Game {
    pool: ClientPool,
    peers: Vec<PeerId>,
    workload: Workload,
    /// Whether the server is warm and must not allocate.
    is_warm: bool,
    /// Counters of both sides before the first tick and after the last.
    before: Losses,
    after: Losses,
}

impl Game {
    pub(crate) fn new(config: &Config, clients: usize, workload: Workload) -> io::Result<Self> {
        let pool = ClientPool::connected(config, clients)?;
        let mut game = Self {
            peers: pool.server.peers().collect(),
            pool,
            workload,
            is_warm: false,
            before: Losses::default(),
            after: Losses::default(),
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

    /// A round is `ticks` ticks. Its cost is their cost divided by `units`.
    pub(crate) fn entry(mut self, name: &str, ticks: usize, units: usize) -> Entry {
        Entry::with_losses(name, move || {
            let times = (0..ticks).map(|_| self.tick());
            let time = times.sum::<io::Result<_>>()?;
            Ok((nanos_per(units, time), self.lost()))
        })
    }

    /// Returns the CPU time of the server.
    fn tick(&mut self) -> io::Result<Duration> {
        for client in &mut self.pool.clients {
            client.send(self.workload.input)?;
        }
        let (mut inputs, mut time) = (Ok(0), Duration::ZERO);
        let info = allocation_counter::measure(|| {
            (inputs, time) = cpu::timed(|| self.serve());
        });
        let inputs = inputs?;
        self.clients_turn()?;
        let messages = self.pool.take_messages();
        // A lost datagram is reported by `lost`, and its retransmission allocates.
        if self.lost().is_nothing() {
            expect("inputs", inputs, self.peers.len())?;
            let wanted = self.workload.messages * self.peers.len();
            expect("messages", messages, wanted)?;
            if self.is_warm && info.count_total > 0 {
                let count = info.count_total;
                return failure(format!("the warm server allocated {count} times in a tick"));
            }
        }
        Ok(time)
    }

    /// The measured part: the tick of a game server. Returns the number of received inputs.
    fn serve(&mut self) -> io::Result<usize> {
        let server = &mut self.pool.server;
        server.receive()?;
        let mut inputs = 0;
        while let Some(event) = server.next_event() {
            inputs += usize::from(matches!(event, Event::Message { .. }));
        }
        (self.workload.send)(server, &self.peers)?;
        server.flush()?;
        Ok(inputs)
    }

    /// Counts what the server has drained, then lets the clients receive. Their replies count in
    /// the next tick.
    fn clients_turn(&mut self) -> io::Result<()> {
        let drained = self.pool.counts();
        self.pool.clients_turn()?;
        self.after = Losses {
            states_received: self.pool.counts().states_received,
            ..drained
        };
        Ok(())
    }

    fn lost(&self) -> Losses {
        self.after.since(&self.before)
    }
}
