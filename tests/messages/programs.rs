//! Random programs over random links, checked against the [model](crate::model).

use tickwire::limits::{MESSAGE_OVERHEAD, UNRELIABLE_MAX};
use tickwire::sim::{LinkConditions, Loss};
use tickwire::{Config, Delivery, DisconnectReason, HostStats, PeerStats};
use tickwire::{SendError, limits};

use crate::model::Model;
use crate::pair::{Counts, Pair};
use crate::world::rng::TestRng;
use crate::world::{config, for_each_seed, ms, secs};
use crate::{CLIENT, SERVER, latency, partition};

type Program = Pair<Model>;

/// Lengths around encoding and fragment boundaries.
const LENGTHS: [usize; 16] = [
    0, 1, 7, 8, 63, 64, 65, 255, 256, 257, 959, 960, 961, 992, 993, 1921,
];

fn random_programs_match_the_model_when_driven_by_deadlines() {
    for_each_seed(1000, |seed| run(seed, false));
}

fn random_programs_match_the_model_at_60_hz() {
    for_each_seed(1000, |seed| run(seed, true));
}

fn run(seed: u64, is_ticking: bool) {
    let mut rng = TestRng::new(!seed ^ u64::from(is_ticking));
    let configs = [random_config(&mut rng), random_config(&mut rng)];
    let windows = windows(&configs);
    let observer = Model::new(windows);
    let mut program = Pair::new(seed, configs, ms(10), observer);
    program.rng = TestRng::new(rng.number());
    if is_ticking {
        // With different rates all phases occur.
        program.set_tick(CLIENT, Some(secs(1) / 60));
        program.set_tick(SERVER, Some(secs(1) / 61));
    }
    let mut snapshots = Snapshots::take(&program);
    let steps = 4 + rng.below(16);
    for _ in 0..steps {
        random_action(&mut program);
        if program.rng.chance(0.03) {
            disconnect(&mut program);
            *program.observer_mut() = Model::new(windows);
            program.connect();
            snapshots = Snapshots::take(&program);
        }
    }
    end_faults(&mut program);
    snapshots.check(&program);
    assert_idle(&mut program);
    disconnect(&mut program);
}

fn random_config(rng: &mut TestRng) -> Config {
    let mut pick = |from: &[usize]| from[rng.index(from.len())];
    Config {
        redundant_copies: u8::try_from(pick(&[0, 1, 2, 2, 2, 8])).unwrap(),
        message_max_from_clients: pick(&[960, 1500, 5000, 64 << 10]),
        message_max_from_servers: pick(&[960, 3000, 20_000, 64 << 10]),
        receive_window: pick(&[0, 10_000, 256 << 10]),
        ack_delay_max: ms(pick(&[0, 1, 16, 16, 100]) as u64),
        ..config()
    }
}

/// Receive window of each side, in bytes with overhead.
fn windows(configs: &[Config; 2]) -> [u64; 2] {
    let messages = [
        4 * (configs[CLIENT].message_max_from_servers + MESSAGE_OVERHEAD),
        2 * (configs[SERVER].message_max_from_clients + MESSAGE_OVERHEAD),
    ];
    [CLIENT, SERVER].map(|side| configs[side].receive_window.max(messages[side]) as u64)
}

fn random_conditions(rng: &mut TestRng) -> LinkConditions {
    let mut some = |chance: f64, most: f64| {
        if rng.chance(chance) {
            rng.share() * most
        } else {
            0.0
        }
    };
    let (latency, jitter) = (some(0.8, 120.0), some(0.5, 40.0));
    let (duplication, reorder) = (some(0.3, 0.3), some(0.3, 0.3));
    let (corruption, loss) = (some(0.2, 0.05), some(0.7, 0.3));
    let is_narrow = some(0.2, 1.0) > 0.0;
    LinkConditions {
        latency: ms(1).mul_f64(latency),
        jitter: ms(1).mul_f64(jitter),
        loss: random_loss(rng, loss),
        duplication,
        reorder,
        reorder_delay: rng.time(ms(0), ms(60)),
        corruption,
        rate: is_narrow.then(|| 200_000 + rng.below(4_000_000)),
        queue_bytes: 3000 + rng.index(40_000),
        partitioned: false,
    }
}

fn random_loss(rng: &mut TestRng, probability: f64) -> Loss {
    if rng.chance(0.5) {
        return Loss::Independent { probability };
    }
    let mean_length = 1.0 + rng.share() * 5.0;
    Loss::Bursts {
        probability,
        mean_length,
    }
}

