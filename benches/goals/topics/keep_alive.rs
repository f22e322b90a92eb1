//! What 10,000 connections cost a server that have nothing to say: 60 turns a second of a host that answers
//! their keep-alives, against 1% of a core, which is 1 µs for each peer and second.
//!
//! Real sockets over loopback, one for each client, and real time: a connection is kept alive every 5 s, each
//! at its own time. In between the server's turns the clients have theirs, on the same thread, of which only
//! the server's processor time counts. Beside it, tick by tick: a server without a protocol that echoes what
//! as many of the same sockets send as often. Between two turns ten thousand clients have gone through the
//! cache: it is the harder of two measurements. `tickwire bench connections` shows the same of clients in
//! processes of their own, and what it costs to be woken by each datagram.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant};
use std::{ops, thread};

use tickwire::limits::KEEP_ALIVE_DEFAULT;
use tickwire::proto::HostState;
use tickwire::{Config, Delivery, Host, PeerId, Ticker};

use crate::contest::{Contestant, Entry, Goal, Topic};
use crate::cpu::thread_cpu_time;
use crate::files;
use crate::floors::{PeerName, RawServer};
use crate::settings::Settings;
use crate::topics::crowd::{connecting, expect, received};
use crate::work::Bound;

const CLIENTS: usize = 10_000;
const CLIENTS_IN_TEST: usize = 64;

/// Open files that belong to no client.
const OTHER_FILES: usize = 64;

const TICKS_PER_SECOND: u32 = 60;

/// Of a round.
const SECONDS: u32 = 2;
const ROUNDS_MAX: usize = 7;

/// So that a short round of a test has something to measure.
const KEEP_ALIVE_IN_TEST: Duration = Duration::from_millis(200);
const TICKS_IN_TEST: u32 = 30;

/// How many connect at the same time.
const CONNECTING_MAX: usize = 128;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// About as long as what keeps a connection alive.
const QUESTION: &[u8] = &[0; 36];

const HOST: &str = "tickwire plain, 60 turns a second";
const FLOOR: &str = "recvmmsg and sendmmsg, 60 turns a second, no protocol";
const ONE_PERCENT: &str = "1% of a core";

const GOALS: &[Goal] = &[
    Goal {
        name: "10,000 idle connections: tickwire plain at 60 turns a second against 1% of a core",
        of: HOST,
        against: ONE_PERCENT,
        bound: Some(1.00),
    },
    Goal {
        name: "10,000 idle connections: tickwire plain against recvmmsg and sendmmsg without a protocol",
        of: HOST,
        against: FLOOR,
        bound: None,
    },
    Goal {
        name: "10,000 idle connections: recvmmsg and sendmmsg without a protocol against 1% of a core",
        of: FLOOR,
        against: ONE_PERCENT,
        bound: None,
    },
];

pub(crate) fn topic(settings: &Settings) -> Topic {
    let plan = Plan::of(settings);
    Topic {
        title: "idle connections",
        unit: "peer and second",
        units: plan.peer_seconds(),
        rounds: settings.rounds.min(ROUNDS_MAX),
        goals: GOALS,
        enter,
    }
}

fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let plan = Plan::of(settings);
    plan.tell_if_smaller(settings);
    let both = Rc::new(RefCell::new(Both::new(plan)?));
    Ok(vec![
        Entry::new(ONE_PERCENT, OnePercent(plan)),
        Entry::new(FLOOR, Part::of(&both, |both| &mut both.floor_times)),
        Entry::new(HOST, Part::of(&both, |both| &mut both.host_times)),
    ])
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Plan {
    clients: usize,
    keep_alive: Duration,
    /// Of a round.
    ticks: u32,
}

impl Plan {
    fn of(settings: &Settings) -> Self {
        if settings.is_test {
            return Self {
                clients: CLIENTS_IN_TEST,
                keep_alive: KEEP_ALIVE_IN_TEST,
                ticks: TICKS_IN_TEST,
            };
        }
        let room = files::allowed().saturating_sub(OTHER_FILES);
        Self {
            clients: CLIENTS.min(room),
            keep_alive: KEEP_ALIVE_DEFAULT,
            ticks: SECONDS * TICKS_PER_SECOND,
        }
    }

    fn tell_if_smaller(&self, settings: &Settings) {
        if !settings.is_test && self.clients < CLIENTS {
            println!(
                "The system allows files for only {} of 10,000 idle connections, so 1% of a core is taken in \
                 proportion (as root, ulimit -n raises it).\n",
                self.clients
            );
        }
    }

