//! Pictures of latencies as SVG: panels with a logarithmic time axis.

use std::fs;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use tickwire_measure::machine::Machine;

use super::distribution::Point;
use crate::error::CliError;

/// In pixels.
const WIDTH: u32 = 1000;
const HEADING: u32 = 60;
const PANEL: u32 = 420;
const MARGIN: u32 = 14;
/// The last mark of an axis is centred at its end.
const MARGIN_RIGHT: u32 = 40;

const FONT: &str = "sans-serif";
const TITLE_SIZE: i32 = 19;
const TEXT_SIZE: i32 = 14;
/// Characters of a title that fit in its size; a longer title has a smaller size.
const TITLE_CHARS: usize = 120;

/// Colours that remain distinct with colour blindness (Okabe and Ito, 2008) and in grey.
pub(crate) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(crate) const BLUE: RGBColor = RGBColor(86, 180, 233);
pub(crate) const VERMILION: RGBColor = RGBColor(178, 50, 0);
pub(crate) const GREEN: RGBColor = RGBColor(0, 94, 69);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// A dash and its gap.
const DASH: (i32, i32) = (7, 5);

/// Length of the line next to a label.
const LEGEND: i32 = 30;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

/// A panel of latencies.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) axis: Axis,
    pub(crate) x_text: String,
    pub(crate) y_text: &'static str,
    pub(crate) series: Vec<Series>,
}

/// The horizontal axis of a panel.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Axis {
    /// One in N, logarithmic: each step to the right is ten times rarer, which shows the tail as
    /// clearly as the median.
    OneIn,
    /// Linear.
    Seconds,
}

/// Points of axis value and microseconds.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// Label in the legend, if any.
    pub(crate) label: Option<String>,
    pub(crate) color: RGBColor,
    pub(crate) is_dashed: bool,
    pub(crate) lines: Vec<Vec<(f64, f64)>>,
    pub(crate) dots: Vec<(f64, f64)>,
    /// Whether something was lost. An infinite time is at the top.
    pub(crate) crosses: Vec<(f64, f64)>,
}

impl Series {
    /// A line of latencies by percentile. It ends with a cross if the rest was lost, otherwise with
    /// a dot at the longest latency.
    pub(crate) fn by_percentile(points: &[Point], is_lossy: bool) -> Self {
        let line: Vec<_> = points.iter().map(|at| (at.one_in, at.micros)).collect();
        let end = Vec::from_iter(line.last().copied());
        let (dots, crosses) = if is_lossy {
            (Vec::new(), end)
        } else {
            (end, Vec::new())
        };
        Self {
            lines: vec![line],
            dots,
            crosses,
            ..Self::default()
        }
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let lines = self.lines.iter().chain([&self.dots, &self.crosses]);
        lines.flatten().copied()
    }
}

/// Draws a heading and the panels below each other into a file, if requested. Replaces an existing
/// file.
pub(crate) fn write(
    path: Option<&Path>,
    title: &str,
    machine: &Machine,
    panels: impl FnOnce() -> Vec<Panel>,
) -> Result<(), CliError> {
    let Some(path) = path else {
        return Ok(());
    };
    let mut text = String::new();
    let drawn = draw(&mut text, title, machine, &panels());
    drawn.map_err(|error| CliError::Runtime(format!("cannot draw the picture: {error}")))?;
    let what = format!("write {}", path.display());
    fs::write(path, text).map_err(CliError::cannot(&what))
}

