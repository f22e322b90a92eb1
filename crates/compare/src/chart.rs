//! The chart: a bar for the p99 of each library, as SVG on an opaque light panel.

use std::fmt::Write;

use crate::condition::Condition;
use crate::outcome::Row;
use crate::report::cell;
use crate::{Options, TICK_RATE};

/// In pixels.
const WIDTH: f64 = 860.0;
const BARS_LEFT: f64 = 250.0;
const BARS_RIGHT: f64 = 680.0;
const BARS_TOP: f64 = 118.0;
const ROW: f64 = 38.0;
const BAR: f64 = 22.0;

/// Minimum latency on this link in ms: the longest one-way delay, three ticks.
const LEAST_MS: f64 = 50.0;

/// tickwire's bars, and the others'.
const OWN_COLOR: &str = "#0b6e4f";
const OTHER_COLOR: &str = "#8a94a0";

pub(crate) fn draw(shown: Condition, rows: &[Row], options: &Options) -> String {
    let mut rows: Vec<_> = rows.iter().filter(|row| row.condition == shown).collect();
    // An undelivered percentile sorts last.
    rows.sort_by_key(|row| (row.p99_ms.0.is_none(), row.p99_ms.0));
    let height = BARS_TOP + ROW * rows.len() as f64 + 76.0;
    let longest = rows.iter().filter_map(|row| row.p99_ms.millis());
    let scale = (BARS_RIGHT - BARS_LEFT) / longest.fold(LEAST_MS, f64::max);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" font-size=\"15\" \
         fill=\"#1f2328\">\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"#ffffff\" stroke=\"#d0d7de\"/>\n",
        WIDTH - 1.0,
        height - 1.0,
    );
    let mut text = |x: f64, y: f64, attributes: &str, text: &str| {
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" {attributes}>{text}</text>");
    };
    let title = format!("Latency of reliable ordered messages, p99 in ms, at {shown} packet loss");
    text(24.0, 38.0, "font-size=\"20\" font-weight=\"600\"", &title);
    let subtitle = format!(
        "40 bytes every tick at {TICK_RATE} Hz, 40 to 50 ms one-way delay, loss in both directions. Lower is better."
    );
    text(24.0, 63.0, "fill=\"#59636e\"", &subtitle);
    let footer = "font-size=\"12.5\" fill=\"#59636e\"";
    let runs = format!(
        "{} runs of {} messages per library; default configurations; same simulated link and seeds.",
        options.rounds, options.messages
    );
    text(24.0, height - 36.0, footer, &runs);
    let copies = "Copies: redundant copies of each message in later packets, 2 by default.";
    text(24.0, height - 18.0, footer, copies);
    let least = BARS_LEFT + LEAST_MS * scale;
    let bars_bottom = BARS_TOP + ROW * rows.len() as f64;
    let label = format!("best possible: {LEAST_MS:.0} ms");
    text(
        least,
        BARS_TOP - 16.0,
        "font-size=\"13\" fill=\"#b23200\" text-anchor=\"middle\"",
        &label,
    );
    for (index, row) in rows.iter().enumerate() {
        let top = BARS_TOP + ROW * index as f64 + (ROW - BAR) / 2.0;
        let is_own = row.library.starts_with("tickwire");
        let (color, weight) = if is_own {
            (OWN_COLOR, 600)
        } else {
            (OTHER_COLOR, 400)
        };
        let width = row
            .p99_ms
            .millis()
            .map_or(BARS_RIGHT - BARS_LEFT, |millis| millis * scale);
        let (baseline, end) = (top + 16.0, BARS_LEFT + width + 8.0);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{baseline}\" text-anchor=\"end\" font-weight=\"{weight}\">{}</text>\n\
             <rect x=\"{BARS_LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{color}\"/>\n\
             <text x=\"{end:.1}\" y=\"{baseline}\"><tspan font-weight=\"600\">{}</tspan><tspan dx=\"10\" \
             font-size=\"13\" fill=\"#59636e\">{:.0} kbit/s</tspan></text>",
            BARS_LEFT - 12.0,
            row.library,
            cell(row.p99_ms),
            row.kbit_per_second,
        );
    }
    let _ = writeln!(
        svg,
        "<line x1=\"{least:.1}\" y1=\"{}\" x2=\"{least:.1}\" y2=\"{bars_bottom}\" stroke=\"#b23200\" \
         stroke-width=\"1.5\" stroke-dasharray=\"4 3\"/>\n</svg>",
        BARS_TOP - 8.0,
    );
    svg
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn draws_the_rows_of_one_condition_sorted_by_latency() {
        let row = |library: &str, loss: &str, millis: Option<u64>| {
            let mut outcome = Outcome::new(1);
            if let Some(millis) = millis {
                outcome.record(std::time::Duration::from_millis(millis));
            }
            outcome.row(library.to_owned(), loss.parse().unwrap())
        };
        let rows = [
            row("never", "5%", None),
            row("slow", "5%", Some(500)),
            row("fast", "5%", Some(67)),
            row("other link", "0%", Some(50)),
        ];
        let options = Options::parse_from(["tickwire-compare"]);
        let svg = draw("5%".parse().unwrap(), &rows, &options);
        let places = ["fast", "67", "slow", "500", "never", "lost"].map(|text| {
            let text = format!(">{text}<");
            svg.find(&text)
                .unwrap_or_else(|| panic!("{text} is missing"))
        });
        assert!(places.is_sorted(), "{places:?}");
        assert!(!svg.contains("other link"));
    }
}
