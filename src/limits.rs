//! Limits that users need, and the ranges of the fields of [`Config`](crate::Config) and
//! [`SocketConfig`](crate::SocketConfig). Each has its unit and its source.
//!
//! What is not public here is shared by several modules, most of it because the specification of the wire
//! states it. Every other constant is beside the code that uses it.

use std::time::Duration;

/// The longest datagram that is sent, and the size of a receive slot, in bytes: 1024.
///
/// Everything counts, whatever a protocol puts in front of the payload included. A longer one is
/// refused by [`send`](crate::Socket::send) and arrives cut, with
/// [`truncated`](crate::Datagram::truncated) set.
pub const DATAGRAM_MAX: usize = 1024;

/// What every IPv6 path carries without fragments, in bytes of UDP payload:
/// 1280 (minimum MTU, RFC 8200 section 5) - 40 (IPv6 header) - 8 (UDP header).
const PATH_PAYLOAD_SAFE: usize = 1232;
const _: () = assert!(DATAGRAM_MAX <= PATH_PAYLOAD_SAFE);

/// The most datagrams that one system call receives or sends: 64.
///
/// Measured: 64 slots cost 0.79 of a `recvfrom` per datagram, 32 slots 0.81; beyond 64 the gain
/// drowns in noise, and 64 slots of 1024 bytes still fit the second-level cache.
pub const BATCH_MAX: usize = 64;

/// The largest buffer that can be asked for, in bytes: 1 GiB. Linux doubles what it grants, and counts
/// in 32 bits with a sign.
pub const SOCKET_BUFFER_MAX: usize = 1 << 30;

/// The most that a send queue can be configured to, in datagrams: 65,536 (64 MiB of slots).
pub const SEND_QUEUE_MAX: usize = 65_536;

/// The most that can be configured: 65,536 peers of one host.
pub const PEERS_MAX: usize = 65_536;

/// Connections of a host in every state: as many that are not confirmed yet as there may be peers, and
/// as many that are ending.
pub(crate) const SLOTS_MAX: usize = 4 * PEERS_MAX;

/// How much a client may say of itself when it asks for a connection, in bytes: 256, room for a login
/// ticket. A longer one is [`PayloadTooLong`](crate::ConnectError::PayloadTooLong).
pub const CONNECT_PAYLOAD_MAX: usize = 256;

/// How long a client waits for an answer before it asks again: 250 ms, then twice as long each time
/// up to [`HANDSHAKE_RETRY_MAX`].
pub(crate) const HANDSHAKE_RETRY_FIRST: Duration = Duration::from_millis(250);

/// The longest time from one attempt of a client to the next: 1 s.
pub(crate) const HANDSHAKE_RETRY_MAX: Duration = Duration::from_secs(1);

/// How often a client sends the same cookie before it asks for a fresh one: 4 times. The server may
/// have started anew meanwhile and know nothing of its old cookies.
pub(crate) const CONNECTS_PER_COOKIE: u32 = 4;

/// How long a client tries by default: 10 s.
pub(crate) const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How often the secret behind the cookies is drawn anew: every 10 s. Cookies of the secret before are
/// good as well, so one lasts 10 to 20 s.
pub(crate) const COOKIE_WINDOW: Duration = Duration::from_secs(10);
const _: () = assert!(CONNECT_TIMEOUT_DEFAULT.as_millis() <= COOKIE_WINDOW.as_millis());

/// How long a connection that was admitted waits for the first packet of its client: 3 s after the
/// client last asked for it. Then it is forgotten, and nobody was told of it. Whoever repeats a recorded
/// connect keeps it for as long as the cookie in it is good.
pub(crate) const PENDING_TIMEOUT: Duration = Duration::from_secs(3);
const _: () = assert!(PENDING_TIMEOUT.as_millis() >= 2 * HANDSHAKE_RETRY_MAX.as_millis());

/// How many answers to those who are not connected leave in one turn: 256. More are left out and
/// counted; who asked asks again.
pub(crate) const ANSWERS_PER_TURN_MAX: usize = 256;

/// How many connects are looked at in one turn: 256. More are left out and counted; who asked asks
/// again.
pub(crate) const CONNECTS_PER_TURN_MAX: usize = 256;

/// How long a peer that sends nothing else is left alone by default: 5 s.
pub(crate) const KEEP_ALIVE_DEFAULT: Duration = Duration::from_secs(5);

/// How long a peer may be silent by default before it is given up: 20 s.
pub(crate) const IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(20);
const _: () = assert!(IDLE_TIMEOUT_DEFAULT.as_millis() > 3 * KEEP_ALIVE_DEFAULT.as_millis());

/// The longest time that can be configured: an hour.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// The shortest idle timeout that can be configured: 100 ms.
pub const IDLE_TIMEOUT_MIN: Duration = Duration::from_millis(100);

/// How long an acknowledgement waits by default for a packet to travel with: 16 ms, a frame at 60 Hz.
pub(crate) const ACK_DELAY_DEFAULT: Duration = Duration::from_millis(16);

