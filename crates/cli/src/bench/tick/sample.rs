//! What one round of one contestant came to. Pure arithmetic on what was measured.

use std::time::Duration;

use serde::Serialize;

use super::Settings;
use super::crowd::Played;
use super::load::{Summary, cpu_micros_each, share};
use super::losses::Losses;
use super::server::Served;
use super::unsent::Unsent;

/// One round.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Sample {
    pub(super) server: ServerSample,
    pub(super) clients: ClientsSample,
    pub(super) losses: Losses,
    pub(super) unsent: Unsent,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct ServerSample {
    pub(super) ticks: u64,
    /// Made a period or more too late.
    pub(super) ticks_late: u64,
    /// Not made at all.
    pub(super) overruns: u64,
    pub(super) turns: u64,
    pub(super) wall_seconds: f64,
    pub(super) cpu_seconds: Option<f64>,
    /// Of one core, over the whole time.
    pub(super) cpu_share: Option<f64>,
    pub(super) cpu_micros_per_client_and_tick: Option<f64>,
    /// What a tick needs of the processor, as a share of the time from one to the next: more than 1
    /// cannot be done by one core. Where ticks were missed it is more than `cpu_share`.
    pub(super) cpu_share_of_tick: Option<f64>,
    /// How long a tick kept the server awake, in milliseconds: the time in which others had its
    /// processor counts too. Ticks that were made in one turn have an equal part of it each. What
    /// came after the last tick is in none of them.
    pub(super) awake_ms: Summary,
    /// The same as a share of the time from one tick to the next.
    pub(super) awake_share_of_tick: Summary,
    /// What a tick used of the processor, in milliseconds, where the system tells. Its mean times
    /// `ticks` is `cpu_seconds`, but for what was used after the last tick.
    pub(super) cpu_ms: Option<Summary>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct ClientsSample {
    pub(super) ticks_missed: u64,
    pub(super) cpu_share: Option<f64>,
}

impl Sample {
    pub(super) fn of(settings: &Settings, served: &Served, played: &Played) -> Self {
        Self {
            server: ServerSample::of(settings, served),
            clients: ClientsSample {
                ticks_missed: played.ticks_missed,
                cpu_share: cpu_share(played.cpu, played.wall),
            },
            losses: Losses::of(played.counts, served.counts),
            unsent: Unsent::of(settings, played.ticks_missed, served.overruns),
        }
    }
}

impl ServerSample {
    fn of(settings: &Settings, served: &Served) -> Self {
        let awake_ms = served.awake.summary();
        let period_ms = 1e3 / f64::from(settings.hz);
        let of_tick =
            |cpu: Duration| share(cpu.as_secs_f64() * 1e3, period_ms * served.ticks as f64);
        let each = |cpu| cpu_micros_each(cpu, settings.clients, served.ticks);
        Self {
            ticks: served.ticks,
            ticks_late: served.ticks_late,
            overruns: served.overruns,
            turns: served.turns,
            wall_seconds: served.wall.as_secs_f64(),
            cpu_seconds: served.cpu.as_ref().map(Duration::as_secs_f64),
            cpu_share: cpu_share(served.cpu, served.wall),
            cpu_micros_per_client_and_tick: served.cpu.and_then(each),
            cpu_share_of_tick: served.cpu.and_then(of_tick),
            awake_ms,
            awake_share_of_tick: awake_ms.shares_of(period_ms),
            cpu_ms: served.cpu.map(|_| served.cpu_each.summary()),
        }
    }
}

fn cpu_share(cpu: Option<Duration>, wall: Duration) -> Option<f64> {
    share(cpu?.as_secs_f64(), wall.as_secs_f64())
}
