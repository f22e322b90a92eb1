//! Every row of the table of operating system errors, scripted, on both paths.

use std::net::SocketAddr;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use nix::errno::Errno;

use crate::config::SocketConfig;
use crate::error::SocketSendError;
use crate::socket::Socket;
use crate::socket::script::ScriptedSend;
use crate::socket::script::ScriptedSend::{Fails, Takes};
use crate::socket::send_queue::INTERRUPTED_MAX;

/// Only a failing test takes that long.
const LIMIT: Duration = Duration::from_secs(30);

/// Generates every test twice: datagrams in batches, and one by one.
macro_rules! both_paths {
    ($(fn $name:ident($config:ident) $body:block)*) => {
        $(fn $name($config: SocketConfig) $body)*

        mod batched {
            $(#[test] fn $name() { super::$name(super::SocketConfig::default()); })*
        }

        mod single {
            $(#[test] fn $name() {
                super::$name(super::SocketConfig { batch: 1, ..super::SocketConfig::default() });
            })*
        }
    };
}

both_paths! {
    fn retries_an_interrupted_receive(config) {
        let mut socket = with_pending(&config, &[b"a"]);
        socket.receive_fails(&[Errno::EINTR, Errno::EINTR]);
        assert_eq!(socket.drain(), [b"a"]);
        assert_eq!(socket.stats().receive_errors.interrupted, 2);
    }

    fn an_icmp_error_of_one_peer_does_not_end_the_drain(config) {
        for errno in [
            Errno::ECONNREFUSED,
            Errno::ECONNRESET,
            Errno::ENETRESET,
            Errno::EHOSTUNREACH,
            Errno::ENETUNREACH,
            Errno::EPERM,
        ] {
            let mut socket = with_pending(&config, &[b"a", b"b"]);
            socket.receive_fails(&[errno, errno]);
            assert_eq!(socket.drain(), [b"a", b"b"], "{errno}");
            let stats = socket.stats();
            assert_eq!(stats.receive_errors.total(), 2, "{errno}");
            assert_eq!(stats.receive_errors.other, 0, "{errno}");
        }
    }

    fn counts_a_datagram_over_the_buffer_as_truncated(config) {
        let mut socket = with_pending(&config, &[b"a"]);
        socket.receive_fails(&[Errno::EMSGSIZE]);
        assert_eq!(socket.drain(), [b"a"]);
        assert_eq!(socket.stats().truncated, 1);
        assert_eq!(socket.stats().receive_errors.too_long, 1);
    }

    fn missing_receive_buffers_end_the_drain_until_the_next_turn(config) {
        let mut socket = with_pending(&config, &[b"a"]);
        socket.receive_fails(&[Errno::ENOBUFS]);
        assert_eq!(socket.recv().unwrap(), None);
        assert!(socket.may_have_more());
        socket.wait(Some(LIMIT)).unwrap();
        assert_eq!(socket.drain(), [b"a"]);
        assert!(!socket.may_have_more());
        assert_eq!(socket.stats().receive_errors.no_buffers, 1);
        assert_eq!(socket.stats().budget_spent, 0);
    }

    fn returns_an_unexpected_error_and_can_continue_the_drain(config) {
        let mut socket = with_pending(&config, &[b"a"]);
        socket.receive_fails(&[Errno::EIO]);
        assert_eq!(socket.recv().unwrap_err().raw_os_error(), Some(Errno::EIO as i32));
        assert!(socket.may_have_more());
        assert_eq!(socket.drain(), [b"a"]);
        assert_eq!(socket.stats().receive_errors.other, 1);
    }

    fn errors_alone_end_the_drain_at_its_budget(config) {
        let mut socket = bind(&SocketConfig { drain_budget: Some(5), ..config });
        socket.receive_fails(&[Errno::ECONNREFUSED; 7]);
        assert_eq!(socket.recv().unwrap(), None);
        assert!(socket.may_have_more());
        assert_eq!(socket.stats().budget_spent, 1);
        assert_eq!(socket.stats().receive_errors.refused, 5);
        assert_eq!(socket.recv().unwrap(), None);
        assert!(!socket.may_have_more());
        assert_eq!(socket.stats().receive_errors.refused, 7);
    }

    fn a_full_socket_keeps_the_queue_in_order(config) {
        let (mut socket, mut peer) = pair(&config);
        socket.send_answers(&[Fails(Errno::EAGAIN as i32)]);
        socket.queue_numbers(&peer, 0..3);
        socket.flush().unwrap();
        assert_eq!(socket.queued(), 3);
        socket.queue_numbers(&peer, 3..5);
        socket.flush().unwrap();
        assert_eq!(socket.queued(), 0);
        assert_eq!(peer.receive_numbers(5), [0, 1, 2, 3, 4]);
        assert_eq!(socket.stats().send_would_block, 1);
        assert_eq!(socket.stats().datagrams_sent, 5);
        assert_eq!(socket.stats().discarded, 0);
    }

    fn a_full_queue_is_backpressure_and_loses_nothing(config) {
        let (mut socket, mut peer) = pair(&SocketConfig { send_queue: 100, ..config });
        socket.send_answers(&[Fails(Errno::EAGAIN as i32)]);
        socket.queue_numbers(&peer, 0..100);
        assert_eq!(socket.queued(), 100, "the first full batch was refused, and later ones not tried");
        let to = peer.local_addr();
        assert_eq!(socket.send(to, b"no"), Err(SocketSendError::QueueFull));
        assert_eq!(socket.stats().queue_full, 1);
        socket.flush().unwrap();
        assert_eq!(peer.receive_numbers(100), (0..100).collect::<Vec<_>>());
    }

    fn space_after_a_full_queue_ends_one_sleep(config) {
        let (mut socket, mut peer) = pair(&SocketConfig { send_queue: 3, ..config });
        socket.send_answers(&[Fails(Errno::EAGAIN as i32), Fails(Errno::EAGAIN as i32)]);
        socket.queue_numbers(&peer, 0..3);
        let to = peer.local_addr();
        assert_eq!(socket.send(to, b"no"), Err(SocketSendError::QueueFull));
        // This socket receives nothing, so only the send queue can end the wait.
        let begin = std::time::Instant::now();
        socket.wait(Some(LIMIT)).unwrap();
        assert!(begin.elapsed() < LIMIT, "the sleep did not end when the queue accepted datagrams");
        socket.queue_numbers(&peer, 3..4);
        socket.flush().unwrap();
        assert_eq!(peer.receive_numbers(4), [0, 1, 2, 3]);
    }

    fn a_blocked_queue_is_not_retried_on_every_send(config) {
        let (mut socket, peer) = pair(&config);
        socket.send_answers(&[Fails(Errno::EAGAIN as i32), Fails(Errno::EAGAIN as i32)]);
        socket.queue_numbers(&peer, 0..200);
        assert_eq!(socket.stats().send_would_block, 1, "tried once, at the first full batch");
        assert!(socket.is_blocked());
    }

    fn sends_the_rest_when_the_socket_becomes_writable_during_a_sleep(config) {
        let mut socket = bind(&config);
        let own = socket.local_addr();
        socket.send_answers(&[Fails(Errno::EAGAIN as i32)]);
        socket.send(own, b"to myself").unwrap();
        socket.wait(Some(LIMIT)).unwrap();
        assert_eq!(socket.drain(), [b"to myself"]);
        assert_eq!(socket.stats().send_would_block, 1);
        assert!(!socket.is_blocked());

        // The writable interest is disabled again: only the next datagram ends a sleep.
        socket.send(own, b"again").unwrap();
        socket.wait(Some(LIMIT)).unwrap();
        assert_eq!(socket.drain(), [b"again"]);
    }

    fn retries_missing_send_buffers_without_an_event(config) {
        let mut socket = bind(&config);
        socket.send_answers(&[Fails(Errno::ENOBUFS as i32); 4]);
        let own = socket.local_addr();
        socket.send(own, b"to myself").unwrap();
        socket.wait(Some(LIMIT)).unwrap();
        assert_eq!(socket.drain(), [b"to myself"]);
        assert_eq!(socket.stats().send_errors.no_buffers, 4);
        assert_eq!(socket.stats().discarded, 0);
    }

    fn missing_buffers_do_not_extend_a_sleep(config) {
        let mut socket = bind(&config);
        socket.send_answers(&vec![Fails(Errno::ENOBUFS as i32); 10_000]);
        let own = socket.local_addr();
        socket.send(own, b"to myself").unwrap();
        socket.wait(Some(Duration::from_micros(2500))).unwrap();
        assert_eq!(socket.queued(), 1, "the sleep did not end at its timeout");
        socket.forget_script();
        socket.wait(Some(LIMIT)).unwrap();
        assert_eq!(socket.drain(), [b"to myself"]);
    }

    fn an_error_of_an_earlier_datagram_loses_no_datagram(config) {
        let (mut socket, mut peer) = pair(&config);
        socket.send_answers(&[Fails(Errno::ECONNREFUSED as i32)]);
        socket.queue_numbers(&peer, 0..3);
        socket.flush().unwrap();
        assert_eq!(peer.receive_numbers(3), [0, 1, 2]);
        assert_eq!(socket.stats().send_errors.refused, 1);
        assert_eq!(socket.stats().discarded, 0);
    }

    fn each_datagram_is_retried_once(config) {
        let (mut socket, mut peer) = pair(&config);
        let refused = Fails(Errno::ECONNREFUSED as i32);
        socket.send_answers(&[refused, Takes(1), refused, Takes(1), refused]);
        socket.queue_numbers(&peer, 0..3);
        socket.flush().unwrap();
        assert_eq!(peer.receive_numbers(3), [0, 1, 2]);
        assert_eq!(socket.stats().send_errors.refused, 3);
        assert_eq!(socket.stats().discarded, 0);
    }

    fn drops_a_datagram_rejected_twice_and_sends_the_rest(config) {
        let (mut socket, mut peer) = pair(&config);
        socket.send_answers(&[Fails(Errno::ECONNREFUSED as i32); 2]);
        socket.queue_numbers(&peer, 0..3);
        socket.flush().unwrap();
        assert_eq!(peer.receive_numbers(2), [1, 2]);
        assert_eq!(socket.stats().discarded, 1);
    }

    fn drops_datagrams_to_unreachable_destinations(config) {
        for errno in [Errno::EHOSTUNREACH, Errno::ENETUNREACH, Errno::EPERM, Errno::EACCES] {
            let (mut socket, mut peer) = pair(&config);
            socket.send_answers(&[Fails(errno as i32)]);
            socket.queue_numbers(&peer, 0..3);
            socket.flush().unwrap();
            assert_eq!(peer.receive_numbers(2), [1, 2], "{errno}");
            let stats = socket.stats();
            assert_eq!(stats.discarded, 1, "{errno}");
            assert_eq!(stats.send_errors.unreachable + stats.send_errors.permission, 1, "{errno}");
        }
    }

    fn reports_a_datagram_too_long_for_the_path_and_sends_the_rest(config) {
        let (mut socket, mut peer) = pair(&config);
        socket.send_answers(&[Fails(Errno::EMSGSIZE as i32)]);
        socket.send(peer.local_addr(), &[0; 900]).unwrap();
        socket.queue_numbers(&peer, 1..3);
        let error = socket.flush().unwrap_err().downcast::<SocketSendError>().unwrap();
        assert_eq!(error, SocketSendError::TooLong { len: 900, max: 899 });
        assert_eq!(peer.receive_numbers(2), [1, 2]);
        assert_eq!(socket.stats().send_errors.too_long, 1);
        assert!(socket.flush().is_ok(), "an error is reported once");
    }

    fn reports_an_unexpected_send_error_in_flush_only(config) {
        let (mut socket, mut peer) = pair(&config);
        socket.send_answers(&[Fails(Errno::EINVAL as i32), Fails(Errno::EIO as i32)]);
        socket.queue_numbers(&peer, 0..4);
        socket.wait(Some(Duration::ZERO)).unwrap();
        assert_eq!(peer.receive_numbers(2), [2, 3]);
        let error = socket.flush().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::EINVAL as i32), "the first of two errors is reported");
        assert_eq!(socket.stats().send_errors.other, 2);
        assert!(socket.flush().is_ok(), "an error is reported once");
    }

    fn bounds_retries_of_interrupted_sends(config) {
        let (mut socket, mut peer) = pair(&config);
        let many = INTERRUPTED_MAX as usize + 1;
        socket.send_answers(&vec![Fails(Errno::EINTR as i32); many]);
        socket.queue_numbers(&peer, 0..2);
        socket.flush().unwrap();
        assert_eq!(socket.queued(), 2);
        socket.flush().unwrap();
        assert_eq!(peer.receive_numbers(2), [0, 1]);
        assert_eq!(socket.stats().send_errors.interrupted, u64::from(INTERRUPTED_MAX) + 1);
    }

    fn does_not_sleep_after_endless_interruptions(config) {
        let mut socket = bind(&config);
        let own = socket.local_addr();
        socket.send_answers(&[Fails(Errno::EINTR as i32); INTERRUPTED_MAX as usize]);
        socket.send(own, b"to myself").unwrap();
        // No event follows until it was sent.
        socket.wait(Some(LIMIT)).unwrap();
        assert_eq!(socket.drain(), [b"to myself"]);
    }

    fn registering_a_blocked_queue_requests_writability(config) {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let (mut socket, mut peer) = pair(&config);
        socket.send_answers(&[Fails(Errno::EAGAIN as i32)]);
        socket.queue_numbers(&peer, 0..3);
        socket.flush().unwrap();
        poll.registry().register(&mut socket.socket, Token(0), Interest::READABLE).unwrap();
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert!(events.iter().any(Event::is_writable), "only writability wakes this loop");
        socket.flush().unwrap();
        assert_eq!(peer.receive_numbers(3), [0, 1, 2]);
    }

    fn requests_writability_from_an_external_poll_while_blocked(config) {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let (mut socket, mut peer) = pair(&config);
        poll.registry().register(&mut socket.socket, Token(0), Interest::READABLE).unwrap();
        socket.send_answers(&[Fails(Errno::EAGAIN as i32)]);
        socket.queue_numbers(&peer, 0..3);
        socket.flush().unwrap();
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert!(events.iter().any(Event::is_writable));
        socket.flush().unwrap();
        assert_eq!(peer.receive_numbers(3), [0, 1, 2]);

        // The interest is disabled when the queue is empty: the event of the next datagram does not
        // report writability.
        let own = socket.local_addr();
        socket.send(own, b"to myself").unwrap();
        socket.flush().unwrap();
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert!(events.iter().any(Event::is_readable));
        assert!(!events.iter().any(Event::is_writable));
        assert_eq!(socket.drain(), [b"to myself"]);
    }

    fn keeps_the_order_across_every_ring_split(config) {
        let seed = 7;
        println!("seed {seed}");
        let mut random = TestRng(seed);
        let (mut socket, mut peer) = pair(&SocketConfig { send_queue: 70, ..config });
        let mut sent = 0;
        for _ in 0..300 {
            let answers: Vec<_> = (0..random.below(4)).map(|_| random.answer()).collect();
            socket.send_answers(&answers);
            for _ in 0..random.below(70) {
                match socket.send(peer.local_addr(), &u32::to_be_bytes(sent)) {
                    Ok(()) => sent += 1,
                    Err(error) => assert_eq!(error, SocketSendError::QueueFull),
                }
            }
            socket.flush().unwrap();
            peer.collect();
        }
        socket.forget_script();
        socket.flush().unwrap();
        assert_eq!(socket.queued(), 0);
        assert_eq!(peer.receive_numbers(sent as usize), (0..sent).collect::<Vec<_>>());
        assert!(socket.stats().send_would_block > 50, "the script blocks often");
    }
}

