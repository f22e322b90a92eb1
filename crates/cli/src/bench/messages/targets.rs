//! What was promised, and whether it is kept.
//!
//! The targets are for the default options and independent losses. They are in whole milliseconds, and so
//! are the figures that are held against them.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Settings;
use super::case::{Case, Kind};
use super::figures::Row;
use crate::bench::figure::grouped;

/// The redundancy that the targets are for: the default of the library.
const REDUNDANCY: u8 = 2;

/// With fewer messages a 99th percentile is the luck of a few.
const MESSAGES_MIN: u64 = 1000;

/// What was promised for a share of losses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Target {
    loss: f64,
    p50_ms_max: Option<f64>,
    p99_ms_max: Option<f64>,
}

/// Beside each: everything arrives, in order.
const TARGETS: [Target; 3] = [
    Target {
        loss: 0.05,
        p50_ms_max: Some(50.0),
        p99_ms_max: Some(85.0),
    },
    Target {
        loss: 0.15,
        p50_ms_max: Some(67.0),
        p99_ms_max: Some(150.0),
    },
    Target {
        loss: 0.3,
        p50_ms_max: None,
        p99_ms_max: None,
    },
];

/// Whether a row does what was promised for it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Verdict {
    case: Case,
    target: Target,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    messages: u64,
    delivered: u64,
    out_of_order: u64,
    verdict: Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    Ok,
    Short,
}

/// A verdict for each row that has a target, or a sentence that says why there is none.
pub(super) fn judge(settings: &Settings, rows: &[Row]) -> Result<Vec<Verdict>, String> {
    if !is_meant(settings) {
        return Err(
            "no verdict: the targets are for 40 bytes, 60 a second, and 40 to 50 ms one way".into(),
        );
    }
    let verdicts: Vec<_> = rows.iter().filter_map(Verdict::of).collect();
    if verdicts.is_empty() {
        return Err(format!(
            "no verdict: the targets are for ordered messages with redundancy {REDUNDANCY} and \
             independent losses of 5, 15 and 30%"
        ));
    }
    if verdicts
        .iter()
        .any(|verdict| verdict.messages < MESSAGES_MIN)
    {
        return Err(format!(
            "no verdict: it takes {} messages",
            grouped(MESSAGES_MIN)
        ));
    }
    Ok(verdicts)
}

fn is_meant(settings: &Settings) -> bool {
    let link = (settings.latency, settings.jitter);
    let link_meant = (Duration::from_millis(40), Duration::from_millis(10));
    (settings.size_bytes, settings.rate_per_second, link) == (40, 60, link_meant)
}

impl Verdict {
    fn of(row: &Row) -> Option<Self> {
        let Case {
            loss,
            burst: None,
            redundancy: Some(REDUNDANCY),
            delivery: Kind::Ordered,
        } = row.case
        else {
            return None;
        };
        let target = TARGETS
            .into_iter()
            .find(|target| (target.loss - loss).abs() < 1e-9)?;
        let (p50_ms, p99_ms) = (row.latency_ms.p50, row.latency_ms.p99);
        let is_kept = row.is_complete()
            && row.out_of_order == 0
            && is_within(p50_ms, target.p50_ms_max)
            && is_within(p99_ms, target.p99_ms_max);
        Some(Self {
            case: row.case,
            target,
            p50_ms,
            p99_ms,
            messages: row.messages,
            delivered: row.delivered,
            out_of_order: row.out_of_order,
            verdict: if is_kept { Word::Ok } else { Word::Short },
        })
    }

    #[cfg(test)]
    pub(super) fn is_ok(&self) -> bool {
        self.verdict == Word::Ok
    }
}

/// What is lost is within nothing.
fn is_within(figure: Option<f64>, max: Option<f64>) -> bool {
    max.is_none_or(|max| figure.is_some_and(|figure| figure.round() <= max))
}

/// `5% lost, ordered, redundancy 2: p50 50 ms of at most 50, p99 67 ms of at most 85, 24,000 of 24,000
/// delivered in order: ok`.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.case)?;
        write_figure(f, "p50", self.p50_ms, self.target.p50_ms_max)?;
        write_figure(f, "p99", self.p99_ms, self.target.p99_ms_max)?;
        let (delivered, messages) = (grouped(self.delivered), grouped(self.messages));
        write!(f, "{delivered} of {messages} delivered")?;
        match self.out_of_order {
            0 => write!(f, " in order")?,
            some => write!(f, ", {} out of order", grouped(some))?,
        }
        f.write_str(match self.verdict {
            Word::Ok => ": ok",
            Word::Short => ": short",
        })
    }
}

