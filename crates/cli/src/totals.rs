//! What came in, in one line.

use std::fmt;

use tickwire::SocketStats;

/// The totals of a listener: `in all 3 datagrams, 39 bytes, 0 truncated, 0 dropped by kernel`, and
/// for one that echoes `, 3 echoed, 0 not echoed`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Totals {
    /// What the socket counted.
    pub(crate) stats: SocketStats,
    /// Whether what was sent back belongs to them.
    pub(crate) echo: bool,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = &self.stats;
        write!(
            f,
            "in all {} datagrams, {} bytes, {} truncated, {} dropped by kernel",
            stats.datagrams_received,
            stats.bytes_received,
            stats.truncated,
            stats.dropped_by_kernel,
        )?;
        if self.echo {
            let lost = stats.discarded + stats.queue_full;
            write!(f, ", {} echoed, {lost} not echoed", stats.datagrams_sent)?;
        }
        Ok(())
    }
}

/// What came since an earlier look, and the totals:
/// `received 1 datagrams, 13 bytes; in all 3 datagrams, ...`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    /// The statistics at the earlier look.
    pub(crate) before: SocketStats,
    /// The totals now.
    pub(crate) totals: Totals,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = &self.totals.stats;
        write!(
            f,
            "received {} datagrams, {} bytes; {}",
            stats.datagrams_received - self.before.datagrams_received,
            stats.bytes_received - self.before.bytes_received,
            self.totals,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The struct is not exhaustive, so it is filled field by field.
    fn stats() -> SocketStats {
        let mut stats = SocketStats::default();
        stats.datagrams_received = 5;
        stats.bytes_received = 320;
        stats.truncated = 2;
        stats.dropped_by_kernel = 7;
        stats.datagrams_sent = 3;
        stats.discarded = 1;
        stats.queue_full = 1;
        stats
    }

    #[test]
    fn totals_are_one_line() {
        let totals = Totals {
            stats: stats(),
            echo: false,
        };
        let text = "in all 5 datagrams, 320 bytes, 2 truncated, 7 dropped by kernel";
        assert_eq!(totals.to_string(), text);
    }

    #[test]
    fn an_echo_counts_what_went_back_and_what_did_not() {
        let totals = Totals {
            stats: stats(),
            echo: true,
        };
        assert!(totals.to_string().ends_with(", 3 echoed, 2 not echoed"));
    }

    #[test]
    fn progress_is_the_difference_to_the_earlier_look() {
        let mut before = SocketStats::default();
        before.datagrams_received = 4;
        before.bytes_received = 20;
        let totals = Totals {
            stats: stats(),
            echo: false,
        };
        let text = Progress { before, totals }.to_string();
        assert!(text.starts_with("received 1 datagrams, 300 bytes; in all 5 datagrams, 320 bytes"));
    }
}
