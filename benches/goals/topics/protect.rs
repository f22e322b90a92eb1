//! Cost of packet protection, alone and in a server's turn.
//!
//! Alone: sealing and opening a small and a full packet, without a connection. In a turn: a server
//! receives a message from each of 64 peers and sends each of them a snapshot, over real sockets.

use std::hint::black_box;

use tickwire::limits::DATAGRAM_MAX;
use tickwire::proto::ProtectionPair;
use tickwire::{Config, Delivery};

use crate::prelude::*;
use crate::topics::game_tick::{Game, Workload};

const PACKETS: usize = 1000;
/// Bytes of frames: an input, and a full packet.
const LENGTHS: [usize; 2] = [64, 995];

pub(crate) fn enter() -> Vec<Entry> {
    let mut entries = Vec::new();
    for len in LENGTHS {
        let (plain, noise) = (ProtectionPair::plain, ProtectionPair::noise);
        entries.push(seals(format!("seal {len} bytes, Plain"), plain(), len));
        entries.push(seals(format!("seal {len} bytes, Noise"), noise(), len));
        entries.push(opens(format!("open {len} bytes, Plain"), plain(), len));
        entries.push(opens(format!("open {len} bytes, Noise"), noise(), len));
    }
    entries
}

fn seals(name: String, mut pair: ProtectionPair, len: usize) -> Entry {
    Entry::new(name, move || {
        let mut buffer = [0x5a; DATAGRAM_MAX];
        let start = Instant::now();
        for _ in 0..PACKETS {
            black_box(pair.seal(len, black_box(&mut buffer)));
        }
        Ok(nanos_per(PACKETS, start.elapsed()))
    })
}

fn opens(name: String, mut pair: ProtectionPair, len: usize) -> Entry {
    Entry::new(name, move || {
        let mut buffer = [0x5a; DATAGRAM_MAX];
        let sealed = pair.seal(len, &mut buffer);
        let start = Instant::now();
        for _ in 0..PACKETS {
            if pair.open(black_box(&buffer[..sealed])) != Some(len) {
                return failure("a packet is not authentic");
            }
        }
        Ok(nanos_per(PACKETS, start.elapsed()))
    })
}

const PEERS: usize = 64;
const TURNS: usize = 20;
const TURN: Workload = Workload {
    input: &[7; 48],
    messages: 1,
    send: |server, _| {
        server.broadcast(Delivery::Unreliable, &[9; 600])?;
        Ok(())
    },
};

pub(crate) fn enter_turn() -> io::Result<Vec<Entry>> {
    let game = |config| Game::new(&config, PEERS, TURN);
    Ok(vec![
        game(Config::plain(7))?.entry("a turn with 64 peers, Plain", TURNS, TURNS),
        game(Config::noise(7))?.entry("a turn with 64 peers, Noise", TURNS, TURNS),
    ])
}
