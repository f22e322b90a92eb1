//! The figures as one picture: latency by percentile, a colour for each share of losses, a solid line with
//! copies and a dashed one without; independent losses above and bursts below.

use std::fs;
use std::path::Path;

use plotters::coord::combinators::BindKeyPoints;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::case::Kind;
use super::figures::{Point, Row};
use super::{Results, Settings};
use tickwire_measure::machine::Machine;

use crate::bench::drawing::{
    Area, BLUE, Drawn, FONT, GREEN, GRID, HEADING, MARGIN, MARGIN_RIGHT, ORANGE, TEXT_SIZE,
    VERMILION, around, cross, dot, draw_heading, marks, percentile, percentile_marks, time,
};
use crate::failure::Failure;
use crate::share;

/// In pixels.
const WIDTH: u32 = 1000;
const PANEL: u32 = 420;

/// More panels than that cannot be read.
const PANELS_MAX: usize = 4;

/// From the good link to the bad one. Where there are more, colours come again.
const COLORS: [RGBColor; 4] = [BLUE, GREEN, ORANGE, VERMILION];

/// A dash and the gap behind it.
const DASH: (i32, i32) = (7, 5);

/// How long the line beside a name is.
const LEGEND: i32 = 30;

/// Rows with the same kind of losses.
struct Panel<'a> {
    burst: Option<f64>,
    rows: Vec<&'a Row>,
}

/// Writes the picture, in the place of one that may be there.
pub(super) fn draw(
    settings: &Settings,
    machine: &Machine,
    results: &Results,
    path: &Path,
) -> Result<(), Failure> {
    let text = picture(settings, machine, results)
        .map_err(|error| Failure::Refused(format!("cannot draw the picture: {error}")))?;
    fs::write(path, text).map_err(Failure::cannot("write the SVG file"))
}

fn picture(settings: &Settings, machine: &Machine, results: &Results) -> Drawn<String> {
    let shown = kind_shown(&results.rows);
    let panels = panels(&results.rows, shown);
    let losses = losses(&results.rows);
    let height = HEADING + PANEL * u32::try_from(panels.len())?;
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        // Without a background it would be black on black for a reader of white on black.
        area.fill(&WHITE)?;
        let (heading, below) = area.split_vertically(HEADING);
        let kind = shown.map_or(String::new(), |kind| format!("{kind}: "));
        draw_heading(&heading, &format!("{kind}{settings}"), machine)?;
        for (panel, area) in panels.iter().zip(below.split_evenly((panels.len(), 1))) {
            draw_panel(&area, panel, &losses)?;
        }
        area.present()?;
    }
    Ok(text)
}

/// One delivery is enough for a picture: the one that waits for everything, if it is there.
fn kind_shown(rows: &[Row]) -> Option<Kind> {
    let mut kinds = rows.iter().map(|row| row.case.delivery);
    let first = kinds.clone().next();
    kinds.find(|kind| *kind == Kind::Ordered).or(first)
}

fn panels(rows: &[Row], kind: Option<Kind>) -> Vec<Panel<'_>> {
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for row in rows.iter().filter(|row| Some(row.case.delivery) == kind) {
        let burst = row.case.burst;
        match panels.iter_mut().find(|panel| panel.burst == burst) {
            Some(panel) => panel.rows.push(row),
            None => panels.push(Panel {
                burst,
                rows: vec![row],
            }),
        }
    }
    panels.truncate(PANELS_MAX);
    panels
}

/// Each share of losses has its colour in every panel.
fn losses(rows: &[Row]) -> Vec<f64> {
    let mut losses: Vec<f64> = rows.iter().map(|row| row.case.loss).collect();
    losses.sort_by(f64::total_cmp);
    losses.dedup();
    losses
}

fn draw_panel(area: &Area<'_>, panel: &Panel<'_>, losses: &[f64]) -> Drawn<()> {
    let points = || panel.rows.iter().flat_map(|row| &row.distribution);
    let rarest = panel
        .rows
        .iter()
        .map(|row| rarest(row))
        .fold(10.0, f64::max);
    let micros = around(points().map(|point| at(point).1));
    let x = (1.0..rarest)
        .log_scale()
        .with_key_points(percentile_marks(rarest));
    let y = micros.clone().log_scale().with_key_points(marks(&micros));
    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .margin_right(MARGIN_RIGHT)
        .x_label_area_size(44)
        .y_label_area_size(74)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .label_style((FONT, TEXT_SIZE))
        .axis_desc_style((FONT, TEXT_SIZE))
        .x_desc(panel.x_text())
        .y_desc("latency")
        .x_label_formatter(&|one_in| percentile(*one_in))
        .y_label_formatter(&|micros| time(*micros))
        .draw()?;
    for row in &panel.rows {
        let style = style(row, losses);
        let line = row.distribution.iter().map(at);
        let is_solid = row.case.redundancy != Some(0);
        let stretch = |(x, y)| [(x, y), (x + LEGEND, y)];
        if is_solid {
            chart
                .draw_series(LineSeries::new(line, style))?
                .label(legend(row))
                .legend(move |from| PathElement::new(stretch(from), style));
        } else {
            let (dash, gap) = DASH;
            chart
                .draw_series(DashedLineSeries::new(line, dash, gap, style))?
                .label(legend(row))
                .legend(move |from| DashedPathElement::new(stretch(from), dash, gap, style));
        }
        let end = row.distribution.last().map(at);
        if row.is_complete() {
            chart.draw_series(end.map(|end| dot(end, style)))?;
        } else {
            // From here on to the right they did not arrive.
            chart.draw_series(end.map(|end| cross(end, style)))?;
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font((FONT, TEXT_SIZE))
        .legend_area_size(LEGEND + 6)
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .draw()?;
    Ok(())
}

impl Panel<'_> {
    fn x_text(&self) -> String {
        let losses = match self.burst {
            None => "independent losses".to_owned(),
            Some(burst) => format!("losses in bursts of {burst}"),
        };
        let missing = if self.rows.iter().all(|row| row.is_complete()) {
            ""
        } else {
            "; beyond a cross they did not arrive"
        };
        format!("{losses}: of all messages, this part took no longer{missing}")
    }
}

/// Where a point stands: one in so many, in microseconds as the axes are.
fn at(point: &Point) -> (f64, f64) {
    (point.one_in, point.ms * 1e3)
}

/// One in so many is the rarest message that there can be.
fn rarest(row: &Row) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
    let messages = row.messages as f64;
    messages
}

fn style(row: &Row, losses: &[f64]) -> ShapeStyle {
    let index = losses.iter().position(|loss| *loss == row.case.loss);
    COLORS[index.unwrap_or(0) % COLORS.len()].stroke_width(2)
}

/// `5% lost, redundancy 2`.
fn legend(row: &Row) -> String {
    let loss = share::percent(row.case.loss);
    match row.case.redundancy {
        Some(redundancy) => format!("{loss} lost, redundancy {redundancy}"),
        None => format!("{loss} lost"),
    }
}
