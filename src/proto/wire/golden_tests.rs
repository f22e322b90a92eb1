//! Golden vectors: every datagram and every frame as literal bytes, written and read. `WIRE.md` contains the same
//! bytes, and a test compares them, so the document cannot drift.
//!
//! The vectors were generated without this library, with Python's `struct` and `zlib.crc32`; for the encrypted ones,
//! X25519, AES-GCM and SHA-256 were implemented in Python, too. A changed vector is a new version of the protocol.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::config::Config;
use crate::limits;
use crate::limits::DATAGRAM_MAX;
use crate::proto::connection_id::ConnectionId;
use crate::proto::delivery::Delivery;
use crate::proto::wire::cursor::{Reader, Writer};
use crate::proto::wire::frame::{
    Frame, Frames, write_ack, write_challenge, write_disconnect, write_ping, write_response,
    write_stale, write_window,
};
use crate::proto::wire::golden_noise_tests;
use crate::proto::wire::handshake::{
    Accept, AnyHello, Connect, CookieReply, Deny, DenyReason, Hello, Mismatch, MismatchKind, Nonce,
    SecurityMode, Settings, VERSION,
};
use crate::proto::wire::message::{FragmentHeader, MessageFrame, MessageHeader as MessageHead};
use crate::proto::wire::packet::{
    HEADER_LEN, Header, PAYLOAD_MAX, TAG_ROOM, open, payload_room, seal,
};
use crate::proto::wire::packet_number;

pub(super) const PROTOCOL_ID: u64 = 0x0123_4567_89ab_cdef;
pub(super) const NONCE: Nonce = *b" !\"#$%&'()*+,-./";
pub(super) const COOKIE: [u8; 16] = [
    0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf,
];
pub(super) const CLIENT_ID: ConnectionId = ConnectionId(0x1122_3344_5566_7788);
pub(super) const SERVER_ID: ConnectionId = ConnectionId(0x99aa_bbcc_ddee_ff00);
pub(super) const SETTINGS: Settings = Settings {
    idle_timeout_ms: 20_000,
    ack_delay_ms: 16,
    message_max: 65_536,
    window: 262_144,
};

const DOCUMENT: &str = include_str!("../WIRE.md");

/// Name, and bytes in hex; `00 * 3` is three of them.
const VECTORS: &[(&str, &str)] = &[
    (
        "hello",
        "01 54575245 01 202122232425262728292a2b2c2d2e2f 00 0123456789abcdef 00 * 989 5ebba8b3",
    ),
    (
        "mismatch",
        "02 54575245 01 202122232425262728292a2b2c2d2e2f 02 700d3d4e",
    ),
    (
        "cookie",
        "03 01 202122232425262728292a2b2c2d2e2f c0c1c2c3c4c5c6c7c8c9cacbcccdcecf 00 * 32 ac5d5aac",
    ),
    (
        "connect",
        "04 01 202122232425262728292a2b2c2d2e2f c0c1c2c3c4c5c6c7c8c9cacbcccdcecf
         1122334455667788 00004e20 10 00010000 00040000 0006 7469636b6574 c4dcfce0",
    ),
    (
        "accept",
        "05 01 1122334455667788 202122232425262728292a2b2c2d2e2f 99aabbccddeeff00 00004e20 10
         00010000 00040000 d1c5d068",
    ),
    (
        "deny-full",
        "06 01 1122334455667788 202122232425262728292a2b2c2d2e2f 00 00000000 dff1a515",
    ),
    (
        "deny-closed",
        "06 01 1122334455667788 202122232425262728292a2b2c2d2e2f 01 00000000 e2918ca5",
    ),
    (
        "deny-denied",
        "06 01 1122334455667788 202122232425262728292a2b2c2d2e2f 02 00000194 4b489069",
    ),
    ("packet-first", "07 99aabbccddeeff00 00000000 01 ca13f19b"),
    (
        "packet-later",
        "07 1122334455667788 00000005 02 09 4190 00 09 40 05 68656c6c6f 6f6e59fd",
    ),
    ("numbers", NUMBERS),
    ("ping", "01"),
    ("ack-one-range", "02 09 4190 00 09"),
    ("ack-three-ranges", "02 4064 00 02 02 08 00 25 31"),
    ("disconnect", "03 00000194"),
    (
        "disconnect-with-text",
        "08 00000194 0b 6e6f2073756368206d6170",
    ),
    ("challenge", "04 b0b1b2b3b4b5b6b7"),
    ("response", "05 b0b1b2b3b4b5b6b7"),
    ("window", "06 80040000"),
    ("stale-notice", "07 03 4064"),
    ("unreliable", "40 05 68656c6c6f"),
    ("unreliable-empty", "40 00"),
    ("unreliable-long", "40 4040 2a * 64"),
    ("unreliable-fragment", "44 07 47d0 02 2a * 80"),
    ("sequenced", "41 03 4064 02 6869"),
    ("sequenced-tracked", "49 03 4064 02 6869"),
    ("sequenced-fragment", "4d 03 4065 43c1 01 2a"),
    ("reliable", "42 00 05 68656c6c6f"),
    ("reliable-fragment", "46 3f 80010000 4044 2a * 256"),
    ("ordered", "43 ff 80004000 00"),
    ("ordered-fragment", "47 01 c000000040000000 43c1 01 2a"),
];

