//! What the pictures of the benchmarks have in common: colours, sizes of text, logarithmic axes.

use std::fs;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use tickwire_measure::machine::Machine;

use crate::error::CliError;

/// How much of the height is the heading, in pixels.
pub(crate) const HEADING: u32 = 60;
const MARGIN: u32 = 14;
/// The last mark of an axis stands with its middle at the end of it.
const MARGIN_RIGHT: u32 = 40;

pub(crate) const FONT: &str = "sans-serif";
const TITLE_SIZE: i32 = 19;
pub(crate) const TEXT_SIZE: i32 = 14;
/// As many characters of a title fit in its size; a longer one is written smaller.
const TITLE_CHARS: usize = 120;

/// Distinct also without red or green vision (Okabe and Ito, 2008), and in grey by how dark they are.
pub(crate) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(crate) const BLUE: RGBColor = RGBColor(86, 180, 233);
pub(crate) const VERMILION: RGBColor = RGBColor(178, 50, 0);
pub(crate) const GREEN: RGBColor = RGBColor(0, 94, 69);
pub(crate) const GRID: RGBColor = RGBColor(225, 225, 225);

/// A dash and the gap behind it.
const DASH: (i32, i32) = (7, 5);

/// Length of the line beside a label.
const LEGEND: i32 = 30;

/// What is drawn on.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What drawing comes to.
pub(crate) type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

/// The title, and below it the machine.
fn draw_heading(area: &Area<'_>, title: &str, machine: &Machine) -> Drawn<()> {
    let is_long = title.chars().count() > TITLE_CHARS;
    let size = if is_long { TEXT_SIZE } else { TITLE_SIZE };
    let font = (FONT, size).into_font().color(&BLACK);
    let text = (FONT, TEXT_SIZE).into_font().color(&BLACK);
    area.draw(&Text::new(title.to_owned(), (20, 12), font))?;
    area.draw(&Text::new(machine.to_string(), (20, 38), text))?;
    Ok(())
}

/// Draws a picture with a heading into a file, in the place of one that may be there. `panels` draws what is below the
/// heading.
pub(crate) fn write_picture(
    path: &Path,
    size: (u32, u32),
    title: &str,
    machine: &Machine,
    panels: impl FnOnce(&Area<'_>) -> Drawn<()>,
) -> Result<(), CliError> {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&area, title, machine, panels)
    };
    drawn.map_err(|error| CliError::Runtime(format!("cannot draw the picture: {error}")))?;
    fs::write(path, text).map_err(CliError::cannot("write the SVG file"))
}

fn draw(
    area: &Area<'_>,
    title: &str,
    machine: &Machine,
    panels: impl FnOnce(&Area<'_>) -> Drawn<()>,
) -> Drawn<()> {
    // Without a background it would be black on black for a reader of white on black.
    area.fill(&WHITE)?;
    let (heading, below) = area.split_vertically(HEADING);
    draw_heading(&heading, title, machine)?;
    panels(&below)?;
    Ok(area.present()?)
}

/// A line of latencies by percentile.
pub(crate) struct Series {
    pub(crate) label: String,
    pub(crate) style: ShapeStyle,
    pub(crate) is_dashed: bool,
    /// One in so many took so many microseconds or longer.
    pub(crate) points: Vec<(f64, f64)>,
    /// One in so many is the rarest that there can be.
    pub(crate) rarest: f64,
    /// Whether some beyond the last point were lost.
    pub(crate) is_lossy: bool,
}

/// Latency by percentile. To the right every step is ten times as rare, so that a tail which means one in ten thousand
/// has as much room as the median.
pub(crate) fn draw_percentiles(area: &Area<'_>, x_text: &str, all: &[Series]) -> Drawn<()> {
    let rarest = all.iter().map(|series| series.rarest).fold(10.0, f64::max);
    let micros = around(
        all.iter()
            .flat_map(|series| &series.points)
            .map(|point| point.1),
    );
    let x = (1.0..rarest)
        .log_scale()
        .with_key_points(percentile_marks(rarest));
    let y = micros.clone().log_scale().with_key_points(marks(&micros));
    let mut chart = chart(area).build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .label_style((FONT, TEXT_SIZE))
        .axis_desc_style((FONT, TEXT_SIZE))
        .x_desc(x_text)
        .y_desc("latency")
        .x_label_formatter(&|one_in| percentile(*one_in))
        .y_label_formatter(&|micros| time(*micros))
        .draw()?;
    for series in all {
        let (line, style, (dash, gap)) = (series.points.iter().copied(), series.style, DASH);
        let stretch = |(x, y)| [(x, y), (x + LEGEND, y)];
        if series.is_dashed {
            chart
                .draw_series(DashedLineSeries::new(line, dash, gap, style))?
                .label(&series.label)
                .legend(move |from| DashedPathElement::new(stretch(from), dash, gap, style));
        } else {
            chart
                .draw_series(LineSeries::new(line, style))?
                .label(&series.label)
                .legend(move |from| PathElement::new(stretch(from), style));
        }
        let end = series.points.last().copied();
        if series.is_lossy {
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
        .legend_area_size(LEGEND + 6)
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .draw()?;
    Ok(())
}

/// With room for its axes.
pub(crate) fn chart<'a, 'b>(area: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut chart = ChartBuilder::on(area);
    chart
        .margin(MARGIN)
        .margin_right(MARGIN_RIGHT)
        .x_label_area_size(44)
        .y_label_area_size(74);
    chart
}

/// From here on there is nothing.
pub(crate) fn cross(at: (f64, f64), style: ShapeStyle) -> Cross<(f64, f64), u32> {
    Cross::new(at, 5, style.stroke_width(2))
}

/// A point of its own.
pub(crate) fn dot(at: (f64, f64), style: ShapeStyle) -> Circle<(f64, f64), u32> {
    Circle::new(at, style.stroke_width + 1, style.filled())
}

/// A little more than what the values span.
pub(crate) fn around(values: impl Iterator<Item = f64>) -> Range<f64> {
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
pub(crate) fn marks(range: &Range<f64>) -> Vec<f64> {
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

/// A time in its unit.
pub(crate) fn time(micros: f64) -> String {
    match micros {
        ..1e3 => format!("{micros} µs"),
        ..1e6 => format!("{} ms", micros / 1e3),
        _ => format!("{} s", micros / 1e6),
    }
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
    fn an_axis_holds_every_value_and_its_marks_lie_in_it() {
        let range = around([50.0, 90.0, 2000.0].into_iter());
        assert!(range.start < 50.0 && range.end > 2000.0);
        assert_eq!(marks(&range), [50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0]);
        assert_eq!(marks(&(9.0..200_000.0)), [10.0, 100.0, 1e3, 1e4, 1e5]);
        let nothing = around(std::iter::empty());
        assert!(nothing.start > 0.0 && nothing.start < nothing.end);
    }
}
