//! Connections that share a link, on virtual time.

use tickwire::sim::{LinkConditions, Loss};

use crate::limits::DATAGRAM_MAX;
use crate::proto::congestion::RateLimits;
use crate::proto::time::{Duration, Instant};

use super::controller::Controller;
use super::datagram::{ACK_LEN, Ack, Body, Content, Datagram, PIECE};
use super::direction::Direction;
use super::receiver::Receiver;
use super::scenarios::Scenario;
use super::sender::Sender;

/// When both ends look at their sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polls {
    /// As soon as something arrives, and when a deadline has passed, to the millisecond.
    Deadlines,
    /// 60 times a second, and at no other time.
    Ticks,
}

/// A frame at 60 Hz.
const TICK: Duration = Duration::from_nanos(16_666_667);

/// How exactly a sleep ends.
const SLEEP: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(crate) struct World<C: Controller> {
    pub(crate) scenario: Scenario,
    polls: Polls,
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) forward: Direction,
    back: Direction,
    pub(crate) flows: Vec<Flow<C>>,
    changes_done: usize,
    /// What each had received when all transfers had begun, and when the first was over.
    pub(crate) shared: [Option<Vec<u64>>; 2],
}

#[derive(Debug)]
pub(crate) struct Flow<C: Controller> {
    pub(crate) sender: Sender<C>,
    pub(crate) receiver: Receiver,
    acks: Vec<Ack>,
    packets: Vec<(u64, Content)>,
    sender_tick: Instant,
    receiver_tick: Instant,
    sender_wakes: Option<Instant>,
    receiver_wakes: Option<Instant>,
    bulk_begins: Option<(u64, Instant)>,
    flood_begins: Option<Instant>,
    pub(crate) bulk_total: u64,
    /// Pieces of the flood that are to be made, in billionths.
    flood_rest: f64,
    pub(crate) made: Made,
    pub(crate) rates: Vec<(Instant, u64)>,
}

/// What the application has given to the sender.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) game: Vec<Instant>,
    pub(crate) flood: u64,
}

impl<C: Controller> World<C> {
    pub(crate) fn new(scenario: Scenario, polls: Polls, seed: u64) -> Self {
        let start = Instant::START;
        let flows = (0..scenario.flows).map(|index| Flow::new(&scenario, index, seed, start));
        Self {
            scenario,
            polls,
            start,
            now: start,
            forward: Direction::new(conditions(&scenario, scenario.link.rate), seed),
            back: Direction::new(conditions(&scenario, None), seed + 1_000_000),
            flows: flows.collect(),
            changes_done: 0,
            shared: [None, None],
        }
    }

    pub(crate) fn run(&mut self) {
        let ends = self.start + self.scenario.ends;
        while self.now < ends && !self.is_over() {
            self.now = self.next_step().max(self.now).min(ends);
            self.change_the_link();
            self.deliver();
            for index in 0..self.flows.len() {
                self.turn(index);
            }
            self.note_what_is_shared();
        }
    }

    fn is_over(&self) -> bool {
        self.scenario.traffic.bulk.is_some() && self.flows.iter().all(Flow::is_done)
    }

    fn next_step(&mut self) -> Instant {
        let links = [self.forward.next_deadline(), self.back.next_deadline()];
        let change = self.scenario.changes.get(self.changes_done);
        let change = change.map(|(at, _)| self.start + *at);
        let flows = self.flows.iter().flat_map(|flow| {
            let ticks = [Some(flow.sender_tick), Some(flow.receiver_tick)];
            ticks
                .into_iter()
                .chain([flow.sender_wakes, flow.receiver_wakes])
        });
        let all = links.into_iter().chain([change]).chain(flows);
        all.flatten().min().expect("a tick always comes")
    }

    fn change_the_link(&mut self) {
        while let Some((at, rate)) = self.scenario.changes.get(self.changes_done) {
            if self.start + *at > self.now {
                return;
            }
            let conditions = conditions(&self.scenario, Some(*rate));
            self.forward.set_conditions(conditions);
            self.changes_done += 1;
        }
    }

    /// What is due goes into the sockets.
    fn deliver(&mut self) {
        for link in [&mut self.forward, &mut self.back] {
            while let Some(datagram) = link.poll(self.now) {
                let flow = &mut self.flows[datagram.flow];
                match datagram.body {
                    Body::Packet { number, content } => flow.packets.push((number, content)),
                    Body::Ack(ack) => flow.acks.push(ack),
                }
            }
        }
    }

    fn turn(&mut self, index: usize) {
        let (flow, now) = (&mut self.flows[index], self.now);
        let by_deadlines = self.polls == Polls::Deadlines;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let is_tick = flow.receiver_tick <= now;
        if is_tick || by_deadlines && (!flow.packets.is_empty() || is_due(flow.receiver_wakes)) {
            flow.receive(is_tick, index, &self.scenario, &mut self.back, now);
            let deadline = flow.receiver.deadline().filter(|_| by_deadlines);
            flow.receiver_wakes = deadline.map(|at| wake_up(at, self.start, now));
        }
        let is_tick = flow.sender_tick <= now;
        if is_tick || by_deadlines && (!flow.acks.is_empty() || is_due(flow.sender_wakes)) {
            flow.send(is_tick, index, &self.scenario, &mut self.forward, now);
            let deadline = flow.sender.deadline().filter(|_| by_deadlines);
            flow.sender_wakes = deadline.map(|at| wake_up(at, self.start, now));
        }
    }