/// From RFC 9000 section A.1, and the smallest and largest value of every length.
const NUMBERS: &str = "00 25 3f 4040 7bbd 7fff 80004000 9d7f3e7d bfffffff
    c000000040000000 c2197c5eff14e88c ffffffffffffffff";

/// Every datagram of the table.
pub(super) fn datagrams() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let is_datagram = |(name, _): &&(&str, &str)| *name != "numbers";
    let datagrams = VECTORS.iter().take_while(is_datagram);
    datagrams.map(|(name, hex)| (*name, parsed(hex)))
}

fn bytes_of(name: &str) -> Vec<u8> {
    let vector = VECTORS.iter().find(|(known, _)| *known == name);
    parsed(vector.expect("it is in the table").1)
}

pub(super) fn parsed(hex: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut words = hex.split_whitespace();
    while let Some(word) = words.next() {
        if word == "*" {
            let last = *bytes.last().unwrap();
            let count: usize = words.next().unwrap().parse().unwrap();
            bytes.extend(vec![last; count - 1]);
            continue;
        }
        assert!(word.is_ascii() && word.len() % 2 == 0, "{word}");
        for digits in (0..word.len()).step_by(2) {
            bytes.push(u8::from_str_radix(&word[digits..digits + 2], 16).unwrap());
        }
    }
    bytes
}

pub(super) fn datagram(write: impl FnOnce(&mut [u8]) -> usize) -> Vec<u8> {
    let mut buffer = [0xee; DATAGRAM_MAX];
    let len = write(&mut buffer);
    buffer[..len].to_vec()
}

fn payload(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut buffer = [0xee; PAYLOAD_MAX];
    let mut writer = Writer::new(&mut buffer);
    write(&mut writer);
    writer.written().to_vec()
}

#[test]
fn hello() {
    let hello = Hello {
        protection: SecurityMode::Plain,
        protocol_id: PROTOCOL_ID,
        nonce: NONCE,
    };
    let bytes = bytes_of("hello");
    assert_eq!(datagram(|buffer| hello.write(buffer)), bytes);
    assert_eq!(Hello::read(&bytes), Ok(hello));
    let any = AnyHello {
        version: VERSION,
        nonce: NONCE,
    };
    assert_eq!(AnyHello::read(&bytes), Ok(any));
}

#[test]
fn mismatch() {
    let mismatch = Mismatch {
        version: VERSION,
        nonce: NONCE,
        difference: MismatchKind::Protocol,
    };
    let bytes = bytes_of("mismatch");
    assert_eq!(datagram(|buffer| mismatch.write(buffer)), bytes);
    assert_eq!(Mismatch::read(&bytes), Ok(mismatch));
}

#[test]
fn cookie() {
    let answer = CookieReply {
        nonce: NONCE,
        cookie: COOKIE,
        public_key: [0; 32],
    };
    let bytes = bytes_of("cookie");
    assert_eq!(datagram(|buffer| answer.write(PROTOCOL_ID, buffer)), bytes);
    assert_eq!(CookieReply::read(PROTOCOL_ID, &bytes), Ok(answer));
}

