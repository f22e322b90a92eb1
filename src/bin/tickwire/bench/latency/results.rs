//! The rounds summed up: percentiles, their spread over the rounds, ratios, and what was promised.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::contest::Round;
use super::journal::{Counts, Journal, Longest, Slices, histogram};
use super::{Contestant, Settings, Wait};
use crate::bench::spread::Spread;
use crate::failure::Failure;

const NANOS_PER_MICRO: f64 = 1000.0;

/// How many points a decade of the distribution has in the record and in the picture.
const POINTS_PER_DECADE: u32 = 20;

/// Something for each figure of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Figures<T> {
    pub(super) p50: T,
    pub(super) p90: T,
    pub(super) p99: T,
    #[serde(rename = "p99.9")]
    pub(super) p99_9: T,
    #[serde(rename = "p99.99")]
    pub(super) p99_99: T,
    pub(super) max: T,
}

impl<T> Figures<T> {
    pub(super) const NAMES: [&'static str; 6] = ["p50", "p90", "p99", "p99.9", "p99.99", "max"];

    /// In the order of the names.
    pub(super) fn each(&self) -> [&T; 6] {
        let Self {
            p50,
            p90,
            p99,
            p99_9,
            p99_99,
            max,
        } = self;
        [p50, p90, p99, p99_9, p99_99, max]
    }

    fn from_fn(mut of: impl FnMut(usize) -> T) -> Self {
        Self {
            p50: of(0),
            p90: of(1),
            p99: of(2),
            p99_9: of(3),
            p99_99: of(4),
            max: of(5),
        }
    }
}

/// In microseconds; `None` where there were too few datagrams for a percentile to be one.
pub(super) type Percentiles = Figures<Option<f64>>;

/// Over the rounds.
pub(super) type Spreads = Figures<Option<Spread>>;

impl Percentiles {
    /// `longest` is the longest time of the histogram, in nanoseconds.
    fn of(histogram: &Histogram<u64>, longest: u64) -> Self {
        let at = |quantile: f64, at_least: u64| {
            (histogram.len() >= at_least).then(|| micros(at_quantile(histogram, quantile, longest)))
        };
        Self {
            p50: at(0.5, 1),
            p90: at(0.9, 10),
            p99: at(0.99, 100),
            p99_9: at(0.999, 1000),
            p99_99: at(0.9999, 10_000),
            max: (!histogram.is_empty()).then(|| micros(longest)),
        }
    }
}

/// The histogram answers with the end of a step, which can lie beyond the longest.
fn at_quantile(histogram: &Histogram<u64>, quantile: f64, longest: u64) -> u64 {
    histogram.value_at_quantile(quantile).min(longest)
}

impl Spreads {
    fn of(rounds: &[Percentiles]) -> Self {
        Self::from_fn(|figure| Spread::of(column(rounds, figure)))
    }

    fn of_ratios(of: &[Percentiles], against: &[Percentiles]) -> Self {
        Self::from_fn(|figure| Spread::of_ratios(&column(of, figure), &column(against, figure)))
    }
}

/// One figure of every round. What is missing is not a number, which a spread leaves out.
fn column(rounds: &[Percentiles], figure: usize) -> Vec<f64> {
    rounds
        .iter()
        .map(|round| round.each()[figure].unwrap_or(f64::NAN))
        .collect()
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a latency of 2^53 ns is one of a hundred days"
)]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / NANOS_PER_MICRO
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) contestants: Vec<Measured>,
    pub(super) ratios: Vec<Ratio>,
    pub(super) verdicts: Vec<Verdict>,
}

/// One contestant. Times in microseconds.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) name: Contestant,
    #[serde(flatten)]
    pub(super) counts: Totals,
    /// From the time when a datagram should have left, all rounds together.
    pub(super) latency: Percentiles,
    pub(super) latency_by_round: Spreads,
    /// From the time when it really left.
    pub(super) round_trip: Percentiles,
    pub(super) round_trip_by_round: Spreads,
    /// The latency by percentile, all rounds together.
    pub(super) distribution: Vec<Point>,
    pub(super) rounds: Vec<RoundResult>,
}

/// What became of the datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Totals {
    pub(super) sent: u64,
    pub(super) answered: u64,
    pub(super) lost: u64,
    pub(super) repeated: u64,
    pub(super) foreign: u64,
}

impl Totals {
    fn add(&mut self, counts: Counts) {
        self.sent += counts.due;
        self.answered += counts.answered;
        self.lost += counts.lost();
        self.repeated += counts.repeated;
        self.foreign += counts.foreign;
    }
}

/// One datagram in `one_in` took `micros` or longer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Point {
    pub(super) one_in: f64,
    pub(super) micros: f64,
}

