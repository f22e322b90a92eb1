//! The result of `cargo bench --bench goals`, in Markdown, so that it can be put into a README as it is.

use std::fmt;

use crate::losses::Losses;
use crate::runner::{Costs, Goal, Outcome, Topic};
use crate::settings::Settings;
use crate::statistics::{Estimate, Spread};
use crate::table::Table;

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Report {
    goals: Vec<GoalRow>,
    figures: Vec<Figure>,
    losses: Vec<LossRow>,
}

/// One goal and its result.
#[derive(Debug)]
struct GoalRow {
    goal: &'static str,
    bound: Option<f64>,
    measured: Estimate,
    has_losses: bool,
}

/// The absolute cost of one subject.
#[derive(Debug)]
struct Figure {
    topic: &'static str,
    unit: &'static str,
    subject: &'static str,
    costs: Spread,
}

/// Where the datagrams of one subject were lost.
#[derive(Debug)]
struct LossRow {
    topic: &'static str,
    subject: &'static str,
    losses: Losses,
}

impl Report {
    /// Adds the goals of a topic that were asked for, and the figures of all its subjects.
    pub fn add(&mut self, topic: &Topic, outcome: &Outcome, settings: &Settings) {
        let goals = topic.goals.iter().filter(|goal| settings.wants(goal.name));
        self.goals
            .extend(goals.map(|goal| GoalRow::new(goal, outcome)));
        for Costs {
            name,
            rounds,
            losses,
        } in &outcome.costs
        {
            let figure = Spread::of(rounds.iter().copied()).map(|costs| Figure {
                topic: topic.title,
                unit: topic.unit,
                subject: name,
                costs,
            });
            self.figures.extend(figure);
            self.losses.extend(losses.map(|losses| LossRow {
                topic: topic.title,
                subject: name,
                losses,
            }));
        }
    }

    /// How many goals were measured.
    #[must_use]
    pub fn goals(&self) -> usize {
        self.goals.len()
    }

    /// The first subject that lost a datagram, and where.
    #[must_use]
    pub fn first_loss(&self) -> Option<String> {
        let row = self.losses.iter().find(|row| !row.losses.is_nothing())?;
        Some(format!("{}, {}: {}", row.topic, row.subject, row.losses))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut goals = Table::new(["goal", "bound", "measured", "verdict"]);
        self.goals.iter().for_each(|row| goals.row(row.cells()));
        let mut figures = Table::new(["topic", "subject", "median", "lowest", "highest", "unit"]);
        self.figures.iter().for_each(|row| figures.row(row.cells()));
        writeln!(f, "{goals:#}\n\n{figures:#}")?;
        if self.losses.is_empty() {
            return Ok(());
        }
        let mut losses = Table::new(["topic", "subject", "datagrams", "lost", "turn budget spent"]);
        self.losses.iter().for_each(|row| losses.row(row.cells()));
        writeln!(f, "\n{losses:#}")
    }
}

impl GoalRow {
    fn new(goal: &Goal, outcome: &Outcome) -> Self {
        Self {
            goal: goal.name,
            bound: goal.bound,
            measured: outcome.ratio(goal),
            has_losses: outcome.has_losses(goal),
        }
    }

    fn cells(&self) -> [String; 4] {
        let Estimate { median, low, high } = self.measured;
        let bound = self.bound.map(|bound| format!("{bound:.2}"));
        [
            self.goal.to_owned(),
            bound.unwrap_or_else(|| "shown".to_owned()),
            format!("{median:.3} ({low:.3} to {high:.3})"),
            self.verdict().to_owned(),
        ]
    }

    fn verdict(&self) -> &'static str {
        match self.bound {
            None => "",
            Some(_) if self.has_losses => "lost datagrams",
            Some(bound) if self.measured.median <= bound => "ok",
            Some(_) => "short",
        }
    }
}

impl Figure {
    fn cells(&self) -> [String; 6] {
        let Spread {
            median,
            lowest,
            highest,
        } = self.costs;
        let [median, lowest, highest] = [median, lowest, highest].map(|cost| format!("{cost:.0}"));
        let [topic, subject, unit] = [self.topic, self.subject, self.unit].map(str::to_owned);
        [topic, subject, median, lowest, highest, unit]
    }
}

impl LossRow {
    fn cells(&self) -> [String; 5] {
        [
            self.topic.to_owned(),
            self.subject.to_owned(),
            self.losses.due.to_string(),
            self.losses.to_string(),
            self.losses.budget_spent.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOAL: Goal = Goal {
        name: "drain: tickwire against mio",
        of: "tickwire",
        against: "mio",
        bound: Some(1.10),
    };

    fn report(ratio: f64, losses: Option<Losses>) -> Report {
        let costs = |name, cost, losses| Costs {
            name,
            rounds: vec![cost; 3],
            losses,
        };
        let outcome = Outcome {
            costs: vec![
                costs("mio", 100.0, None),
                costs("tickwire", 100.0 * ratio, losses),
            ],
        };
        let topic = Topic {
            title: "drain",
            unit: "ns per datagram",
            units: 1,
            rounds: 3,
            goals: &[GOAL],
            enter: |_| Ok(Vec::new()),
        };
        let settings = Settings::from_args(std::iter::empty()).expect("there is no option");
        let mut report = Report::default();
        report.add(&topic, &outcome, &settings);
        report
    }

    #[test]
    fn a_goal_is_kept_or_missed() {
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
    fn a_loss_decides_no_goal_and_has_a_row_with_its_place() {
        let losses = Losses {
            due: 10,
            peers: 2,
            ..Losses::default()
        };
        let report = report(1.0, Some(losses));
        let text = report.to_string();
        assert!(text.contains("| lost datagrams |"), "{text}");
        assert!(text.contains("lost: 2 states at the peers"), "{text}");
        let first = "drain, tickwire: lost: 2 states at the peers";
        assert_eq!(report.first_loss().as_deref(), Some(first));
    }
}