#[test]
fn connect() {
    let connect = Connect {
        nonce: NONCE,
        cookie: COOKIE,
        client_id: CLIENT_ID,
        settings: SETTINGS,
        payload: b"ticket",
    };
    let bytes = bytes_of("connect");
    assert_eq!(datagram(|buffer| connect.write(PROTOCOL_ID, buffer)), bytes);
    assert_eq!(Connect::read(PROTOCOL_ID, &bytes), Ok(connect));
}

#[test]
fn accept() {
    let accept = Accept {
        client_id: CLIENT_ID,
        nonce: NONCE,
        server_id: SERVER_ID,
        settings: SETTINGS,
    };
    let bytes = bytes_of("accept");
    assert_eq!(datagram(|buffer| accept.write(PROTOCOL_ID, buffer)), bytes);
    assert_eq!(Accept::read(PROTOCOL_ID, &bytes), Ok(accept));
}

#[test]
fn deny() {
    let refusals = [
        ("deny-full", DenyReason::Full),
        ("deny-closed", DenyReason::Closed),
        ("deny-denied", DenyReason::Denied(404)),
    ];
    for (name, refusal) in refusals {
        let deny = Deny {
            client_id: CLIENT_ID,
            nonce: NONCE,
            refusal,
        };
        let bytes = bytes_of(name);
        assert_eq!(datagram(|buffer| deny.write(PROTOCOL_ID, buffer)), bytes);
        assert_eq!(Deny::read(PROTOCOL_ID, &bytes), Ok(deny));
    }
}

#[test]
fn packets() {
    let later = [bytes_of("ack-one-range"), bytes_of("unreliable")].concat();
    let packets = [
        ("packet-first", SERVER_ID, 0, 0, bytes_of("ping")),
        ("packet-later", CLIENT_ID, (1 << 32) + 5, 1 << 32, later),
    ];
    for (name, id, number, expected, payload) in packets {
        let bytes = bytes_of(name);
        let mut buffer = [0xee; DATAGRAM_MAX];
        payload_room(&mut buffer)[..payload.len()].copy_from_slice(&payload);
        let len = seal(PROTOCOL_ID, id, number, payload.len(), &mut buffer);
        assert_eq!(buffer[..len], bytes, "{name}");

        let header = Header::read(&bytes).unwrap();
        assert_eq!(header.id, id, "{name}");
        assert_eq!(
            packet_number::expand(header.truncated_number, expected),
            number
        );
        assert_eq!(open(PROTOCOL_ID, number, &bytes), Ok(&payload[..]));
    }
}

#[test]
fn numbers() {
    let values = [
        0,
        37,
        63,
        64,
        15_293,
        16_383,
        16_384,
        494_878_333,
        1_073_741_823,
        1_073_741_824,
        151_288_809_941_952_652,
        4_611_686_018_427_387_903,
    ];
    let bytes = bytes_of("numbers");
    let written = payload(|writer| values.iter().for_each(|value| writer.variable(*value)));
    assert_eq!(written, bytes);
    let mut reader = Reader::new(&bytes);
    assert_eq!(values.map(|_| reader.variable().unwrap()), values);
    assert!(reader.is_empty());
}

#[test]
fn frames_without_an_acknowledgement() {
    let token = [0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7];
    let frames = [
        ("ping", Frame::Ping, payload(write_ping)),
        (
            "disconnect",
            Frame::Disconnect {
                code: 404,
                text: "",
            },
            payload(|writer| write_disconnect(writer, 404, "")),
        ),
        (
            "disconnect-with-text",
            Frame::Disconnect {
                code: 404,
                text: "no such map",
            },
            payload(|writer| write_disconnect(writer, 404, "no such map")),
        ),
        (
            "challenge",
            Frame::Challenge(token),
            payload(|writer| write_challenge(writer, token)),
        ),
        (
            "response",
            Frame::Response(token),
            payload(|writer| write_response(writer, token)),
        ),
        (
            "window",
            Frame::Window(262_144),
            payload(|writer| write_window(writer, 262_144)),
        ),
        (
            "stale-notice",
            Frame::Stale {
                channel: 3,
                sequence: 100,
            },
            payload(|writer| write_stale(writer, 3, 100)),
        ),
    ];
    for (name, frame, written) in frames {
        let bytes = bytes_of(name);
        assert_eq!(written, bytes, "{name}");
        let read: Vec<_> = Frames::check(&bytes).unwrap().collect();
        assert_eq!(read, [frame], "{name}");
    }
}

