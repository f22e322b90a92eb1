//! Ten thousand peers of one host: what they cost while they have nothing to do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use allocation_counter::measure;
use tickwire::Config;

use crate::world::lab::Lab;
use crate::world::packets::{PING, ack, packet_number};
use crate::world::{Stranger, config, secs};

const PEERS: usize = 10_000;

/// Idle peers that answer what they are asked, and came one after the other.
struct Crowd {
    lab: Lab,
    strangers: HashMap<SocketAddr, Stranger>,
    /// Turns that were due, and packets that left in them.
    turns: usize,
    packets: usize,
}

impl Crowd {
    fn new() -> Self {
        let mut crowd = Self {
            lab: Lab::new(config_for(PEERS)),
            strangers: HashMap::with_capacity(PEERS),
            turns: 0,
            packets: 0,
        };
        for number in 0..PEERS {
            let mut stranger = Stranger::new(number);
            assert!(crowd.lab.arrive(&mut stranger));
            crowd.strangers.insert(stranger.address, stranger);
            crowd.run_for(Duration::from_micros(100));
        }
        crowd
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.lab.now + time;
        while let Some(at) = self.lab.host.poll_timeout().filter(|at| *at <= end) {
            self.lab.now = at;
            self.turns += 1;
            self.turn();
        }
        self.lab.now = end;
    }

    /// A turn in which everybody who is asked answers.
    fn turn(&mut self) {
        let mut answers = Vec::new();
        self.lab.turn(|to, packet| {
            let stranger = self.strangers.get_mut(&to).unwrap();
            answers.push((to, stranger.packet(&ack(packet_number(packet), 0))));
        });
        self.packets += answers.len();
        for (from, answer) in answers {
            self.lab.give(from, &answer);
        }
        self.lab
            .turn(|_, _| panic!("an acknowledgement is not answered"));
    }
}

fn a_turn_costs_by_those_who_have_something_to_do() {
    let mut crowd = Crowd::new();
    crowd.run_for(secs(10));
    assert_eq!(crowd.lab.host.stats().peers, PEERS);
    (crowd.turns, crowd.packets) = (0, 0);
    crowd.run_for(secs(10));
    assert_eq!(crowd.packets, 2 * PEERS, "one question in five seconds");
    // No two of them are due at the same time. For each question there is a look when it is due, and
    // one when its answer would be missed.
    assert!(crowd.turns <= 2 * crowd.packets + PEERS, "{}", crowd.turns);
    assert_eq!(crowd.lab.host.stats().peers, PEERS);
}

fn a_turn_in_which_nobody_has_anything_to_do_changes_nothing_and_allocates_nothing() {
    let mut crowd = Crowd::new();
    crowd.run_for(secs(10));
    let due = crowd.lab.host.poll_timeout();
    let info = measure(|| crowd.lab.turn(|_, _| panic!("nobody has anything to say")));
    assert_eq!(info.count_total, 0);
    assert_eq!(crowd.lab.host.poll_timeout(), due);
    // One has something to say, and only that one is answered.
    let address = Stranger::new(PEERS / 2).address;
    let stranger = crowd.strangers.get_mut(&address).unwrap();
    let ping = stranger.packet(&PING);
    crowd.lab.give(address, &ping);
    let mut answered = Vec::new();
    crowd.lab.turn(|to, _| answered.push(to));
    assert_eq!(answered, [address]);
}

fn an_idle_peer_takes_at_most_four_kibibytes() {
    const FEW: usize = 2000;
    let mut lab = Lab::new(config_for(FEW));
    let mut strangers: Vec<_> = (0..FEW).map(Stranger::new).collect();
    let info = measure(|| {
        for stranger in &mut strangers {
            assert!(lab.arrive(stranger));
            while lab.host.poll_event().is_some() {}
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
    a_turn_costs_by_those_who_have_something_to_do,
    a_turn_in_which_nobody_has_anything_to_do_changes_nothing_and_allocates_nothing,
    an_idle_peer_takes_at_most_four_kibibytes,
);
