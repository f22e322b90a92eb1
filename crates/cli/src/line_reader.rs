//! Lines of an input, as they come, without waiting for them.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use tickwire::Waker;
use tickwire::limits::DATAGRAM_MAX;

use crate::error::CliError;

/// How many lines are read ahead. At this many the reader waits, and with it whoever writes to us.
const AHEAD: usize = 64;

/// The longest line with its end (`\r\n`), in bytes. More is never held in memory.
const LINE_MAX: usize = DATAGRAM_MAX + 2;

/// What there is to read now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextLine {
    /// A line without its end.
    Line(Vec<u8>),
    /// None yet; the waker will tell.
    Later,
    /// The input is at its end.
    End,
}

/// The lines of an input. Reading blocks and the loop must not, so a thread reads and wakes the loop.
#[derive(Debug)]
pub(crate) struct LineReader {
    channel: Receiver<Result<Vec<u8>, CliError>>,
}

impl LineReader {
    /// Begins to read; `waker` is used whenever [`next`](Self::next) has something new to say.
    pub(crate) fn read(input: impl Read + Send + 'static, waker: Waker) -> Self {
        let (sender, channel) = sync_channel(AHEAD);
        // It ends with the input, or with the process.
        thread::spawn(move || {
            send_all(io::BufReader::new(input), &sender, &waker);
            // In this order: whoever is woken finds the end.
            drop(sender);
            wake(&waker);
        });
        Self { channel }
    }

    /// The next line, if there is one.
    pub(crate) fn next(&self) -> Result<NextLine, CliError> {
        match self.channel.try_recv() {
            Ok(line) => line.map(NextLine::Line),
            Err(TryRecvError::Empty) => Ok(NextLine::Later),
            Err(TryRecvError::Disconnected) => Ok(NextLine::End),
        }
    }
}

fn send_all(
    mut input: impl BufRead,
    sender: &SyncSender<Result<Vec<u8>, CliError>>,
    waker: &Waker,
) {
    for number in 1_u64.. {
        let Some(line) = read_line(&mut input, number).transpose() else {
            return;
        };
        let is_last = line.is_err();
        if sender.send(line).is_err() || is_last {
            return;
        }
        wake(waker);
    }
}

fn wake(waker: &Waker) {
    // Nobody could be told, and nothing else could be done: the line is seen with the next event.
    let _ = waker.wake();
}

/// The next line without its end, or `None` at the end of the input.
fn read_line(input: &mut impl BufRead, number: u64) -> Result<Option<Vec<u8>>, CliError> {
    let mut line = Vec::new();
    input
        .take(LINE_MAX as u64)
        .read_until(b'\n', &mut line)
        .map_err(CliError::cannot("read standard input"))?;
    if line.is_empty() {
        return Ok(None);
    }
    strip_end(&mut line);
    if line.len() > DATAGRAM_MAX {
        // How long it is in the end is not read: it may have none.
        return Err(CliError::Usage(format!(
            "line {number} of standard input is longer than {DATAGRAM_MAX} bytes, \
             which is the most that fits into a datagram"
        )));
    }
    Ok(Some(line))
}

/// Takes `\n` or `\r\n` off.
fn strip_end(line: &mut Vec<u8>) {
    if line.ends_with(b"\r\n") {
        line.truncate(line.len() - 2);
    } else if line.ends_with(b"\n") {
        line.truncate(line.len() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> (Vec<Vec<u8>>, Option<CliError>) {
        let mut input = input;
        let mut lines = Vec::new();
        loop {
            match read_line(&mut input, lines.len() as u64 + 1) {
                Ok(Some(line)) => lines.push(line),
                Ok(None) => return (lines, None),
                Err(failure) => return (lines, Some(failure)),
            }
        }
    }

    #[test]
    fn line_ends_are_taken_off_and_the_last_line_needs_none() {
        let (lines, failure) = lines(b"one\ntwo\r\n\n\r\nlast");
        assert_eq!(lines, [&b"one"[..], b"two", b"", b"", b"last"]);
        assert_eq!(failure, None);
    }

    #[test]
    fn lines_need_not_be_utf8_and_keep_what_is_no_line_end() {
        let (lines, _) = lines(b"\xff\x00\n a\rb \n");
        assert_eq!(lines, [&b"\xff\x00"[..], b" a\rb "]);
    }

    #[test]
    fn an_empty_input_has_no_lines() {
        assert_eq!(lines(b""), (vec![], None));
    }

    #[test]
    fn a_line_of_1024_bytes_fits_with_every_end() {
        let full = vec![b'x'; DATAGRAM_MAX];
        for end in ["", "\n", "\r\n"] {
            let input = [&full[..], end.as_bytes()].concat();
            assert_eq!(lines(&input), (vec![full.clone()], None));
        }
    }

    #[test]
    fn a_longer_line_is_refused_by_number_and_not_read_to_its_end() {
        for end in ["", "\n", "\r\n"] {
            let input = [b"first\n", &[b'x'; 1025][..], end.as_bytes()].concat();
            let (before, failure) = lines(&input);
            assert_eq!(before, [b"first"]);
            let Some(CliError::Usage(text)) = failure else {
                panic!("{failure:?}");
            };
            assert!(text.starts_with("line 2 of standard input is longer than 1024 bytes"));
        }
        // This one has no end at all.
        let failure = read_line(&mut io::BufReader::new(io::repeat(b'x')), 1);
        assert!(matches!(failure, Err(CliError::Usage(_))));
    }
}