#[test]
fn sends_a_full_batch_at_once() {
    let (mut socket, mut peer) = pair(&SocketConfig::default());
    socket.queue_numbers(&peer, 0..63);
    assert_eq!(socket.queued(), 63);
    socket.queue_numbers(&peer, 63..64);
    assert_eq!(socket.queued(), 0);
    assert_eq!(peer.receive_numbers(64).len(), 64);
    assert_eq!(
        socket.stats().batches_sent,
        if cfg!(target_os = "linux") { 1 } else { 64 }
    );
}

struct Scripted {
    socket: Socket,
    numbers: Vec<u32>,
}

impl std::ops::Deref for Scripted {
    type Target = Socket;
    fn deref(&self) -> &Socket {
        &self.socket
    }
}

impl std::ops::DerefMut for Scripted {
    fn deref_mut(&mut self) -> &mut Socket {
        &mut self.socket
    }
}

fn bind(config: &SocketConfig) -> Scripted {
    let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let socket = Socket::with_config(any_port, config).unwrap();
    Scripted {
        socket,
        numbers: Vec::new(),
    }
}

fn pair(config: &SocketConfig) -> (Scripted, Scripted) {
    (bind(config), bind(&SocketConfig::default()))
}

/// A socket with datagrams pending in the kernel: over loopback a datagram has arrived once it was
/// sent.
fn with_pending(config: &SocketConfig, datagrams: &[&[u8]]) -> Scripted {
    let socket = bind(config);
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for bytes in datagrams {
        sender.send_to(bytes, socket.local_addr()).unwrap();
    }
    socket
}

