//! Tests of measurement, output and goals. The targets of `tickwire bench messages` are checked
//! here on virtual time.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::convert::Infallible;

use clap::Parser;

use super::outcome::{Counts, Outcome};
use super::run::Run;
use super::targets::{goals, judge};
use super::virtual_pair::{self, VirtualPair};
use super::*;
use crate::bench::goal::Bound;

/// Number of seeds here; the command has ten.
const SEEDS: u64 = 6;

impl Options {
    /// The default options with these arguments.
    pub(super) fn for_tests(args: &[&str]) -> Self {
        #[derive(Parser)]
        struct CommandLine {
            #[command(flatten)]
            options: Options,
        }
        CommandLine::parse_from([&["messages"], args].concat()).options
    }
}

fn case(loss: f64, delivery: Kind) -> Case {
    Case {
        loss,
        burst: None,
        redundant_copies: Some(2),
        delivery,
    }
}

/// A run that sent `messages` messages and received these.
fn outcome(messages: u64, latencies_ms: impl IntoIterator<Item = f64>) -> Outcome {
    let mut outcome = Outcome::new();
    for ms in latencies_ms {
        outcome.latency.record(Duration::from_secs_f64(ms / 1e3));
    }
    outcome.counts = Counts {
        messages,
        sent: messages,
        sending: Duration::from_secs(2),
        packets: 1500,
        bytes: 10_000,
        copies: 2500,
        ..Counts::default()
    };
    outcome
}

fn row_of(case: Case, outcomes: impl IntoIterator<Item = Outcome>) -> Row {
    let Ok(row) = Row::of(case, outcomes.into_iter().map(Ok::<_, Infallible>));
    row
}

/// The first `count` of 1,000 messages arrived.
fn arrived(count: u32) -> Outcome {
    outcome(1000, (1..=count).map(f64::from))
}

fn assert_close(value: f64, wanted: f64) {
    assert!((value / wanted - 1.0).abs() < 1e-4, "{value}");
}

#[test]
fn a_percentile_is_the_nearest_rank_among_all_messages() {
    let row = row_of(case(0.05, Kind::Ordered), [arrived(1000)]);
    let [p50, p90, p99, p99_9, _, max] = row.total.latency_micros.0;
    for (figure, ms) in [p50, p90, p99, p99_9, max]
        .iter()
        .zip([500, 900, 990, 999, 1000])
    {
        assert_close(figure.expect("nothing was lost"), f64::from(ms * 1000));
    }
    assert_eq!(row.total.missing(), 0);
    assert_eq!(row.complaint(), None);
    let ends = [row.distribution.first(), row.distribution.last()];
    for (end, (one_in, ms)) in ends.iter().zip([(1.0, 1.0), (1000.0, 1000.0)]) {
        let end = end.expect("a point");
        assert_eq!(end.one_in, one_in);
        assert_close(end.micros, ms * 1000.0);
    }
}

#[test]
fn a_percentile_among_the_missing_is_lost() {
    let row = row_of(case(0.05, Kind::Unreliable), [arrived(950)]);
    let [_, p90, p99, _, _, max] = row.total.latency_micros.0.map(Result::ok);
    assert_close(p90.expect("it arrived"), 900_000.0);
    assert_eq!((p99, max), (None, None));
    assert_eq!(
        (row.total.delivered, row.total.counts.messages),
        (950, 1000)
    );
    assert_eq!(row.complaint(), None, "they may be lost");
    assert!(
        row.distribution
            .iter()
            .all(|point| point.micros <= 950_000.0)
    );
}

#[test]
fn runs_are_added_up() {
    let row = row_of(case(0.05, Kind::Ordered), [arrived(1000), arrived(1000)]);
    assert_eq!(
        (row.total.counts.messages, row.total.delivered),
        (2000, 2000)
    );
    assert_close(row.total.kbit_per_second, 40.0);
    assert_close(row.total.packets_per_message, 1.5);
    assert_close(row.total.copies_per_message, 2.5);
}

#[test]
fn reports_failures_that_the_link_does_not_explain() {
    let complaint = |delivery, outcome| row_of(case(0.05, delivery), [outcome]).complaint();
    let missing = complaint(Kind::Ordered, arrived(950));
    let wanted = "5% lost, ordered, 2 copies: 50 of 1000 messages did not arrive";
    assert_eq!(missing.as_deref(), Some(wanted));

    let swapped = |delivery| {
        let mut outcome = arrived(1000);
        outcome.counts.out_of_order = 1;
        complaint(delivery, outcome)
    };
    for delivery in [Kind::Ordered, Kind::Sequenced] {
        let complaint = swapped(delivery).unwrap_or_default();
        assert!(
            complaint.ends_with("1 messages arrived out of order"),
            "{complaint}"
        );
    }
    assert_eq!(swapped(Kind::Reliable), None);
    assert_eq!(swapped(Kind::Unreliable), None);

    let mut broken = arrived(3);
    broken.broken = Some("ended after 7 messages".to_owned());
    let complaint = complaint(Kind::Unreliable, broken).unwrap_or_default();
    assert!(
        complaint.contains("1 of 1 connections failed"),
        "{complaint}"
    );
    assert!(complaint.ends_with("ended after 7 messages"), "{complaint}");
}