fn draw(text: &mut String, title: &str, machine: &Machine, panels: &[Panel]) -> Drawn<()> {
    let height = HEADING + PANEL * u32::try_from(panels.len())?;
    let area = SVGBackend::with_string(text, (WIDTH, height)).into_drawing_area();
    // An opaque background is readable on dark pages.
    area.fill(&WHITE)?;
    let (heading, below) = area.split_vertically(HEADING);
    let is_long = title.chars().count() > TITLE_CHARS;
    let size = if is_long { TEXT_SIZE } else { TITLE_SIZE };
    for (line, y, size) in [
        (title.to_owned(), 12, size),
        (machine.to_string(), 38, TEXT_SIZE),
    ] {
        let font = (FONT, size).into_font().color(&BLACK);
        heading.draw(&Text::new(line, (20, y), font))?;
    }
    for (panel, area) in panels.iter().zip(below.split_evenly((panels.len(), 1))) {
        panel.draw(&area)?;
    }
    Ok(area.present()?)
}

impl Panel {
    fn draw(&self, area: &Area<'_>) -> Drawn<()> {
        let points = || self.series.iter().flat_map(Series::points);
        let micros = around(points().map(|(_, micros)| micros));
        let place = |(x, time): (f64, f64)| (self.axis.place(x), time.min(micros.end).log10());
        let x = self.axis.range(points().map(|(x, _)| x));
        let x = Scale::new(&x, self.axis.marks(&x), |x| self.axis.place(x));
        let y = Scale::new(&micros, marks(&micros), f64::log10);
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
            .x_desc(&self.x_text)
            .y_desc(self.y_text)
            .x_label_formatter(&|x| self.axis.label(*x))
            .y_label_formatter(&|y| time(10_f64.powf(*y)))
            .draw()?;
        for series in &self.series {
            let (style, (dash, gap)) = (series.color.stroke_width(2), DASH);
            for line in &series.lines {
                let line = line.iter().copied().map(place);
                if series.is_dashed {
                    chart.draw_series(DashedLineSeries::new(line, dash, gap, style))?;
                } else {
                    chart.draw_series(LineSeries::new(line, style))?;
                }
            }
            let dots = series
                .dots
                .iter()
                .map(|at| Circle::new(place(*at), 3, style.filled()));
            chart.draw_series(dots)?;
            let crosses = series
                .crosses
                .iter()
                .map(|at| Cross::new(place(*at), 5, style));
            let drawn = chart.draw_series(crosses)?;
            // The legend has a shorter dash.
            let length = if series.is_dashed { LEGEND / 3 } else { LEGEND };
            if let Some(label) = &series.label {
                let legend = move |(x, y)| PathElement::new([(x, y), (x + length, y)], style);
                drawn.label(label).legend(legend);
            }
        }
        if self.series.iter().any(|series| series.label.is_some()) {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .label_font((FONT, TEXT_SIZE))
                .legend_area_size(LEGEND + 6)
                .background_style(WHITE.mix(0.85))
                .border_style(GRID)
                .draw()?;
        }
        Ok(())
    }
}

/// A linear axis with explicit marks.
struct Scale {
    range: RangedCoordf64,
    marks: Vec<f64>,
}

impl Scale {
    /// An axis of values that `place` maps to positions.
    fn new(range: &Range<f64>, marks: Vec<f64>, place: impl Fn(f64) -> f64) -> Self {
        Self {
            range: (place(range.start)..place(range.end)).into(),
            marks: marks.into_iter().map(place).collect(),
        }
    }
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.range()
    }
}

impl Axis {
    /// Position of a value on the axis.
    fn place(self, x: f64) -> f64 {
        match self {
            Self::OneIn => x.log10(),
            Self::Seconds => x,
        }
    }

    fn range(self, values: impl Iterator<Item = f64>) -> Range<f64> {
        let (start, end) = match self {
            Self::OneIn => (1.0, 10.0),
            Self::Seconds => (0.0, 0.001),
        };
        start..values.fold(end, f64::max)
    }

