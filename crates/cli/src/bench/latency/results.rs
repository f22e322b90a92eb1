//! Summary of the rounds: percentiles, their spread over rounds, ratios, and goals.

use std::time::Duration;

use serde::Serialize;

use super::recording::{Counts, Recording, TimeLine};
use super::runner::Round;
use super::{Options, Subject, Wait};
use crate::bench::distribution::{Distribution, Missing, Percentiles, Point, Spreads};
use crate::bench::goal::{Bound, Goal, Verdict};
use crate::error::CliError;

/// Goals assume few losses. If more than one datagram in this number was lost, the loop is not the
/// main cause of delays, and there is no verdict.
const LOST_ONE_IN: u64 = 100;

/// Minimum share of a requested rate that counts as reached.
const ENOUGH: f64 = 0.99;

#[derive(Debug, Default, Serialize)]
pub(super) struct Results {
    pub(super) subjects: Vec<Measured>,
    pub(super) ratios: Vec<Ratio>,
    pub(super) goals: Vec<Goal>,
}

/// The results of one subject. Times in microseconds.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) name: Subject,
    client_threads: u32,
    #[serde(flatten)]
    pub(super) all: Summary,
    /// The longest latency of the replies. Without losses it is the maximum.
    pub(super) longest_answered_micros: Option<f64>,
    pub(super) micros_by_round: Times<Spreads>,
    /// Latency by percentile, all rounds combined. It ends at the first loss.
    pub(super) distribution: Vec<Point>,
    pub(super) rounds: Vec<RoundResult>,
}

#[derive(Debug, Serialize)]
pub(super) struct RoundResult {
    /// End of the warm-up, from the start of the run.
    pub(super) at_seconds: f64,
    #[serde(flatten)]
    pub(super) summary: Summary,
    pub(super) time_line: TimeLine,
}

#[derive(Debug, Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    pub(super) counts: Counts,
    /// Open loop: datagrams sent per second.
    pub(super) sent_per_second: Option<f64>,
    pub(super) micros: Times<Percentiles>,
}

/// Figures by the origin of their times.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Times<T> {
    /// From the due time of a datagram.
    pub(super) latency: T,
    /// From its departure.
    pub(super) round_trip: T,
    /// From the kernel to the client, with timestamps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kernel_to_client: Option<T>,
}

/// The ratio of two subjects, round by round.
#[derive(Debug, Serialize)]
pub(super) struct Ratio {
    pub(super) of: Subject,
    pub(super) against: Subject,
    #[serde(flatten)]
    pub(super) by_round: Times<Spreads>,
}

impl Results {
    /// `rounds` has the rounds of each subject.
    pub(super) fn of(options: &Options, rounds: Vec<Vec<Round>>) -> Result<Self, CliError> {
        let subjects = options.subjects().iter().zip(rounds);
        let subjects: Vec<_> = subjects
            .map(|(subject, rounds)| Measured::of(options, *subject, rounds))
            .collect();
        refuse_silence(options, &subjects)?;
        let ratios = ratios(&subjects);
        Ok(Self {
            goals: goals(options, &subjects, &ratios),
            ratios,
            subjects,
        })
    }

    /// Whether a subject did not reach the requested rate.
    pub(super) fn fell_behind(&self, options: &Options) -> bool {
        let mut subjects = self.subjects.iter();
        subjects.any(|subject| subject.fell_behind(options).is_some())
    }
}

impl Measured {
    fn of(options: &Options, name: Subject, rounds: Vec<Round>) -> Self {
        let mut all = Recording::new(Duration::ZERO);
        all.sent_in = Some(Duration::ZERO);
        rounds.iter().for_each(|round| all.add(&round.recording));
        let rounds: Vec<_> = rounds.into_iter().map(RoundResult::of).collect();
        let columns = columns(&rounds);
        let spreads = |rounds: &Vec<Percentiles>| Spreads::of(rounds);
        Self {
            name,
            client_threads: options.client_threads(name),
            longest_answered_micros: all.latency.longest(),
            distribution: all.latency.points(all.counts.lost),
            all: Summary::of(&all),
            micros_by_round: Times {
                latency: spreads(&columns.latency),
                round_trip: spreads(&columns.round_trip),
                kernel_to_client: columns.kernel_to_client.as_ref().map(spreads),
            },
            rounds,
        }
    }

    /// Datagrams sent per second, if less than requested.
    pub(super) fn fell_behind(&self, options: &Options) -> Option<f64> {
        let enough = ENOUGH * f64::from(options.per_second()?);
        self.all.sent_per_second.filter(|sent| *sent < enough)
    }

    /// Why there is no verdict, after too many losses.
    fn lost_too_many(&self) -> Option<String> {
        let (subject, Counts { sent, lost, .. }) = (self.name, self.all.counts);
        (lost > sent / LOST_ONE_IN).then(|| {
            format!("{subject} lost {lost} of {sent} datagrams, more than one in {LOST_ONE_IN}")
        })
    }
}

