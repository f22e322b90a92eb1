//! Public limits, and the ranges of [`Config`](crate::Config) and
//! [`SocketConfig`](crate::SocketConfig) fields.
//!
//! Private constants here are shared by several modules; all others are next to the code that uses
//! them.

use std::time::Duration;

/// Maximum length of a datagram (UDP payload) and size of a receive slot in bytes: 1024.
/// [`send`](crate::Socket::send) rejects a longer datagram; a longer one received is
/// [`truncated`](crate::Datagram::truncated).
pub const DATAGRAM_MAX: usize = 1024;

/// UDP payload in bytes that every IPv6 path carries unfragmented: 1280 (minimum MTU, RFC 8200
/// section 5) - 40 (IPv6 header) - 8 (UDP header).
const PATH_PAYLOAD_SAFE: usize = 1232;
const _: () = assert!(DATAGRAM_MAX <= PATH_PAYLOAD_SAFE);

/// Maximum number of datagrams per system call: 64.
///
/// Measured: a datagram costs 0.79 of a `recvfrom` with 64 slots, 0.81 with 32. Beyond 64 the gain
/// is within noise; 64 slots of 1024 bytes fit the L2 cache.
pub const BATCH_MAX: usize = 64;

/// Maximum configurable socket buffer in bytes: 1 GiB. Linux doubles it and stores it in a signed
/// 32-bit integer.
pub const SOCKET_BUFFER_MAX: usize = 1 << 30;

/// Maximum configurable send queue in datagrams: 65,536 (64 MiB of slots).
pub const SEND_QUEUE_MAX: usize = 65_536;

/// Maximum configurable number of peers of a host: 65,536.
pub const PEERS_MAX: usize = 65_536;

/// Maximum number of slots of a host: connected peers, as many pending clients, and closing peers.
pub(crate) const SLOTS_MAX: usize = 4 * PEERS_MAX;

/// Maximum length of a connect payload in bytes: 256, enough for a login ticket. A longer payload
/// is [`PayloadTooLong`](crate::ConnectError::PayloadTooLong).
pub const CONNECT_PAYLOAD_MAX: usize = 256;

/// First retransmission interval of the handshake. Doubles up to [`HANDSHAKE_RETRY_MAX`].
pub(crate) const HANDSHAKE_RETRY_FIRST: Duration = Duration::from_millis(250);

pub(crate) const HANDSHAKE_RETRY_MAX: Duration = Duration::from_secs(1);

/// Connects sent with one cookie before the client requests a new one: the server may have
/// restarted with new cookie keys.
pub(crate) const CONNECTS_PER_COOKIE: u32 = 4;

pub(crate) const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// Interval at which the cookie key is replaced. The previous key stays valid, so a cookie lasts 10
/// to 20 s.
pub(crate) const COOKIE_WINDOW: Duration = Duration::from_secs(10);
const _: () = assert!(CONNECT_TIMEOUT_DEFAULT.as_millis() <= COOKIE_WINDOW.as_millis());

/// How long an accepted client may leave the accept unconfirmed after its last connect, before it
/// is dropped without an event. A replayed connect extends it while its cookie is valid.
pub(crate) const PENDING_TIMEOUT: Duration = Duration::from_secs(3);
const _: () = assert!(PENDING_TIMEOUT.as_millis() >= 2 * HANDSHAKE_RETRY_MAX.as_millis());

/// Maximum number of stateless replies per turn. Further ones are dropped and counted.
pub(crate) const REPLIES_PER_TURN_MAX: usize = 256;

/// Maximum number of connects processed per turn. Further ones are dropped and counted.
pub(crate) const CONNECTS_PER_TURN_MAX: usize = 256;

pub(crate) const KEEP_ALIVE_DEFAULT: Duration = Duration::from_secs(5);

pub(crate) const IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(20);
const _: () = assert!(IDLE_TIMEOUT_DEFAULT.as_millis() > 3 * KEEP_ALIVE_DEFAULT.as_millis());

/// Maximum configurable timeout: 1 h.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// Minimum configurable idle timeout: 100 ms.
pub const IDLE_TIMEOUT_MIN: Duration = Duration::from_millis(100);

/// Default maximum acknowledgement delay: a frame at 60 Hz.
pub(crate) const ACK_DELAY_DEFAULT: Duration = Duration::from_millis(16);

/// Maximum configurable acknowledgement delay: 255 ms.
pub const ACK_DELAY_MAX: Duration = Duration::from_millis(255);