/// A message, or its fragment with this `total` and `index`.
fn message(
    delivery: Delivery,
    sequence: u64,
    fragment: Option<(u32, u32)>,
    bytes: &'static [u8],
) -> MessageFrame<'static> {
    let head = MessageHead {
        delivery,
        sequence,
        is_tracked: false,
        fragment: fragment.map(|(total, index)| FragmentHeader { total, index }),
        len: bytes.len(),
    };
    MessageFrame { head, bytes }
}

#[test]
fn messages() {
    use Delivery::{Ordered, Reliable, Sequenced, Unreliable};
    let mut tracked = message(Sequenced(3), 100, None, b"hi");
    tracked.head.is_tracked = true;
    let mut tracked_fragment = message(Sequenced(3), 101, Some((961, 1)), b"*");
    tracked_fragment.head.is_tracked = true;
    let messages = [
        ("unreliable", message(Unreliable, 0, None, b"hello")),
        ("unreliable-empty", message(Unreliable, 0, None, b"")),
        ("unreliable-long", message(Unreliable, 0, None, &[0x2a; 64])),
        (
            "unreliable-fragment",
            message(Unreliable, 7, Some((2000, 2)), &[0x2a; 80]),
        ),
        ("sequenced", message(Sequenced(3), 100, None, b"hi")),
        ("sequenced-tracked", tracked),
        ("sequenced-fragment", tracked_fragment),
        ("reliable", message(Reliable, 0, None, b"hello")),
        (
            "reliable-fragment",
            message(Reliable, 63, Some((65_536, 68)), &[0x2a; 256]),
        ),
        ("ordered", message(Ordered(255), 16_384, None, b"")),
        (
            "ordered-fragment",
            message(Ordered(1), 1 << 30, Some((961, 1)), b"*"),
        ),
    ];
    for (name, message) in messages {
        let bytes = bytes_of(name);
        assert_eq!(payload(|writer| message.write(writer)), bytes, "{name}");
        let len = message.head.encoded_len() + message.head.len;
        assert_eq!(len, bytes.len(), "{name}");
        let read: Vec<_> = Frames::check(&bytes).unwrap().collect();
        assert_eq!(read, [Frame::Message(message)], "{name}");
    }
}

#[test]
fn acknowledgements() {
    let acks: [(&str, u64, &[RangeInclusive<u64>]); 2] = [
        ("ack-one-range", 400, &[0..=9]),
        ("ack-three-ranges", 0, &[98..=100, 88..=88, 0..=49]),
    ];
    for (name, delay_us, ranges) in acks {
        let bytes = bytes_of(name);
        let written = payload(|writer| write_ack(writer, delay_us, ranges.iter().cloned()));
        assert_eq!(written, bytes, "{name}");
        let Some(Frame::Ack(ack)) = Frames::check(&bytes).unwrap().next() else {
            panic!("{name} is an acknowledgement");
        };
        let largest = *ranges[0].end();
        assert_eq!((ack.largest, ack.delay_us), (largest, delay_us), "{name}");
        assert_eq!(ack.ranges().collect::<Vec<_>>(), ranges, "{name}");
    }
}

/// The hex blocks of the document: their names, and their bytes without the bars.
fn examples() -> Vec<(&'static str, String)> {
    let blocks = DOCUMENT.split("\n```hex ").skip(1);
    let example = |block: &'static str| {
        let (block, _) = block.split_once("\n```").expect("a block ends");
        let mut lines = block.lines();
        let name = lines.next().expect("a block has a name");
        let hex = lines.map(|line| line.split_once('|').expect("a line has a bar").0);
        (name, hex.collect())
    };
    blocks.map(example).collect()
}

