//! What all rounds came to: medians, ratios to the floor, losses. Pure arithmetic on what the rounds came
//! to.

use serde::Serialize;

use super::contestant::Who;
use super::load::Summary;
use super::losses::Losses;
use super::sample::Sample;
use super::unsent::Unsent;
use crate::bench::spread::Spread;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    /// The floor first, tickwire last.
    pub(super) contestants: Vec<Measured>,
    /// By tickwire, in no round, of what was sent.
    nothing_was_lost: bool,
    /// Everything that was asked for was sent to tickwire and by tickwire, or at least tried to: no
    /// tick was missed.
    complete: bool,
}

/// One contestant. What is a spread has its median over the rounds.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) is_floor: bool,
    pub(super) cpu_micros_per_client_and_tick: Option<Spread>,
    /// Of that, round by round.
    pub(super) ratio_to_floor: Option<Spread>,
    /// Of one core, over the whole time.
    pub(super) cpu_share: Option<Spread>,
    pub(super) turns_per_tick: Option<Spread>,
    pub(super) awake_ms: Option<Summary<Spread>>,
    pub(super) awake_share_of_tick: Option<Summary<Spread>>,
    pub(super) cpu_ms: Option<Summary<Spread>>,
    pub(super) clients_cpu_share: Option<Spread>,
    /// From here on, all rounds together.
    pub(super) ticks: u64,
    pub(super) ticks_late: u64,
    pub(super) overruns: u64,
    /// By the clients.
    pub(super) ticks_missed: u64,
    pub(super) losses: Losses,
    /// What no loss can tell, because it was never sent.
    pub(super) unsent: Unsent,
    /// It was nothing.
    pub(super) complete: bool,
    /// Each round, in order: those of the same number were measured one after the other.
    pub(super) rounds: Vec<Sample>,
}

impl Results {
    /// From the rounds of everybody, those of each in their order.
    pub(super) fn of(rounds: &[(Who, Sample)]) -> Self {
        let samples = |who| -> Vec<Sample> {
            let of_who = rounds.iter().filter(|(of, _)| *of == who);
            of_who.map(|(_, sample)| *sample).collect()
        };
        let floor = samples(Who::Floor);
        let measured = |who| Measured::of(who, samples(who), &floor);
        let contestants: Vec<_> = Who::EVERYBODY.into_iter().filter_map(measured).collect();
        let ours = || contestants.iter().filter(|measured| !measured.is_floor);
        Self {
            nothing_was_lost: ours().all(|measured| measured.losses.is_nothing()),
            complete: ours().all(|measured| measured.complete),
            contestants,
        }
    }
}

impl Measured {
    /// `None` if there was no round.
    fn of(who: Who, rounds: Vec<Sample>, floor: &[Sample]) -> Option<Self> {
        let spread = |of: fn(&Sample) -> Option<f64>| Spread::of(rounds.iter().filter_map(of));
        let total = |of: fn(&Sample) -> u64| rounds.iter().map(of).sum();
        let summary = |of: fn(&Sample) -> Option<Summary>| {
            let rounds: Vec<Summary> = rounds.iter().filter_map(of).collect();
            Summary::spread(&rounds)
        };
        let unsent = Unsent::sum(rounds.iter().map(|round| round.unsent));
        Some(Self {
            name: who.name(),
            is_floor: who == Who::Floor,
            cpu_micros_per_client_and_tick: spread(cost),
            ratio_to_floor: Spread::of_ratios(&costs(&rounds), &costs(floor)),
            cpu_share: spread(|round| round.server.cpu_share),
            turns_per_tick: spread(turns_per_tick),
            awake_ms: summary(|round| Some(round.server.awake_ms)),
            awake_share_of_tick: summary(|round| Some(round.server.awake_share_of_tick)),
            cpu_ms: summary(|round| round.server.cpu_ms),
            clients_cpu_share: spread(|round| round.clients.cpu_share),
            ticks: total(|round| round.server.ticks),
            ticks_late: total(|round| round.server.ticks_late),
            overruns: total(|round| round.server.overruns),
            ticks_missed: total(|round| round.clients.ticks_missed),
            losses: Losses::sum(rounds.iter().map(|round| round.losses))?,
            complete: unsent.is_nothing(),
            unsent,
            rounds,
        })
    }

    /// What a tick needed of its time on one core, in the median round.
    pub(super) fn cpu_share_of_tick(&self) -> Option<f64> {
        let shares = self
            .rounds
            .iter()
            .filter_map(|round| round.server.cpu_share_of_tick);
        Some(Spread::of(shares)?.median)
    }
}

fn cost(round: &Sample) -> Option<f64> {
    round.server.cpu_micros_per_client_and_tick
}

