//! The chart: a bar for the p99 of each library, as SVG on an opaque light panel.

use std::fmt::Write;

use crate::condition::Condition;
use crate::outcome::Row;
use crate::report::cell;
use crate::{Options, TICK_RATE};

/// In pixels.
const WIDTH: f64 = 860.0;
const BARS_LEFT: f64 = 250.0;
const BARS_RIGHT: f64 = 780.0;
const BARS_TOP: f64 = 118.0;
const ROW: f64 = 38.0;
const BAR: f64 = 22.0;

/// The least latency on this link in ms: the longest one-way delay, which is three ticks.
const LEAST_MS: f64 = 50.0;

/// tickwire's bars, and the others'.
const OWN_COLOR: &str = "#0b6e4f";
const OTHER_COLOR: &str = "#8a94a0";

/// The rows of one condition.
pub(crate) fn draw(shown: Condition, rows: &[Row], options: &Options) -> String {
    let rows: Vec<_> = rows.iter().filter(|row| row.condition == shown).collect();
    let height = BARS_TOP + ROW * rows.len() as f64 + 62.0;
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
    let runs = format!(
        "{} runs of {} messages per library, default configurations, same link and seeds. cargo run --release -p \
         tickwire-compare",
        options.rounds, options.messages
    );
    let footer = "font-size=\"12.5\" fill=\"#59636e\"";
    text(24.0, height - 20.0, footer, &runs);
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
        let width = row.p99_ms.millis().unwrap_or(BARS_RIGHT - BARS_LEFT) * scale;
        let width = width.min(BARS_RIGHT - BARS_LEFT);
        let (baseline, end) = (top + 16.0, BARS_LEFT + width + 8.0);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{baseline}\" text-anchor=\"end\" font-weight=\"{weight}\">{}</text>\n\
             <rect x=\"{BARS_LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{color}\"/>\n\
             <text x=\"{end:.1}\" y=\"{baseline}\" font-weight=\"600\">{}</text>",
            BARS_LEFT - 12.0,
            row.library,
            cell(row.p99_ms),
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
