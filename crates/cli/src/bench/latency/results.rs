//! The rounds summed up: percentiles, their spread over the rounds, ratios, and what was promised.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::figures::{Figure, Percentiles, Spreads, Times, micros};
use super::recording::{Counts, Longest, Recording, Slice, Slices, histogram};
use super::runner::Round;
use super::{Settings, Subject, Wait};
use crate::bench::spread::Spread;
use crate::failure::Failure;

/// How many points a decade of the distribution has in the record and in the picture.
const POINTS_PER_DECADE: u32 = 20;

/// A goal is one of a link that loses next to nothing. Where more than one in so many was lost, what
/// held the others up is not the loop alone, and nothing is said of the goal.
const LOST_ONE_IN: u64 = 100;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) subjects: Vec<Measured>,
    pub(super) ratios: Vec<Ratio>,
    pub(super) verdicts: Vec<Verdict>,
}

/// One subject. Times in microseconds.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) name: Subject,
    pub(super) client_threads: u32,
    #[serde(flatten)]
    pub(super) counts: Totals,
    /// At a rate: how many really left.
    pub(super) sent_per_second: Option<f64>,
    /// The longest latency of those that were answered. Where nothing was lost it is the maximum.
    #[serde(rename = "longest_answered_micros")]
    pub(super) longest_answered: Option<f64>,
    /// From the time when a datagram should have left, all rounds together.
    #[serde(rename = "latency_micros")]
    pub(super) latency: Percentiles,
    #[serde(rename = "latency_micros_by_round")]
    pub(super) latency_by_round: Spreads,
    /// From the time when it really left.
    #[serde(rename = "round_trip_micros")]
    pub(super) round_trip: Percentiles,
    #[serde(rename = "round_trip_micros_by_round")]
    pub(super) round_trip_by_round: Spreads,
    /// From when the kernel took an answer in until the client had it, where the kernel was asked.
    #[serde(
        rename = "kernel_to_client_micros",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) kernel_to_client: Option<Percentiles>,
    #[serde(
        rename = "kernel_to_client_micros_by_round",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) kernel_to_client_by_round: Option<Spreads>,
    /// The latency by percentile, all rounds together. It ends where the lost begin.
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

/// One round of one subject.
#[derive(Debug, Serialize)]
pub(super) struct RoundResult {
    /// When the part that counts began, since the beginning of the run.
    pub(super) at_seconds: f64,
    #[serde(flatten)]
    pub(super) counts: Totals,
    pub(super) sent_per_second: Option<f64>,
    #[serde(rename = "latency_micros")]
    pub(super) latency: Percentiles,
    #[serde(rename = "round_trip_micros")]
    pub(super) round_trip: Percentiles,
    #[serde(
        rename = "kernel_to_client_micros",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) kernel_to_client: Option<Percentiles>,
    pub(super) time_line: TimeLine,
}

/// The longest latency in each slice of a round, and how many of its datagrams were lost.
#[derive(Debug, Serialize)]
pub(super) struct TimeLine {
    pub(super) slice_seconds: f64,
    /// Of those that were answered; `None` where none was.
    pub(super) longest_micros: Vec<Option<f64>>,
    pub(super) lost: Vec<u64>,
}

impl From<&Slices> for TimeLine {
    fn from(slices: &Slices) -> Self {
        let longest = slices.slices.iter().map(|slice| slice.longest_nanos);
        Self {
            slice_seconds: slices.width.as_secs_f64(),
            longest_micros: longest.map(|nanos| nanos.map(micros)).collect(),
            lost: slices.slices.iter().map(Slice::lost).collect(),
        }
    }
}

/// Two subjects, round by round.
#[derive(Debug, Serialize)]
pub(super) struct Ratio {
    pub(super) of: Subject,
    pub(super) against: Subject,
    pub(super) latency: Spreads,
    pub(super) round_trip: Spreads,
}

/// What was promised of the median, and whether it is kept.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Verdict {
    /// Counted from when a datagram really left, not from when it should have.
    pub(super) is_round_trip: bool,
    pub(super) against: Subject,
    pub(super) goal: f64,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

/// What became of a goal.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Outcome {
    Decided {
        ratio: f64,
        is_met: bool,
    },
    /// Why not.
    Open {
        no_verdict: String,
    },
}

