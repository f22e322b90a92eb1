//! Interleaved rounds: in each round every subject does the same work once, in random order, so
//! that a disturbance affects all subjects. Ratios compare two subjects within a round.

use std::io;
use std::time::Duration;

use crate::goals::Topic;
use crate::losses::Losses;
use crate::settings::Settings;

/// Warm-up rounds, for caches, allocations and adaptive batches.
const WARM_UP_ROUNDS: usize = 2;

/// Nanoseconds per unit of work.
#[must_use]
pub fn nanos_per(units: usize, time: Duration) -> f64 {
    time.as_secs_f64() * 1e9 / units as f64
}

#[allow(missing_debug_implementations, reason = "a closure has no `Debug`")]
/// One or several measured implementations of the work of a topic.
pub struct Entry {
    /// Names of the subjects, as in the goals.
    names: Vec<String>,
    round: Box<dyn FnMut() -> io::Result<Round>>,
}

/// The cost of each subject in one round, and the losses in all rounds so far.
type Round = (Vec<f64>, Option<Losses>);

/// A round prepares, does the work, checks that it is complete, and returns the cost of the work
/// alone per unit, in nanoseconds ([`nanos_per`]) or in the unit of the topic.
impl Entry {
    /// One subject.
    pub fn new(
        name: impl Into<String>,
        mut round: impl FnMut() -> io::Result<f64> + 'static,
    ) -> Self {
        Self::joint([name], move || Ok([round()?]))
    }

    /// Several subjects that are measured together, in the order of `names`.
    pub fn joint<const N: usize>(
        names: [impl Into<String>; N],
        mut round: impl FnMut() -> io::Result<[f64; N]> + 'static,
    ) -> Self {
        Self {
            names: names.map(Into::into).into(),
            round: Box::new(move || Ok((round()?.to_vec(), None))),
        }
    }

    /// A subject that counts the losses of all its rounds.
    pub fn with_losses(
        name: impl Into<String>,
        mut round: impl FnMut() -> io::Result<(f64, Losses)> + 'static,
    ) -> Self {
        Self {
            names: vec![name.into()],
            round: Box::new(move || round().map(|(cost, losses)| (vec![cost], Some(losses)))),
        }
    }
}

/// Cost of one subject per unit, in each round.
#[derive(Debug)]
pub struct Costs {
    /// Name of the subject.
    pub name: String,
    /// One cost per round.
    pub rounds: Vec<f64>,
    /// Losses, if it counts them.
    pub losses: Option<Losses>,
}

/// Runs all rounds of a topic.
///
/// # Errors
///
/// A subject failed in a round.
pub fn run(topic: &Topic, mut entries: Vec<Entry>, settings: &Settings) -> io::Result<Vec<Costs>> {
    let warm_up = settings.size(WARM_UP_ROUNDS, 0);
    let rounds = warm_up + settings.rounds.min(topic.rounds_max);
    let all = interleave(entries.len(), rounds, settings.seed, |_, entry| {
        let Entry { names, round } = &mut entries[entry];
        round().map_err(|error| {
            let text = format!("{}, {}: {error}", topic.title, names[0]);
            io::Error::new(error.kind(), text)
        })
    })?;
    let mut costs = Vec::new();
    for (entry, rounds) in entries.into_iter().zip(&all) {
        let losses = rounds.last().and_then(|(_, losses)| *losses);
        for (subject, name) in entry.names.into_iter().enumerate() {
            let of_subject = rounds[warm_up..].iter().map(|(costs, _)| costs[subject]);
            costs.push(Costs {
                name,
                rounds: of_subject.collect(),
                losses,
            });
        }
    }
    Ok(costs)
}

/// Measures each of `subjects` once per round: in their order in the first round, then in a random
/// order from `seed`. Returns the measurements of each subject by round.
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

    /// A number below `limit`. With few subjects the bias of the remainder is negligible.
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        usize::try_from(bits % limit as u64).unwrap_or(0)
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
    fn either_of_two_subjects_can_be_first() {
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
        let joint = Entry::joint(["one", "two"], move || {
            round += 1.0;
            Ok([round, 10.0 * round])
        });
        let topic = Topic {
            title: "numbers",
            unit: "",
            rounds_max: 2,
            goals: Vec::new(),
        };
        let settings =
            Settings::from_args(["--bench".to_owned()].into_iter()).expect("it is a benchmark");
        let entries = vec![joint, Entry::new("three", || Ok(3.0))];
        let costs = run(&topic, entries, &settings).expect("it cannot fail");
        let costs = costs
            .iter()
            .map(|costs| (&costs.name[..], costs.rounds.clone()));
        // The first two rounds are warm-up.
        let wanted = [
            ("one", vec![3.0, 4.0]),
            ("two", vec![30.0, 40.0]),
            ("three", vec![3.0, 3.0]),
        ];
        assert_eq!(costs.collect::<Vec<_>>(), wanted);
    }
}
