//! `tickwire send`: sends datagrams, and shows what is answered.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::limits::DATAGRAM_MAX;
use tickwire::{Socket, SocketSendError};

use crate::address;
use crate::failure::{self, Failure};
use crate::lines::{Lines, Next};
use crate::output::Output;
use crate::schedule::{Due, Schedule};
use crate::text::{Received, Sent, Style};

/// How long what is queued may take to leave once there is nothing else to do. A network card needs
/// milliseconds; one that takes nothing for this long is stuck.
const LEAVE_MAX: Duration = Duration::from_secs(5);

/// How long to wait before a look whether the queue has become shorter. No event tells.
const LEAVE_RETRY: Duration = Duration::from_millis(1);

/// Sends a message as one datagram, and shows what is answered
///
/// It shows what it sends, one line for each datagram:
///
///   to 127.0.0.1:10080, 13 bytes: Hello, world!
///
/// That nobody listens there is not an error: UDP does not know.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Where to send to: a host and a port
    #[arg(long, value_name = "ADDRESS", default_value = address::DEFAULT)]
    to: String,

    /// What to send, 0 to 1024 bytes. "-" sends each line of standard input as a datagram of its
    /// own, as it comes; put "--" before a message that begins with a hyphen
    message: OsString,

    /// Sends each message this many times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,

    /// The time from one datagram to the next, such as 16ms or 1s [default: none, as fast as the
    /// system takes them]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    every: Option<Duration>,

    /// Shows the answers that come until this long after the last datagram, such as 500ms or 1s
    /// [default: answers are not shown]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    wait: Option<Duration>,

    /// Shows bytes as hexadecimal pairs: 48 65 6c
    #[arg(long)]
    hex: bool,
}

/// Sends everything, waits for answers if asked to, and fails if something could not leave.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let message = options.message.as_encoded_bytes();
    // Before anything else, so that nothing is sent.
    refuse_too_long(message)?;
    let (mut socket, to) = address::open_towards(&options.to)?;
    let messages = Messages::of(message, &mut socket)?;
    let sending = Sending {
        socket,
        to,
        output: Output::new(),
        style: Style::of(options.hex),
        shows_answers: options.wait.is_some(),
        schedule: Schedule::new(options.every.unwrap_or_default()),
        refusal: None,
    };
    sending.run(messages, options.count, options.wait)
}

fn refuse_too_long(message: &[u8]) -> Result<(), Failure> {
    let (len, max) = (message.len(), DATAGRAM_MAX);
    if len <= max {
        return Ok(());
    }
    Err(Failure::Usage(
        SocketSendError::TooLong { len, max }.to_string(),
    ))
}

/// Where the messages come from.
enum Messages {
    /// The command line; `None` once it was taken.
    One(Option<Vec<u8>>),
    /// Standard input.
    Lines(Lines),
}

impl Messages {
    fn of(message: &[u8], socket: &mut Socket) -> Result<Self, Failure> {
        if message != b"-" {
            return Ok(Self::One(Some(message.to_vec())));
        }
        let waker = socket.waker().map_err(Failure::cannot("wait"))?;
        Ok(Self::Lines(Lines::read(io::stdin(), waker)))
    }

    fn next(&mut self) -> Result<Next, Failure> {
        match self {
            Self::One(message) => Ok(message.take().map_or(Next::End, Next::Line)),
            Self::Lines(lines) => lines.next(),
        }
    }
}

struct Sending {
    socket: Socket,
    to: SocketAddr,
    output: Output,
    style: Style,
    shows_answers: bool,
    schedule: Schedule,
    /// What the system said of the first datagram that it refused.
    refusal: Option<io::Error>,
}

impl Sending {
    fn run(
        mut self,
        messages: Messages,
        count: u64,
        wait: Option<Duration>,
    ) -> Result<(), Failure> {
        let sent = self.send_all(messages, count);
        // Also after a failure: what was shown as sent leaves.
        let left = self.let_all_leave();
        sent.and(left)?;
        if let Some(time) = wait {
            self.wait_for_answers(time)?;
        }
        self.output.flush()?;
        self.refuse_discarded()
    }

