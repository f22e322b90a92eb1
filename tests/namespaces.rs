//! Tests that need a network namespace: a full send buffer, no route, a firewall, source port 0.
//!
//! Each test runs itself again in its own namespace (unshare(1)). This needs root, iproute2 and
//! nftables; without them the tests are skipped with a message.
#![cfg(target_os = "linux")]

mod common;

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use common::{LIMIT, bind};
use tickwire::{Socket, SocketConfig, SocketSendError};

/// A link with 10.9.0.1/24 and no other host on it.
const LINK: &str = "ip link set lo up \
    && ip link add link0 type veth peer name link1 \
    && ip addr add 10.9.0.1/24 dev link0 \
    && ip link set link0 up && ip link set link1 up";

/// Runs the ignored test `inner` of this file in a namespace prepared by `setup`.
fn in_namespace(inner: &str, setup: &str) {
    if common::skip_namespace(&["ip", "nft"]) {
        return;
    }
    let this = std::env::current_exe().unwrap();
    let script = format!("{setup} && exec \"$0\" --exact {inner} --ignored --nocapture");
    let output = Command::new("unshare")
        .args(["--net", "sh", "-c", &script])
        .arg(this)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
fn a_full_send_buffer_keeps_the_queue_in_order_batched() {
    in_namespace("inner_full_send_buffer_batched", LINK);
}

#[test]
fn a_full_send_buffer_keeps_the_queue_in_order_single() {
    in_namespace("inner_full_send_buffer_single", LINK);
}

#[test]
#[ignore = "runs in a namespace, by the test above"]
fn inner_full_send_buffer_batched() {
    full_send_buffer(64);
}

#[test]
#[ignore = "runs in a namespace, by the test above"]
fn inner_full_send_buffer_single() {
    full_send_buffer(1);
}

/// 10.9.0.2 does not answer ARP. Until the kernel gives up (three probes, about 3 s), datagrams to
/// it fill the send buffer. Then they are dropped, and the socket is writable again.
fn full_send_buffer(batch: usize) {
    let unreachable: SocketAddr = "10.9.0.2:9".parse().unwrap();
    let config = SocketConfig {
        batch,
        send_buffer: Some(4608),
        send_queue: 4,
        ..SocketConfig::default()
    };
    let mut socket = Socket::with_config("10.9.0.1:0".parse().unwrap(), &config).unwrap();
    let own = socket.local_addr();
    while socket.queued() < 3 {
        socket.send(unreachable, &[1; 1024]).unwrap();
        socket.flush().unwrap();
    }
    socket.send(own, b"the last").unwrap();
    assert_eq!(
        socket.send(own, b"too many"),
        Err(SocketSendError::QueueFull)
    );
    assert!(socket.stats().send_would_block > 0);

    // Writability ends the sleep and frees space in the queue.
    socket.wait(Some(LIMIT)).unwrap();
    assert!(socket.queued() < 4, "writability did not end the wait");
    // The queue is in order, so the last datagram leaves after all others.
    assert_eq!(common::receive(&mut socket, 1), [b"the last"]);
    assert_eq!(socket.queued(), 0);
    let stats = socket.stats();
    assert_eq!((stats.discarded, stats.queue_full), (0, 1));
}

#[test]
fn counts_sends_without_a_route() {
    in_namespace("inner_no_route", LINK);
}

#[test]
#[ignore = "runs in a namespace, by the test above"]
fn inner_no_route() {
    let unroutable: SocketAddr = "192.0.2.1:9".parse().unwrap();
    let mut socket = Socket::bind("0.0.0.0:0".parse().unwrap()).unwrap();
    let own = SocketAddr::new("127.0.0.1".parse().unwrap(), socket.local_addr().port());
    for _ in 0..3 {
        socket.send(unroutable, b"lost").unwrap();
        socket.send(own, b"here").unwrap();
    }
    socket.flush().unwrap();
    for _ in 0..3 {
        assert_eq!(socket.recv().unwrap().unwrap().bytes, b"here");
    }
    let stats = socket.stats();
    assert_eq!((stats.send_errors.unreachable, stats.discarded), (3, 3));
}

#[test]
fn counts_sends_blocked_by_a_firewall() {
    let firewall = "nft add table inet wall \
        && nft 'add chain inet wall out { type filter hook output priority 0; }' \
        && nft add rule inet wall out udp dport 9 drop";
    in_namespace("inner_firewall", &format!("{LINK} && {firewall}"));
}

#[test]
#[ignore = "runs in a namespace, by the test above"]
fn inner_firewall() {
    for batch in [64, 1] {
        let mut socket = bind(&SocketConfig {
            batch,
            ..SocketConfig::default()
        });
        let own = socket.local_addr();
        let forbidden = SocketAddr::new(own.ip(), 9);
        for _ in 0..3 {
            socket.send(forbidden, b"no").unwrap();
            socket.send(own, b"yes").unwrap();
        }
        socket.wait(Some(LIMIT)).unwrap();
        for _ in 0..3 {
            assert_eq!(socket.recv().unwrap().unwrap().bytes, b"yes");
        }
        let stats = socket.stats();
        assert_eq!((stats.send_errors.permission, stats.discarded), (3, 3));
    }
}

#[test]
fn a_datagram_from_port_0_does_not_end_an_echo_loop() {
    in_namespace("inner_port_0", LINK);
}

/// A datagram may have source port 0 (RFC 768), to which the system rejects a reply. That error
/// must not end an echo loop.
#[test]
#[ignore = "runs in a namespace, by the test above"]
fn inner_port_0() {
    use socket2::{Domain, Protocol, Socket, Type};

    let mut socket = bind(&SocketConfig::default());
    let own = socket.local_addr();
    let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)).unwrap();
    // A UDP header (RFC 768): source port 0, destination port, length, checksum 0 (unused).
    let [high, low] = own.port().to_be_bytes();
    let datagram = [0, 0, high, low, 0, 8 + 2, 0, 0, b'h', b'i'];
    raw.send_to(&datagram, &SocketAddr::new(own.ip(), 0).into())
        .unwrap();
    let peer = common::plain_socket();
    peer.send_to(b"hello", own).unwrap();

    socket.wait(Some(LIMIT)).unwrap();
    let (mut rx, mut tx) = socket.split();
    let mut sources = Vec::new();
    while let Some(d) = rx.recv().unwrap() {
        sources.push(d.from.port());
        tx.send(d.from, d.bytes).unwrap();
    }
    assert_eq!(sources, [0, peer.local_addr().unwrap().port()]);
    socket
        .wait(Some(Duration::ZERO))
        .expect("one peer's address must not end the loop");
    let mut buffer = [0; 16];
    assert_eq!(peer.recv(&mut buffer).unwrap(), 5);
    assert_eq!(socket.stats().send_errors.other, 1);
    assert_eq!(
        socket.flush().unwrap_err().kind(),
        std::io::ErrorKind::InvalidInput
    );
}
