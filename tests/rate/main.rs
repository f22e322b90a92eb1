//! The rate of a connection on links of many kinds, on virtual time: the controller that tickwire has beside
//! another one, without the rest of a host.
//!
//! `cargo test --test rate -- --ignored --nocapture` prints the table of both.

#![forbid(unsafe_code)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "shares and percentiles of small numbers"
)]

#[allow(
    dead_code,
    unreachable_pub,
    rustdoc::broken_intra_doc_links,
    reason = "the file as it is; what is tried here needs a few of its numbers"
)]
#[path = "../../src/limits.rs"]
mod limits;

#[allow(dead_code, reason = "a host uses the rest")]
mod proto;

mod controller;
mod copa;
mod datagram;
mod direction;
mod figures;
mod receiver;
mod scenarios;
mod sender;
mod world;

use controller::Controller;
use copa::Copa;
use figures::{Figures, HEAD, measure, row};
use proto::congestion::RateController;
use scenarios::{SCENARIOS, Scenario};
use world::Polls;

const BOTH: [Polls; 2] = [Polls::Deadlines, Polls::Ticks];

/// Only those whose name has `RATE_ONLY` in it.
fn is_asked_for(scenario: &Scenario) -> bool {
    std::env::var("RATE_ONLY").map_or(true, |only| scenario.name.contains(&only))
}

/// What no constant was chosen with: those were tried with the seeds from 0 to 9.
const SEEDS: std::ops::Range<u64> = 1000..1005;

fn worst_of<C: Controller>(scenario: Scenario, polls: Polls) -> Figures {
    let all = SEEDS.map(|seed| measure::<C>(scenario, polls, seed));
    all.reduce(Figures::worse).expect("there is a seed")
}

#[test]
#[ignore = "prints a table: of each figure the worst of all seeds"]
fn the_table_of_both_controllers() {
    println!("seeds {SEEDS:?}, of each figure the worst\n{HEAD}");
    for scenario in SCENARIOS.iter().filter(|scenario| is_asked_for(scenario)) {
        for polls in BOTH {
            println!("{}", row(&worst_of::<RateController>(*scenario, polls)));
        }
        for polls in BOTH {
            println!("{}", row(&worst_of::<Copa>(*scenario, polls)));
        }
    }
}

/// What a run misses of its goals.
fn missed(figures: &Figures) -> Vec<&'static str> {
    let goals = figures.scenario.goals;
    let checks = [
        (
            figures.usage.is_none_or(|usage| usage >= goals.use_min),
            "use",
        ),
        (figures.added[1] <= goals.added_max, "delay of the game"),
        (figures.fairness >= goals.fairness_min, "fairness"),
        (figures.game >= goals.game_min, "messages of the game"),
        (
            figures.flood.is_none_or(|flood| flood >= goals.flood_min),
            "flood",
        ),
        (figures.rate_min >= goals.rate_min, "lowest rate"),
        (figures.is_complete, "end of the transfer"),
    ];
    let missed = checks.into_iter().filter(|(is_met, _)| !is_met);
    missed.map(|(_, what)| what).collect()
}

#[test]
fn the_goals_are_met_on_every_link_by_deadlines_and_by_ticks() {
    let mut failures = Vec::new();
    for scenario in SCENARIOS.iter().filter(|scenario| is_asked_for(scenario)) {
        for (polls, seed) in BOTH
            .into_iter()
            .flat_map(|polls| SEEDS.map(move |seed| (polls, seed)))
        {
            let figures = measure::<RateController>(*scenario, polls, seed);
            let missed = missed(&figures);
            if !missed.is_empty() {
                failures.push(format!("seed {seed}: {missed:?}\n{}", row(&figures)));
            }
        }
    }
    assert!(failures.is_empty(), "\n{HEAD}\n{}", failures.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || row(&measure::<RateController>(SCENARIOS[0], Polls::Ticks, 7));
    assert_eq!(run(), run());
}
