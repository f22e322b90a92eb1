//! Instruction counts of the hot paths, which are the same in every run and on a busy machine. The
//! games run on virtual time without sockets.
//!
//! `.ci/instructions` runs each scenario under callgrind and compares every path with
//! `baseline.txt` in this folder. `cargo bench --bench instructions` prints nanoseconds instead.
//!
//! A path is a method that is not inlined: `receive`, `timers`, `take`, `queue` and `pack` of
//! [`Game`], `echo` of [`Echo`]. Only calls below [`measured`] count, not set-up and clients.

#[cfg(target_os = "linux")]
mod echo;
mod game;

use std::env;
use std::time::{Duration, Instant};

use tickwire::Config;

#[cfg(target_os = "linux")]
use self::echo::Echo;
use self::game::Game;

/// Clients of a game, and pending datagrams of an echo.
const WIDTH: u16 = 64;
const WARM_UP_TICKS: u32 = 50;

/// Repeated work with a measured part.
trait Scenario {
    /// Prepares the measured part.
    fn before(&mut self);
    fn tick(&mut self);
    /// Takes the results. Panics unless all arrived.
    fn after(&mut self);
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let wanted = args.iter().find(|arg| !arg.starts_with('-'));
    let is_wanted = |name| wanted.is_none_or(|wanted| wanted == name);
    // One second of the game, which includes rare events.
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

/// Callgrind counts within this function (`--toggle-collect`).
#[inline(never)]
fn measured(scenario: &mut dyn Scenario) {
    scenario.tick();
}
