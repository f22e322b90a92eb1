//! `Socket` over loopback, with batches and with one datagram per system call.

mod common;

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::{LIMIT, any_port, bind, drain, must_return, plain_socket, receive, skip};
use mio::event::Source;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use tickwire::{BindError, Datagram, Socket, SocketConfig, SocketSendError, Ticker, Waker};

/// Generates every test twice: `batched::` with the default config and `single::` with `batch: 1`.
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
    // Basics of UDP.

    fn sending_to_a_closed_port_is_no_error(config) {
        let closed = plain_socket().local_addr().unwrap();
        let mut socket = bind(&config);
        let peer = plain_socket();
        for _ in 0..100 {
            socket.send(closed, b"lost").unwrap();
            socket.flush().unwrap();
            socket.send(peer.local_addr().unwrap(), b"ping").unwrap();
            socket.flush().unwrap();
            let mut buffer = [0; 16];
            let (len, from) = peer.recv_from(&mut buffer).unwrap();
            peer.send_to(&buffer[..len], from).unwrap();
            socket.wait(Some(LIMIT)).unwrap();
            assert_eq!(drain(&mut socket), [b"ping"]);
        }
        assert_eq!(socket.stats().datagrams_sent, 200);
    }

    fn every_send_names_its_destination(config) {
        let mut socket = bind(&config);
        let peers: Vec<_> = (0..5).map(|_| plain_socket()).collect();
        for (number, peer) in (0u8..).zip(&peers) {
            socket.send(peer.local_addr().unwrap(), &[number]).unwrap();
        }
        socket.flush().unwrap();
        for (number, peer) in (0u8..).zip(&peers) {
            let mut buffer = [0; 16];
            assert_eq!(peer.recv_from(&mut buffer).unwrap(), (1, socket.local_addr()));
            assert_eq!(buffer[0], number);
        }
    }

    fn every_receive_names_its_source(config) {
        let mut socket = bind(&config);
        let peers: Vec<_> = (0..5).map(|_| plain_socket()).collect();
        for (number, peer) in (0u8..).zip(&peers) {
            peer.send_to(&[number], socket.local_addr()).unwrap();
        }
        for _ in &peers {
            let datagram = next(&mut socket);
            let number = usize::from(datagram.bytes[0]);
            assert_eq!(datagram.from, peers[number].local_addr().unwrap());
        }
    }

    fn reports_a_truncated_datagram(config) {
        let mut socket = bind(&config);
        let peer = plain_socket();
        let bytes: Vec<u8> = (0..65_507).map(|index| (index % 251) as u8).collect();
        let mut cut = 0;
        for len in [0, 1, 1023, 1024, 1025, 1026, 2048, 4096, 65_507] {
            peer.send_to(&bytes[..len], socket.local_addr()).unwrap();
            let datagram = next(&mut socket);
            assert_eq!(datagram.bytes, &bytes[..len.min(1024)], "{len} bytes");
            assert_eq!(datagram.truncated, len > 1024, "{len} bytes");
            cut += u64::from(len > 1024);
        }
        assert_eq!(socket.stats().truncated, cut);
        assert_eq!(socket.stats().bytes_received, 1 + 1023 + 6 * 1024);
    }

    fn truncation_does_not_affect_adjacent_datagrams(config) {
        let mut socket = bind(&config);
        let peer = plain_socket();
        let lens = [1024, 1025, 0, 1500, 3, 1024];
        for (fill, len) in (1u8..).zip(lens) {
            peer.send_to(&vec![fill; len], socket.local_addr()).unwrap();
        }
        for (fill, len) in (1u8..).zip(lens) {
            let datagram = next(&mut socket);
            assert_eq!(datagram.bytes, vec![fill; len.min(1024)]);
            assert_eq!(datagram.truncated, len > 1024);
        }
    }

    // Receiving.

    fn receives_an_empty_datagram(config) {
        let mut socket = bind(&config);
        let own = socket.local_addr();
        socket.send(own, b"").unwrap();
        socket.flush().unwrap();
        assert_eq!(next(&mut socket), Datagram { from: own, bytes: b"", truncated: false });
        assert_eq!(socket.recv().unwrap(), None);
    }

    fn recv_returns_none_once_at_the_end_of_a_drain(config) {
        let mut socket = bind(&config);
        let peer = plain_socket();
        assert_eq!(socket.recv().unwrap(), None);
        for _ in 0..3 {
            fill(&peer, &socket, 0..130);
            assert_eq!(drain(&mut socket).len(), 130);
            assert!(!socket.may_have_more());
            assert_eq!(socket.recv().unwrap(), None);
        }
        assert_eq!(socket.stats().datagrams_received, 390);
    }

    fn receives_a_burst_in_order(config) {
        let mut socket = bind(&config);
        fill(&plain_socket(), &socket, 0..1000);
        assert_eq!(drain(&mut socket), numbers(0..1000));
    }

    fn a_drain_includes_datagrams_that_arrive_during_it(config) {
        let mut socket = bind(&config);
        let peer = plain_socket();
        fill(&peer, &socket, 0..64);
        let mut count = 0;
        while socket.recv().unwrap().is_some() {
            count += 1;
            if count == 1 {
                fill(&peer, &socket, 64..200);
            }
        }
        // A short batch may have ended the drain before the second burst.
        count += receive(&mut socket, 200 - count).len();
        assert_eq!(count, 200);
    }

    fn a_drain_ends_at_its_budget_and_resumes_without_an_event(config) {
        let mut socket = bind(&SocketConfig { drain_budget: Some(10), ..config });
        fill(&plain_socket(), &socket, 0..25);
        must_return(move || {
            socket.wait(None).unwrap();
            assert_eq!(drain(&mut socket), numbers(0..10));
            assert!(socket.may_have_more());
            // No event announces the remaining datagrams, so the waits must not sleep.
            socket.wait(None).unwrap();
            assert_eq!(drain(&mut socket), numbers(10..20));
            assert!(socket.may_have_more());
            socket.wait(None).unwrap();
            assert_eq!(drain(&mut socket), numbers(20..25));
            assert!(!socket.may_have_more());
            assert_eq!(socket.stats().budget_spent, 2);
        });
    }

    fn an_exactly_spent_budget_may_have_more(config) {
        let mut socket = bind(&SocketConfig { drain_budget: Some(10), ..config });
        fill(&plain_socket(), &socket, 0..10);
        assert_eq!(drain(&mut socket).len(), 10);
        assert!(socket.may_have_more(), "no receive has found the socket empty");
        assert_eq!(drain(&mut socket).len(), 0);
        assert!(!socket.may_have_more());
    }

    fn an_unfinished_drain_resumes_without_an_event(config) {
        let mut socket = bind(&config);
        fill(&plain_socket(), &socket, 0..200);
        must_return(move || {
            let mut received = Vec::new();
            while received.len() < 200 {
                socket.wait(None).unwrap();
                for _ in 0..7 {
                    received.extend(socket.recv().unwrap().map(|datagram| datagram.bytes.to_vec()));
                }
            }
            assert_eq!(received, numbers(0..200));
        });
    }

    fn remembers_readiness_until_a_drain(config) {
        let mut socket = bind(&config);
        fill(&plain_socket(), &socket, 0..1);
        must_return(move || {
            // Readiness is edge-triggered: the second and third wait must not sleep.
            socket.wait(None).unwrap();
            socket.wait(None).unwrap();
            socket.wait(None).unwrap();
            assert_eq!(drain(&mut socket), numbers(0..1));
        });
    }

    fn every_datagram_ends_a_wait(config) {
        let (mut server, mut client) = (bind(&config), bind(&config));
        let to = server.local_addr();
        let server = thread::spawn(move || {
            for _ in 0..500 {
                server.wait(Some(LIMIT)).unwrap();
                let (mut rx, mut tx) = server.split();
                while let Some(d) = rx.recv().unwrap() { tx.send(d.from, d.bytes).unwrap(); }
            }
            server.flush().unwrap();
            server.stats()
        });
        for number in 0..500 {
            client.send(to, &u32::to_be_bytes(number)).unwrap();
            client.wait(Some(LIMIT)).unwrap();
            assert_eq!(drain(&mut client), numbers(number..number + 1));
        }
        assert_eq!(server.join().unwrap().datagrams_sent, 500);
    }

    fn a_zero_timeout_needs_no_poll(config) {
        let (mut server, mut client) = (bind(&config), bind(&config));
        for number in 0..100 {
            client.send(server.local_addr(), &u32::to_be_bytes(number)).unwrap();
            client.flush().unwrap();
            server.wait(Some(Duration::ZERO)).unwrap();
            let (mut rx, mut tx) = server.split();
            while let Some(d) = rx.recv().unwrap() { tx.send(d.from, d.bytes).unwrap(); }
            server.flush().unwrap();
            assert_eq!(drain(&mut client), numbers(number..number + 1));
        }
        // Registration succeeds, because the server has not created its own poll.
        let poll = Poll::new().unwrap();
        poll.registry().register(&mut server, Token(0), Interest::READABLE).unwrap();
    }

    fn reports_kernel_receive_timestamps(config) {
        let mut socket = bind(&SocketConfig { receive_timestamps: true, ..config });
        let peer = plain_socket();
        for len in [0, 1024, 1025, 3] {
            peer.send_to(&vec![7; len], socket.local_addr()).unwrap();
        }
        let mut last = std::time::SystemTime::UNIX_EPOCH;
        for len in [0, 1024, 1025, 3] {
            let (datagram, stamp) = socket.recv_stamped().unwrap().expect("the datagram has arrived");
            assert_eq!(datagram.bytes.len(), len.min(1024));
            assert_eq!(datagram.truncated, len > 1024);
            assert_eq!(datagram.from, peer.local_addr().unwrap());
            assert_eq!(stamp.is_some(), cfg!(target_os = "linux"));
            // In order of arrival; two datagrams may have the same time.
            assert!(stamp.unwrap_or(last) >= last);
            last = stamp.unwrap_or(last);
        }
        assert!(socket.recv_stamped().unwrap().is_none());
        if cfg!(target_os = "linux") {
            assert!(last.elapsed().unwrap() < LIMIT);
        }
    }

    fn reports_no_timestamps_by_default(config) {
        let mut socket = bind(&config);
        fill(&plain_socket(), &socket, 0..100);
        let mut count = 0;
        while let Some((datagram, stamp)) = socket.recv_stamped().unwrap() {
            assert_eq!(datagram.bytes, u32::to_be_bytes(count));
            assert_eq!(stamp, None);
            count += 1;
        }
        assert_eq!(count, 100);
    }

    fn replies_can_be_flushed_during_a_drain(config) {
        let mut server = bind(&config);
        let peer = plain_socket();
        fill(&peer, &server, 0..2);
        let (mut rx, mut tx) = server.split();
        let mut answer = [0; 16];
        while let Some(d) = rx.recv().unwrap() {
            tx.send(d.from, d.bytes).unwrap();
            tx.flush().unwrap();
            assert_eq!(peer.recv(&mut answer).unwrap(), d.bytes.len());
        }
        assert_eq!(server.stats().datagrams_sent, 2);
    }

    // Sending.

    fn rejects_a_datagram_over_1024_bytes_before_queueing(config) {
        let mut socket = bind(&config);
        let own = socket.local_addr();
        assert_eq!(socket.send(own, &[0; 1025]), Err(SocketSendError::TooLong { len: 1025, max: 1024 }));
        assert_eq!(socket.queued(), 0);
        socket.send(own, &[7; 1024]).unwrap();
        assert_eq!(socket.queued(), 1);
        socket.flush().unwrap();
        assert_eq!(next(&mut socket).bytes, [7; 1024]);
    }

    fn a_rejected_destination_does_not_block_the_queue(config) {
        let mut socket = bind(&config);
        let own = socket.local_addr();
        let port_0 = SocketAddr::new(own.ip(), 0);
        for number in 0..6u32 {
            let to = if number % 2 == 0 { port_0 } else { own };
            socket.send(to, &number.to_be_bytes()).unwrap();
        }
        assert_eq!(socket.flush().unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(socket.queued(), 0);
        assert_eq!(receive(&mut socket, 3), [1u32, 3, 5].map(|n| n.to_be_bytes().to_vec()));
        let stats = socket.stats();
        assert_eq!((stats.discarded, stats.send_errors.other), (3, 3));
        socket.flush().unwrap();
    }

    fn sends_a_queue_longer_than_a_batch_in_order(config) {
        let mut socket = bind(&config);
        let own = socket.local_addr();
        for number in 0..1000u32 {
            socket.send(own, &number.to_be_bytes()).unwrap();
        }
        socket.flush().unwrap();
        assert_eq!(receive(&mut socket, 1000), numbers(0..1000));
    }

    fn drop_flushes_the_queue(config) {
        let peer = plain_socket();
        let mut socket = bind(&config);
        socket.send(peer.local_addr().unwrap(), b"flushed").unwrap();
        drop(socket);
        let mut buffer = [0; 16];
        assert_eq!(peer.recv(&mut buffer).unwrap(), 7);
    }

    fn sends_different_lengths_in_one_batch(config) {
        let mut socket = bind(&config);
        let own = socket.local_addr();
        let datagrams: Vec<_> = (0..64u8).map(|n| vec![n; usize::from(n) * 16]).collect();
        for bytes in &datagrams {
            socket.send(own, bytes).unwrap();
        }
        socket.flush().unwrap();
        assert_eq!(receive(&mut socket, 64), datagrams);
    }

    // Sleeping and waking.

    fn wait_ends_at_its_timeout(config) {
        let mut socket = bind(&config);
        for timeout in [Duration::from_micros(300), Duration::from_millis(2), Duration::from_micros(2500)] {
            let begin = Instant::now();
            let deadline = begin + timeout;
            // A wait may return early, so it is repeated until the deadline.
            let mut turns = 0;
            while Instant::now() < deadline {
                socket.wait_until(deadline).unwrap();
                turns += 1;
            }
            assert!(turns < 50, "the waits did not sleep");
            assert_eq!(socket.recv().unwrap(), None);
        }
        socket.wait_until(Instant::now()).unwrap();
        socket.wait(Some(Duration::ZERO)).unwrap();
        socket.wait_until(Instant::now().checked_sub(Duration::from_secs(1)).unwrap()).unwrap();
    }

    fn accepts_the_maximum_timeout(config) {
        let mut socket = bind(&config);
        let own = socket.local_addr();
        socket.send(own, b"x").unwrap();
        socket.wait(Some(Duration::MAX)).unwrap();
        assert_eq!(drain(&mut socket), [b"x"]);
    }

    fn a_waker_ends_a_wait_in_another_thread(config) {
        let mut socket = bind(&config);
        let waker = socket.waker().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let sleeper = {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !socket.take_woken() {
                    socket.wait(None).unwrap();
                }
                stop.load(Ordering::Relaxed)
            })
        };
        stop.store(true, Ordering::Relaxed);
        waker.clone().wake().unwrap();
        assert!(must_return(move || sleeper.join().unwrap()));
    }

    fn a_wake_before_a_wait_is_not_lost(config) {
        let mut socket = bind(&config);
        let waker = socket.waker().unwrap();
        assert!(!socket.take_woken());
        waker.wake().unwrap();
        waker.wake().unwrap();
        must_return(move || {
            socket.wait(None).unwrap();
            assert!(socket.take_woken());
            assert!(!socket.take_woken(), "take_woken clears it");
        });
    }

    fn a_zero_timeout_sees_a_wake(config) {
        let mut socket = bind(&config);
        let waker = socket.waker().unwrap();
        socket.wait(Some(Duration::ZERO)).unwrap();
        assert!(!socket.take_woken());
        waker.wake().unwrap();
        socket.wait(Some(Duration::ZERO)).unwrap();
        assert!(socket.take_woken());
    }

    fn take_woken_sees_a_wake_without_a_wait(config) {
        let mut socket = bind(&config);
        let waker = socket.waker().unwrap();
        assert_eq!(socket.recv().unwrap(), None);
        assert!(!socket.take_woken());
        waker.wake().unwrap();
        socket.flush().unwrap();
        assert_eq!(socket.recv().unwrap(), None);
        assert!(socket.take_woken());
        assert!(!socket.take_woken(), "take_woken clears it");

        // One wake before the wait and one after it.
        waker.wake().unwrap();
        socket.wait(None).unwrap();
        waker.wake().unwrap();
        assert!(socket.take_woken());
        assert!(!socket.take_woken(), "take_woken clears both");
    }

    fn never_loses_a_wake(config) {
        let mut socket = bind(&config);
        let waker = socket.waker().unwrap();
        let (sender, woken) = mpsc::sync_channel(0);
        let sleeper = thread::spawn(move || {
            for _ in 0..2000 {
                while !socket.take_woken() {
                    socket.wait(None).unwrap();
                }
                sender.send(()).unwrap();
            }
        });
        for _ in 0..2000 {
            waker.wake().unwrap();
            woken.recv_timeout(LIMIT).expect("a wake was lost");
        }
        sleeper.join().unwrap();
    }

    fn sees_a_datagram_and_a_wake_at_once(config) {
        let mut socket = bind(&config);
        let waker = socket.waker().unwrap();
        fill(&plain_socket(), &socket, 0..1);
        waker.wake().unwrap();
        must_return(move || {
            socket.wait(None).unwrap();
            assert!(socket.take_woken());
            socket.wait(None).unwrap();
            assert_eq!(drain(&mut socket), numbers(0..1));
        });
    }

    // External poll.

    fn works_in_an_external_poll_with_a_tcp_listener(config) {
        const UDP: Token = Token(7);
        const TCP: Token = Token(8);
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let mut socket = bind(&config);
        let mut listener = TcpListener::bind(any_port()).unwrap();
        let tcp_addr = listener.local_addr().unwrap();
        let interests = Interest::READABLE;
        poll.registry().register(&mut socket, UDP, interests).unwrap();
        poll.registry().register(&mut listener, TCP, interests).unwrap();

        let peer = plain_socket();
        fill(&peer, &socket, 0..100);
        let caller = thread::spawn(move || std::net::TcpStream::connect(tcp_addr).unwrap());

        let (mut received, mut accepted) = (Vec::new(), 0);
        while received.len() < 100 || accepted == 0 {
            poll.poll(&mut events, Some(LIMIT)).unwrap();
            assert!(!events.is_empty(), "{} datagrams, {accepted} connections", received.len());
            for event in &events {
                match event.token() {
                    UDP => received.extend(drain(&mut socket)),
                    TCP => accepted += usize::from(listener.accept().is_ok()),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(received, numbers(0..100));
        caller.join().unwrap();

        // A second event, and a reply without its own poll.
        peer.send_to(b"again", socket.local_addr()).unwrap();
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        let (mut rx, mut tx) = socket.split();
        while let Some(d) = rx.recv().unwrap() { tx.send(d.from, d.bytes).unwrap(); }
        socket.flush().unwrap();
        let mut buffer = [0; 16];
        assert_eq!(peer.recv(&mut buffer).unwrap(), 5);
    }

    fn cannot_wait_while_registered_with_an_external_poll(config) {
        let poll = Poll::new().unwrap();
        let mut socket = bind(&config);
        poll.registry().register(&mut socket, Token(0), Interest::READABLE).unwrap();
        let errors = [
            socket.wait(None).unwrap_err(),
            socket.wait(Some(Duration::ZERO)).unwrap_err(),
            socket.waker().map(drop).unwrap_err(),
            poll.registry().register(&mut socket, Token(1), Interest::READABLE).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert!(error.to_string().contains("registered with another poll"), "{error}");
        }
        poll.registry().reregister(&mut socket, Token(2), Interest::READABLE).unwrap();
        poll.registry().deregister(&mut socket).unwrap();
        fill(&plain_socket(), &socket, 0..1);
        socket.wait(Some(LIMIT)).unwrap();
        assert_eq!(drain(&mut socket), numbers(0..1));
    }

    fn cannot_register_after_creating_its_own_poll(config) {
        let poll = Poll::new().unwrap();
        let mut socket = bind(&config);
        let error = poll.registry().reregister(&mut socket, Token(0), Interest::READABLE);
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::NotFound);
        let _waker = socket.waker().unwrap();
        let error = socket.register(poll.registry(), Token(0), Interest::READABLE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("poll of its own"), "{error}");
    }

    fn external_poll_resumes_after_a_spent_budget(config) {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let mut socket = bind(&SocketConfig { drain_budget: Some(10), ..config });
        poll.registry().register(&mut socket, Token(0), Interest::READABLE).unwrap();
        fill(&plain_socket(), &socket, 0..25);
        let mut received = Vec::new();
        while received.len() < 25 {
            let timeout = if socket.may_have_more() { Duration::ZERO } else { LIMIT };
            poll.poll(&mut events, Some(timeout)).unwrap();
            assert!(!events.is_empty() || socket.may_have_more());
            received.extend(drain(&mut socket));
        }
        assert_eq!(received, numbers(0..25));
    }

    fn external_poll_reports_datagrams_after_an_unfinished_drain(config) {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let mut socket = bind(&config);
        poll.registry().register(&mut socket, Token(0), Interest::READABLE).unwrap();
        let peer = plain_socket();
        fill(&peer, &socket, 0..5);
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert!(socket.recv().unwrap().is_some());
        fill(&peer, &socket, 5..8);
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert_eq!(drain(&mut socket), numbers(1..8));
        assert!(!socket.may_have_more());
    }

    fn external_poll_reports_datagrams_after_a_short_batch(config) {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let mut socket = bind(&config);
        poll.registry().register(&mut socket, Token(0), Interest::READABLE).unwrap();
        let peer = plain_socket();
        fill(&peer, &socket, 0..8);
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        // Two single receives, then a batch of six that finds the socket empty. Then more arrive.
        for _ in 0..4 {
            assert!(socket.recv().unwrap().is_some());
        }
        fill(&peer, &socket, 8..10);
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert_eq!(drain(&mut socket), numbers(4..10));
        assert!(!socket.may_have_more());
    }

    fn registering_during_a_drain_keeps_the_first_event(config) {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let mut socket = bind(&config);
        let peer = plain_socket();
        fill(&peer, &socket, 0..8);
        for _ in 0..4 {
            assert!(socket.recv().unwrap().is_some());
        }
        fill(&peer, &socket, 8..10);
        poll.registry().register(&mut socket, Token(0), Interest::READABLE).unwrap();
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert_eq!(drain(&mut socket), numbers(4..10));
        assert!(!socket.may_have_more());
    }

    fn deregistering_keeps_pending_readiness(config) {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let mut socket = bind(&config);
        poll.registry().register(&mut socket, Token(0), Interest::READABLE).unwrap();
        let peer = plain_socket();
        fill(&peer, &socket, 0..8);
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        for _ in 0..4 {
            assert!(socket.recv().unwrap().is_some());
        }
        fill(&peer, &socket, 8..10);
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        poll.registry().deregister(&mut socket).unwrap();
        must_return(move || {
            socket.wait(None).unwrap();
            assert_eq!(drain(&mut socket), numbers(4..10));
            fill(&peer, &socket, 10..11);
            socket.wait(None).unwrap();
            assert_eq!(drain(&mut socket), numbers(10..11));
        });
    }

    fn random_polls_and_drains_lose_no_readiness(config) {
        for seed in 1..=100 {
            println!("seed {seed}");
            let mut walk = RandomWalk::new(seed, &config);
            for _ in 0..200 {
                walk.step();
            }
            walk.finish();
        }
    }

    // Addresses and options.

    fn a_dual_stack_socket_reports_ipv4_sources_as_ipv4(config) {
        if is_without_ipv6() {
            return;
        }
        let mut socket = Socket::with_config("[::]:0".parse().unwrap(), &config).unwrap();
        let port = socket.local_addr().port();
        let v4 = plain_socket();
        let v6 = UdpSocket::bind("[::1]:0").unwrap();
        v6.set_read_timeout(Some(LIMIT)).unwrap();
        for round in 0..3 {
            // Alternates the address families within a batch.
            for _ in 0..20 {
                v4.send_to(b"four", ("127.0.0.1", port)).unwrap();
                v6.send_to(b"six", ("::1", port)).unwrap();
            }
            for _ in 0..40 {
                let datagram = next(&mut socket);
                let (from, bytes) = (datagram.from, datagram.bytes.to_vec());
                let sender = if bytes == b"four" { &v4 } else { &v6 };
                assert_eq!(from, sender.local_addr().unwrap(), "round {round}");
                socket.send(from, &bytes).unwrap();
            }
            socket.flush().unwrap();
            let mut buffer = [0; 16];
            for _ in 0..20 {
                assert_eq!(v4.recv(&mut buffer).unwrap(), 4);
                assert_eq!(v6.recv(&mut buffer).unwrap(), 3);
            }
        }
    }

    fn a_mapped_local_address_is_reported_as_ipv4(config) {
        let mapped = "[::ffff:127.0.0.1]:0".parse().unwrap();
        let mut socket = Socket::with_config(mapped, &config).unwrap();
        let own = socket.local_addr();
        assert_eq!(own.ip(), any_port().ip());
        socket.send(own, b"x").unwrap();
        socket.flush().unwrap();
        assert_eq!(next(&mut socket).from, own);
    }

    fn works_while_thread_locals_are_destroyed(config) {
        type Outcome = (io::Result<()>, Vec<Vec<u8>>);
        struct SendOnDrop(RefCell<Option<(Socket, SocketAddr, mpsc::Sender<Outcome>)>>);

        impl Drop for SendOnDrop {
            fn drop(&mut self) {
                let (mut socket, to, outcome) = self.0.take().unwrap();
                for number in 0..3u32 {
                    socket.send(to, &number.to_be_bytes()).unwrap();
                }
                let flushed = socket.flush();
                let received = std::iter::from_fn(|| {
                    let datagram = socket.recv().ok().flatten()?;
                    Some(datagram.bytes.to_vec())
                });
                outcome.send((flushed, received.collect())).unwrap();
            }
        }

        thread_local! {
            static LAST: SendOnDrop = const { SendOnDrop(RefCell::new(None)) };
        }

        let mut peer = bind(&config);
        let to = peer.local_addr();
        let (sender, outcome) = mpsc::channel();
        let leaving = thread::spawn(move || {
            // Created before the thread-locals of the socket, so it is destroyed after them.
            LAST.with(|_| ());
            let mut socket = bind(&config);
            let own = socket.local_addr();
            fill(&plain_socket(), &socket, 0..5);
            assert_eq!(drain(&mut socket), numbers(0..5));
            socket.send(own, b"a").unwrap();
            socket.send(own, b"b").unwrap();
            socket.flush().unwrap();
            assert_eq!(drain(&mut socket), [b"a", b"b"]);
            fill(&plain_socket(), &socket, 0..5);
            LAST.with(|last| last.0.replace(Some((socket, to, sender))));
        });
        leaving.join().unwrap();
        let (flushed, received) = outcome.recv().unwrap();
        flushed.unwrap();
        assert_eq!(received, numbers(0..5));
        assert_eq!(drain(&mut peer), numbers(0..3));
    }

    fn rejects_the_wrong_address_family_before_queueing(config) {
        if is_without_ipv6() {
            return;
        }
        let (v4, v6): (SocketAddr, SocketAddr) =
            ("127.0.0.1:9".parse().unwrap(), "[::1]:9".parse().unwrap());
        let mut four = bind(&config);
        assert_eq!(four.send(v6, b""), Err(SocketSendError::WrongFamily { to: v6 }));
        let only_v6 = SocketConfig { only_v6: true, ..config.clone() };
        let mut any_six = Socket::with_config("[::]:0".parse().unwrap(), &only_v6).unwrap();
        assert_eq!(any_six.send(v4, b""), Err(SocketSendError::WrongFamily { to: v4 }));
        let mut six = Socket::with_config("[::1]:0".parse().unwrap(), &config).unwrap();
        assert_eq!(six.send(v4, b""), Err(SocketSendError::WrongFamily { to: v4 }));
        let own = six.local_addr();
        six.send(own, b"six").unwrap();
        six.wait(Some(LIMIT)).unwrap();
        assert_eq!(next(&mut six), Datagram { from: own, bytes: b"six", truncated: false });
        assert_eq!(four.queued() + six.queued(), 0);
    }

    fn a_socket_bound_to_a_mapped_address_is_an_ipv4_socket(config) {
        if is_without_ipv6() {
            return;
        }
        let mapped = "[::ffff:127.0.0.1]:0".parse().unwrap();
        let mut socket = Socket::with_config(mapped, &config).unwrap();
        let v6 = "[::1]:9".parse().unwrap();
        assert_eq!(socket.send(v6, b""), Err(SocketSendError::WrongFamily { to: v6 }));
        let own = socket.local_addr();
        assert!(own.is_ipv4());
        socket.send(own, b"four").unwrap();
        socket.wait(Some(LIMIT)).unwrap();
        assert_eq!(next(&mut socket), Datagram { from: own, bytes: b"four", truncated: false });
    }

    fn sockets_of_both_families_share_a_thread(config) {
        if is_without_ipv6() {
            return;
        }
        let mut four = bind(&config);
        let mut six = Socket::with_config("[::1]:0".parse().unwrap(), &config).unwrap();
        let (to_four, to_six) = (four.local_addr(), six.local_addr());
        for _ in 0..3 {
            for number in 0..70u32 {
                four.send(to_four, &number.to_be_bytes()).unwrap();
                six.send(to_six, &number.to_be_bytes()).unwrap();
            }
            four.flush().unwrap();
            six.flush().unwrap();
            for (socket, own) in [(&mut four, to_four), (&mut six, to_six)] {
                for number in 0..70u32 {
                    let datagram = next(socket);
                    assert_eq!(datagram.from, own);
                    assert_eq!(datagram.bytes, number.to_be_bytes());
                }
            }
        }
    }

    fn can_move_to_another_thread_between_turns(config) {
        let mut socket = bind(&config);
        let own = socket.local_addr();
        for _ in 0..3 {
            socket = thread::spawn(move || {
                for number in 0..100u32 {
                    socket.send(own, &number.to_be_bytes()).unwrap();
                }
                socket.wait(Some(LIMIT)).unwrap();
                assert_eq!(receive(&mut socket, 100), numbers(0..100));
                socket
            })
            .join()
            .unwrap();
        }
    }

    fn reports_an_address_in_use_without_reuse(config) {
        let first = bind(&SocketConfig { reuse_address: true, ..config.clone() });
        let error = Socket::with_config(first.local_addr(), &config).unwrap_err();
        assert!(matches!(error, BindError::AddressInUse { .. }), "{error}");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::AddrInUse);
        let config = SocketConfig { reuse_address: true, ..config };
        let mut second = Socket::with_config(first.local_addr(), &config).unwrap();
        let own = second.local_addr();
        second.send(own, b"to the last").unwrap();
        second.wait(Some(LIMIT)).unwrap();
        assert_eq!(drain(&mut second), [b"to the last"]);
    }

    fn sets_the_dscp_for_both_families(config) {
        if is_without_ipv6() {
            return;
        }
        let config = SocketConfig { dscp: Some(46), ..config };
        let four = bind(&config);
        let six = Socket::with_config("[::]:0".parse().unwrap(), &config).unwrap();
        assert_eq!(socket2::SockRef::from(&four).tos_v4().unwrap(), 46 << 2);
        #[cfg(unix)]
        assert_eq!(socket2::SockRef::from(&six).tclass_v6().unwrap(), 46 << 2);
        if cfg!(target_os = "linux") {
            assert_eq!(socket2::SockRef::from(&six).tos_v4().unwrap(), 46 << 2);
        }
    }

    fn reports_the_granted_receive_buffer(config) {
        let ask = |bytes| {
            bind(&SocketConfig { receive_buffer: bytes, ..config.clone() }).receive_buffer()
        };
        assert!(ask(Some(65_536)) >= 65_536);
        assert!(ask(Some(65_536)) < ask(Some(131_072)));
        assert!(ask(None) > 0);
        let socket = bind(&SocketConfig { send_buffer: Some(65_536), ..config });
        assert!(socket2::SockRef::from(&socket).send_buffer_size().unwrap() >= 65_536);
    }

    fn names_a_config_field_that_is_out_of_range(config) {
        let error = Socket::with_config(any_port(), &SocketConfig { batch: 0, ..config });
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), "batch is 0, but must be between 1 and 64");
        assert!(matches!(error, BindError::Config(_)));
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
    }

    // Counting.

    fn statistics_add_up(config) {
        let batch = config.batch;
        let mut socket = bind(&config);
        let own = socket.local_addr();
        for len in 0..100 {
            socket.send(own, &vec![0; len]).unwrap();
        }
        socket.flush().unwrap();
        assert_eq!(receive(&mut socket, 100).len(), 100);
        let stats = socket.stats();
        assert_eq!((stats.datagrams_sent, stats.bytes_sent), (100, 4950));
        assert_eq!((stats.datagrams_received, stats.bytes_received), (100, 4950));
        if batch == 1 {
            assert_eq!((stats.batches_sent, stats.batches_received), (100, 100));
            assert_eq!(stats.receive_would_block, 1);
        } else if cfg!(target_os = "linux") {
            // Sent: 64, 36. Received: 1, 1, 64, 34, because the first two receives are single.
            assert_eq!((stats.batches_sent, stats.batches_received), (2, 4));
            assert_eq!(stats.receive_would_block, 0, "a short batch has seen the socket empty");
        }
        assert_eq!(stats.send_errors.total() + stats.receive_errors.total(), 0);
        assert_eq!((stats.truncated, stats.discarded, stats.dropped_by_kernel), (0, 0, 0));
    }

    fn a_drain_after_a_sparse_drain_begins_with_single_receives(config) {
        if !cfg!(target_os = "linux") || config.batch == 1 {
            return;
        }
        let mut socket = bind(&config);
        let peer = plain_socket();
        let mut calls_for = |count: u32| {
            let before = socket.stats();
            fill(&peer, &socket, 0..count);
            assert_eq!(drain(&mut socket), numbers(0..count));
            let after = socket.stats();
            let received = after.batches_received - before.batches_received;
            (received, after.receive_would_block - before.receive_would_block)
        };
        assert_eq!(calls_for(100), (4, 0), "1, 1, 64, 34");
        assert_eq!(calls_for(100), (2, 0), "64, 36: the drain before was not sparse");
        assert_eq!(calls_for(1), (1, 0), "a batch of one, which is sparse");
        for _ in 0..3 {
            assert_eq!(calls_for(1), (1, 1), "one, and a receive that would block");
            assert_eq!(calls_for(0), (0, 1));
        }
        assert_eq!(calls_for(2), (2, 1), "1, 1, and an empty batch");
        assert_eq!(calls_for(100), (2, 0), "two are no longer sparse");
    }

    fn counts_datagrams_dropped_by_the_kernel(config) {
        if !cfg!(target_os = "linux") {
            return;
        }
        let config = SocketConfig { receive_buffer: Some(20_000), ..config };
        let mut socket = bind(&config);
        let peer = plain_socket();
        fill(&peer, &socket, 0..1000);
        let mut received = drain(&mut socket).len();
        assert!(received < 500, "{received} datagrams fitted");
        let dropped = socket.stats().dropped_by_kernel;
        assert_eq!(received as u64 + dropped, 1000);
        fill(&peer, &socket, 0..1);
        received += drain(&mut socket).len();
        assert_eq!(received as u64 + socket.stats().dropped_by_kernel, 1001);
    }

    // Under a flood.

    fn a_flood_blocks_neither_turns_nor_timers(config) {
        let mut socket = bind(&config);
        let to = socket.local_addr();
        let stop = Arc::new(AtomicBool::new(false));
        let flood = {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let socket = plain_socket();
                let mut sent = 0u64;
                while !stop.load(Ordering::Relaxed) {
                    sent += u64::from(socket.send_to(&[0; 64], to).is_ok());
                }
                sent
            })
        };
        let mut ticker = Ticker::hz(200);
        let (mut steps, mut received) = (0, 0u64);
        while steps < 100 || received == 0 {
            // An endless drain would hang here, and blocked timers would count no step.
            socket.wait_until(ticker.deadline()).unwrap();
            received += drain(&mut socket).len() as u64;
            steps += ticker.steps_due(Instant::now());
        }
        stop.store(true, Ordering::Relaxed);
        let sent = flood.join().unwrap();
        // After the flood only `may_have_more` reports the remaining datagrams.
        loop {
            let more = drain(&mut socket).len() as u64;
            received += more;
            if !socket.may_have_more() {
                break;
            }
            socket.wait(None).unwrap();
        }
        let left = UnreadBytes::of(&socket);
        assert_eq!(left, UnreadBytes(0), "{sent} sent, {received} received");
        assert!(received <= sent);
        assert_eq!(socket.stats().datagrams_received, received);
    }
}

