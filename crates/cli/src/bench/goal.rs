//! Goals: bounds on figures, and their verdicts.

use std::fmt;

use serde::Serialize;
use tickwire_measure::table::Table;

/// A bound on a figure of a row, and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Goal {
    pub(crate) row: String,
    pub(crate) what: &'static str,
    pub(crate) bound: Bound,
    /// `None` if the row has no such figure.
    pub(crate) measured: Option<f64>,
    pub(crate) verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Kept,
    Missed,
    /// No verdict, with the reason.
    #[serde(rename = "no_verdict")]
    Open(String),
}

impl Goal {
    /// A missing figure misses the goal.
    pub(crate) fn new(
        row: impl Into<String>,
        what: &'static str,
        bound: Bound,
        measured: Option<f64>,
    ) -> Self {
        let verdict = match measured {
            Some(measured) if bound.allows(measured) => Verdict::Kept,
            _ => Verdict::Missed,
        };
        Self {
            row: row.into(),
            what,
            bound,
            measured,
            verdict,
        }
    }

    pub(crate) fn is_missed(&self) -> bool {
        self.verdict == Verdict::Missed
    }
}

impl Bound {
    fn allows(self, measured: f64) -> bool {
        match self {
            Self::AtLeast(bound) => measured >= bound,
            Self::AtMost(bound) => measured <= bound,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "at least {bound}"),
            Self::AtMost(bound) => write!(f, "at most {bound}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("met"),
            Self::Missed => f.write_str("MISSED"),
            Self::Open(why) => write!(f, "no verdict: {why}"),
        }
    }
}

/// A table row per goal, with this number of decimals.
pub(crate) fn table(goals: &[Goal], decimals: usize) -> Table {
    let mut table = Table::new(["goal", "", "bound", "measured", "verdict"]);
    for goal in goals {
        let measured = goal.measured.map(|figure| format!("{figure:.decimals$}"));
        table.row([
            goal.row.clone(),
            goal.what.to_owned(),
            goal.bound.to_string(),
            measured.unwrap_or_else(|| "-".to_owned()),
            goal.verdict.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bound: Bound, measured: Option<f64>) -> Verdict {
        Goal::new("a row", "a figure", bound, measured).verdict
    }

    #[test]
    fn a_figure_equal_to_the_bound_meets_it() {
        for (bound, kept, missed) in [
            (Bound::AtLeast(0.8), 0.8, 0.799),
            (Bound::AtMost(30.0), 30.0, 30.1),
        ] {
            assert_eq!(verdict(bound, Some(kept)), Verdict::Kept);
            assert_eq!(verdict(bound, Some(missed)), Verdict::Missed);
            assert_eq!(verdict(bound, None), Verdict::Missed);
        }
    }

    #[test]
    fn a_table_shows_figures_and_verdicts() {
        let bound = Bound::AtMost(1.05);
        let open = Goal {
            verdict: Verdict::Open("all was lost".to_owned()),
            ..Goal::new("p50", "against mio", bound, None)
        };
        let goals = [
            Goal::new("p50", "against mio", bound, Some(1.02)),
            Goal::new("p50", "against mio", bound, Some(1.254)),
            open,
        ];
        let text = table(&goals, 3).to_string();
        let ends = ["1.020", "1.254", "-"];
        let words = ["met", "MISSED", "no verdict: all was lost"];
        for (line, (end, word)) in text.lines().skip(1).zip(ends.into_iter().zip(words)) {
            assert!(line.contains("against mio  at most 1.05"), "{line}");
            let (figures, _) = line.split_once(word).expect("the verdict");
            assert!(figures.trim_end().ends_with(end), "{line}");
        }
    }
}