impl Scripted {
    fn receive_fails(&self, errors: &[Errno]) {
        self.socket.script().receive_fails(errors);
    }

    fn send_answers(&self, answers: &[ScriptedSend]) {
        self.socket.script().send_answers(answers);
    }

    fn forget_script(&self) {
        self.socket.script().forget();
    }

    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        while let Some(datagram) = self.socket.recv().unwrap() {
            datagrams.push(datagram.bytes.to_vec());
        }
        datagrams
    }

    fn queue_numbers(&mut self, peer: &Scripted, numbers: std::ops::Range<u32>) {
        for number in numbers {
            self.socket
                .send(peer.local_addr(), &number.to_be_bytes())
                .unwrap();
        }
    }

    fn collect(&mut self) {
        for bytes in self.drain() {
            self.numbers
                .push(u32::from_be_bytes(bytes.try_into().unwrap()));
        }
    }

    fn receive_numbers(&mut self, count: usize) -> Vec<u32> {
        self.collect();
        while self.numbers.len() < count {
            let before = self.numbers.len();
            self.socket.wait(Some(LIMIT)).unwrap();
            self.collect();
            assert!(
                self.numbers.len() > before,
                "received only {before} of {count} datagrams"
            );
        }
        assert_eq!(self.drain(), Vec::<Vec<u8>>::new());
        std::mem::take(&mut self.numbers)
    }
}

/// xorshift64 (Marsaglia, 2003).
struct TestRng(u64);

impl TestRng {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn answer(&mut self) -> ScriptedSend {
        match self.below(4) {
            0 => Fails(Errno::EAGAIN as i32),
            1 => Fails(Errno::EINTR as i32),
            _ => Takes(1 + usize::try_from(self.below(20)).unwrap()),
        }
    }
}

#[test]
fn both_paths_have_the_same_tests() {
    let list = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["os_error_tests", "--list"])
        .output()
        .unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let count = |path: &str| list.lines().filter(|line| line.contains(path)).count();
    assert!(count("::batched::") > 15, "{list}");
    assert_eq!(count("::batched::"), count("::single::"));
}
