//! Tests of the summary of rounds.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use super::*;

fn options(args: &[&str]) -> Options {
    Options::for_tests(&[&["--affinity=apart", "--warm-up=0s"], args].concat())
}

type Named = (Subject, Round);

/// The results of rounds in any order.
fn summed(options: &Options, rounds: impl IntoIterator<Item = Named>) -> Result<Results, CliError> {
    let mut of_each: Vec<Vec<Round>> = options.subjects().iter().map(|_| Vec::new()).collect();
    for (subject, round) in rounds {
        let index = options.subjects().iter().position(|one| *one == subject);
        of_each[index.unwrap()].push(round);
    }
    Results::of(options, of_each)
}

fn spinning() -> Options {
    options(&["--wait-mode=spin"])
}

/// A round with latencies of `scale`, 2 `scale`, ... `count` `scale` microseconds, of which the
/// client's lateness is `late`. No datagram was lost.
fn round(subject: Subject, count: u64, scale: u64, late: u64) -> Named {
    let mut recording = Recording::new(Duration::from_secs(1));
    recording.counts.sent = count;
    recording.counts.lost = count;
    for number in 1..=count {
        let (latency, late) = (number * scale, late.min(number * scale));
        let us = Duration::from_micros;
        recording.on_answer(Duration::ZERO, us(latency), us(latency - late), None);
    }
    let at = Duration::from_secs(3);
    (subject, Round { at, recording })
}

/// Equal to three digits.
fn assert_near(value: Option<f64>, wanted: f64) {
    let value = value.unwrap();
    assert!(
        (value / wanted - 1.0).abs() < 0.001,
        "{value}, not {wanted}"
    );
}

#[test]
fn the_maximum_is_exact_and_no_percentile_exceeds_it() {
    use Subject::{Std, Tickwire};
    // 10,001 µs are between two steps of the histogram; 200 s are beyond its end.
    for (count, scale) in [(10_001, 1), (2, 100_000_000)] {
        let rounds = [
            round(Std, count, scale, 0),
            round(Std, count, 1, 0),
            round(Tickwire, 1, 1, 0),
        ];
        let results = summed(&spinning(), rounds).unwrap();
        let std = &results.subjects[0];
        #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
        let longest = (count * scale) as f64;
        assert_eq!(std.all.micros.latency.0[5], Ok(longest));
        assert_eq!(std.all.micros.round_trip.0[5], Ok(longest));
        assert_eq!(std.rounds[0].summary.micros.latency.0[5], Ok(longest));
        assert_eq!(std.longest_answered_micros, Some(longest));
        assert_eq!(std.distribution.last().unwrap().micros, longest);
        for figure in std.all.micros.latency.0 {
            let is_beyond = figure.is_ok_and(|micros| micros > longest);
            assert!(!is_beyond, "{figure:?} of {longest}");
        }
    }
}

#[test]
fn the_rate_counts_sent_datagrams() {
    use Subject::{Std, Tickwire};
    let sent_in = |mut round: Named, millis| {
        round.1.recording.sent_in = Some(Duration::from_millis(millis));
        round
    };
    let rounds = [
        sent_in(round(Std, 1000, 1, 0), 1009),
        sent_in(round(Tickwire, 1000, 1, 0), 1000),
        sent_in(round(Tickwire, 1000, 1, 0), 1500),
    ];
    let options = spinning();
    let results = summed(&options, rounds).unwrap();
    let [std, tickwire] = &results.subjects[..] else {
        panic!("{results:?}");
    };
    assert_eq!(std.fell_behind(&options), None);
    assert_eq!(tickwire.fell_behind(&options), Some(800.0));
    assert_near(tickwire.rounds[1].summary.sent_per_second, 2000.0 / 3.0);
    assert!(results.fell_behind(&options));
}

