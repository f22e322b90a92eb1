//! Flows that share a path, on virtual time.

use super::packet::{ACK_LEN, Body, FRAGMENT_LEN, FlowAck, FlowDatagram, Payload};
use super::receiver::FlowReceiver;
use super::scenarios::Scenario;
use super::sender::FlowSender;
use super::sim_link::SimLink;
use crate::limits::DATAGRAM_MAX;
use crate::proto::congestion::{Controller, RateLimits};
use crate::proto::time::{Duration, Instant};
use crate::sim::{LinkConditions, Loss};

/// When both hosts poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Polls {
    /// When a datagram arrives and at deadlines, to the millisecond.
    Deadlines,
    Ticks,
}

/// 60 Hz.
const TICK: Duration = Duration::from_nanos(16_666_667);

const SLEEP_RESOLUTION: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct World<C: Controller> {
    pub(super) scenario: Scenario,
    polls: Polls,
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) forward: SimLink,
    back: SimLink,
    pub(super) flows: Vec<Flow<C>>,
    changes_applied: usize,
    /// Bytes that each flow had received when all transfers had begun, and when the first was
    /// complete.
    pub(super) bulk_bytes_while_shared: [Option<Vec<u64>>; 2],
}

#[derive(Debug)]
pub(super) struct Flow<C: Controller> {
    pub(super) sender: FlowSender<C>,
    pub(super) receiver: FlowReceiver,
    acks: Vec<FlowAck>,
    packets: Vec<(u64, Payload)>,
    next_sender_tick: Instant,
    next_receiver_tick: Instant,
    sender_deadline: Option<Instant>,
    receiver_deadline: Option<Instant>,
    bulk_begins: Option<(u64, Instant)>,
    flood_begins: Option<Instant>,
    pub(super) bulk_total: u64,
    /// Fraction of the next message of the flood.
    flood_fraction: f64,
    pub(super) produced: Produced,
    pub(super) rates: Vec<(Instant, u64)>,
}

#[derive(Debug, Default)]
pub(super) struct Produced {
    pub(super) game: Vec<Instant>,
    pub(super) flood: u64,
}

impl<C: Controller> World<C> {
    pub(super) fn new(scenario: Scenario, polls: Polls, seed: u64) -> Self {
        let start = Instant::START;
        let flows = (0..scenario.flows).map(|index| Flow::new(&scenario, index, seed, start));
        Self {
            scenario,
            polls,
            start,
            now: start,
            forward: SimLink::new(conditions(&scenario, scenario.link.rate), seed),
            back: SimLink::new(conditions(&scenario, None), seed + 1_000_000),
            flows: flows.collect(),
            changes_applied: 0,
            bulk_bytes_while_shared: [None, None],
        }
    }

    pub(super) fn run(&mut self) {
        let ends = self.start + self.scenario.ends;
        while self.now < ends && !self.is_over() {
            self.now = self.next_step().max(self.now).min(ends);
            self.change_link();
            self.deliver();
            for index in 0..self.flows.len() {
                self.turn(index);
            }
            self.record_shared_bytes();
        }
    }

    fn is_over(&self) -> bool {
        self.scenario.traffic.bulk.is_some() && self.flows.iter().all(Flow::is_done)
    }

    fn next_step(&mut self) -> Instant {
        let links = [self.forward.next_deadline(), self.back.next_deadline()];
        let change = self.scenario.changes.get(self.changes_applied);
        let change = change.map(|(at, _)| self.start + *at);
        let flows = self.flows.iter().flat_map(|flow| {
            let ticks = [Some(flow.next_sender_tick), Some(flow.next_receiver_tick)];
            ticks
                .into_iter()
                .chain([flow.sender_deadline, flow.receiver_deadline])
        });
        let all = links.into_iter().chain([change]).chain(flows);
        all.flatten().min().expect("every flow has a next tick")
    }

    fn change_link(&mut self) {
        while let Some((at, rate)) = self.scenario.changes.get(self.changes_applied) {
            if self.start + *at > self.now {
                return;
            }
            let conditions = conditions(&self.scenario, Some(*rate));
            self.forward.set_conditions(conditions);
            self.changes_applied += 1;
        }
    }

    fn deliver(&mut self) {
        for link in [&mut self.forward, &mut self.back] {
            while let Some(datagram) = link.poll(self.now) {
                let flow = &mut self.flows[datagram.flow];
                match datagram.body {
                    Body::Packet { number, payload } => flow.packets.push((number, payload)),
                    Body::Ack(ack) => flow.acks.push(ack),
                }
            }
        }
    }

    fn turn(&mut self, index: usize) {
        let (flow, now) = (&mut self.flows[index], self.now);
        let by_deadlines = self.polls == Polls::Deadlines;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let is_tick = flow.next_receiver_tick <= now;
        if is_tick || by_deadlines && (!flow.packets.is_empty() || is_due(flow.receiver_deadline)) {
            flow.receive(is_tick, index, &self.scenario, &mut self.back, now);
            let deadline = flow.receiver.deadline().filter(|_| by_deadlines);
            flow.receiver_deadline = deadline.map(|at| wake_up(at, self.start, now));
        }
        let is_tick = flow.next_sender_tick <= now;
        if is_tick || by_deadlines && (!flow.acks.is_empty() || is_due(flow.sender_deadline)) {
            flow.send(is_tick, index, &self.scenario, &mut self.forward, now);
            let deadline = flow.sender.deadline().filter(|_| by_deadlines);
            flow.sender_deadline = deadline.map(|at| wake_up(at, self.start, now));
        }
    }

