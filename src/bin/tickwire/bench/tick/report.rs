//! What a run of ticks came to, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Settings;
use super::crowd::Played;
use super::load::{Summary, cpu_micros_each, share};
use super::losses::Losses;
use super::server::Served;
use crate::bench::figure::{NOTHING, grouped};
use crate::bench::table::Table;

/// From this share of its tick on a server that is late had too much to do.
const BUSY: f64 = 0.8;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    server: ServerReport,
    clients: ClientsReport,
    losses: Losses,
    nothing_was_lost: bool,
    #[serde(skip)]
    asked: Asked,
}

#[derive(Debug, Serialize)]
struct ServerReport {
    ticks: u64,
    /// Made a period or more too late.
    ticks_late: u64,
    /// Not made at all.
    overruns: u64,
    turns: u64,
    wall_s: f64,
    cpu_s: Option<f64>,
    /// Of one core, over the whole time.
    cpu_share: Option<f64>,
    cpu_micros_per_client_and_tick: Option<f64>,
    /// What a tick needs of the processor, as a share of the time from one to the next: more than 1
    /// cannot be done by one core. Where ticks were missed it is more than `cpu_share`.
    cpu_share_of_tick: Option<f64>,
    /// How long a tick kept the server awake, in milliseconds: the time in which others had its
    /// processor counts too.
    awake_ms: Summary,
    /// The same as a share of the time from one tick to the next.
    awake_share_of_tick: Summary,
    /// What a tick used of the processor, in milliseconds, where the system tells.
    cpu_ms: Option<Summary>,
}

#[derive(Debug, Serialize)]
struct ClientsReport {
    ticks_missed: u64,
    cpu_share: Option<f64>,
}

/// What the text needs to say what was asked for.
#[derive(Debug)]
struct Asked {
    clients: usize,
    ticks: u64,
}

impl Report {
    pub(super) fn of(settings: &Settings, served: &Served, played: &Played) -> Self {
        let losses = Losses::of(played.counts, &served.stats, served.queued);
        Self {
            server: ServerReport::of(settings, served),
            clients: ClientsReport {
                ticks_missed: played.ticks_missed,
                cpu_share: cpu_share(played.cpu, played.wall),
            },
            losses,
            nothing_was_lost: losses.is_nothing(),
            asked: Asked {
                clients: settings.clients,
                ticks: settings.ticks,
            },
        }
    }

    fn ticks_table(&self) -> Table {
        let mut table = Table::new(["server, each tick", "median", "p99", "max"]);
        let server = &self.server;
        let row = |name: &str, values: Summary, show: fn(f64) -> String| {
            [name.to_owned()]
                .into_iter()
                .chain(values.values().map(show))
                .collect::<Vec<String>>()
        };
        let milliseconds = |ms| format!("{ms:.3} ms");
        table.row(row("awake", server.awake_ms, milliseconds));
        table.row(row(
            "share of the tick",
            server.awake_share_of_tick,
            percent,
        ));
        if let Some(cpu_ms) = server.cpu_ms {
            table.row(row("CPU time", cpu_ms, milliseconds));
        }
        table
    }

    fn losses_table(&self) -> Table {
        let mut table = Table::new([
            "lost",
            "sent",
            "received",
            "not sent",
            "network",
            "kernel buffer",
            "clients' side",
        ]);
        let Losses { inputs, states, .. } = self.losses;
        let not_sent = states.queue_full + states.discarded + states.queued;
        table.row([
            "inputs".to_owned(),
            grouped(inputs.sent),
            grouped(inputs.received),
            grouped(inputs.refused),
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
            grouped(not_sent),
            NOTHING.to_owned(),
            NOTHING.to_owned(),
            grouped(states.lost_at_clients),
        ]);
        table
    }
}

impl ServerReport {
    fn of(settings: &Settings, served: &Served) -> Self {
        let awake_ms = served.awake.summary();
        let period_ms = 1e3 / f64::from(settings.hz);
        let of_tick =
            |cpu: Duration| share(cpu.as_secs_f64() * 1e3, period_ms * served.ticks as f64);
        let each = |cpu| cpu_micros_each(cpu, settings.clients, served.ticks);
        Self {
            ticks: served.ticks,
            ticks_late: served.ticks_late,
            overruns: served.overruns,
            turns: served.turns,
            wall_s: served.wall.as_secs_f64(),
            cpu_s: served.cpu.as_ref().map(Duration::as_secs_f64),
            cpu_share: cpu_share(served.cpu, served.wall),
            cpu_micros_per_client_and_tick: served.cpu.and_then(each),
            cpu_share_of_tick: served.cpu.and_then(of_tick),
            awake_ms,
            awake_share_of_tick: awake_ms.shares_of(period_ms),
            cpu_ms: served.cpu.map(|_| served.cpu_each.summary()),
        }
    }
}

/// Both tables and the sentences around them; the verdict is the last line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.ticks_table())?;
        writeln!(f, "{}", self.server)?;
        writeln!(f, "{}\n", self.clients)?;
        writeln!(f, "{}", self.losses_table())?;
        let spent = self.losses.budget_spent;
        writeln!(
            f,
            "drains that ended at their budget, the rest read in the next turn: {spent}"
        )?;
        self.write_excuses(f)?;
        write!(f, "\n{}", self.losses)
    }
}

