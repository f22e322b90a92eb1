//! A child process of a test.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// Timeout of every wait.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A running program. It is killed when it goes out of scope.
pub(crate) struct Program {
    child: Killed,
    stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// How a program ended, and its unread output.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

/// The program under test. Warnings depend on the system, so only errors are logged.
pub(crate) fn tickwire(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
    command.args(args).env("RUST_LOG", "error");
    command
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let (program, stdout) = Self::start_unread(command);
        Self {
            stdout: lines(stdout),
            ..program
        }
    }

    /// As `start`, but the caller reads standard output.
    pub(crate) fn start_unread(command: &mut Command) -> (Self, ChildStdout) {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().unwrap();
        let program = Self {
            stdin,
            stdout: lines(std::io::empty()),
            stderr: lines(child.stderr.take().unwrap()),
            child: Killed(child),
        };
        (program, stdout)
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        next(&self.stdout).expect("the program ended its output")
    }

    pub(crate) fn write(&mut self, input: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        // The program may have ended.
        let _ = stdin.write_all(input);
    }

    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.0.id()).unwrap();
        signal::kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Whether it ends within `time`. Panics if it writes to standard error.
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        match self.stderr.recv_timeout(time) {
            Ok(line) => panic!("on standard error: {line}"),
            Err(error) => error == RecvTimeoutError::Disconnected,
        }
    }

    pub(crate) fn end(mut self) -> Ended {
        self.close_input();
        let rest = |lines| std::iter::from_fn(|| next(lines)).collect();
        let stdout = rest(&self.stdout);
        let stderr = rest(&self.stderr);
        Ended {
            stdout,
            stderr,
            code: self.child.0.wait().unwrap().code(),
        }
    }
}

/// A child that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn run(command: &mut Command) -> Ended {
    Program::start(command).end()
}

pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Ended {
    let mut program = Program::start(command);
    program.write(input);
    program.end()
}

fn next(lines: &Receiver<String>) -> Option<String> {
    match lines.recv_timeout(DEADLINE) {
        Ok(line) => Some(line),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => panic!("no line and no end within {DEADLINE:?}"),
    }
}

fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || read_lines(BufReader::new(output), &sender));
    receiver
}

fn read_lines(mut output: impl BufRead, sender: &Sender<String>) {
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
        let end = line.pop();
        assert_eq!(end, Some(b'\n'), "the last line has no end: {line:?}");
        let text = String::from_utf8(std::mem::take(&mut line)).expect("the output is text");
        if sender.send(text).is_err() {
            return;
        }
    }
}
