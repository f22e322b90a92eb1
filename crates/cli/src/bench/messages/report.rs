//! The figures for people: a table, the verdict under it, and what has to be known to read them.

use std::fmt;

use humantime::format_duration;

use super::figures::Row;
use super::{Mode, Results, Settings};
use tickwire_measure::table::Table;

use crate::bench::figure::{NOTHING, grouped, rounded};
use crate::error::CliError;
use crate::output::Output;
use crate::ratio;

/// What stands where a message did not arrive.
const LOST: &str = "lost";

pub(super) fn show(
    settings: &Settings,
    results: &Results,
    output: &mut Output,
) -> Result<(), CliError> {
    output.line(settings)?;
    output.line("")?;
    output.line(table(settings, &results.rows))?;
    output.line("")?;
    output.line(
        "latency in ms, from the tick in which a message was due to the one in which it was taken; kbit/s \
         with IP and UDP headers",
    )?;
    results
        .verdicts
        .iter()
        .try_for_each(|verdict| output.line(verdict))?;
    results
        .no_verdict
        .iter()
        .try_for_each(|why| output.line(why))
}

/// `1,200 messages of 40 bytes, 60 a second, over 40ms and up to 10ms more each way, encrypted, on virtual
/// time, seeds 0 to 19`.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = grouped(self.messages.into());
        let (size, rate) = (self.size_bytes, self.rate_per_second);
        let (latency, jitter) = (format_duration(self.latency), format_duration(self.jitter));
        let security = if self.encrypted { "encrypted" } else { "plain" };
        write!(
            f,
            "{messages} messages of {size} bytes, {rate} a second, over {latency} and up to {jitter} \
             more each way, {security}, "
        )?;
        match (self.mode, self.rounds) {
            (Mode::Virtual, 1) => write!(f, "on virtual time, seed 0"),
            (Mode::Virtual, rounds) => write!(f, "on virtual time, seeds 0 to {}", rounds - 1),
            (Mode::Real, 1) => write!(f, "over real sockets, 1 round"),
            (Mode::Real, rounds) => write!(f, "over real sockets, {rounds} rounds"),
        }
    }
}

fn table(settings: &Settings, rows: &[Row]) -> Table {
    let mut table = Table::new([
        "loss",
        "burst",
        "redundancy",
        "delivery",
        "p50",
        "p90",
        "p99",
        "max",
        "delivered of sent",
        "kbit/s",
        "packets each",
        "copies each",
        "retransmissions",
    ]);
    for row in rows {
        table.row(cells(settings, row));
    }
    table
}

fn cells(settings: &Settings, row: &Row) -> [String; 13] {
    let latency = |figure: Option<f64>| match figure {
        // Virtual time moves in ticks, and a tenth of a millisecond says nothing there.
        Some(ms) if settings.mode == Mode::Virtual => rounded(ms),
        Some(ms) => format!("{ms:.1}"),
        None => LOST.to_owned(),
    };
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
    let case = &row.case;
    [
        ratio::percent(case.loss),
        or_nothing(case.burst.map(|burst| burst.to_string())),
        or_nothing(case.redundancy.map(|copies| copies.to_string())),
        case.delivery.to_string(),
        latency(row.latency_ms.p50),
        latency(row.latency_ms.p90),
        latency(row.latency_ms.p99),
        latency(row.latency_ms.max),
        format!("{} of {}", grouped(row.delivered), grouped(row.messages)),
        format!("{:.1}", row.kbit_per_second),
        format!("{:.2}", row.packets_per_message),
        format!("{:.2}", row.copies_per_message),
        grouped(row.retransmissions),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::case::{Case, Kind};
    use super::super::run::Outcome;
    use super::*;

    #[test]
    fn the_settings_are_one_line() {
        let text = "1,200 messages of 40 bytes, 60 a second, over 40ms and up to 10ms more each way, \
                    encrypted, on virtual time, seeds 0 to 2";
        assert_eq!(Settings::for_tests().to_string(), text);
        let real = Settings {
            mode: Mode::Real,
            encrypted: false,
            rounds: 1,
            ..Settings::for_tests()
        };
        assert!(
            real.to_string()
                .ends_with(", plain, over real sockets, 1 round")
        );
    }

    #[test]
    fn what_is_lost_and_what_does_not_apply_is_no_number() {
        let case = Case {
            loss: 0.5,
            burst: None,
            redundancy: None,
            delivery: Kind::Sequenced,
        };
        let outcome = Outcome {
            latencies_ms: vec![49.999_998],
            sent: 2,
            ..Outcome::default()
        };
        let row = Row::of(case, 2, &[outcome]);
        let wanted = [
            "50%",
            "-",
            "-",
            "sequenced",
            "50",
            LOST,
            LOST,
            LOST,
            "1 of 2",
        ];
        assert_eq!(cells(&Settings::for_tests(), &row)[..9], wanted);
    }
}
