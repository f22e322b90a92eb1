//! The rounds summed up: percentiles, their spread over the rounds, ratios, and verdicts on the goals.

use std::time::Duration;

use serde::Serialize;
use tickwire_measure::statistics::Spread;

use super::distribution::{Distribution, Figure, Percentiles, Point, Spreads, micros};
use super::recording::{Counts, Recording, Slice, Slices};
use super::runner::Round;
use super::{Settings, Subject, Wait};
use crate::error::CliError;

/// A goal is about a link that loses next to nothing. Where more than one datagram in so many was lost, the loop is not
/// the only cause of a delay, and there is no verdict.
const LOST_ONE_IN: u64 = 100;

/// The part of a requested rate that has to leave for the rate to count as reached.
const ENOUGH: f64 = 0.99;

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
    /// At a rate: how many left per second.
    pub(super) sent_per_second: Option<f64>,
    /// The longest latency of those that were answered. Where nothing was lost it is the maximum.
    #[serde(rename = "longest_answered_micros")]
    pub(super) longest_answered: Option<f64>,
    /// All rounds together.
    #[serde(flatten)]
    pub(super) times: Times,
    #[serde(rename = "latency_micros_by_round")]
    pub(super) latency_by_round: Spreads,
    #[serde(rename = "round_trip_micros_by_round")]
    pub(super) round_trip_by_round: Spreads,
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

/// Percentiles by what a time counts from.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Times {
    /// From the time when a datagram should have left.
    #[serde(rename = "latency_micros")]
    pub(super) latency: Percentiles,
    /// From the time when it left.
    #[serde(rename = "round_trip_micros")]
    pub(super) round_trip: Percentiles,
    /// From the kernel to the client, where the kernel was asked.
    #[serde(
        rename = "kernel_to_client_micros",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) kernel_to_client: Option<Percentiles>,
}

impl Times {
    fn of(recording: &Recording, lost: u64) -> Self {
        // An answer that was lost has not waited.
        let waits = |waits: &Distribution| (waits.count() > 0).then(|| waits.percentiles(0));
        Self {
            latency: recording.latency.percentiles(lost),
            round_trip: recording.round_trip.percentiles(lost),
            kernel_to_client: waits(&recording.kernel_to_client),
        }
    }
}

/// One round of one subject.
#[derive(Debug, Serialize)]
pub(super) struct RoundResult {
    /// When the part that counts began, since the beginning of the run.
    pub(super) at_seconds: f64,
    #[serde(flatten)]
    pub(super) counts: Totals,
    pub(super) sent_per_second: Option<f64>,
    #[serde(flatten)]
    pub(super) times: Times,
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

/// A goal about the median, and whether it is kept.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Verdict {
    /// Counted from when a datagram left, not from when it should have.
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

impl Results {
    pub(super) fn of(settings: &Settings, rounds: &[Round]) -> Result<Self, CliError> {
        let subjects = settings.subjects().iter();
        let subjects: Vec<_> = subjects
            .map(|who| Measured::of(settings, *who, rounds))
            .collect();
        refuse_silence(settings, &subjects)?;
        let ratios = ratios(&subjects);
        Ok(Self {
            verdicts: verdicts(settings, &subjects, &ratios),
            ratios,
            subjects,
        })
    }

