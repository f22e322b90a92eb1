//! The simulated links and traffic, as plain data.

use crate::proto::time::Duration;

#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) link: Line,
    pub(super) traffic: Traffic,
    /// Number of flows that share the path. They begin half a second apart.
    pub(super) flows: usize,
    /// Changes of the line rate: when, and to how many bits per second.
    pub(super) changes: &'static [(Duration, u64)],
    /// Maximum pacing rate in bits per second.
    pub(super) ceiling: u64,
    /// When the run ends, unless all transfers are complete before.
    pub(super) ends: Duration,
    pub(super) goals: Goals,
}

/// The forward direction. The return direction has the same delay, loss and jitter, and no rate
/// limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Line rate in bits per second.
    pub(super) rate: Option<u64>,
    pub(super) round_trip: Duration,
    pub(super) queue_bytes: usize,
    /// Loss probability in each direction.
    pub(super) loss: f64,
    /// Maximum jitter in each direction.
    pub(super) jitter: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    /// Length in bytes of the message that the game sends 60 times per second.
    pub(super) game: Option<usize>,
    /// Bytes of the reliable transfer, and when it begins.
    pub(super) bulk: Option<(u64, Duration)>,
    /// Rate of unreliable messages in bits per second, and when they begin.
    pub(super) flood: Option<(u64, Duration)>,
}

/// Figures that every seed and both ways to poll must reach, most a little below the measured ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goals {
    /// As a share of the line rate.
    pub(super) utilization_min: f64,
    /// At the 99th percentile.
    pub(super) added_delay_max: Duration,
    /// Jain's fairness index between the flows.
    pub(super) fairness_min: f64,
    pub(super) game_min: f64,
    pub(super) flood_min: f64,
    /// In the second half of the run, in bits per second.
    pub(super) rate_min: u64,
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const NO_GOALS: Goals = Goals {
    utilization_min: 0.0,
    added_delay_max: ms(60_000),
    fairness_min: 0.0,
    game_min: 0.0,
    flood_min: 0.0,
    rate_min: 0,
};

const LINE: Line = Line {
    rate: Some(10_000_000),
    round_trip: ms(50),
    queue_bytes: 64 << 10,
    loss: 0.0,
    jitter: Duration::ZERO,
};

const BEGINS: Duration = ms(2000);

const TRANSFER: Traffic = Traffic {
    game: Some(40),
    bulk: Some((16 << 20, BEGINS)),
    flood: None,
};

const GAME: Traffic = Traffic {
    game: Some(160),
    bulk: None,
    flood: None,
};

const PLAIN: Scenario = Scenario {
    name: "",
    link: LINE,
    traffic: TRANSFER,
    flows: 1,
    changes: &[],
    ceiling: 100_000_000,
    ends: ms(60_000),
    goals: NO_GOALS,
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "1% loss",
        link: Line { loss: 0.01, ..LINE },
        goals: Goals {
            utilization_min: 0.8,
            added_delay_max: ms(30),
            game_min: 0.98,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "no loss",
        goals: Goals {
            utilization_min: 0.8,
            added_delay_max: ms(30),
            game_min: 0.99,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "two transfers",
        link: Line { loss: 0.01, ..LINE },
        flows: 2,
        goals: Goals {
            utilization_min: 0.8,
            fairness_min: 0.9,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "four transfers",
        flows: 4,
        traffic: Traffic {
            bulk: Some((8 << 20, BEGINS)),
            ..TRANSFER
        },
        goals: Goals {
            utilization_min: 0.8,
            fairness_min: 0.7,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "game on 256 kbit/s",
        link: Line {
            rate: Some(256_000),
            ..LINE
        },
        traffic: GAME,
        ends: ms(20_000),
        goals: Goals {
            game_min: 1.0,
            rate_min: 128_000,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "transfer on 256 kbit/s",
        link: Line {
            rate: Some(256_000),
            ..LINE
        },
        traffic: Traffic {
            bulk: Some((256 << 10, BEGINS)),
            ..TRANSFER
        },
        goals: Goals {
            utilization_min: 0.7,
            game_min: 0.93,
            rate_min: 128_000,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "game, 5% loss",
        link: Line { loss: 0.05, ..LINE },
        traffic: GAME,
        ends: ms(30_000),
        goals: Goals {
            game_min: 0.93,
            rate_min: 400_000,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "game, 15% loss",
        link: Line { loss: 0.15, ..LINE },
        traffic: GAME,
        ends: ms(30_000),
        goals: Goals {
            game_min: 0.81,
            rate_min: 400_000,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "transfer, 5% loss",
        link: Line { loss: 0.05, ..LINE },
        ..PLAIN
    },
    Scenario {
        name: "rate halves, returns",
        traffic: Traffic {
            bulk: Some((20 << 20, BEGINS)),
            ..TRANSFER
        },
        changes: &[(ms(8000), 5_000_000), (ms(14_000), 10_000_000)],
        goals: Goals {
            utilization_min: 0.8,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "200 ms jitter",
        link: Line {
            jitter: ms(200),
            ..LINE
        },
        goals: Goals {
            utilization_min: 0.3,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "satellite",
        link: Line {
            round_trip: ms(600),
            queue_bytes: 512 << 10,
            ..LINE
        },
        goals: Goals {
            utilization_min: 0.65,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "satellite, 1% loss",
        link: Line {
            round_trip: ms(600),
            queue_bytes: 512 << 10,
            loss: 0.01,
            ..LINE
        },
        ..PLAIN
    },
    Scenario {
        name: "1 Gbit/s, 1 ms",
        link: Line {
            rate: Some(1_000_000_000),
            round_trip: ms(1),
            queue_bytes: 1 << 20,
            ..LINE
        },
        traffic: Traffic {
            bulk: Some((64 << 20, BEGINS)),
            ..TRANSFER
        },
        goals: Goals {
            utilization_min: 0.07,
            added_delay_max: ms(30),
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "the same, ceiling 1 G",
        link: Line {
            rate: Some(1_000_000_000),
            round_trip: ms(1),
            queue_bytes: 1 << 20,
            ..LINE
        },
        traffic: Traffic {
            bulk: Some((256 << 20, BEGINS)),
            ..TRANSFER
        },
        ceiling: 1_000_000_000,
        ..PLAIN
    },
    Scenario {
        name: "shallow queue, 8 KB",
        link: Line {
            queue_bytes: 8 << 10,
            ..LINE
        },
        ..PLAIN
    },
    Scenario {
        name: "flood of three times",
        traffic: Traffic {
            flood: Some((30_000_000, BEGINS)),
            bulk: None,
            ..TRANSFER
        },
        ends: ms(15_000),
        goals: Goals {
            game_min: 0.95,
            flood_min: 0.25,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "sudden 10 M, no line",
        link: Line {
            rate: None,
            round_trip: Duration::from_micros(400),
            ..LINE
        },
        traffic: Traffic {
            flood: Some((10_000_000, BEGINS)),
            bulk: None,
            ..TRANSFER
        },
        ends: ms(7000),
        goals: Goals {
            game_min: 1.0,
            flood_min: 0.97,
            ..NO_GOALS
        },
        ..PLAIN
    },
];
