//! Sockets and hosts on a socket that was bound elsewhere.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tickwire::{Config, ConnectOptions, Host, Socket, SocketConfig};

const ANY: &str = "127.0.0.1:0";

fn socket(config: &SocketConfig) -> (Socket, SocketAddr) {
    let socket = UdpSocket::bind(ANY).unwrap();
    let address = socket.local_addr().unwrap();
    (Socket::from_std(socket, config).unwrap(), address)
}

fn receive(socket: &mut Socket) -> Vec<u8> {
    socket.wait(Some(Duration::from_secs(10))).unwrap();
    socket
        .recv()
        .unwrap()
        .expect("the datagram arrives")
        .bytes
        .to_vec()
}

#[test]
fn from_std_makes_a_bound_socket_non_blocking() {
    let (mut socket, address) = socket(&SocketConfig::default());
    assert_eq!(socket.local_addr(), address);
    assert_eq!(socket.recv().unwrap(), None, "recv must not block");
    let mut other = Socket::bind(ANY.parse().unwrap()).unwrap();
    other.send(address, b"there").unwrap();
    other.flush().unwrap();
    assert_eq!(receive(&mut socket), b"there");
    socket.send(other.local_addr(), b"and back").unwrap();
    socket.flush().unwrap();
    assert_eq!(receive(&mut other), b"and back");
}

#[test]
fn from_std_receives_datagrams_that_arrived_before() {
    let socket = UdpSocket::bind(ANY).unwrap();
    let other = UdpSocket::bind(ANY).unwrap();
    other
        .send_to(b"early", socket.local_addr().unwrap())
        .unwrap();
    let mut socket = Socket::from_std(socket, &SocketConfig::default()).unwrap();
    assert_eq!(receive(&mut socket), b"early");
}

#[test]
fn from_std_applies_the_options_that_are_set() {
    let config = |receive_buffer| SocketConfig {
        receive_buffer,
        ..SocketConfig::default()
    };
    let (small, _) = socket(&config(Some(16 * 1024)));
    assert!(small.receive_buffer() < 64 * 1024, "{small:?}");
    let (unchanged, _) = socket(&config(None));
    let plain = UdpSocket::bind(ANY).unwrap();
    let plain = socket2::SockRef::from(&plain).recv_buffer_size().unwrap();
    assert_eq!(unchanged.receive_buffer(), plain);
    let marked = SocketConfig {
        dscp: Some(46),
        ..SocketConfig::default()
    };
    let (marked, _) = socket(&marked);
    assert_eq!(socket2::SockRef::from(&marked).tos_v4().unwrap(), 46 << 2);
}

#[test]
fn names_a_config_field_that_is_out_of_range() {
    let config = SocketConfig {
        batch: 0,
        ..SocketConfig::default()
    };
    let error = Socket::from_std(UdpSocket::bind(ANY).unwrap(), &config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with("batch is 0"), "{error}");
}

#[test]
fn from_std_rejects_a_connected_socket() {
    let socket = UdpSocket::bind(ANY).unwrap();
    let other = UdpSocket::bind(ANY).unwrap();
    socket.connect(other.local_addr().unwrap()).unwrap();
    let error = Socket::from_std(socket, &SocketConfig::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let to = other.local_addr().unwrap().to_string();
    assert!(error.to_string().contains(&to), "{error}");
}

#[cfg(unix)]
#[test]
fn from_std_rejects_an_unbound_socket() {
    use socket2::{Domain, Type};

    let socket = socket2::Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    let error = Socket::from_std(socket.into(), &SocketConfig::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.to_string(),
        "the socket is not bound: bind it to an address first"
    );
}

/// The option of the socket takes precedence over the config.
#[test]
fn from_std_keeps_only_v6_of_the_socket() {
    use socket2::{Domain, Type};

    for only_v6 in [false, true] {
        let Ok(socket) = socket2::Socket::new(Domain::IPV6, Type::DGRAM, None) else {
            eprintln!("skipped: no IPv6 here");
            return;
        };
        socket.set_only_v6(only_v6).unwrap();
        let any: SocketAddr = "[::]:0".parse().unwrap();
        socket.bind(&any.into()).unwrap();
        let config = SocketConfig {
            only_v6: !only_v6,
            ..SocketConfig::default()
        };
        let mut socket = Socket::from_std(socket.into(), &config).unwrap();
        let sent = socket.send("127.0.0.1:9".parse().unwrap(), b"hello");
        assert_eq!(sent.is_err(), only_v6, "{sent:?}");
    }
}

#[test]
fn hosts_on_existing_sockets_connect() {
    let host = || Host::from_std(UdpSocket::bind(ANY).unwrap(), Config::plain(7)).unwrap();
    let (mut server, mut client) = (host(), host());
    let options = ConnectOptions::default();
    client.connect(server.local_addr(), &options).unwrap();
    let start = Instant::now();
    while server.stats().peers == 0 {
        assert!(start.elapsed() < Duration::from_secs(10));
        client.poll().unwrap();
        server.poll().unwrap();
    }
    let bad = Config {
        peers_max: usize::MAX,
        ..Config::plain(7)
    };
    let error = Host::from_std(UdpSocket::bind(ANY).unwrap(), bad).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