#[test]
fn a_ratio_is_taken_within_a_round() {
    use Subject::{Mio, Std, Tickwire};
    // The second round is ten times slower for every subject.
    let rounds = [
        round(Std, 100, 10, 0),
        round(Mio, 100, 20, 0),
        round(Tickwire, 100, 21, 0),
        round(Tickwire, 100, 210, 0),
        round(Mio, 100, 200, 0),
        round(Std, 100, 100, 0),
    ];
    let results = summed(&options(&[]), rounds).unwrap();
    let p50 = |of, against| {
        find_ratio(&results.ratios, of, against)
            .unwrap()
            .by_round
            .latency
            .p50()
    };
    for (of, against, wanted) in [(Mio, Std, 2.0), (Tickwire, Std, 2.1), (Tickwire, Mio, 1.05)] {
        let spread = p50(of, against).unwrap();
        for value in [spread.median, spread.lowest, spread.highest] {
            assert_near(Some(value), wanted);
        }
    }
    assert!(find_ratio(&results.ratios, Std, Mio).is_none());
    assert_eq!(results.subjects[0].all.counts.sent, 200);
}

fn assert_decided(goal: &Goal, wanted: f64, verdict: &Verdict) {
    assert_near(goal.measured, wanted);
    assert_eq!(&goal.verdict, verdict);
}

/// Adds `lost` datagrams without a reply.
fn with_lost(mut round: Named, lost: u64) -> Named {
    round.1.recording.counts.sent += lost;
    round.1.recording.counts.lost += lost;
    round
}

fn no_verdict(rounds: impl IntoIterator<Item = Named>) -> String {
    let results = summed(&spinning(), rounds).unwrap();
    let words = results.goals.into_iter().map(|goal| match goal.verdict {
        Verdict::Open(why) => why,
        decided => panic!("{decided:?}"),
    });
    let words: Vec<_> = words.collect();
    assert_eq!(words[0], words[1]);
    words[0].clone()
}

#[test]
fn many_losses_prevent_a_verdict() {
    use Subject::{Std, Tickwire};
    // The replies arrived faster than those of std.
    let rounds = [
        round(Std, 100, 10, 0),
        with_lost(round(Tickwire, 60, 1, 0), 40),
    ];
    let wanted = "tickwire lost 40 of 100 datagrams, more than one in 100";
    assert_eq!(no_verdict(rounds), wanted);
    // Losses of the other side prevent a verdict as well.
    let rounds = [
        with_lost(round(Std, 98, 10, 0), 2),
        round(Tickwire, 100, 1, 0),
    ];
    let wanted = "std lost 2 of 100 datagrams, more than one in 100";
    assert_eq!(no_verdict(rounds), wanted);
}

#[test]
fn a_lost_round_prevents_a_verdict() {
    use Subject::{Std, Tickwire};
    let rounds = [
        round(Std, 10_000, 1, 0),
        round(Std, 10, 1, 0),
        round(Tickwire, 10_000, 1, 0),
        with_lost(round(Tickwire, 4, 1, 0), 6),
    ];
    let wanted = "the p50 of a round was lost";
    assert_eq!(no_verdict(rounds), wanted);
}

#[test]
fn one_percent_of_losses_is_allowed() {
    use Subject::{Std, Tickwire};
    let rounds = [
        with_lost(round(Std, 99, 10, 0), 1),
        with_lost(round(Tickwire, 99, 10, 0), 1),
    ];
    let results = summed(&spinning(), rounds).unwrap();
    assert_decided(&results.goals[0], 1.0, &Verdict::Kept);
    let std = &results.subjects[0];
    assert_eq!(std.all.micros.latency.0[5], Err(Missing::Lost));
    assert_eq!(std.longest_answered_micros, Some(990.0));
}

