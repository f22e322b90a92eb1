//! The table and the picture.

use std::fmt;

use humantime::format_duration;
use indicatif::{HumanCount, HumanFloatCount};
use tickwire_measure::table::Table;

use super::Options;
use super::case::Kind;
use super::outcome::Row;
use crate::bench::picture::{Axis, BLUE, GREEN, ORANGE, Panel, Series, VERMILION};
use crate::number;

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = HumanCount(self.count.into());
        let (size, rate) = (self.size, self.tick_rate);
        let (latency, jitter) = (format_duration(self.latency), format_duration(self.jitter));
        let security = if self.plain { "plain" } else { "encrypted" };
        write!(
            f,
            "{messages} messages of {size} bytes, {rate} per second, latency {latency} and jitter up to {jitter} \
             each way, {security}, "
        )?;
        match (self.real, self.rounds()) {
            (false, 1) => write!(f, "on virtual time, seed 0"),
            (false, rounds) => write!(f, "on virtual time, seeds 0 to {}", rounds - 1),
            (true, 1) => write!(f, "over real sockets, 1 round"),
            (true, rounds) => write!(f, "over real sockets, {rounds} rounds"),
        }
    }
}

const HEADINGS: &str = "loss|burst|copies|delivery|p50|p90|p99|max|delivered of sent|kbit/s|packets each|copies each|retransmissions";

pub(super) fn table(options: &Options, rows: &[Row]) -> Table {
    let mut table = Table::new(HEADINGS.split('|'));
    for row in rows {
        table.row(cells(options, row));
    }
    table
}

pub(super) fn cells(options: &Options, row: &Row) -> [String; 13] {
    let millis = |micros: f64| match options.real {
        true => format!("{:.1}", micros / 1e3),
        // Virtual time moves in ticks, so tenths of a millisecond are meaningless.
        false => HumanFloatCount((micros / 1e3).round()).to_string(),
    };
    let [p50, p90, p99, _, _, max] = row.total.latency_micros.cells(millis);
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let (case, total) = (&row.case, &row.total);
    let [delivered, messages] = [total.delivered, total.counts.messages].map(HumanCount);
    [
        number::percent(case.loss),
        or_nothing(case.burst.map(|burst| burst.to_string())),
        or_nothing(case.redundant_copies.map(|copies| copies.to_string())),
        case.delivery.to_string(),
        p50,
        p90,
        p99,
        max,
        format!("{delivered} of {messages}"),
        format!("{:.1}", total.kbit_per_second),
        format!("{:.2}", total.packets_per_message),
        format!("{:.2}", total.copies_per_message),
        HumanCount(total.counts.retransmissions).to_string(),
    ]
}

/// The delivery of the picture: ordered if it was measured.
pub(super) fn kind_shown(rows: &[Row]) -> Kind {
    let mut kinds = rows.iter().map(|row| row.case.delivery);
    kinds
        .clone()
        .find(|kind| *kind == Kind::Ordered)
        .or_else(|| kinds.next())
        .unwrap_or(Kind::Ordered)
}

/// A panel per burst length: a colour per loss, a solid line with copies, a dashed line without.
pub(super) fn panels(rows: &[Row]) -> Vec<Panel> {
    let kind = kind_shown(rows);
    let shown = || rows.iter().filter(|row| row.case.delivery == kind);
    let mut losses: Vec<f64> = shown().map(|row| row.case.loss).collect();
    losses.sort_by(f64::total_cmp);
    losses.dedup();
    let mut bursts: Vec<Option<f64>> = Vec::new();
    for row in shown() {
        if !bursts.contains(&row.case.burst) {
            bursts.push(row.case.burst);
        }
    }
    let panel = |burst: Option<f64>| {
        let rows = shown().filter(|row| row.case.burst == burst);
        let losses_text = burst.map_or("independent losses".to_owned(), |burst| {
            format!("losses in bursts of {burst}")
        });
        Panel {
            axis: Axis::OneIn,
            x_text: format!(
                "{losses_text}: share of messages with at most this latency; lost beyond a cross"
            ),
            y_text: "latency",
            series: rows.map(|row| series(row, &losses)).collect(),
        }
    };
    bursts.into_iter().map(panel).collect()
}

fn series(row: &Row, losses: &[f64]) -> Series {
    // From the best to the worst link. Further links repeat colours.
    let colors = [BLUE, GREEN, ORANGE, VERMILION];
    let index = losses.iter().position(|loss| *loss == row.case.loss);
    let loss = number::percent(row.case.loss);
    let copies = row.case.redundant_copies;
    let copies = copies.map_or(String::new(), |copies| format!(", {copies} copies"));
    Series {
        label: Some(format!("{loss} lost{copies}")),
        color: colors[index.unwrap_or(0) % colors.len()],
        is_dashed: row.case.redundant_copies == Some(0),
        ..Series::by_percentile(&row.distribution, row.total.missing() > 0)
    }
}
