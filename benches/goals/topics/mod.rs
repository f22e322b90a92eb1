//! What is measured: one file per topic, with its goals at the top.

mod admission;
mod client_pool;
mod drain;
mod game_tick;
mod idle_peers;
mod keep_alive;
#[cfg(feature = "noise")]
mod protect;
mod quiet;
mod round_trip;
mod send;
mod sleep;
mod spin;

use tickwire_measure::open_files;
use tickwire_measure::runner::Topic;
use tickwire_measure::settings::Settings;

/// The most clients of a topic.
pub(crate) const CLIENTS_MAX: usize = 10_000;

/// In the order in which they are printed.
pub(crate) fn all(settings: &Settings) -> Vec<Topic> {
    let mut topics = vec![
        drain::topic(settings),
        drain::drops_topic(settings),
        send::topic(settings),
        spin::topic(settings),
        spin::empty_topic(settings),
        round_trip::asleep_topic(settings),
        round_trip::spinning_topic(settings),
        sleep::topic(settings),
        quiet::topic(settings),
        idle_peers::topic(settings),
        admission::topic(settings),
        admission::memory_topic(settings),
        keep_alive::topic(settings),
        #[cfg(feature = "noise")]
        protect::topic(settings),
        #[cfg(feature = "noise")]
        protect::turn_topic(settings),
    ];
    topics.extend(game_tick::topics(settings));
    topics
}

/// How many clients with a socket each take part: `wanted`, or as many as the limit of open files leaves room for.
fn clients(settings: &Settings, wanted: usize, in_test: usize) -> usize {
    // Without an answer of the system, opening the sockets fails with its error.
    let room = open_files::raise().unwrap_or(usize::MAX);
    settings.size(wanted, in_test).min(room)
}