    fn peer_seconds(&self) -> usize {
        self.clients * self.ticks as usize / TICKS_PER_SECOND as usize
    }

    /// Who speaks in a tick, if everybody does once within the time of a keep-alive.
    fn speakers(&self, tick: u32) -> ops::Range<usize> {
        let ticks = self.ticks_of_keep_alive();
        let until = |tick: u32| tick as usize * self.clients / ticks as usize;
        let tick = tick % ticks;
        until(tick)..until(tick + 1)
    }

    fn ticks_of_keep_alive(&self) -> u32 {
        let millis = u32::try_from(self.keep_alive.as_millis()).unwrap_or(u32::MAX);
        millis.saturating_mul(TICKS_PER_SECOND) / 1000
    }
}

/// The server, the floor, and the sockets that talk to either.
struct Both {
    plan: Plan,
    host: Host,
    floor: RawServer,
    floor_address: SocketAddr,
    names: Vec<PeerName>,
    clients: Vec<Client>,
    /// Ticks so far.
    tick: u32,
    /// What each took in rounds that nobody has asked for yet.
    host_times: VecDeque<Duration>,
    floor_times: VecDeque<Duration>,
}

struct Client {
    socket: UdpSocket,
    state: HostState,
    peer: PeerId,
}

impl Both {
    fn new(plan: Plan) -> io::Result<Self> {
        let config = Config {
            peers_max: plan.clients,
            keep_alive: plan.keep_alive,
            ..Config::plain(7)
        };
        let host = Host::bind(([127, 0, 0, 1], 0).into(), config.clone())?;
        let floor = RawServer::new()?;
        let clients =
            (0..plan.clients).map(|number| Client::new(&config, host.local_addr(), number));
        let clients: Vec<Client> = clients.collect::<io::Result<_>>()?;
        let names = clients.iter().map(|client| client.socket.local_addr());
        let names = names.map(|address| address.and_then(PeerName::new));
        let mut both = Self {
            plan,
            names: names.collect::<io::Result<_>>()?,
            host,
            floor_address: floor.address()?,
            floor,
            clients,
            tick: 0,
            host_times: VecDeque::new(),
            floor_times: VecDeque::new(),
        };
        both.connect()?;
        both.spread()?;
        Ok(both)
    }

