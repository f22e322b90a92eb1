//! The results as two panels: latency by percentile, and the longest latency over time.

use super::results::{Measured, Results, RoundResult};
use super::{Options, Subject};
use crate::bench::picture::{Axis, BLUE, GREEN, ORANGE, Panel, Series, VERMILION};

pub(super) fn panels(options: &Options, results: &Results) -> Vec<Panel> {
    let slice = results
        .subjects
        .iter()
        .flat_map(|subject| &subject.rounds)
        .next();
    let slice = slice.map_or(0.0, |round| round.time_line.slice.as_secs_f64());
    let subjects = || results.subjects.iter();
    let by_percentile = Panel {
        axis: Axis::OneIn,
        x_text: "share of datagrams with at most this latency; lost beyond a cross".to_owned(),
        y_text: "latency",
        series: subjects()
            .map(|subject| by_percentile(options, subject))
            .collect(),
    };
    let by_time = Panel {
        axis: Axis::Seconds,
        x_text: format!(
            "time in the run, in slices of {} ms; a gap has no reply, a cross marks a lost datagram",
            slice * 1e3
        ),
        y_text: "longest latency",
        series: subjects().map(by_time).collect(),
    };
    vec![by_percentile, by_time]
}

/// Legend: `std`, or `std, 900 per second, 12 of 10000 lost`.
fn by_percentile(options: &Options, subject: &Measured) -> Series {
    let counts = subject.all.counts;
    let mut label = subject.name.to_string();
    if let Some(rate) = subject.fell_behind(options) {
        label += &format!(", {rate:.0} per second");
    }
    if counts.lost > 0 {
        label += &format!(", {} of {} lost", counts.lost, counts.sent);
    }
    Series {
        label: Some(label),
        color: subject.name.color(),
        ..Series::by_percentile(&subject.distribution, counts.lost > 0)
    }
}

/// The longest latency of each slice of the run, by time, in the order of the rounds.
fn by_time(subject: &Measured) -> Series {
    let mut series = Series {
        color: subject.name.color(),
        ..Series::default()
    };
    for round in &subject.rounds {
        for stretch in stretches(&points(round)) {
            // A single point is a dot.
            match stretch[..] {
                [point] => series.dots.push(point),
                _ => series.lines.push(stretch),
            }
        }
        let lost = round.time_line.lost.iter().enumerate();
        let lost = lost.filter(|(_, lost)| **lost > 0);
        let crosses = lost.map(|(slice, _)| (middle_of(round, slice), f64::INFINITY));
        series.crosses.extend(crosses);
    }
    series
}

/// A point for each slice with a reply.
fn points(round: &RoundResult) -> Vec<Option<(f64, f64)>> {
    let slices = round.time_line.longest_micros.iter().enumerate();
    let points = slices.map(|(slice, longest)| Some((middle_of(round, slice), (*longest)?)));
    points.collect()
}

/// Runs of adjacent points. No line crosses a slice without a reply.
fn stretches<T: Copy>(points: &[Option<T>]) -> Vec<Vec<T>> {
    points
        .chunk_by(|one, next| one.is_some() && next.is_some())
        .map(|stretch| stretch.iter().copied().flatten().collect())
        .filter(|stretch: &Vec<T>| !stretch.is_empty())
        .collect()
}

fn middle_of(round: &RoundResult, slice: usize) -> f64 {
    round.at_seconds + (slice as f64 + 0.5) * round.time_line.slice.as_secs_f64()
}

impl Subject {
    fn color(self) -> plotters::style::RGBColor {
        match self {
            Self::Std => ORANGE,
            Self::Mio => BLUE,
            Self::Tickwire => VERMILION,
            Self::Stamped => GREEN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_at_a_slice_without_replies() {
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
