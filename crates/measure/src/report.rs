//! The result of `cargo bench --bench goals` in Markdown.

use std::fmt;

use crate::goals::{Goal, Topic};
use crate::runner::Costs;
use crate::settings::Settings;
use crate::statistics::{Estimate, Spread};
use crate::table::Table;

/// All results.
#[derive(Debug)]
pub struct Report {
    /// Each goal and its result.
    goals: Table,
    /// The cost of each subject.
    figures: Table,
    /// Losses of each subject that counts them.
    losses: Option<Table>,
    /// Number of measured goals.
    pub measured: usize,
    /// The first subject that lost a datagram, and where it was lost.
    pub first_loss: Option<String>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            goals: Table::new(["goal", "bound", "measured", "verdict"]),
            figures: Table::new(["topic", "subject", "median", "lowest", "highest", "unit"]),
            losses: None,
            measured: 0,
            first_loss: None,
        }
    }
}

impl Report {
    /// Adds the requested goals of a topic, and the figures of all its subjects.
    pub fn add(&mut self, topic: &Topic, costs: &[Costs], settings: &Settings) {
        for goal in topic.goals.iter().filter(|goal| settings.wants(goal.name)) {
            self.goals.row(goal_cells(goal, costs));
            self.measured += 1;
        }
        for costs in costs {
            self.figures.row(figure_cells(topic, costs));
            self.add_losses(topic, costs);
        }
    }

    fn add_losses(&mut self, topic: &Topic, costs: &Costs) {
        let Some(losses) = costs.losses else { return };
        let [due, budget] = [losses.due(), losses.budget_spent].map(|count| count.to_string());
        let place = losses.to_string();
        if !losses.is_nothing() && self.first_loss.is_none() {
            self.first_loss = Some(format!("{}, {}: {place}", topic.title, costs.name));
        }
        let headings = ["topic", "subject", "datagrams", "lost", "turn budget spent"];
        let table = self.losses.get_or_insert_with(|| Table::new(headings));
        table.row([topic.title, &costs.name, &due, &place, &budget]);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:#}\n\n{:#}", self.goals, self.figures)?;
        let mut losses = self.losses.iter();
        losses.try_for_each(|losses| writeln!(f, "\n{losses:#}"))
    }
}

fn goal_cells(goal: &Goal, costs: &[Costs]) -> [String; 4] {
    let [subject, floor] = [goal.subject, goal.floor].map(|name| {
        let found = costs.iter().find(|costs| costs.name == name);
        found.unwrap_or_else(|| panic!("no subject is called {name:?}"))
    });
    let Estimate { median, low, high } = Estimate::of_ratios(&subject.rounds, &floor.rounds);
    let losses = [subject.losses, floor.losses];
    let has_losses = losses.iter().flatten().any(|losses| !losses.is_nothing());
    let verdict = match goal.bound {
        None => "",
        Some(_) if has_losses => "lost datagrams",
        Some(bound) if median <= bound => "ok",
        Some(_) => "short",
    };
    let bound = goal
        .bound
        .map_or("shown".to_owned(), |bound| format!("{bound:.2}"));
    let measured = format!("{median:.3} ({low:.3} to {high:.3})");
    [goal.name.to_owned(), bound, measured, verdict.to_owned()]
}

fn figure_cells(topic: &Topic, costs: &Costs) -> [String; 6] {
    let spread = Spread::of(costs.rounds.iter().copied()).expect("there is a round");
    let [median, lowest, highest] =
        [spread.median, spread.lowest, spread.highest].map(|cost| format!("{cost:.0}"));
    let [title, name, unit] = [topic.title, &costs.name, topic.unit].map(str::to_owned);
    [title, name, median, lowest, highest, unit]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::Losses;

    fn report(ratio: f64, losses: Option<Losses>) -> Report {
        let costs = |name: &str, cost, losses| Costs {
            name: name.to_owned(),
            rounds: vec![cost; 3],
            losses,
        };
        let costs = [
            costs("mio", 100.0, None),
            costs("tickwire", 100.0 * ratio, losses),
        ];
        let topics = crate::goals::parse(
            "\n## drain: ns per datagram\n| goal | subject | floor | bound |\n\
             | drain: tickwire against mio | tickwire | mio | 1.10 |\n",
        );
        let settings = Settings::from_args(std::iter::empty()).expect("there is no option");
        let mut report = Report::default();
        report.add(&topics[0], &costs, &settings);
        report
    }

    #[test]
    fn a_goal_is_met_or_missed() {
        for (ratio, verdict) in [(1.10, "ok"), (1.2, "short")] {
            let text = report(ratio, None).to_string();
            assert!(
                text.contains(&format!("{ratio:.3} to {ratio:.3}) | {verdict}")),
                "{text}"
            );
            assert!(text.contains("ns per datagram") && !text.contains("turn budget"));
        }
    }

    #[test]
    fn a_loss_misses_the_goals_and_is_listed_by_place() {
        let losses = Losses {
            states_sent: 10,
            states_received: 8,
            ..Losses::default()
        };
        let report = report(1.0, Some(losses));
        let text = report.to_string();
        assert!(text.contains("| lost datagrams |"), "{text}");
        assert!(text.contains("lost: 2 states at the peers"), "{text}");
        let first = "drain, tickwire: lost: 2 states at the peers";
        assert_eq!(report.first_loss.as_deref(), Some(first));
    }
}
