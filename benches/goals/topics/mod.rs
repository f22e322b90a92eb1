//! What is measured: one file per topic, with its goals at the top.

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

use crate::runner::Topic;
use crate::settings::Settings;

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
        keep_alive::topic(settings),
        #[cfg(feature = "noise")]
        protect::topic(settings),
        #[cfg(feature = "noise")]
        protect::turn_topic(settings),
    ];
    topics.extend(game_tick::topics(settings));
    topics
}
