//! Tests of what the rounds are summed up to.
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
/// client overslept `late`. Nothing was lost.
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

/// Equal, as far as three digits go.
fn assert_near(value: Option<f64>, wanted: f64) {
    let value = value.unwrap();
    assert!(
        (value / wanted - 1.0).abs() < 0.001,
        "{value}, not {wanted}"
    );
}

#[test]
fn the_longest_is_exact_and_nothing_lies_beyond_it() {
    use Subject::{Std, Tickwire};
    // 10,001 µs lie between two steps of the histogram; 200 s lie beyond its end.
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
fn a_rate_is_what_left_and_not_what_was_asked_for() {
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
    // The second round is ten times as slow for every subject.
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

/// As many more were due, and nothing came back of them.
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
fn where_many_were_lost_no_goal_is_met() {
    use Subject::{Std, Tickwire};
    // What came back came back faster than std's.
    let rounds = [
        round(Std, 100, 10, 0),
        with_lost(round(Tickwire, 60, 1, 0), 40),
    ];
    let wanted = "tickwire lost 40 of 100 datagrams, more than one in 100";
    assert_eq!(no_verdict(rounds), wanted);
    // The losses of the other side are no merit either.
    let rounds = [
        with_lost(round(Std, 98, 10, 0), 2),
        round(Tickwire, 100, 1, 0),
    ];
    let wanted = "std lost 2 of 100 datagrams, more than one in 100";
    assert_eq!(no_verdict(rounds), wanted);
}

#[test]
fn a_lost_round_among_many_is_no_verdict_either() {
    use Subject::{Std, Tickwire};
    let rounds = [
        round(Std, 10_000, 1, 0),
        round(Std, 10, 1, 0),
        round(Tickwire, 10_000, 1, 0),
        with_lost(round(Tickwire, 4, 1, 0), 6),
    ];
    let wanted = "in a round more were lost than its p50 can bear";
    assert_eq!(no_verdict(rounds), wanted);
}

#[test]
fn one_in_a_hundred_may_be_lost() {
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
    assert_eq!(latency.what, "from when it should have left");
    // 600 - 300 against 500 - 100.
    assert_decided(round_trip, 0.75, &Verdict::Kept);
    assert_eq!(round_trip.what, "from when it left");

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
fn without_any_answer_there_is_a_sentence_and_no_figure() {
    use Subject::{Std, Tickwire};
    let (here, there) = (spinning(), elsewhere());
    let rounds = || [Std, Tickwire].map(|subject| with_lost(round(subject, 0, 1, 0), 30));
    assert!(silence(&here, rounds()).starts_with("0 of 60 datagrams were answered: "));
    assert!(silence(&there, rounds()).starts_with("192.0.2.1:7 stopped replying, "));
    // One at a time, a lost one of the warm-up can take the whole round.
    let rounds = || [Std, Tickwire].map(|subject| round(subject, 0, 1, 0));
    assert!(silence(&here, rounds()).starts_with("no reply came, also in the warm-up"));
    assert!(silence(&there, rounds()).starts_with("192.0.2.1:7 stopped replying, "));
}

#[test]
fn a_subject_without_answers_takes_nothing_from_the_others() {
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
fn what_stamped_answers_waited_is_summed_up_beside_those_without_a_stamp() {
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
    // In one round 50 µs, in the other 150; the longest of all is exact.
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
    // Nothing is promised of it.
    assert!(results.goals.iter().all(|goal| goal.row.ends_with("std")));
}