/// One round of one contestant.
#[derive(Debug, Serialize)]
pub(super) struct RoundResult {
    /// When the part that counts began, since the beginning of the run.
    pub(super) at_seconds: f64,
    #[serde(flatten)]
    pub(super) counts: Totals,
    pub(super) latency: Percentiles,
    pub(super) round_trip: Percentiles,
    pub(super) time_line: TimeLine,
}

/// The longest latency in each slice of a round.
#[derive(Debug, Serialize)]
pub(super) struct TimeLine {
    pub(super) slice_seconds: f64,
    pub(super) longest_micros: Vec<Option<f64>>,
}

impl From<&Slices> for TimeLine {
    fn from(slices: &Slices) -> Self {
        let longest = slices.longest_nanos.iter();
        Self {
            slice_seconds: slices.width.as_secs_f64(),
            longest_micros: longest.map(|nanos| nanos.map(micros)).collect(),
        }
    }
}

/// Two contestants, round by round.
#[derive(Debug, Serialize)]
pub(super) struct Ratio {
    pub(super) of: Contestant,
    pub(super) against: Contestant,
    pub(super) latency: Spreads,
    pub(super) round_trip: Spreads,
}

/// What was promised of the median, and whether it is kept.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Verdict {
    /// Counted from when a datagram really left, not from when it should have.
    pub(super) is_round_trip: bool,
    pub(super) against: Contestant,
    pub(super) ratio: f64,
    pub(super) goal: f64,
    pub(super) is_met: bool,
}

impl Results {
    pub(super) fn of(settings: &Settings, rounds: &[Round]) -> Result<Self, Failure> {
        let contestants = settings.contestants().iter();
        let contestants: Vec<_> = contestants
            .map(|who| Measured::of(*who, rounds))
            .collect::<Result<_, _>>()?;
        let ratios = ratios(&contestants);
        Ok(Self {
            verdicts: verdicts(settings, &ratios),
            ratios,
            contestants,
        })
    }

    /// Whether a percentile is missing, because there were too few datagrams for it.
    pub(super) fn has_gaps(&self) -> bool {
        let by_round = self
            .contestants
            .iter()
            .flat_map(|who| who.latency_by_round.each());
        by_round.into_iter().any(Option::is_none)
    }
}

impl Measured {
    fn of(who: Contestant, rounds: &[Round]) -> Result<Self, Failure> {
        let mut counts = Totals::default();
        let (mut latency, mut round_trip) = (histogram()?, histogram()?);
        let mut longest = Longest::default();
        let mut results = Vec::new();
        for round in rounds.iter().filter(|round| round.who == who) {
            counts.add(round.journal.counts);
            add(&mut latency, &round.journal.latency)?;
            add(&mut round_trip, &round.journal.round_trip)?;
            longest = longest.or(round.journal.longest);
            results.push(RoundResult::of(round));
        }
        refuse_silence(who, counts)?;
        let latencies: Vec<_> = results.iter().map(|round| round.latency).collect();
        let round_trips: Vec<_> = results.iter().map(|round| round.round_trip).collect();
        Ok(Self {
            name: who,
            counts,
            latency: Percentiles::of(&latency, longest.latency),
            latency_by_round: Spreads::of(&latencies),
            round_trip: Percentiles::of(&round_trip, longest.round_trip),
            round_trip_by_round: Spreads::of(&round_trips),
            distribution: distribution(&latency, longest.latency),
            rounds: results,
        })
    }

    fn latencies(&self) -> Vec<Percentiles> {
        self.rounds.iter().map(|round| round.latency).collect()
    }

    fn round_trips(&self) -> Vec<Percentiles> {
        self.rounds.iter().map(|round| round.round_trip).collect()
    }
}

fn add(all: &mut Histogram<u64>, round: &Histogram<u64>) -> Result<(), Failure> {
    all.add(round)
        .map_err(|error| Failure::Refused(format!("cannot add up the rounds: {error}")))
}

/// Of nothing there is no percentile.
fn refuse_silence(who: Contestant, counts: Totals) -> Result<(), Failure> {
    if counts.answered > 0 {
        return Ok(());
    }
    let sent = counts.sent;
    Err(Failure::Refused(format!(
        "none of the {sent} datagrams that {who} sent was answered, so there is nothing to show"
    )))
}

impl RoundResult {
    fn of(round: &Round) -> Self {
        let Journal {
            latency,
            round_trip,
            longest,
            slices,
            ..
        } = &round.journal;
        let mut counts = Totals::default();
        counts.add(round.journal.counts);
        Self {
            at_seconds: round.at.as_secs_f64(),
            counts,
            latency: Percentiles::of(latency, longest.latency),
            round_trip: Percentiles::of(round_trip, longest.round_trip),
            time_line: slices.into(),
        }
    }
}

