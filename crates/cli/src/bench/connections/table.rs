//! What a run came to, for people.

use std::fmt;

use super::pace::TICKS_PER_SECOND;
use super::report;
use super::results::{Cost, Load, Results};
use crate::bench::figure::{NOTHING, grouped, rounded};
use crate::bench::table::Table;

/// The results, in two tables and a last word.
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
            rows_of_memory(cost, &mut row);
        }
        writeln!(f, "{table}")?;
        writeln!(f)?;
        if let Some(cost) = &results.server {
            writeln!(f, "{}", table_of_load(cost))?;
            writeln!(f)?;
        }
        if results.complaint().is_some() {
            return f.write_str("not all were admitted, kept and closed");
        }
        f.write_str("all were admitted, kept and closed")
    }
}

fn rows_of_memory(cost: &Cost, row: &mut impl FnMut(&str, String)) {
    row(
        "memory per peer, bytes resident",
        cost.resident_bytes_per_peer.map_or_else(nothing, rounded),
    );
    row(
        "memory per peer, bytes stated at most",
        count(cost.stated_bytes_per_peer),
    );
}

fn table_of_load(cost: &Cost) -> Table {
    let ticking = format!("{TICKS_PER_SECOND} turns a second");
    let mut table = Table::new(["while it kept them", "woken by each datagram", &ticking]);
    let mut row = |what: &str, decimals: usize, figure: &dyn Fn(&Load) -> Option<f64>| {
        let show = |load| shown(figure(load), decimals);
        let figures = [show(&cost.load.woken), show(&cost.load.ticking)];
        table.row([what.to_owned()].into_iter().chain(figures));
    };
    row("CPU of the server, % of a core", 2, &|load| {
        load.core_percent
    });
    row("floor: CPU of a bare socket, % of a core", 2, &|load| {
        load.floor?.core_percent
    });
    row("CPU of the server against the floor", 2, &|load| {
        load.against_floor()
    });
    row("CPU of the server, µs per peer and second", 3, &|load| {
        load.cpu_micros_per_peer_and_second
    });
    row("packets in per peer and minute", 2, &|load| {
        Some(load.received_per_peer_and_minute)
    });
    row("packets out per peer and minute", 2, &|load| {
        Some(load.sent_per_peer_and_minute)
    });
    table
}

fn shown(figure: Option<f64>, decimals: usize) -> String {
    figure.map_or_else(nothing, |figure| format!("{figure:.decimals$}"))
}

fn count(count: usize) -> String {
    grouped(count as u64)
}

fn nothing() -> String {
    NOTHING.to_owned()
}
