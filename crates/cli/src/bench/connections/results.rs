//! What a run came to.

use std::time::Duration;

use serde::Serialize;

use super::Settings;
use super::floor::Floor;
use super::pace::Paced;
use super::report::{self, Reasons};
use super::server::Done;

/// Who was let in, seen from the clients.
#[derive(Debug, Default, Serialize)]
pub(super) struct Admitted {
    pub(super) peers: usize,
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub(super) time: Duration,
    pub(super) refused: Reasons,
}

/// The time in which nobody had anything to say, seen from the server.
#[derive(Debug, Serialize)]
pub(super) struct Kept {
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub(super) time: Duration,
    /// Who went in it.
    pub(super) gone: Reasons,
}

/// How it ended.
#[derive(Debug, Default, Serialize)]
pub(super) struct Closed {
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub(super) time: Duration,
    /// Who had gone before, seen from the clients.
    pub(super) gone_before: Reasons,
    /// How many goodbyes the server heard, if it is here.
    pub(super) said_goodbye: Option<usize>,
}

/// What only a server of our own can tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfServer {
    /// While it kept everybody.
    pub(super) done: Paced<Done>,
    pub(super) resident_before: Option<u64>,
    pub(super) resident_after: Option<u64>,
    pub(super) stated_bytes: usize,
    pub(super) floor: Option<Paced<Floor>>,
}

/// What the peers cost the server.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Cost {
    pub(super) load: Paced<Load>,
    /// What the process had resident without a peer and with all of them, in bytes.
    pub(super) resident_before: Option<u64>,
    pub(super) resident_after: Option<u64>,
    pub(super) resident_bytes_per_peer: Option<f64>,
    /// The most that the library states of it: `Config::peer_bytes_idle`.
    pub(super) stated_bytes_per_peer: usize,
}

/// What they cost while the server kept to one pace.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Load {
    /// Of one core, for all of them.
    pub(super) core_percent: Option<f64>,
    pub(super) cpu_micros_per_peer_and_second: Option<f64>,
    pub(super) received_per_peer_and_minute: f64,
    pub(super) sent_per_peer_and_minute: f64,
    /// What as many sockets cost that have no protocol.
    pub(super) floor: Option<Floor>,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) peers: usize,
    pub(super) admitted: Admitted,
    pub(super) kept: Kept,
    pub(super) closed: Closed,
    /// `None`: it is elsewhere.
    pub(super) server: Option<Cost>,
}

impl Admitted {
    pub(super) fn add(&mut self, peers: usize, refused: &Reasons) {
        self.peers += peers;
        for (reason, count) in refused {
            report::add(&mut self.refused, reason, *count);
        }
    }
}

impl Results {
    pub(super) fn of(
        settings: &Settings,
        admitted: Admitted,
        kept: Kept,
        closed: Closed,
        server: Option<OfServer>,
    ) -> Self {
        let cost = |server| Cost::of(&server, admitted.peers.max(1) as f64);
        Self {
            peers: settings.peers,
            server: server.map(cost),
            admitted,
            kept,
            closed,
        }
    }

    /// What did not go as it should have, in one sentence.
    pub(super) fn complaint(&self) -> Option<String> {
        let (peers, admitted) = (self.peers, self.admitted.peers);
        if admitted < peers {
            let refused = report::told(&self.admitted.refused);
            return Some(format!(
                "{admitted} of {peers} clients were admitted: {refused}"
            ));
        }
        for gone in [&self.kept.gone, &self.closed.gone_before] {
            if !gone.is_empty() {
                let (count, told) = (report::total(gone), report::told(gone));
                return Some(format!("{count} of {peers} clients were not kept: {told}"));
            }
        }
        let heard = self.closed.said_goodbye.unwrap_or(peers);
        (heard < peers).then(|| format!("the server heard {heard} goodbyes of {peers}"))
    }
}

impl Cost {
    fn of(server: &OfServer, peers: f64) -> Self {
        let OfServer {
            done,
            resident_before,
            resident_after,
            stated_bytes,
            floor,
        } = *server;
        let floor = match floor {
            Some(floor) => floor.map(Some),
            None => done.map(|_| None),
        };
        let grown = resident_after
            .zip(resident_before)
            .map(|(after, before)| after.saturating_sub(before) as f64);
        Self {
            load: done
                .zip(floor)
                .map(|(done, floor)| Load::of(&done, peers, floor)),
            resident_before,
            resident_after,
            resident_bytes_per_peer: grown.map(|bytes| bytes / peers),
            stated_bytes_per_peer: stated_bytes,
        }
    }
}

