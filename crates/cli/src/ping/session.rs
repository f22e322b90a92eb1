//! A run of ping without its socket, its clock and its output: probes that leave, datagrams that come,
//! time that passes, and what all that means.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::Datagram;

use super::counters::{Counters, Millis, NoReply};
use super::in_flight::{InFlight, Reply, ReplyKind};
use super::probe::{ProbeMatch, Probes};
use super::rtt::{RttRecorder, RttSummary};

/// Something to tell, in one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Answered { answer: Reply, len: usize },
    Lost { seq: u64, timeout: Duration },
    Altered { from: SocketAddr, len: Len },
    Foreign { from: SocketAddr, len: Len },
}

/// How long a datagram was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Len {
    Bytes(usize),
    /// It was cut at so many.
    MoreThan(usize),
}

impl Len {
    fn of(datagram: &Datagram<'_>) -> Self {
        let len = datagram.bytes.len();
        if datagram.truncated {
            Self::MoreThan(len)
        } else {
            Self::Bytes(len)
        }
    }
}

impl fmt::Display for Len {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(len) => write!(f, "{len} bytes"),
            Self::MoreThan(len) => write!(f, "more than {len} bytes"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Answered { answer, len } => {
                let (seq, time) = (answer.seq, Millis(answer.round_trip));
                let remark = remark(answer.kind);
                write!(f, "seq={seq} {len} bytes time={time} ms{remark}")
            }
            Self::Lost { seq, timeout } => {
                let timeout = humantime::format_duration(timeout);
                write!(f, "seq={seq} lost: no answer within {timeout}")
            }
            // Without a sequence number: that may be what was altered.
            Self::Altered { from, len } => write!(f, "altered {len} from {from}"),
            Self::Foreign { from, len } => write!(f, "foreign {len} from {from}"),
        }
    }
}

fn remark(kind: ReplyKind) -> &'static str {
    match kind {
        ReplyKind::InOrder => "",
        ReplyKind::OutOfOrder => ", out of order",
        ReplyKind::Late | ReplyKind::Overdue => ", late",
        ReplyKind::Duplicate => ", duplicate",
    }
}

/// Everything that is known of a run.
#[derive(Debug)]
pub(crate) struct Session {
    to: SocketAddr,
    timeout: Duration,
    probes: Probes,
    in_flight: InFlight,
    rtt: RttRecorder,
    counters: Counters,
    /// The first other address from which one of our probes came back.
    other_address: Option<SocketAddr>,
    foreign_of_target: u64,
}

impl Session {
    pub(crate) fn new(to: SocketAddr, probes: Probes, timeout: Duration) -> Self {
        Self {
            to,
            timeout,
            probes,
            in_flight: InFlight::new(timeout),
            rtt: RttRecorder::new(),
            counters: Counters::default(),
            other_address: None,
            foreign_of_target: 0,
        }
    }

    /// Where the probes go.
    pub(crate) fn to(&self) -> SocketAddr {
        self.to
    }

    /// The number of the next probe, from 1 on.
    pub(crate) fn next_seq(&self) -> u64 {
        self.in_flight.next_seq()
    }

    /// The bytes of the next probe.
    pub(crate) fn next_probe(&self) -> impl Iterator<Item = u8> {
        self.probes.bytes(self.next_seq())
    }

    /// The next probe leaves at `now`.
    pub(crate) fn on_sent(&mut self, now: Instant) {
        let forgotten = self.in_flight.on_sent(now);
        self.counters.sent += 1;
        self.counters.lost += u64::from(forgotten.is_some());
    }

    /// The probe that was sent last did not leave; its number.
    pub(crate) fn on_refused(&mut self) -> u64 {
        self.in_flight.on_refused();
        self.counters.sent -= 1;
        self.counters.not_sent += 1;
        self.next_seq() - 1
    }

    /// A datagram came at `now`.
    pub(crate) fn handle_datagram(&mut self, datagram: &Datagram<'_>, now: Instant) -> Event {
        let (from, len) = (datagram.from, Len::of(datagram));
        let content = self.probes.read(datagram);
        if !self.is_target(from) {
            self.on_probe_from_other_address(from, content);
            return self.on_foreign(from, len);
        }
        match content {
            ProbeMatch::Probe(seq) => match self.in_flight.on_answer(seq, now) {
                Some(answer) => self.on_answer(answer, datagram.bytes.len()),
                // Never sent, or so long ago that it is forgotten.
                None => self.on_foreign(from, len),
            },
            ProbeMatch::Altered => {
                self.counters.altered += 1;
                Event::Altered { from, len }
            }
            ProbeMatch::Foreign => self.on_foreign(from, len),
        }
    }

