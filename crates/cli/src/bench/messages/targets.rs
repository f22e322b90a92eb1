//! Goals of rows, and their verdicts.
//!
//! The targets apply to the default options and independent losses. Targets and figures are
//! compared in whole milliseconds.

use std::time::Duration;

use indicatif::HumanCount;

use super::Options;
use super::case::{Case, Kind};
use super::outcome::Row;
use crate::bench::distribution::Missing;
use crate::bench::goal::{Bound, Goal};

/// Redundant copies of the targets: the default of the library.
const REDUNDANT_COPIES: u8 = 2;

/// Minimum number of messages for a 99th percentile.
const MESSAGES_MIN: u64 = 1000;

/// By loss: highest p50 and p99 in milliseconds. All messages must arrive in order as well.
const TARGETS: [(f64, Option<(f64, f64)>); 3] = [
    (0.05, Some((50.0, 85.0))),
    (0.15, Some((67.0, 150.0))),
    (0.3, None),
];

/// The goals of all rows with targets, or a sentence that explains their absence.
pub(super) fn judge(options: &Options, rows: &[Row]) -> Result<Vec<Goal>, String> {
    let link = (options.latency, options.jitter);
    let link_meant = (Duration::from_millis(40), Duration::from_millis(10));
    if (options.size, options.tick_rate, link) != (40, 60, link_meant) {
        return Err(
            "no verdict: the targets are for 40 bytes, 60 per second, and 40 to 50 ms one way"
                .into(),
        );
    }
    let with_goals = rows.iter().map(|row| (row, goals(row)));
    let with_goals: Vec<_> = with_goals.filter(|(_, goals)| !goals.is_empty()).collect();
    if with_goals.is_empty() {
        return Err(format!(
            "no verdict: the targets are for ordered messages with {REDUNDANT_COPIES} copies and \
             independent losses of 5, 15 and 30%"
        ));
    }
    let mut messages = with_goals.iter().map(|(row, _)| row.total.counts.messages);
    if messages.any(|messages| messages < MESSAGES_MIN) {
        let least = HumanCount(MESSAGES_MIN);
        return Err(format!("no verdict: the targets need {least} messages"));
    }
    Ok(with_goals
        .into_iter()
        .flat_map(|(_, goals)| goals)
        .collect())
}

/// Empty for a row without targets. A lost percentile misses its target.
pub(super) fn goals(row: &Row) -> Vec<Goal> {
    let Case {
        loss,
        burst: None,
        redundant_copies: Some(REDUNDANT_COPIES),
        delivery: Kind::Ordered,
    } = row.case
    else {
        return Vec::new();
    };
    let mut targets = TARGETS.into_iter();
    let Some((_, latency)) = targets.find(|(share, _)| (share - loss).abs() < 1e-9) else {
        return Vec::new();
    };
    let goal =
        |what, max, measured| Goal::new(row.case.to_string(), what, Bound::AtMost(max), measured);
    let millis = |figure: Result<f64, Missing>| Some((figure.ok()? / 1e3).round());
    let mut goals = Vec::new();
    if let Some((p50, p99)) = latency {
        let measured = &row.total.latency_micros;
        goals.push(goal("p50 in ms", p50, millis(measured.p50())));
        goals.push(goal("p99 in ms", p99, millis(measured.p99())));
    }
    let (missing, swapped) = (row.total.missing(), row.total.counts.out_of_order);
    goals.push(goal("messages missing", 0.0, Some(missing as f64)));
    goals.push(goal("messages out of order", 0.0, Some(swapped as f64)));
    goals
}