    fn connect(&mut self) -> io::Result<()> {
        let start = Instant::now();
        let mut begun = 0;
        while self.host.stats().peers < self.clients.len() {
            if start.elapsed() > CONNECT_TIMEOUT {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if self.host.stats().peers == begun {
                begun = self.clients.len().min(begun + CONNECTING_MAX);
            }
            let newest = begun.saturating_sub(CONNECTING_MAX);
            turn_of(&mut self.clients[newest..begun], &self.host)?;
            self.hear()?;
        }
        Ok(())
    }

    /// Everybody says a word at a time of his own, so that what keeps them alive comes evenly, as from players
    /// who came whenever they liked.
    fn spread(&mut self) -> io::Result<()> {
        let mut ticker = Ticker::hz(TICKS_PER_SECOND);
        for tick in 0..self.plan.ticks_of_keep_alive() {
            sleep_until(ticker.next_tick());
            self.clients_turn()?;
            for client in &mut self.clients[self.plan.speakers(tick)] {
                client.speak()?;
            }
            self.hear()?;
        }
        // The last word leaves with the next turn.
        self.clients_turn()?;
        self.hear()
    }

    fn hear(&mut self) -> io::Result<()> {
        self.host.poll()?;
        while self.host.next_event().is_some() {}
        Ok(())
    }

    /// Measures a round of both.
    fn run(&mut self) -> io::Result<()> {
        let mut ticker = Ticker::hz(TICKS_PER_SECOND);
        let (mut host_time, mut floor_time) = (Duration::ZERO, Duration::ZERO);
        let received = self.host.socket_stats().datagrams_received;
        for _ in 0..self.plan.ticks {
            sleep_until(ticker.next_tick());
            // Before the clients' turn, so that the sockets of the floor are as cold as those of the others.
            self.ask_floor()?;
            self.clients_turn()?;
            // Whoever comes second finds the caches as the first has left them.
            if self.tick % 2 == 0 {
                host_time += self.host_turn()?;
                floor_time += self.floor_turn()?;
            } else {
                floor_time += self.floor_turn()?;
                host_time += self.host_turn()?;
            }
            self.tick = self.tick.wrapping_add(1);
        }
        self.check(self.host.socket_stats().datagrams_received - received)?;
        self.host_times.push_back(host_time);
        self.floor_times.push_back(floor_time);
        Ok(())
    }

    /// Everybody is there, and everybody was kept alive as often as he should be, or almost: who is asked once a
    /// tick is up to a tick late each time.
    fn check(&self, received: u64) -> io::Result<()> {
        expect("peers", self.host.stats().peers, self.clients.len())?;
        let speakers = (0..self.plan.ticks).map(|tick| self.plan.speakers(tick).len());
        let period = u64::from(self.plan.ticks_of_keep_alive());
        let in_time = speakers.sum::<usize>() as u64 * period / (period + 1);
        let wanted = in_time * 95 / 100;
        if received >= wanted {
            return Ok(());
        }
        let text = format!("{received} keep-alives came, where {wanted} are the least");
        Err(io::Error::other(text))
    }

    fn host_turn(&mut self) -> io::Result<Duration> {
        let start = thread_cpu_time();
        self.host.poll()?;
        let event = self.host.next_event();
        let time = thread_cpu_time() - start;
        expect("events", usize::from(event.is_some()), 0)?;
        Ok(time)
    }

    fn ask_floor(&self) -> io::Result<()> {
        for client in &self.clients[self.plan.speakers(self.tick)] {
            client.socket.send_to(QUESTION, self.floor_address)?;
        }
        Ok(())
    }

    fn floor_turn(&mut self) -> io::Result<Duration> {
        let speakers = self.plan.speakers(self.tick);
        let start = thread_cpu_time();
        let came = self.floor.tick(&self.names[speakers.clone()], QUESTION)?;
        let time = thread_cpu_time() - start;
        expect("questions", came, speakers.len())?;
        Ok(time)
    }

    fn clients_turn(&mut self) -> io::Result<()> {
        turn_of(&mut self.clients, &self.host)
    }
}

impl Client {
    fn new(config: &Config, server: SocketAddr, number: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let (state, peer) = connecting(config, server, number)?;
        Ok(Self {
            socket,
            state,
            peer,
        })
    }

    fn speak(&mut self) -> io::Result<()> {
        self.state
            .send(self.peer, Delivery::Unreliable, b"here", Instant::now())?;
        Ok(())
    }

    fn turn(&mut self, server: SocketAddr, now: Instant) -> io::Result<()> {
        let mut buffer = [0; 1024];
        while let Some((len, from)) = received(self.socket.recv_from(&mut buffer))? {
            // The floor's echoes are for nobody.
            if from == server {
                self.state.handle_datagram(from, &buffer[..len], now);
            }
        }
        self.state.handle_timeout(now);
        while self.state.poll_event().is_some() {}
        while let Some(sent) = self.state.poll_transmit(&mut buffer, now) {
            self.socket.send_to(&buffer[..sent.len], sent.to)?;
        }
        Ok(())
    }
}

/// One of those who are measured together.
struct Part {
    both: Rc<RefCell<Both>>,
    times: fn(&mut Both) -> &mut VecDeque<Duration>,
}

impl Part {
    fn of(both: &Rc<RefCell<Both>>, times: fn(&mut Both) -> &mut VecDeque<Duration>) -> Self {
        Self {
            both: Rc::clone(both),
            times,
        }
    }
}

impl Contestant for Part {
    fn round(&mut self) -> io::Result<Duration> {
        let mut both = self.both.borrow_mut();
        if (self.times)(&mut both).is_empty() {
            both.run()?;
        }
        (self.times)(&mut both)
            .pop_front()
            .ok_or_else(|| io::Error::other("a round without a time"))
    }
}

/// What is promised, as a contestant that always takes that.
struct OnePercent(Plan);

impl Contestant for OnePercent {
    fn round(&mut self) -> io::Result<Duration> {
        Ok(Duration::from_micros(self.0.peer_seconds() as u64))
    }
}

fn turn_of(clients: &mut [Client], host: &Host) -> io::Result<()> {
    let (server, now) = (host.local_addr(), Instant::now());
    let mut clients = clients.iter_mut();
    clients.try_for_each(|client| client.turn(server, now))
}

fn sleep_until(at: Instant) {
    thread::sleep(at.saturating_duration_since(Instant::now()));
}
