//! The figures of a run, and their table.

use super::scenarios::Scenario;
use super::world::{Flow, Polls, World};
use crate::proto::congestion::Controller;
use crate::proto::congestion::controller::RateController;
use crate::proto::time::{Duration, Instant};

#[derive(Debug, Clone)]
pub(super) struct Figures {
    pub(super) scenario: Scenario,
    pub(super) controller: &'static str,
    pub(super) polls: Polls,
    /// Throughput of the transfers, as a share of the line rate.
    pub(super) utilization: Option<f64>,
    /// Delay that the transfer added to the game's messages, median and 99th percentile.
    pub(super) added_delay: [Duration; 2],
    /// Jain's fairness index.
    pub(super) fairness: f64,
    /// Share of the game's messages that arrived.
    pub(super) game: f64,
    /// Share of the flood that arrived.
    pub(super) flood: Option<f64>,
    /// Minimum pacing rate in the second half of the run and the final one, in bits per second.
    pub(super) rate_min: u64,
    pub(super) rate_last: u64,
    /// Share of datagrams lost because the queue was full.
    pub(super) overflow: f64,
    pub(super) duration: Duration,
    pub(super) is_complete: bool,
}

impl Figures {
    #[allow(
        clippy::needless_pass_by_value,
        reason = "the signature that `reduce` takes"
    )]
    pub(super) fn worse(self, other: Self) -> Self {
        let min = |one: Option<f64>, two: Option<f64>| one.zip(two).map(|(one, two)| one.min(two));
        Self {
            utilization: min(self.utilization, other.utilization),
            added_delay: [0, 1].map(|index| self.added_delay[index].max(other.added_delay[index])),
            fairness: self.fairness.min(other.fairness),
            game: self.game.min(other.game),
            flood: min(self.flood, other.flood),
            rate_min: self.rate_min.min(other.rate_min),
            rate_last: self.rate_last.min(other.rate_last),
            overflow: self.overflow.max(other.overflow),
            duration: self.duration.max(other.duration),
            is_complete: self.is_complete && other.is_complete,
            ..self
        }
    }
}

pub(super) trait Named: Controller {
    const NAME: &'static str;
}

impl Named for RateController {
    const NAME: &'static str = "tickwire";
}

/// Runs a scenario, and for comparison the game alone on the same path.
pub(super) fn measure<C: Named>(scenario: Scenario, polls: Polls, seed: u64) -> Figures {
    let mut game_only = scenario;
    (game_only.traffic.bulk, game_only.traffic.flood) = (None, None);
    game_only.ends = Duration::from_secs(12);
    let mut world = World::<C>::new(game_only, polls, seed);
    world.run();
    let without = delays(&world);
    let mut world = World::<C>::new(scenario, polls, seed);
    world.run();
    trace(&world, polls);
    let with = delays(&world);
    let rates = world.flows.iter().map(|flow| {
        let rates = &flow.rates[flow.rates.len() / 2..];
        rates.iter().map(|(_, rate)| *rate).min().unwrap_or(0)
    });
    let stats = world.forward.stats();
    Figures {
        scenario,
        controller: C::NAME,
        polls,
        utilization: utilization(&world),
        added_delay: [0.5, 0.99]
            .map(|share| percentile(&with, share).saturating_sub(percentile(&without, share))),
        fairness: fairness(&world),
        game: share(&world, |flow| game(flow, world.now)),
        flood: scenario.traffic.flood.map(|_| {
            share(&world, |flow| {
                (flow.receiver.arrived.flood, flow.produced.flood)
            })
        }),
        rate_min: rates.min().unwrap_or(0),
        rate_last: world.flows[0].sender.pacing_rate() * 8,
        overflow: stats.lost_to_queue as f64 / stats.sent as f64,
        duration: world.now - world.start,
        is_complete: scenario.traffic.bulk.is_none() || world.flows.iter().all(Flow::is_done),
    }
}

fn delays<C: Controller>(world: &World<C>) -> Vec<Duration> {
    let traffic = world.scenario.traffic;
    let begins = traffic
        .bulk
        .or(traffic.flood)
        .map_or(Duration::from_secs(2), |(_, at)| at);
    let begins = world.start + begins;
    let mut delays: Vec<_> = world
        .flows
        .iter()
        .flat_map(|flow| {
            let arrived = &flow.receiver.arrived;
            let ends = arrived.bulk_last.unwrap_or(world.now);
            let counts = move |at: Instant| at >= begins && at <= ends;
            arrived.game.iter().filter(move |(at, ..)| counts(*at))
        })
        .map(|(.., delay)| *delay)
        .collect();
    delays.sort_unstable();
    delays
}

