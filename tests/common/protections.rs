//! Packet protection of a test's hosts. `under_both!` runs each test under Plain and under Noise.
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

/// Protection of the test on this thread.
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

/// Runs `body` under another protection.
pub(crate) fn with_mode(mode: Mode, body: &mut dyn FnMut()) {
    let own = MODE.replace(mode);
    body();
    MODE.set(own);
}

/// Defines `plain::name` and `noise::name` for each test. The compiler reports unlisted tests as
/// dead code.
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

/// The number of tests in modules named `plain` and `noise`.
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
