//! The table, as Markdown.

use std::fmt::Write;

use crate::outcome::{Latency, Row};

/// A row for each library and condition, then the failures.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| packet loss | library | p50 | p90 | p99 | max | delivered | kbit/s |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut failures = String::new();
    let mut previous = None;
    for row in rows {
        let condition = row.condition.to_string();
        let is_new = previous.as_ref() != Some(&condition);
        let [p50, p90, p99, max] = [row.p50_ms, row.p90_ms, row.p99_ms, row.max_ms].map(cell);
        let _ = writeln!(
            text,
            "| {} | {} | {p50} | {p90} | {p99} | {max} | {} of {} | {:.0} |",
            if is_new { &condition } else { "" },
            row.library,
            row.delivered,
            row.messages,
            row.kbit_per_second,
        );
        if let Some(failure) = &row.failure {
            let _ = writeln!(failures, "\n{condition}, {}: {failure}", row.library);
        }
        previous = Some(condition);
    }
    text + "\nLatency in ms; kbit/s from client to server with IP and UDP headers.\n" + &failures
}

/// In whole milliseconds: a tick is 16.7 ms.
pub(crate) fn cell(latency: Latency) -> String {
    latency
        .millis()
        .map_or("lost".to_owned(), |millis| format!("{millis:.0}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn names_a_condition_once_and_lists_failures() {
        let row = |library: &str, failure: Option<&str>| {
            let mut outcome = Outcome::new(2);
            outcome.record(Duration::from_millis(50));
            outcome.failure = failure.map(str::to_owned);
            outcome.row(library.to_owned(), "5%".parse().unwrap())
        };
        let text = table(&[row("a", None), row("b", Some("timed out"))]);
        assert!(text.contains("| 5% | a | 50 | lost | lost | lost | 1 of 2 | 0 |\n"));
        assert!(text.contains("|  | b | 50 |"), "{text}");
        assert!(text.ends_with("\n5%, b: timed out\n"), "{text}");
    }
}
