//! Configs and options for the protection of the running test.

use tickwire::Config;

use super::PROTOCOL;
pub(crate) use crate::protections::{Mode, is_noise, mode};

/// The default config of a test, with the highest handshake rate.
pub(crate) fn config() -> Config {
    config_of(PROTOCOL)
}

/// The default config with another protocol id.
pub(crate) fn config_of(protocol: u64) -> Config {
    match mode() {
        Mode::Plain => Config::plain(protocol),
        #[cfg(feature = "noise")]
        Mode::Noise => Config {
            security: tickwire::Security::Noise(tickwire::NoiseConfig {
                protocol_id: protocol,
                private_key: Some(super::crypto::server_private_key()),
                handshakes_per_second: tickwire::limits::HANDSHAKES_MAX,
                handshake_burst: tickwire::limits::HANDSHAKES_MAX,
            }),
            ..Config::default()
        },
    }
}

/// Options that permit a payload: under Noise they pin the server's key.
pub(crate) fn options() -> tickwire::ConnectOptions {
    #[cfg(feature = "noise")]
    if mode() == Mode::Noise {
        return tickwire::ConnectOptions::default().pin(super::crypto::server_key());
    }
    tickwire::ConnectOptions::default()
}