/// Replay window: a packet whose number is lower than the largest received by 1,024 or more counts
/// as a duplicate.
pub(crate) const REPLAY_WINDOW: u64 = 1024;

/// Packets encrypted with one key before Noise's rekey derives the next. AES-GCM allows 2^28
/// packets of at most 2^11 bytes (RFC 9001 section B.1.1).
pub(crate) const REKEY_PACKETS: u64 = 1 << 24;
const _: () = assert!(REKEY_PACKETS > REPLAY_WINDOW);

/// Maximum number of packets sent by one side of a connection: a million per second for nine years.
/// Then the connection ends with
/// [`PacketNumbersExhausted`](crate::DisconnectReason::PacketNumbersExhausted).
pub(crate) const PACKETS_PER_CONNECTION_MAX: u64 = 1 << 48;
const _: () = assert!(PACKETS_PER_CONNECTION_MAX < (1 << 62) / 1024);

/// Default handshakes per second: 500 take 5% of a core, about 0.1 ms each.
#[cfg(any(test, feature = "noise"))]
pub(crate) const HANDSHAKES_PER_SECOND_DEFAULT: u32 = 500;

#[cfg(any(test, feature = "noise"))]
pub(crate) const HANDSHAKE_BURST_DEFAULT: u32 = 32;

/// Maximum configurable handshake rate and burst: 1,000,000.
pub const HANDSHAKES_MAX: u32 = 1_000_000;

/// Maximum number of ranges in an acknowledgement (RFC 9000 section 19.3). The oldest are dropped
/// first.
pub(crate) const ACK_RANGES_MAX: usize = 32;

/// Maximum number of ack-eliciting packets in flight. One more declares the oldest lost.
pub(crate) const IN_FLIGHT_MAX: usize = 1024;

/// Packet threshold of loss detection (RFC 9002 section 6.1.1).
pub(crate) const REORDERING_PACKETS: u64 = 3;

/// Round-trip time before the first sample (RFC 9002 section 6.2.2).
pub(crate) const ROUND_TRIP_INITIAL: Duration = Duration::from_millis(333);

/// Timer granularity (RFC 9002 section 6.1.2).
pub(crate) const TIMER_GRANULARITY: Duration = Duration::from_millis(1);

/// Maximum probe interval, so that several probes fit into an idle timeout.
pub(crate) const PROBE_MAX: Duration = Duration::from_secs(2);

/// Copies of a disconnect, which is not retransmitted on loss. At 30% loss one peer in 400 receives
/// no copy and times out. An acknowledgement stops them.
pub(crate) const DISCONNECT_COPIES: u32 = 5;

/// Interval between the first two copies of a disconnect. Doubles with each, so the last leaves
/// after 240 ms.
pub(crate) const DISCONNECT_GAP: Duration = Duration::from_millis(16);

/// Path challenges sent to a peer's new address before it is abandoned, timed as the handshake.
pub(crate) const CHALLENGES_MAX: u32 = 5;

/// Amplification limit: bytes sent to an unvalidated address per byte received from it (RFC 9000
/// section 8.1).
pub(crate) const UNPROVEN_FACTOR: u64 = 3;

/// Maximum number of queued messages per peer and direction, separately for reliable and unreliable
/// messages: 4,096. At the limit [`send`](crate::Host::send) returns
/// [`QueueFull`](crate::SendError::QueueFull).
pub const QUEUED_MESSAGES_MAX: usize = 4096;

/// Maximum bytes of queued messages per peer and direction, separately for reliable and unreliable
/// messages: 256 KiB, or two reliable messages of maximum length if that is more.
pub const QUEUED_BYTES_MAX: usize = 256 << 10;

/// Bytes added to the length of a reliable message in a receive window: 64, about its memory
/// overhead.
pub const MESSAGE_OVERHEAD: usize = 64;
const _: () = assert!(QUEUED_BYTES_MAX / MESSAGE_OVERHEAD <= QUEUED_MESSAGES_MAX);

/// Maximum length of an unfragmented unreliable message in bytes: 992. It fills a packet. A
/// sequenced message of more than 960 bytes is fragmented.
pub const WHOLE_MAX: usize = 992;

/// Length of a fragment in bytes: 960, which leaves space for an acknowledgement in the packet.
pub const FRAGMENT_BYTES: usize = 960;

/// Maximum number of fragments of an unreliable or sequenced message. All must arrive: at 1% packet
/// loss one in seven such messages is lost.
pub(crate) const UNRELIABLE_FRAGMENTS_MAX: usize = 16;

