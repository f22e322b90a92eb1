//! The results as text.

use tickwire::Delivery;

use super::{Row, Settings};
use crate::bench::table::Table;

pub(super) fn name_of(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Unreliable => "unreliable",
        Delivery::Sequenced(_) => "sequenced",
        Delivery::Reliable => "reliable",
        Delivery::Ordered(_) => "ordered",
        _ => "other",
    }
}

pub(super) fn title(settings: &Settings) -> String {
    let Settings {
        latency_ms,
        jitter_ms,
        rate_hz,
        size_bytes,
        messages,
        rounds,
        encrypted,
        real,
    } = settings;
    let protection = if *encrypted { "encrypted" } else { "plain" };
    let time = if *real {
        "over real sockets"
    } else {
        "on virtual time"
    };
    format!(
        "messages of {size_bytes} bytes at {rate_hz} Hz, {latency_ms} to {} ms one way, {protection}, \
         {time}; {rounds} runs of {messages} messages a row",
        latency_ms + jitter_ms
    )
}

pub(super) fn table(rows: &[Row]) -> Table {
    let mut table = Table::new([
        "delivery",
        "loss",
        "copies",
        "p50",
        "p90",
        "p99",
        "max ms",
        "delivered",
        "kbit/s",
        "packets",
        "copies sent",
        "sent again",
    ]);
    for row in rows {
        let outcome = &row.outcome;
        let percentile = |percent| {
            let value = outcome.percentile(percent);
            value.map_or("-".to_owned(), |ms| format!("{ms:.0}"))
        };
        let each = |count: u64| format!("{:.2}", ratio(count, outcome.sent));
        table.row([
            row.delivery.to_owned(),
            loss_of(row),
            row.redundancy.to_string(),
            percentile(50.0),
            percentile(90.0),
            percentile(99.0),
            percentile(100.0),
            format!("{} of {}", outcome.delivered, outcome.sent),
            format!("{:.0}", outcome.kilobits_per_second()),
            each(outcome.packets),
            each(outcome.copies),
            each(outcome.retransmitted),
        ]);
    }
    table
}

#[allow(
    clippy::cast_precision_loss,
    reason = "nobody sends 2^53 packets on virtual time"
)]
fn ratio(count: u64, messages: u32) -> f64 {
    count as f64 / f64::from(messages.max(1))
}

pub(super) fn loss_of(row: &Row) -> String {
    let burst = row.burst.map_or("", |_| " in bursts");
    format!("{:.0}%{burst}", row.loss * 100.0)
}

/// What is promised of ordered messages of 40 bytes at 60 Hz over 40 to 50 ms, with independent losses and
/// two copies: p50 and p99 in milliseconds at most.
const PROMISES: [(f64, f64, f64); 2] = [(0.05, 50.0, 85.0), (0.15, 67.0, 150.0)];

/// Where the losses are as bad as this, everything still arrives.
const ARRIVES_AT: f64 = 0.3;

/// Whether the promises were kept; `None` where something else was run.
pub(super) fn verdicts(settings: &Settings, rows: &[Row]) -> Option<String> {
    let is_promised = settings.size_bytes == 40
        && settings.rate_hz == 60
        && settings.latency_ms == 40.0
        && settings.jitter_ms == 10.0;
    if !is_promised {
        return None;
    }
    let of = |loss: f64| {
        rows.iter().find(|row| {
            let is_usual = row.delivery == "ordered" && row.burst.is_none();
            is_usual && row.redundancy == 2 && (row.loss - loss).abs() < 1e-9
        })
    };
    let latencies = PROMISES.iter().filter_map(|(loss, p50_max, p99_max)| {
        let outcome = &of(*loss)?.outcome;
        let (p50, p99) = (outcome.percentile(50.0)?, outcome.percentile(99.0)?);
        // A tick is 16.666 ms, and three of them are 50.
        let is_kept = p50 < p50_max + 0.5 && p99 <= *p99_max && is_all_in_order(of(*loss)?);
        let verdict = if is_kept { "ok" } else { "short" };
        Some(format!(
            "{:.0}% lost: p50 {p50:.0} of at most {p50_max}, p99 {p99:.0} of at most {p99_max} ms, all in \
             order: {verdict}",
            loss * 100.0
        ))
    });
    let arrives = of(ARRIVES_AT).map(|row| {
        let verdict = if is_all_in_order(row) { "ok" } else { "short" };
        format!("30% lost: everything arrives, in order: {verdict}")
    });
    let lines: Vec<String> = latencies.chain(arrives).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn is_all_in_order(row: &Row) -> bool {
    let outcome = &row.outcome;
    outcome.delivered == outcome.sent && outcome.out_of_order == 0 && outcome.duplicates == 0
}
