//! Reads the lines of an input without blocking the loop.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use tickwire::Waker;
use tickwire::limits::DATAGRAM_MAX;

use crate::error::CliError;

/// Maximum number of lines read ahead.
const READ_AHEAD: usize = 64;

/// Maximum length of a line with its end (`\r\n`) in bytes.
const LINE_MAX: usize = DATAGRAM_MAX + 2;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextLine {
    Line(Vec<u8>),
    /// No line yet. The next one wakes the loop.
    Later,
    End,
}

/// The lines of an input, read by a thread that wakes the loop.
#[derive(Debug)]
pub(crate) struct LineReader {
    lines: Receiver<Result<Vec<u8>, CliError>>,
}

impl LineReader {
    /// Starts to read. `waker` is woken when [`next`](Self::next) returns something new.
    pub(crate) fn start(input: impl Read + Send + 'static, waker: Waker) -> Self {
        let (sender, lines) = sync_channel(READ_AHEAD);
        // The thread ends with the input, or with the process.
        thread::spawn(move || {
            send_lines(io::BufReader::new(input), &sender, &waker);
            // Before the wake-up, so that the loop finds the end.
            drop(sender);
            wake(&waker);
        });
        Self { lines }
    }

    pub(crate) fn next(&self) -> Result<NextLine, CliError> {
        match self.lines.try_recv() {
            Ok(line) => line.map(NextLine::Line),
            Err(TryRecvError::Empty) => Ok(NextLine::Later),
            Err(TryRecvError::Disconnected) => Ok(NextLine::End),
        }
    }
}

fn send_lines(
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
    // If this fails, the line is read after the next event.
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
    let content = line.strip_suffix(b"\n").unwrap_or(&line);
    let is_crlf = content.len() < line.len() && content.ends_with(b"\r");
    line.truncate(content.len() - usize::from(is_crlf));
    if line.len() > DATAGRAM_MAX {
        // The rest of the line may be infinite.
        return Err(CliError::Usage(format!(
            "line {number} of standard input is longer than {DATAGRAM_MAX} bytes, \
             which is the maximum of a datagram"
        )));
    }
    Ok(Some(line))
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
                Err(error) => return (lines, Some(error)),
            }
        }
    }

    #[test]
    fn removes_line_ends_and_accepts_a_last_line_without_one() {
        let (lines, error) = lines(b"one\ntwo\r\n\n\r\nlast");
        assert_eq!(lines, [&b"one"[..], b"two", b"", b"", b"last"]);
        assert_eq!(error, None);
    }

    #[test]
    fn lines_need_not_be_utf8_and_keep_other_whitespace() {
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
    fn rejects_a_longer_line_without_reading_its_end() {
        for end in ["", "\n", "\r\n"] {
            let input = [b"first\n", &[b'x'; 1025][..], end.as_bytes()].concat();
            let (before, error) = lines(&input);
            assert_eq!(before, [b"first"]);
            let Some(CliError::Usage(text)) = error else {
                panic!("{error:?}");
            };
            assert!(text.starts_with("line 2 of standard input is longer than 1024 bytes"));
        }
        let error = read_line(&mut io::BufReader::new(io::repeat(b'x')), 1);
        assert!(matches!(error, Err(CliError::Usage(_))));
    }
}
