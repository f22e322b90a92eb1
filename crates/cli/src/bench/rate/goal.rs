//! What is promised of the rows, and whether it is kept.

use serde::Serialize;
use tickwire::Config;

use super::Row;
use tickwire_measure::table::Table;

/// Something that a row, or two of them, have to show.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Goal {
    row: &'static str,
    what: &'static str,
    bound: Bound,
    /// Nothing where the row has no such figure, and then it is not kept.
    measured: Option<f64>,
    is_kept: bool,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn allows(self, measured: f64) -> bool {
        match self {
            Self::AtLeast(bound) => measured >= bound,
            Self::AtMost(bound) => measured <= bound,
        }
    }
}

/// A figure of a row, and of the row that it is compared with.
type Figure = fn(&Row, Option<&Row>) -> Option<f64>;

struct Promise {
    row: &'static str,
    beside: Option<&'static str>,
    what: &'static str,
    bound: Bound,
    figure: Figure,
}

const SHARE: (&str, Figure) = ("share of the line", |row, _| Some(row.share));
const FAIRNESS: (&str, Figure) = ("fairness", |row, _| row.fairness);
const ADDED: (&str, Figure) = ("ms added to the game's p99", |row, beside| {
    let alone = beside?.outcome.game_percentile(99.0)?;
    Some(row.outcome.game_percentile(99.0)? - alone)
});
const ARRIVED: (&str, Figure) = ("share of the game that arrives", |row, _| {
    let arrived = u32::try_from(row.outcome.game_ms.len()).ok()?;
    Some(f64::from(arrived) / f64::from(row.outcome.game_sent))
});
const ARRIVED_UP: (&str, Figure) = ("share of the clients' game that arrives", |row, _| {
    let outcome = &row.outcome;
    Some(f64::from(outcome.game_up_delivered) / f64::from(outcome.game_sent))
});
const FLOOR: (&str, Figure) = ("lowest rate in kbit/s", |row, _| {
    #[allow(clippy::cast_precision_loss, reason = "10 Gbit/s at most")]
    row.outcome.rate_lowest.map(|rate| rate as f64 / 1e3)
});

fn promise(row: &'static str, (what, figure): (&'static str, Figure), bound: Bound) -> Promise {
    Promise {
        row,
        beside: None,
        what,
        bound,
        figure,
    }
}

impl Promise {
    fn beside(self, row: &'static str) -> Self {
        Self {
            beside: Some(row),
            ..self
        }
    }

    /// Nothing where a row was not asked for.
    fn judge(&self, rows: &[Row]) -> Option<Goal> {
        let find = |name| rows.iter().find(|row: &&Row| row.scenario == name);
        let row = find(self.row)?;
        let beside = match self.beside {
            Some(name) => Some(find(name)?),
            None => None,
        };
        let measured = (self.figure)(row, beside);
        Some(Goal {
            row: self.row,
            what: self.what,
            bound: self.bound,
            measured,
            is_kept: measured.is_some_and(|measured| self.bound.allows(measured)),
        })
    }
}

#[allow(clippy::cast_precision_loss, reason = "128,000")]
fn promises() -> Vec<Promise> {
    use Bound::{AtLeast, AtMost};

    let transfer = [
        ("a transfer and the game", "the game alone"),
        (
            "a transfer and the game, by ticks",
            "the game alone, by ticks",
        ),
    ];
    let narrow = [
        "256 kbit/s: the game alone",
        "256 kbit/s: a transfer and the game",
        "256 kbit/s: a transfer and the game, by ticks",
    ];
    let shared = [
        "two transfers share the line",
        "two transfers share the line, by ticks",
    ];
    let flood = "a flood of three times the line, and a transfer";
    let floor = Config::default().rate_floor as f64 / 1e3;
    let mut promises = Vec::new();
    for (row, alone) in transfer {
        promises.push(promise(row, SHARE, AtLeast(0.8)));
        promises.push(promise(row, ADDED, AtMost(30.0)).beside(alone));
    }
    for row in shared {
        promises.push(promise(row, SHARE, AtLeast(0.8)));
        promises.push(promise(row, FAIRNESS, AtLeast(0.9)));
    }
    for row in narrow {
        promises.push(promise(row, ARRIVED, AtLeast(0.99)));
        promises.push(promise(row, FLOOR, AtLeast(floor)));
    }
    promises.push(promise(flood, SHARE, AtLeast(0.25)));
    promises.push(promise("1 Gbit/s, 1 ms", ARRIVED_UP, AtLeast(0.95)));
    promises
}

/// Of the rows that were measured.
pub(super) fn of(rows: &[Row]) -> Vec<Goal> {
    let promises = promises();
    promises.iter().filter_map(|one| one.judge(rows)).collect()
}

/// Whether something is promised of this row, or beside it.
#[cfg(test)]
pub(super) fn concern(row: &str) -> bool {
    let is_it = |one: &Promise| one.row == row || one.beside == Some(row);
    promises().iter().any(is_it)
}

/// How many are not kept.
pub(super) fn short(goals: &[Goal]) -> usize {
    goals.iter().filter(|goal| !goal.is_kept).count()
}

pub(super) fn table(goals: &[Goal]) -> Table {
    let mut table = Table::new(["promised", "", "bound", "measured", "verdict"]);
    for goal in goals {
        let bound = match goal.bound {
            Bound::AtLeast(bound) => format!("at least {bound}"),
            Bound::AtMost(bound) => format!("at most {bound}"),
        };
        let measured = goal
            .measured
            .map_or("-".to_owned(), |it| format!("{it:.2}"));
        let verdict = if goal.is_kept { "kept" } else { "SHORT" };
        table.row([
            goal.row.to_owned(),
            goal.what.to_owned(),
            bound,
            measured,
            verdict.to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::scenario;
    use super::*;

    #[test]
    fn every_promise_is_of_a_row_that_there_is() {
        let names: Vec<_> = scenario::all().iter().map(|one| one.name).collect();
        for promise in promises() {
            assert!(names.contains(&promise.row), "{}", promise.row);
            assert!(promise.beside.is_none_or(|name| names.contains(&name)));
        }
    }

    #[test]
    fn a_bound_is_kept_up_to_itself() {
        assert!(Bound::AtLeast(0.8).allows(0.8) && !Bound::AtLeast(0.8).allows(0.799));
        assert!(Bound::AtMost(30.0).allows(30.0) && !Bound::AtMost(30.0).allows(30.1));
    }
}
