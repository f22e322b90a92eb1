//! The results as one picture: the distribution by percentile, and the time line.

use std::fs;
use std::path::Path;

use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;
use tickwire_measure::machine::Machine;

use super::report::Title;
use super::results::{Measured, Results, RoundResult, Totals};
use super::{Settings, Subject};
use crate::bench::drawing::{
    Area, BLUE, Drawn, FONT, GREEN, GRID, HEADING, MARGIN, MARGIN_RIGHT, ORANGE, TEXT_SIZE,
    VERMILION, around, cross, dot, draw_heading, marks, percentile, percentile_marks, time,
};
use crate::failure::Failure;

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
) -> Result<(), Failure> {
    let text = picture(settings, machine, results)
        .map_err(|error| Failure::Refused(format!("cannot draw the picture: {error}")))?;
    fs::write(path, text).map_err(Failure::cannot("write the SVG file"))
}

fn picture(settings: &Settings, machine: &Machine, results: &Results) -> Drawn<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        // Without a background it would be black on black for a reader of white on black.
        area.fill(&WHITE)?;
        let (heading, panels) = area.split_vertically(HEADING);
        let (upper, lower) = panels.split_vertically(UPPER);
        let title = Title(settings, results).to_string();
        draw_heading(&heading, &title, machine)?;
        draw_distribution(&upper, settings, results)?;
        draw_time_line(&lower, results)?;
        area.present()?;
    }
    Ok(text)
}

/// Latency by percentile. To the right every step is ten times as rare, so that a tail which means
/// one datagram in ten thousand has as much room as the median.
fn draw_distribution(area: &Area<'_>, settings: &Settings, results: &Results) -> Drawn<()> {
    let points = results.subjects.iter().flat_map(|who| &who.distribution);
    let rarest = results.subjects.iter().map(rarest).fold(10.0, f64::max);
    let micros = around(points.map(|point| point.micros));
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
        .x_desc(parts_text(results))
        .y_desc("latency")
        .x_label_formatter(&|one_in| percentile(*one_in))
        .y_label_formatter(&|micros| time(*micros))
        .draw()?;
    for who in &results.subjects {
        let (style, name) = (style(who.name), legend(settings, who));
        let line = who
            .distribution
            .iter()
            .map(|point| (point.one_in, point.micros));
        chart
            .draw_series(LineSeries::new(line, style))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
        let end = who.distribution.last();
        let end = end.map(|point| (point.one_in, point.micros));
        if who.counts.lost > 0 {
            // From here on to the right they were lost.
            chart.draw_series(end.map(|end| cross(end, style)))?;
        } else {
            // The longest of all is a point of its own, however far it lies above the rest.
            chart.draw_series(end.map(|end| dot(end, style)))?;
        }
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

/// The longest latency of each slice of the run, at the time when it happened: the rounds of the
/// subjects stand beside each other as they were run.
fn draw_time_line(area: &Area<'_>, results: &Results) -> Drawn<()> {
    let rounds = || results.subjects.iter().flat_map(|who| &who.rounds);
    let longest = rounds().flat_map(|round| round.time_line.longest_micros.iter().flatten());
    let micros = around(longest.copied());
    let end = rounds().map(end_of).fold(0.0, f64::max);
    let y = micros.clone().log_scale().with_key_points(marks(&micros));
    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .margin_right(MARGIN_RIGHT)
        .x_label_area_size(44)
        .y_label_area_size(74)
        .build_cartesian_2d(0.0..end, y)?;
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

/// One in so many is the rarest datagram that there can be.
fn rarest(who: &Measured) -> f64 {
    who.counts.sent as f64
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