/// Maximum length of an unreliable or sequenced message in bytes: 15,360. A longer message is
/// [`TooLong`](crate::SendError::TooLong).
pub const UNRELIABLE_MAX: usize = UNRELIABLE_FRAGMENTS_MAX * FRAGMENT_BYTES;

/// Maximum number of incomplete unreliable and sequenced messages of a peer. One more abandons the
/// oldest, which counts as lost if tracked.
pub(crate) const UNRELIABLE_INCOMPLETE_MAX: usize = 16;

/// Maximum configurable length of a reliable or ordered message in bytes: 16 MiB.
pub const MESSAGE_MAX: usize = 16 << 20;

pub(crate) const MESSAGE_MAX_FROM_CLIENTS_DEFAULT: usize = 64 << 10;

pub(crate) const MESSAGE_MAX_FROM_SERVERS_DEFAULT: usize = 1 << 20;
const _: () = assert!(MESSAGE_MAX_FROM_CLIENTS_DEFAULT <= MESSAGE_MAX_FROM_SERVERS_DEFAULT);
const _: () = assert!(MESSAGE_MAX_FROM_SERVERS_DEFAULT <= MESSAGE_MAX);

/// Minimum configurable maximum length of a reliable message in bytes: 960, one fragment.
pub const MESSAGE_MAX_MIN: usize = FRAGMENT_BYTES;

/// Maximum configurable [`receive_window`](crate::Config::receive_window) in bytes: 64 MiB.
pub const RECEIVE_WINDOW_MAX: usize = 64 << 20;
const _: () = assert!(2 * (MESSAGE_MAX + MESSAGE_OVERHEAD) <= RECEIVE_WINDOW_MAX);

/// Maximum number of reliable and ordered messages in flight to a peer. Further ones stay queued.
pub(crate) const RELIABLE_OPEN_MAX: usize = 1024;

/// Number of channels per peer, the first ones used, that keep their largest allocation of message
/// entries.
pub(crate) const ROOMY_CHANNELS: usize = 4;

/// Maximum number of message entries that every other channel keeps allocated, or four times its
/// current number if that is more. Otherwise a peer could enlarge its 257 channels one after the
/// other.
pub(crate) const CHANNEL_KEPT: usize = 64;

/// Maximum number of open receipts per peer: 4,096. A receipt is open until its
/// [`Acked`](crate::Event::Acked) or [`Lost`](crate::Event::Lost) event is taken. At the limit
/// [`send_tracked`](crate::Host::send_tracked) returns [`QueueFull`](crate::SendError::QueueFull).
pub const RECEIPTS_MAX: usize = 4096;

/// Maximum number of stale notices with an acknowledgement. A packet that causes one more is not
/// acknowledged, so its sender declares it lost.
pub(crate) const STALE_NOTICES_MAX: usize = 16;

/// Maximum number of tracked messages and fragments in flight: 8 per packet on average. At the
/// limit, reliable messages wait; for unreliable ones the oldest packet counts as lost.
pub(crate) const SENT_FRAMES_MAX: usize = 8 * IN_FLIGHT_MAX;

/// Maximum length of a message with redundant copies in bytes: 256, a quarter of a packet.
pub const REDUNDANT_MESSAGE_MAX: usize = 256;

pub(crate) const REDUNDANCY_DEFAULT: u8 = 2;

/// Maximum configurable number of redundant copies: 8.
pub const REDUNDANCY_MAX: u8 = 8;

/// Minimum configurable rate in bits per second: 8 kbit/s, one full packet per second.
pub const RATE_MIN: u64 = 8_000;

/// Maximum configurable rate in bits per second: 10 Gbit/s.
pub const RATE_MAX: u64 = 10_000_000_000;

/// Default send rates per peer in bits per second.
pub(crate) const RATE_FLOOR_DEFAULT: u64 = 128_000;

pub(crate) const RATE_CEILING_DEFAULT: u64 = 100_000_000;

pub(crate) const RATE_START_DEFAULT: u64 = 1_000_000;
const _: () = assert!(
    RATE_MIN <= RATE_FLOOR_DEFAULT
        && RATE_FLOOR_DEFAULT <= RATE_START_DEFAULT
        && RATE_START_DEFAULT <= RATE_CEILING_DEFAULT
        && RATE_CEILING_DEFAULT <= RATE_MAX
);

/// Maximum length of the text of a [`CloseReason`](crate::CloseReason) in bytes of UTF-8: 64.
pub const CLOSE_TEXT_MAX: usize = 64;