    fn note_what_is_shared(&mut self) {
        let bytes = || {
            self.flows
                .iter()
                .map(|flow| flow.receiver.arrived.bulk_bytes)
        };
        let have_begun = self.flows.iter().all(|flow| flow.bulk_total > 0);
        if have_begun && self.shared[0].is_none() {
            self.shared[0] = Some(bytes().collect());
        }
        if have_begun && self.shared[1].is_none() && self.flows.iter().any(Flow::is_done) {
            self.shared[1] = Some(bytes().collect());
        }
    }
}

/// A sleep ends on a whole millisecond, and not at once.
fn wake_up(at: Instant, start: Instant, now: Instant) -> Instant {
    let at = at.max(now + Duration::from_nanos(1)) - start;
    start + SLEEP * u32::try_from(at.as_nanos().div_ceil(SLEEP.as_nanos())).unwrap()
}

fn conditions(scenario: &Scenario, rate: Option<u64>) -> LinkConditions {
    let line = scenario.link;
    LinkConditions {
        latency: (line.round_trip / 2).to_std(),
        jitter: line.jitter.to_std(),
        loss: Loss::Independent {
            probability: line.loss,
        },
        rate,
        queue_bytes: line.queue_bytes,
        ..LinkConditions::default()
    }
}

impl<C: Controller> Flow<C> {
    fn new(scenario: &Scenario, index: usize, seed: u64, start: Instant) -> Self {
        let limits = RateLimits {
            floor: crate::limits::RATE_FLOOR_DEFAULT / 8,
            ceiling: scenario.ceiling / 8,
            start: crate::limits::RATE_START_DEFAULT / 8,
        };
        let later = Duration::from_millis(500) * u32::try_from(index).unwrap();
        // Where the ticks of the two ends lie to each other is luck.
        let phase = |salt: u64| {
            let luck = (seed + 1) * 7919 + salt * 104_729 + index as u64 * 1_299_709;
            start + TICK * u32::try_from(luck % 1000).unwrap() / 1000
        };
        let traffic = &scenario.traffic;
        let mut sender = Sender::new(limits, start);
        sender.waiting.game_len = traffic.game;
        Self {
            sender,
            receiver: Receiver::default(),
            acks: Vec::new(),
            packets: Vec::new(),
            sender_tick: phase(0),
            receiver_tick: phase(1),
            sender_wakes: None,
            receiver_wakes: None,
            bulk_begins: traffic.bulk.map(|(bytes, at)| (bytes, start + at + later)),
            flood_begins: traffic.flood.map(|(_, at)| start + at + later),
            bulk_total: 0,
            flood_rest: 0.0,
            made: Made::default(),
            rates: Vec::new(),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.bulk_total > 0 && self.receiver.arrived.bulk_bytes >= self.bulk_total
    }

    fn receive(
        &mut self,
        is_tick: bool,
        index: usize,
        scenario: &Scenario,
        back: &mut Direction,
        now: Instant,
    ) {
        for (number, content) in self.packets.drain(..) {
            self.receiver.on_packet(number, content, now);
        }
        let mut has_packet = false;
        if is_tick {
            self.receiver_tick += TICK;
            has_packet = scenario.traffic.game > 0;
        }
        if let Some(ack) = self.receiver.poll_ack(has_packet, now) {
            let body = Body::Ack(ack);
            back.send(Datagram { flow: index, body }, &[0; ACK_LEN], now);
        }
    }

    fn send(
        &mut self,
        is_tick: bool,
        index: usize,
        scenario: &Scenario,
        forward: &mut Direction,
        now: Instant,
    ) {
        for ack in self.acks.drain(..) {
            self.sender.on_ack(&ack, now);
        }
        self.sender.on_timeout(now);
        if is_tick {
            self.sender_tick += TICK;
            self.make(scenario, now);
            self.rates.push((now, self.sender.rate() * 8));
        }
        while let Some((number, content, len)) = self.sender.poll_transmit(now) {
            let body = Body::Packet { number, content };
            let datagram = Datagram { flow: index, body };
            forward.send(datagram, &[0; DATAGRAM_MAX][..len], now);
        }
    }

    /// What the game does in a tick.
    fn make(&mut self, scenario: &Scenario, now: Instant) {
        let waiting = &mut self.sender.waiting;
        if scenario.traffic.game > 0 {
            waiting.game.push_back(now);
            self.made.game.push(now);
        }
        if let Some((bytes, _)) = self.bulk_begins.take_if(|(_, at)| *at <= now) {
            let bytes = bytes.next_multiple_of(PIECE as u64);
            (waiting.bulk_bytes, self.bulk_total) = (bytes, bytes);
        }
        if let (Some((rate, _)), Some(at)) = (scenario.traffic.flood, self.flood_begins) {
            if now >= at {
                self.flood_rest += rate as f64 / 8.0 * TICK.to_std().as_secs_f64() / PIECE as f64;
                while self.flood_rest >= 1.0 {
                    self.flood_rest -= 1.0;
                    waiting.flood.push_back(now);
                    self.made.flood += 1;
                }
            }
        }
    }
}
