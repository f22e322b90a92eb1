//! A game tick, on the server: every client has sent an unreliable input of 32 bytes; the server sends
//! every client an unreliable snapshot of 200 bytes and a reliable event of 40.
//!
//! Real sockets over loopback. Server and clients take turns on one thread, and only the server's
//! processor time counts. The floors send every client one datagram of 240 bytes and have no protocol.
//! A warm server may not allocate. Everything has to arrive, in the same tick: what does not is counted by the place
//! where it was lost (network, receive buffer, turn budget, send queue, peer), and then no goal of the topic is kept.

mod floor;
mod game;

use std::io;

use tickwire::Config;
#[cfg(feature = "noise")]
use tickwire::limits::HANDSHAKES_MAX;
#[cfg(feature = "noise")]
use tickwire::{NoiseConfig, Security};
use tickwire_measure::runner::{Entry, Goal, Topic};
use tickwire_measure::settings::Settings;

use self::floor::Floor;
use self::game::Game;

/// Of a round, over all its ticks: how often a client was served.
const SERVED: usize = 1280;
const SERVED_IN_TEST: usize = 192;

const CLIENTS_MAX_IN_TEST: usize = 64;

const INPUT: &[u8] = &[1; 32];
const SNAPSHOT: &[u8] = &[2; 200];
const EVENT: &[u8] = &[3; 40];
const BOTH: &[u8] = &[2; 240];

const BATCHED: &str = "recvmmsg and sendmmsg, no protocol";
const SINGLE: &str = "recvfrom and sendto, no protocol";
const PLAIN: &str = "tickwire, plain";
#[cfg(feature = "noise")]
const NOISE: &str = "tickwire, Noise";

/// The goals with that many clients, and what is promised of them.
macro_rules! goals {
    ($clients:literal, plain: $plain:expr, noise: $noise:expr $(, $more:expr)?) => {
        &[
            Goal {
                name: concat!(
                    "game tick, ",
                    $clients,
                    " clients: tickwire plain against recvmmsg and sendmmsg without a protocol"
                ),
                of: PLAIN,
                against: BATCHED,
                bound: $plain,
            },
            #[cfg(feature = "noise")]
            Goal {
                name: concat!(
                    "game tick, ",
                    $clients,
                    " clients: tickwire with Noise against recvmmsg and sendmmsg without a protocol"
                ),
                of: NOISE,
                against: BATCHED,
                bound: $noise,
            },
            $($more,)?
        ]
    };
}

const GOALS: &[Goal] = goals!(64, plain: Some(1.10), noise: Some(1.20), SINGLE_GOAL);
const GOALS_16: &[Goal] = goals!(16, plain: None, noise: None);
const GOALS_256: &[Goal] = goals!(256, plain: None, noise: None);
const GOALS_1000: &[Goal] = goals!(1000, plain: None, noise: None);

const SINGLE_GOAL: Goal = Goal::shown(
    "game tick, 64 clients: recvfrom and sendto against recvmmsg and sendmmsg",
    SINGLE,
    BATCHED,
);

/// The tick that the goals are about, and beside it those of smaller and larger games.
pub(crate) fn topics(settings: &Settings) -> [Topic; 4] {
    [
        Topic {
            rounds: settings.rounds,
            enter: enter_with_single,
            ..shown::<64>(settings, "game tick, 64 clients", GOALS)
        },
        shown::<16>(settings, "game tick, 16 clients", GOALS_16),
        shown::<256>(settings, "game tick, 256 clients", GOALS_256),
        shown::<1000>(settings, "game tick, 1000 clients", GOALS_1000),
    ]
}

/// One that nothing is promised of is measured in fewer rounds.
fn shown<const CLIENTS: usize>(
    settings: &Settings,
    title: &'static str,
    goals: &'static [Goal],
) -> Topic {
    let (clients, ticks) = size::<CLIENTS>(settings);
    Topic {
        title,
        unit: "ns per client and tick",
        units: clients * ticks,
        rounds: settings.rounds.div_ceil(4),
        goals,
        enter: enter::<CLIENTS>,
    }
}

/// How many clients, and how many ticks a round has.
fn size<const CLIENTS: usize>(settings: &Settings) -> (usize, usize) {
    if settings.is_test {
        let clients = CLIENTS.min(CLIENTS_MAX_IN_TEST);
        (clients, SERVED_IN_TEST.div_ceil(clients))
    } else {
        (CLIENTS, SERVED.div_ceil(CLIENTS))
    }
}

fn enter<const CLIENTS: usize>(settings: &Settings) -> io::Result<Vec<Entry>> {
    let (clients, ticks) = size::<CLIENTS>(settings);
    Ok(vec![
        Entry::new(BATCHED, Floor::batched(clients, ticks)?),
        Entry::new(PLAIN, Game::new(&Config::plain(7), clients, ticks)?),
        #[cfg(feature = "noise")]
        Entry::new(NOISE, Game::new(&noise(), clients, ticks)?),
    ])
}

fn enter_with_single(settings: &Settings) -> io::Result<Vec<Entry>> {
    let (clients, ticks) = size::<64>(settings);
    let mut entries = enter::<64>(settings)?;
    entries.push(Entry::new(SINGLE, Floor::single(clients, ticks)?));
    Ok(entries)
}

/// A server that every client may ask for a handshake at once.
#[cfg(feature = "noise")]
fn noise() -> Config {
    Config {
        security: Security::Noise(NoiseConfig {
            handshakes_per_second: HANDSHAKES_MAX,
            handshake_burst: HANDSHAKES_MAX,
            ..NoiseConfig::new(7)
        }),
        ..Config::default()
    }
}
