//! `tickwire listen`: shows every datagram that comes in.

use std::time::Instant;

use tickwire::{Socket, SocketStats, Ticker};

use crate::address;
use crate::error::CliError;
use crate::escape::{ByteFormat, ReceivedDatagram};
use crate::output::Output;
use crate::signals::StopSignal;
use crate::totals::{Progress, Totals};

/// Listens and shows every datagram that comes in, one line each
///
/// A line is the sender, how many bytes came, and the bytes; what is not printable text is escaped
/// as Rust does it (\n, \x1b, \u{202e}; a backslash is \\). Of a datagram longer than 1024 bytes
/// the first 1024 are shown, and the line says "truncated":
///
///   127.0.0.1:54321 13 bytes: Hello, world!
///
/// Ctrl-C or SIGTERM end it, with the totals.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Where to listen: a host and a port. Port 0 takes any that is free; `0.0.0.0` listens on all
    /// networks of this machine, `[::]` on all with both IPv4 and IPv6
    #[arg(default_value = address::DEFAULT)]
    address: String,

    /// Shows bytes as hexadecimal pairs: 48 65 6c
    #[arg(long)]
    hex: bool,

    /// Sends each datagram back to its sender (of one that was longer, the first 1024 bytes)
    #[arg(long)]
    echo: bool,

    /// Shows how many came, once a second, instead of a line for each
    #[arg(long, conflicts_with = "hex")]
    quiet: bool,
}

/// Runs until a signal comes or nobody reads the output any more.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let mut socket = address::bind(&options.address)?;
    let waker = socket
        .waker()
        .map_err(CliError::cannot("wait for datagrams"))?;
    let listener = Listener {
        stop: StopSignal::on_signal(waker)?,
        socket,
        output: Output::new(),
        style: ByteFormat::of(options.hex),
        echo: options.echo,
        report: options.quiet.then(Report::new),
    };
    listener.run()
}

struct Listener {
    socket: Socket,
    stop: StopSignal,
    output: Output,
    style: ByteFormat,
    echo: bool,
    /// With it, totals take the place of the datagrams.
    report: Option<Report>,
}

impl Listener {
    fn run(mut self) -> Result<(), CliError> {
        let address = self.socket.local_addr();
        self.output.line(format_args!("listening on {address}"))?;
        // Asked after the drain, so that what came before the signal is shown and counted.
        while !self.stop.is_requested() {
            self.output.flush()?;
            self.sleep()?;
            self.drain()?;
            self.report_if_due()?;
        }
        self.output.leave_typed_line()?;
        self.output.line(self.totals())?;
        self.output.flush()
    }

    /// Until a datagram, a signal, or the next line of totals.
    fn sleep(&mut self) -> Result<(), CliError> {
        let slept = match &self.report {
            Some(report) => self.socket.wait_until(report.ticker.deadline()),
            None => self.socket.wait(None),
        };
        slept.map_err(CliError::cannot("wait for datagrams"))
    }

    /// Everything that waits in the socket, within the budget of the socket.
    fn drain(&mut self) -> Result<(), CliError> {
        let (mut rx, mut tx) = self.socket.split();
        while let Some(datagram) = rx.recv().map_err(CliError::cannot("receive"))? {
            if self.report.is_none() {
                self.output.line(ReceivedDatagram(datagram, self.style))?;
            }
            if self.echo {
                // A full queue means that the network takes less than comes in. The echo is lost and
                // counted, as the network itself would have lost it; waiting would lose more.
                let _ = tx.send(datagram.from, datagram.bytes);
            }
        }
        // An error is about one datagram: anybody can write an impossible sender (port 0) on one,
        // and must not end this by it. The socket has counted it, and warned at most once a second.
        let _ = self.socket.flush();
        Ok(())
    }

    fn report_if_due(&mut self) -> Result<(), CliError> {
        let totals = self.totals();
        let Some(report) = &mut self.report else {
            return Ok(());
        };
        // However many seconds went by (a process can be stopped): one line tells them all.
        if report.ticker.steps_due(Instant::now()) == 0 {
            return Ok(());
        }
        let before = std::mem::replace(&mut report.before, totals.stats);
        self.output.line(Progress { before, totals })
    }

    fn totals(&self) -> Totals {
        Totals {
            stats: self.socket.stats(),
            echo: self.echo,
        }
    }
}

/// What `--quiet` needs to say how much came since its last line.
struct Report {
    ticker: Ticker,
    before: SocketStats,
}

impl Report {
    fn new() -> Self {
        Self {
            ticker: Ticker::hz(1),
            before: SocketStats::default(),
        }
    }
}