/// Messages that arrived and that were sent, without the last 2 s, which are in flight.
fn game<C: Controller>(flow: &Flow<C>, now: Instant) -> (u64, u64) {
    let counts = |at: Instant| at + Duration::from_secs(2) < now;
    let arrived = flow
        .receiver
        .arrived
        .game
        .iter()
        .filter(|(at, ..)| counts(*at));
    let made = flow.produced.game.iter().filter(|at| counts(**at)).count();
    (
        arrived.map(|(_, count, _)| u64::from(*count)).sum(),
        made as u64,
    )
}

fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let index = (sorted.len() as f64 * share) as usize;
    sorted
        .get(index)
        .or(sorted.last())
        .copied()
        .unwrap_or_default()
}

fn utilization<C: Controller>(world: &World<C>) -> Option<f64> {
    let (_, begins) = world.scenario.traffic.bulk?;
    let begins = world.start + begins;
    let arrived = world.flows.iter().map(|flow| &flow.receiver.arrived);
    let bytes: u64 = arrived.clone().map(|arrived| arrived.bulk_bytes).sum();
    let ends = arrived.filter_map(|arrived| arrived.bulk_last).max()?;
    Some(bytes as f64 * 8.0 / capacity(&world.scenario, world.start, begins, ends)?)
}

fn capacity(scenario: &Scenario, start: Instant, begins: Instant, ends: Instant) -> Option<f64> {
    let (mut rate, mut at, mut bits) = (scenario.link.rate? as f64, begins, 0.0);
    for (change, next) in scenario.changes {
        let change = (start + *change).clamp(begins, ends);
        bits += rate * (change - at).to_std().as_secs_f64();
        (rate, at) = (*next as f64, change);
    }
    Some(bits + rate * (ends - at).to_std().as_secs_f64())
}

/// Jain's fairness index while all flows were active: 1 for equal shares, 1/n for one flow.
fn fairness<C: Controller>(world: &World<C>) -> f64 {
    let [Some(begun), Some(ended)] = &world.bulk_bytes_while_shared else {
        return 1.0;
    };
    let got = ended
        .iter()
        .zip(begun)
        .map(|(ended, begun)| (ended - begun) as f64);
    let (sum, squares) = got.fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    sum * sum / (squares * ended.len() as f64)
}

fn share<C: Controller>(world: &World<C>, counts: impl Fn(&Flow<C>) -> (u64, u64)) -> f64 {
    let all = world.flows.iter().map(counts);
    let (got, made) = all.fold((0, 0), |(got, made), (g, m)| (got + g, made + m));
    got as f64 / made as f64
}

/// Prints the pacing rate over time if `RATE_TRACE` is set.
fn trace<C: Named>(world: &World<C>, polls: Polls) {
    if std::env::var_os("RATE_TRACE").is_none() {
        return;
    }
    for (index, flow) in world.flows.iter().enumerate() {
        println!(
            "# {} {} {polls:?} flow {index}",
            C::NAME,
            world.scenario.name
        );
        let mut last_at = Duration::ZERO;
        for (at, rate) in &flow.rates {
            let at = *at - world.start;
            if at.saturating_sub(last_at) >= Duration::from_millis(100) {
                last_at = at;
                println!("{:.2} {:.3}", at.to_std().as_secs_f64(), *rate as f64 / 1e6);
            }
        }
    }
}

pub(super) const HEAD: &str = "scenario                controller polls      use   +p50 ms  +p99 ms  fair   game  flood  \
    min Mbit/s  last   overflow  seconds";

pub(super) fn row(figures: &Figures) -> String {
    let percent = |share: Option<f64>| {
        share.map_or("     -".into(), |share| format!("{:5.1}%", share * 100.0))
    };
    let ms = |time: Duration| time.to_std().as_secs_f64() * 1e3;
    format!(
        "{:<23} {:<10} {:<9} {} {:>8.1} {:>8.1}  {:.2} {} {} {:>10.3} {:>7.2} {:>8.2}% {:>8.1}{}",
        figures.scenario.name,
        figures.controller,
        format!("{:?}", figures.polls),
        percent(figures.utilization),
        ms(figures.added_delay[0]),
        ms(figures.added_delay[1]),
        figures.fairness,
        percent(Some(figures.game)),
        percent(figures.flood),
        figures.rate_min as f64 / 1e6,
        figures.rate_last as f64 / 1e6,
        figures.overflow * 100.0,
        figures.duration.to_std().as_secs_f64(),
        if figures.is_complete {
            ""
        } else {
            " unfinished"
        },
    )
}
