//! The latencies as one picture: by percentile, one line for each loss, with copies and without.

use std::fs;
use std::path::Path;

use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;

use super::{Row, Settings, report};
use crate::failure::Failure;

const SIZE: (u32, u32) = (1000, 560);
const FONT: &str = "sans-serif";
const TEXT_SIZE: i32 = 14;
const GRID: RGBColor = RGBColor(225, 225, 225);

/// Told apart also by those who see no red or no green (Okabe and Ito, 2008).
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(178, 50, 0),
    RGBColor(0, 114, 178),
    RGBColor(204, 121, 167),
    RGBColor(90, 90, 90),
];

/// Parts in a thousand that a line has points at, from the median to one in a thousand.
const PERCENTILES: [f64; 12] = [
    0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.8, 99.9, 99.95,
];

/// Writes the picture, in the place of one that may be there.
pub(super) fn draw(settings: &Settings, rows: &[Row], path: &Path) -> Result<(), Failure> {
    let text = picture(settings, rows)
        .map_err(|error| Failure::Refused(format!("cannot draw the picture: {error}")))?;
    fs::write(path, text).map_err(Failure::cannot("write the SVG file"))
}

type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

fn picture(settings: &Settings, rows: &[Row]) -> Drawn<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let title = (FONT, TEXT_SIZE).into_font().color(&BLACK);
        area.draw(&Text::new(report::title(settings), (20, 12), title))?;
        let (_, panel) = area.split_vertically(36);
        draw_lines(&panel, rows)?;
        area.present()?;
    }
    Ok(text)
}

fn draw_lines(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    rows: &[Row],
) -> Drawn<()> {
    let longest = rows
        .iter()
        .filter_map(|row| row.outcome.percentile(99.95))
        .fold(100.0, f64::max);
    let marks = vec![1.0, 2.0, 10.0, 100.0, 1000.0];
    let x = (1.0..2000.0).log_scale().with_key_points(marks);
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_right(40)
        .x_label_area_size(44)
        .y_label_area_size(74)
        .build_cartesian_2d(x, (30.0..longest * 1.2).log_scale())?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .label_style((FONT, TEXT_SIZE))
        .axis_desc_style((FONT, TEXT_SIZE))
        .x_desc("share of the messages that took no longer (what has no copies is thin)")
        .y_desc("latency in ms")
        .y_label_formatter(&|ms| format!("{ms:.0}"))
        .x_label_formatter(&|one_in| format!("{}%", 100.0 - 100.0 / one_in))
        .draw()?;
    let mut keys: Vec<_> = rows.iter().map(key).collect();
    keys.dedup();
    for row in rows {
        // One colour for each loss; what has no copies is thinner.
        let color = keys.iter().position(|one| *one == key(row)).unwrap_or(0);
        let width = if row.redundancy > 0 { 3 } else { 1 };
        let style = COLORS[color % COLORS.len()].stroke_width(width);
        let points = PERCENTILES.iter().filter_map(|percent| {
            let one_in = 100.0 / (100.0 - percent);
            Some((one_in, row.outcome.percentile(*percent)?))
        });
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(format!(
                "{}, {}, {} copies",
                row.delivery,
                report::loss_of(row),
                row.redundancy
            ))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font((FONT, TEXT_SIZE))
        .legend_area_size(30)
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .draw()?;
    Ok(())
}

/// What has a colour of its own.
fn key(row: &Row) -> (&'static str, u64, bool) {
    (row.delivery, row.loss.to_bits(), row.burst.is_some())
}
