//! Allocations of receiving and sending.

mod common;

use std::time::Duration;

use allocation_counter::measure;
use common::bind;
use tickwire::SocketConfig;

#[test]
fn the_counter_counts_allocations() {
    let made = measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(made.count_total, 1);
}

#[test]
fn echoed_datagrams_allocate_nothing_batched() {
    echo_allocates_nothing(&SocketConfig::default());
}

#[test]
fn echoed_datagrams_allocate_nothing_single() {
    echo_allocates_nothing(&SocketConfig {
        batch: 1,
        ..SocketConfig::default()
    });
}

fn echo_allocates_nothing(config: &SocketConfig) {
    const BURST: usize = 200;
    let (mut server, mut client) = (bind(config), bind(config));
    let to = server.local_addr();
    let mut echoed = 0;
    let mut echo_a_burst = || {
        for number in 0..BURST {
            client.send(to, &[7; 1024][..number]).unwrap();
        }
        client.flush().unwrap();
        server.wait(Some(Duration::from_secs(30))).unwrap();
        let (mut rx, mut tx) = server.split();
        while let Some(d) = rx.recv().unwrap() {
            tx.send(d.from, d.bytes).unwrap();
        }
        server.flush().unwrap();
        while client.recv().unwrap().is_some() {
            echoed += 1;
        }
    };
    echo_a_burst();
    let allocations = measure(|| (0..500).for_each(|_| echo_a_burst()));
    assert_eq!(echoed, 501 * BURST);
    assert_eq!(allocations.count_total, 0);
}

#[test]
fn rejected_sends_allocate_nothing() {
    let mut socket = bind(&SocketConfig::default());
    let own = socket.local_addr();
    let allocations = measure(|| {
        for _ in 0..1000 {
            assert!(socket.send(own, &[0; 1025]).is_err());
            assert!(socket.send("[::1]:9".parse().unwrap(), b"").is_err());
        }
    });
    assert_eq!(allocations.count_total, 0);
}
