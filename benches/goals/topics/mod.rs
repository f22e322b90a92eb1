//! The subjects of every topic: one file per topic.

mod admission;
mod client_pool;
mod drain;
mod game_tick;
mod idle_peers;
mod keep_alive;
mod protect;
mod quiet;
mod round_trip;
mod send;
mod sleep;
mod spin;

use crate::prelude::*;
use tickwire_measure::open_files;

/// Maximum number of clients of a topic.
const CLIENTS: usize = 10_000;
const CLIENTS_IN_TEST: usize = 64;

/// The subjects of the topic with this title.
pub(crate) fn enter(title: &str, settings: &Settings) -> io::Result<Vec<Entry>> {
    match title {
        "drain" => drain::enter(settings),
        "drain after a loss" => drain::enter_after_loss(settings),
        "send" => send::enter(settings),
        "spin" => spin::enter(settings),
        "spin on an empty socket" => spin::enter_empty(settings),
        "round trip, asleep" => round_trip::enter_asleep(settings),
        "round trip, spinning" => round_trip::enter_spinning(settings),
        "sleep" => sleep::enter(),
        "idle turn" => quiet::enter(settings),
        "idle peers" => idle_peers::enter(settings),
        "admission" => admission::enter(settings),
        "memory" => admission::enter_memory(settings),
        "idle connections" => keep_alive::enter(settings),
        "protect" => Ok(protect::enter()),
        "protect, a turn" => protect::enter_turn(),
        "game tick, 64 clients" => game_tick::enter_with_single(settings, 64),
        "game tick, 16 clients" => game_tick::enter(settings, 16),
        "game tick, 256 clients" => game_tick::enter(settings, 256),
        "game tick, 1000 clients" => game_tick::enter(settings, 1000),
        _ => failure(format!("no topic is called {title:?}")),
    }
}

/// Number of clients with a socket each: 10,000, or less if the limit of open files is lower.
fn clients(settings: &Settings) -> io::Result<usize> {
    open_files::fit_clients(settings.size(CLIENTS, CLIENTS_IN_TEST))
}