impl Report {
    /// What was not the server's fault must not be taken for it, nor a lighter load for the one that
    /// was asked for.
    fn write_excuses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asked { clients, ticks } = self.asked;
        let missed = self.clients.ticks_missed;
        if missed > 0 {
            writeln!(
                f,
                "the clients missed {missed} of {ticks} ticks, {clients} inputs each: their thread \
                 could not keep up, or this machine was busy; that is not the server's doing"
            )?;
        }
        self.server.write_excuse(f)
    }
}

impl ServerReport {
    /// Whether a server that was late had too much to do, or no processor to do it on.
    fn write_excuse(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let was_late = self.ticks_late + self.overruns > 0;
        let Some(need) = self.cpu_share_of_tick.filter(|_| was_late) else {
            return Ok(());
        };
        let shown = percent(need);
        if need < BUSY {
            writeln!(
                f,
                "the server was late, though a tick needs only {shown} of its time on one core: this \
                 machine was busy with something else"
            )
        } else {
            writeln!(
                f,
                "the server was late: a tick needs {shown} of its time on one core"
            )
        }
    }
}

impl fmt::Display for ServerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self
            .cpu_micros_per_client_and_tick
            .map_or_else(|| NOTHING.to_owned(), |micros| format!("{micros:.2} µs"));
        write!(
            f,
            "server: {each} of CPU time per client and tick, {} of one core; {} ticks, {} of them \
             late, {} overrun",
            optional_percent(self.cpu_share),
            self.ticks,
            self.ticks_late,
            self.overruns,
        )
    }
}

impl fmt::Display for ClientsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = optional_percent(self.cpu_share);
        write!(
            f,
            "clients: {share} of another core; {} ticks missed",
            self.ticks_missed
        )
    }
}

fn cpu_share(cpu: Option<Duration>, wall: Duration) -> Option<f64> {
    share(cpu?.as_secs_f64(), wall.as_secs_f64())
}

fn optional_percent(share: Option<f64>) -> String {
    share.map_or_else(|| NOTHING.to_owned(), percent)
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use tickwire::EndpointStats;

    use super::super::load::Times;
    use super::super::losses::ClientCounts;
    use super::*;
    use crate::bench::buffer::ReceiveBuffer;

    fn settings() -> Settings {
        Settings {
            clients: 10,
            hz: 50,
            duration_s: 2.0,
            ticks: 100,
            input: 32,
            state: 200,
            receive_buffer: ReceiveBuffer::look().unwrap(),
        }
    }

    /// Two seconds in which nothing went wrong, and each tick took 5 of its 20 ms.
    fn served() -> Served {
        let mut stats = EndpointStats::default();
        stats.datagrams_received = 1000;
        stats.datagrams_sent = 1000;
        let mut times = Times::new().unwrap();
        times.record(Duration::from_millis(5));
        Served {
            stats,
            queued: 0,
            ticks: 100,
            ticks_late: 0,
            overruns: 0,
            turns: 200,
            cpu: Some(Duration::from_millis(500)),
            wall: Duration::from_secs(2),
            awake: times.clone(),
            cpu_each: times,
        }
    }

    fn played() -> Played {
        Played {
            counts: ClientCounts {
                inputs_sent: 1000,
                inputs_refused: 0,
                states_received: 1000,
            },
            ticks_missed: 0,
            cpu: None,
            wall: Duration::from_secs(2),
        }
    }

    fn text(served: &Served, played: &Played) -> String {
        Report::of(&settings(), served, played).to_string()
    }

    #[test]
    fn a_good_run_says_what_it_cost_and_makes_no_excuses() {
        let text = text(&served(), &played());
        let cost = "server: 500.00 µs of CPU time per client and tick, 25.0% of one core; 100 ticks, \
                    0 of them late, 0 overrun";
        assert!(text.contains(cost), "{text}");
        assert!(text.contains("clients: - of another core"), "{text}");
        let shares = text
            .lines()
            .find(|line| line.starts_with("share of the tick"));
        assert_eq!(
            shares.map(|line| line.matches("25.0%").count()),
            Some(3),
            "{text}"
        );
        assert!(!text.contains("could not keep up") && !text.contains("busy"));
        assert_eq!(text.lines().last(), Some("nothing was lost"));
    }

    #[test]
    fn clients_that_could_not_keep_up_are_not_blamed_on_the_server() {
        let mut played = played();
        played.ticks_missed = 3;
        let text = text(&served(), &played);
        let told = "the clients missed 3 of 100 ticks, 10 inputs each";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn a_late_server_is_excused_only_if_it_had_little_to_do() {
        let mut served = served();
        served.ticks_late = 1;
        assert!(text(&served, &played()).contains("busy with something else"));
        served.cpu = Some(Duration::from_millis(1900));
        let told = "the server was late: a tick needs 95.0% of its time on one core";
        assert!(text(&served, &played()).contains(told));
    }
}