/// The part of what was asked for that has to leave for a rate to be called by its name.
const ENOUGH: f64 = 0.99;

impl Results {
    /// Whether somebody sent less than was asked for.
    pub(super) fn fell_behind(&self, settings: &Settings) -> bool {
        let mut subjects = self.subjects.iter();
        subjects.any(|who| who.fell_behind(settings).is_some())
    }

    pub(super) fn of(settings: &Settings, rounds: &[Round]) -> Result<Self, Failure> {
        let subjects = settings.subjects().iter();
        let subjects: Vec<_> = subjects
            .map(|who| Measured::of(settings, *who, rounds))
            .collect::<Result<_, _>>()?;
        refuse_silence(settings, &subjects)?;
        let ratios = ratios(&subjects);
        Ok(Self {
            verdicts: verdicts(settings, &subjects, &ratios),
            ratios,
            subjects,
        })
    }
}

impl Measured {
    fn of(settings: &Settings, who: Subject, rounds: &[Round]) -> Result<Self, Failure> {
        let mut counts = Totals::default();
        let (mut latency, mut round_trip, mut waited) = (histogram()?, histogram()?, histogram()?);
        let mut longest = Longest::default();
        let mut sent_in = Some(Duration::ZERO);
        let mut results = Vec::new();
        for round in rounds.iter().filter(|round| round.who == who) {
            counts.add(round.recording.counts);
            add(&mut latency, &round.recording.latency)?;
            add(&mut round_trip, &round.recording.round_trip)?;
            add(&mut waited, &round.recording.waited)?;
            longest = longest.or(round.recording.longest);
            sent_in = sent_in.zip(round.recording.sent_in).map(|(a, b)| a + b);
            results.push(RoundResult::of(round));
        }
        let latencies: Vec<_> = results.iter().map(|round| round.latency).collect();
        let round_trips: Vec<_> = results.iter().map(|round| round.round_trip).collect();
        let lost = counts.lost;
        let latency = Times {
            histogram: &latency,
            longest: longest.latency,
            lost,
        };
        let round_trip = Times {
            histogram: &round_trip,
            longest: longest.round_trip,
            lost,
        };
        let waited = Times {
            histogram: &waited,
            longest: longest.waited,
            lost: 0,
        };
        let waits: Vec<_> = results
            .iter()
            .filter_map(|round| round.kernel_to_client)
            .collect();
        Ok(Self {
            name: who,
            client_threads: settings.client_threads(who),
            counts,
            sent_per_second: rate(counts.sent, sent_in),
            longest_answered: (counts.answered > 0).then(|| micros(longest.latency)),
            latency: Percentiles::of(latency),
            latency_by_round: Spreads::of(&latencies),
            round_trip: Percentiles::of(round_trip),
            round_trip_by_round: Spreads::of(&round_trips),
            kernel_to_client: stamped(waited),
            kernel_to_client_by_round: (!waits.is_empty()).then(|| Spreads::of(&waits)),
            distribution: distribution(latency),
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

/// Of nothing there is no percentile. Whoever alone got no answer is shown beside those who did.
fn refuse_silence(settings: &Settings, subjects: &[Measured]) -> Result<(), Failure> {
    if subjects.iter().any(|who| who.counts.answered > 0) {
        return Ok(());
    }
    let sent: u64 = subjects.iter().map(|who| who.counts.sent).sum();
    let what = match (settings.to, sent) {
        (Some(to), _) => format!("{to} has stopped to answer: nothing of what counts came back"),
        (None, 0) => "nothing came back, not even in the warm-up".to_owned(),
        (None, _) => format!("none of {sent} datagrams came back"),
    };
    Err(Failure::Refused(format!(
        "{what}, so there is nothing to show"
    )))
}

impl RoundResult {
    fn of(round: &Round) -> Self {
        let recording = &round.recording;
        let mut counts = Totals::default();
        counts.add(recording.counts);
        Self {
            at_seconds: round.at.as_secs_f64(),
            counts,
            sent_per_second: rate(counts.sent, recording.sent_in),
            latency: Percentiles::of(latencies(recording)),
            round_trip: Percentiles::of(round_trips(recording)),
            kernel_to_client: stamped(waits(recording)),
            time_line: (&recording.slices).into(),
        }
    }
}

fn rate(count: u64, time: Option<Duration>) -> Option<f64> {
    let seconds = time.filter(|time| !time.is_zero())?.as_secs_f64();
    #[allow(
        clippy::cast_precision_loss,
        reason = "nobody sends 2^53 datagrams in a run"
    )]
    let count = count as f64;
    Some(count / seconds)
}

fn latencies(recording: &Recording) -> Times<'_> {
    Times {
        histogram: &recording.latency,
        longest: recording.longest.latency,
        lost: recording.counts.lost(),
    }
}

fn round_trips(recording: &Recording) -> Times<'_> {
    Times {
        histogram: &recording.round_trip,
        longest: recording.longest.round_trip,
        lost: recording.counts.lost(),
    }
}