/// Evenly along a logarithmic axis, from all of the datagrams to the slowest one.
fn distribution(histogram: &Histogram<u64>, longest: u64) -> Vec<Point> {
    #[allow(
        clippy::cast_precision_loss,
        reason = "nobody sends 2^53 datagrams in a run"
    )]
    let last = histogram.len().max(1) as f64;
    let steps = (0..).map(|step| 10_f64.powf(f64::from(step) / f64::from(POINTS_PER_DECADE)));
    let inner = steps.take_while(|one_in| *one_in < last);
    let at = |one_in, quantile| Point {
        one_in,
        micros: micros(at_quantile(histogram, quantile, longest)),
    };
    inner
        .map(|one_in| at(one_in, 1.0 - 1.0 / one_in))
        .chain([Point {
            one_in: last,
            micros: micros(longest),
        }])
        .collect()
}

/// Everybody but std against std, and tickwire against mio.
fn ratios(contestants: &[Measured]) -> Vec<Ratio> {
    let pairs = [
        (Contestant::Mio, Contestant::Std),
        (Contestant::Tickwire, Contestant::Std),
        (Contestant::Tickwire, Contestant::Mio),
    ];
    let find = |who| contestants.iter().find(|measured| measured.name == who);
    let pairs = pairs.into_iter();
    pairs
        .filter_map(|(of, against)| Some(ratio(find(of)?, find(against)?)))
        .collect()
}

fn ratio(of: &Measured, against: &Measured) -> Ratio {
    Ratio {
        of: of.name,
        against: against.name,
        latency: Spreads::of_ratios(&of.latencies(), &against.latencies()),
        round_trip: Spreads::of_ratios(&of.round_trips(), &against.round_trips()),
    }
}

fn find_ratio(ratios: &[Ratio], of: Contestant, against: Contestant) -> Option<&Ratio> {
    ratios
        .iter()
        .find(|ratio| ratio.of == of && ratio.against == against)
}

