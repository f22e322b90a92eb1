//! Goals of a row.

use super::Row;
use super::scenario::{ALONE, ALONE_BY_TICKS, Driven};
use crate::bench::goal::{Bound, Goal};

/// The figure of the row. `None` if the row that it is compared with was not measured.
type Figure = fn(&Row, &[Row]) -> Option<f64>;

/// A bound on a figure of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promise(&'static str, Bound, Figure);

const fn at_least(bound: f64, what: &'static str, figure: Figure) -> Promise {
    Promise(what, Bound::AtLeast(bound), figure)
}

pub(super) const SHARE: Promise = at_least(0.8, "share of the link", share);
pub(super) const SHARE_IN_FLOOD: Promise = at_least(0.25, "share of the link", share);
pub(super) const FAIRNESS: Promise =
    at_least(0.9, "fairness", |row, _| Some(row.fairness.unwrap_or(0.0)));
pub(super) const ARRIVED: Promise = at_least(0.99, "share of the game that arrives", |row, _| {
    Some(row.outcome.game.count() as f64 / row.outcome.game_sent as f64)
});
pub(super) const ARRIVED_UP: Promise =
    at_least(0.95, "share of the clients' game that arrives", |row, _| {
        Some(row.outcome.game_up_delivered as f64 / row.outcome.game_sent as f64)
    });
/// The default of `Config::rate_floor`; a test compares it.
const FLOOR_KBIT: f64 = 128.0;
pub(super) const FLOOR: Promise = at_least(FLOOR_KBIT, "lowest rate in kbit/s", |row, _| {
    Some(row.outcome.rate_lowest.unwrap_or(0) as f64 / 1e3)
});
pub(super) const ADDED: Promise = Promise(
    "ms added to the game's p99",
    Bound::AtMost(30.0),
    added_millis,
);

fn share(row: &Row, _: &[Row]) -> Option<f64> {
    Some(row.share)
}

fn added_millis(row: &Row, rows: &[Row]) -> Option<f64> {
    let alone = match row.driven {
        Driven::ByDeadlines => ALONE,
        Driven::ByTicks => ALONE_BY_TICKS,
    };
    let alone = rows.iter().find(|row| row.scenario == alone)?;
    let p99 = |row: &Row| row.game_micros.p99().unwrap_or(f64::INFINITY);
    Some((p99(row) - p99(alone)) / 1e3)
}

impl Promise {
    /// `None` without a verdict.
    pub(super) fn goal(&self, row: &Row, rows: &[Row]) -> Option<Goal> {
        let Self(what, bound, figure) = *self;
        let measured = figure(row, rows)?;
        Some(Goal::new(row.scenario, what, bound, Some(measured)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_default_of_the_library() {
        let floor = tickwire::Config::default().rate_floor as f64 / 1e3;
        assert!((FLOOR_KBIT - floor).abs() < f64::EPSILON, "{floor}");
    }
}
