//! The results as one picture: the distribution by percentile, and the time line.

use std::path::Path;

use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;
use tickwire_measure::machine::Machine;

use super::report::Title;
use super::results::{Measured, Results, RoundResult, Totals};
use super::{Settings, Subject};
use crate::bench::drawing::{
    Area, BLUE, Drawn, FONT, GREEN, GRID, ORANGE, Series, TEXT_SIZE, VERMILION, around, chart,
    cross, dot, draw_percentiles, marks, time, write_picture,
};
use crate::error::CliError;

/// In pixels, at which the text has the size of a page's.
const SIZE: (u32, u32) = (1000, 860);
/// How much of the height is the upper panel.
const UPPER: u32 = 440;

/// Writes the picture, in the place of one that may be there.
pub(super) fn draw(
    settings: &Settings,
    machine: &Machine,
    results: &Results,
    path: &Path,
) -> Result<(), CliError> {
    let title = Title(settings, results).to_string();
    write_picture(path, SIZE, &title, machine, |panels| {
        let (upper, lower) = panels.split_vertically(UPPER);
        let series = |who| series(settings, who);
        let series: Vec<_> = results.subjects.iter().map(series).collect();
        draw_percentiles(&upper, parts_text(results), &series)?;
        draw_time_line(&lower, results)
    })
}

fn series(settings: &Settings, who: &Measured) -> Series {
    let points = who.distribution.iter();
    Series {
        label: legend(settings, who),
        style: style(who.name),
        is_dashed: false,
        points: points.map(|point| (point.one_in, point.micros)).collect(),
        rarest: who.counts.sent as f64,
        is_lossy: who.counts.lost > 0,
    }
}

/// The longest latency of each slice of the run, at the time when it happened: the rounds of the
/// subjects stand beside each other as they were run.
fn draw_time_line(area: &Area<'_>, results: &Results) -> Drawn<()> {
    let rounds = || results.subjects.iter().flat_map(|who| &who.rounds);
    let longest = rounds().flat_map(|round| round.time_line.longest_micros.iter().flatten());
    let micros = around(longest.copied());
    let end = rounds().map(end_of).fold(0.0, f64::max);
    let y = micros.clone().log_scale().with_key_points(marks(&micros));
    let mut chart = chart(area).build_cartesian_2d(0.0..end, y)?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .label_style((FONT, TEXT_SIZE))
        .axis_desc_style((FONT, TEXT_SIZE))
        .x_desc(slices_text(results))
        .y_desc("longest latency")
        .x_label_formatter(&|seconds| seconds_text(*seconds))
        .y_label_formatter(&|micros| time(*micros))
        .draw()?;
    for who in &results.subjects {
        let style = style(who.name).stroke_width(1);
        for round in &who.rounds {
            for stretch in stretches(&time_line(round)) {
                if let [point] = stretch[..] {
                    // Of a single point there is no line.
                    chart.draw_series([dot(point, style)])?;
                } else {
                    chart.draw_series(LineSeries::new(stretch, style))?;
                }
            }
            let lost = losses(round).map(|at| cross((at, micros.end), style));
            chart.draw_series(lost)?;
        }
    }
    Ok(())
}

fn style(who: Subject) -> ShapeStyle {
    let color = match who {
        Subject::Std => ORANGE,
        Subject::Mio => BLUE,
        Subject::Tickwire => VERMILION,
        Subject::Stamped => GREEN,
    };
    color.stroke_width(2)
}

/// `std`, or `std, 900 a second, 12 of 10000 lost`.
fn legend(settings: &Settings, who: &Measured) -> String {
    let Totals { sent, lost, .. } = who.counts;
    let mut text = who.name.to_string();
    if let Some(rate) = who.fell_behind(settings) {
        text += &format!(", {rate:.0} a second");
    }
    if lost > 0 {
        text += &format!(", {lost} of {sent} lost");
    }
    text
}

fn is_lossy(results: &Results) -> bool {
    results.subjects.iter().any(|who| who.counts.lost > 0)
}

fn parts_text(results: &Results) -> &'static str {
    if is_lossy(results) {
        return "of all datagrams, this part took no longer; beyond a cross they were lost";
    }
    "of all datagrams, this part took no longer"
}

fn seconds_text(seconds: f64) -> String {
    // Its marks are sums of steps like 0.1, and show it.
    let text = format!("{seconds:.3}");
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

fn slices_text(results: &Results) -> String {
    let mut rounds = results.subjects.iter().flat_map(|who| &who.rounds);
    let slice = rounds
        .next()
        .map_or(0.0, |round| round.time_line.slice_seconds);
    let cross = if is_lossy(results) {
        ", a cross at the top one with a lost datagram"
    } else {
        ""
    };
    format!(
        "time in the run, in slices of {} ms; a gap is one without an answer{cross}",
        slice * 1e3
    )
}

/// The times of the slices in which something was lost.
fn losses(round: &RoundResult) -> impl Iterator<Item = f64> {
    let slices = round.time_line.lost.iter().enumerate();
    slices
        .filter(|(_, lost)| **lost > 0)
        .map(|(index, _)| middle_of(round, index))
}

/// A point for each slice in which something was answered.
fn time_line(round: &RoundResult) -> Vec<Option<(f64, f64)>> {
    let slices = round.time_line.longest_micros.iter().enumerate();
    slices
        .map(|(index, longest)| Some((middle_of(round, index), (*longest)?)))
        .collect()
}

/// The points that stand side by side. Where there is none nothing came back, and a line across that
/// would say that all was well.
fn stretches<T: Copy>(points: &[Option<T>]) -> Vec<Vec<T>> {
    points
        .chunk_by(|one, next| one.is_some() && next.is_some())
        .map(|stretch| stretch.iter().copied().flatten().collect())
        .filter(|stretch: &Vec<T>| !stretch.is_empty())
        .collect()
}

fn middle_of(round: &RoundResult, slice: usize) -> f64 {
    // A hundred slices at most.
    let slice = u32::try_from(slice).unwrap_or(u32::MAX);
    round.at_seconds + (f64::from(slice) + 0.5) * round.time_line.slice_seconds
}

fn end_of(round: &RoundResult) -> f64 {
    middle_of(round, round.time_line.longest_micros.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_where_nothing_was_answered() {
        let points = [
            Some(1),
            Some(2),
            None,
            None,
            Some(5),
            None,
            Some(7),
            Some(8),
        ];
        let wanted = [vec![1, 2], vec![5], vec![7, 8]];
        assert_eq!(stretches(&points), wanted);
        assert_eq!(stretches::<u8>(&[None, None]), [[0; 0]; 0]);
    }
}
