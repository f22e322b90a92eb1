//! What was asked for and never sent, because a tick was missed. Nobody can lose it, so it is no loss;
//! but a run that left something out has not been through what it was asked to go through.

use std::fmt;

use serde::Serialize;

use super::Settings;
use crate::bench::figure::grouped;

/// How much of what was asked for was left out, on both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Unsent {
    /// One for each client and tick that the clients missed.
    pub(super) inputs: u64,
    pub(super) inputs_asked: u64,
    /// One for each client and tick that the server did not make.
    pub(super) states: u64,
    pub(super) states_asked: u64,
}

impl Unsent {
    /// Of one round, from the ticks that each side left out.
    pub(super) fn of(settings: &Settings, ticks_missed: u64, overruns: u64) -> Self {
        let each = |ticks| settings.clients as u64 * ticks;
        Self {
            inputs: each(ticks_missed),
            inputs_asked: each(settings.ticks),
            states: each(overruns),
            states_asked: each(settings.ticks),
        }
    }

    /// Of several rounds.
    pub(super) fn sum(rounds: impl IntoIterator<Item = Self>) -> Self {
        rounds.into_iter().fold(Self::default(), Self::plus)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            inputs: self.inputs + other.inputs,
            inputs_asked: self.inputs_asked + other.inputs_asked,
            states: self.states + other.states,
            states_asked: self.states_asked + other.states_asked,
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.inputs == 0 && self.states == 0
    }
}

/// What was left out, by whom; empty if nothing was.
impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |count: u64, of: u64, what: &str, why: &str| {
            let (count, of) = (grouped(count), grouped(of));
            format!("{count} of {of} {what} were never sent ({why})")
        };
        let inputs = part(
            self.inputs,
            self.inputs_asked,
            "inputs",
            "the clients missed ticks",
        );
        let states = part(
            self.states,
            self.states_asked,
            "states",
            "the server overran ticks",
        );
        match (self.inputs > 0, self.states > 0) {
            (true, true) => write!(f, "{inputs} and {states}"),
            (true, false) => f.write_str(&inputs),
            (false, true) => f.write_str(&states),
            (false, false) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::settings;
    use super::*;

    #[test]
    fn a_run_without_missed_ticks_left_nothing_out() {
        let unsent = Unsent::of(&settings(), 0, 0);
        assert!(unsent.is_nothing());
        assert_eq!((unsent.inputs_asked, unsent.states_asked), (1000, 1000));
        assert_eq!(unsent.to_string(), "");
    }

    #[test]
    fn what_was_left_out_is_told_with_who_left_it_out() {
        let inputs = "30 of 1,000 inputs were never sent (the clients missed ticks)";
        let states = "20 of 1,000 states were never sent (the server overran ticks)";
        let told = |missed, overruns| Unsent::of(&settings(), missed, overruns).to_string();
        assert_eq!(told(3, 0), inputs);
        assert_eq!(told(0, 2), states);
        assert_eq!(told(3, 2), format!("{inputs} and {states}"));
    }

    #[test]
    fn what_rounds_left_out_adds_up() {
        let round = Unsent::of(&settings(), 3, 2);
        let good = Unsent::of(&settings(), 0, 0);
        let sum = Unsent::sum([good, round, round]);
        assert_eq!((sum.inputs, sum.inputs_asked), (60, 3000));
        assert_eq!((sum.states, sum.states_asked), (40, 3000));
        assert!(!sum.is_nothing());
    }
}
