//! Turns, links, addresses and limits of a network.

use super::*;
use crate::proto::Delivery;
use crate::proto::Event;

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn latency(time: u64) -> LinkConditions {
    LinkConditions {
        latency: ms(time),
        ..LinkConditions::default()
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Recorder {
    turns: Vec<(HostId, Instant)>,
    /// Time, source, destination and byte sum of each datagram.
    sent: Vec<(Duration, SocketAddr, SocketAddr, u64)>,
    received: usize,
    messages: Vec<bytes::Bytes>,
}

impl Hooks for Recorder {
    fn on_receive(&mut self, _: HostId, _: WireDatagram<'_>) {
        self.received += 1;
    }

    fn on_turn(&mut self, host: HostId, state: &mut HostState, now: Instant) {
        self.turns.push((host, now));
        while let Some(event) = state.poll_event() {
            if let Event::Message { bytes, .. } = event {
                self.messages.push(bytes);
            }
        }
    }

    fn on_send(&mut self, _: HostId, _: &HostState, datagram: WireDatagram<'_>) {
        let sum = datagram.bytes.iter().map(|byte| u64::from(*byte)).sum();
        let WireDatagram { at, from, to, .. } = datagram;
        self.sent.push((at, from, to, sum));
    }
}

struct Pair {
    network: Network<Recorder>,
    client: HostId,
    server: HostId,
    peer: PeerId,
}

impl Pair {
    fn new(seed: u64, conditions: &LinkConditions) -> Self {
        let mut network = Network::with_hooks(seed, Recorder::default());
        let server = network.add_host(Config::plain(7)).unwrap();
        let client = network.add_host(Config::plain(7)).unwrap();
        network
            .set_link_conditions(client, server, conditions)
            .unwrap();
        let options = ConnectOptions::default();
        let peer = network.connect(client, server, &options).unwrap();
        let is_connected = network.run_until(Duration::from_secs(10), |network| {
            network.host(client).is_connected(peer) && network.host(server).stats().peers == 1
        });
        assert!(is_connected);
        network.run_for(ms(500));
        *network.hooks_mut() = Recorder::default();
        Self {
            network,
            client,
            server,
            peer,
        }
    }

    fn send(&mut self, message: &[u8]) {
        self.network
            .send(self.client, self.peer, Delivery::Unreliable, message)
            .unwrap();
    }

    fn messages(&self) -> usize {
        self.network.hooks().messages.len()
    }
}

#[test]
fn same_seed_gives_the_same_run() {
    let conditions = LinkConditions {
        jitter: ms(10),
        loss: crate::sim::Loss::Independent { probability: 0.1 },
        ..latency(20)
    };
    let run = |seed| {
        let mut pair = Pair::new(seed, &conditions);
        for _ in 0..100 {
            pair.send(b"hello");
            pair.network.run_for(ms(10));
        }
        std::mem::take(pair.network.hooks_mut()).sent
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn time_jumps_to_the_end_of_a_run_without_events() {
    let mut network = Network::new(1);
    network.add_host(Config::plain(7)).unwrap();
    assert_eq!(network.next_event(), None);
    network.run_for(Duration::from_secs(3600));
    assert_eq!(network.time(), Duration::from_secs(3600));
}

#[test]
fn a_datagram_takes_the_latency_of_its_link() {
    let mut pair = Pair::new(1, &latency(30));
    pair.send(b"hello");
    pair.network.run_for(ms(29));
    assert_eq!(pair.messages(), 0);
    pair.network.run_for(ms(1));
    assert_eq!(pair.messages(), 1);
}

#[test]
fn a_stalled_host_queues_a_limited_number_of_datagrams() {
    let mut pair = Pair::new(1, &latency(10));
    let (server, now) = (pair.server, pair.network.now());
    pair.network.stall(server, ms(1000));
    let from = pair.network.address(pair.client);
    for _ in 0..STALLED_DATAGRAMS_MAX + 10 {
        pair.network.inject(from, server, b"?");
    }
    assert!(pair.network.is_stalled(server));
    assert_eq!(pair.network.dropped(server), 10);
    assert_eq!(pair.network.hooks().received, 0);
    pair.network.run_for(ms(1000));
    assert_eq!(pair.network.hooks().received, STALLED_DATAGRAMS_MAX);
    let mut turns = pair.network.hooks().turns.iter();
    let first = turns.find(|(host, _)| *host == server).unwrap();
    assert_eq!(first.1, now + ms(1000));
}

#[test]
fn runs_a_host_on_its_tick() {
    let mut pair = Pair::new(1, &latency(3));
    let tick = ms(16);
    pair.network.set_tick(pair.server, Some(tick));
    pair.network.run_for(ms(1));
    pair.network.hooks_mut().turns.clear();
    let end = pair.network.now() + ms(200);
    for number in 0..10 {
        pair.send(&[number]);
        pair.network.turn(pair.client);
        let until = pair.network.now() + ms(7);
        while pair.network.step(until) {}
    }
    while pair.network.step(end) {}
    assert_eq!(pair.messages(), 10);
    let start = pair.network.start();
    let recorded = &pair.network.hooks().turns;
    let turns = recorded.iter().filter(|(host, _)| *host == pair.server);
    for (_, at) in turns {
        assert_eq!((*at - start).as_nanos() % tick.as_nanos(), 0);
    }
}

#[test]
fn drops_datagrams_to_an_old_address_unless_forwarded() {
    for is_forwarded in [false, true] {
        let mut pair = Pair::new(1, &latency(10));
        let (server, old) = (pair.server, pair.network.address(pair.server));
        let to = ([198, 51, 100, 1], 1).into();
        if is_forwarded {
            pair.network.move_host_and_forward(server, to);
        } else {
            pair.network.move_host(server, to);
        }
        assert_eq!(pair.network.host_at(to), Some(server));
        assert_eq!(pair.network.host_at(old), None);
        pair.send(b"hello");
        pair.network.run_for(ms(15));
        assert_eq!(pair.messages(), usize::from(is_forwarded));
    }
}

#[test]
fn a_moved_host_keeps_its_link() {
    let mut pair = Pair::new(1, &latency(40));
    let link = pair.network.link_between(pair.client, pair.server);
    let sent = pair.network.link_stats(link).sent;
    let to = ([198, 51, 100, 1], 1).into();
    pair.network.move_host(pair.client, to);
    pair.send(b"hello");
    pair.network.run_for(ms(100));
    assert!(pair.network.link_stats(link).sent > sent);
    let mut datagrams = pair.network.hooks().sent.iter();
    assert!(datagrams.any(|(_, from, ..)| *from == to));
}

#[test]
fn a_partition_loses_what_is_in_flight() {
    let mut pair = Pair::new(1, &latency(50));
    let (client, server) = (pair.client, pair.server);
    pair.send(b"lost");
    pair.network.run_for(ms(10));
    pair.network.set_partitioned(client, server, true);
    pair.network.run_for(ms(100));
    assert_eq!(pair.messages(), 0);
    pair.network.set_partitioned(client, server, false);
    pair.send(b"arrives");
    pair.network.run_for(ms(100));
    assert_eq!(pair.network.hooks().messages, ["arrives"]);
}

#[test]
fn routes_that_share_a_link_share_its_bottleneck() {
    let arrival = |is_shared: bool| {
        let mut network = Network::with_hooks(1, Recorder::default());
        let hosts: Vec<_> = (0..3)
            .map(|_| network.add_host(Config::plain(7)).unwrap())
            .collect();
        let line = LinkConditions {
            rate: Some(100_000),
            ..LinkConditions::default()
        };
        let mut link = network.add_link(line.clone(), 1).unwrap();
        for (seed, to) in [(2, hosts[1]), (3, hosts[2])] {
            if !is_shared {
                link = network.add_link(line.clone(), seed).unwrap();
            }
            network.set_route(hosts[0], to, link);
            let options = ConnectOptions::default();
            network.connect(hosts[0], to, &options).unwrap();
        }
        let begin = network.now();
        network.run_for(ms(180));
        let turns = &network.hooks().turns;
        let last = turns
            .iter()
            .find(|turn| turn.0 == hosts[2] && turn.1 > begin);
        last.unwrap().1 - begin
    };
    // A hello of 1024 bytes and 28 bytes of headers takes 84.16 ms at 100 kbit/s.
    assert_eq!(arrival(false), Duration::from_micros(84_160));
    assert_eq!(arrival(true), Duration::from_micros(168_320));
}

#[test]
fn a_restarted_host_has_no_peers() {
    let mut pair = Pair::new(1, &latency(10));
    assert_eq!(pair.network.host(pair.server).stats().peers, 1);
    let address = pair.network.address(pair.server);
    pair.network.restart(pair.server);
    assert_eq!(pair.network.host(pair.server).stats().peers, 0);
    assert_eq!(pair.network.address(pair.server), address);
}

#[test]
#[should_panic(expected = "busy loop")]
fn panics_on_an_endless_turn_request() {
    struct Restless(Option<Instant>);
    impl Hooks for Restless {
        fn next_turn(&self, _: HostId) -> Option<Instant> {
            self.0
        }
    }
    let mut network = Network::with_hooks(1, Restless(None));
    network.add_host(Config::plain(7)).unwrap();
    network.hooks_mut().0 = Some(network.start());
    network.run_for(ms(1));
}
