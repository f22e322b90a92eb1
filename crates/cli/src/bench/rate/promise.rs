//! What is promised of a row.

use tickwire::limits::RATE_FLOOR_DEFAULT;

use super::Row;
use super::scenario::{ALONE, ALONE_BY_TICKS, Driven};
use crate::bench::goal::{Bound, Goal};

/// A bound on a figure of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promise {
    pub(super) what: &'static str,
    pub(super) bound: Bound,
    /// Of the row, among all. `None` where the row that it is compared with was not measured.
    pub(super) figure: fn(&Row, &[Row]) -> Option<f64>,
}

pub(super) const SHARE: Promise = Promise {
    what: "share of the line",
    bound: Bound::AtLeast(0.8),
    figure: |row, _| Some(row.share),
};

pub(super) const FAIRNESS: Promise = Promise {
    what: "fairness",
    bound: Bound::AtLeast(0.9),
    figure: |row, _| Some(row.fairness.unwrap_or(0.0)),
};

pub(super) const ADDED: Promise = Promise {
    what: "ms added to the game's p99",
    bound: Bound::AtMost(30.0),
    figure: |row, rows| {
        let alone = match row.driven {
            Driven::ByDeadlines => ALONE,
            Driven::ByTicks => ALONE_BY_TICKS,
        };
        let alone = rows.iter().find(|row| row.scenario == alone)?;
        let p99 = |row: &Row| row.game_micros.p99().unwrap_or(f64::INFINITY);
        Some((p99(row) - p99(alone)) / 1e3)
    },
};

pub(super) const ARRIVED: Promise = Promise {
    what: "share of the game that arrives",
    bound: Bound::AtLeast(0.99),
    figure: |row, _| Some(row.outcome.game.count() as f64 / row.outcome.game_sent as f64),
};

pub(super) const ARRIVED_UP: Promise = Promise {
    what: "share of the clients' game that arrives",
    bound: Bound::AtLeast(0.95),
    figure: |row, _| Some(row.outcome.game_up_delivered as f64 / row.outcome.game_sent as f64),
};

pub(super) const FLOOR: Promise = Promise {
    what: "lowest rate in kbit/s",
    bound: Bound::AtLeast(RATE_FLOOR_DEFAULT as f64 / 1e3),
    figure: |row, _| Some(row.outcome.rate_lowest.unwrap_or(0) as f64 / 1e3),
};

/// The goals of a row, with their verdicts.
pub(super) fn goals<'a>(
    promises: &'a [Promise],
    row: &'a Row,
    rows: &'a [Row],
) -> impl Iterator<Item = Goal> + 'a {
    promises.iter().filter_map(|promise| {
        let measured = (promise.figure)(row, rows)?;
        Some(Goal::new(
            row.scenario,
            promise.what,
            promise.bound,
            Some(measured),
        ))
    })
}