fn random_action(program: &mut Program) {
    let side = program.rng.index(2);
    match program.rng.below(16) {
        0..9 => burst(program, side),
        9 => fill(program, side),
        10 => partition_link(program, side),
        11 => {
            let time = program.rng.time(ms(1), ms(1500));
            program.stall(side, time);
        }
        12 => program.pause_events(side, true),
        13 => program.pause_events(side, false),
        _ => {
            let conditions = random_conditions(&mut program.rng);
            program.set_link(side, &conditions);
        }
    }
    let time = program.rng.time(ms(0), ms(120));
    program.run_for(time);
}

fn burst(program: &mut Program, side: usize) {
    let count = 1 + program.rng.below(12);
    program.run_to_tick(side);
    for _ in 0..count {
        let delivery = random_delivery(&mut program.rng);
        let max = program.host(side).message_max(program.peer(side), delivery);
        let len = random_length(&mut program.rng, max.unwrap());
        send(program, side, delivery, len);
    }
    program.turn(side);
}

fn random_delivery(rng: &mut TestRng) -> Delivery {
    let channel = [0, 1, 2, 255][rng.index(4)];
    match rng.below(4) {
        0 => Delivery::Unreliable,
        1 => Delivery::Sequenced(channel),
        2 => Delivery::Reliable,
        _ => Delivery::Ordered(channel),
    }
}

fn random_length(rng: &mut TestRng, max: usize) -> usize {
    let len = match rng.below(20) {
        0..14 => rng.index(80),
        14..19 => LENGTHS[rng.index(LENGTHS.len())],
        _ => max - rng.index(max.min(3)),
    };
    len.min(max)
}

fn send(program: &mut Program, side: usize, delivery: Delivery, len: usize) -> bool {
    if program.is_stalled(side) {
        return false;
    }
    let bytes = program.observer_mut().next_message(side, len);
    let is_tracked = program.rng.chance(0.5);
    let peer = program.peer(side);
    let mut host = program.host_mut(side);
    let outcome = if is_tracked {
        host.send_tracked(peer, delivery, &bytes).map(Some)
    } else {
        host.send(peer, delivery, &bytes).map(|()| None)
    };
    match outcome {
        Ok(receipt) => program.observer_mut().on_sent(side, delivery, len, receipt),
        Err(error) => assert_eq!(error, SendError::QueueFull),
    }
    outcome.is_ok()
}

/// Fills a queue with messages of one delivery.
fn fill(program: &mut Program, side: usize) {
    let delivery = random_delivery(&mut program.rng);
    let max = program.host(side).message_max(program.peer(side), delivery);
    let len = [500, 960, 5000, UNRELIABLE_MAX][program.rng.index(4)];
    program.run_to_tick(side);
    while send(program, side, delivery, len.min(max.unwrap())) {}
    program.turn(side);
}

/// Partitions the outgoing link of a side for a while.
fn partition_link(program: &mut Program, side: usize) {
    let before = random_conditions(&mut program.rng);
    program.set_link(side, &partition());
    for _ in 0..program.rng.below(4) {
        let sender = program.rng.index(2);
        burst(program, sender);
        let time = program.rng.time(ms(0), ms(400));
        program.run_for(time);
    }
    program.set_link(side, &before);
}

/// Ends all faults and waits until everything has arrived.
fn end_faults(program: &mut Program) {
    program.set_both(&latency(10));
    for side in [CLIENT, SERVER] {
        program.pause_events(side, false);
    }
    // Stalls end, and datagrams in flight arrive.
    program.run_for(secs(3));
    let is_done = program.run_until(secs(600), |program| {
        program.observer().is_settled() && is_quiet(program)
    });
    if !is_done {
        let [client, server] = [CLIENT, SERVER].map(|side| program.stats(side));
        panic!("messages are missing: {client:?} {server:?}");
    }
    program.run_for(ms(500));
}

fn is_quiet(program: &Program) -> bool {
    [CLIENT, SERVER].into_iter().all(|side| {
        let stats = program.stats(side);
        stats.queued_messages == 0
            && stats.queued_bytes == 0
            && stats.unread_bytes == 0
            && stats.in_flight_bytes == 0
    })
}

