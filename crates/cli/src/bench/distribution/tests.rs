//! Tests of percentiles, spreads and points.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use super::*;

/// Of 1, 2, ... `count` microseconds.
fn distribution(count: u64) -> Distribution {
    let mut distribution = Distribution::default();
    for micros in 1..=count {
        distribution.record(Duration::from_micros(micros));
    }
    distribution
}

fn percentiles(answered: u64, lost: u64) -> Percentiles {
    distribution(answered).percentiles(lost)
}

/// `1` for a known figure, `L` for a lost figure, `-` for too few samples.
fn pattern(percentiles: Percentiles) -> String {
    let letters = percentiles.0.map(|figure| match figure {
        Ok(_) => '1',
        Err(Missing::Lost) => 'L',
        Err(Missing::TooFew) => '-',
    });
    letters.iter().collect()
}

fn assert_near(figure: Result<f64, Missing>, wanted: f64) {
    let Ok(value) = figure else {
        panic!("{figure:?}, not {wanted}");
    };
    assert!(
        (value / wanted - 1.0).abs() < 0.001,
        "{value}, not {wanted}"
    );
}

#[test]
fn percentiles_of_known_data_are_known() {
    let wanted = [5000.0, 9000.0, 9900.0, 9990.0, 9999.0, 10_000.0];
    for (figure, wanted) in percentiles(10_000, 0).0.into_iter().zip(wanted) {
        assert_near(figure, wanted);
    }
}

#[test]
fn a_percentile_of_too_few_datagrams_is_missing() {
    assert_eq!(pattern(percentiles(10_000, 0)), "111111");
    assert_eq!(pattern(percentiles(9_999, 0)), "1111-1");
    assert_eq!(pattern(percentiles(99, 0)), "11---1");
    assert_eq!(pattern(percentiles(1, 0)), "1----1");
    assert_eq!(pattern(percentiles(0, 0)), "------");
}

#[test]
fn a_lost_datagram_counts_as_infinitely_long() {
    // Half of all are lost: the median is the slowest arrival.
    let half = percentiles(500, 500);
    assert_near(half.p50(), 500.0);
    assert_eq!(pattern(half), "1LLL-L");
    assert_eq!(pattern(percentiles(499, 501)), "LLLL-L");
    // One in a thousand is lost, and p99 moves up by one rank.
    let one = percentiles(999, 1);
    assert_near(one.0[2], 990.0);
    assert_near(one.0[3], 999.0);
    assert_eq!(pattern(one), "1111-L");
    assert_eq!(pattern(percentiles(998, 2)), "111L-L");
    assert_eq!(pattern(percentiles(0, 10)), "LL---L");
}

#[test]
fn a_lost_round_counts_as_the_slowest() {
    let (well, badly) = (percentiles(100, 0), percentiles(40, 60));
    let Ok(spread) = Spreads::of(&[well, badly, well]).p50() else {
        panic!("two of three rounds have a median");
    };
    assert_near(Ok(spread.median), 50.0);
    assert!(spread.highest.is_infinite());
    let Ok(spread) = Spreads::of(&[well, badly, badly]).p50() else {
        panic!("one of three rounds has a median");
    };
    assert!(spread.median.is_infinite() && spread.lowest.is_finite());
    assert_eq!(Spreads::of(&[badly, badly]).p50(), Err(Missing::Lost));
}

#[test]
fn a_ratio_with_a_lost_round_on_either_side_is_lost() {
    let (well, badly) = ([percentiles(100, 0)], [percentiles(40, 60)]);
    assert_eq!(Spreads::of_ratios(&well, &badly).p50(), Err(Missing::Lost));
    assert_eq!(Spreads::of_ratios(&badly, &well).p50(), Err(Missing::Lost));
    assert!(Spreads::of_ratios(&well, &well).p50().is_ok());
    assert_eq!(Spreads::of_ratios(&well, &well).0[3], Err(Missing::TooFew));
}

#[test]
fn the_record_states_why_a_figure_is_missing() {
    let record = serde_json::to_value(percentiles(998, 2)).unwrap();
    assert!(record["p99"].is_f64() && record["p99.9"].is_null());
    let why = serde_json::json!({ "p99.9": "lost", "p99.99": "too few", "max": "lost" });
    assert_eq!(record["missing"], why);
    let (well, badly) = (percentiles(100, 0), percentiles(40, 60));
    let record = serde_json::to_value(Spreads::of(&[well, badly])).unwrap();
    assert!(record["p50"]["lowest"].is_f64() && record["p50"]["highest"].is_null());
}

#[test]
fn the_points_go_from_the_fastest_to_the_slowest() {
    let points = distribution(1000).points(0);
    let (first, last) = (points.first().unwrap(), points.last().unwrap());
    assert_near(Ok(first.micros), 1.0);
    assert_eq!((first.one_in, last.one_in), (1.0, 1000.0));
    assert_near(Ok(last.micros), 1000.0);
    assert!(
        points
            .windows(2)
            .all(|pair| pair[0].micros <= pair[1].micros)
    );
    assert_eq!(points.len(), 61);
}

#[test]
fn the_points_end_at_the_first_loss() {
    let points = distribution(900).points(100);
    let last = points.last().unwrap();
    assert_eq!(last.micros, 900.0);
    // 101 of 1000 took as long as the slowest, or were lost.
    assert_near(Ok(last.one_in), 1000.0 / 101.0);
    let before = &points[points.len() - 2];
    assert!(before.one_in < last.one_in && before.micros < 900.0);
    // One in 10^0.3, including the lost, took at least 499 µs.
    let half = points.iter().rfind(|point| point.one_in < 2.0).unwrap();
    assert_near(Ok(half.micros), 499.0);
    assert_eq!(distribution(0).points(10), []);
}

#[test]
fn the_maximum_is_exact_and_no_percentile_exceeds_it() {
    // 10,001 µs are between two steps of the histogram; 200 s are beyond its end.
    for (count, scale) in [(10_001, 1), (2, 100_000_000)] {
        let mut distribution = Distribution::default();
        for number in 1..=count {
            distribution.record(Duration::from_micros(number * scale));
        }
        let longest = (count * scale) as f64;
        let percentiles = distribution.percentiles(0);
        assert_eq!(percentiles.0[5], Ok(longest));
        assert_eq!(distribution.longest(), Some(longest));
        assert_eq!(distribution.points(0).last().unwrap().micros, longest);
        for figure in percentiles.0 {
            let is_beyond = figure.is_ok_and(|micros| micros > longest);
            assert!(!is_beyond, "{figure:?} of {longest}");
        }
    }
}

#[test]
fn a_mapped_distribution_is_empty_and_fully_allocated() {
    let mut distribution = Distribution::default().mapped();
    assert_eq!((distribution.count(), distribution.longest()), (0, None));
    distribution.record(TIME_MAX);
    let longest = distribution.times.max();
    assert!(
        distribution
            .times
            .equivalent(longest, units(TIME_MAX, distribution.unit))
    );
}