/// The longest that can be configured: 255 ms.
pub const ACK_DELAY_MAX: Duration = Duration::from_millis(255);

/// How many packet numbers behind the largest one a packet may come: 1,024. An older one counts as a
/// duplicate.
pub(crate) const REPLAY_WINDOW: u64 = 1024;

/// How many packets are sealed with one key: 2^24. Then Noise's rekey makes the next one.
///
/// AES-GCM would allow for 2^28 packets of at most 2^11 bytes (RFC 9001 section B.1.1) before somebody who
/// sees them has more than a negligible advantage.
pub(crate) const REKEY_PACKETS: u64 = 1 << 24;
const _: () = assert!(REKEY_PACKETS > REPLAY_WINDOW);

/// How many packets one side of a connection sends at most: 2^48, for nine years a million a second. Then
/// it ends with [`PacketNumbersExhausted`](crate::DisconnectReason::PacketNumbersExhausted), long before there is no
/// number left that was not used.
pub(crate) const PACKETS_PER_CONNECTION_MAX: u64 = 1 << 48;
const _: () = assert!(PACKETS_PER_CONNECTION_MAX < (1 << 62) / 1024);

/// How many handshakes a second a host does by default for those who connect to it: 500. More are left
/// out and counted; who asked asks again.
///
/// One costs about a tenth of a millisecond, so they take a twentieth of a core.
#[cfg(any(test, feature = "noise"))]
pub(crate) const HANDSHAKES_PER_SECOND_DEFAULT: u32 = 500;

/// How many of them may come at once: 32.
#[cfg(any(test, feature = "noise"))]
pub(crate) const HANDSHAKE_BURST_DEFAULT: u32 = 32;

/// The most that can be configured of each: a million.
pub const HANDSHAKES_MAX: u32 = 1_000_000;

/// How many ranges of packet numbers an acknowledgement names: 32 (RFC 9000 section 19.3). Ranges that
/// fall off are forgotten, the oldest first.
pub(crate) const ACK_RANGES_MAX: usize = 32;

/// How many packets that want an acknowledgement are remembered for one: 1,024. The oldest counts as
/// lost when there is one more.
pub(crate) const IN_FLIGHT_MAX: usize = 1024;

/// How many later packets must have been acknowledged before one counts as lost: 3 (RFC 9002 section
/// 6.1.1).
pub(crate) const REORDERING_PACKETS: u64 = 3;

/// The round-trip time that is assumed before there is a sample: 333 ms (RFC 9002 section 6.2.2).
pub(crate) const ROUND_TRIP_INITIAL: Duration = Duration::from_millis(333);

/// The finest difference of times that a timer goes by: 1 ms (RFC 9002 section 6.1.2).
pub(crate) const TIMER_GRANULARITY: Duration = Duration::from_millis(1);

/// The longest time from one probe of a silent peer to the next: 2 s, so that several fit into an idle
/// timeout.
pub(crate) const PROBE_MAX: Duration = Duration::from_secs(2);

/// How often a disconnect is said: 5 times, because nobody can ask for it again. At 30% loss one in
/// 400 peers misses all of them and has to wait for its timeout. It ends early when the peer
/// acknowledges one.
pub(crate) const DISCONNECT_COPIES: u32 = 5;

/// From the first copy of a disconnect to the second: 16 ms, then twice as long each time; the last one
/// leaves after 240 ms.
pub(crate) const DISCONNECT_GAP: Duration = Duration::from_millis(16);

/// How many challenges a new address of a peer gets before it is given up: 5, with the timing of
/// [`HANDSHAKE_RETRY_FIRST`].
pub(crate) const CHALLENGES_MAX: u32 = 5;

/// How many bytes may go to an address that has not proven itself, for each byte that came from it: 3
/// (RFC 9000 section 8.1).
pub(crate) const UNPROVEN_FACTOR: u64 = 3;

/// How many messages may wait for a peer in each direction, those that are reliable and those that are
/// not each: 4,096. [`send`](crate::Host::send) of one more is
/// [`QueueFull`](crate::SendError::QueueFull); nothing is dropped.
pub const QUEUED_MESSAGES_MAX: usize = 4096;

/// How many bytes of messages may wait for a peer in each direction, those that are reliable and those
/// that are not each: 256 KiB. Where longer reliable messages are allowed, two of the longest.
pub const QUEUED_BYTES_MAX: usize = 256 << 10;

/// What a reliable message counts for against a window, in bytes, beside its own: 64, about what it
/// costs to remember it. So a window bounds their number as well.
pub const MESSAGE_OVERHEAD: usize = 64;
const _: () = assert!(QUEUED_BYTES_MAX / MESSAGE_OVERHEAD <= QUEUED_MESSAGES_MAX);

/// The longest unreliable message that is not cut, in bytes: 992. It fills a packet.
pub const WHOLE_MAX: usize = 992;

/// How many bytes of a long message a packet carries: 960. It leaves room for an acknowledgement beside
/// it.
pub const FRAGMENT_BYTES: usize = 960;

