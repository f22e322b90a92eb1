//! `tickwire listen`: shows received datagrams.

use std::net::SocketAddr;
use std::time::Instant;

use derive_more::Display;
use serde::Serialize;
use tickwire::{Socket, SocketStats, Ticker};

use crate::address;
use crate::error::CliError;
use crate::escape::{ByteFormat, ReceivedDatagram};
use crate::output::Output;
use crate::schedule::until;
use crate::signals::StopSignal;

/// Shows received datagrams, one line each
///
/// A line has the sender, the length and the bytes:
///
///   127.0.0.1:54321 13 bytes: Hello, world!
///
/// Bytes that are not printable text are escaped as in Rust (\n, \x1b, \u{202e}; a
/// backslash is \\). A datagram of more than 1024 bytes is truncated to 1024 bytes
/// and marked "truncated".
///
/// Ctrl-C or SIGTERM ends the command, which prints the totals.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = include_str!("help/listen.txt"))]
pub(crate) struct Options {
    /// Address to listen on
    #[arg(default_value = address::DEFAULT, long_help = address::LISTEN_HELP)]
    address: String,

    /// Sends each datagram back, up to 1024 bytes
    #[arg(long)]
    echo: bool,

    /// Shows bytes as hexadecimal pairs: 48 65 6c
    #[arg(long, conflicts_with = "json")]
    hex: bool,

    /// Shows totals once per second, and no datagrams
    #[arg(long, conflicts_with = "hex")]
    quiet: bool,

    /// Prints one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Runs until a signal arrives or standard output is closed.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let mut socket = address::bind(&options.address)?;
    let waker = socket
        .waker()
        .map_err(CliError::cannot("wait for datagrams"))?;
    let listener = Listener {
        stop: StopSignal::on_signal(waker)?,
        socket,
        output: Output::new(options.json),
        format: ByteFormat::of(options.hex),
        echo: options.echo,
        report: options
            .quiet
            .then(|| (Ticker::hz(1), SocketStats::default())),
    };
    listener.run()
}

struct Listener {
    socket: Socket,
    stop: StopSignal,
    output: Output,
    format: ByteFormat,
    echo: bool,
    /// For `--quiet`: when the next line is due, and the statistics at the last one.
    report: Option<(Ticker, SocketStats)>,
}

impl Listener {
    fn run(mut self) -> Result<(), CliError> {
        let address = self.socket.local_addr();
        self.output.event(&Report::Listening { address })?;
        // Checked after the drain, so that datagrams before the signal are shown.
        while !self.stop.is_requested() {
            self.output.flush()?;
            let deadline = self.report.as_ref().map(|(ticker, _)| ticker.deadline());
            self.socket
                .wait(until(deadline))
                .map_err(CliError::cannot("wait for datagrams"))?;
            self.drain()?;
            self.report_if_due()?;
        }
        self.output.leave_typed_line()?;
        let totals = Totals::new(&self.socket.stats(), self.echo);
        self.output.event(&Report::Summary(totals))?;
        self.output.flush()
    }

    /// Receives all pending datagrams, within the budget of the socket.
    fn drain(&mut self) -> Result<(), CliError> {
        let (mut rx, mut tx) = self.socket.split();
        while let Some(datagram) = rx.recv().map_err(CliError::cannot("receive"))? {
            if self.report.is_none() {
                let datagram = ReceivedDatagram::new(datagram, self.format);
                self.output.event(&datagram)?;
            }
            if self.echo {
                // A full queue drops and counts the echo, as a network would. Waiting would cause
                // more losses.
                let _ = tx.send(datagram.from, datagram.bytes);
            }
        }
        // An error concerns one datagram, such as one from a forged source (port 0), and is
        // counted.
        let _ = self.socket.flush();
        Ok(())
    }

    fn report_if_due(&mut self) -> Result<(), CliError> {
        let Some((ticker, before)) = &mut self.report else {
            return Ok(());
        };
        // One line for any number of missed seconds.
        if ticker.steps_due(Instant::now()) == 0 {
            return Ok(());
        }
        let stats = self.socket.stats();
        let before = std::mem::replace(before, stats);
        self.output
            .event(&Report::progress(&before, &stats, self.echo))
    }
}

#[derive(Debug, Display, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Report {
    #[display("listening on {address}")]
    Listening { address: SocketAddr },
    #[display("received {datagrams} datagrams, {received_bytes} bytes; {totals}")]
    Progress {
        datagrams: u64,
        received_bytes: u64,
        totals: Totals,
    },
    #[display("{_0}")]
    Summary(Totals),
}

impl Report {
    fn progress(before: &SocketStats, stats: &SocketStats, echo: bool) -> Self {
        Self::Progress {
            datagrams: stats.datagrams_received - before.datagrams_received,
            received_bytes: stats.bytes_received - before.bytes_received,
            totals: Totals::new(stats, echo),
        }
    }
}

#[derive(Debug, Display, Serialize)]
#[display(
    "in all {datagrams} datagrams, {received_bytes} bytes, {truncated} truncated, \
     {dropped_by_kernel} dropped by kernel{}",
    self.echoes()
)]
struct Totals {
    datagrams: u64,
    received_bytes: u64,
    truncated: u64,
    dropped_by_kernel: u64,
    /// `None` without `--echo`, as the next field.
    echoed: Option<u64>,
    not_echoed: Option<u64>,
}

impl Totals {
    fn new(stats: &SocketStats, echo: bool) -> Self {
        Self {
            datagrams: stats.datagrams_received,
            received_bytes: stats.bytes_received,
            truncated: stats.truncated,
            dropped_by_kernel: stats.dropped_by_kernel,
            echoed: echo.then_some(stats.datagrams_sent),
            not_echoed: echo.then_some(stats.discarded + stats.queue_full),
        }
    }

    fn echoes(&self) -> String {
        match (self.echoed, self.not_echoed) {
            (Some(echoed), Some(lost)) => format!(", {echoed} echoed, {lost} not echoed"),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statistics with these counts. The struct is not exhaustive.
    fn received(datagrams: u64, bytes: u64) -> SocketStats {
        let mut stats = SocketStats::default();
        stats.datagrams_received = datagrams;
        stats.bytes_received = bytes;
        stats
    }

    #[test]
    fn progress_is_the_difference_to_the_last_report() {
        let report = Report::progress(&received(4, 20), &received(5, 320), false);
        let text = "received 1 datagrams, 300 bytes; in all 5 datagrams, 320 bytes";
        assert!(report.to_string().starts_with(text), "{report}");
    }

    #[test]
    fn totals_are_one_line() {
        let mut stats = received(5, 320);
        stats.truncated = 2;
        stats.dropped_by_kernel = 7;
        stats.datagrams_sent = 3;
        stats.discarded = 1;
        stats.queue_full = 1;
        let text = "in all 5 datagrams, 320 bytes, 2 truncated, 7 dropped by kernel";
        assert_eq!(Totals::new(&stats, false).to_string(), text);
        let text = format!("{text}, 3 echoed, 2 not echoed");
        assert_eq!(Totals::new(&stats, true).to_string(), text);
    }
}
