//! Cost of thousands of idle peers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use allocation_counter::measure;
use tickwire::Config;

use crate::world::harness::Harness;
use crate::world::packets::{PING, ack, packet_number};
use crate::world::{Stranger, config, is_noise, secs};

/// Number of peers. Fewer under Noise, because the test computes their handshakes.
fn peers() -> usize {
    if is_noise() { 2_000 } else { 10_000 }
}

/// Idle peers that acknowledge every packet and connected one after the other.
struct ManyClients {
    harness: Harness,
    strangers: HashMap<SocketAddr, Stranger>,
    /// Due turns, and packets sent in them.
    turns: usize,
    packets: usize,
}

impl ManyClients {
    fn new() -> Self {
        let mut clients = Self {
            harness: Harness::new(config_for(peers())),
            strangers: HashMap::with_capacity(peers()),
            turns: 0,
            packets: 0,
        };
        for number in 0..peers() {
            let mut stranger = Stranger::new(number);
            assert!(clients.harness.handshake(&mut stranger));
            clients.strangers.insert(stranger.address, stranger);
            clients.run_for(Duration::from_micros(100));
        }
        clients
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.harness.now + time;
        while let Some(at) = self.harness.host.poll_timeout().filter(|at| *at <= end) {
            self.harness.now = at;
            self.turns += 1;
            self.turn();
        }
        self.harness.now = end;
    }

    /// A turn in which every packet is acknowledged.
    fn turn(&mut self) {
        let mut replies = Vec::new();
        self.harness.turn(|to, packet| {
            let stranger = self.strangers.get_mut(&to).unwrap();
            replies.push((to, stranger.packet(&ack(packet_number(packet), 0))));
        });
        self.packets += replies.len();
        for (from, reply) in replies {
            self.harness.deliver(from, &reply);
        }
        self.harness
            .turn(|_, _| panic!("the host replied to an acknowledgement"));
    }
}

fn a_turn_costs_by_the_number_of_due_peers() {
    let mut clients = ManyClients::new();
    clients.run_for(secs(10));
    assert_eq!(clients.harness.host.stats().peers, peers());
    (clients.turns, clients.packets) = (0, 0);
    clients.run_for(secs(10));
    assert_eq!(clients.packets, 2 * peers(), "one keep-alive every 5 s");
    // Deadlines do not coincide. A keep-alive takes one turn when it is due and one when its
    // acknowledgement would be overdue.
    assert!(
        clients.turns <= 2 * clients.packets + peers(),
        "{}",
        clients.turns
    );
    assert_eq!(clients.harness.host.stats().peers, peers());
}

fn an_idle_turn_changes_and_allocates_nothing() {
    let mut clients = ManyClients::new();
    clients.run_for(secs(10));
    let due = clients.harness.host.poll_timeout();
    let info = measure(|| {
        clients
            .harness
            .turn(|_, _| panic!("no datagram is expected"));
    });
    assert_eq!(info.count_total, 0);
    assert_eq!(clients.harness.host.poll_timeout(), due);
    // The host replies only to the peer that sends.
    let address = Stranger::new(peers() / 2).address;
    let stranger = clients.strangers.get_mut(&address).unwrap();
    let ping = stranger.packet(&PING);
    clients.harness.deliver(address, &ping);
    let mut answered = Vec::new();
    clients.harness.turn(|to, _| answered.push(to));
    assert_eq!(answered, [address]);
}

fn an_idle_peer_uses_at_most_4_kib() {
    const FEW: usize = 2000;
    let mut harness = Harness::new(config_for(FEW));
    let mut strangers: Vec<_> = (0..FEW).map(Stranger::new).collect();
    let info = measure(|| {
        for stranger in &mut strangers {
            assert!(harness.handshake(stranger));
            while harness.host.poll_event().is_some() {}
        }
    });
    let per_peer = usize::try_from(info.bytes_current).unwrap() / FEW;
    println!("{per_peer} bytes per idle peer");
    assert!(per_peer <= 4096, "{per_peer}");
}

fn config_for(peers: usize) -> Config {
    Config {
        peers_max: peers,
        ..config()
    }
}

under_both!(
    a_turn_costs_by_the_number_of_due_peers,
    an_idle_turn_changes_and_allocates_nothing,
    an_idle_peer_uses_at_most_4_kib,
);
