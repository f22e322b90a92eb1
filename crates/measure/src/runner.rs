//! Interleaved rounds: in each one every subject does the same work once, in an order that changes from round to
//! round, so that whatever slows the machine down for a while slows all of them. The result is the ratio of two
//! subjects within a round.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::losses::Losses;
use crate::settings::Settings;
use crate::statistics::Estimate;

/// Rounds before the first that counts, for caches, allocations and adaptive batches.
const WARM_UP_ROUNDS: usize = 2;

/// One way to do the work of a topic.
pub trait Subject {
    /// Prepares, does the work, checks that all of it was done, and returns what the work alone cost: nanoseconds
    /// ([`nanos`]), or whatever the unit of the topic is.
    ///
    /// # Errors
    ///
    /// The work could not be done, or not all of it was.
    fn round(&mut self) -> io::Result<f64>;

    /// Where datagrams of all rounds were lost, if the subject counts them.
    fn losses(&self) -> Option<Losses> {
        None
    }
}

/// A time in nanoseconds.
#[must_use]
pub fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// A promise about two subjects of a topic, or a ratio that is only shown.
#[derive(Debug)]
pub struct Goal {
    /// What is promised, in words.
    pub name: &'static str,
    /// Name of the subject whose cost is divided.
    pub of: &'static str,
    /// Name of the subject that it is divided by.
    pub against: &'static str,
    /// Highest ratio that keeps the promise. `None`: the ratio is only shown.
    pub bound: Option<f64>,
}

impl Goal {
    /// A ratio that is at most `bound`.
    #[must_use]
    pub const fn bounded(
        name: &'static str,
        of: &'static str,
        against: &'static str,
        bound: f64,
    ) -> Self {
        Self {
            name,
            of,
            against,
            bound: Some(bound),
        }
    }

    /// A ratio that is only shown.
    #[must_use]
    pub const fn shown(name: &'static str, of: &'static str, against: &'static str) -> Self {
        Self {
            name,
            of,
            against,
            bound: None,
        }
    }
}

/// Subjects that do the same work, and the goals about them.
#[derive(Debug)]
pub struct Topic {
    /// What it is about, in a few words.
    pub title: &'static str,
    /// Unit of a figure: "ns per datagram".
    pub unit: &'static str,
    /// What the cost of a round is divided by.
    pub units: usize,
    /// Rounds that count.
    pub rounds: usize,
    /// Goals of the topic.
    pub goals: &'static [Goal],
    /// Sets the subjects up.
    pub enter: fn(&Settings) -> io::Result<Vec<Entry>>,
}

/// A subject and its name in the goals.
pub struct Entry {
    name: &'static str,
    subject: Box<dyn Subject>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Entry").field(&self.name).finish()
    }
}

impl Entry {
    /// A subject under this name.
    pub fn new(name: &'static str, subject: impl Subject + 'static) -> Self {
        Self {
            name,
            subject: Box::new(subject),
        }
    }
}

/// What one subject cost in each round, per unit.
#[derive(Debug)]
pub struct Costs {
    /// Name of the subject.
    pub name: &'static str,
    /// One cost per round.
    pub rounds: Vec<f64>,
    /// Where its datagrams were lost, if it counts them.
    pub losses: Option<Losses>,
}

/// What all subjects of a topic cost.
#[derive(Debug)]
pub struct Outcome {
    /// One entry per subject.
    pub costs: Vec<Costs>,
}

impl Outcome {
    /// The median of the paired ratios of the two subjects of a goal.
    #[must_use]
    pub fn ratio(&self, goal: &Goal) -> Estimate {
        Estimate::of_ratios(&self.of(goal.of).rounds, &self.of(goal.against).rounds)
    }

    /// Whether a subject of the goal lost a datagram, so that a ratio decides nothing.
    #[must_use]
    pub fn has_losses(&self, goal: &Goal) -> bool {
        let subjects = [goal.of, goal.against].map(|name| self.of(name).losses);
        subjects
            .into_iter()
            .flatten()
            .any(|losses| !losses.is_nothing())
    }

    fn of(&self, name: &str) -> &Costs {
        let costs = self.costs.iter().find(|costs| costs.name == name);
        costs.unwrap_or_else(|| panic!("no subject is called {name:?}"))
    }
}

/// Runs all rounds of a topic.
///
/// # Errors
///
/// A subject could not be set up, or failed in a round.
pub fn run(topic: &Topic, settings: &Settings) -> io::Result<Outcome> {
    let mut entries = (topic.enter)(settings)?;
    let warm_up = settings.size(WARM_UP_ROUNDS, 0);
    let all = interleave(
        entries.len(),
        warm_up + topic.rounds,
        settings.seed,
        |_, subject| cost_of(&mut entries[subject], topic),
    )?;
    let costs = entries.iter().zip(all).map(|(entry, rounds)| Costs {
        name: entry.name,
        rounds: rounds[warm_up..].to_vec(),
        losses: entry.subject.losses(),
    });
    Ok(Outcome {
        costs: costs.collect(),
    })
}

