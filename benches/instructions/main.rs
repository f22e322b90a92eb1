//! What the library costs in instructions: the same in every run and on a busy machine, so that a change
//! that makes it dearer shows. The games run on virtual time and without sockets.
//!
//! `.ci/instructions` runs each scenario under callgrind and compares what every path takes with
//! `baseline.txt`, which stands beside this file. `cargo bench --bench instructions` prints nanoseconds,
//! which are as good as the machine is quiet.
//!
//! A path is a method that is not inlined and of which callgrind knows the name: `receive`, `timers`,
//! `take`, `queue` and `pack` of [`Game`], `echo` of [`Echo`]. Only what they do below [`measured`] counts,
//! so neither the set-up nor the clients do.

#[cfg(target_os = "linux")]
mod echo;
mod game;

use std::env;
use std::time::{Duration, Instant};

use tickwire::Config;

#[cfg(target_os = "linux")]
use self::echo::Echo;
use self::game::Game;

/// How many clients a game has, and how many datagrams wait for an echo.
const WIDTH: u16 = 64;
const WARM_UP_TICKS: u32 = 50;

/// Something that is done again and again, with a part that is measured.
trait Scenario {
    /// What the measured part needs.
    fn before(&mut self);
    /// What is measured.
    fn tick(&mut self);
    /// What arrived is taken. Panics unless everything did.
    fn after(&mut self);
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let wanted = args.iter().find(|arg| !arg.starts_with('-'));
    let is_wanted = |name| wanted.is_none_or(|wanted| wanted == name);
    // A second of the game: enough for everything that comes only now and then.
    let is_bench = args.iter().any(|arg| arg == "--bench");
    let ticks = if is_bench { 2000 } else { 60 };
    if is_wanted("plain") {
        run("plain", &mut Game::new(&Config::plain(7), WIDTH), ticks);
    }
    #[cfg(feature = "noise")]
    if is_wanted("noise") {
        run("noise", &mut Game::new(&Config::noise(7), WIDTH), ticks);
    }
    #[cfg(target_os = "linux")]
    if is_wanted("socket") {
        run("socket", &mut Echo::new(WIDTH), ticks);
    }
}

fn run(name: &str, scenario: &mut dyn Scenario, ticks: u32) {
    let mut time = Duration::ZERO;
    for tick in 0..WARM_UP_TICKS + ticks {
        scenario.before();
        let start = Instant::now();
        if tick < WARM_UP_TICKS {
            scenario.tick();
        } else {
            measured(scenario);
            time += start.elapsed();
        }
        scenario.after();
    }
    let units = u128::from(ticks) * u128::from(WIDTH);
    let nanos = time.as_nanos() / units;
    println!("{name}: {nanos} ns each, {units} in {ticks} ticks");
}

/// Callgrind counts between here and its end (`--toggle-collect`).
#[inline(never)]
fn measured(scenario: &mut dyn Scenario) {
    scenario.tick();
}
