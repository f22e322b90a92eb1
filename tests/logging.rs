//! What the library says through `log`, at which level, and how often.

mod common;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Instant;

use common::{bind, drain};
use log::{Level, LevelFilter, Log, Metadata, Record};
use tickwire::SocketConfig;

thread_local! {
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the lines of each thread, and so of each test, apart.
struct Kept;

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = (record.level(), record.args().to_string());
        LINES.with_borrow_mut(|lines| lines.push(line));
    }

    fn flush(&self) {}
}

/// What `body` logged on this thread, except by other crates.
fn lines_of(body: impl FnOnce()) -> Vec<(Level, String)> {
    // The second test to come finds it set.
    let _ = log::set_logger(&Kept);
    log::set_max_level(LevelFilter::Trace);
    LINES.take();
    body();
    let is_ours = |line: &(Level, String)| !line.1.contains("event source");
    LINES.take().into_iter().filter(is_ours).collect()
}

fn both_paths(test: impl Fn(&SocketConfig)) {
    for batch in [64, 1] {
        test(&SocketConfig {
            batch,
            ..SocketConfig::default()
        });
    }
}

#[test]
fn a_bind_is_one_line_at_info_and_a_smaller_buffer_one_at_warn() {
    both_paths(|config| {
        for asked in [None, Some(4096), Some(1 << 30)] {
            let config = SocketConfig {
                receive_buffer: asked,
                ..config.clone()
            };
            let mut got_less = false;
            let lines = lines_of(|| {
                let granted = bind(&config).receive_buffer();
                // Linux reports the double of what it granted (socket(7)).
                let net = granted / if cfg!(target_os = "linux") { 2 } else { 1 };
                got_less = asked.is_some_and(|asked| net < asked);
            });
            let levels: Vec<_> = lines.iter().map(|line| line.0).collect();
            if got_less {
                assert_eq!(levels, [Level::Info, Level::Warn], "{lines:?}");
            } else {
                assert_eq!(levels, [Level::Info], "{lines:?}");
            }
            assert!(lines[0].1.starts_with("bound 127.0.0.1:"), "{lines:?}");
        }
    });
}

#[test]
fn single_datagrams_are_lines_at_trace_alone() {
    both_paths(|config| {
        let mut socket = bind(config);
        let own = socket.local_addr();
        let lines = lines_of(|| {
            for _ in 0..100 {
                socket.send(own, b"hello").unwrap();
            }
            socket.flush().unwrap();
            assert_eq!(drain(&mut socket).len(), 100);
        });
        let count = |text: String| {
            let same = (Level::Trace, text);
            lines.iter().filter(|line| **line == same).count()
        };
        assert_eq!(count(format!("sent 5 bytes to {own}")), 100);
        assert_eq!(count(format!("received 5 bytes from {own}")), 100);
        assert_eq!(lines.len(), 200, "{lines:?}");
    });
}

#[test]
fn a_thousand_refusals_are_counted_and_warned_of_at_most_once_a_second() {
    both_paths(|config| {
        let mut socket = bind(config);
        let port_0 = SocketAddr::new(socket.local_addr().ip(), 0);
        let begin = Instant::now();
        let lines = lines_of(|| {
            for _ in 0..1000 {
                socket.send(port_0, b"refused").unwrap();
                socket.flush().unwrap_err();
            }
        });
        assert_eq!(socket.stats().send_errors.other, 1000);
        let (level, text) = &lines[0];
        assert_eq!(*level, Level::Warn);
        assert!(
            text.starts_with(&format!("sending 7 bytes to {port_0}: ")),
            "{text}"
        );
        assert!(!text.contains("not logged"), "{text}");
        // As many seconds as it took, however slow the machine is.
        assert!(
            lines.len() as u64 <= 1 + begin.elapsed().as_secs(),
            "{lines:?}"
        );
    });
}