#[test]
fn the_examples_of_the_document_are_these_vectors() {
    let examples = examples();
    let names: Vec<_> = examples.iter().map(|(name, _)| *name).collect();
    let vectors = || VECTORS.iter().chain(golden_noise_tests::VECTORS);
    for (name, hex) in &examples {
        let vector = vectors().find(|(known, _)| known == name);
        let (_, bytes) = vector.expect("it is in a table");
        assert_eq!(parsed(hex), parsed(bytes), "{name}");
    }
    for (name, _) in vectors() {
        let count = names.iter().filter(|known| *known == name).count();
        assert_eq!(count, 1, "{name} must be in the document once");
    }
}

/// Fails unless a table of the document has this row.
fn assert_row(what: &str, value: impl Display) {
    let row = format!("\n| {what} | {value} |\n");
    assert!(DOCUMENT.contains(&row), "no row says{row}");
}

#[test]
fn the_sizes_in_the_document_are_those_of_the_vectors() {
    let rows = [
        ("1 | hello | client", "hello"),
        ("2 | mismatch | server", "mismatch"),
        ("3 | cookie | server", "cookie"),
        ("5 | accept | server", "accept"),
        ("6 | deny | server", "deny-full"),
    ];
    for (row, name) in rows {
        let what = row.split(" | ").nth(1).unwrap();
        let len = bytes_of(name).len();
        assert_row(what, len);
        assert!(DOCUMENT.contains(&format!("\n| {row} | {len} | ")), "{row}");
    }
    let bare = bytes_of("connect").len() - b"ticket".len();
    let longest = bare + limits::CONNECT_PAYLOAD_MAX;
    assert_row("connect without payload", bare);
    assert_row("connect, longest", longest);
    let range = format!("\n| 4 | connect | client | {bare} to {longest} | ");
    assert!(DOCUMENT.contains(&range), "{range}");
    let (shortest, longest) = (bytes_of("packet-first").len(), HEADER_LEN + PAYLOAD_MAX + 4);
    assert_row("data packet, shortest", shortest);
    assert_row("data packet, longest", longest);
    let range = format!("\n| 7 | data packet | both | {shortest} to {longest} | ");
    assert!(DOCUMENT.contains(&range), "{range}");
}

#[test]
fn the_sizes_under_noise_are_those_of_the_vectors() {
    let len_of = |name: &str| {
        let mut vectors = golden_noise_tests::VECTORS.iter();
        let (_, hex) = vectors.find(|(known, _)| *known == name).unwrap();
        parsed(hex).len()
    };
    let bare = len_of("connect-noise") - b"ticket".len();
    let longest = bare + limits::CONNECT_PAYLOAD_MAX;
    let (accept, deny) = (len_of("accept-noise"), len_of("deny-noise"));
    let shortest = len_of("packet-noise-first");
    assert_row("connect without payload, under Noise", bare);
    assert_row("connect, longest, under Noise", longest);
    assert_row("accept, under Noise", accept);
    assert_row("deny, under Noise", deny);
    assert_row("tag", TAG_ROOM);
    assert_row("data packet, shortest, under Noise", shortest);
    assert_row("data packet, longest, under Noise", DATAGRAM_MAX);
    let sentence = format!(
        "Under `Noise` a connect has {bare} to {longest} bytes, an accept {accept}, a deny {deny} and a \
         data packet {shortest} to {DATAGRAM_MAX}."
    );
    assert!(DOCUMENT.contains(&sentence), "{sentence}");
    // A reply to a validated address is shorter than the request as well.
    assert!(accept < bare && deny < bare);
}

