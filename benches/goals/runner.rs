//! Interleaved rounds: in each one every subject does the same work once, in an order that changes
//! from round to round, so that whatever slows the machine down for a while slows all of them. What
//! counts is the ratio of two subjects within a round.

use std::io;
use std::time::Duration;

use crate::settings::Settings;
use crate::statistics::Estimate;

/// Untimed rounds before the first that counts: caches, allocations, adaptive batches.
const WARM_UP_ROUNDS: usize = 2;

/// One way to do the work of a topic.
pub(crate) trait Subject {
    /// Prepares, does the work, checks that all of it was done, and returns the time of the work
    /// alone.
    fn round(&mut self) -> io::Result<Duration>;
}

/// A promise about two subjects of a topic, or a ratio that is only shown.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) of: &'static str,
    pub(crate) against: &'static str,
    /// The most that the ratio of the two may be. `None`: it is shown beside the others.
    pub(crate) bound: Option<f64>,
}

/// Contestants for the same work, and what is promised of them.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) title: &'static str,
    /// What a round is divided by: "datagram", "turn".
    pub(crate) unit: &'static str,
    /// How many of them a round has.
    pub(crate) units: usize,
    pub(crate) rounds: usize,
    pub(crate) goals: &'static [Goal],
    pub(crate) enter: fn(&Settings) -> io::Result<Vec<Entry>>,
}

/// A subject and the name by which goals speak of it.
pub(crate) struct Entry {
    name: &'static str,
    subject: Box<dyn Subject>,
}

impl Entry {
    pub(crate) fn new(name: &'static str, subject: impl Subject + 'static) -> Self {
        Self {
            name,
            subject: Box::new(subject),
        }
    }
}

/// What one subject took in each round, in nanoseconds per unit.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) name: &'static str,
    pub(crate) nanos: Vec<f64>,
}

/// What all subjects of a topic took.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) times: Vec<Times>,
}

impl Outcome {
    /// The median of the paired ratios of the two subjects of a goal.
    ///
    /// # Panics
    ///
    /// A goal speaks of a subject that did not enter: a mistake in the topic.
    pub(crate) fn ratio(&self, goal: &Goal) -> Estimate {
        Estimate::of_ratios(self.nanos(goal.of), self.nanos(goal.against))
    }

    fn nanos(&self, name: &str) -> &[f64] {
        let times = self.times.iter().find(|times| times.name == name);
        &times
            .unwrap_or_else(|| panic!("nobody entered as {name:?}"))
            .nanos
    }
}

/// Runs all rounds of a topic.
pub(crate) fn run(topic: &Topic, settings: &Settings) -> io::Result<Outcome> {
    let mut entries = (topic.enter)(settings)?;
    let mut times: Vec<Times> = entries.iter().map(|entry| times_of(entry, topic)).collect();
    let mut order: Vec<usize> = (0..entries.len()).collect();
    let mut shuffle = Shuffle::new(settings.seed);
    let warm_up_rounds = if settings.is_test { 0 } else { WARM_UP_ROUNDS };

    for round in 0..warm_up_rounds + topic.rounds {
        shuffle.apply(&mut order);
        for &index in &order {
            let nanos = round_of(&mut entries[index], topic)?;
            if round >= warm_up_rounds {
                times[index].nanos.push(nanos);
            }
        }
    }
    Ok(Outcome { times })
}

fn times_of(entry: &Entry, topic: &Topic) -> Times {
    Times {
        name: entry.name,
        nanos: Vec::with_capacity(topic.rounds),
    }
}

/// Nanoseconds per unit.
fn round_of(entry: &mut Entry, topic: &Topic) -> io::Result<f64> {
    let time = entry.subject.round().map_err(|error| {
        let text = format!("{}, {}: {error}", topic.title, entry.name);
        io::Error::new(error.kind(), text)
    })?;
    Ok(time.as_secs_f64() * 1e9 / topic.units as f64)
}

/// A random order from a seed (splitmix64, Steele, Lea and Flood 2014; Fisher and Yates).
struct Shuffle {
    state: u64,
}

impl Shuffle {
    fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn apply(&mut self, order: &mut [usize]) {
        for last in (1..order.len()).rev() {
            order.swap(last, self.below(last + 1));
        }
    }

    /// A number below `limit`; for a handful of subjects the bias of the remainder is nothing.
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        usize::try_from(bits % limit as u64).unwrap_or(0)
    }
}
