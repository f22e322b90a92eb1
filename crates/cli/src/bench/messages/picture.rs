//! The figures as one picture: latency by percentile, a colour for each share of losses, a solid line with
//! copies and a dashed one without; independent losses above and bursts below.

use std::path::Path;

use plotters::prelude::*;
use tickwire_measure::machine::Machine;

use super::case::Kind;
use super::figures::Row;
use super::{Results, Settings};
use crate::bench::drawing::{
    BLUE, GREEN, HEADING, ORANGE, Series, VERMILION, draw_percentiles, write_picture,
};
use crate::error::CliError;
use crate::ratio;

/// In pixels.
const WIDTH: u32 = 1000;
const PANEL: u32 = 420;

/// More panels than that cannot be read.
const PANELS_MAX: usize = 4;

/// From the good link to the bad one. Where there are more, colours come again.
const COLORS: [RGBColor; 4] = [BLUE, GREEN, ORANGE, VERMILION];

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
) -> Result<(), CliError> {
    let shown = kind_shown(&results.rows);
    let panels = panels(&results.rows, shown);
    let losses = losses(&results.rows);
    let count = u32::try_from(panels.len()).unwrap_or(u32::MAX);
    let kind = shown.map_or(String::new(), |kind| format!("{kind}: "));
    let title = format!("{kind}{settings}");
    let size = (WIDTH, HEADING + PANEL * count);
    write_picture(path, size, &title, machine, |below| {
        let areas = below.split_evenly((panels.len(), 1));
        panels.iter().zip(areas).try_for_each(|(panel, area)| {
            let series = panel.rows.iter().map(|row| series(row, &losses));
            draw_percentiles(&area, &panel.x_text(), &series.collect::<Vec<_>>())
        })
    })
}

fn series(row: &Row, losses: &[f64]) -> Series {
    let points = row.distribution.iter();
    Series {
        label: legend(row),
        style: style(row, losses),
        is_dashed: row.case.redundancy == Some(0),
        points: points.map(|point| (point.one_in, point.ms * 1e3)).collect(),
        rarest: row.messages as f64,
        is_lossy: !row.is_complete(),
    }
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

fn style(row: &Row, losses: &[f64]) -> ShapeStyle {
    let index = losses.iter().position(|loss| *loss == row.case.loss);
    COLORS[index.unwrap_or(0) % COLORS.len()].stroke_width(2)
}

/// `5% lost, redundancy 2`.
fn legend(row: &Row) -> String {
    let loss = ratio::percent(row.case.loss);
    match row.case.redundancy {
        Some(redundancy) => format!("{loss} lost, redundancy {redundancy}"),
        None => format!("{loss} lost"),
    }
}
