//! Many clients in one loop: they share a poll, and a heap says whose turn is due next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use tickwire::limits::KEEP_ALIVE_DEFAULT;

use super::client::{Client, News};
use super::report::{self, Reasons};

/// How many may be connecting at the same time: half of what a server looks at in a turn, so that it is
/// kept busy and nobody has to ask twice.
const CONNECTING_MAX: usize = 128;

/// How many events are taken at once.
pub(super) const EVENTS_MAX: usize = 1024;

/// See the [module](self).
pub(super) struct Crowd {
    poll: Poll,
    clients: Vec<Client>,
    due: Due,
    to: SocketAddr,
    /// How many have begun to connect: those with the smallest numbers.
    begun: usize,
    connected: usize,
    /// Those who were not let in.
    refused: Reasons,
    /// Those who were, and went without having said goodbye.
    gone: Reasons,
    is_closing: bool,
    spread: Option<Spread>,
}

/// Lets everybody speak once, one after the other, within the time of a keep-alive: so what follows comes
/// evenly, as it does from players who came whenever they liked, and not all at once as they connected.
struct Spread {
    began: Instant,
    /// How many have spoken.
    spoken: usize,
}

impl Crowd {
    /// Opens all sockets.
    pub(super) fn open(count: usize, encrypted: bool, to: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let here = any_port_towards(to);
        let clients: io::Result<Vec<Client>> = (0..count)
            .map(|index| Client::open(here, encrypted, poll.registry(), Token(index)))
            .collect();
        Ok(Self {
            poll,
            clients: clients?,
            due: Due::new(count),
            to,
            begun: 0,
            connected: 0,
            refused: Reasons::new(),
            gone: Reasons::new(),
            is_closing: false,
            spread: None,
        })
    }

    /// Ends the sleep of [`turn`](Self::turn).
    pub(super) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), Token(self.clients.len()))
    }

    /// Begins to connect those whose turn it is.
    pub(super) fn connect_some(&mut self) -> io::Result<()> {
        while self.begun < self.clients.len() && self.connecting() < CONNECTING_MAX {
            let index = self.begun;
            self.begun += 1;
            self.clients[index].connect(self.to)?;
            self.turn_of(index)?;
        }
        Ok(())
    }

    /// Whether every attempt to connect has come to something.
    pub(super) fn is_settled(&self) -> bool {
        self.begun == self.clients.len() && self.connecting() == 0
    }

    /// Begins to spread what everybody has to say over the time of a keep-alive.
    pub(super) fn spread(&mut self) {
        self.spread = Some(Spread {
            began: Instant::now(),
            spoken: 0,
        });
    }

    pub(super) fn say_goodbye(&mut self) -> io::Result<()> {
        self.is_closing = true;
        self.spread = None;
        for index in 0..self.clients.len() {
            self.clients[index].say_goodbye();
            self.turn_of(index)?;
        }
        Ok(())
    }

    pub(super) fn is_over(&self) -> bool {
        self.clients.iter().all(Client::is_over)
    }

    /// Sleeps until something comes or is due, and lets those have their turn who have one.
    pub(super) fn turn(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let spread = self.next_to_speak().map(|(_, at)| at);
        let next = self.due.next().into_iter().chain(spread).min();
        let timeout = next.map(|at| at.saturating_duration_since(Instant::now()));
        match self.poll.poll(&mut events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => result?,
        }
        for event in &events {
            // Beyond the clients is the waker.
            if event.token().0 < self.clients.len() {
                self.turn_of(event.token().0)?;
            }
        }
        let now = Instant::now();
        self.let_speak(now)?;
        while let Some(index) = self.due.pop(now) {
            self.turn_of(index)?;
        }
        Ok(())
    }

    fn let_speak(&mut self, now: Instant) -> io::Result<()> {
        while let Some(index) = self.next_due_to_speak(now) {
            self.clients[index].speak();
            self.turn_of(index)?;
            if let Some(spread) = &mut self.spread {
                spread.spoken += 1;
            }
        }
        Ok(())
    }

    fn next_due_to_speak(&self, now: Instant) -> Option<usize> {
        let (index, at) = self.next_to_speak()?;
        (at <= now).then_some(index)
    }

    /// Who speaks next, and when.
    fn next_to_speak(&self) -> Option<(usize, Instant)> {
        let spread = self.spread.as_ref()?;
        let (index, count) = (spread.spoken, self.clients.len());
        (index < count).then(|| (index, spread.began + phase(index, count)))
    }

    /// How many were let in.
    pub(super) fn connected(&self) -> usize {
        self.connected
    }

    pub(super) fn refused(&self) -> &Reasons {
        &self.refused
    }

    pub(super) fn gone(&self) -> &Reasons {
        &self.gone
    }

    fn connecting(&self) -> usize {
        self.begun - self.connected - report::total(&self.refused)
    }

    fn turn_of(&mut self, index: usize) -> io::Result<()> {
        let client = &mut self.clients[index];
        let mut news = [None; 2];
        client.turn(&mut |happened| {
            // Connected, gone: more does not happen to a client.
            let free = news.iter_mut().find(|place| place.is_none());
            if let Some(place) = free {
                *place = Some(happened);
            }
        })?;
        if let Some(at) = client.next_deadline() {
            self.due.set(index, at);
        }
        news.into_iter()
            .flatten()
            .for_each(|news| self.on_news(news));
        Ok(())
    }

    fn on_news(&mut self, news: News) {
        match news {
            News::Connected => self.connected += 1,
            // It is we who said goodbye.
            News::Gone(_) | News::Refused(_) if self.is_closing => {}
            News::Refused(reason) => report::add(&mut self.refused, &reason, 1),
            News::Gone(reason) => report::add(&mut self.gone, &reason, 1),
        }
    }
}

