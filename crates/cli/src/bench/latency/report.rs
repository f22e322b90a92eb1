//! The results for people: tables, notes, and verdicts on the goals.

use std::fmt::{self, Display};

use tickwire_measure::affinity::Affinity;
use tickwire_measure::machine::Machine;
use tickwire_measure::statistics::Spread;
use tickwire_measure::table::Table;

use super::distribution::{Figure, NAMES, Spreads};
use super::results::{Measured, Outcome, Results, Totals, Verdict};
use super::{Settings, Wait};
use crate::error::CliError;
use crate::output::Output;

/// Adds everything to the output.
pub(super) fn show(
    settings: &Settings,
    machine: &Machine,
    results: &Results,
    output: &mut Output,
) -> Result<(), CliError> {
    output.line(Title(settings, results))?;
    output.line(machine)?;
    let since = match settings.rate_per_second {
        Some(_) => "from when a datagram should have left",
        None => "from when a datagram left",
    };
    output.line(format_args!("\nµs {since}, all rounds together:"))?;
    let together = together(results);
    let mut by_due = by_round(results, Clock::Due);
    let left_out = by_due.take_columns_of(TOO_FEW);
    output.line(&together)?;
    output.line("\nby round: the median (the lowest–the highest); ratios within a round:")?;
    output.line(&by_due)?;
    if settings.rate_per_second.is_some() {
        let mut by_left = by_round(results, Clock::Left);
        by_left.take_columns_of(TOO_FEW); // the same: there are as many datagrams
        output.line("\nthe same from when it really left, without what the client overslept:")?;
        output.line(by_left)?;
    }
    if let Some(waits) = waits(results) {
        output.line("\nfrom when the kernel had an answer until the client had it, by round:")?;
        output.line(waits)?;
    }
    output.line("")?;
    if together.has(TOO_FEW) || by_due.has(TOO_FEW) {
        output.line("-: too few datagrams for such a percentile")?;
    }
    if !left_out.is_empty() {
        let left_out = left_out.join(", ");
        output.line(format_args!(
            "no {left_out} by round: a round has too few datagrams for it"
        ))?;
    }
    for note in notes(settings, machine, results) {
        output.line(note)?;
    }
    for verdict in &results.verdicts {
        output.line(verdict)?;
    }
    Ok(())
}

/// What was measured, in one line.
pub(super) struct Title<'a>(pub(super) &'a Settings, pub(super) &'a Results);

impl Display for Title<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(settings, results) = *self;
        // A rate that was not reached is not what was measured.
        let remark = if results.fell_behind(settings) {
            " asked for and not reached"
        } else {
            ""
        };
        settings.write(f, remark)
    }
}

impl Settings {
    /// `latency of 64-byte datagrams, 1000 a second, asleep, on a processor each, 5 rounds of 2s after
    /// 200ms of warm-up`, with a remark behind the rate.
    fn write(&self, f: &mut fmt::Formatter<'_>, remark: &str) -> fmt::Result {
        write!(f, "latency of {}-byte datagrams", self.size_bytes)?;
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        match self.rate_per_second {
            Some(rate) => write!(f, ", {rate} a second{remark}")?,
            None => write!(f, ", one at a time")?,
        }
        let wait = match self.wait {
            Wait::Sleep => "asleep",
            Wait::Spin => "spinning",
        };
        let affinity = match self.affinity {
            Affinity::Apart => "on a processor each",
            Affinity::Together => "on one processor",
            Affinity::Free => "anywhere",
        };
        let duration = humantime::format_duration(self.duration);
        let warm_up = humantime::format_duration(self.warm_up);
        let rounds = self.rounds;
        let plural = if rounds == 1 { "" } else { "s" };
        write!(
            f,
            ", {wait}, {affinity}, {rounds} round{plural} of {duration} after {warm_up} of warm-up"
        )
    }
}

/// `p50 against mio: 1.024, goal 1.05, ok`: a digit more than the goal has, so that one that is just
/// missed does not look met.
impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.is_round_trip {
            "p50 from when it left"
        } else {
            "p50"
        };
        let (against, goal) = (self.against, self.goal);
        write!(f, "{of} against {against}: ")?;
        match &self.outcome {
            Outcome::Decided { ratio, is_met } => {
                let word = if *is_met { "ok" } else { "missed" };
                write!(f, "{ratio:.3}, goal {goal:.2}, {word}")
            }
            Outcome::Open { no_verdict } => write!(f, "goal {goal:.2}, no verdict: {no_verdict}"),
        }
    }
}