/// Idle hosts send only keep-alives, one every 5 s.
fn assert_idle(program: &mut Program) {
    let sent = |program: &Program, side| program.counts(side).datagrams_sent;
    let before = [CLIENT, SERVER].map(|side| sent(program, side));
    program.run_for(secs(21));
    for side in [CLIENT, SERVER] {
        let packets = sent(program, side) - before[side];
        assert!(packets <= 16, "{packets} packets on an idle connection");
    }
}

fn disconnect(program: &mut Program) {
    let side = program.rng.index(2);
    program.pause_events(CLIENT, false);
    program.pause_events(SERVER, false);
    let stall = program.run_until(secs(2), |program| !program.is_stalled(side));
    assert!(stall, "the stall takes longer than any");
    program.disconnect(side, 5);
    let is_over = program.run_until(secs(40), |program| {
        program.observer().ends.iter().all(Option::is_some)
    });
    assert!(is_over, "a side has no disconnect");
    let ends = program.observer().ends;
    assert_eq!(ends[side], Some(DisconnectReason::Local { code: 5 }));
    let reasons = [
        Some(DisconnectReason::Remote { code: 5 }),
        Some(DisconnectReason::TimedOut),
    ];
    assert!(reasons.contains(&ends[1 - side]), "{ends:?}");
    program.observer().assert_acks_are_true();
    // Delayed datagrams arrive before the next connection begins.
    program.set_both(&latency(10));
    program.run_for(secs(2));
}

/// Counters of hosts and network at the start of a connection.
struct Snapshots {
    sides: [Snapshot; 2],
}

struct Snapshot {
    stats: PeerStats,
    host: HostStats,
    counts: Counts,
}

impl Snapshot {
    fn of(program: &Program, side: usize) -> Self {
        Self {
            stats: program.stats(side),
            host: program.host(side).stats(),
            counts: program.counts(side),
        }
    }

    /// Received datagrams that the host counted.
    fn datagrams_counted(&self) -> u64 {
        let (peer, host) = (&self.stats, &self.host);
        let known = peer.packets_received + peer.packets_refused + peer.duplicates;
        let damaged = peer.failed_authentication + peer.malformed + peer.unvalidated_address;
        known + damaged + host.malformed + host.unknown_connection
    }
}

impl Snapshots {
    fn take(program: &Program) -> Self {
        Self {
            sides: [CLIENT, SERVER].map(|side| Snapshot::of(program, side)),
        }
    }

    fn check(&self, program: &Program) {
        let sides = [CLIENT, SERVER].map(|side| Snapshot::of(program, side));
        for side in [CLIENT, SERVER] {
            let (before, after, other) = (&self.sides[side], &sides[side], &sides[1 - side]);
            assert_datagrams(before, after);
            assert_packets(&after.stats, &other.stats);
            let direction = &program.observer().directions[side];
            assert_eq!(after.stats.messages_sent, direction.sent());
            assert_eq!(other.stats.messages_received, direction.delivered);
        }
    }
}

/// Every datagram is counted once.
fn assert_datagrams(before: &Snapshot, after: &Snapshot) {
    let sent = after.counts.datagrams_sent - before.counts.datagrams_sent;
    let bytes = after.counts.bytes_sent - before.counts.bytes_sent;
    let received = after.counts.datagrams_received - before.counts.datagrams_received;
    assert_eq!(after.stats.packets_sent - before.stats.packets_sent, sent);
    assert_eq!(after.stats.bytes_sent - before.stats.bytes_sent, bytes);
    assert_eq!(
        after.datagrams_counted() - before.datagrams_counted(),
        received
    );
}

/// The counters of the sender agree with those of the receiver.
fn assert_packets(from: &PeerStats, to: &PeerStats) {
    let known = to.packets_received + to.packets_refused + to.packets_missing;
    assert_eq!(from.packets_sent, known, "{from:?} {to:?}");
    assert!(from.packets_lost <= from.packets_sent);
    assert!(from.loss_ppm <= 1_000_000);
    assert!(from.messages_received <= to.messages_sent);
    let again = from.copies_sent + from.messages_retransmitted;
    assert!(from.copies_useful <= again, "{from:?}");
    assert!(to.duplicate_messages <= again, "{from:?} {to:?}");
    assert_eq!(from.pacing_rate, from.pacing_rate.min(limits::RATE_MAX));
}

under_both!(
    random_programs_match_the_model_when_driven_by_deadlines,
    random_programs_match_the_model_at_60_hz,
);