/// A round without a figure stays in its place, so that rounds are compared with their like.
fn costs(rounds: &[Sample]) -> Vec<f64> {
    let costs = rounds.iter().map(cost);
    costs.map(|cost| cost.unwrap_or(f64::NAN)).collect()
}

fn turns_per_tick(round: &Sample) -> Option<f64> {
    let server = &round.server;
    super::load::share(server.turns as f64, server.ticks as f64)
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::{Run, sample};
    use super::*;

    fn rounds(who: Who, cpu_ms: [u64; 3]) -> Vec<(Who, Sample)> {
        let of = |cpu_ms| {
            let run = Run {
                cpu_ms: Some(cpu_ms),
                ..Run::GOOD
            };
            (who, sample(run))
        };
        cpu_ms.map(of).to_vec()
    }

    fn results(floor: [u64; 3], tickwire: [u64; 3]) -> Results {
        let rounds = [
            rounds(Who::Floor, floor),
            // Who went first in which round is no matter.
            rounds(Who::Tickwire, tickwire),
        ];
        Results::of(&rounds.concat())
    }

    #[test]
    fn a_floor_that_costs_half_gives_a_ratio_of_two() {
        // Rounds that differ tenfold, and a ratio that does not.
        let results = results([10, 100, 1000], [20, 200, 2000]);
        let [floor, tickwire] = &results.contestants[..] else {
            panic!("{results:?}");
        };
        assert!(floor.is_floor && !tickwire.is_floor);
        assert_eq!(floor.ratio_to_floor.unwrap().median, 1.0);
        let ratio = tickwire.ratio_to_floor.unwrap();
        for ratio in [ratio.lowest, ratio.median, ratio.highest] {
            assert!((ratio - 2.0).abs() < 1e-9, "{ratio}");
        }
        // 200 ms for 10 clients and 100 ticks.
        let cost = tickwire.cpu_micros_per_client_and_tick.unwrap();
        assert!((cost.median - 200.0).abs() < 1e-9, "{cost:?}");
    }

    #[test]
    fn a_ratio_is_the_median_of_ratios_and_not_the_ratio_of_medians() {
        let results = results([100, 200, 400], [200, 100, 400]);
        let ratio = results.contestants[1].ratio_to_floor.unwrap();
        assert_eq!((ratio.lowest, ratio.median, ratio.highest), (0.5, 1.0, 2.0));
    }

    #[test]
    fn without_processor_times_there_is_no_ratio() {
        let silent = Run {
            cpu_ms: None,
            ..Run::GOOD
        };
        let rounds = Who::EVERYBODY.map(|who| (who, sample(silent)));
        for measured in Results::of(&rounds).contestants {
            assert_eq!(measured.cpu_micros_per_client_and_tick, None);
            assert_eq!(measured.ratio_to_floor, None);
            assert_eq!(measured.cpu_ms, None);
            assert!(measured.awake_ms.is_some());
        }
    }

    #[test]
    fn one_round_with_a_missed_tick_is_not_complete_and_only_tickwires_counts() {
        let results = |floor, tickwire| {
            let rounds = [
                (Who::Floor, sample(floor)),
                (Who::Tickwire, sample(Run::GOOD)),
                (Who::Floor, sample(Run::GOOD)),
                (Who::Tickwire, sample(tickwire)),
            ];
            Results::of(&rounds)
        };
        assert!(results(Run::GOOD, Run::GOOD).complete);
        let missed = Run {
            ticks_missed: 1,
            ..Run::GOOD
        };
        let overrun = Run {
            overruns: 1,
            ..Run::GOOD
        };
        for run in [missed, overrun] {
            let of_tickwire = results(Run::GOOD, run);
            assert!(!of_tickwire.complete && of_tickwire.nothing_was_lost);
            let of_floor = results(run, Run::GOOD);
            assert!(of_floor.complete && !of_floor.contestants[0].complete);
        }
    }

    #[test]
    fn one_round_with_a_loss_is_a_loss_and_only_tickwires_counts() {
        let bad = Run {
            inputs_received: 990,
            ..Run::GOOD
        };
        let results = |floor, tickwire| {
            let round = |floor, tickwire| [(Who::Floor, floor), (Who::Tickwire, tickwire)];
            let good = sample(Run::GOOD);
            let rounds = [
                round(good, good),
                round(sample(floor), sample(tickwire)),
                round(good, good),
            ];
            Results::of(&rounds.concat())
        };
        assert!(results(bad, Run::GOOD).nothing_was_lost);
        let lost = results(Run::GOOD, bad);
        assert!(!lost.nothing_was_lost);
        assert_eq!(lost.contestants[1].losses.inputs.lost_on_network, 10);
        assert_eq!(lost.contestants[1].losses.inputs.sent, 3000);
        assert_eq!(lost.contestants[1].ticks, 300);
    }
}