/// What a latency counts from.
#[derive(Debug, Clone, Copy)]
enum Clock {
    Due,
    Left,
}

/// A row for each subject.
fn together(results: &Results) -> Table {
    let mut table = table(&["sent", "lost"]);
    for measured in &results.subjects {
        let figures = measured.times.latency.0.map(|figure| cell(figure, micros));
        let counts = [measured.counts.sent, measured.counts.lost].map(|count| count.to_string());
        let name = [measured.name.to_string()];
        table.row(name.into_iter().chain(figures).chain(counts));
    }
    table
}

/// A row for each subject, then one for each ratio.
fn by_round(results: &Results, clock: Clock) -> Table {
    let mut table = table(&[]);
    for measured in &results.subjects {
        let spreads = match clock {
            Clock::Due => &measured.latency_by_round,
            Clock::Left => &measured.round_trip_by_round,
        };
        table.row(row(measured.name.to_string(), spreads, micros));
    }
    for ratio in &results.ratios {
        let spreads = match clock {
            Clock::Due => &ratio.latency,
            Clock::Left => &ratio.round_trip,
        };
        let name = format!("{} / {}", ratio.of, ratio.against);
        table.row(row(name, spreads, hundredths));
    }
    table
}

/// How long stamped answers waited between the kernel and the client; `None` where no answer was stamped.
fn waits(results: &Results) -> Option<Table> {
    let waits = |who: &Measured| Some((who.name, who.kernel_to_client_by_round?));
    let waits: Vec<_> = results.subjects.iter().filter_map(waits).collect();
    let mut table = table(&[]);
    for (name, spreads) in &waits {
        table.row(row(name.to_string(), spreads, micros));
    }
    table.take_columns_of(TOO_FEW);
    (!waits.is_empty()).then_some(table)
}

/// With a column for names, one for each figure, and `more`.
fn table(more: &[&str]) -> Table {
    Table::new([""].into_iter().chain(NAMES).chain(more.iter().copied()))
}

fn row(name: String, spreads: &Spreads, digits: Digits) -> impl Iterator<Item = String> {
    let cells = spreads.0;
    let cells = cells.map(|spread| cell(spread, |spread| range(spread, digits)));
    [name].into_iter().chain(cells)
}

/// How a number is written.
type Digits = fn(f64) -> String;

const LOST: &str = "lost";
const TOO_FEW: &str = "-";

fn cell<T>(figure: Figure<T>, show: impl Fn(T) -> String) -> String {
    match figure {
        Figure::Known(value) => show(value),
        Figure::Lost => LOST.to_owned(),
        Figure::TooFew => TOO_FEW.to_owned(),
    }
}

fn range(spread: Spread, digits: Digits) -> String {
    let Spread {
        median,
        lowest,
        highest,
    } = spread;
    let [median, lowest, highest] = [median, lowest, highest].map(digits);
    if lowest == highest {
        return median; // a single round
    }
    format!("{median} ({lowest}–{highest})")
}

