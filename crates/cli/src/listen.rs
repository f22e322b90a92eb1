//! `tickwire listen`: shows received datagrams.

use std::time::Instant;

use tickwire::{Socket, SocketStats, Ticker};

use crate::address;
use crate::error::CliError;
use crate::escape::{ByteFormat, ReceivedDatagram};
use crate::output::Output;
use crate::signals::StopSignal;

/// Shows received datagrams, one line each
///
/// A line has the sender, the length and the bytes. Bytes that are not printable text are escaped as
/// in Rust (\n, \x1b, \u{202e}; a backslash is \\). Of a datagram longer than 1024 bytes the first 1024
/// are shown, and the line says "truncated":
///
///   127.0.0.1:54321 13 bytes: Hello, world!
///
/// Ctrl-C or SIGTERM ends it and prints the totals.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Address to listen on: a host and a port. Port 0 takes any free port; `0.0.0.0` listens on all
    /// IPv4 networks of this machine, `[::]` on all IPv4 and IPv6 networks
    #[arg(default_value = address::DEFAULT)]
    address: String,

    /// Shows bytes as hexadecimal pairs: 48 65 6c
    #[arg(long)]
    hex: bool,

    /// Sends each datagram back to its sender (of a longer one, the first 1024 bytes)
    #[arg(long)]
    echo: bool,

    /// Shows totals once per second instead of a line per datagram
    #[arg(long, conflicts_with = "hex")]
    quiet: bool,
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
        output: Output::new(),
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
        self.output.line(format_args!("listening on {address}"))?;
        // Checked after the drain, so that datagrams from before the signal are shown and counted.
        while !self.stop.is_requested() {
            self.output.flush()?;
            let waited = match &self.report {
                Some((ticker, _)) => self.socket.wait_until(ticker.deadline()),
                None => self.socket.wait(None),
            };
            waited.map_err(CliError::cannot("wait for datagrams"))?;
            self.drain()?;
            self.report_if_due()?;
        }
        self.output.leave_typed_line()?;
        let totals = totals(&self.socket.stats(), self.echo);
        self.output.line(totals)?;
        self.output.flush()
    }

    /// Receives all pending datagrams, within the budget of the socket.
    fn drain(&mut self) -> Result<(), CliError> {
        let (mut rx, mut tx) = self.socket.split();
        while let Some(datagram) = rx.recv().map_err(CliError::cannot("receive"))? {
            if self.report.is_none() {
                self.output.line(ReceivedDatagram(datagram, self.format))?;
            }
            if self.echo {
                // A full queue means that the network is slower than the incoming traffic. The echo is
                // dropped and counted, as by the network; waiting would lose more.
                let _ = tx.send(datagram.from, datagram.bytes);
            }
        }
        // An error is about one datagram: a forged sender (port 0) must not end the program. The socket
        // counts it, and logs a warning at most once per second.
        let _ = self.socket.flush();
        Ok(())
    }

    fn report_if_due(&mut self) -> Result<(), CliError> {
        let Some((ticker, before)) = &mut self.report else {
            return Ok(());
        };
        // One line for any number of missed seconds: the process may have been stopped.
        if ticker.steps_due(Instant::now()) == 0 {
            return Ok(());
        }
        let stats = self.socket.stats();
        let before = std::mem::replace(before, stats);
        self.output.line(progress(&before, &stats, self.echo))
    }
}

/// `in all 3 datagrams, 39 bytes, 0 truncated, 0 dropped by kernel`, and with `--echo`
/// `, 3 echoed, 0 not echoed`.
fn totals(stats: &SocketStats, echo: bool) -> String {
    let received = format!(
        "in all {} datagrams, {} bytes, {} truncated, {} dropped by kernel",
        stats.datagrams_received, stats.bytes_received, stats.truncated, stats.dropped_by_kernel,
    );
    if !echo {
        return received;
    }
    let (echoed, lost) = (stats.datagrams_sent, stats.discarded + stats.queue_full);
    format!("{received}, {echoed} echoed, {lost} not echoed")
}

/// `received 1 datagrams, 13 bytes; in all 3 datagrams, ...`: the increase since `before`, and the
/// totals.
fn progress(before: &SocketStats, now: &SocketStats, echo: bool) -> String {
    let datagrams = now.datagrams_received - before.datagrams_received;
    let bytes = now.bytes_received - before.bytes_received;
    let totals = totals(now, echo);
    format!("received {datagrams} datagrams, {bytes} bytes; {totals}")
}

#[cfg(test)]
mod tests {
    use super::*;

    // The struct is not exhaustive, so it is filled field by field.
    fn stats() -> SocketStats {
        let mut stats = SocketStats::default();
        stats.datagrams_received = 5;
        stats.bytes_received = 320;
        stats.truncated = 2;
        stats.dropped_by_kernel = 7;
        stats.datagrams_sent = 3;
        stats.discarded = 1;
        stats.queue_full = 1;
        stats
    }

    #[test]
    fn totals_are_one_line() {
        let text = "in all 5 datagrams, 320 bytes, 2 truncated, 7 dropped by kernel";
        assert_eq!(totals(&stats(), false), text);
    }

    #[test]
    fn an_echo_counts_sent_and_dropped_replies() {
        assert!(totals(&stats(), true).ends_with(", 3 echoed, 2 not echoed"));
    }

    #[test]
    fn progress_is_the_difference_to_the_last_line() {
        let mut before = SocketStats::default();
        before.datagrams_received = 4;
        before.bytes_received = 20;
        let text = progress(&before, &stats(), false);
        assert!(text.starts_with("received 1 datagrams, 300 bytes; in all 5 datagrams, 320 bytes"));
    }
}