    /// Whether a subject sent less than was asked for.
    pub(super) fn fell_behind(&self, settings: &Settings) -> bool {
        let mut subjects = self.subjects.iter();
        subjects.any(|who| who.fell_behind(settings).is_some())
    }
}

impl Measured {
    fn of(settings: &Settings, who: Subject, rounds: &[Round]) -> Self {
        let rounds: Vec<_> = rounds.iter().filter(|round| round.who == who).collect();
        let mut counts = Totals::default();
        let mut all = Recording::new(Duration::ZERO);
        let mut sent_in = Some(Duration::ZERO);
        for Round { recording, .. } in &rounds {
            counts.add(recording.counts);
            all.latency.add(&recording.latency);
            all.round_trip.add(&recording.round_trip);
            all.kernel_to_client.add(&recording.kernel_to_client);
            sent_in = sent_in.zip(recording.sent_in).map(|(a, b)| a + b);
        }
        let rounds: Vec<_> = rounds.into_iter().map(RoundResult::of).collect();
        let waits: Vec<_> = rounds
            .iter()
            .filter_map(|round| round.times.kernel_to_client)
            .collect();
        Self {
            name: who,
            client_threads: settings.client_threads(who),
            counts,
            sent_per_second: rate(counts.sent, sent_in),
            longest_answered: all.latency.longest(),
            times: Times::of(&all, counts.lost),
            latency_by_round: Spreads::of(&latencies(&rounds)),
            round_trip_by_round: Spreads::of(&round_trips(&rounds)),
            kernel_to_client_by_round: (!waits.is_empty()).then(|| Spreads::of(&waits)),
            distribution: all.latency.points(counts.lost),
            rounds,
        }
    }

    /// How many left per second, if that was less than was asked for.
    pub(super) fn fell_behind(&self, settings: &Settings) -> Option<f64> {
        let asked_for = f64::from(settings.rate_per_second?);
        let is_less = |sent: &f64| *sent < ENOUGH * asked_for;
        self.sent_per_second.filter(is_less)
    }

    /// Why there is no verdict, if too many were lost for one.
    fn lost_too_many(&self) -> Option<String> {
        let Totals { sent, lost, .. } = self.counts;
        let is_too_many = lost > sent / LOST_ONE_IN;
        is_too_many.then(|| {
            let who = self.name;
            format!("{who} lost {lost} of {sent} datagrams, more than one in {LOST_ONE_IN}")
        })
    }
}

/// Without any answer there is no percentile. A subject that alone got no answer is shown beside the others.
fn refuse_silence(settings: &Settings, subjects: &[Measured]) -> Result<(), CliError> {
    if subjects.iter().any(|who| who.counts.answered > 0) {
        return Ok(());
    }
    let sent: u64 = subjects.iter().map(|who| who.counts.sent).sum();
    let what = match (settings.to, sent) {
        (Some(to), _) => format!("{to} has stopped answering: nothing that counts came back"),
        (None, 0) => "nothing came back, not even in the warm-up".to_owned(),
        (None, _) => format!("none of {sent} datagrams came back"),
    };
    Err(CliError::Runtime(format!(
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
            times: Times::of(recording, counts.lost),
            time_line: (&recording.slices).into(),
        }
    }
}

fn rate(count: u64, time: Option<Duration>) -> Option<f64> {
    let seconds = time.filter(|time| !time.is_zero())?.as_secs_f64();
    Some(count as f64 / seconds)
}

fn latencies(rounds: &[RoundResult]) -> Vec<Percentiles> {
    rounds.iter().map(|round| round.times.latency).collect()
}

fn round_trips(rounds: &[RoundResult]) -> Vec<Percentiles> {
    rounds.iter().map(|round| round.times.round_trip).collect()
}

/// mio and tickwire against std, tickwire against mio, and with stamps against without.
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
    let [latency, round_trip] = [latencies, round_trips]
        .map(|times| Spreads::of_ratios(&times(&of.rounds), &times(&against.rounds)));
    Ratio {
        of: of.name,
        against: against.name,
        latency,
        round_trip,
    }
}

fn find_ratio(ratios: &[Ratio], of: Subject, against: Subject) -> Option<&Ratio> {
    ratios
        .iter()
        .find(|ratio| ratio.of == of && ratio.against == against)
}

/// The goals are for both sides on one machine; over a network a foreign echo is part of the figures.
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
    let of = |is_round_trip, p50| Verdict {
        is_round_trip,
        against,
        goal,
        outcome: Outcome::of(p50, goal, lost.as_deref()),
    };
    let mut verdicts = vec![of(false, found.latency.p50())];
    // In closed loop a datagram is due when it leaves, and the two are the same.
    if settings.rate_per_second.is_some() {
        verdicts.push(of(true, found.round_trip.p50()));
    }
    verdicts
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
mod tests;