#[test]
fn the_settings_are_one_line() {
    let text = "1,200 messages of 40 bytes, 60 per second, latency 40ms and jitter up to 10ms each way, \
                encrypted, on virtual time, seeds 0 to 2";
    assert_eq!(Options::for_tests(&["--rounds=3"]).to_string(), text);
    let real = Options::for_tests(&["--real", "--plain"]).to_string();
    assert!(real.ends_with(", plain, over real sockets, 1 round"));
}

#[test]
fn lost_and_inapplicable_figures_are_not_numbers() {
    let case = Case {
        redundant_copies: None,
        ..case(0.5, Kind::Sequenced)
    };
    let row = row_of(case, [outcome(2000, vec![49.999_998; 1000])]);
    let wanted = [
        "50%",
        "-",
        "-",
        "sequenced",
        "50",
        "lost",
        "lost",
        "lost",
        "1,000 of 2,000",
    ];
    assert_eq!(report::cells(&Options::for_tests(&[]), &row)[..9], wanted);
}

/// Two thousand messages: `slow` of them took 200 ms, the others `ms`.
fn promised(loss: f64, ms: f64, slow: usize, out_of_order: u64) -> Row {
    let latencies = [vec![ms; 2000 - slow], vec![200.0; slow]].concat();
    let mut outcome = outcome(2000, latencies);
    outcome.counts.out_of_order = out_of_order;
    row_of(case(loss, Kind::Ordered), [outcome])
}

/// The bounds and figures of the goals of a row, and whether all are met.
fn judged(row: &Row) -> (Vec<(Bound, Option<f64>)>, bool) {
    let goals = goals(row);
    assert!(goals.iter().all(|goal| goal.row == row.case.to_string()));
    let is_kept = !goals.iter().any(Goal::is_missed);
    let figures = goals.iter().map(|goal| (goal.bound, goal.measured));
    (figures.collect(), is_kept)
}

#[test]
fn a_figure_up_to_the_target_meets_it() {
    use Bound::AtMost;
    let all = [(AtMost(0.0), Some(0.0)); 2];
    // A tick at 60 Hz is not a whole number of nanoseconds.
    for ms in [49.999_998, 50.000_002] {
        let latencies = [(AtMost(50.0), Some(50.0)), (AtMost(85.0), Some(50.0))];
        let wanted = [latencies, all].concat();
        assert_eq!(judged(&promised(0.05, ms, 20, 0)), (wanted, true));
    }
    let latencies = [(AtMost(50.0), Some(50.0)), (AtMost(85.0), Some(200.0))];
    let wanted = [latencies, all].concat();
    assert_eq!(judged(&promised(0.05, 50.0, 21, 0)), (wanted, false));
    let is_kept = |loss, ms| judged(&promised(loss, ms, 0, 0)).1;
    assert!(!is_kept(0.05, 51.0));
    assert!(is_kept(0.15, 66.7) && !is_kept(0.15, 68.0));
    let [(p50, _), (p99, _)] = judged(&promised(0.15, 50.0, 0, 0)).0[..2] else {
        panic!("two targets");
    };
    assert_eq!([p50, p99], [AtMost(67.0), AtMost(150.0)]);
}

#[test]
fn every_message_arrives_at_30_percent_loss() {
    let bound = Bound::AtMost(0.0);
    let figures = |missing, swapped| vec![(bound, Some(missing)), (bound, Some(swapped))];
    assert_eq!(
        judged(&promised(0.3, 900.0, 0, 0)),
        (figures(0.0, 0.0), true)
    );
    let missing = row_of(case(0.3, Kind::Ordered), [outcome(2000, vec![50.0; 1999])]);
    assert_eq!(judged(&missing), (figures(1.0, 0.0), false));
    assert_eq!(
        judged(&promised(0.3, 50.0, 0, 3)),
        (figures(0.0, 3.0), false)
    );
}