    /// The labelled values: all, one in two, one in ten, one in a hundred and so on, or at most ten
    /// times.
    fn marks(self, range: &Range<f64>) -> Vec<f64> {
        match self {
            Self::OneIn => {
                let tens = (1..12).map(|power| 10_f64.powi(power));
                let marks = [1.0, 2.0].into_iter().chain(tens);
                marks.take_while(|one_in| *one_in <= range.end).collect()
            }
            Self::Seconds => {
                let steps = marks(&(range.end / 10.0..range.end));
                let step = steps.first().copied().unwrap_or(range.end);
                let marks = (0..).map(|number| f64::from(number) * step);
                marks.take_while(|time| *time <= range.end).collect()
            }
        }
    }

    fn label(self, place: f64) -> String {
        match self {
            Self::OneIn => percentile(10_f64.powf(place)),
            Self::Seconds => format!("{} s", trimmed(place, 3)),
        }
    }
}

/// Slightly more than the range of the finite values.
fn around(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (mut lowest, mut highest) = (f64::INFINITY, 0.0_f64);
    for value in values.filter(|value| value.is_finite()) {
        lowest = lowest.min(value);
        highest = highest.max(value);
    }
    // A logarithm needs a positive value.
    if lowest.is_infinite() {
        lowest = 1.0;
    }
    let lowest = lowest.max(0.1);
    lowest / 1.25..highest.max(lowest) * 1.25
}

/// Labels of a logarithmic axis: at 1, 2 and 5, or only at 1 over many decades.
fn marks(range: &Range<f64>) -> Vec<f64> {
    const DENSE: f64 = 1e4;
    let in_decade: &[f64] = if range.end / range.start > DENSE {
        &[1.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    let decades = (-4..10).map(|power| 10_f64.powi(power));
    let marks = decades.flat_map(|decade| in_decade.iter().map(move |mark| mark * decade));
    marks.filter(|mark| range.contains(mark)).collect()
}

/// `99.9%` for one in a thousand, with as many decimals as needed.
fn percentile(one_in: f64) -> String {
    format!("{}%", trimmed(100.0 - 100.0 / one_in, 9))
}

/// A time with a suitable unit.
fn time(micros: f64) -> String {
    match (micros * 1e3).round() / 1e3 {
        ..1e3 => format!("{} µs", trimmed(micros, 3)),
        ..1e6 => format!("{} ms", trimmed(micros / 1e3, 3)),
        _ => format!("{} s", trimmed(micros / 1e6, 3)),
    }
}

/// At most this number of decimals, without trailing zeros.
fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_has_as_many_decimals_as_it_needs() {
        let marks = Axis::OneIn.marks(&(1.0..1e5)).into_iter();
        let texts: Vec<_> = marks.map(|mark| Axis::OneIn.label(mark.log10())).collect();
        let wanted = ["0%", "50%", "90%", "99%", "99.9%", "99.99%", "99.999%"];
        assert_eq!(texts, wanted);
    }

    #[test]
    fn a_time_is_written_in_its_unit() {
        let texts = [0.5_f64, 200.0, 1000.0, 50_000.0, 2e6].map(|at| time(10_f64.powf(at.log10())));
        assert_eq!(texts, ["0.5 µs", "200 µs", "1 ms", "50 ms", "2 s"]);
        let marks = Axis::Seconds.marks(&(0.0..1.1)).into_iter();
        let texts: Vec<_> = marks.map(|mark| Axis::Seconds.label(mark)).collect();
        assert_eq!(texts, ["0 s", "0.2 s", "0.4 s", "0.6 s", "0.8 s", "1 s"]);
    }

    #[test]
    fn an_axis_contains_every_value_and_mark() {
        let range = around([50.0, 90.0, 2000.0, f64::INFINITY].into_iter());
        assert!(range.start < 50.0 && range.end > 2000.0 && range.end < 3000.0);
        assert_eq!(marks(&range), [50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0]);
        assert_eq!(marks(&(9.0..200_000.0)), [10.0, 100.0, 1e3, 1e4, 1e5]);
        let nothing = around(std::iter::empty());
        assert!(nothing.start > 0.0 && nothing.start < nothing.end);
    }
}