fn waits(recording: &Recording) -> Times<'_> {
    Times {
        histogram: &recording.waited,
        longest: recording.longest.waited,
        // What did not come has not waited.
        lost: 0,
    }
}

/// `None` where nothing was stamped.
fn stamped(waits: Times<'_>) -> Option<Percentiles> {
    (!waits.histogram.is_empty()).then(|| Percentiles::of(waits))
}

/// Evenly along a logarithmic axis, from all of the datagrams to the slowest one that was answered.
/// Those that are beyond it were lost, and the distribution ends there.
fn distribution(times: Times<'_>) -> Vec<Point> {
    let total = times.total();
    if times.histogram.is_empty() {
        return Vec::new();
    }
    #[allow(
        clippy::cast_precision_loss,
        reason = "nobody sends 2^53 datagrams in a run"
    )]
    let (all, last) = (total as f64, total as f64 / (times.lost + 1) as f64);
    let steps = (0..).map(|step| 10_f64.powf(f64::from(step) / f64::from(POINTS_PER_DECADE)));
    let inner = steps.take_while(|one_in| *one_in < last);
    let at = |one_in| {
        let micros = times.of_rank(rank_below(all, one_in))?;
        Some(Point { one_in, micros })
    };
    let longest = Point {
        one_in: last,
        micros: micros(times.longest),
    };
    inner.filter_map(at).chain([longest]).collect()
}

/// The rank of the datagram that all but one in `one_in` of `all` do not exceed; at least the first.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and at most as many as there are datagrams"
)]
fn rank_below(all: f64, one_in: f64) -> u64 {
    ((all - all / one_in).ceil() as u64).max(1)
}

