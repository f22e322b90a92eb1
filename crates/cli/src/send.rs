//! `tickwire send`: sends datagrams and shows replies.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::limits::DATAGRAM_MAX;
use tickwire::{Socket, SocketSendError};

use crate::address;
use crate::error::{self, CliError};
use crate::escape::{ByteFormat, ReceivedDatagram, SentDatagram};
use crate::line_reader::{LineReader, NextLine};
use crate::output::Output;
use crate::schedule::{Due, Schedule, until};
use crate::{number, time};

/// Time limit for the send queue to drain. A network card needs milliseconds.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Polling interval while the send queue drains; the system reports no event for it.
const DRAIN_POLL: Duration = Duration::from_millis(1);

/// Sends a message as one datagram
///
/// Each sent datagram is shown:
///
///   to 127.0.0.1:10080, 13 bytes: Hello, world!
///
/// The command succeeds even if no program listens there, because an unconnected
/// UDP socket does not report that. It fails if the system rejects a datagram.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = include_str!("help/send.txt"))]
pub(crate) struct Options {
    /// Message, up to 1024 bytes; "-" reads lines from standard input
    ///
    /// With "-", each line is sent as a datagram as soon as it is read. Put "--" before a message
    /// that begins with a hyphen.
    message: OsString,

    /// Address to send to
    ///
    /// A host and a port, or a port alone for 127.0.0.1.
    #[arg(long, value_name = "ADDRESS", default_value = address::DEFAULT)]
    to: String,

    /// Sends each message this many times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number::between::<u64>(1, u64::MAX),
          allow_negative_numbers = true)]
    count: u64,

    /// Time between datagrams
    ///
    /// Such as 16ms or 1s. With 0s, datagrams are sent as fast as the system accepts them.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time::parse,
          allow_hyphen_values = true)]
    interval: Duration,

    /// Shows replies until this long after the last datagram
    ///
    /// Without this option, replies are not shown.
    #[arg(long, value_name = "TIME", value_parser = time::parse, allow_hyphen_values = true)]
    wait: Option<Duration>,

    /// Shows bytes as hexadecimal pairs: 48 65 6c
    #[arg(long)]
    hex: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let message = options.message.as_encoded_bytes();
    let (len, max) = (message.len(), DATAGRAM_MAX);
    if len > max {
        return Err(CliError::usage(SocketSendError::TooLong { len, max }));
    }
    let (mut socket, to) = address::open_towards(&options.to)?;
    let lines = match message {
        b"-" => {
            let waker = socket.waker().map_err(CliError::cannot("wait"))?;
            Some(LineReader::start(io::stdin(), waker))
        }
        _ => None,
    };
    let mut sender = Sender {
        socket,
        to,
        output: Output::text(),
        format: ByteFormat::of(options.hex),
        shows_replies: options.wait.is_some(),
        schedule: Schedule::new(options.interval),
        first_error: None,
    };
    let sent = match lines {
        Some(lines) => sender.send_lines(&lines, options.count),
        None => sender.send_repeated(message, options.count),
    };
    // Also after an error, because the queued datagrams were shown as sent.
    let drained = sender.drain();
    sent.and(drained)?;
    if let Some(time) = options.wait {
        sender.wait_for_replies(time)?;
    }
    sender.output.flush()?;
    sender.check_discarded()
}

struct Sender {
    socket: Socket,
    to: SocketAddr,
    output: Output,
    format: ByteFormat,
    shows_replies: bool,
    schedule: Schedule,
    first_error: Option<io::Error>,
}

impl Sender {
    fn send_lines(&mut self, lines: &LineReader, count: u64) -> Result<(), CliError> {
        loop {
            match lines.next()? {
                NextLine::Line(message) => self.send_repeated(&message, count)?,
                NextLine::Later => self.turn(None)?,
                NextLine::End => return Ok(()),
            }
        }
    }

    fn send_repeated(&mut self, message: &[u8], count: u64) -> Result<(), CliError> {
        for _ in 0..count {
            loop {
                match self.schedule.due(Instant::now()) {
                    Due::Now => break,
                    Due::At(time) => self.turn(Some(time))?,
                    Due::Never => self.turn(None)?,
                }
            }
            self.send(message)?;
            self.schedule.on_sent(Instant::now());
        }
        Ok(())
    }

    fn send(&mut self, message: &[u8]) -> Result<(), CliError> {
        self.output
            .line(SentDatagram(self.to, message, self.format))?;
        let mut sent = self.socket.send(self.to, message);
        if sent == Err(SocketSendError::QueueFull) {
            self.drain()?;
            sent = self.socket.send(self.to, message);
        }
        sent.map_err(|error| CliError::Runtime(error.to_string()))?;
        // A batch was sent. Without an interval, replies are received only here.
        if self.socket.queued() == 0 {
            self.receive()?;
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), CliError> {
        let start = Instant::now();
        self.flush();
        while self.socket.queued() > 0 {
            if start.elapsed() > DRAIN_MAX {
                let queued = self.socket.queued();
                return Err(CliError::Runtime(format!(
                    "{queued} datagrams were not sent: the system accepted no datagram for {} s",
                    DRAIN_MAX.as_secs()
                )));
            }
            self.turn(Some(Instant::now() + DRAIN_POLL))?;
        }
        Ok(())
    }

    /// Shows replies for `time`, unless no datagram was sent.
    fn wait_for_replies(&mut self, time: Duration) -> Result<(), CliError> {
        let start = Instant::now();
        // `None` if it is later than the clock can represent.
        let end = start.checked_add(time);
        while self.socket.stats().datagrams_sent > 0 && start.elapsed() < time {
            self.turn(end)?;
        }
        Ok(())
    }

    /// Sends the queue, writes the output, waits for an event or the deadline, and receives.
    fn turn(&mut self, deadline: Option<Instant>) -> Result<(), CliError> {
        self.flush();
        self.output.flush()?;
        self.socket
            .wait(until(deadline))
            .map_err(CliError::cannot("wait"))?;
        self.receive()
    }

    /// An error concerns one datagram and is reported after the others are sent.
    fn flush(&mut self) {
        if let Err(error) = self.socket.flush() {
            self.first_error.get_or_insert(error);
        }
    }

    fn receive(&mut self) -> Result<(), CliError> {
        // Also if replies are not shown: unread datagrams would end every wait at once.
        while let Some(datagram) = self.socket.recv().map_err(CliError::cannot("receive"))? {
            if self.shows_replies {
                self.output
                    .line(ReceivedDatagram::new(datagram, self.format))?;
            }
        }
        Ok(())
    }

    fn check_discarded(&self) -> Result<(), CliError> {
        let stats = self.socket.stats();
        let discarded = stats.discarded;
        if discarded == 0 {
            return Ok(());
        }
        let all = discarded + stats.datagrams_sent;
        let reason = match &self.first_error {
            Some(error) => error.to_string(),
            None => error::send_error_reason(&stats.send_errors).to_owned(),
        };
        Err(CliError::Runtime(format!(
            "{discarded} of {all} datagrams to {} could not be sent: {reason}",
            self.to
        )))
    }
}
