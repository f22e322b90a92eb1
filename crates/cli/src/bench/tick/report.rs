//! The results for people: two tables, what was lost, and what has to be known to read them.

use std::fmt::{self, Display};

use super::Settings;
use super::load::Summary;
use super::results::{Measured, Results};
use crate::bench::figure::{NOTHING, grouped, with_spread};
use crate::bench::spread::Spread;
use crate::bench::table::Table;

/// From this share of its tick on a server that is late had too much to do.
const BUSY: f64 = 0.8;

/// What is shown.
pub(super) struct Report<'a> {
    pub(super) settings: &'a Settings,
    pub(super) results: &'a Results,
}

/// The last line says what tickwire lost, or that it was nothing, and what was never sent.
impl Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let contestants = &self.results.contestants;
        writeln!(
            f,
            "By round: the median (the lowest..the highest); ratios within a round"
        )?;
        writeln!(f, "{}\n", costs_table(contestants))?;
        writeln!(f, "{}\n", ticks_table(contestants))?;
        for measured in contestants {
            writeln!(f, "{measured}")?;
        }
        for measured in contestants {
            self.write_excuses(measured, f)?;
        }
        for measured in contestants {
            match measured.is_floor {
                true => write_losses_of_floor(measured, f)?,
                false => write_losses(measured, f)?,
            }
        }
        Ok(())
    }
}

fn costs_table(contestants: &[Measured]) -> Table {
    let mut table = Table::new([
        "server",
        "CPU µs per client and tick",
        "ratio to floor",
        "of one core",
        "turns per tick",
    ]);
    for measured in contestants {
        table.row([
            full_name(measured),
            with_spread(measured.cpu_micros_per_client_and_tick, hundredths),
            with_spread(measured.ratio_to_floor, hundredths),
            with_spread(measured.cpu_share, percent),
            with_spread(measured.turns_per_tick, |turns| format!("{turns:.1}")),
        ]);
    }
    table
}

fn ticks_table(contestants: &[Measured]) -> Table {
    let mut table = Table::new(["each tick", "median", "p99", "max"]);
    for measured in contestants {
        let mut row = |what: &str, values: Option<Summary<Spread>>, show: fn(f64) -> String| {
            let Some(values) = values else {
                return;
            };
            let name = format!("{}: {what}", full_name(measured));
            let cells = values.shown().map(|value| with_spread(Some(value), show));
            table.row([name].into_iter().chain(cells));
        };
        row("awake, ms", measured.awake_ms, thousandths);
        row("share of the tick", measured.awake_share_of_tick, percent);
        row("CPU time, ms", measured.cpu_ms, thousandths);
    }
    table
}

/// What became of the ticks, in one line.
impl Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ticks, {} of them late, {} overrun; clients: {} of another core, {} ticks missed",
            full_name(self),
            self.ticks,
            self.ticks_late,
            self.overruns,
            with_spread(self.clients_cpu_share, percent),
            self.ticks_missed
        )
    }
}

impl Report<'_> {
    /// What was not the server's fault must not be taken for it, nor a lighter load for the one that
    /// was asked for.
    fn write_excuses(&self, measured: &Measured, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = self.settings.clients;
        let ticks = self.settings.ticks * measured.rounds.len() as u64;
        let (name, missed) = (measured.name, measured.ticks_missed);
        if missed > 0 {
            writeln!(
                f,
                "{name}: the clients missed {missed} of {ticks} ticks, {clients} inputs each: their \
                 thread could not keep up, or this machine was busy; that is not the server's doing"
            )?;
        }
        write_excuse_of_server(measured, f)
    }
}

/// Whether a server that was late had too much to do, or no processor to do it on.
fn write_excuse_of_server(measured: &Measured, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let was_late = measured.ticks_late + measured.overruns > 0;
    let Some(need) = measured.cpu_share_of_tick().filter(|_| was_late) else {
        return Ok(());
    };
    let (name, shown) = (measured.name, percent(need));
    if need < BUSY {
        writeln!(
            f,
            "{name}: the server was late, though a tick needs only {shown} of its time on one core: \
             this machine was busy with something else"
        )
    } else {
        writeln!(
            f,
            "{name}: the server was late: a tick needs {shown} of its time on one core"
        )
    }
}

/// A line, if there is anything to say.
fn write_losses_of_floor(measured: &Measured, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if measured.losses.is_nothing() && measured.complete {
        return Ok(());
    }
    write!(f, "{}: ", full_name(measured))?;
    write_verdict(measured, f)?;
    writeln!(f)
}

fn write_losses(measured: &Measured, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\n{}", losses_table(measured))?;
    let spent = measured.losses.budget_spent;
    writeln!(
        f,
        "drains that ended at their budget, the rest read in the next turn: {spent}"
    )?;
    writeln!(f)?;
    write_verdict(measured, f)
}

/// A loss, or none, says little where something was never sent.
fn write_verdict(measured: &Measured, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (losses, unsent) = (&measured.losses, &measured.unsent);
    match (losses.is_nothing(), unsent.is_nothing()) {
        (_, true) => write!(f, "{losses}"),
        (true, false) => write!(f, "{losses}, but {unsent}"),
        (false, false) => write!(f, "{losses}; and {unsent}"),
    }
}