impl RoundResult {
    fn of(round: Round) -> Self {
        Self {
            at_seconds: round.at.as_secs_f64(),
            summary: Summary::of(&round.recording),
            time_line: round.recording.time_line,
        }
    }
}

impl Summary {
    fn of(recording: &Recording) -> Self {
        let counts = recording.counts;
        let time = recording.sent_in.filter(|time| !time.is_zero());
        // A lost reply has no waiting time.
        let waits = |waits: &Distribution| (waits.count() > 0).then(|| waits.percentiles(0));
        Self {
            counts,
            sent_per_second: time.map(|time| counts.sent as f64 / time.as_secs_f64()),
            micros: Times {
                latency: recording.latency.percentiles(counts.lost),
                round_trip: recording.round_trip.percentiles(counts.lost),
                kernel_to_client: waits(&recording.kernel_to_client),
            },
        }
    }
}

fn columns(rounds: &[RoundResult]) -> Times<Vec<Percentiles>> {
    let times = || rounds.iter().map(|round| &round.summary.micros);
    let waits: Vec<_> = times().filter_map(|times| times.kernel_to_client).collect();
    Times {
        latency: times().map(|times| times.latency).collect(),
        round_trip: times().map(|times| times.round_trip).collect(),
        kernel_to_client: (!waits.is_empty()).then_some(waits),
    }
}

/// Fails if no subject got a reply. A single subject without replies is shown.
fn refuse_silence(options: &Options, subjects: &[Measured]) -> Result<(), CliError> {
    if subjects
        .iter()
        .any(|subject| subject.all.counts.answered > 0)
    {
        return Ok(());
    }
    let sent: u64 = subjects.iter().map(|subject| subject.all.counts.sent).sum();
    let what = match (options.to, sent) {
        (Some(to), _) => format!("{to} stopped replying, and no measured datagram got a reply"),
        (None, 0) => "no reply arrived, not even in the warm-up".to_owned(),
        (None, _) => format!("no reply to {sent} datagrams"),
    };
    Err(CliError::Runtime(format!(
        "{what}: there are no figures; check the echo and the firewall"
    )))
}

/// mio and tickwire against std, tickwire against mio, and with timestamps against without.
fn ratios(subjects: &[Measured]) -> Vec<Ratio> {
    let pairs = [
        (Subject::Mio, Subject::Std),
        (Subject::Tickwire, Subject::Std),
        (Subject::Tickwire, Subject::Mio),
        (Subject::Stamped, Subject::Tickwire),
    ];
    let columns = |subject| {
        let found = subjects.iter().find(|measured| measured.name == subject);
        found.map(|measured| columns(&measured.rounds))
    };
    let ratio = |(of, against)| {
        let (own, others) = (columns(of)?, columns(against)?);
        let by_round = Times {
            latency: Spreads::of_ratios(&own.latency, &others.latency),
            round_trip: Spreads::of_ratios(&own.round_trip, &others.round_trip),
            kernel_to_client: None,
        };
        Some(Ratio {
            of,
            against,
            by_round,
        })
    };
    pairs.into_iter().filter_map(ratio).collect()
}

fn find_ratio(ratios: &[Ratio], of: Subject, against: Subject) -> Option<&Ratio> {
    let mut ratios = ratios.iter();
    ratios.find(|ratio| (ratio.of, ratio.against) == (of, against))
}

/// The goals apply to both sides on one machine; a remote echo would be part of the figures.
fn goals(options: &Options, subjects: &[Measured], ratios: &[Ratio]) -> Vec<Goal> {
    let (against, bound) = match options.wait_mode {
        Wait::Sleep => (Subject::Mio, 1.05),
        Wait::Spin => (Subject::Std, 1.10),
    };
    let ratio = find_ratio(ratios, Subject::Tickwire, against);
    let Some(ratio) = ratio.filter(|_| options.to.is_none()) else {
        return Vec::new();
    };
    let both = [against, Subject::Tickwire];
    let both = subjects
        .iter()
        .filter(|subject| both.contains(&subject.name));
    let lost = both.filter_map(Measured::lost_too_many).next();
    let row = format!("p50 against {against}");
    let goal = |what, p50: &Spreads| {
        let (measured, why) = match (&lost, p50.p50()) {
            (Some(lost), _) => (None, lost.as_str()),
            (None, Ok(spread)) => (Some(spread.median), ""),
            (None, Err(Missing::Lost)) => (None, "the p50 of a round was lost"),
            (None, Err(Missing::TooFew)) => (None, "no round measured both"),
        };
        let goal = Goal::new(row.clone(), what, Bound::AtMost(bound), measured);
        if measured.is_some() {
            return goal;
        }
        Goal {
            verdict: Verdict::Open(why.to_owned()),
            ..goal
        }
    };
    let mut goals = vec![goal("from its due time", &ratio.by_round.latency)];
    // In closed loop the due time is the departure.
    if !options.closed {
        goals.push(goal("from its departure", &ratio.by_round.round_trip));
    }
    goals
}

#[cfg(test)]
mod tests;