#[test]
fn a_goal_is_met_or_missed() {
    use Subject::{Std, Tickwire};
    let rounds = || vec![round(Std, 100, 10, 100), round(Tickwire, 100, 12, 300)];
    let results = summed(&spinning(), rounds()).unwrap();
    let [latency, round_trip] = &results.goals[..] else {
        panic!("{:?}", results.goals);
    };
    assert_decided(latency, 1.2, &Verdict::Missed);
    assert_eq!(latency.row, "p50 against std");
    assert_eq!(latency.bound, Bound::AtMost(1.1));
    assert_eq!(latency.what, "from its due time");
    // 600 - 300 against 500 - 100.
    assert_decided(round_trip, 0.75, &Verdict::Kept);
    assert_eq!(round_trip.what, "from its departure");

    let closed = options(&["--wait-mode=spin", "--closed"]);
    assert_eq!(summed(&closed, rounds()).unwrap().goals.len(), 1);
    let results = summed(&elsewhere(), rounds()).unwrap();
    assert_eq!(results.goals, []);
}

fn elsewhere() -> Options {
    Options {
        to: Some("192.0.2.1:7".parse().unwrap()),
        ..spinning()
    }
}

fn silence(options: &Options, rounds: [Named; 2]) -> String {
    match summed(options, rounds) {
        Err(CliError::Runtime(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_replies_there_is_an_error_and_no_figure() {
    use Subject::{Std, Tickwire};
    let (here, there) = (spinning(), elsewhere());
    let rounds = || [Std, Tickwire].map(|subject| with_lost(round(subject, 0, 1, 0), 30));
    assert!(silence(&here, rounds()).starts_with("no reply to 60 datagrams: "));
    assert!(silence(&there, rounds()).starts_with("192.0.2.1:7 stopped replying, "));
    // In closed loop a lost warm-up datagram can take the whole round.
    let rounds = || [Std, Tickwire].map(|subject| round(subject, 0, 1, 0));
    assert!(silence(&here, rounds()).starts_with("no reply arrived, not even in the warm-up"));
    assert!(silence(&there, rounds()).starts_with("192.0.2.1:7 stopped replying, "));
}

#[test]
fn a_subject_without_replies_does_not_affect_others() {
    use Subject::{Std, Tickwire};
    let rounds = [
        round(Std, 100, 1, 0),
        with_lost(round(Tickwire, 0, 1, 0), 100),
    ];
    let results = summed(&spinning(), rounds).unwrap();
    let [std, tickwire] = &results.subjects[..] else {
        panic!("{results:?}");
    };
    assert!(std.all.micros.latency.p50().is_ok());
    assert_eq!(tickwire.all.micros.latency.p50(), Err(Missing::Lost));
    assert_eq!(tickwire.longest_answered_micros, None);
    assert_eq!(tickwire.distribution, []);
}

#[test]
fn summarises_the_kernel_waiting_times_of_stamped_replies() {
    use Subject::{Stamped, Std, Tickwire};
    let options = options(&["--wait-mode=spin", "--receive-timestamps"]);
    let stamped = |scale: u64| {
        let mut round = round(Stamped, 100, 10, 0);
        for micros in 1..=100 {
            let waited = Duration::from_micros(micros * scale);
            round.1.recording.kernel_to_client.record(waited);
        }
        round
    };
    let plain = [round(Std, 100, 10, 0), round(Tickwire, 100, 5, 0)];
    let rounds = plain.into_iter().chain([stamped(1), stamped(3)]);
    let results = summed(&options, rounds).unwrap();
    let [std, tickwire, stamped] = &results.subjects[..] else {
        panic!("{results:?}");
    };
    for subject in [std, tickwire] {
        assert_eq!(subject.all.micros.kernel_to_client, None);
        assert!(subject.micros_by_round.kernel_to_client.is_none());
    }
    // 50 µs in one round, 150 µs in the other; the maximum is exact.
    let spread = stamped.micros_by_round.kernel_to_client.unwrap().p50();
    assert_near(spread.ok().map(|spread| spread.median), 100.0);
    let together = stamped.all.micros.kernel_to_client.unwrap();
    assert_eq!(together.0[5], Ok(300.0));
    let last = results.ratios.last().unwrap();
    assert_eq!((last.of, last.against), (Stamped, Tickwire));
    assert_near(
        last.by_round.latency.p50().ok().map(|spread| spread.median),
        2.0,
    );
    // No goal applies to it.
    assert!(results.goals.iter().all(|goal| goal.row.ends_with("std")));
}