    /// The next probe that is lost at `now`. To be asked until there is none.
    pub(crate) fn take_overdue(&mut self, now: Instant) -> Option<Event> {
        let seq = self.in_flight.take_overdue(now)?;
        self.counters.lost += 1;
        Some(Event::Lost {
            seq,
            timeout: self.timeout,
        })
    }

    /// When the next probe will be lost, if one is under way.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.in_flight.deadline()
    }

    /// Whether a probe is under way.
    pub(crate) fn is_waiting(&self) -> bool {
        self.in_flight.waiting() > 0
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    /// Of the answers that came in time.
    pub(crate) fn rtt_summary(&self) -> Option<RttSummary> {
        self.rtt.rtt_summary()
    }

    /// If nothing was answered in time, what there is to say about it.
    pub(crate) fn no_reply(&self) -> Option<NoReply> {
        if self.counters.received > 0 {
            return None;
        }
        Some(NoReply {
            counters: self.counters,
            to: self.to,
            timeout: self.timeout,
            other_address: self.other_address,
            foreign_of_target: self.foreign_of_target,
        })
    }

    /// Of an IPv6 address the scope and the flow are not compared: the system fills them in on what
    /// it receives, also where nobody wrote them.
    fn is_target(&self, from: SocketAddr) -> bool {
        (from.ip(), from.port()) == (self.to.ip(), self.to.port())
    }

    fn on_answer(&mut self, answer: Reply, len: usize) -> Event {
        self.counters.on_answer(answer.kind);
        match answer.kind {
            ReplyKind::InOrder | ReplyKind::OutOfOrder => self.rtt.add(answer.round_trip),
            // A late one is counted and shown; among those in time it would be a time that no
            // timeout allows.
            ReplyKind::Late | ReplyKind::Overdue | ReplyKind::Duplicate => {}
        }
        Event::Answered { answer, len }
    }

    fn on_probe_from_other_address(&mut self, from: SocketAddr, content: ProbeMatch) {
        if matches!(content, ProbeMatch::Probe(_)) {
            self.other_address.get_or_insert(from);
        }
    }

    fn on_foreign(&mut self, from: SocketAddr, len: Len) -> Event {
        self.counters.foreign += 1;
        self.foreign_of_target += u64::from(self.is_target(from));
        Event::Foreign { from, len }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    const TARGET: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7);
    const STRANGER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 8);

    /// A session, and what it is told, on a clock that the test moves.
    struct Play {
        session: Session,
        now: Instant,
        /// The probes that left, the first one at index 0.
        probes: Vec<Vec<u8>>,
    }

    impl Play {
        fn new() -> Self {
            Self {
                session: Session::new(TARGET.into(), Probes::of_size(64), TIMEOUT),
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

        fn answer(&mut self, seq: usize) -> String {
            let bytes = self.probes[seq - 1].clone();
            self.hear(TARGET, &bytes)
        }

        fn hear(&mut self, from: (Ipv4Addr, u16), bytes: &[u8]) -> String {
            let datagram = Datagram {
                from: from.into(),
                bytes,
                truncated: false,
            };
            self.session
                .handle_datagram(&datagram, self.now)
                .to_string()
        }

        fn overdue(&mut self) -> Vec<String> {
            let next = || self.session.take_overdue(self.now);
            std::iter::from_fn(next)
                .map(|event| event.to_string())
                .collect()
        }

        fn no_reply(&self) -> String {
            let no_reply = self.session.no_reply();
            no_reply.map_or_else(String::new, |no_reply| no_reply.to_string())
        }
    }

    #[test]
    fn answers_are_told_with_their_times_and_remarks() {
        let mut play = Play::new();
        play.send(3);
        play.now += 2 * MS;
        assert_eq!(play.answer(1), "seq=1 64 bytes time=2.000 ms");
        assert_eq!(play.answer(3), "seq=3 64 bytes time=2.000 ms");
        play.now += MS;
        assert_eq!(play.answer(2), "seq=2 64 bytes time=3.000 ms, out of order");
        assert_eq!(play.answer(1), "seq=1 64 bytes time=3.000 ms, duplicate");
        let wanted = Counters {
            sent: 3,
            received: 3,
            out_of_order: 1,
            duplicates: 1,
            ..Counters::default()
        };
        assert_eq!(play.session.counters(), wanted);
        assert!(!play.session.is_waiting());
        assert_eq!(play.session.rtt_summary().map(|f| f.max), Some(3 * MS));
    }

    #[test]
    fn a_late_answer_stays_lost_and_out_of_the_figures() {
        let mut play = Play::new();
        play.send(2);
        play.now += TIMEOUT + MS;
        // The first is found by its answer, the second by the clock.
        assert_eq!(play.answer(1), "seq=1 64 bytes time=1001.000 ms, late");
        assert_eq!(play.overdue(), ["seq=2 lost: no answer within 1s"]);
        assert_eq!(play.answer(2), "seq=2 64 bytes time=1001.000 ms, late");
        let wanted = Counters {
            sent: 2,
            lost: 2,
            late: 2,
            ..Counters::default()
        };
        assert_eq!(play.session.counters(), wanted);
        assert_eq!(play.session.rtt_summary(), None);
        assert!(
            play.no_reply().contains("2 after it"),
            "{}",
            play.no_reply()
        );
    }

    #[test]
    fn an_altered_answer_leaves_its_probe_waiting() {
        let mut play = Play::new();
        play.send(1);
        let mut bytes = play.probes[0].clone();
        bytes[63] ^= 1;
        assert_eq!(
            play.hear(TARGET, &bytes),
            "altered 64 bytes from 127.0.0.1:7"
        );
        assert!(play.session.is_waiting());
        assert_eq!(play.session.counters().altered, 1);
        assert_eq!(play.answer(1), "seq=1 64 bytes time=0.000 ms");
        assert_eq!(play.session.counters().received, 1);
    }

    #[test]
    fn what_is_not_ours_is_foreign() {
        let mut play = Play::new();
        play.send(1);
        assert_eq!(
            play.hear(TARGET, b"hello"),
            "foreign 5 bytes from 127.0.0.1:7"
        );
        let stranger = "foreign 64 bytes from 127.0.0.1:8";
        assert_eq!(play.hear(STRANGER, &[0; 64]), stranger);
        assert_eq!(play.session.counters().foreign, 2);
        assert!(play.session.is_waiting());
        play.now += TIMEOUT + MS;
        play.overdue();
        // The stranger's does not count: it says nothing of the target.
        let why = "only foreign datagrams (1): it is no echo";
        assert!(play.no_reply().contains(why), "{}", play.no_reply());
    }

    #[test]
    fn one_that_was_cut_was_longer() {
        let mut play = Play::new();
        play.send(1);
        let cut = Datagram {
            from: TARGET.into(),
            bytes: &[0; 1024],
            truncated: true,
        };
        let told = play.session.handle_datagram(&cut, play.now).to_string();
        assert_eq!(told, "foreign more than 1024 bytes from 127.0.0.1:7");
    }

    #[test]
    fn our_probe_from_another_address_is_foreign_and_remembered() {
        let mut play = Play::new();
        play.send(1);
        let bytes = play.probes[0].clone();
        let told = play.hear(STRANGER, &bytes);
        assert_eq!(told, "foreign 64 bytes from 127.0.0.1:8");
        assert!(play.session.is_waiting());
        assert!(play.no_reply().contains("but from 127.0.0.1:8"));
    }

    #[test]
    fn a_probe_of_this_run_that_was_never_sent_is_foreign() {
        let mut play = Play::new();
        let bytes: Vec<u8> = play.session.next_probe().collect();
        assert_eq!(
            play.hear(TARGET, &bytes),
            "foreign 64 bytes from 127.0.0.1:7"
        );
    }

    #[test]
    fn what_did_not_leave_is_neither_sent_nor_lost() {
        let mut play = Play::new();
        play.send(1);
        assert_eq!(play.session.on_refused(), 1);
        play.now += 2 * TIMEOUT;
        assert_eq!(play.overdue(), [""; 0]);
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
        let session = Session::new(to, Probes::of_size(64), TIMEOUT);
        let SocketAddr::V6(mut from) = to else {
            panic!("{to}");
        };
        from.set_scope_id(3);
        assert!(session.is_target(from.into()));
    }
}
