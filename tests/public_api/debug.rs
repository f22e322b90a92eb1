//! `Debug` shows no payload, message, token or key, and stays short.

use std::fmt::Debug;
use std::time::Duration;

use tickwire::proto::HostState;
use tickwire::{Admission, Config, Delivery, Event, Host, Socket};

use crate::pair::{Pair, config, events, with_payload};

/// Content of every payload, message, token and key in these tests.
const MARKER: &[u8; 32] = b"marker-7f3a9c51-in-every-payload";

/// Maximum length of a `Debug` text in bytes.
const LEN_MAX: usize = 4096;

/// Checks that `{:?}` and `{:#?}` are short and do not show the marker as text or numbers.
#[track_caller]
fn assert_hidden(value: &impl Debug) -> String {
    let (line, block) = (format!("{value:?}"), format!("{value:#?}"));
    let numbers = |separator: &str| {
        let numbers: Vec<String> = MARKER[..4].iter().map(u8::to_string).collect();
        numbers.join(separator)
    };
    let hex: String = MARKER[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for text in [&line, &block] {
        let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let shown = ["marker", "7f3a9c51", &numbers(", "), &hex];
        for shown in shown {
            assert!(!text.to_lowercase().contains(shown), "{shown} in {text}");
        }
    }
    assert!(line.len() < LEN_MAX, "{} bytes: {line}", line.len());
    assert!(block.len() < LEN_MAX, "{} bytes: {block}", block.len());
    line
}

const DELIVERIES: [Delivery; 4] = [
    Delivery::Unreliable,
    Delivery::Sequenced(1),
    Delivery::Reliable,
    Delivery::Ordered(1),
];

/// A server with 40 peers, unread events and queued messages, and its last client.
fn busy_hosts() -> (HostState, HostState) {
    let mut pair = Pair::new(&config());
    for number in 2..42 {
        pair.replace_client(number);
        let server = pair.connect(&with_payload(MARKER));
        pair.exchange();
        for delivery in DELIVERIES {
            pair.client
                .send(server, delivery, MARKER, pair.now)
                .unwrap();
        }
        pair.now += Duration::from_millis(1);
        pair.exchange();
        for delivery in DELIVERIES {
            pair.client
                .send(server, delivery, MARKER, pair.now)
                .unwrap();
        }
    }
    for delivery in DELIVERIES {
        pair.server.broadcast(delivery, MARKER, pair.now).unwrap();
    }
    assert_eq!(pair.server.stats().peers, 40);
    (pair.server, pair.client)
}

#[test]
fn hosts_show_counts_and_no_messages() {
    let (mut server, client) = busy_hosts();
    let text = assert_hidden(&server);
    assert!(
        text.contains("peers: 40") && text.contains("events: 200"),
        "{text}"
    );
    assert_hidden(&client);
    server.set_admission(|_| Admission::Accept);
    assert_hidden(&server);
}

#[test]
fn events_show_lengths_and_no_payloads() {
    let (mut server, _) = busy_hosts();
    let mut texts = Vec::new();
    for event in events(&mut server) {
        texts.push((
            matches!(event, Event::Message { .. }),
            assert_hidden(&event),
        ));
    }
    let is_some = |is_message, part| {
        let mut texts = texts.iter();
        texts.any(|(is, text)| *is == is_message && text.contains(part))
    };
    assert!(is_some(true, "bytes: 32 bytes"));
    assert!(is_some(false, "payload: 32 bytes"));
    assert_hidden(&server);
}

#[test]
fn connect_options_and_requests_show_lengths() {
    let text = assert_hidden(&with_payload(MARKER));
    assert!(text.contains("payload: 32 bytes"), "{text}");
    let mut pair = Pair::new(&config());
    let (sender, texts) = std::sync::mpsc::channel();
    pair.server.set_admission(move |request| {
        sender.send(assert_hidden(request)).unwrap();
        Admission::Accept
    });
    pair.connect(&with_payload(MARKER));
    assert_hidden(&pair.client);
    pair.exchange();
    let text = texts.try_recv().unwrap();
    assert!(
        text.contains("192.0.2.2:5000") && text.contains("32 bytes"),
        "{text}"
    );
}

#[test]
fn sockets_and_datagrams_show_addresses_and_counts() {
    let any = "127.0.0.1:0".parse().unwrap();
    let (mut one, mut other) = (Socket::bind(any).unwrap(), Socket::bind(any).unwrap());
    one.send(other.local_addr(), MARKER).unwrap();
    let text = assert_hidden(&one);
    assert!(
        text.contains("127.0.0.1") && text.contains("queued: 1"),
        "{text}"
    );
    let (receiver, sender) = one.split();
    assert_hidden(&receiver);
    assert_hidden(&sender);
    one.flush().unwrap();
    other.wait(Some(Duration::from_secs(10))).unwrap();
    let datagram = other.recv().unwrap().expect("loopback delivers");
    assert_eq!(datagram.bytes, MARKER);
    let text = assert_hidden(&datagram);
    assert!(text.contains("32 bytes"), "{text}");
    assert_hidden(&other);
}

#[test]
fn a_host_on_a_socket_shows_its_address() {
    let any = "127.0.0.1:0".parse().unwrap();
    let mut host = Host::bind(any, Config::plain(7)).unwrap();
    let to = "127.0.0.1:9".parse().unwrap();
    host.connect(to, &with_payload(MARKER)).unwrap();
    let text = assert_hidden(&host);
    assert!(text.contains(&host.local_addr().to_string()), "{text}");
    assert!(text.contains("connecting: 1"), "{text}");
}

#[cfg(feature = "noise")]
#[test]
fn tokens_and_keys_are_hidden() {
    use tickwire::token::{self, Claims, TokenId, TokenKey, Verifier};
    use tickwire::{NoiseConfig, PrivateKey, Security};

    assert_hidden(&PrivateKey::from_bytes(*MARKER));
    let config = Config {
        security: Security::Noise(NoiseConfig {
            private_key: Some(PrivateKey::from_bytes(*MARKER)),
            ..NoiseConfig::new(7)
        }),
        ..Config::default()
    };
    assert_hidden(&config);
    let now = std::time::Instant::now();
    assert_hidden(&HostState::new(config, [1; 32], now).unwrap());

    let key = TokenKey::from_bytes(*MARKER);
    assert_hidden(&key);
    let claims = Claims {
        player: MARKER,
        audience: b"arena-7",
        expires_at: 10,
        data: MARKER,
    };
    let text = assert_hidden(&claims);
    assert!(
        text.contains("player: 32 bytes") && text.contains("expires_at: 10"),
        "{text}"
    );
    let id = TokenId::from_bytes(MARKER[..16].try_into().unwrap());
    let token = token::issue(&key, &claims, id).unwrap();
    let verifier = Verifier::new(key, b"arena-7").unwrap();
    verifier.redeem(&token, 1).unwrap();
    let text = assert_hidden(&verifier);
    assert!(
        text.contains("arena-7") && text.contains("used: 1"),
        "{text}"
    );
}
