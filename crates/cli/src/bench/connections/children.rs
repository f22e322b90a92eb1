//! The processes of clients, seen from the one that started them.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use tickwire::Waker;

use super::Kind;
use super::report::{Order, Report};
use crate::error::CliError;

/// All of them. Those that still run are killed when it goes out of scope.
pub(super) struct Children {
    children: Vec<Child>,
    reports: Receiver<Option<Report>>,
}

impl Children {
    /// Starts so many processes with `peers` clients in all. `waker` is used whenever there is a report.
    pub(super) fn start(
        processes: usize,
        peers: usize,
        kind: Kind,
        to: SocketAddr,
        waker: Option<&Waker>,
    ) -> Result<Self, CliError> {
        let (sender, reports) = channel();
        let mut children = Self {
            children: Vec::new(),
            reports,
        };
        for number in 0..processes {
            // As even as it can be.
            let share = peers / processes + usize::from(number < peers % processes);
            let mut child =
                start_one(share, kind, to).map_err(CliError::cannot("start the clients"))?;
            let stdout = child.stdout.take();
            children.children.push(child);
            if let Some(stdout) = stdout {
                let (sender, waker) = (sender.clone(), waker.cloned());
                thread::spawn(move || pass_on(stdout, &sender, waker.as_ref()));
            }
        }
        Ok(children)
    }

    pub(super) fn count(&self) -> usize {
        self.children.len()
    }

    pub(super) fn order(&mut self, order: Order) -> Result<(), CliError> {
        for child in &mut self.children {
            let Some(stdin) = &mut child.stdin else {
                continue;
            };
            writeln!(stdin, "{}", order.word())
                .and_then(|()| stdin.flush())
                .map_err(CliError::cannot("talk to the clients"))?;
        }
        Ok(())
    }

    /// The next report, if one comes within `time`. One that cannot go on is a failure.
    pub(super) fn report(&self, time: Duration) -> Result<Option<Report>, CliError> {
        match self.reports.recv_timeout(time) {
            Ok(Some(Report::Failed { why })) => Err(CliError::Runtime(why)),
            Ok(Some(report)) => Ok(Some(report)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Ok(None) | Err(RecvTimeoutError::Disconnected) => Err(CliError::Runtime(
                "a process of clients ended before its time".into(),
            )),
        }
    }
}

fn start_one(peers: usize, kind: Kind, to: SocketAddr) -> io::Result<Child> {
    Command::new(env::current_exe()?)
        .args(["bench", "clients", &to.to_string(), &peers.to_string()])
        .args(kind.option())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
}

/// Hands on reports, the last one included; `None` is an end without one.
fn pass_on(stdout: ChildStdout, sender: &Sender<Option<Report>>, waker: Option<&Waker>) {
    let tell = |report| {
        let is_heard = sender.send(report).is_ok();
        // If that fails it is heard at the end of the sleep.
        let _ = waker.map(Waker::wake);
        is_heard
    };
    let lines = BufReader::new(stdout).lines().map_while(Result::ok);
    for report in lines.map_while(|line| serde_json::from_str(&line).ok()) {
        let is_last = matches!(report, Report::Closed { .. } | Report::Failed { .. });
        if !tell(Some(report)) || is_last {
            return;
        }
    }
    tell(None);
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
