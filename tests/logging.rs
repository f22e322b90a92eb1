//! Log lines of the library: levels, texts and rate limit.

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

/// Stores lines by thread, and so by test.
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

/// Lines that `body` logs on this thread, without those of other crates.
fn lines_of(body: impl FnOnce()) -> Vec<(Level, String)> {
    // Fails after the first test.
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
fn bind_logs_info_and_warns_of_a_smaller_buffer() {
    both_paths(|config| {
        for requested in [None, Some(4096), Some(1 << 30)] {
            let config = SocketConfig {
                receive_buffer: requested,
                ..config.clone()
            };
            let mut got_less = false;
            let lines = lines_of(|| {
                let granted = bind(&config).receive_buffer();
                // Linux reports the double of what it granted (socket(7)).
                let net = granted / if cfg!(target_os = "linux") { 2 } else { 1 };
                got_less = requested.is_some_and(|requested| net < requested);
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
fn datagrams_are_logged_only_at_trace() {
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
fn counts_send_errors_and_warns_at_most_once_a_second() {
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
        // At most one line per elapsed second.
        assert!(
            lines.len() as u64 <= 1 + begin.elapsed().as_secs(),
            "{lines:?}"
        );
    });
}
