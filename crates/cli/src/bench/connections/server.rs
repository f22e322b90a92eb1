//! Who they connect to: a host that lets everybody in and says nothing.

use std::time::{Duration, Instant};

use tickwire::{Config, DisconnectReason, Event, Host, Waker};

use super::pace::{Pace, Sleeper};
use super::report::{self, Reasons};
use crate::agreement::GOODBYE;
use crate::bench::LOOPBACK;
use crate::bench::cpu::ThreadCpu;
use crate::failure::Failure;

/// See the [module](self).
pub(super) struct Server {
    host: Host,
    sleeper: Sleeper,
    connected: usize,
    said_goodbye: usize,
    gone: Reasons,
}

/// What it has done by some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    at: Instant,
    cpu: ThreadCpu,
    received: u64,
    sent: u64,
}

/// What it did from one moment to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub(super) time: Duration,
    pub(super) cpu: Option<Duration>,
    pub(super) received: u64,
    pub(super) sent: u64,
}

impl Server {
    pub(super) fn open(config: Config) -> Result<Self, Failure> {
        let host = Host::bind(LOOPBACK, config)
            .map_err(|error| Failure::cannot("open the server")(error.into()))?;
        Ok(Self {
            host,
            sleeper: Sleeper::new(Pace::Woken),
            connected: 0,
            said_goodbye: 0,
            gone: Reasons::new(),
        })
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn waker(&mut self) -> Result<Waker, Failure> {
        self.host.waker().map_err(Failure::cannot("wait"))
    }

    /// When it looks from now on.
    pub(super) fn keep_to(&mut self, pace: Pace) {
        self.sleeper = Sleeper::new(pace);
    }

    /// Sleeps as its pace is, at most until `time`, and looks at what came and what is due.
    pub(super) fn turn(&mut self, time: Instant) -> Result<(), Failure> {
        let patience = self.sleeper.patience(time);
        self.host
            .wait(Some(patience))
            .map_err(Failure::cannot("drive the server"))?;
        while let Some(event) = self.host.next_event() {
            self.on_event(&event);
        }
        Ok(())
    }

    fn on_event(&mut self, event: &Event) {
        match event {
            Event::Connected { .. } => self.connected += 1,
            Event::Disconnected {
                reason: DisconnectReason::Remote { code: GOODBYE },
                ..
            } => self.said_goodbye += 1,
            Event::Disconnected { reason, .. } => report::add(&mut self.gone, reason, 1),
            _ => {}
        }
    }

    /// How many came.
    pub(super) fn connected(&self) -> usize {
        self.connected
    }

    /// How many went with a word.
    pub(super) fn said_goodbye(&self) -> usize {
        self.said_goodbye
    }

    /// Those who went without.
    pub(super) fn gone(&self) -> &Reasons {
        &self.gone
    }

    /// To be asked by the thread that drives it.
    pub(super) fn work(&self) -> Work {
        let stats = self.host.socket_stats();
        Work {
            at: Instant::now(),
            cpu: ThreadCpu::now(),
            received: stats.datagrams_received,
            sent: stats.datagrams_sent,
        }
    }
}

impl Work {
    pub(super) fn since(&self, before: &Self) -> Done {
        Done {
            time: self.at - before.at,
            cpu: self.cpu.since(before.cpu),
            received: self.received - before.received,
            sent: self.sent - before.sent,
        }
    }
}