/// When one of `count` has its turn within the time of a keep-alive.
pub(super) fn phase(index: usize, count: usize) -> Duration {
    KEEP_ALIVE_DEFAULT.mul_f64(index as f64 / count as f64)
}

/// Any port, of the loopback address or, to somewhere else, of any.
pub(super) fn any_port_towards(to: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match (to.is_ipv4(), to.ip().is_loopback()) {
        (true, true) => Ipv4Addr::LOCALHOST.into(),
        (true, false) => Ipv4Addr::UNSPECIFIED.into(),
        (false, true) => Ipv6Addr::LOCALHOST.into(),
        (false, false) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

/// Whose turn is due when. A deadline that moved back stays where it was, and is put in again when it
/// comes up: it costs nothing with every packet that way.
#[derive(Debug)]
struct Due {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    /// The earliest that each has in the heap.
    earliest: Vec<Option<Instant>>,
}

impl Due {
    fn new(count: usize) -> Self {
        Self {
            heap: BinaryHeap::new(),
            earliest: vec![None; count],
        }
    }

    fn set(&mut self, index: usize, at: Instant) {
        let is_covered = self.earliest[index].is_some_and(|earliest| earliest <= at);
        if !is_covered {
            self.earliest[index] = Some(at);
            self.heap.push(Reverse((at, index)));
        }
    }

    fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Somebody whose turn may be due.
    fn pop(&mut self, now: Instant) -> Option<usize> {
        while self.next().is_some_and(|at| at <= now) {
            let Reverse((at, index)) = self.heap.pop()?;
            // Otherwise a later one that an earlier one has made good for.
            if self.earliest[index] == Some(at) {
                self.earliest[index] = None;
                return Some(index);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn whoever_is_due_first_comes_first_and_only_once() {
        let start = Instant::now();
        let mut due = Due::new(3);
        due.set(0, start + 3 * MS);
        due.set(1, start + 2 * MS);
        due.set(0, start + MS);
        assert_eq!(due.next(), Some(start + MS));
        assert_eq!(due.pop(start), None);
        let all: Vec<usize> = std::iter::from_fn(|| due.pop(start + 9 * MS)).collect();
        assert_eq!(all, [0, 1]);
    }

    #[test]
    fn a_deadline_that_moves_back_comes_up_early_and_is_put_in_again() {
        let start = Instant::now();
        let mut due = Due::new(1);
        due.set(0, start + MS);
        due.set(0, start + 5 * MS);
        assert_eq!(due.pop(start + MS), Some(0));
        due.set(0, start + 5 * MS);
        assert_eq!(due.pop(start + MS), None);
        assert_eq!(due.pop(start + 5 * MS), Some(0));
    }
}
