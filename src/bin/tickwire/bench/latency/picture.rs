//! The results as one picture: the distribution by percentile, and the time line.

use std::fs;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;

use super::report::Title;
use super::results::{Measured, Results, RoundResult, Totals};
use super::{Contestant, Settings};
use crate::bench::machine::Machine;
use crate::failure::Failure;

/// In pixels, at which the text has the size of a page's.
const SIZE: (u32, u32) = (1000, 860);
/// How much of the height is the heading, and how much the upper panel.
const HEADING: u32 = 60;
const UPPER: u32 = 440;
const MARGIN: u32 = 14;
/// The last mark of an axis stands with its middle at the end of it.
const MARGIN_RIGHT: u32 = 40;

const FONT: &str = "sans-serif";
const TITLE_SIZE: i32 = 19;
const TEXT_SIZE: i32 = 14;
/// As many characters of a title fit in its size; a longer one is written smaller.
const TITLE_CHARS: usize = 120;

/// Told apart also by those who see no red or no green (Okabe and Ito, 2008), and in grey by how dark
/// they are.
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const BLUE: RGBColor = RGBColor(86, 180, 233);
const VERMILION: RGBColor = RGBColor(178, 50, 0);
const GREEN: RGBColor = RGBColor(0, 94, 69);
const GRID: RGBColor = RGBColor(225, 225, 225);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

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

type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

fn picture(settings: &Settings, machine: &Machine, results: &Results) -> Drawn<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        // A picture without a background is black on black for whoever reads white on black.
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

fn draw_heading(area: &Area<'_>, title: &str, machine: &Machine) -> Drawn<()> {
    let is_long = title.chars().count() > TITLE_CHARS;
    let size = if is_long { TEXT_SIZE } else { TITLE_SIZE };
    let font = (FONT, size).into_font().color(&BLACK);
    let text = (FONT, TEXT_SIZE).into_font().color(&BLACK);
    area.draw(&Text::new(title.to_owned(), (20, 12), font))?;
    area.draw(&Text::new(machine.to_string(), (20, 38), text))?;
    Ok(())
}

/// Latency by percentile. To the right every step is ten times as rare, so that a tail which means
/// one datagram in ten thousand has as much room as the median.
fn draw_distribution(area: &Area<'_>, settings: &Settings, results: &Results) -> Drawn<()> {
    let points = results.contestants.iter().flat_map(|who| &who.distribution);
    let rarest = results.contestants.iter().map(rarest).fold(10.0, f64::max);
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
    for who in &results.contestants {
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
/// contestants stand beside each other as they were run.
fn draw_time_line(area: &Area<'_>, results: &Results) -> Drawn<()> {
    let rounds = || results.contestants.iter().flat_map(|who| &who.rounds);
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
    for who in &results.contestants {
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

fn style(who: Contestant) -> ShapeStyle {
    let (color, width) = match who {
        Contestant::Std => (ORANGE, 2),
        Contestant::Mio => (BLUE, 2),
        Contestant::Tickwire => (VERMILION, 2),
        Contestant::Stamped => (GREEN, 2),
    };
    color.stroke_width(width)
}

/// One in so many is the rarest datagram that there can be.
fn rarest(who: &Measured) -> f64 {
    #[allow(
        clippy::cast_precision_loss,
        reason = "nobody sends 2^53 datagrams in a run"
    )]
    let sent = who.counts.sent as f64;
    sent
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
    results.contestants.iter().any(|who| who.counts.lost > 0)
}

fn parts_text(results: &Results) -> &'static str {
    if is_lossy(results) {
        return "of all datagrams, this part took no longer; beyond a cross they were lost";
    }
    "of all datagrams, this part took no longer"
}

fn cross(at: (f64, f64), style: ShapeStyle) -> Cross<(f64, f64), u32> {
    Cross::new(at, 5, style.stroke_width(2))
}

fn dot(at: (f64, f64), style: ShapeStyle) -> Circle<(f64, f64), u32> {
    Circle::new(at, style.stroke_width + 1, style.filled())
}

/// A little more than what the values span.
fn around(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (mut lowest, mut highest) = (f64::INFINITY, 0.0_f64);
    for value in values {
        lowest = lowest.min(value);
        highest = highest.max(value);
    }
    // A clock that stood still, or no value at all; a logarithm wants neither.
    let lowest = if lowest.is_finite() {
        lowest.max(0.1)
    } else {
        1.0
    };
    lowest / 1.25..highest.max(lowest) * 1.25
}

/// Where a logarithmic axis has its numbers: at 1, 2 and 5, or at 1 alone where there are many decades.
fn marks(range: &Range<f64>) -> Vec<f64> {
    const DENSE: f64 = 1e4;
    let in_decade: &[f64] = if range.end / range.start > DENSE {
        &[1.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    let decades = (-1..10).map(|power| 10_f64.powi(power));
    let marks = decades.flat_map(|decade| in_decade.iter().map(move |mark| mark * decade));
    marks.filter(|mark| range.contains(mark)).collect()
}

/// All, one in two, one in ten, one in a hundred, and so on.
fn percentile_marks(rarest: f64) -> Vec<f64> {
    let tens = (1..12).map(|power| 10_f64.powi(power));
    let marks = [1.0, 2.0].into_iter().chain(tens);
    marks.take_while(|one_in| *one_in <= rarest).collect()
}

/// `99.9%` for one in a thousand.
fn percentile(one_in: f64) -> String {
    let percent = 100.0 - 100.0 / one_in;
    // As many decimals as it takes, and no more: what stands here is a mark, all nines.
    let text = format!("{percent:.9}");
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

fn time(micros: f64) -> String {
    match micros {
        ..1e3 => format!("{micros} µs"),
        ..1e6 => format!("{} ms", micros / 1e3),
        _ => format!("{} s", micros / 1e6),
    }
}

fn seconds_text(seconds: f64) -> String {
    // Its marks are sums of steps like 0.1, and show it.
    let text = format!("{seconds:.3}");
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

fn slices_text(results: &Results) -> String {
    let mut rounds = results.contestants.iter().flat_map(|who| &who.rounds);
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
    fn a_percentile_has_as_many_decimals_as_it_needs() {
        let texts = percentile_marks(1e5).into_iter().map(percentile);
        let texts: Vec<_> = texts.collect();
        let wanted = ["0%", "50%", "90%", "99%", "99.9%", "99.99%", "99.999%"];
        assert_eq!(texts, wanted);
    }

    #[test]
    fn a_time_is_written_in_its_unit() {
        let texts = [0.5, 200.0, 1000.0, 50_000.0, 2e6].map(time);
        assert_eq!(texts, ["0.5 µs", "200 µs", "1 ms", "50 ms", "2 s"]);
    }

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

    #[test]
    fn an_axis_holds_every_value_and_its_marks_lie_in_it() {
        let range = around([50.0, 90.0, 2000.0].into_iter());
        assert!(range.start < 50.0 && range.end > 2000.0);
        assert_eq!(marks(&range), [50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0]);
        assert_eq!(marks(&(9.0..200_000.0)), [10.0, 100.0, 1e3, 1e4, 1e5]);
        let nothing = around(std::iter::empty());
        assert!(nothing.start > 0.0 && nothing.start < nothing.end);
    }
}
