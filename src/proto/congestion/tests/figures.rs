//! What comes out of a run, and how it is printed.

use crate::proto::time::{Duration, Instant};

use super::controller::Controller;
use super::scenarios::Scenario;
use super::world::{Flow, Polls, World};

#[derive(Debug, Clone)]
pub(crate) struct Figures {
    pub(crate) scenario: Scenario,
    pub(crate) controller: &'static str,
    pub(crate) polls: Polls,
    /// The bytes of the transfers that arrived, as a share of the line's rate.
    pub(crate) usage: Option<f64>,
    /// How much later the game's messages were than without the transfer, median and 99th percentile.
    pub(crate) added: [Duration; 2],
    pub(crate) fairness: f64,
    pub(crate) game: f64,
    pub(crate) flood: Option<f64>,
    /// The lowest and the last rate, in bits per second, in the second half of the time.
    pub(crate) rate_min: u64,
    pub(crate) rate_last: u64,
    /// The share of datagrams that found the queue full.
    pub(crate) overflow: f64,
    /// How long it took.
    pub(crate) took: Duration,
    pub(crate) is_complete: bool,
}

impl Figures {
    /// Of each figure the worse.
    #[allow(clippy::needless_pass_by_value, reason = "that is how one reduces")]
    pub(crate) fn worse(self, other: Self) -> Self {
        let less = |one: Option<f64>, two: Option<f64>| one.zip(two).map(|(one, two)| one.min(two));
        Self {
            usage: less(self.usage, other.usage),
            added: [0, 1].map(|index| self.added[index].max(other.added[index])),
            fairness: self.fairness.min(other.fairness),
            game: self.game.min(other.game),
            flood: less(self.flood, other.flood),
            rate_min: self.rate_min.min(other.rate_min),
            rate_last: self.rate_last.min(other.rate_last),
            overflow: self.overflow.max(other.overflow),
            took: self.took.max(other.took),
            is_complete: self.is_complete && other.is_complete,
            ..self
        }
    }
}

/// Runs a scenario, and what it is compared with: the game alone on the same link.
pub(crate) fn measure<C: Controller>(scenario: Scenario, polls: Polls, seed: u64) -> Figures {
    let mut quiet = scenario;
    (quiet.traffic.bulk, quiet.traffic.flood) = (None, None);
    quiet.ends = Duration::from_secs(12);
    let mut world = World::<C>::new(quiet, polls, seed);
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
        usage: usage(&world),
        added: [0.5, 0.99]
            .map(|share| percentile(&with, share).saturating_sub(percentile(&without, share))),
        fairness: fairness(&world),
        game: share(&world, |flow| game(flow, world.now)),
        flood: scenario.traffic.flood.map(|_| {
            share(&world, |flow| {
                (flow.receiver.arrived.flood, flow.made.flood)
            })
        }),
        rate_min: rates.min().unwrap_or(0),
        rate_last: world.flows[0].sender.rate() * 8,
        overflow: stats.lost_to_queue as f64 / stats.sent as f64,
        took: world.now - world.start,
        is_complete: scenario.traffic.bulk.is_none() || world.flows.iter().all(Flow::is_done),
    }
}

/// The delays of the game's messages while the transfers went on, sorted.
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

/// How many of the game's messages arrived, and of how many: the last ones are still on their way.
fn game<C: Controller>(flow: &Flow<C>, now: Instant) -> (u64, u64) {
    let counts = |at: Instant| at + Duration::from_secs(2) < now;
    let arrived = flow
        .receiver
        .arrived
        .game
        .iter()
        .filter(|(at, ..)| counts(*at));
    let made = flow.made.game.iter().filter(|at| counts(**at)).count();
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

fn usage<C: Controller>(world: &World<C>) -> Option<f64> {
    let (_, begins) = world.scenario.traffic.bulk?;
    let begins = world.start + begins;
    let arrived = world.flows.iter().map(|flow| &flow.receiver.arrived);
    let bytes: u64 = arrived.clone().map(|arrived| arrived.bulk_bytes).sum();
    let ends = arrived.filter_map(|arrived| arrived.bulk_last).max()?;
    Some(bytes as f64 * 8.0 / capacity(&world.scenario, world.start, begins, ends)?)
}

/// What the line could have transmitted between two times, in bits.
fn capacity(scenario: &Scenario, start: Instant, begins: Instant, ends: Instant) -> Option<f64> {
    let (mut rate, mut at, mut bits) = (scenario.link.rate? as f64, begins, 0.0);
    for (change, next) in scenario.changes {
        let change = (start + *change).clamp(begins, ends);
        bits += rate * (change - at).to_std().as_secs_f64();
        (rate, at) = (*next as f64, change);
    }
    Some(bits + rate * (ends - at).to_std().as_secs_f64())
}

/// Jain's index: 1 if all got the same while they shared, 1/n if one got all.
fn fairness<C: Controller>(world: &World<C>) -> f64 {
    let [Some(begun), Some(ended)] = &world.shared else {
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

/// The rates over the time, for who looks at one scenario: `RATE_TRACE` is set.
fn trace<C: Controller>(world: &World<C>, polls: Polls) {
    if std::env::var_os("RATE_TRACE").is_none() {
        return;
    }
    for (index, flow) in world.flows.iter().enumerate() {
        println!(
            "# {} {} {polls:?} flow {index}",
            C::NAME,
            world.scenario.name
        );
        let mut last = Duration::ZERO;
        for (at, rate) in &flow.rates {
            let at = *at - world.start;
            if at.saturating_sub(last) >= Duration::from_millis(100) {
                last = at;
                println!("{:.2} {:.3}", at.to_std().as_secs_f64(), *rate as f64 / 1e6);
            }
        }
    }
}

pub(crate) const HEAD: &str = "scenario                controller polls      use   +p50 ms  +p99 ms  fair   game  flood  \
    min Mbit/s  last   overflow  seconds";

pub(crate) fn row(figures: &Figures) -> String {
    let percent = |share: Option<f64>| {
        share.map_or("     -".into(), |share| format!("{:5.1}%", share * 100.0))
    };
    let ms = |time: Duration| time.to_std().as_secs_f64() * 1e3;
    format!(
        "{:<23} {:<10} {:<9} {} {:>8.1} {:>8.1}  {:.2} {} {} {:>10.3} {:>7.2} {:>8.2}% {:>8.1}{}",
        figures.scenario.name,
        figures.controller,
        format!("{:?}", figures.polls),
        percent(figures.usage),
        ms(figures.added[0]),
        ms(figures.added[1]),
        figures.fairness,
        percent(Some(figures.game)),
        percent(figures.flood),
        figures.rate_min as f64 / 1e6,
        figures.rate_last as f64 / 1e6,
        figures.overflow * 100.0,
        figures.took.to_std().as_secs_f64(),
        if figures.is_complete {
            ""
        } else {
            " unfinished"
        },
    )
}
