//! The printed report: tables, notes, verdicts on the goals.

use tickwire_measure::affinity::Affinity;
use tickwire_measure::machine::Machine;
use tickwire_measure::statistics::Spread;
use tickwire_measure::table::Table;

use super::recording::Counts;
use super::results::{Measured, Results, Times};
use super::{Options, Wait};
use crate::bench::distribution::{NAMES, Spreads};
use crate::bench::goal;
use crate::error::CliError;
use crate::output::Output;

/// Decimals of goal figures: one more than the bounds have, so that a narrow miss is visible.
const DECIMALS: usize = 3;

const LOST: &str = "lost";
const TOO_FEW: &str = "-";

/// The times by round: their origin, and the figures.
type Section = (&'static str, fn(&Times<Spreads>) -> Option<&Spreads>);
const BY_DUE: Section = (
    "by round: median (lowest–highest); ratios within a round:",
    |times| Some(&times.latency),
);
const BY_LEFT: Section = (
    "the same from the actual departure, without the client's lateness:",
    |times| Some(&times.round_trip),
);
const WAITS: Section = (
    "from the kernel's receipt of a reply to the client, by round:",
    |times| times.kernel_to_client.as_ref(),
);

pub(super) fn show(
    options: &Options,
    machine: &Machine,
    results: &Results,
) -> Result<(), CliError> {
    let mut output = Output::text();
    output.line(title(options, results))?;
    output.line(machine)?;
    let since = if options.closed {
        "from the departure of a datagram"
    } else {
        "from the due time of a datagram"
    };
    let together = together(results);
    output.line(format_args!(
        "\nlatency in µs {since}, all rounds combined:\n{together}"
    ))?;
    let mut is_few = together.has(TOO_FEW);
    let mut left_out = Vec::new();
    let by_left = (!options.closed).then_some(BY_LEFT);
    let waits = options.receive_timestamps.then_some(WAITS);
    for (heading, times) in [BY_DUE].into_iter().chain(by_left).chain(waits) {
        let mut table = by_round(results, times);
        left_out = table.take_columns_of(TOO_FEW);
        is_few |= table.has(TOO_FEW);
        output.line(format_args!("\n{heading}\n{table}"))?;
    }
    output.line("")?;
    if is_few {
        output.line("-: too few datagrams for this percentile")?;
    }
    if !left_out.is_empty() {
        let left_out = left_out.join(", ");
        output.line(format_args!(
            "no {left_out} by round: a round has too few datagrams"
        ))?;
    }
    for note in results
        .subjects
        .iter()
        .flat_map(|subject| notes(options, subject))
    {
        output.line(note)?;
    }
    if !results.goals.is_empty() {
        output.line(format_args!("\n{}", goal::table(&results.goals, DECIMALS)))?;
    }
    output.flush()
}

/// The settings in one line:
/// `latency of 64-byte datagrams, 1000 per second, sleeping, 5 rounds of 2s after 1s of warm-up`.
pub(super) fn title(options: &Options, results: &Results) -> String {
    let to = options.to.map_or(String::new(), |to| format!(" to {to}"));
    // Shows that the rate was not reached.
    let remark = if results.fell_behind(options) {
        " requested and not reached"
    } else {
        ""
    };
    let rate = options.per_second().map_or_else(
        || "one at a time".to_owned(),
        |rate| format!("{rate} per second{remark}"),
    );
    let wait = match options.wait_mode {
        Wait::Sleep => "sleeping",
        Wait::Spin => "spinning",
    };
    let affinity = match options.affinity() {
        Affinity::Apart => "on separate processors",
        Affinity::Together => "on one processor",
        Affinity::Free => "on any processor",
    };
    let [duration, warm_up] = [options.duration, options.warm_up].map(humantime::format_duration);
    let (size, rounds) = (options.size, options.rounds);
    let plural = if rounds == 1 { "" } else { "s" };
    format!(
        "latency of {size}-byte datagrams{to}, {rate}, {wait}, {affinity}, \
         {rounds} round{plural} of {duration} after {warm_up} of warm-up"
    )
}

fn together(results: &Results) -> Table {
    let headings = [""].into_iter().chain(NAMES).chain(["sent", LOST]);
    let mut table = Table::new(headings);
    for subject in &results.subjects {
        let Counts { sent, lost, .. } = subject.all.counts;
        let figures = subject.all.micros.latency.cells(micros);
        let counts = [sent, lost].map(|count| count.to_string());
        let name = [subject.name.to_string()];
        table.row(name.into_iter().chain(figures).chain(counts));
    }
    table
}

/// A row per subject, then a row per ratio.
fn by_round(results: &Results, times: fn(&Times<Spreads>) -> Option<&Spreads>) -> Table {
    let mut table = Table::new([""].into_iter().chain(NAMES));
    let mut row = |name: String, spreads: &Times<Spreads>, show: fn(f64) -> String| {
        if let Some(spreads) = times(spreads) {
            let cells = spreads.cells(|spread| range(spread, show));
            table.row([name].into_iter().chain(cells));
        }
    };
    for subject in &results.subjects {
        row(subject.name.to_string(), &subject.micros_by_round, micros);
    }
    for ratio in &results.ratios {
        let name = format!("{} / {}", ratio.of, ratio.against);
        row(name, &ratio.by_round, |ratio| format!("{ratio:.2}"));
    }
    table
}

fn range(spread: Spread, show: impl Fn(f64) -> String) -> String {
    let figures = [spread.median, spread.lowest, spread.highest];
    let [median, lowest, highest] = figures.map(show);
    if lowest == highest {
        return median; // a single round
    }
    format!("{median} ({lowest}–{highest})")
}

/// At least three digits, the precision of the histogram.
fn micros(value: f64) -> String {
    if value.is_infinite() {
        return LOST.to_owned(); // the figure of a round
    }
    let decimals = usize::from(value < 100.0);
    format!("{value:.decimals$}")
}

fn notes(options: &Options, subject: &Measured) -> Vec<String> {
    let (name, counts) = (subject.name, subject.all.counts);
    let mut notes = Vec::new();
    if let Some(sent) = subject.fell_behind(options) {
        let asked_for = options.rate;
        notes.push(format!(
            "{name}: sent {sent:.0} datagrams per second instead of {asked_for}: the client fell behind"
        ));
    }
    let Counts { sent, lost, .. } = counts;
    match subject.longest_answered_micros.map(micros) {
        Some(_) if lost == 0 => {}
        Some(longest) => notes.push(format!(
            "{name}: {lost} of {sent} datagrams were lost and count as an infinite latency; \
             the slowest reply took {longest} µs"
        )),
        None if sent == 0 => notes.push(format!(
            "{name}: measured nothing, because a datagram of the warm-up got no reply"
        )),
        None => notes.push(format!("{name}: no reply to {sent} datagrams")),
    }
    if counts.repeated + counts.foreign > 0 {
        notes.push(format!(
            "{name}: {} replies were duplicate or late, {} datagrams were foreign or altered",
            counts.repeated, counts.foreign
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::distribution::{Figures, Missing};

    #[test]
    fn the_settings_are_one_line() {
        // A run without losses.
        let results = Results::default();
        let options = Options::for_tests(&["--affinity=apart"]);
        assert_eq!(
            title(&options, &results),
            "latency of 64-byte datagrams, 1000 per second, sleeping, on separate processors, \
             5 rounds of 2s after 200ms of warm-up"
        );
        let args = [
            "--closed",
            "--wait-mode=spin",
            "--affinity=free",
            "--rounds=1",
        ];
        let options = Options {
            to: Some(([192, 0, 2, 1], 7).into()),
            ..Options::for_tests(&args)
        };
        assert_eq!(
            title(&options, &results),
            "latency of 64-byte datagrams to 192.0.2.1:7, one at a time, spinning, on any processor, \
             1 round of 2s after 200ms of warm-up"
        );
    }

    #[test]
    fn a_range_of_one_round_is_a_number() {
        let one = Spread {
            median: 2.0,
            lowest: 2.0,
            highest: 2.0,
        };
        assert_eq!(range(one, |ratio| format!("{ratio:.2}")), "2.00");
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
        let [few, lost, ..] = Figures(
            [
                Missing::TooFew,
                Missing::Lost,
                Missing::Lost,
                Missing::Lost,
                Missing::Lost,
                Missing::Lost,
            ]
            .map(Err),
        )
        .cells(micros);
        assert_eq!([few, lost], [TOO_FEW, LOST]);
    }
}
