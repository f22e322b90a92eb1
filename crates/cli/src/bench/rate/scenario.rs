//! The scenarios: link, traffic and goals.

use std::time::Duration;

use tickwire::sim::{LinkConditions, Loss};

use super::promise::{ADDED, ARRIVED, ARRIVED_UP, FAIRNESS, FLOOR, Promise, SHARE, SHARE_IN_FLOOD};

/// One row of the benchmark.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// The links to the clients and back.
    pub(super) down: LinkConditions,
    pub(super) up: LinkConditions,
    pub(super) driven: Driven,
    /// Clients that share the link. The game is a sequenced message of 100 bytes to and from each
    /// client, 60 times per second.
    pub(super) clients: usize,
    /// Long messages to each client, in one `Ordered` channel.
    pub(super) transfers: u32,
    /// Length of a long message in bytes.
    pub(super) transfer_len: usize,
    /// Whether each client also uploads long messages.
    pub(super) has_uploads: bool,
    /// Rate of additional unreliable messages of 500 bytes, in bits per second.
    pub(super) flood: u64,
    /// After this time the link has another rate, and after twice this time the first rate again.
    pub(super) changes: Option<(Duration, u64)>,
    /// Maximum duration; completed transfers end it earlier.
    pub(super) time_max: Duration,
    pub(super) rate_ceiling: u64,
    pub(super) promises: &'static [Promise],
}

/// How the hosts are driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(super) enum Driven {
    /// A loop that sleeps until something is due.
    ByDeadlines,
    /// A game loop, 60 times per second.
    ByTicks,
}

const MEGABIT: u64 = 1_000_000;

fn line(rate: u64, round_trip: Duration) -> LinkConditions {
    LinkConditions {
        latency: round_trip / 2,
        rate: Some(rate),
        queue_bytes: 64 << 10,
        ..LinkConditions::default()
    }
}

impl Scenario {
    fn new(name: &'static str, rate: u64, round_trip: Duration) -> Self {
        let way = line(rate, round_trip);
        Self {
            name,
            down: way.clone(),
            up: way,
            driven: Driven::ByDeadlines,
            clients: 1,
            transfers: 16,
            transfer_len: 1 << 20,
            has_uploads: false,
            flood: 0,
            changes: None,
            time_max: Duration::from_secs(60),
            rate_ceiling: 100 * MEGABIT,
            promises: &[],
        }
    }

    fn by_ticks(self) -> Self {
        Self {
            driven: Driven::ByTicks,
            ..self
        }
    }

    fn promising(self, promises: &'static [Promise]) -> Self {
        Self { promises, ..self }
    }

    fn without_transfer(self, seconds: u64) -> Self {
        Self {
            transfers: 0,
            ..self.for_at_most(seconds)
        }
    }

    fn for_at_most(self, seconds: u64) -> Self {
        Self {
            time_max: Duration::from_secs(seconds),
            ..self
        }
    }

    /// Changes both directions of the link.
    fn with_line(mut self, change: impl Fn(&mut LinkConditions)) -> Self {
        change(&mut self.down);
        change(&mut self.up);
        self
    }

    fn lossy(self, probability: f64) -> Self {
        self.with_line(|line| line.loss = Loss::Independent { probability })
    }
}

const TRANSFER: &[Promise] = &[SHARE, ADDED];
const SHARED: &[Promise] = &[SHARE, FAIRNESS];
const NARROW: &[Promise] = &[ARRIVED, FLOOR];

/// The reference rows of [`ADDED`].
pub(super) const ALONE: &str = "the game alone";
pub(super) const ALONE_BY_TICKS: &str = "the game alone, by ticks";

/// All rows in printing order.
pub(super) fn all() -> Vec<Scenario> {
    let ms = Duration::from_millis;
    let home = |name| Scenario::new(name, 10 * MEGABIT, ms(50)).lossy(0.01);
    let narrow = |name| Scenario {
        transfers: 1000,
        transfer_len: 16 << 10,
        promises: NARROW,
        ..Scenario::new(name, 256_000, ms(50)).for_at_most(30)
    };
    let shared = |name| Scenario {
        clients: 2,
        promises: SHARED,
        ..home(name)
    };
    vec![
        home(ALONE).without_transfer(15),
        home(ALONE_BY_TICKS).without_transfer(15).by_ticks(),
        home("a transfer and the game").promising(TRANSFER),
        home("a transfer and the game, by ticks")
            .promising(TRANSFER)
            .by_ticks(),
        shared("two transfers share the link"),
        shared("two transfers share the link, by ticks").by_ticks(),
        narrow("256 kbit/s: the game alone").without_transfer(30),
        narrow("256 kbit/s: a transfer and the game"),
        narrow("256 kbit/s: a transfer and the game, by ticks").by_ticks(),
        Scenario {
            flood: 30 * MEGABIT,
            promises: &[SHARE_IN_FLOOD],
            ..home("a flood at three times the link rate, and a transfer").for_at_most(15)
        },
        Scenario {
            changes: Some((Duration::from_secs(4), 5 * MEGABIT)),
            ..home("half the link rate from 4 s to 8 s")
        },
        home("200 ms of jitter").with_line(|line| line.jitter = ms(200)),
        Scenario {
            down: line(20 * MEGABIT, ms(50)),
            has_uploads: true,
            ..Scenario::new(
                "20 Mbit/s and 2 back, a transfer each way",
                2 * MEGABIT,
                ms(50),
            )
            .for_at_most(30)
        },
        Scenario::new("a satellite, 600 ms", 10 * MEGABIT, ms(600)),
        Scenario {
            rate_ceiling: 2_000 * MEGABIT,
            transfers: 256,
            promises: &[ARRIVED_UP],
            ..Scenario::new("1 Gbit/s, 1 ms", 1_000 * MEGABIT, ms(1))
        },
        home("the game alone, 15% loss, by ticks")
            .lossy(0.15)
            .without_transfer(15)
            .by_ticks(),
        home("a transfer and the game, 5% loss").lossy(0.05),
    ]
}