fn cost_of(entry: &mut Entry, topic: &Topic) -> io::Result<f64> {
    let cost = entry.subject.round().map_err(|error| {
        let text = format!("{}, {}: {error}", topic.title, entry.name);
        io::Error::new(error.kind(), text)
    })?;
    Ok(cost / topic.units as f64)
}

/// Measures `subjects` (by number) in every round once: in the first round in their order, in every other one in an
/// order drawn from `seed`. Returns the measurements of each subject, by round.
///
/// # Errors
///
/// The first error of `measure`, which ends the rounds.
pub fn interleave<M, E>(
    subjects: usize,
    rounds: usize,
    seed: u64,
    mut measure: impl FnMut(usize, usize) -> Result<M, E>,
) -> Result<Vec<Vec<M>>, E> {
    let mut all: Vec<Vec<M>> = (0..subjects).map(|_| Vec::with_capacity(rounds)).collect();
    let mut order: Vec<usize> = (0..subjects).collect();
    let mut shuffle = Shuffle { state: seed };
    for round in 0..rounds {
        if round > 0 {
            shuffle.apply(&mut order);
        }
        for &subject in &order {
            all[subject].push(measure(round, subject)?);
        }
    }
    Ok(all)
}

/// A random order from a seed (splitmix64, Steele, Lea and Flood 2014; Fisher and Yates).
struct Shuffle {
    state: u64,
}

impl Shuffle {
    fn apply(&mut self, order: &mut [usize]) {
        for last in (1..order.len()).rev() {
            order.swap(last, self.below(last + 1));
        }
    }

    /// A number below `limit`. For a handful of subjects the bias of the remainder is negligible.
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        usize::try_from(bits % limit as u64).unwrap_or(0)
    }
}

/// Entries whose costs one measurement yields together, in the order of `names`.
pub fn joint<const N: usize>(
    names: [&'static str; N],
    measure: impl FnMut() -> io::Result<[f64; N]> + 'static,
) -> [Entry; N] {
    let joint = Rc::new(RefCell::new(Joint {
        measure: Box::new(measure),
        pending: std::array::from_fn(|_| VecDeque::new()),
    }));
    let mut part = 0;
    names.map(|name| {
        let joint = Rc::clone(&joint);
        part += 1;
        Entry::new(
            name,
            Part {
                joint,
                part: part - 1,
            },
        )
    })
}

type Measure<const N: usize> = Box<dyn FnMut() -> io::Result<[f64; N]>>;

/// A measurement of several subjects at once.
struct Joint<const N: usize> {
    measure: Measure<N>,
    /// Costs of rounds that a subject has not returned yet.
    pending: [VecDeque<f64>; N],
}

struct Part<const N: usize> {
    joint: Rc<RefCell<Joint<N>>>,
    part: usize,
}

impl<const N: usize> Subject for Part<N> {
    fn round(&mut self) -> io::Result<f64> {
        let mut joint = self.joint.borrow_mut();
        if joint.pending[self.part].is_empty() {
            let costs = (joint.measure)()?;
            for (pending, cost) in joint.pending.iter_mut().zip(costs) {
                pending.push_back(cost);
            }
        }
        Ok(joint.pending[self.part]
            .pop_front()
            .expect("a cost was added above"))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn orders(subjects: usize, rounds: usize, seed: u64) -> Vec<Vec<usize>> {
        let mut orders = vec![Vec::new(); rounds];
        let measured = interleave(subjects, rounds, seed, |round, subject| {
            orders[round].push(subject);
            Ok::<_, Infallible>((round, subject))
        });
        let Ok(measured) = measured;
        for (subject, measured) in measured.iter().enumerate() {
            let wanted: Vec<_> = (0..rounds).map(|round| (round, subject)).collect();
            assert_eq!(*measured, wanted);
        }
        orders
    }

    #[test]
    fn the_order_changes_and_no_subject_is_left_out() {
        let orders = orders(3, 50, 7);
        assert_eq!(orders[0], [0, 1, 2]);
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2]);
        }
        for subject in 0..3 {
            assert!(orders.iter().any(|order| order[0] == subject));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_order() {
        assert_eq!(orders(4, 20, 7), orders(4, 20, 7));
        assert_ne!(orders(4, 20, 7), orders(4, 20, 8));
    }

    #[test]
    fn two_subjects_take_turns_and_none_has_none() {
        let firsts: Vec<_> = orders(2, 50, 1).iter().map(|order| order[0]).collect();
        assert!(firsts.contains(&0) && firsts.contains(&1));
        assert_eq!(orders(0, 2, 1), [[0; 0]; 2]);
    }

    #[test]
    fn a_failed_round_ends_the_measurement() {
        let result = interleave(
            2,
            5,
            1,
            |round, _| if round == 3 { Err("broken") } else { Ok(()) },
        );
        assert_eq!(result, Err("broken"));
    }

    #[test]
    fn a_joint_measurement_gives_each_subject_its_own_costs() {
        let mut round = 0.0;
        let mut entries = joint(["one", "two"], move || {
            round += 1.0;
            Ok([round, 10.0 * round])
        });
        let mut costs = |entry: usize| entries[entry].subject.round().expect("it cannot fail");
        assert_eq!(
            [costs(0), costs(1), costs(1), costs(0)],
            [1.0, 10.0, 20.0, 2.0]
        );
    }
}
