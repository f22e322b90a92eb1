//! How the hosts of a test protect their packets. Every test of a suite runs under both: `under_both!`
//! makes two of it.
#![allow(dead_code, unused_macros, reason = "every test file uses a part of it")]

use std::cell::Cell;

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

/// Two tests of each: `plain::name` and `noise::name`. A test that is not named here is dead code, and
/// the compiler says so.
macro_rules! under_both {
    ($($test:ident),+ $(,)?) => {
        mod plain {
            $(#[test] fn $test() {
                crate::protections::under(crate::protections::Mode::Plain, super::$test);
            })+
        }
        #[cfg(feature = "noise")]
        mod noise {
            $(#[test] fn $test() {
                crate::protections::under(crate::protections::Mode::Noise, super::$test);
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
    let count = |module: &str| {
        let paths = listed
            .lines()
            .filter_map(|line| line.strip_suffix(": test"));
        paths
            .filter(|path| path.split("::").any(|part| part == module))
            .count()
    };
    (count("plain"), count("noise"))
}