/// Promised for both sides on one machine; over a network somebody else's echo is in the figures.
fn verdicts(settings: &Settings, ratios: &[Ratio]) -> Vec<Verdict> {
    let (against, goal) = match settings.wait {
        Wait::Sleep => (Contestant::Mio, 1.05),
        Wait::Spin => (Contestant::Std, 1.10),
    };
    let found = find_ratio(ratios, Contestant::Tickwire, against);
    let Some(found) = found.filter(|_| settings.to.is_none()) else {
        return Vec::new();
    };
    // In closed loop a datagram is due when it leaves, and the two are the same.
    let round_trip = settings.rate_per_second.and(found.round_trip.p50);
    let both = [(false, found.latency.p50), (true, round_trip)];
    both.into_iter()
        .filter_map(|(is_round_trip, spread)| {
            let ratio = spread?.median;
            Some(Verdict {
                is_round_trip,
                against,
                ratio,
                goal,
                is_met: ratio <= goal,
            })
        })
        .collect()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::pace::Window;
    use super::super::place::Place;
    use super::*;

    fn settings(wait: Wait) -> Settings {
        Settings {
            to: None,
            size_bytes: 64,
            rate_per_second: Some(1000),
            wait,
            place: Place::Apart,
            rounds: 2,
            duration: Duration::from_secs(1),
            warm_up: Duration::ZERO,
        }
    }

    /// A round with latencies of `scale`, 2 `scale`, ... `count` `scale` microseconds, of which the
    /// client overslept `late`.
    fn round(who: Contestant, count: u64, scale: u64, late: u64) -> Round {
        let window = Window {
            start: Instant::now(),
            warm_up: Duration::ZERO,
            duration: Duration::from_secs(1),
        };
        let mut journal = Journal::new(window).unwrap();
        journal.counts.due = count + 1;
        for number in 1..=count {
            let due = window.start;
            let now = due + Duration::from_micros(number * scale);
            journal.on_answer(due, due + Duration::from_micros(late), now);
        }
        Round {
            who,
            at: Duration::from_secs(3),
            journal,
        }
    }

    /// Equal, as far as three digits go.
    fn assert_near(value: Option<f64>, wanted: f64) {
        let value = value.unwrap();
        assert!(
            (value / wanted - 1.0).abs() < 0.001,
            "{value}, not {wanted}"
        );
    }

    fn percentiles_of(round: &Round) -> Percentiles {
        Percentiles::of(&round.journal.latency, round.journal.longest.latency)
    }

    #[test]
    fn the_longest_is_exact_and_nothing_lies_beyond_it() {
        use Contestant::{Std, Tickwire};
        // 10,001 µs lie between two steps of the histogram; 200 s lie beyond its end.
        for (count, scale) in [(10_001, 1), (2, 100_000_000)] {
            let rounds = [
                round(Std, count, scale, 0),
                round(Std, count, 1, 0),
                round(Tickwire, 1, 1, 0),
            ];
            let results = Results::of(&settings(Wait::Spin), &rounds).unwrap();
            let std = &results.contestants[0];
            #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
            let longest = Some((count * scale) as f64);
            assert_eq!((std.latency.max, std.round_trip.max), (longest, longest));
            assert_eq!(std.rounds[0].latency.max, longest);
            assert_eq!(std.distribution.last().map(|point| point.micros), longest);
            for figure in std.latency.each() {
                assert!(*figure <= longest, "{figure:?} of {longest:?}");
            }
        }
    }

    #[test]
    fn percentiles_of_known_data_are_known() {
        let round = round(Contestant::Std, 10_000, 1, 0);
        let percentiles = percentiles_of(&round);
        let wanted = [5000.0, 9000.0, 9900.0, 9990.0, 9999.0, 10_000.0];
        for (value, wanted) in percentiles.each().into_iter().zip(wanted) {
            assert_near(*value, wanted);
        }
    }

    #[test]
    fn a_percentile_of_too_few_datagrams_is_none() {
        let of = |count| percentiles_of(&round(Contestant::Std, count, 1, 0));
        let known = |count| of(count).each().map(|figure| u8::from(figure.is_some()));
        assert_eq!(known(9_999), [1, 1, 1, 1, 0, 1]);
        assert_eq!(known(99), [1, 1, 0, 0, 0, 1]);
        assert_eq!(known(1), [1, 0, 0, 0, 0, 1]);
        assert_eq!(known(0), [0; 6]);
    }

    #[test]
    fn a_ratio_is_taken_within_a_round() {
        use Contestant::{Mio, Std, Tickwire};
        // The second round is ten times as slow for everybody.
        let rounds = [
            round(Std, 100, 10, 0),
            round(Mio, 100, 20, 0),
            round(Tickwire, 100, 21, 0),
            round(Tickwire, 100, 210, 0),
            round(Mio, 100, 200, 0),
            round(Std, 100, 100, 0),
        ];
        let results = Results::of(&settings(Wait::Sleep), &rounds).unwrap();
        let p50 = |of, against| {
            find_ratio(&results.ratios, of, against)
                .unwrap()
                .latency
                .p50
        };
        for (of, against, wanted) in [(Mio, Std, 2.0), (Tickwire, Std, 2.1), (Tickwire, Mio, 1.05)]
        {
            let spread = p50(of, against).unwrap();
            for value in [spread.median, spread.lowest, spread.highest] {
                assert_near(Some(value), wanted);
            }
        }
        assert!(find_ratio(&results.ratios, Std, Mio).is_none());
        assert_eq!(results.contestants[0].counts.sent, 202);
        assert_eq!(results.contestants[0].counts.lost, 2);
    }

    #[test]
    fn a_goal_is_met_or_missed() {
        use Contestant::{Std, Tickwire};
        let rounds = [round(Std, 100, 10, 100), round(Tickwire, 100, 12, 300)];
        let spinning = settings(Wait::Spin);
        let results = Results::of(&spinning, &rounds).unwrap();
        let [latency, round_trip] = &results.verdicts[..] else {
            panic!("{:?}", results.verdicts);
        };
        assert_near(Some(latency.ratio), 1.2);
        assert!(!latency.is_met && !latency.is_round_trip && latency.against == Std);
        // 600 - 300 against 500 - 100.
        assert_near(Some(round_trip.ratio), 0.75);
        assert!(round_trip.is_met && round_trip.is_round_trip);

        let closed = Settings {
            rate_per_second: None,
            ..spinning.clone()
        };
        assert_eq!(Results::of(&closed, &rounds).unwrap().verdicts.len(), 1);
        let elsewhere = Settings {
            to: Some("192.0.2.1:7".parse().unwrap()),
            ..spinning
        };
        assert_eq!(Results::of(&elsewhere, &rounds).unwrap().verdicts, []);
    }

    #[test]
    fn without_an_answer_there_is_a_sentence_and_no_figure() {
        let rounds = [round(Contestant::Std, 0, 1, 0)];
        let failure = Results::of(&settings(Wait::Spin), &rounds).unwrap_err();
        let text =
            "none of the 1 datagrams that std sent was answered, so there is nothing to show";
        assert_eq!(failure, Failure::Refused(text.to_owned()));
    }

    #[test]
    fn the_distribution_goes_from_the_fastest_to_the_slowest() {
        let journal = round(Contestant::Std, 1000, 1, 0).journal;
        let points = distribution(&journal.latency, journal.longest.latency);
        let (first, last) = (points.first().unwrap(), points.last().unwrap());
        assert_near(Some(first.micros), 1.0);
        assert_eq!((first.one_in, last.one_in), (1.0, 1000.0));
        assert_near(Some(last.micros), 1000.0);
        assert!(
            points
                .windows(2)
                .all(|pair| pair[0].micros <= pair[1].micros)
        );
        assert_eq!(points.len(), 61);
    }
}