    fn send_all(&mut self, mut messages: Messages, count: u64) -> Result<(), Failure> {
        loop {
            match messages.next()? {
                Next::Line(message) => self.send_times(&message, count)?,
                Next::Later => self.turn(None)?,
                Next::End => return Ok(()),
            }
        }
    }

    fn send_times(&mut self, message: &[u8], count: u64) -> Result<(), Failure> {
        for _ in 0..count {
            self.wait_until_due()?;
            self.send(message)?;
            self.schedule.on_sent(Instant::now());
        }
        Ok(())
    }

    fn wait_until_due(&mut self) -> Result<(), Failure> {
        loop {
            match self.schedule.due(Instant::now()) {
                Due::Now => return Ok(()),
                Due::At(time) => self.turn(Some(time))?,
                Due::Never => self.turn(None)?,
            }
        }
    }

    fn send(&mut self, message: &[u8]) -> Result<(), Failure> {
        self.output.line(Sent(self.to, message, self.style))?;
        let mut sent = self.socket.send(self.to, message);
        if sent == Err(SocketSendError::QueueFull) {
            self.let_all_leave()?;
            sent = self.socket.send(self.to, message);
        }
        sent.map_err(|error| Failure::Refused(error.to_string()))?;
        // A batch has just left. Who sends without a pause still has to hear the answers to it.
        if self.socket.queued() == 0 {
            self.receive()?;
        }
        Ok(())
    }

    /// Sends until the queue is empty.
    fn let_all_leave(&mut self) -> Result<(), Failure> {
        let begin = Instant::now();
        self.flush();
        while self.socket.queued() > 0 {
            if begin.elapsed() > LEAVE_MAX {
                let queued = self.socket.queued();
                let seconds = LEAVE_MAX.as_secs();
                return Err(Failure::Refused(format!(
                    "{queued} datagrams are not sent: the system took none for {seconds} seconds"
                )));
            }
            self.turn(Some(Instant::now() + LEAVE_RETRY))?;
        }
        Ok(())
    }

    /// Shows what comes within `time`. What never left is not answered.
    fn wait_for_answers(&mut self, time: Duration) -> Result<(), Failure> {
        if self.socket.stats().datagrams_sent == 0 {
            return Ok(());
        }
        let begin = Instant::now();
        // A time beyond what the clock can say never comes.
        let end = begin.checked_add(time);
        while begin.elapsed() < time {
            self.turn(end)?;
        }
        Ok(())
    }

    /// Sends what is queued, shows what there is to show, sleeps until then or until something
    /// happens, and takes in what was answered.
    fn turn(&mut self, until: Option<Instant>) -> Result<(), Failure> {
        self.flush();
        self.output.flush()?;
        let slept = match until {
            Some(time) => self.socket.wait_until(time),
            None => self.socket.wait(None),
        };
        slept.map_err(Failure::cannot("wait"))?;
        self.receive()
    }

    /// A refusal is about one datagram, and the others leave all the same. It is told at the end.
    fn flush(&mut self) {
        if let Err(error) = self.socket.flush() {
            self.refusal.get_or_insert(error);
        }
    }

    fn receive(&mut self) -> Result<(), Failure> {
        // Taken in also where they are not shown: unread ones would end every sleep at once.
        while let Some(datagram) = self.socket.recv().map_err(Failure::cannot("receive"))? {
            if self.shows_answers {
                self.output.line(Received(datagram, self.style))?;
            }
        }
        Ok(())
    }

    /// Nothing is dropped silently.
    fn refuse_discarded(&self) -> Result<(), Failure> {
        let stats = self.socket.stats();
        let discarded = stats.discarded;
        if discarded == 0 {
            return Ok(());
        }
        let all = discarded + stats.datagrams_sent;
        let reason = match &self.refusal {
            Some(error) => error.to_string(),
            None => failure::reason(&stats.send_errors).to_owned(),
        };
        Err(Failure::Refused(format!(
            "{discarded} of {all} datagrams to {} could not be sent: {reason}",
            self.to
        )))
    }
}
