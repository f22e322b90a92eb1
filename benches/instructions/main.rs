//! What the protocol costs in instructions, without sockets and on virtual time: the same in every run
//! and on a busy machine, so that a change that makes it dearer shows.
//!
//! `cargo bench --bench instructions` prints nanoseconds, which are as good as the machine is quiet.
//! `.ci/instructions` counts instructions under callgrind and compares them with what was committed.

mod game;

use std::hint::black_box;
use std::time::{Duration, Instant};
use std::{env, process};

use tickwire::Config;

use self::game::Game;

const CLIENTS: u16 = 64;
const WARM_UP_TICKS: u32 = 50;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let is_bench = args.iter().any(|arg| arg == "--bench");
    let wanted = args.iter().find(|arg| !arg.starts_with('-'));
    let ticks = if is_bench { 2000 } else { 20 };
    let scenarios = [("plain", Config::plain(7))];
    for (name, config) in scenarios {
        if wanted.is_none_or(|wanted| wanted == name) {
            run(name, &config, ticks);
        }
    }
}

fn run(name: &str, config: &Config, ticks: u32) {
    let mut game = Game::new(config, CLIENTS);
    for _ in 0..WARM_UP_TICKS {
        tick(&mut game);
    }
    let mut time = Duration::ZERO;
    for _ in 0..ticks {
        time += tick(&mut game);
    }
    if let Err(text) = game.check() {
        eprintln!("{name}: {text}");
        process::exit(1);
    }
    let nanos = time.as_nanos() / u128::from(ticks) / u128::from(CLIENTS);
    println!("{name}: {nanos} ns per client and tick, {ticks} ticks of {CLIENTS} clients");
}

fn tick(game: &mut Game) -> Duration {
    game.clients_send();
    let start = Instant::now();
    black_box(game.server_receives());
    black_box(game.server_sends());
    let time = start.elapsed();
    game.clients_receive();
    time
}