#[test]
fn only_rows_with_targets_have_a_verdict() {
    let good = promised(0.05, 50.0, 0, 0);
    let with = |case| {
        goals(&Row {
            case,
            ..good.clone()
        })
    };
    let case = good.case;
    assert!(!with(case).is_empty());
    for other in [
        Case { loss: 0.1, ..case },
        Case {
            burst: Some(3.0),
            ..case
        },
        Case {
            redundant_copies: Some(0),
            ..case
        },
        Case {
            delivery: Kind::Reliable,
            ..case
        },
    ] {
        assert_eq!(with(other), [], "{other}");
    }
    let few = row_of(case, [outcome(10, [])]);
    let refusal = judge(&Options::for_tests(&[]), &[few]);
    assert_eq!(
        refusal,
        Err("no verdict: the targets need 1,000 messages".to_owned())
    );
    let refusal = judge(&Options::for_tests(&["--size=41"]), &[good]);
    assert!(
        refusal
            .expect_err("it is for 40 bytes")
            .contains("for 40 bytes")
    );
}

fn computed(options: &Options, case: Case) -> Row {
    let run = |seed| virtual_pair::run(case, options, seed);
    Row::of(case, (0..SEEDS).map(run)).unwrap()
}

#[test]
fn meets_the_targets_encrypted_and_plain() {
    for args in [&[][..], &["--plain"]] {
        let options = Options::for_tests(args);
        let rows = [0.05, 0.15, 0.3].map(|loss| computed(&options, case(loss, Kind::Ordered)));
        let goals = judge(&options, &rows).unwrap();
        assert_eq!(goals.len(), 4 + 4 + 2);
        for goal in goals {
            assert!(!goal.is_missed(), "seeds 0 to {}: {goal:?}", SEEDS - 1);
        }
        for row in rows {
            assert_eq!(row.complaint(), None);
        }
    }
}

#[test]
fn everything_arrives_in_order_without_copies_and_in_bursts() {
    let options = Options::for_tests(&[]);
    for loss in [0.05, 0.15, 0.3] {
        for (burst, redundancy) in [(None, 0), (Some(3.0), 2), (Some(3.0), 0)] {
            let case = Case {
                burst,
                redundant_copies: Some(redundancy),
                ..case(loss, Kind::Ordered)
            };
            let row = computed(&options, case);
            assert_eq!(row.complaint(), None, "{case}");
            assert_eq!(row.total.missing(), 0, "{case}");
        }
    }
}

#[test]
fn redundant_copies_lower_the_latency() {
    let options = Options::for_tests(&[]);
    let p99 = |redundancy| {
        let case = Case {
            redundant_copies: Some(redundancy),
            ..case(0.05, Kind::Ordered)
        };
        computed(&options, case).total.latency_micros.p99().unwrap()
    };
    let (with, without) = (p99(2), p99(0));
    assert!(
        with < without,
        "{with} µs with copies, {without} µs without"
    );
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let options = Options::for_tests(&[]);
    let case = Case {
        burst: Some(3.0),
        ..case(0.15, Kind::Ordered)
    };
    let [first, again, other] =
        [4, 4, 5].map(|seed| row_of(case, [virtual_pair::run(case, &options, seed).unwrap()]));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn reports_a_link_that_drops_everything() {
    let dead = case(1.0, Kind::Ordered);
    let outcome = virtual_pair::run(dead, &Options::for_tests(&[]), 0).unwrap();
    assert_eq!(outcome.counts.sent, 0);
    let complaint = row_of(dead, [outcome]).complaint().unwrap();
    assert!(
        complaint.contains("could not connect: no reply from the server"),
        "{complaint}"
    );
}

#[test]
fn a_disconnect_ends_the_run_and_keeps_its_results() {
    let options = Options::for_tests(&[]);
    let case = case(0.0, Kind::Ordered);
    let pair = VirtualPair::new(case, &options, 0).unwrap();
    let mut tick = pair.network.start();
    let mut run = Run::new(pair, case, &options);
    for number in 0.. {
        if run.is_over() {
            break;
        }
        if number == 100 {
            let mut conditions = options.conditions(case);
            conditions.partitioned = true;
            let VirtualPair {
                network,
                sender,
                receiver,
                ..
            } = &mut run.pair;
            network
                .set_link_conditions(*sender, *receiver, &conditions)
                .unwrap();
        }
        run.tick(tick).unwrap();
        tick += options.tick();
    }
    let outcome = run.outcome();
    let arrived = outcome.latency.count();
    assert!((50..100).contains(&arrived), "{arrived}");
    assert!(outcome.counts.packets >= 100 && outcome.counts.sending > Duration::from_secs(1));
    let complaint = outcome.broken.unwrap();
    assert!(complaint.starts_with("ended after "), "{complaint}");
    assert!(
        complaint.ends_with("timed out: no packet from the peer within the idle timeout"),
        "{complaint}"
    );
}
