//! What a run came to, for people.

use std::fmt;

use super::report;
use super::results::{Cost, Results};
use crate::bench::figure::{NOTHING, grouped, rounded};
use crate::bench::table::Table;

/// The results, in a table and a last word.
pub(super) struct Shown<'a>(pub(super) &'a Results);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let results = self.0;
        let mut table = Table::new(["what", "figure"]);
        let mut row = |what: &str, figure: String| table.row([what.to_owned(), figure]);
        let (admitted, kept, closed) = (&results.admitted, &results.kept, &results.closed);
        let seconds = admitted.time.as_secs_f64();
        let rate = admitted.peers as f64 / seconds.max(1e-9);
        row("admitted", count(admitted.peers));
        row("time to admit all, s", format!("{seconds:.3}"));
        row("admitted a second", rounded(rate));
        let gone = report::total(&kept.gone).max(report::total(&closed.gone_before));
        row("kept, s", format!("{:.3}", kept.time.as_secs_f64()));
        row("gone meanwhile", count(gone));
        row(
            "goodbyes heard",
            closed.said_goodbye.map_or_else(nothing, count),
        );
        row(
            "time to close all, s",
            format!("{:.3}", closed.time.as_secs_f64()),
        );
        if let Some(cost) = &results.server {
            rows_of_cost(cost, &mut row);
        }
        writeln!(f, "{table}")?;
        writeln!(f)?;
        if results.complaint().is_some() {
            return f.write_str("not all were admitted, kept and closed");
        }
        f.write_str("all were admitted, kept and closed")
    }
}

fn rows_of_cost(cost: &Cost, row: &mut impl FnMut(&str, String)) {
    let show = |value: Option<f64>, decimals: usize| {
        value.map_or_else(nothing, |value| format!("{value:.decimals$}"))
    };
    row(
        "CPU of the server, µs per peer and second",
        show(cost.cpu_micros_per_peer_and_second, 3),
    );
    row("CPU of the server, % of a core", show(cost.core_percent, 2));
    if let Some(floor) = cost.floor {
        row(
            "floor: CPU of a bare endpoint, % of a core",
            show(floor.core_percent, 2),
        );
        row(
            "CPU of the server against the floor",
            show(cost.against_floor(), 2),
        );
    }
    row(
        "packets in per peer and minute",
        format!("{:.2}", cost.received_per_peer_and_minute),
    );
    row(
        "packets out per peer and minute",
        format!("{:.2}", cost.sent_per_peer_and_minute),
    );
    row(
        "memory per peer, bytes resident",
        cost.resident_bytes_per_peer.map_or_else(nothing, rounded),
    );
    row(
        "memory per peer, bytes stated at most",
        count(cost.stated_bytes_per_peer),
    );
}

fn count(count: usize) -> String {
    grouped(count as u64)
}

fn nothing() -> String {
    NOTHING.to_owned()
}
