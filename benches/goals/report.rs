//! The tables, in Markdown, so that they can be put into a README as they are.

use crate::machine::Machine;
use crate::runner::{Goal, Outcome, Topic};
use crate::settings::Settings;
use crate::statistics::Estimate;
use crate::work::DATAGRAM_LEN;

#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    figures: Vec<Figure>,
}

/// One goal and what came of it.
#[derive(Debug)]
struct Row {
    goal: &'static str,
    bound: Option<f64>,
    measured: Estimate,
}

/// The absolute time of one subject.
#[derive(Debug)]
struct Figure {
    topic: &'static str,
    unit: &'static str,
    subject: &'static str,
    median: f64,
    lowest: f64,
    highest: f64,
}

impl Report {
    /// The goals of a topic that were asked for, and the times of all its subjects.
    pub(crate) fn add(&mut self, topic: &Topic, outcome: &Outcome, settings: &Settings) {
        let goals = topic.goals.iter().filter(|goal| settings.wants(goal.name));
        self.rows.extend(goals.map(|goal| Row::new(goal, outcome)));
        self.figures.extend(figures(topic, outcome));
    }

    /// How many goals were measured.
    pub(crate) fn goals(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn print(&self, machine: &Machine, settings: &Settings) {
        println!("| goal | bound | measured | verdict |\n| --- | --- | --- | --- |");
        self.rows.iter().for_each(Row::print);
        println!();
        println!("| topic | subject | median | lowest | highest | unit |");
        println!("| --- | --- | --- | --- | --- | --- |");
        self.figures.iter().for_each(Figure::print);
        println!();
        println!(
            "Measured: the median of the ratios of the two within each round, and its 95% interval. \
             {} rounds of {} datagrams of {} bytes, in an order drawn anew for each (seed {}), {:.0} s.",
            settings.rounds,
            settings.datagrams,
            DATAGRAM_LEN,
            settings.seed,
            settings.started.elapsed().as_secs_f64(),
        );
        println!("{machine}");
    }
}

impl Row {
    fn new(goal: &Goal, outcome: &Outcome) -> Self {
        Self {
            goal: goal.name,
            bound: goal.bound,
            measured: outcome.ratio(goal),
        }
    }

    fn print(&self) {
        let Estimate { median, low, high } = self.measured;
        let bound = self
            .bound
            .map_or_else(|| "shown".to_owned(), |bound| format!("{bound:.2}"));
        println!(
            "| {} | {bound} | {median:.3} ({low:.3} to {high:.3}) | {} |",
            self.goal,
            self.verdict(),
        );
    }

    fn verdict(&self) -> &'static str {
        match self.bound {
            None => "",
            Some(bound) if self.measured.median <= bound => "ok",
            Some(_) => "short",
        }
    }
}

impl Figure {
    fn print(&self) {
        println!(
            "| {} | {} | {:.0} | {:.0} | {:.0} | ns per {} |",
            self.topic, self.subject, self.median, self.lowest, self.highest, self.unit
        );
    }
}

fn figures(topic: &Topic, outcome: &Outcome) -> impl Iterator<Item = Figure> {
    outcome.times.iter().map(|times| Figure {
        topic: topic.title,
        unit: topic.unit,
        subject: times.name,
        median: Estimate::of(&times.nanos).median,
        lowest: times.nanos.iter().copied().fold(f64::INFINITY, f64::min),
        highest: times.nanos.iter().copied().fold(0.0, f64::max),
    })
}
