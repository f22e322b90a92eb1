//! A run of ping without socket and clock: evaluates probes, received datagrams and timeouts.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use humantime::format_duration;
use tickwire::Datagram;

use super::counters::Counters;
use super::event::PingEvent;
use super::in_flight::{InFlight, Reply, ReplyKind};
use super::probe::{ProbeMatch, Probes};
use super::rtt::{RttRecorder, RttSummary};
use crate::time::Millis;

const NO_ECHO: &str = "it is not a UDP echo, such as `tickwire listen --echo`";

#[derive(Debug)]
pub(super) struct Session {
    to: SocketAddr,
    timeout: Duration,
    probes: Probes,
    in_flight: InFlight,
    rtt: RttRecorder,
    counters: Counters,
    /// The first other address that sent a probe back.
    other_address: Option<SocketAddr>,
    /// Foreign datagrams from the target itself.
    foreign_from_target: u64,
}

impl Session {
    /// A run with probes of `size` bytes, at least [`PROBE_MIN`](super::probe::PROBE_MIN).
    pub(super) fn new(to: SocketAddr, size: usize, timeout: Duration) -> Self {
        Self {
            to,
            timeout,
            probes: Probes::of_size(size),
            in_flight: InFlight::new(timeout),
            rtt: RttRecorder::new(),
            counters: Counters::default(),
            other_address: None,
            foreign_from_target: 0,
        }
    }

    pub(super) fn to(&self) -> SocketAddr {
        self.to
    }

    /// Sequence number of the next probe; the first is 1.
    pub(super) fn next_seq(&self) -> u64 {
        self.in_flight.next_seq()
    }

    pub(super) fn next_probe(&self) -> impl Iterator<Item = u8> {
        self.probes.bytes(self.next_seq())
    }

    pub(super) fn on_sent(&mut self, now: Instant) {
        let forgotten = self.in_flight.on_sent(now);
        self.counters.sent += 1;
        self.counters.lost += u64::from(forgotten.is_some());
    }

    /// The system rejected the last probe. Returns its sequence number.
    pub(super) fn on_refused(&mut self) -> u64 {
        self.in_flight.on_refused();
        self.counters.sent -= 1;
        self.counters.not_sent += 1;
        self.next_seq() - 1
    }

    pub(super) fn on_datagram(&mut self, datagram: &Datagram<'_>, now: Instant) -> PingEvent {
        let from = datagram.from;
        // Without the scope and the flow of an IPv6 address, which the system may set.
        let is_from_target = (from.ip(), from.port()) == (self.to.ip(), self.to.port());
        let reply = match self.probes.read(datagram) {
            ProbeMatch::Probe(seq) if is_from_target => self.in_flight.on_reply(seq, now),
            ProbeMatch::Probe(_) => {
                self.other_address.get_or_insert(from);
                None
            }
            // Without a sequence number, which may be altered.
            ProbeMatch::Altered if is_from_target => {
                self.counters.altered += 1;
                return PingEvent::Altered(datagram.into());
            }
            ProbeMatch::Altered | ProbeMatch::Foreign => None,
        };
        if let Some(reply) = reply {
            return self.on_reply(reply, datagram.bytes.len());
        }
        self.counters.foreign += 1;
        self.foreign_from_target += u64::from(is_from_target);
        PingEvent::Foreign(datagram.into())
    }

    fn on_reply(&mut self, reply: Reply, size_bytes: usize) -> PingEvent {
        self.counters.on_reply(reply.kind);
        // Late replies would distort the summary.
        if matches!(reply.kind, ReplyKind::InOrder | ReplyKind::OutOfOrder) {
            self.rtt.record(reply.round_trip);
        }
        PingEvent::Reply {
            seq: reply.seq,
            size_bytes,
            round_trip_ms: Millis(reply.round_trip),
            kind: reply.kind,
        }
    }

    /// Takes the next probe that is lost at `now`. Call it until it returns `None`.
    pub(super) fn take_lost(&mut self, now: Instant) -> Option<PingEvent> {
        let seq = self.in_flight.take_lost(now)?;
        self.counters.lost += 1;
        let timeout_ms = Millis(self.timeout);
        Some(PingEvent::Lost { seq, timeout_ms })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.in_flight.deadline()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.in_flight.waiting() > 0
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters
    }

    pub(super) fn rtt_summary(&self) -> Option<RttSummary> {
        self.rtt.summary()
    }