/// Random drains, waits and moves between external polls. Unread datagrams must be reported.
struct RandomWalk {
    random: XorShift,
    socket: Socket,
    peer: UdpSocket,
    sent: u32,
    received: u32,
    polls: [Poll; 2],
    events: Events,
    registration: Registration,
    /// An external poll reported an event, and no drain has ended since.
    was_readable: bool,
}

#[derive(Clone, Copy)]
enum Registration {
    Unregistered,
    Own,
    External(usize),
}

impl RandomWalk {
    fn new(seed: u64, config: &SocketConfig) -> Self {
        let mut random = XorShift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let config = SocketConfig {
            batch: config.batch.min([2, 3, 5, 64][random.below(4)]),
            drain_budget: [None, None, Some(1), Some(10), Some(65)][random.below(5)],
            ..config.clone()
        };
        Self {
            random,
            socket: bind(&config),
            peer: plain_socket(),
            sent: 0,
            received: 0,
            polls: [Poll::new().unwrap(), Poll::new().unwrap()],
            events: Events::with_capacity(8),
            registration: Registration::Unregistered,
            was_readable: false,
        }
    }

    fn step(&mut self) {
        match (self.random.below(8), self.registration) {
            (0 | 1, _) => {
                let count = [1, 2, 3, 7, 70][self.random.below(5)];
                let end = self.sent + count;
                fill(&self.peer, &self.socket, self.sent..end);
                self.sent = end;
            }
            (2 | 3, _) => {
                for _ in 0..self.random.below(9) {
                    self.receive();
                }
            }
            (4, _) => while self.receive() {},
            // Rarely, because the socket never leaves its own poll.
            (5, Registration::Unregistered) if self.random.below(20) == 0 => {
                self.registration = Registration::Own;
            }
            (5, Registration::Unregistered) => {
                let poll = self.random.below(2);
                let registry = self.polls[poll].registry();
                let interests = Interest::READABLE;
                registry
                    .register(&mut self.socket, Token(0), interests)
                    .unwrap();
                self.registration = Registration::External(poll);
                self.was_readable = false;
            }
            (5, Registration::External(poll)) => {
                self.polls[poll]
                    .registry()
                    .deregister(&mut self.socket)
                    .unwrap();
                self.registration = Registration::Unregistered;
            }
            (_, Registration::External(poll)) => self.poll(poll),
            (_, Registration::Unregistered) => self.socket.wait(Some(Duration::ZERO)).unwrap(),
            (_, Registration::Own) if self.received < self.sent => {
                self.socket.wait(Some(LIMIT)).unwrap();
                assert!(
                    self.socket.may_have_more(),
                    "its own poll reports no datagrams"
                );
            }
            (_, Registration::Own) => {}
        }
    }

