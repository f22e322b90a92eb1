//! Rounds that never were, for the tests of what is made of rounds.

use std::time::Duration;

use super::Settings;
use super::crowd::Played;
use super::load::Times;
use super::losses::{ClientCounts, ServerCounts};
use super::sample::Sample;
use super::server::{Served, Wake};
use crate::bench::buffer::ReceiveBuffer;

/// What differs from one test to the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) cpu_ms: Option<u64>,
    pub(super) ticks_late: u64,
    pub(super) overruns: u64,
    /// By the clients.
    pub(super) ticks_missed: u64,
    /// Of 1000.
    pub(super) inputs_received: u64,
}

impl Run {
    /// Two seconds in which nothing went wrong.
    pub(super) const GOOD: Self = Self {
        cpu_ms: Some(500),
        ticks_late: 0,
        overruns: 0,
        ticks_missed: 0,
        inputs_received: 1000,
    };
}

/// 10 clients and 100 ticks of 20 ms.
pub(super) fn settings() -> Settings {
    Settings {
        clients: 10,
        hz: 50,
        duration_seconds: 2.0,
        ticks: 100,
        rounds: 3,
        wake: Wake::Arrival,
        input: 32,
        state: 200,
        receive_buffer: ReceiveBuffer::look().unwrap(),
    }
}

/// Each tick took 5 of its 20 ms.
pub(super) fn sample(run: Run) -> Sample {
    let counts = ServerCounts {
        inputs_received: run.inputs_received,
        states_sent: 1000,
        ..ServerCounts::default()
    };
    let mut times = Times::new().unwrap();
    times.record(Duration::from_millis(5 * 100), 100);
    let served = Served {
        counts,
        ticks: 100,
        ticks_late: run.ticks_late,
        overruns: run.overruns,
        turns: 200,
        cpu: run.cpu_ms.map(Duration::from_millis),
        wall: Duration::from_secs(2),
        awake: times.clone(),
        cpu_each: times,
    };
    let played = Played {
        counts: ClientCounts {
            inputs_sent: 1000,
            inputs_refused: 0,
            states_received: 1000,
        },
        ticks_missed: run.ticks_missed,
        cpu: None,
        wall: Duration::from_secs(2),
    };
    Sample::of(&settings(), &served, &played)
}