    /// The likely reason that no reply arrived in time, and what to do.
    pub(super) fn no_reply_reason(&self) -> Option<String> {
        let (to, counters) = (self.to, &self.counters);
        if counters.received > 0 {
            return None;
        }
        let (late, altered, foreign) = (counters.late, counters.altered, self.foreign_from_target);
        let timeout = format_duration(self.timeout);
        let reason = match self.other_address {
            _ if late > 0 => {
                format!(" within {timeout}, but {late} later: choose a longer --timeout")
            }
            Some(other) => format!(", but from {other}: ping that address instead"),
            None if altered > 0 => format!(" without changed bytes ({altered} altered): {NO_ECHO}"),
            None if foreign > 0 => format!(", only foreign datagrams ({foreign}): {NO_ECHO}"),
            None if counters.lost == 0 => " before the end of the run".to_owned(),
            None => format!(": no program listens there, a firewall blocks it, or {NO_ECHO}"),
        };
        Some(format!("no reply from {to}{reason}"))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    const TARGET: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7);
    const OTHER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 8);

    /// A session on a clock that the test advances.
    struct Play {
        session: Session,
        now: Instant,
        probes: Vec<Vec<u8>>,
    }

    impl Play {
        fn new() -> Self {
            Self {
                session: Session::new(TARGET.into(), 64, TIMEOUT),
                now: Instant::now(),
                probes: Vec::new(),
            }
        }

        fn send(&mut self, count: usize) {
            for _ in 0..count {
                self.probes.push(self.session.next_probe().collect());
                self.session.on_sent(self.now);
            }
        }

        fn reply(&mut self, seq: usize) -> String {
            let bytes = self.probes[seq - 1].clone();
            self.receive(TARGET, &bytes)
        }

        fn receive(&mut self, from: (Ipv4Addr, u16), bytes: &[u8]) -> String {
            let datagram = Datagram {
                from: from.into(),
                bytes,
                truncated: false,
            };
            self.session.on_datagram(&datagram, self.now).to_string()
        }

        fn lost(&mut self) -> Vec<String> {
            let lost = std::iter::from_fn(|| self.session.take_lost(self.now));
            lost.map(|event| event.to_string()).collect()
        }

        fn no_reply(&self) -> String {
            self.session.no_reply_reason().unwrap_or_default()
        }
    }

    #[test]
    fn replies_are_shown_with_times_and_remarks() {
        let mut play = Play::new();
        play.send(3);
        play.now += 2 * MS;
        assert_eq!(play.reply(1), "seq=1 64 bytes time=2.000 ms");
        assert_eq!(play.reply(3), "seq=3 64 bytes time=2.000 ms");
        play.now += MS;
        assert_eq!(play.reply(2), "seq=2 64 bytes time=3.000 ms, out of order");
        assert_eq!(play.reply(1), "seq=1 64 bytes time=3.000 ms, duplicate");
        let wanted = Counters {
            sent: 3,
            received: 3,
            out_of_order: 1,
            duplicates: 1,
            ..Counters::default()
        };
        assert_eq!(play.session.counters(), wanted);
        assert!(!play.session.is_waiting());
        assert_eq!(
            play.session.rtt_summary().map(|f| f.max),
            Some(Millis(3 * MS))
        );
    }

    #[test]
    fn a_late_reply_stays_lost_and_out_of_the_summary() {
        let mut play = Play::new();
        play.send(2);
        play.now += TIMEOUT + MS;
        // The first is found by its reply, the second by its timeout.
        assert_eq!(play.reply(1), "seq=1 64 bytes time=1001.000 ms, late");
        assert_eq!(play.lost(), ["seq=2 lost: no reply within 1s"]);
        assert_eq!(play.reply(2), "seq=2 64 bytes time=1001.000 ms, late");
        let wanted = Counters {
            sent: 2,
            lost: 2,
            late: 2,
            ..Counters::default()
        };
        assert_eq!(play.session.counters(), wanted);
        assert_eq!(play.session.rtt_summary(), None);
        assert!(
            play.no_reply().contains("but 2 later"),
            "{}",
            play.no_reply()
        );
    }

    #[test]
    fn an_altered_reply_leaves_its_probe_in_flight() {
        let mut play = Play::new();
        play.send(1);
        let mut bytes = play.probes[0].clone();
        bytes[63] ^= 1;
        assert_eq!(
            play.receive(TARGET, &bytes),
            "altered 64 bytes from 127.0.0.1:7"
        );
        assert!(play.session.is_waiting());
        assert_eq!(play.session.counters().altered, 1);
        assert_eq!(play.reply(1), "seq=1 64 bytes time=0.000 ms");
        assert_eq!(play.session.counters().received, 1);
    }

    #[test]
    fn other_datagrams_are_foreign() {
        let mut play = Play::new();
        play.send(1);
        assert_eq!(
            play.receive(TARGET, b"hello"),
            "foreign 5 bytes from 127.0.0.1:7"
        );
        let other = "foreign 64 bytes from 127.0.0.1:8";
        assert_eq!(play.receive(OTHER, &[0; 64]), other);
        assert_eq!(play.session.counters().foreign, 2);
        assert!(play.session.is_waiting());
        play.now += TIMEOUT + MS;
        play.lost();
        // Without the datagram from another address.
        let why = "only foreign datagrams (1): it is not a UDP echo";
        assert!(play.no_reply().contains(why), "{}", play.no_reply());
    }

    #[test]
    fn a_truncated_datagram_was_longer() {
        let mut play = Play::new();
        play.send(1);
        let cut = Datagram {
            from: TARGET.into(),
            bytes: &[0; 1024],
            truncated: true,
        };
        let line = play.session.on_datagram(&cut, play.now).to_string();
        assert_eq!(line, "foreign more than 1024 bytes from 127.0.0.1:7");
    }

    #[test]
    fn a_probe_from_another_address_is_foreign_and_remembered() {
        let mut play = Play::new();
        play.send(1);
        let bytes = play.probes[0].clone();
        let line = play.receive(OTHER, &bytes);
        assert_eq!(line, "foreign 64 bytes from 127.0.0.1:8");
        assert!(play.session.is_waiting());
        assert!(play.no_reply().contains("but from 127.0.0.1:8"));
    }

    #[test]
    fn a_probe_of_this_run_that_was_never_sent_is_foreign() {
        let mut play = Play::new();
        let bytes: Vec<u8> = play.session.next_probe().collect();
        assert_eq!(
            play.receive(TARGET, &bytes),
            "foreign 64 bytes from 127.0.0.1:7"
        );
    }

    #[test]
    fn a_rejected_probe_is_neither_sent_nor_lost() {
        let mut play = Play::new();
        play.send(1);
        assert_eq!(play.session.on_refused(), 1);
        play.now += 2 * TIMEOUT;
        assert_eq!(play.lost(), [""; 0]);
        let wanted = Counters {
            not_sent: 1,
            ..Counters::default()
        };
        assert_eq!(play.session.counters(), wanted);
        assert_eq!(play.session.next_seq(), 2);
    }

    #[test]
    fn the_address_is_compared_without_its_scope() {
        let to: SocketAddr = "[::1]:7".parse().expect("an address");
        let mut session = Session::new(to, 64, TIMEOUT);
        let bytes: Vec<u8> = session.next_probe().collect();
        let now = Instant::now();
        session.on_sent(now);
        let SocketAddr::V6(mut from) = to else {
            panic!("{to}");
        };
        from.set_scope_id(3);
        let datagram = Datagram {
            from: from.into(),
            bytes: &bytes,
            truncated: false,
        };
        let line = session.on_datagram(&datagram, now).to_string();
        assert_eq!(line, "seq=1 64 bytes time=0.000 ms");
    }

    #[test]
    fn a_run_without_a_reply_reports_the_likely_cause() {
        let lost = Counters {
            sent: 1,
            lost: 1,
            ..Counters::default()
        };
        let session = |counters| Session {
            counters,
            ..Session::new(TARGET.into(), 64, 1500 * MS)
        };
        let text = |session: &Session| session.no_reply_reason().unwrap_or_default();
        let begin = "no reply from 127.0.0.1:7: no program listens there, a firewall blocks it, or";
        assert!(text(&session(lost)).starts_with(begin));
        let late = Counters { late: 1, ..lost };
        let wanted =
            "no reply from 127.0.0.1:7 within 1s 500ms, but 1 later: choose a longer --timeout";
        assert_eq!(text(&session(late)), wanted);
        let altered = Counters { altered: 1, ..lost };
        let wanted =
            "no reply from 127.0.0.1:7 without changed bytes (1 altered): it is not a UDP echo";
        assert!(text(&session(altered)).starts_with(wanted));
        let other = Session {
            other_address: Some(OTHER.into()),
            ..session(lost)
        };
        let wanted = "no reply from 127.0.0.1:7, but from 127.0.0.1:8: ping that address instead";
        assert_eq!(text(&other), wanted);
        let foreign = Session {
            foreign_from_target: 2,
            ..session(lost)
        };
        let wanted = "no reply from 127.0.0.1:7, only foreign datagrams (2): it is not a UDP echo";
        assert!(text(&foreign).starts_with(wanted));
        let wanted = "no reply from 127.0.0.1:7 before the end of the run";
        assert_eq!(text(&session(Counters::default())), wanted);
    }
}