#[test]
fn the_limits_in_the_document_are_those_of_the_code() {
    assert_row("datagram, longest", DATAGRAM_MAX);
    assert_row("connect payload, longest", limits::CONNECT_PAYLOAD_MAX);
    assert_row("disconnect text, longest", limits::CLOSE_TEXT_MAX);
    assert_row("data packet header", HEADER_LEN);
    assert_row("data packet payload, longest", PAYLOAD_MAX);
    assert_row("room for the checksum or tag", TAG_ROOM);
    assert_row("unreliable message in one frame, longest", limits::WHOLE_MAX);
    assert_row("other message in one frame, longest", limits::FRAGMENT_BYTES);
    assert_row("fragment, except the last", limits::FRAGMENT_BYTES);
    assert_row(
        "unreliable or sequenced message, longest",
        limits::UNRELIABLE_MAX,
    );
    assert_row("reliable or ordered message, longest", limits::MESSAGE_MAX);
    assert_row("maximum message length, smallest", limits::MESSAGE_MAX_MIN);
    assert_row(
        "flow control cost of a message beside its length",
        limits::MESSAGE_OVERHEAD,
    );
    assert_row(
        "fragments of an unreliable or sequenced message",
        limits::UNRELIABLE_FRAGMENTS_MAX,
    );
    assert_row(
        "incomplete unreliable and sequenced messages",
        limits::UNRELIABLE_INCOMPLETE_MAX,
    );
    assert_row(
        "open sequences per stream",
        limits::RELIABLE_OPEN_MAX,
    );
    assert_row(
        "stale notices per packet",
        limits::STALE_NOTICES_MAX,
    );
    let taken = limits::MESSAGE_MAX_FROM_CLIENTS_DEFAULT;
    assert_row("maximum message length of a server *", taken);
    let taken = limits::MESSAGE_MAX_FROM_SERVERS_DEFAULT;
    assert_row("maximum message length of a client *", taken);
    assert_row("initial window of a server *", limits::QUEUED_BYTES_MAX);
    let config = Config::plain(PROTOCOL_ID);
    assert_eq!(config.window_of_client(), limits::QUEUED_BYTES_MAX);
    assert_row("initial window of a client *", config.window_of_server());
    let challenge = HEADER_LEN + bytes_of("challenge").len() + TAG_ROOM;
    assert_row("challenge packet in the amplification limit", challenge);

    assert_row("connects per cookie", limits::CONNECTS_PER_COOKIE);
    assert_row("acknowledgement ranges", limits::ACK_RANGES_MAX);
    assert_row("replay window", limits::REPLAY_WINDOW);
    let reordering = limits::REORDERING_PACKETS;
    assert_row("packet threshold", reordering);
    assert_row("disconnects", limits::DISCONNECT_COPIES);
    assert_row("challenges per address", limits::CHALLENGES_MAX);
    let factor = limits::UNPROVEN_FACTOR;
    assert_row("amplification limit", factor);
    let answers = limits::REPLIES_PER_TURN_MAX;
    assert_row("stateless replies per turn", answers);
    assert_row("new connects per turn", limits::CONNECTS_PER_TURN_MAX);
    assert_row(
        "Noise handshakes per second *",
        limits::HANDSHAKES_PER_SECOND_DEFAULT,
    );
    let burst = limits::HANDSHAKE_BURST_DEFAULT;
    assert_row("Noise handshakes in a burst *", burst);
    assert_row("packets per key", limits::REKEY_PACKETS);
    let packets = limits::PACKETS_PER_CONNECTION_MAX;
    assert_row("packets per connection and direction", packets);
}

#[test]
fn the_times_in_the_document_are_those_of_the_code() {
    let times = [
        (
            "handshake retry interval, first",
            limits::HANDSHAKE_RETRY_FIRST,
        ),
        (
            "handshake retry interval, longest",
            limits::HANDSHAKE_RETRY_MAX,
        ),
        ("connect timeout *", limits::CONNECT_TIMEOUT_DEFAULT),
        ("cookie secret lifetime", limits::COOKIE_WINDOW),
        ("pending timeout", limits::PENDING_TIMEOUT),
        ("maximum acknowledgement delay *", limits::ACK_DELAY_DEFAULT),
        ("maximum acknowledgement delay, largest", limits::ACK_DELAY_MAX),
        ("keep-alive *", limits::KEEP_ALIVE_DEFAULT),
        ("idle timeout *", limits::IDLE_TIMEOUT_DEFAULT),
        ("idle timeout, shortest", limits::IDLE_TIMEOUT_MIN),
        ("idle timeout, longest", limits::TIMEOUT_MAX),
        (
            "initial round trip",
            limits::ROUND_TRIP_INITIAL,
        ),
        ("probe timeout after doubling, longest", limits::PROBE_MAX),
        (
            "first disconnect interval, doubled each time",
            limits::DISCONNECT_GAP,
        ),
    ];
    for (what, time) in times {
        assert_row(what, format_args!("{} ms", time.as_millis()));
    }
}
