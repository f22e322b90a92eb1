//! The figures of all rounds, for people and for programs.

use serde::Serialize;

use super::Case;
use super::sample::Sample;
use crate::bench::figure::{NOTHING, grouped, rounded, with_spread};
use crate::bench::spread::Spread;
use crate::bench::table::Table;

/// One contestant in one case: all its rounds, and those of the floor.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    contestant: &'static str,
    is_floor: bool,
    #[serde(rename = "size_bytes")]
    size: usize,
    batch: usize,
    /// Full sockets: the pure cost.
    full: Figures,
    /// Under fire.
    flood: Figures,
}

/// What a contestant did in one way of measuring.
#[derive(Debug, Serialize)]
struct Figures {
    datagrams_per_second: Option<Spread>,
    cpu_nanos_per_datagram: Option<Spread>,
    /// Of the cost of a datagram, round by round.
    ratio_to_floor: Option<Spread>,
    sent: u64,
    received: u64,
    lost: u64,
    /// What the kernel itself says of `lost`, where it was asked.
    dropped_by_kernel: Option<u64>,
    /// Each round, in order: those of the same number were measured one after the other.
    rounds: Vec<Sample>,
}

/// The samples of one contestant, one for each round.
#[derive(Debug, Default, Clone)]
pub(super) struct Rounds {
    pub(super) full: Vec<Sample>,
    pub(super) flood: Vec<Sample>,
}

/// One row for each contestant of a case; the first is the floor.
pub(super) fn rows(case: Case, names: &[&'static str], rounds: &[Rounds]) -> Vec<Row> {
    let Some(floor) = rounds.first() else {
        return Vec::new();
    };
    let row = |(index, (&contestant, rounds)): (usize, (_, &Rounds))| Row {
        contestant,
        is_floor: index == 0,
        size: case.size,
        batch: case.batch,
        full: Figures::of(&rounds.full, &floor.full),
        flood: Figures::of(&rounds.flood, &floor.flood),
    };
    names.iter().zip(rounds).enumerate().map(row).collect()
}

impl Figures {
    fn of(samples: &[Sample], floor: &[Sample]) -> Self {
        let all = samples.iter().copied().fold(Sample::NOTHING, Sample::plus);
        Self {
            datagrams_per_second: Spread::of(samples.iter().filter_map(Sample::per_second)),
            cpu_nanos_per_datagram: Spread::of(samples.iter().filter_map(Sample::cpu_nanos)),
            ratio_to_floor: Spread::of_ratios(&costs(samples), &costs(floor)),
            sent: all.sent,
            received: all.received,
            lost: all.lost(),
            dropped_by_kernel: all.dropped_by_kernel,
            rounds: samples.to_vec(),
        }
    }

    fn cells(&self) -> [String; 4] {
        [
            with_spread(self.datagrams_per_second, rounded),
            self.cpu_nanos_per_datagram
                .map_or_else(|| NOTHING.to_owned(), |spread| rounded(spread.median)),
            with_spread(self.ratio_to_floor, |ratio| format!("{ratio:.2}")),
            grouped(self.lost),
        ]
    }
}

/// A round without a figure stays in its place, so that rounds are compared with their like.
fn costs(samples: &[Sample]) -> Vec<f64> {
    let costs = samples.iter().map(Sample::cost);
    costs.map(|cost| cost.unwrap_or(f64::NAN)).collect()
}

/// Both tables, each under a line that says what it shows.
pub(super) fn text(rows: &[Row], fill: usize, senders: usize) -> String {
    format!(
        "Full sockets: {fill} datagrams wait, and only the drain is measured\n\
         {}\n\n\
         Under fire: {senders} {} as fast as possible, the receiver sleeps when there is nothing\n\
         {}",
        table(rows, |row| &row.full),
        if senders == 1 {
            "thread sends"
        } else {
            "threads send"
        },
        table(rows, |row| &row.flood),
    )
}

fn table(rows: &[Row], figures: impl Fn(&Row) -> &Figures) -> Table {
    let mut table = Table::new([
        "contestant",
        "bytes",
        "batch",
        "datagrams/s",
        "CPU ns each",
        "ratio to floor",
        "lost",
    ]);
    for row in rows {
        let name = if row.is_floor {
            format!("{} (floor)", row.contestant)
        } else {
            row.contestant.to_owned()
        };
        let case = [name, row.size.to_string(), row.batch.to_string()];
        table.row(case.into_iter().chain(figures(row).cells()));
    }
    table
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sample(nanos_each: u64) -> Sample {
        Sample {
            sent: 110,
            received: 100,
            wall: Duration::from_nanos(nanos_each * 100),
            cpu: Some(Duration::from_nanos(nanos_each * 100)),
            dropped_by_kernel: None,
        }
    }

    fn rounds(nanos_each: [u64; 3]) -> Rounds {
        let samples = nanos_each.map(sample).to_vec();
        Rounds {
            full: samples.clone(),
            flood: samples,
        }
    }

    const CASE: Case = Case { size: 64, batch: 8 };

    #[test]
    fn ratios_are_to_the_floor_of_the_same_round() {
        let all = [rounds([100, 200, 400]), rounds([150, 300, 600])];
        let rows = rows(CASE, &["floor", "other"], &all);
        assert_eq!(rows[0].full.ratio_to_floor.unwrap().median, 1.0);
        let ratio = rows[1].full.ratio_to_floor.unwrap();
        assert!((ratio.lowest - 1.5).abs() < 1e-9 && (ratio.highest - 1.5).abs() < 1e-9);
        assert_eq!(rows[1].flood.lost, 30);
        assert_eq!(rows[1].flood.dropped_by_kernel, None);
    }

    #[test]
    fn a_table_has_a_row_for_each_contestant() {
        let all = [rounds([500; 3]), rounds([1000; 3])];
        let rows = rows(CASE, &["recvmmsg", "tickwire"], &all);
        let text = text(&rows, 2000, 1);
        let wanted = "recvmmsg (floor)     64      8  2,000,000 (2,000,000..2,000,000)          500  \
                      1.00 (1.00..1.00)    30";
        assert!(text.contains(wanted), "{text}");
        assert!(text.contains("Under fire: 1 thread sends"), "{text}");
    }

    #[test]
    fn a_contestant_that_received_nothing_has_no_figures() {
        let nothing = Rounds {
            full: vec![Sample::NOTHING],
            flood: vec![Sample::NOTHING],
        };
        let rows = rows(CASE, &["a", "b"], &[nothing.clone(), nothing]);
        assert_eq!(rows[1].full.ratio_to_floor, None);
        let cells = rows[1].full.cells();
        assert_eq!(cells, ["-", "-", "-", "0"]);
    }
}
