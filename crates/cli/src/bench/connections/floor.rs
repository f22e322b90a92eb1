//! The least that so many kept connections could cost: a bare socket that echoes what as many sockets
//! send as often, and has no protocol.

use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;
use tickwire::Socket;

use super::children::Children;
use super::pace::{Pace, Paced, Sleeper};
use super::report::{Order, Reasons, Report};
use super::{Kind, Settings};
use crate::bench::LOOPBACK;
use crate::bench::cpu::ThreadCpu;
use crate::failure::Failure;

/// How long it is measured at most at each pace: nothing of it changes with time.
const DURATION_MAX: Duration = Duration::from_secs(10);

/// How long its clients may take to open their sockets, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it cost.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Floor {
    /// Of one core, for all of them.
    pub(super) core_percent: Option<f64>,
    pub(super) echoes_per_peer_and_minute: f64,
}

pub(super) fn measure(settings: &Settings) -> Result<Paced<Floor>, Failure> {
    let cannot = || Failure::cannot("measure the floor");
    let mut socket = Socket::bind(LOOPBACK).map_err(|error| cannot()(error.into()))?;
    let waker = socket.waker().map_err(cannot())?;
    let (processes, peers) = (settings.processes, settings.peers);
    let to = socket.local_addr();
    let mut children = Children::start(processes, peers, Kind::Bare, to, Some(&waker))?;
    wait_for(&children, &Report::Ready)?;
    children.order(Order::Connect)?;
    let floor = Paced::try_each(|pace| keep(&mut socket, pace, settings)).map_err(cannot())?;
    children.order(Order::Close)?;
    let gone = Reasons::new();
    let closed = Report::Closed { gone };
    wait_for(&children, &closed)?;
    Ok(floor)
}

fn keep(socket: &mut Socket, pace: Pace, settings: &Settings) -> io::Result<Floor> {
    let mut sleeper = Sleeper::new(pace);
    let start = Instant::now();
    let end = start + settings.each_pace().min(DURATION_MAX);
    let before = ThreadCpu::now();
    let mut echoes = 0_u64;
    while Instant::now() < end {
        let patience = sleeper.patience(end);
        socket.wait(Some(patience))?;
        let (mut receiver, mut sender) = socket.split();
        while let Some(datagram) = receiver.recv()? {
            // A full queue loses it, as a network would, and then it is no echo.
            let sent = sender.send(datagram.from, datagram.bytes);
            echoes += u64::from(sent.is_ok());
        }
        // `wait` sends as well; a host sends at the end of its turn.
        socket.flush()?;
    }
    let cpu = ThreadCpu::now().since(before);
    let seconds = start.elapsed().as_secs_f64();
    Ok(Floor {
        core_percent: cpu.map(|cpu| cpu.as_secs_f64() / seconds * 100.0),
        echoes_per_peer_and_minute: echoes as f64 / settings.peers as f64 / seconds * 60.0,
    })
}

/// The same from every process.
fn wait_for(children: &Children, wanted: &Report) -> Result<(), Failure> {
    for _ in 0..children.count() {
        let report = children.report(PATIENCE)?;
        if report.as_ref() != Some(wanted) {
            return Err(Failure::Refused(
                "a process of clients did not do what the floor asks for".into(),
            ));
        }
    }
    Ok(())
}