    fn record_shared_bytes(&mut self) {
        let bytes = || {
            self.flows
                .iter()
                .map(|flow| flow.receiver.arrived.bulk_bytes)
        };
        let have_begun = self.flows.iter().all(|flow| flow.bulk_total > 0);
        if have_begun && self.bulk_bytes_while_shared[0].is_none() {
            self.bulk_bytes_while_shared[0] = Some(bytes().collect());
        }
        if have_begun
            && self.bulk_bytes_while_shared[1].is_none()
            && self.flows.iter().any(Flow::is_done)
        {
            self.bulk_bytes_while_shared[1] = Some(bytes().collect());
        }
    }
}

/// When a sleep until `at` ends: on the next whole millisecond after now.
fn wake_up(at: Instant, start: Instant, now: Instant) -> Instant {
    let at = at.max(now + Duration::from_nanos(1)) - start;
    start
        + SLEEP_RESOLUTION
            * u32::try_from(at.as_nanos().div_ceil(SLEEP_RESOLUTION.as_nanos())).unwrap()
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
        let stagger = Duration::from_millis(500) * u32::try_from(index).unwrap();
        // The phase between the ticks of both hosts depends on the seed.
        let phase = |salt: u64| {
            let offset = (seed + 1) * 7919 + salt * 104_729 + index as u64 * 1_299_709;
            start + TICK * u32::try_from(offset % 1000).unwrap() / 1000
        };
        let traffic = &scenario.traffic;
        let mut sender = FlowSender::new(limits, start);
        sender.backlog.game_len = traffic.game.unwrap_or(0);
        Self {
            sender,
            receiver: FlowReceiver::default(),
            acks: Vec::new(),
            packets: Vec::new(),
            next_sender_tick: phase(0),
            next_receiver_tick: phase(1),
            sender_deadline: None,
            receiver_deadline: None,
            bulk_begins: traffic
                .bulk
                .map(|(bytes, at)| (bytes, start + at + stagger)),
            flood_begins: traffic.flood.map(|(_, at)| start + at + stagger),
            bulk_total: 0,
            flood_fraction: 0.0,
            produced: Produced::default(),
            rates: Vec::new(),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.bulk_total > 0 && self.receiver.arrived.bulk_bytes >= self.bulk_total
    }

    fn receive(
        &mut self,
        is_tick: bool,
        index: usize,
        scenario: &Scenario,
        back: &mut SimLink,
        now: Instant,
    ) {
        for (number, payload) in self.packets.drain(..) {
            self.receiver.on_packet(number, payload, now);
        }
        let mut has_packet = false;
        if is_tick {
            self.next_receiver_tick += TICK;
            has_packet = scenario.traffic.game.is_some();
        }
        if let Some(ack) = self.receiver.poll_ack(has_packet, now) {
            let body = Body::Ack(ack);
            back.send(FlowDatagram { flow: index, body }, &[0; ACK_LEN], now);
        }
    }

    fn send(
        &mut self,
        is_tick: bool,
        index: usize,
        scenario: &Scenario,
        forward: &mut SimLink,
        now: Instant,
    ) {
        for ack in self.acks.drain(..) {
            self.sender.on_ack(&ack, now);
        }
        self.sender.on_timeout(now);
        if is_tick {
            self.next_sender_tick += TICK;
            self.produce(scenario, now);
            self.rates.push((now, self.sender.pacing_rate() * 8));
        }
        while let Some((number, payload, len)) = self.sender.poll_transmit(now) {
            let body = Body::Packet { number, payload };
            let datagram = FlowDatagram { flow: index, body };
            forward.send(datagram, &[0; DATAGRAM_MAX][..len], now);
        }
    }

    fn produce(&mut self, scenario: &Scenario, now: Instant) {
        let backlog = &mut self.sender.backlog;
        if scenario.traffic.game.is_some() {
            backlog.game.push_back(now);
            self.produced.game.push(now);
        }
        if let Some((bytes, _)) = self.bulk_begins.take_if(|(_, at)| *at <= now) {
            let bytes = bytes.next_multiple_of(FRAGMENT_LEN as u64);
            (backlog.bulk_bytes, self.bulk_total) = (bytes, bytes);
        }
        if let (Some((rate, _)), Some(at)) = (scenario.traffic.flood, self.flood_begins) {
            if now >= at {
                self.flood_fraction +=
                    rate as f64 / 8.0 * TICK.to_std().as_secs_f64() / FRAGMENT_LEN as f64;
                while self.flood_fraction >= 1.0 {
                    self.flood_fraction -= 1.0;
                    backlog.flood.push_back(now);
                    self.produced.flood += 1;
                }
            }
        }
    }
}