/// Everybody but std against std, tickwire against mio, and with stamps against without.
fn ratios(subjects: &[Measured]) -> Vec<Ratio> {
    let pairs = [
        (Subject::Mio, Subject::Std),
        (Subject::Tickwire, Subject::Std),
        (Subject::Tickwire, Subject::Mio),
        (Subject::Stamped, Subject::Tickwire),
    ];
    let find = |who| subjects.iter().find(|measured| measured.name == who);
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

fn find_ratio(ratios: &[Ratio], of: Subject, against: Subject) -> Option<&Ratio> {
    ratios
        .iter()
        .find(|ratio| ratio.of == of && ratio.against == against)
}

/// Promised for both sides on one machine; over a network somebody else's echo is in the figures.
fn verdicts(settings: &Settings, subjects: &[Measured], ratios: &[Ratio]) -> Vec<Verdict> {
    let (against, goal) = match settings.wait {
        Wait::Sleep => (Subject::Mio, 1.05),
        Wait::Spin => (Subject::Std, 1.10),
    };
    let found = find_ratio(ratios, Subject::Tickwire, against);
    let Some(found) = found.filter(|_| settings.to.is_none()) else {
        return Vec::new();
    };
    let both = [against, Subject::Tickwire];
    let lost = subjects
        .iter()
        .filter(|measured| both.contains(&measured.name))
        .find_map(Measured::lost_too_many);
    let latency = (false, found.latency.p50);
    // In closed loop a datagram is due when it leaves, and the two are the same.
    let round_trip = settings
        .rate_per_second
        .map(|_| (true, found.round_trip.p50));
    let of = |(is_round_trip, p50): (bool, Figure<Spread>)| Verdict {
        is_round_trip,
        against,
        goal,
        outcome: Outcome::of(p50, goal, lost.as_deref()),
    };
    [latency].into_iter().chain(round_trip).map(of).collect()
}

impl Measured {
    /// How many left each second, if that was less than was asked for.
    pub(super) fn fell_behind(&self, settings: &Settings) -> Option<f64> {
        let asked_for = f64::from(settings.rate_per_second?);
        let is_less = |sent: &f64| *sent < ENOUGH * asked_for;
        self.sent_per_second.filter(is_less)
    }

    /// Whether so many were lost that nothing is said of a goal, in words.
    fn lost_too_many(&self) -> Option<String> {
        let Totals { sent, lost, .. } = self.counts;
        let is_too_many = lost > sent / LOST_ONE_IN;
        is_too_many.then(|| {
            let who = self.name;
            format!("{who} lost {lost} of {sent} datagrams, more than one in {LOST_ONE_IN}")
        })
    }
}

impl Outcome {
    fn of(p50: Figure<Spread>, goal: f64, lost: Option<&str>) -> Self {
        let open = |why: &str| Self::Open {
            no_verdict: why.to_owned(),
        };
        match (lost, p50) {
            (Some(lost), _) => open(lost),
            (None, Figure::Lost) => open("in a round more were lost than its p50 can bear"),
            (None, Figure::TooFew) => open("there is no round in which both were measured"),
            (None, Figure::Known(spread)) => Self::Decided {
                ratio: spread.median,
                is_met: spread.median <= goal,
            },
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use super::super::affinity::Affinity;
    use super::*;

    fn settings(wait: Wait) -> Settings {
        Settings {
            to: None,
            size_bytes: 64,
            rate_per_second: Some(1000),
            wait,
            affinity: Affinity::Apart,
            receive_timestamps: false,
            rounds: 2,
            duration: Duration::from_secs(1),
            warm_up: Duration::ZERO,
        }
    }

    /// A round with latencies of `scale`, 2 `scale`, ... `count` `scale` microseconds, of which the
    /// client overslept `late`. Nothing was lost.
    fn round(who: Subject, count: u64, scale: u64, late: u64) -> Round {
        let mut recording = Recording::new(Duration::from_secs(1)).unwrap();
        recording.counts.due = count;
        for number in 1..=count {
            let (latency, late) = (number * scale, late.min(number * scale));
            let us = Duration::from_micros;
            recording.on_answer(Duration::ZERO, us(latency), us(latency - late));
        }
        Round {
            who,
            at: Duration::from_secs(3),
            recording,
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

    #[test]
    fn the_longest_is_exact_and_nothing_lies_beyond_it() {
        use Subject::{Std, Tickwire};
        // 10,001 µs lie between two steps of the histogram; 200 s lie beyond its end.
        for (count, scale) in [(10_001, 1), (2, 100_000_000)] {
            let rounds = [
                round(Std, count, scale, 0),
                round(Std, count, 1, 0),
                round(Tickwire, 1, 1, 0),
            ];
            let results = Results::of(&settings(Wait::Spin), &rounds).unwrap();
            let std = &results.subjects[0];
            #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
            let longest = (count * scale) as f64;
            assert_eq!(std.latency.max, Figure::Known(longest));
            assert_eq!(std.round_trip.max, Figure::Known(longest));
            assert_eq!(std.rounds[0].latency.max, Figure::Known(longest));
            assert_eq!(std.longest_answered, Some(longest));
            assert_eq!(std.distribution.last().unwrap().micros, longest);
            for figure in std.latency.each() {
                let is_beyond = figure.known().is_some_and(|micros| micros > longest);
                assert!(!is_beyond, "{figure:?} of {longest}");
            }
        }
    }

    #[test]
    fn a_rate_is_what_left_and_not_what_was_asked_for() {
        use Subject::{Std, Tickwire};
        let sent_in = |mut round: Round, millis| {
            round.recording.sent_in = Some(Duration::from_millis(millis));
            round
        };
        let rounds = [
            sent_in(round(Std, 1000, 1, 0), 1009),
            sent_in(round(Tickwire, 1000, 1, 0), 1000),
            sent_in(round(Tickwire, 1000, 1, 0), 1500),
        ];
        let settings = settings(Wait::Spin);
        let results = Results::of(&settings, &rounds).unwrap();
        let [std, tickwire] = &results.subjects[..] else {
            panic!("{results:?}");
        };
        assert_eq!(std.fell_behind(&settings), None);
        assert_eq!(tickwire.fell_behind(&settings), Some(800.0));
        assert_near(tickwire.rounds[1].sent_per_second, 2000.0 / 3.0);
        assert!(results.fell_behind(&settings));
    }

    #[test]
    fn a_ratio_is_taken_within_a_round() {
        use Subject::{Mio, Std, Tickwire};
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
            let spread = p50(of, against).known().unwrap();
            for value in [spread.median, spread.lowest, spread.highest] {
                assert_near(Some(value), wanted);
            }
        }
        assert!(find_ratio(&results.ratios, Std, Mio).is_none());
        assert_eq!(results.subjects[0].counts.sent, 200);
    }

    fn assert_decided(verdict: &Verdict, wanted: f64, wanted_met: bool) {
        let Outcome::Decided { ratio, is_met } = verdict.outcome else {
            panic!("{verdict:?}");
        };
        assert_near(Some(ratio), wanted);
        assert_eq!(is_met, wanted_met);
    }

    /// As many more were due, and nothing came back of them.
    fn with_lost(mut round: Round, lost: u64) -> Round {
        round.recording.counts.due += lost;
        round
    }

    fn no_verdict(rounds: &[Round]) -> String {
        let results = Results::of(&settings(Wait::Spin), rounds).unwrap();
        let words = results
            .verdicts
            .into_iter()
            .map(|verdict| match verdict.outcome {
                Outcome::Open { no_verdict } => no_verdict,
                decided @ Outcome::Decided { .. } => panic!("{decided:?}"),
            });
        let words: Vec<_> = words.collect();
        assert_eq!(words[0], words[1]);
        words[0].clone()
    }

    #[test]
    fn where_many_were_lost_no_goal_is_met() {
        use Subject::{Std, Tickwire};
        // What came back came back faster than std's.
        let rounds = [
            round(Std, 100, 10, 0),
            with_lost(round(Tickwire, 60, 1, 0), 40),
        ];
        let wanted = "tickwire lost 40 of 100 datagrams, more than one in 100";
        assert_eq!(no_verdict(&rounds), wanted);
        // The losses of the other side are no merit either.
        let rounds = [
            with_lost(round(Std, 98, 10, 0), 2),
            round(Tickwire, 100, 1, 0),
        ];
        let wanted = "std lost 2 of 100 datagrams, more than one in 100";
        assert_eq!(no_verdict(&rounds), wanted);
    }

    #[test]
    fn a_lost_round_among_many_is_no_verdict_either() {
        use Subject::{Std, Tickwire};
        let rounds = [
            round(Std, 10_000, 1, 0),
            round(Std, 10, 1, 0),
            round(Tickwire, 10_000, 1, 0),
            with_lost(round(Tickwire, 4, 1, 0), 6),
        ];
        let wanted = "in a round more were lost than its p50 can bear";
        assert_eq!(no_verdict(&rounds), wanted);
    }

    #[test]
    fn one_in_a_hundred_may_be_lost() {
        use Subject::{Std, Tickwire};
        let rounds = [
            with_lost(round(Std, 99, 10, 0), 1),
            with_lost(round(Tickwire, 99, 10, 0), 1),
        ];
        let results = Results::of(&settings(Wait::Spin), &rounds).unwrap();
        assert_decided(&results.verdicts[0], 1.0, true);
        let std = &results.subjects[0];
        assert_eq!(std.latency.max, Figure::Lost);
        assert_eq!(std.longest_answered, Some(990.0));
    }

    #[test]
    fn a_goal_is_met_or_missed() {
        use Subject::{Std, Tickwire};
        let rounds = [round(Std, 100, 10, 100), round(Tickwire, 100, 12, 300)];
        let spinning = settings(Wait::Spin);
        let results = Results::of(&spinning, &rounds).unwrap();
        let [latency, round_trip] = &results.verdicts[..] else {
            panic!("{:?}", results.verdicts);
        };
        assert_decided(latency, 1.2, false);
        assert!(!latency.is_round_trip && latency.against == Std);
        // 600 - 300 against 500 - 100.
        assert_decided(round_trip, 0.75, true);
        assert!(round_trip.is_round_trip);

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

    fn silence(settings: &Settings, rounds: &[Round]) -> String {
        match Results::of(settings, rounds) {
            Err(Failure::Refused(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_any_answer_there_is_a_sentence_and_no_figure() {
        use Subject::{Std, Tickwire};
        let unanswered = |who| with_lost(round(who, 0, 1, 0), 30);
        let here = settings(Wait::Spin);
        let there = Settings {
            to: Some("192.0.2.1:7".parse().unwrap()),
            ..here.clone()
        };
        let rounds = [unanswered(Std), unanswered(Tickwire)];
        assert!(silence(&here, &rounds).starts_with("none of 60 datagrams came back, so"));
        assert!(silence(&there, &rounds).starts_with("192.0.2.1:7 has stopped to answer: "));
        // One at a time, a lost one of the warm-up can take the whole round.
        let rounds = [round(Std, 0, 1, 0), round(Tickwire, 0, 1, 0)];
        assert!(silence(&here, &rounds).starts_with("nothing came back, not even in the warm-up"));
        assert!(silence(&there, &rounds).starts_with("192.0.2.1:7 has stopped to answer: "));
    }

    #[test]
    fn who_got_no_answer_takes_nothing_from_the_others() {
        use Subject::{Std, Tickwire};
        let rounds = [
            round(Std, 100, 1, 0),
            with_lost(round(Tickwire, 0, 1, 0), 100),
        ];
        let results = Results::of(&settings(Wait::Spin), &rounds).unwrap();
        let [std, tickwire] = &results.subjects[..] else {
            panic!("{results:?}");
        };
        assert!(std.latency.p50.known().is_some());
        assert_eq!(tickwire.latency.p50, Figure::Lost);
        assert_eq!(tickwire.longest_answered, None);
        assert_eq!(tickwire.distribution, []);
    }

    #[test]
    fn what_stamped_answers_waited_is_summed_up_beside_those_without_a_stamp() {
        use Subject::{Stamped, Std, Tickwire};
        let settings = Settings {
            receive_timestamps: true,
            ..settings(Wait::Spin)
        };
        let stamped = |scale: u64| {
            let mut round = round(Stamped, 100, 10, 0);
            for micros in 1..=100 {
                let waited = Duration::from_micros(micros * scale);
                round.recording.on_waited(Some(waited));
            }
            round.recording.on_waited(None);
            round
        };
        let plain = [round(Std, 100, 10, 0), round(Tickwire, 100, 5, 0)];
        let rounds: Vec<_> = plain.into_iter().chain([stamped(1), stamped(3)]).collect();
        let results = Results::of(&settings, &rounds).unwrap();
        let [std, tickwire, stamped] = &results.subjects[..] else {
            panic!("{results:?}");
        };
        for who in [std, tickwire] {
            assert_eq!(who.kernel_to_client, None);
            assert!(who.kernel_to_client_by_round.is_none());
        }
        // In one round 50 µs, in the other 150; the longest of all is exact.
        let spread = stamped.kernel_to_client_by_round.unwrap().p50.known();
        assert_near(spread.map(|spread| spread.median), 100.0);
        let together = stamped.kernel_to_client.unwrap();
        assert_eq!(together.max, Figure::Known(300.0));
        let last = results.ratios.last().unwrap();
        assert_eq!((last.of, last.against), (Stamped, Tickwire));
        assert_near(last.latency.p50.known().map(|spread| spread.median), 2.0);
        // Nothing is promised of it.
        assert!(
            results
                .verdicts
                .iter()
                .all(|verdict| verdict.against == Std)
        );
    }

    #[test]
    fn the_distribution_goes_from_the_fastest_to_the_slowest() {
        let recording = round(Subject::Std, 1000, 1, 0).recording;
        let points = distribution(latencies(&recording));
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

    #[test]
    fn the_distribution_ends_where_the_lost_begin() {
        let lossy = with_lost(round(Subject::Std, 900, 1, 0), 100);
        let points = distribution(latencies(&lossy.recording));
        let last = points.last().unwrap();
        assert_eq!(last.micros, 900.0);
        // 101 of 1000 took as long as the slowest, or did not come back.
        assert_near(Some(last.one_in), 1000.0 / 101.0);
        let before = &points[points.len() - 2];
        assert!(before.one_in < last.one_in && before.micros < 900.0);
        // One in ten to the 0.3, the lost among them, took 499 µs or longer.
        let half = points.iter().rfind(|point| point.one_in < 2.0).unwrap();
        assert_near(Some(half.micros), 499.0);

        let nothing = with_lost(round(Subject::Std, 0, 1, 0), 10);
        assert_eq!(distribution(latencies(&nothing.recording)), []);
    }
}
