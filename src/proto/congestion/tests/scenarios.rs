//! The links and the traffic that a rate is tried on, as plain data, so that a benchmark of real hosts can
//! take the same list.

use crate::proto::time::Duration;

/// A link, what goes over it, and what is wanted of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) link: Line,
    pub(crate) traffic: Traffic,
    /// How many connections like this share the link. They begin half a second apart.
    pub(crate) flows: usize,
    /// When the rate of the link changes, and to how many bits per second.
    pub(crate) changes: &'static [(Duration, u64)],
    /// The highest rate of the controller, in bits per second.
    pub(crate) ceiling: u64,
    /// When it ends, unless all that was to be transferred has arrived.
    pub(crate) ends: Duration,
    pub(crate) goals: Goals,
}

/// The forward direction; back there is the same delay and no narrow line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// In bits per second.
    pub(crate) rate: Option<u64>,
    pub(crate) round_trip: Duration,
    pub(crate) queue_bytes: usize,
    /// The probability, both ways.
    pub(crate) loss: f64,
    /// Up to so much, both ways.
    pub(crate) jitter: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    /// The length of the message that the game sends 60 times a second, in bytes; 0 for none.
    pub(crate) game: usize,
    /// How many bytes are transferred, and when that begins. They are sent until they arrive.
    pub(crate) bulk: Option<(u64, Duration)>,
    /// Unreliable messages beside that, in bits per second, and when they begin.
    pub(crate) flood: Option<(u64, Duration)>,
}

/// What is wanted in both ways to poll. Where issue and design name no figure these are guards against getting
/// worse, a little below what was reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goals {
    /// The bytes of the transfers that arrived, as a share of the line's rate.
    pub(crate) use_min: f64,
    /// How much later than without the transfer the game's messages may be, at the 99th percentile.
    pub(crate) added_max: Duration,
    /// Jain's index of fairness between the flows.
    pub(crate) fairness_min: f64,
    /// The share of the game's messages that arrives.
    pub(crate) game_min: f64,
    /// The share of the flood that arrives.
    pub(crate) flood_min: f64,
    /// The lowest rate of the controller in the last half of the time, in bits per second.
    pub(crate) rate_min: u64,
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What decides nothing.
const NO_GOALS: Goals = Goals {
    use_min: 0.0,
    added_max: ms(60_000),
    fairness_min: 0.0,
    game_min: 0.0,
    flood_min: 0.0,
    rate_min: 0,
};

/// 10 Mbit/s, 50 ms there and back, a queue of 64 KB.
const LINE: Line = Line {
    rate: Some(10_000_000),
    round_trip: ms(50),
    queue_bytes: 64 << 10,
    loss: 0.0,
    jitter: Duration::ZERO,
};

const BEGINS: Duration = ms(2000);

/// Sixteen messages of 1 MiB, and the game beside them.
const TRANSFER: Traffic = Traffic {
    game: 40,
    bulk: Some((16 << 20, BEGINS)),
    flood: None,
};

const GAME: Traffic = Traffic {
    game: 160,
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

/// All of them.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "1% loss",
        link: Line { loss: 0.01, ..LINE },
        goals: Goals {
            use_min: 0.8,
            added_max: ms(30),
            game_min: 0.98,
            ..NO_GOALS
        },
        ..PLAIN
    },
    Scenario {
        name: "no loss",
        goals: Goals {
            use_min: 0.8,
            added_max: ms(30),
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
            use_min: 0.8,
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
            use_min: 0.8,
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
            use_min: 0.7,
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
            use_min: 0.8,
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
            use_min: 0.3,
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
            use_min: 0.65,
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
            use_min: 0.07,
            added_max: ms(30),
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
