//! The configs of a test's hosts, in the protection under which it runs.

use tickwire::Config;

use super::PROTOCOL;
pub(crate) use crate::protections::{Mode, is_noise, mode};

/// What is usual in a test: nothing of it is about how many handshakes there may be.
pub(crate) fn config() -> Config {
    config_of(PROTOCOL)
}

/// The same, of another protocol.
pub(crate) fn config_of(protocol: u64) -> Config {
    match mode() {
        Mode::Plain => Config::plain(protocol),
        #[cfg(feature = "noise")]
        Mode::Noise => Config {
            security: tickwire::Security::Noise(tickwire::NoiseConfig {
                protocol_id: protocol,
                private_key: Some(super::secrecy::server_private_key()),
                handshakes_per_second: tickwire::limits::HANDSHAKES_MAX,
                handshake_burst: tickwire::limits::HANDSHAKES_MAX,
            }),
            ..Config::default()
        },
    }
}

/// The defaults, with which a payload may be sent.
pub(crate) fn options() -> tickwire::ConnectOptions {
    #[cfg(feature = "noise")]
    if mode() == Mode::Noise {
        return tickwire::ConnectOptions::default().pin(super::secrecy::server_key());
    }
    tickwire::ConnectOptions::default()
}