/// What was sent and what was not is together what was asked for.
fn losses_table(measured: &Measured) -> Table {
    let name = format!("{}, all rounds", measured.name);
    let mut table = Table::new([
        name.as_str(),
        "sent",
        "received",
        "not sent",
        "network",
        "kernel buffer",
        "clients' side",
    ]);
    let (inputs, states) = (measured.losses.inputs, measured.losses.states);
    let inputs_not_sent = inputs.refused + measured.unsent.inputs;
    let states_not_sent =
        states.queue_full + states.discarded + states.queued + measured.unsent.states;
    table.row([
        "inputs".to_owned(),
        grouped(inputs.sent),
        grouped(inputs.received),
        grouped(inputs_not_sent),
        grouped(inputs.lost_on_network),
        inputs
            .dropped_by_kernel
            .map_or_else(|| NOTHING.to_owned(), grouped),
        NOTHING.to_owned(),
    ]);
    table.row([
        "states".to_owned(),
        grouped(states.sent),
        grouped(states.received),
        grouped(states_not_sent),
        NOTHING.to_owned(),
        NOTHING.to_owned(),
        grouped(states.lost_at_clients),
    ]);
    table
}

fn full_name(measured: &Measured) -> String {
    let floor = if measured.is_floor { " (floor)" } else { "" };
    format!("{}{floor}", measured.name)
}

fn hundredths(value: f64) -> String {
    format!("{value:.2}")
}

fn thousandths(value: f64) -> String {
    format!("{value:.3}")
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::contestant::Who;
    use super::super::synthetic::{Run, sample, settings};
    use super::*;

    fn text(floor: Run, tickwire: Run) -> String {
        let rounds = [
            (Who::Floor, sample(floor)),
            (Who::Tickwire, sample(tickwire)),
        ];
        let report = Report {
            settings: &settings(),
            results: &Results::of(&rounds),
        };
        report.to_string()
    }

    /// The cells of the line that begins with `name`.
    fn cells<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("no {name:?} in {text}"));
        line.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect()
    }

    #[test]
    fn a_good_run_says_what_it_cost_and_makes_no_excuses() {
        let floor = Run {
            cpu_ms: Some(250),
            ..Run::GOOD
        };
        let text = text(floor, Run::GOOD);
        let costs = [
            "500.00 (500.00..500.00)",
            "2.00 (2.00..2.00)",
            "25.0% (25.0%..25.0%)",
            "2.0 (2.0..2.0)",
        ];
        assert_eq!(cells(&text, "tickwire "), costs, "{text}");
        let shares = cells(&text, "tickwire: share of the tick");
        assert_eq!(shares, ["25.0% (25.0%..25.0%)"; 3]);
        let ticks = "tickwire: 100 ticks, 0 of them late, 0 overrun; clients: - of another core";
        assert!(text.contains(ticks), "{text}");
        assert!(!text.contains("could not keep up") && !text.contains("busy"));
        assert!(!text.contains("lost:"), "{text}");
        assert_eq!(text.lines().last(), Some("nothing was lost"));
    }

    #[test]
    fn clients_that_could_not_keep_up_are_not_blamed_on_the_server() {
        let run = Run {
            ticks_missed: 3,
            ..Run::GOOD
        };
        let text = text(Run::GOOD, run);
        let told = "tickwire: the clients missed 3 of 100 ticks, 10 inputs each";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn what_was_never_sent_is_in_the_last_line() {
        let run = Run {
            ticks_missed: 3,
            overruns: 2,
            ..Run::GOOD
        };
        let left_out = "30 of 1,000 inputs were never sent (the clients missed ticks) and 20 of \
                        1,000 states were never sent (the server overran ticks)";
        let kept = format!("nothing was lost, but {left_out}");
        let of_tickwire = text(Run::GOOD, run);
        assert_eq!(of_tickwire.lines().last(), Some(&*kept));
        assert_eq!(cells(&of_tickwire, "inputs ")[2], "30", "{of_tickwire}");
        assert_eq!(cells(&of_tickwire, "states ")[2], "20", "{of_tickwire}");
        let bad = Run {
            inputs_received: 990,
            ..run
        };
        let lost = format!(
            "lost: 10 inputs on the network or in the kernel's receive buffer; and {left_out}"
        );
        assert_eq!(text(Run::GOOD, bad).lines().last(), Some(&*lost));

        let of_floor = text(run, Run::GOOD);
        let line = format!("{} (floor): {kept}", Who::Floor.name());
        assert!(of_floor.lines().any(|of| of == line), "{of_floor}");
        assert_eq!(of_floor.lines().last(), Some("nothing was lost"));
    }

    #[test]
    fn a_late_server_is_excused_only_if_it_had_little_to_do() {
        let late = Run {
            ticks_late: 1,
            ..Run::GOOD
        };
        assert!(text(Run::GOOD, late).contains("busy with something else"));
        let busy = Run {
            cpu_ms: Some(1900),
            ..late
        };
        let told = "tickwire: the server was late: a tick needs 95.0% of its time on one core";
        assert!(text(Run::GOOD, busy).contains(told));
    }

    #[test]
    fn what_the_floor_lost_has_a_line_of_its_own_and_the_last_is_tickwires() {
        let bad = |inputs_received| Run {
            inputs_received,
            ..Run::GOOD
        };
        let lost = |count| {
            format!("lost: {count} inputs on the network or in the kernel's receive buffer")
        };
        let only_floor = text(bad(990), Run::GOOD);
        let of_floor = format!("{} (floor): {}", Who::Floor.name(), lost(10));
        assert!(
            only_floor.lines().any(|line| line == of_floor),
            "{only_floor}"
        );
        assert_eq!(only_floor.lines().last(), Some("nothing was lost"));
        let both = text(bad(990), bad(980));
        assert!(both.lines().any(|line| line == of_floor), "{both}");
        assert_eq!(both.lines().last(), Some(&*lost(20)));
    }
}
