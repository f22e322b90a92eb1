//! The goals as data: a Markdown document with a section per topic and a table row per goal.
//!
//! A section begins with `## title: unit` or `## title: unit; at most 7 rounds`. A row has four
//! cells: the goal, the subject, the floor, and the bound on subject / floor, or `shown` for a
//! ratio without a bound.

/// The ratio of two subjects of a topic, with or without a bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// Description of the comparison.
    pub name: &'static str,
    /// Name of the subject in the numerator.
    pub subject: &'static str,
    /// Name of the subject in the denominator.
    pub floor: &'static str,
    /// Highest ratio that meets the goal. `None`: the ratio is only shown.
    pub bound: Option<f64>,
}

/// Subjects that do the same work, and the goals about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Short title.
    pub title: &'static str,
    /// Unit of a cost: "ns per datagram".
    pub unit: &'static str,
    /// Maximum number of rounds.
    pub rounds_max: usize,
    /// Goals of the topic.
    pub goals: Vec<Goal>,
}

/// The topics of a document.
///
/// # Panics
///
/// The document does not have this form.
#[must_use]
pub fn parse(document: &'static str) -> Vec<Topic> {
    document.split("\n## ").skip(1).map(Topic::parse).collect()
}

impl Topic {
    fn parse(section: &'static str) -> Self {
        let (heading, text) = section.split_once('\n').expect("a heading has a table");
        let (title, unit) = heading.split_once(": ").expect("a title has a unit");
        let (unit, rounds) = unit.split_once("; at most ").unwrap_or((unit, ""));
        let rounds_max = match rounds
            .trim_end_matches(" rounds")
            .trim_end_matches(" round")
        {
            "" => usize::MAX,
            rounds => rounds.parse().expect("a limit of rounds is a number"),
        };
        let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
        Self {
            title,
            unit,
            rounds_max,
            goals: rows.map(Goal::parse).collect(),
        }
    }
}

impl Goal {
    fn parse(row: &'static str) -> Self {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, subject, floor, bound] = cells[..] else {
            panic!("not a row of four cells: {row}");
        };
        Self {
            name,
            subject,
            floor,
            bound: (bound != "shown").then(|| bound.parse().expect("a bound is a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_a_topic_and_a_row_is_a_goal() {
        let topics = parse(
            "# Goals\n\n\
             ## drain: ns per datagram\n\nText.\n\n\
             | goal | subject | floor | bound |\n|---|---|---|---|\n\
             | drain: tickwire against mio | tickwire | mio poll, recv_from | 0.87 |\n\
             | drain: tickwire against std | tickwire | std | shown |\n\n\
             ## sleep: ns per deadline, late; at most 61 rounds\n\n\
             ## memory: bytes; at most 1 round\n",
        );
        let goal = |name, floor, bound| Goal {
            name,
            subject: "tickwire",
            floor,
            bound,
        };
        let goals = [
            goal(
                "drain: tickwire against mio",
                "mio poll, recv_from",
                Some(0.87),
            ),
            goal("drain: tickwire against std", "std", None),
        ];
        assert_eq!(topics[0].title, "drain");
        assert_eq!(topics[0].unit, "ns per datagram");
        assert_eq!(topics[0].rounds_max, usize::MAX);
        assert_eq!(topics[0].goals, goals);
        assert_eq!(topics[1].unit, "ns per deadline, late");
        assert_eq!([topics[1].rounds_max, topics[2].rounds_max], [61, 1]);
        assert!(topics[1].goals.is_empty());
    }

    #[test]
    #[should_panic(expected = "a bound is a number")]
    fn a_misspelled_bound_is_not_taken_for_a_ratio_without_one() {
        let _ = parse("\n## a: ns\n| goal | a | b | bound |\n| goal | a | b | 1.o5 |\n");
    }
}