/// In how many packets an unreliable or sequenced message may be cut: 16. At 1% loss one of seven of that
/// length is lost, because all of them must arrive.
pub(crate) const UNRELIABLE_FRAGMENTS_MAX: usize = 16;

/// The longest unreliable or sequenced message, in bytes: 15,360. A longer one is
/// [`TooLong`](crate::SendError::TooLong).
pub const UNRELIABLE_MAX: usize = UNRELIABLE_FRAGMENTS_MAX * FRAGMENT_BYTES;

/// How many unreliable and sequenced messages of a peer can be incomplete at a time: 16. At one more
/// the oldest is given up; its sender is told that it is lost, if it asked.
pub(crate) const UNRELIABLE_INCOMPLETE_MAX: usize = 16;

/// The longest reliable or ordered message that can be configured, in bytes: 16 MiB.
pub const MESSAGE_MAX: usize = 16 << 20;

/// The longest reliable or ordered message that a host takes by default from those who connect to it:
/// 64 KiB.
pub(crate) const MESSAGE_MAX_FROM_CLIENTS_DEFAULT: usize = 64 << 10;

/// The longest reliable or ordered message that a host takes by default from those it connects to: 1 MiB.
pub(crate) const MESSAGE_MAX_FROM_SERVERS_DEFAULT: usize = 1 << 20;
const _: () = assert!(MESSAGE_MAX_FROM_CLIENTS_DEFAULT <= MESSAGE_MAX_FROM_SERVERS_DEFAULT);
const _: () = assert!(MESSAGE_MAX_FROM_SERVERS_DEFAULT <= MESSAGE_MAX);

/// The least that a host may take of a reliable message, in bytes: what fits a packet.
pub const MESSAGE_MAX_MIN: usize = FRAGMENT_BYTES;

/// The most that [`receive_window`](crate::Config::receive_window) can be, in bytes: 64 MiB.
pub const RECEIVE_WINDOW_MAX: usize = 64 << 20;
const _: () = assert!(2 * (MESSAGE_MAX + MESSAGE_OVERHEAD) <= RECEIVE_WINDOW_MAX);

/// How many reliable and ordered messages may be on their way to a peer at a time: 1,024. More wait their
/// turn.
pub(crate) const RELIABLE_OPEN_MAX: usize = 1024;

/// The first 4 channels of a peer keep the memory that they once needed for the places of their messages.
pub(crate) const ROOMY_CHANNELS: usize = 4;

/// Every other channel keeps memory for 64 of them, or four times as many as it has: there are 257, and
/// a peer could make each one long in its turn.
pub(crate) const CHANNEL_KEPT: usize = 64;

/// Maximum number of open receipts per peer: 4,096. A receipt is open until the application has taken its
/// [`Acked`](crate::Event::Acked) or [`Lost`](crate::Event::Lost) event. At the limit,
/// [`send_tracked`](crate::Host::send_tracked) returns [`QueueFull`](crate::SendError::QueueFull).
pub const RECEIPTS_MAX: usize = 4096;

/// How many messages that came too late are named with an acknowledgement: 16. A packet with one more is
/// not acknowledged, so its sender takes it for lost.
pub(crate) const STALE_NOTICES_MAX: usize = 16;

/// How many messages and fragments of messages are remembered for each packet on its way, on the average: 8.
/// When there could be more, reliable messages wait until packets are acknowledged; for others the oldest
/// packet counts as lost.
pub(crate) const SENT_FRAMES_MAX: usize = 8 * IN_FLIGHT_MAX;

/// The longest message of which copies are sent before anybody asks for them, in bytes: 256, a quarter
/// of a packet.
pub const REDUNDANT_MESSAGE_MAX: usize = 256;

/// How often a small reliable message is sent again unasked by default: in the next 2 packets.
pub(crate) const REDUNDANCY_DEFAULT: u8 = 2;

/// The most that can be configured: 8 copies.
pub const REDUNDANCY_MAX: u8 = 8;

/// The least rate that can be configured, in bits per second: 8 kbit/s, a full packet a second.
pub const RATE_MIN: u64 = 8_000;

/// The highest rate that can be configured, in bits per second: 10 Gbit/s.
pub const RATE_MAX: u64 = 10_000_000_000;

/// The rate that a peer gets whatever the network seems to say, by default: 128 kbit/s.
pub(crate) const RATE_FLOOR_DEFAULT: u64 = 128_000;

/// The highest rate by default: 100 Mbit/s.
pub(crate) const RATE_CEILING_DEFAULT: u64 = 100_000_000;

/// The rate that a connection begins with, by default: 1 Mbit/s.
pub(crate) const RATE_START_DEFAULT: u64 = 1_000_000;
const _: () = assert!(
    RATE_MIN <= RATE_FLOOR_DEFAULT
        && RATE_FLOOR_DEFAULT <= RATE_START_DEFAULT
        && RATE_START_DEFAULT <= RATE_CEILING_DEFAULT
        && RATE_CEILING_DEFAULT <= RATE_MAX
);

/// Longest text of a [`CloseReason`](crate::CloseReason): 64 bytes of UTF-8.
pub const CLOSE_TEXT_MAX: usize = 64;
