//! The run: everybody connects, is kept, and is closed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::limits::KEEP_ALIVE_DEFAULT;

use super::children::Children;
use super::floor::{self, Floor};
use super::pace::{Pace, Paced};
use super::report::{self, Order, Reasons, Report};
use super::results::{Admitted, Closed, Kept, OfServer, Results};
use super::server::{Done, Server};
use super::{Kind, Settings};
use crate::bench::memory::resident_bytes;
use crate::bench::progress::Progress;
use crate::error::CliError;

/// How long everything else may take than to keep the connections: twice what a client tries by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the server waits for goodbyes after the clients have said theirs.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long the progress bar stands still.
const STEP: Duration = Duration::from_secs(1);

/// Runs all of it.
pub(super) fn run(settings: &Settings) -> Result<Results, CliError> {
    let mut course = Course::prepare(settings)?;
    course.progress.next("opening sockets");
    course.wait_for_sockets()?;
    // What a process touches by starting is in neither of the two figures of memory.
    let resident_before = resident_bytes();
    course.progress.next("connecting");
    let admitted = course.admit()?;
    course.progress.step();
    course.progress.next("spreading");
    course.spread()?;
    course.progress.next("keeping");
    let (kept, done) = course.keep()?;
    let resident_after = resident_bytes();
    course.progress.next("closing");
    let closed = course.close()?;
    let floor = course.floor()?;
    let of_server = done.map(|done| OfServer {
        done,
        resident_before,
        resident_after,
        stated_bytes: settings.config().peer_bytes_idle(),
        floor,
    });
    Ok(Results::of(settings, admitted, kept, closed, of_server))
}

struct Course<'a> {
    settings: &'a Settings,
    /// `None`: it is elsewhere.
    server: Option<Server>,
    children: Children,
    progress: Progress,
}

impl<'a> Course<'a> {
    fn prepare(settings: &'a Settings) -> Result<Self, CliError> {
        let (server, to, waker) = match &settings.to {
            Some(to) => (None, parse(to)?, None),
            None => {
                let mut server = Server::open(settings.config())?;
                let (to, waker) = (server.host().local_addr(), server.waker()?);
                (Some(server), to, Some(waker))
            }
        };
        let (processes, peers) = (settings.processes, settings.peers);
        let seconds = settings.duration.as_secs();
        let kind = Kind::of_encrypted(settings.encrypted);
        Ok(Self {
            settings,
            server,
            children: Children::start(processes, peers, kind, to, waker.as_ref())?,
            progress: Progress::new(seconds + 4),
        })
    }

    fn wait_for_sockets(&mut self) -> Result<(), CliError> {
        let deadline = Instant::now() + PATIENCE;
        for _ in 0..self.children.count() {
            match self.report(deadline)? {
                Some(Report::Ready) => {}
                _ => return Err(unexpected("open its sockets")),
            }
        }
        Ok(())
    }

    fn admit(&mut self) -> Result<Admitted, CliError> {
        let start = Instant::now();
        self.children.order(Order::Connect)?;
        let mut admitted = Admitted::default();
        for _ in 0..self.children.count() {
            match self.report(start + PATIENCE)? {
                Some(Report::Settled { connected, refused }) => admitted.add(connected, &refused),
                _ => return Err(unexpected("connect")),
            }
        }
        self.hear_all(admitted.peers, start + PATIENCE)?;
        admitted.time = start.elapsed();
        Ok(admitted)
    }

    /// The server has let somebody in when it has heard from him; that may be a packet later.
    fn hear_all(&mut self, peers: usize, deadline: Instant) -> Result<(), CliError> {
        let Some(server) = &mut self.server else {
            return Ok(());
        };
        while server.connected() < peers && Instant::now() < deadline {
            server.turn(deadline)?;
        }
        Ok(())
    }

    /// Until everybody has spoken once, at a time of his own: see `Crowd::spread`. A run that is shorter
    /// than that does not wait for all of them.
    fn spread(&mut self) -> Result<(), CliError> {
        let end = Instant::now() + self.settings.duration.min(KEEP_ALIVE_DEFAULT);
        if self.report(end)?.is_some() {
            return Err(unexpected("keep its connections"));
        }
        self.progress.step();
        Ok(())
    }

    /// Beside a server of our own. Its port and its clients are gone by then.
    fn floor(mut self) -> Result<Option<Paced<Floor>>, CliError> {
        if self.server.take().is_none() {
            return Ok(None);
        }
        self.progress.next("measuring the floor");
        floor::measure(self.settings).map(Some)
    }

    fn keep(&mut self) -> Result<(Kept, Option<Paced<Done>>), CliError> {
        let start = Instant::now();
        let done = Paced::try_each(|pace| self.keep_at(pace))?;
        let gone = self
            .server
            .as_ref()
            .map_or_else(Reasons::new, |server| server.gone().clone());
        let time = start.elapsed();
        let done = done.woken.zip(done.ticking);
        let done = done.map(|(woken, ticking)| Paced { woken, ticking });
        Ok((Kept { time, gone }, done))
    }

    /// `None`: the server is elsewhere, and keeps to whatever pace it has.
    fn keep_at(&mut self, pace: Pace) -> Result<Option<Done>, CliError> {
        if let Some(server) = &mut self.server {
            server.keep_to(pace);
        }
        let mut next = Instant::now();
        let end = next + self.settings.each_pace();
        let before = self.server.as_ref().map(Server::work);
        while next < end {
            next = (next + STEP).min(end);
            if self.report(next)?.is_some() {
                return Err(unexpected("keep its connections"));
            }
            self.progress.step();
        }
        let after = self.server.as_ref().map(Server::work);
        let done = before.zip(after);
        Ok(done.map(|(before, after)| after.since(&before)))
    }

    fn close(&mut self) -> Result<Closed, CliError> {
        if let Some(server) = &mut self.server {
            server.keep_to(Pace::Woken);
        }
        let start = Instant::now();
        self.children.order(Order::Close)?;
        let mut closed = Closed::default();
        for _ in 0..self.children.count() {
            match self.report(start + PATIENCE)? {
                Some(Report::Closed { gone }) => {
                    for (reason, count) in &gone {
                        report::add(&mut closed.gone_before, reason, *count);
                    }
                }
                _ => return Err(unexpected("close its connections")),
            }
        }
        self.hear_goodbyes()?;
        closed.time = start.elapsed();
        closed.said_goodbye = self.server.as_ref().map(Server::said_goodbye);
        Ok(closed)
    }

    fn hear_goodbyes(&mut self) -> Result<(), CliError> {
        let Some(server) = &mut self.server else {
            return Ok(());
        };
        let deadline = Instant::now() + LAST_WORDS;
        while server.host().stats().peers > 0 && Instant::now() < deadline {
            server.turn(deadline)?;
        }
        Ok(())
    }

    /// The next report of a process, if one comes until `deadline`. Meanwhile the server serves.
    fn report(&mut self, deadline: Instant) -> Result<Option<Report>, CliError> {
        let Some(server) = &mut self.server else {
            return self.children.report(until(deadline));
        };
        loop {
            let report = self.children.report(Duration::ZERO)?;
            if report.is_some() || Instant::now() >= deadline {
                return Ok(report);
            }
            server.turn(deadline)?;
        }
    }
}

fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn unexpected(what: &str) -> CliError {
    CliError::Runtime(format!("a process of clients did not {what}"))
}

fn parse(to: &str) -> Result<SocketAddr, CliError> {
    to.parse()
        .map_err(|_| CliError::Usage(format!("{to} is no address")))
}
