//! How the hosts of a test protect their packets. Every test of a suite runs under both: `under_both!`
//! makes two of it.

use std::cell::Cell;

use tickwire::Config;

use super::PROTOCOL;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    #[cfg(feature = "noise")]
    Noise,
}

thread_local! {
    static MODE: Cell<Mode> = const { Cell::new(Mode::Plain) };
}

/// That of the test that runs on this thread.
pub(crate) fn mode() -> Mode {
    MODE.get()
}

pub(crate) fn is_noise() -> bool {
    mode() != Mode::Plain
}

pub(crate) fn under(mode: Mode, test: fn()) {
    MODE.set(mode);
    test();
}

/// For a moment.
pub(crate) fn with_mode(mode: Mode, what: &mut dyn FnMut()) {
    let own = MODE.replace(mode);
    what();
    MODE.set(own);
}

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
            security: tickwire::Security::Noise {
                protocol_id: protocol,
                private_key: Some(super::secrecy::server_private_key()),
                handshakes_per_second: tickwire::limits::HANDSHAKES_MAX,
                handshake_burst: tickwire::limits::HANDSHAKES_MAX,
            },
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

/// Two tests of each: `plain::name` and `noise::name`. A test that is not named here is dead code, and
/// the compiler says so.
macro_rules! under_both {
    ($($test:ident),+ $(,)?) => {
        mod plain {
            $(#[test] fn $test() {
                crate::world::under(crate::world::Mode::Plain, super::$test);
            })+
        }
        #[cfg(feature = "noise")]
        mod noise {
            $(#[test] fn $test() {
                crate::world::under(crate::world::Mode::Noise, super::$test);
            })+
        }
    };
}

/// How many tests of this program have `plain`, and how many have `noise` in their names.
#[cfg(feature = "noise")]
pub(crate) fn counts() -> (usize, usize) {
    let own = std::env::current_exe().unwrap();
    let listed = std::process::Command::new(own).arg("--list").output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    let count = |module: &str| listed.lines().filter(|line| line.contains(module)).count();
    (count("::plain::"), count("::noise::"))
}