    fn poll(&mut self, poll: usize) {
        let timeout = Some(Duration::ZERO);
        self.polls[poll].poll(&mut self.events, timeout).unwrap();
        self.was_readable |= !self.events.is_empty();
        assert!(
            self.was_readable || self.socket.may_have_more() || self.received == self.sent,
            "the external poll reports no datagrams"
        );
    }

    /// Receives one datagram. Returns `false` at the end of a drain.
    fn receive(&mut self) -> bool {
        let Some(datagram) = self.socket.recv().unwrap() else {
            self.was_readable = false;
            if let Registration::External(poll) = self.registration {
                self.poll(poll);
            }
            return false;
        };
        assert_eq!(datagram.bytes, self.received.to_be_bytes());
        self.received += 1;
        true
    }

    fn finish(mut self) {
        while self.received < self.sent {
            self.receive();
        }
        assert_eq!(self.socket.stats().datagrams_received, u64::from(self.sent));
    }
}

/// xorshift64 (Marsaglia, 2003).
struct XorShift(u64);

impl XorShift {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// Length of the next unread datagram of a socket, or 0.
#[derive(Debug, PartialEq, Eq)]
struct UnreadBytes(usize);

impl UnreadBytes {
    fn of(socket: &Socket) -> Self {
        let mut buffer = [std::mem::MaybeUninit::new(0); 2048];
        match socket2::SockRef::from(socket).peek(&mut buffer) {
            Ok(len) => Self(len),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Self(0),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn socket_waker_and_ticker_are_send() {
    fn assert_send<T: Send>() {}
    assert_send::<Socket>();
    assert_send::<Ticker>();
    fn assert_send_and_clone<T: Send + Sync + Clone>() {}
    assert_send_and_clone::<Waker>();
}

#[test]
fn both_paths_have_the_same_tests() {
    let list = std::process::Command::new(std::env::current_exe().unwrap())
        .arg("--list")
        .output()
        .unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let count = |path: &str| list.lines().filter(|line| line.starts_with(path)).count();
    assert!(count("batched::") > 30, "{list}");
    assert_eq!(count("batched::"), count("single::"));
}

/// Some containers and build machines have only IPv4.
fn is_without_ipv6() -> bool {
    skip("IPv6", UdpSocket::bind("[::1]:0").is_ok())
}

fn next(socket: &mut Socket) -> Datagram<'_> {
    // `None` may end an earlier drain, so this waits until a new one begins.
    loop {
        if socket.may_have_more() {
            break;
        }
        socket.wait(Some(LIMIT)).unwrap();
        assert!(socket.may_have_more(), "no datagram arrived");
    }
    socket.recv().unwrap().expect("one is pending")
}

/// Sends numbers to a socket. Over loopback they have arrived on return.
fn fill(from: &UdpSocket, to: &Socket, range: std::ops::Range<u32>) {
    for number in range {
        from.send_to(&number.to_be_bytes(), to.local_addr())
            .unwrap();
    }
}

fn numbers(range: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    range.map(|number| number.to_be_bytes().to_vec()).collect()
}