impl Load {
    fn of(done: &Done, peers: f64, floor: Option<Floor>) -> Self {
        let seconds = done.time.as_secs_f64().max(1e-9);
        let cpu = done.cpu.map(|cpu| cpu.as_secs_f64() / seconds);
        let per_peer_and_minute = |packets: u64| packets as f64 / peers / seconds * 60.0;
        Self {
            core_percent: cpu.map(|cpu| cpu * 100.0),
            cpu_micros_per_peer_and_second: cpu.map(|cpu| cpu * 1e6 / peers),
            received_per_peer_and_minute: per_peer_and_minute(done.received),
            sent_per_peer_and_minute: per_peer_and_minute(done.sent),
            floor,
        }
    }

    pub(super) fn against_floor(&self) -> Option<f64> {
        let floor = self.floor?.core_percent?;
        let ratio = self.core_percent? / floor;
        ratio.is_finite().then_some(ratio)
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn reasons(count: usize) -> Reasons {
        Reasons::from([("the server is full".to_owned(), count)])
    }

    fn all_well() -> Results {
        Results {
            peers: 10,
            admitted: Admitted {
                peers: 10,
                ..Admitted::default()
            },
            kept: Kept {
                time: MINUTE,
                gone: Reasons::new(),
            },
            closed: Closed {
                said_goodbye: Some(10),
                ..Closed::default()
            },
            server: None,
        }
    }

    #[test]
    fn what_a_peer_costs_is_by_peer_and_time() {
        let woken = Done {
            time: MINUTE,
            cpu: Some(Duration::from_secs(6)),
            received: 1200,
            sent: 2400,
        };
        let ticking = Done {
            time: MINUTE / 2,
            cpu: Some(Duration::from_secs(1)),
            ..woken
        };
        let floor = |core_percent| Floor {
            core_percent: Some(core_percent),
            echoes_per_peer_and_minute: 12.0,
        };
        let server = OfServer {
            done: Paced { woken, ticking },
            resident_before: Some(1000),
            resident_after: Some(31_000),
            stated_bytes: 4096,
            floor: Some(Paced {
                woken: floor(8.0),
                ticking: floor(2.0),
            }),
        };
        let cost = Cost::of(&server, 100.0);
        let (woken, ticking) = (cost.load.woken, cost.load.ticking);
        let is_close = |value: Option<f64>, wanted: f64| {
            assert!(
                value.is_some_and(|value| (value - wanted).abs() < 1e-6),
                "{cost:?}"
            );
        };
        is_close(woken.core_percent, 10.0);
        is_close(woken.cpu_micros_per_peer_and_second, 1000.0);
        is_close(Some(woken.received_per_peer_and_minute), 12.0);
        is_close(Some(woken.sent_per_peer_and_minute), 24.0);
        is_close(woken.against_floor(), 1.25);
        is_close(ticking.core_percent, 10.0 / 3.0);
        is_close(Some(ticking.received_per_peer_and_minute), 24.0);
        is_close(ticking.against_floor(), 5.0 / 3.0);
        is_close(cost.resident_bytes_per_peer, 300.0);
    }

    #[test]
    fn a_run_in_which_all_went_well_has_no_complaint() {
        assert_eq!(all_well().complaint(), None);
        let mut elsewhere = all_well();
        elsewhere.closed.said_goodbye = None;
        assert_eq!(elsewhere.complaint(), None);
    }

    #[test]
    fn whatever_did_not_go_well_is_told() {
        let told = |change: fn(&mut Results)| {
            let mut results = all_well();
            change(&mut results);
            results.complaint().expect("something went wrong")
        };
        let not_admitted = told(|results| {
            results.admitted = Admitted::default();
            results.admitted.add(7, &reasons(3));
        });
        let text = "7 of 10 clients were admitted: 3 the server is full";
        assert_eq!(not_admitted, text);
        let not_kept = told(|results| results.kept.gone = reasons(1));
        assert!(not_kept.starts_with("1 of 10 clients were not kept: 1 "));
        let not_kept = told(|results| results.closed.gone_before = reasons(2));
        assert!(not_kept.starts_with("2 of 10 clients were not kept: 2 "));
        let not_heard = told(|results| results.closed.said_goodbye = Some(9));
        assert_eq!(not_heard, "the server heard 9 goodbyes of 10");
    }
}