/// Three digits or more, as many as the histogram knows.
fn micros(value: f64) -> String {
    if value.is_infinite() {
        return LOST.to_owned(); // the figure of a round
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    format!("{value:.0}")
}

fn hundredths(value: f64) -> String {
    format!("{value:.2}")
}

/// If half of the datagrams take this long on one machine, in µs, a loop did not get the processor: a round trip is a
/// fiftieth of it.
const BUSY: f64 = 1000.0;

/// What has to be known to read the figures.
fn notes(settings: &Settings, machine: &Machine, results: &Results) -> Vec<String> {
    let mut notes = Vec::new();
    for measured in &results.subjects {
        let p50 = measured.times.latency.p50().known();
        if settings.to.is_none() && p50 > Some(BUSY) {
            notes.push(format!(
                "{}: half of the datagrams took more than 1 ms: this machine does something else \
                 as well, or the rate is beyond it",
                measured.name
            ));
        }
        let counts = measured.counts;
        notes.extend(rate_note(settings, measured));
        notes.extend(lost_note(measured));
        if counts.repeated + counts.foreign > 0 {
            notes.push(format!(
                "{}: {} answers came twice or too late, {} datagrams were foreign or altered",
                measured.name, counts.repeated, counts.foreign
            ));
        }
    }
    let on_one = machine.cpus() < 2 || settings.affinity == Affinity::Together;
    if settings.wait == Wait::Spin && settings.to.is_none() && on_one {
        notes.push(
            "two loops spin on one CPU: they wait for each other, not for datagrams".to_owned(),
        );
    }
    notes
}

fn rate_note(settings: &Settings, measured: &Measured) -> Option<String> {
    let sent = measured.fell_behind(settings)?;
    let (name, asked_for) = (measured.name, settings.rate_per_second?);
    Some(format!(
        "{name}: {sent:.0} datagrams left each second and not {asked_for}: the client fell behind"
    ))
}

fn lost_note(measured: &Measured) -> Option<String> {
    let Totals { sent, lost, .. } = measured.counts;
    let name = measured.name;
    match measured.longest_answered.map(micros) {
        Some(_) if lost == 0 => None,
        Some(longest) => Some(format!(
            "{name}: {lost} of {sent} datagrams were lost, and count as infinitely long; \
             the slowest of the others took {longest} µs"
        )),
        None if sent == 0 => Some(format!(
            "{name}: sent nothing that counts, because a datagram of the warm-up was not answered"
        )),
        None => Some(format!("{name}: none of {sent} datagrams was answered")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Subject;
    use super::*;

    /// Of a run in which all was well.
    fn title(settings: &Settings) -> String {
        let results = Results {
            subjects: Vec::new(),
            ratios: Vec::new(),
            verdicts: Vec::new(),
        };
        Title(settings, &results).to_string()
    }

    #[test]
    fn the_settings_are_one_line() {
        let settings = Settings {
            to: None,
            size_bytes: 64,
            rate_per_second: Some(1000),
            wait: Wait::Sleep,
            affinity: Affinity::Apart,
            receive_timestamps: false,
            rounds: 5,
            duration: Duration::from_secs(2),
            warm_up: Duration::from_millis(200),
        };
        assert_eq!(
            title(&settings),
            "latency of 64-byte datagrams, 1000 a second, asleep, on a processor each, \
             5 rounds of 2s after 200ms of warm-up"
        );
        let settings = Settings {
            to: Some(([192, 0, 2, 1], 7).into()),
            rate_per_second: None,
            wait: Wait::Spin,
            affinity: Affinity::Free,
            rounds: 1,
            ..settings
        };
        assert_eq!(
            title(&settings),
            "latency of 64-byte datagrams to 192.0.2.1:7, one at a time, spinning, anywhere, \
             1 round of 2s after 200ms of warm-up"
        );
    }

    #[test]
    fn a_verdict_says_whether_a_goal_is_met() {
        let verdict = |is_round_trip, ratio| Verdict {
            is_round_trip,
            against: Subject::Mio,
            goal: 1.05,
            outcome: Outcome::Decided {
                ratio,
                is_met: ratio <= 1.05,
            },
        };
        let text = verdict(false, 1.02).to_string();
        assert_eq!(text, "p50 against mio: 1.020, goal 1.05, ok");
        let text = verdict(true, 1.254).to_string();
        assert_eq!(
            text,
            "p50 from when it left against mio: 1.254, goal 1.05, missed"
        );
        let open = Verdict {
            outcome: Outcome::Open {
                no_verdict: "all was lost".to_owned(),
            },
            ..verdict(false, 1.0)
        };
        let text = "p50 against mio: goal 1.05, no verdict: all was lost";
        assert_eq!(open.to_string(), text);
    }

    #[test]
    fn a_range_of_one_round_is_a_number() {
        let one = Spread {
            median: 2.0,
            lowest: 2.0,
            highest: 2.0,
        };
        assert_eq!(range(one, hundredths), "2.00");
        let several = Spread {
            lowest: 1.234,
            highest: 123.4,
            ..one
        };
        assert_eq!(range(several, micros), "2.0 (1.2–123)");
        let lossy = Spread {
            highest: f64::INFINITY,
            ..one
        };
        assert_eq!(range(lossy, micros), "2.0 (2.0–lost)");
        assert_eq!(cell(Figure::TooFew, micros), "-");
        assert_eq!(cell(Figure::Lost, micros), "lost");
    }
}