fn write_figure(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    figure: Option<f64>,
    max: Option<f64>,
) -> fmt::Result {
    match (max, figure) {
        (None, _) => Ok(()),
        (Some(max), Some(figure)) => write!(f, "{name} {figure:.0} ms of at most {max}, "),
        (Some(max), None) => write!(f, "{name} lost and not at most {max} ms, "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::Outcome;
    use super::*;

    /// Two thousand messages, of which so many took 200 ms and the others this long.
    fn row(loss: f64, ms: f64, slow: usize, out_of_order: u32) -> Row {
        let case = Case {
            loss,
            burst: None,
            redundancy: Some(REDUNDANCY),
            delivery: Kind::Ordered,
        };
        let outcome = Outcome {
            latencies_ms: [vec![ms; 2000 - slow], vec![200.0; slow]].concat(),
            sent: 2000,
            out_of_order,
            ..Outcome::default()
        };
        Row::of(case, 2000, &[outcome])
    }

    fn text(row: &Row) -> String {
        let verdict = Verdict::of(row).expect("it has a target");
        verdict.to_string()
    }

    #[test]
    fn a_target_is_held_by_what_is_no_more_than_it() {
        let begin = "5% lost, ordered, redundancy 2: p50 50 ms of at most 50, ";
        let all = "2,000 of 2,000 delivered in order";
        // A tick of 60 Hz is no whole number of nanoseconds.
        for ms in [49.999_998, 50.000_002] {
            let wanted = format!("{begin}p99 50 ms of at most 85, {all}: ok");
            assert_eq!(text(&row(0.05, ms, 20, 0)), wanted);
        }
        let wanted = format!("{begin}p99 200 ms of at most 85, {all}: short");
        assert_eq!(text(&row(0.05, 50.0, 21, 0)), wanted);
        assert!(text(&row(0.05, 51.0, 0, 0)).ends_with(": short"));
        assert!(text(&row(0.15, 66.7, 0, 0)).ends_with(": ok"));
        assert!(text(&row(0.15, 68.0, 0, 0)).ends_with(": short"));
    }

    #[test]
    fn at_30_percent_everything_arrives_however_long_it_takes() {
        let wanted = "30% lost, ordered, redundancy 2: 2,000 of 2,000 delivered in order: ok";
        assert_eq!(text(&row(0.3, 900.0, 0, 0)), wanted);
        let missing = Row {
            delivered: 1999,
            ..row(0.3, 50.0, 0, 0)
        };
        let wanted = "30% lost, ordered, redundancy 2: 1,999 of 2,000 delivered in order: short";
        assert_eq!(text(&missing), wanted);
        let wanted =
            "30% lost, ordered, redundancy 2: 2,000 of 2,000 delivered, 3 out of order: short";
        assert_eq!(text(&row(0.3, 50.0, 0, 3)), wanted);
    }

    #[test]
    fn only_what_was_promised_has_a_verdict() {
        let good = row(0.05, 50.0, 0, 0);
        let with = |case| {
            Verdict::of(&Row {
                case,
                ..good.clone()
            })
        };
        let case = good.case;
        assert!(with(case).is_some());
        for other in [
            Case { loss: 0.1, ..case },
            Case {
                burst: Some(3.0),
                ..case
            },
            Case {
                redundancy: Some(0),
                ..case
            },
            Case {
                delivery: Kind::Reliable,
                ..case
            },
        ] {
            assert_eq!(with(other), None, "{other}");
        }
        let few = Row::of(case, 10, &[Outcome::default()]);
        let told = judge(&Settings::for_tests(), &[few]);
        assert_eq!(told, Err("no verdict: it takes 1,000 messages".to_owned()));
        let long = Settings {
            size_bytes: 41,
            ..Settings::for_tests()
        };
        let told = judge(&long, &[good]).expect_err("it is for 40 bytes");
        assert!(told.contains("for 40 bytes"));
    }
}
