//! The promise itself, on virtual time: what `tickwire bench messages` shows is held here.

#![allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]

use super::case::{Case, Kind};
use super::figures::Row;
use super::run::Outcome;
use super::targets::judge;
use super::{Settings, virtual_pair};

/// So many seeds are computed here; the command computes ten.
const SEEDS: u64 = 6;

fn case(loss: f64, burst: Option<f64>, redundancy: u8) -> Case {
    Case {
        loss,
        burst,
        redundancy: Some(redundancy),
        delivery: Kind::Ordered,
    }
}

fn outcomes(settings: &Settings, case: Case) -> Vec<Outcome> {
    let run = |seed| virtual_pair::run(case, settings, seed).unwrap();
    (0..SEEDS).map(run).collect()
}

fn row(settings: &Settings, case: Case) -> Row {
    Row::of(case, settings.messages, &outcomes(settings, case))
}

#[test]
fn the_targets_are_kept_encrypted_and_plain() {
    for encrypted in [true, false] {
        let settings = Settings {
            encrypted,
            ..Settings::for_tests()
        };
        let rows = [0.05, 0.15, 0.3].map(|loss| row(&settings, case(loss, None, 2)));
        let verdicts = judge(&settings, &rows).unwrap();
        assert_eq!(verdicts.len(), rows.len());
        for verdict in verdicts {
            assert!(verdict.is_ok(), "seeds 0 to {}: {verdict}", SEEDS - 1);
        }
        for row in rows {
            assert_eq!(row.complaint(), None);
        }
    }
}

#[test]
fn everything_arrives_in_order_without_copies_and_in_bursts() {
    let settings = Settings::for_tests();
    for loss in [0.05, 0.15, 0.3] {
        for (burst, redundancy) in [(None, 0), (Some(3.0), 2), (Some(3.0), 0)] {
            let row = row(&settings, case(loss, burst, redundancy));
            assert_eq!(row.complaint(), None, "{}", row.case);
            assert!(row.is_complete(), "{}", row.case);
        }
    }
}

#[test]
fn copies_are_what_makes_it_fast() {
    let settings = Settings::for_tests();
    let p99 = |redundancy| {
        let row = row(&settings, case(0.05, None, redundancy));
        row.latency_ms.p99.unwrap()
    };
    let (with, without) = (p99(2), p99(0));
    assert!(
        with < without,
        "{with} ms with copies, {without} ms without"
    );
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let settings = Settings::for_tests();
    let case = case(0.15, Some(3.0), 2);
    let [first, again, other] =
        [4, 4, 5].map(|seed| virtual_pair::run(case, &settings, seed).unwrap());
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn a_link_that_loses_everything_is_reported_and_not_waited_for() {
    let settings = Settings::for_tests();
    let dead = case(1.0, None, 2);
    let outcome = virtual_pair::run(dead, &settings, 0).unwrap();
    assert_eq!(outcome.sent, 0);
    let told = Row::of(dead, settings.messages, &[outcome])
        .complaint()
        .unwrap();
    assert!(
        told.contains("it could not connect: the server did not answer"),
        "{told}"
    );
}
