//! Every number of the library: its unit, where it comes from, what happens at it, and the asserts
//! that tie it to its neighbours.
//!
//! What a user may change stands in [`SocketConfig`](crate::SocketConfig) and takes its default
//! from here.

use std::time::Duration;

/// The longest datagram that is sent, and the size of a receive slot, in bytes: 1024.
///
/// Everything counts, whatever a protocol puts in front of the payload included. A longer one is
/// refused by [`send`](crate::Socket::send) and arrives cut, with
/// [`truncated`](crate::Datagram::truncated) set.
pub const DATAGRAM_MAX: usize = 1024;

/// What every IPv6 path carries without fragments, in bytes of UDP payload:
/// 1280 (minimum MTU, RFC 8200 section 5) - 40 (IPv6 header) - 8 (UDP header).
pub const PATH_PAYLOAD_SAFE: usize = 1232;
const _: () = assert!(DATAGRAM_MAX <= PATH_PAYLOAD_SAFE);

/// The most datagrams that one system call receives or sends: 64.
///
/// Measured: 64 slots cost 0.79 of a `recvfrom` per datagram, 32 slots 0.81; beyond 64 the gain
/// drowns in noise, and 64 slots of 1024 bytes still fit the second-level cache.
pub const BATCH_MAX: usize = 64;

/// How many datagrams are received one by one, after a drain that brought at most one, before the
/// next receive is a batch: 2.
///
/// The first is the one that is expected; the second receive shows, as a rule, that the socket is
/// empty. Measured: that costs less than a batch of two slots, and an empty socket costs three
/// quarters of an empty batch.
pub(crate) const SPARSE_SINGLES: usize = 2;

/// The kernel's receive buffer that is asked for by default, in bytes of `SO_RCVBUF`: 4 MiB.
///
/// Enough for a burst of 1,000 clients that send three full datagrams each. Where the system grants
/// less, the socket works and says so once in the log.
pub const RECEIVE_BUFFER_DEFAULT: usize = 4 << 20;

/// The largest buffer that can be asked for, in bytes: 1 GiB. Linux doubles what it grants, and counts
/// in 32 bits with a sign.
pub const SOCKET_BUFFER_MAX: usize = 1 << 30;
const _: () = assert!(RECEIVE_BUFFER_DEFAULT <= SOCKET_BUFFER_MAX);

/// What Linux charges a full datagram against the receive buffer, in bytes (`truesize` of an skb
/// that holds 1024 bytes of payload, measured over loopback).
const DATAGRAM_CHARGE_FULL: usize = 2304;
// Linux grants the double of what is asked for (socket(7)).
const _: () = assert!(2 * RECEIVE_BUFFER_DEFAULT / DATAGRAM_CHARGE_FULL >= 3 * 1000);

/// The least that Linux charges a queued datagram against the receive buffer, in bytes: 768 (the
/// smallest `truesize` of an skb seen over loopback is 832; rounded down, because a budget that is too
/// large costs nothing and one that is too small leaves datagrams for the next turn). The granted
/// buffer divided by it is the most that can wait in a socket.
pub const DATAGRAM_CHARGE_MIN: usize = 768;

/// The budget of a drain where the system does not say how many datagrams it could have queued: 8,192.
pub const DRAIN_BUDGET_FALLBACK: usize = 8192;

/// How many datagrams may wait to be sent by default: 1,024, one tick of 1,000 clients.
///
/// At this many queued datagrams `send` returns [`QueueFull`](crate::SocketSendError::QueueFull); nothing
/// is dropped.
pub const SEND_QUEUE_DEFAULT: usize = 1024;

/// The most that a send queue can be configured to, in datagrams: 65,536 (64 MiB of slots).
pub const SEND_QUEUE_MAX: usize = 65_536;
const _: () = assert!(BATCH_MAX <= SEND_QUEUE_DEFAULT && SEND_QUEUE_DEFAULT <= SEND_QUEUE_MAX);

/// The largest DSCP, six bits (RFC 2474 section 3).
pub const DSCP_MAX: u8 = 63;

/// How often a warning of the same class is written: once a second. What was held back is counted
/// and named with the next one.
pub(crate) const WARN_INTERVAL: Duration = Duration::from_secs(1);

/// How long a sleeping loop waits before it tries again to send what the system had no buffers for:
/// 1 ms. There is no event to wait for: the socket counts as writable all the while.
pub(crate) const NO_BUFFERS_RETRY: Duration = Duration::from_millis(1);

/// The longest sleep at a stretch: 2^31 - 1 ms, almost 25 days. Whoever asked for more sleeps again.
///
/// `epoll_wait(2)` counts milliseconds in 32 bits with a sign, and below zero is for ever; mio cuts
/// a longer time off at them (1.2) or takes its lower 32 bits (1.1).
pub(crate) const SLEEP_MAX: Duration = Duration::from_millis(0x7fff_ffff);

/// How often a call that a signal interrupted is made again before the turn goes on without it: 16.
/// Calls on a non-blocking socket are not interrupted in practice; the limit keeps the loop finite.
pub(crate) const INTERRUPTED_MAX: u32 = 16;

/// The fastest ticker, in ticks a second: a nanosecond is the finest step of the clock.
pub const TICK_RATE_MAX: u32 = 1_000_000_000;

/// How many ticks a [`Ticker`](crate::Ticker) lets its owner catch up on: 8. What lies further back
/// is skipped and counted as overrun, because a game that needs longer than a tick for a tick would
/// otherwise fall behind for ever.
pub const TICKS_BEHIND_MAX: u64 = 8;

/// How many peers a host has room for by default: 1,024.
pub const PEERS_DEFAULT: usize = 1024;

/// The most that can be configured: 65,536 peers of one host.
pub const PEERS_MAX: usize = 65_536;

/// Connections of a host in every state: as many that are not confirmed yet as there may be peers, and
/// as many that are ending.
pub(crate) const SLOTS_MAX: usize = 4 * PEERS_MAX;

/// How much a client may say of itself when it asks for a connection, in bytes: 256, room for a login
/// ticket. A longer one is [`PayloadTooLong`](crate::ConnectError::PayloadTooLong).
pub const CONNECT_PAYLOAD_MAX: usize = 256;

/// How an [admission token](crate::token) names its player, at most, in bytes: 36, a UUID as text.
pub const TOKEN_PLAYER_MAX: usize = 36;

/// How an admission token names what it is good for, at most, in bytes: 32.
pub const TOKEN_AUDIENCE_MAX: usize = 32;

/// What else a login service can put into an admission token, in bytes: 128.
pub const TOKEN_DATA_MAX: usize = 128;

/// The longest admission token, in bytes: 1 (version) + 16 (id) + 8 (expiry) + 3 (lengths) + what is
/// above + 32 (signature). It fits what a client may say when it connects, to the byte.
pub const TOKEN_MAX: usize =
    1 + 16 + 8 + 3 + TOKEN_PLAYER_MAX + TOKEN_AUDIENCE_MAX + TOKEN_DATA_MAX + 32;
const _: () = assert!(TOKEN_MAX <= CONNECT_PAYLOAD_MAX);

/// How many used tokens a server remembers by default: 262,144, each until it expires, in about 10 MB.
/// One more is refused with [`TableFull`](crate::token::TokenError::TableFull).
///
/// Enough for 4,000 logins a second with tokens that live a minute.
pub const TOKENS_USED_DEFAULT: usize = 1 << 18;
const _: () = assert!(TOKENS_USED_DEFAULT >= 4 * PEERS_MAX && TOKENS_USED_DEFAULT >= 60 * 4000);

/// How long a client waits for an answer before it asks again: 250 ms, then twice as long each time
/// up to [`HANDSHAKE_RETRY_MAX`].
pub const HANDSHAKE_RETRY_FIRST: Duration = Duration::from_millis(250);

/// The longest time from one attempt of a client to the next: 1 s.
pub const HANDSHAKE_RETRY_MAX: Duration = Duration::from_secs(1);

/// How often a client sends the same cookie before it asks for a fresh one: 4 times. The server may
/// have started anew meanwhile and know nothing of its old cookies.
pub(crate) const CONNECTS_PER_COOKIE: u32 = 4;

/// How long a client tries by default: 10 s.
pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How often the secret behind the cookies is drawn anew: every 10 s. Cookies of the secret before are
/// good as well, so one lasts 10 to 20 s.
pub const COOKIE_WINDOW: Duration = Duration::from_secs(10);
const _: () = assert!(CONNECT_TIMEOUT_DEFAULT.as_millis() <= COOKIE_WINDOW.as_millis());

/// How long a connection that was admitted waits for the first packet of its client: 3 s after the
/// client last asked for it. Then it is forgotten, and nobody was told of it. Whoever repeats a recorded
/// connect keeps it for as long as the cookie in it is good.
pub const PENDING_TIMEOUT: Duration = Duration::from_secs(3);
const _: () = assert!(PENDING_TIMEOUT.as_millis() >= 2 * HANDSHAKE_RETRY_MAX.as_millis());

/// How many answers to those who are not connected leave in one turn: 256. More are left out and
/// counted; who asked asks again.
pub const ANSWERS_PER_TURN_MAX: usize = 256;

/// How many connects are looked at in one turn: 256. More are left out and counted; who asked asks
/// again.
pub const CONNECTS_PER_TURN_MAX: usize = 256;

/// How long a peer that sends nothing else is left alone by default: 5 s.
pub const KEEP_ALIVE_DEFAULT: Duration = Duration::from_secs(5);

/// How long a peer may be silent by default before it is given up: 20 s.
pub const IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(20);
const _: () = assert!(IDLE_TIMEOUT_DEFAULT.as_millis() > 3 * KEEP_ALIVE_DEFAULT.as_millis());

/// The longest time that can be configured: an hour.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// The shortest idle timeout that can be configured: 100 ms.
pub const IDLE_TIMEOUT_MIN: Duration = Duration::from_millis(100);

/// How long an acknowledgement waits by default for a packet to travel with: 16 ms, a frame at 60 Hz.
pub const ACK_DELAY_DEFAULT: Duration = Duration::from_millis(16);

/// The longest that can be configured: 255 ms.
pub const ACK_DELAY_MAX: Duration = Duration::from_millis(255);

/// How many packets are acknowledged at once, at the end of the turn, although none of them has waited for
/// long: 16. A fast sender goes by what it hears.
pub(crate) const ACK_PACKETS_MAX: u32 = 16;

/// How many packet numbers behind the largest one a packet may come: 1,024. An older one counts as a
/// duplicate.
pub const REPLAY_WINDOW: u64 = 1024;

/// How many packets are sealed with one key: 2^24. Then Noise's rekey makes the next one.
///
/// AES-GCM would allow for 2^28 packets of at most 2^11 bytes (RFC 9001 section B.1.1) before somebody who
/// sees them has more than a negligible advantage.
pub const REKEY_PACKETS: u64 = 1 << 24;
const _: () = assert!(REKEY_PACKETS > REPLAY_WINDOW);

/// How many packets one side of a connection sends at most: 2^48, for nine years a million a second. Then
/// it ends with [`PacketNumbersExhausted`](crate::DisconnectReason::PacketNumbersExhausted), long before there is no
/// number left that was not used.
pub const PACKETS_PER_CONNECTION_MAX: u64 = 1 << 48;
const _: () = assert!(PACKETS_PER_CONNECTION_MAX < (1 << 62) / 1024);

/// How many handshakes a second a host does by default for those who connect to it: 500. More are left
/// out and counted; who asked asks again.
///
/// One costs about a tenth of a millisecond, so they take a twentieth of a core.
pub const HANDSHAKES_PER_SECOND_DEFAULT: u32 = 500;

/// How many of them may come at once: 32.
pub const HANDSHAKE_BURST_DEFAULT: u32 = 32;

/// The most that can be configured of each: a million.
pub const HANDSHAKES_MAX: u32 = 1_000_000;

/// How many ranges of packet numbers an acknowledgement names: 32 (RFC 9000 section 19.3). Ranges that
/// fall off are forgotten, the oldest first.
pub const ACK_RANGES_MAX: usize = 32;

/// How many packets that want an acknowledgement are remembered for one: 1,024. The oldest counts as
/// lost when there is one more.
pub const IN_FLIGHT_MAX: usize = 1024;

/// How many later packets must have been acknowledged before one counts as lost: 3 (RFC 9002 section
/// 6.1.1).
pub(crate) const REORDERING_PACKETS: u64 = 3;

/// The most that this grows to where packets overtake each other: 128.
pub(crate) const REORDERING_PACKETS_MAX: u64 = 128;

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
pub const DISCONNECT_COPIES: u32 = 5;

/// From the first copy of a disconnect to the second: 16 ms, then twice as long each time; the last one
/// leaves after 240 ms.
pub(crate) const DISCONNECT_GAP: Duration = Duration::from_millis(16);

/// How many challenges a new address of a peer gets before it is given up: 5, with the timing of
/// [`HANDSHAKE_RETRY_FIRST`].
pub const CHALLENGES_MAX: u32 = 5;

/// How many bytes may go to an address that has not proven itself, for each byte that came from it: 3
/// (RFC 9000 section 8.1).
pub const UNPROVEN_FACTOR: u64 = 3;

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

/// The fragments that received messages are cut from, in bytes: 16 KiB.
pub(crate) const CHUNK_BYTES: usize = 16 << 10;

/// How many of them are kept to be used again: 64, a megabyte.
pub(crate) const CHUNKS_KEPT_MAX: usize = 64;

/// How many buffers of each size are kept to be used again: 8,192, two reliable messages on their way to
/// each of 4,096 peers.
pub(crate) const BUFFERS_KEPT_MAX: usize = 8192;

/// How many buffers of a size are made when the first one is needed: 64, of all sizes 84 KiB for each host. A
/// game with one peer seldom has as many messages waiting at once, and when a moment comes that is worse than
/// all before it, the memory is there.
pub(crate) const BUFFERS_RESERVED: usize = 64;

/// The longest unreliable message that is not cut, in bytes: 992. It fills a packet.
pub const WHOLE_MAX: usize = 992;

/// How many bytes of a long message a packet carries: 960. It leaves room for an acknowledgement beside
/// it.
pub const FRAGMENT_BYTES: usize = 960;

/// In how many packets an unreliable or sequenced message may be cut: 16. At 1% loss one of seven of that
/// length is lost, because all of them must arrive.
pub const UNRELIABLE_FRAGMENTS_MAX: usize = 16;

/// The longest unreliable or sequenced message, in bytes: 15,360. A longer one is
/// [`TooLong`](crate::SendError::TooLong).
pub const UNRELIABLE_MAX: usize = UNRELIABLE_FRAGMENTS_MAX * FRAGMENT_BYTES;

/// How many unreliable and sequenced messages of a peer can be incomplete at a time: 16. At one more
/// the oldest is given up; its sender is told that it is lost, if it asked.
pub const UNRELIABLE_INCOMPLETE_MAX: usize = 16;

/// The longest reliable or ordered message that can be configured, in bytes: 16 MiB.
pub const MESSAGE_MAX: usize = 16 << 20;

/// The longest reliable or ordered message that a host takes by default from those who connect to it:
/// 64 KiB.
pub const MESSAGE_MAX_FROM_CLIENTS_DEFAULT: usize = 64 << 10;

/// The longest reliable or ordered message that a host takes by default from those it connects to: 1 MiB.
pub const MESSAGE_MAX_FROM_SERVERS_DEFAULT: usize = 1 << 20;
const _: () = assert!(MESSAGE_MAX_FROM_CLIENTS_DEFAULT <= MESSAGE_MAX_FROM_SERVERS_DEFAULT);
const _: () = assert!(MESSAGE_MAX_FROM_SERVERS_DEFAULT <= MESSAGE_MAX);

/// The least that a host may take of a reliable message, in bytes: what fits a packet.
pub const MESSAGE_MAX_MIN: usize = FRAGMENT_BYTES;

/// The most that [`receive_window`](crate::Config::receive_window) can be, in bytes: 64 MiB.
pub const RECEIVE_WINDOW_MAX: usize = 64 << 20;
const _: () = assert!(2 * (MESSAGE_MAX + MESSAGE_OVERHEAD) <= RECEIVE_WINDOW_MAX);

/// How many reliable and ordered messages may be on their way to a peer at a time: 1,024. More wait their
/// turn.
pub const RELIABLE_OPEN_MAX: usize = 1024;

/// The first 4 channels of a peer keep the memory that they once needed for the places of their messages.
pub(crate) const ROOMY_CHANNELS: usize = 4;

/// Every other channel keeps memory for 64 of them, or four times as many as it has: there are 257, and
/// a peer could make each one long in its turn.
pub(crate) const CHANNEL_KEPT: usize = 64;

/// How many messages whose fate is to be told may be open at a time, for each peer: 4,096, those whose
/// fate the application has not taken yet included. Then
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
pub const REDUNDANCY_DEFAULT: u8 = 2;

/// The most that can be configured: 8 copies.
pub const REDUNDANCY_MAX: u8 = 8;

/// How much later than the one before a copy leaves at the earliest: 8 ms. What leaves at the same time is
/// lost at the same time.
pub(crate) const COPY_SPACING: Duration = Duration::from_millis(8);

/// How long a copy waits at least for a packet to travel with before it goes alone: 16 ms, a frame at 60
/// Hz. Where the application sends less often it waits a quarter longer than a tick.
pub(crate) const COPY_ALONE_AFTER: Duration = Duration::from_millis(16);

/// The longest that a copy waits: 50 ms.
pub(crate) const COPY_ALONE_AFTER_MAX: Duration = Duration::from_millis(50);
const _: () = assert!(COPY_SPACING.as_millis() <= COPY_ALONE_AFTER.as_millis());

/// The measured loss above which copies go on until the message is acknowledged: 2%, in millionths.
pub(crate) const LOSSY_PPM: u32 = 20_000;

/// The least rate that can be configured, in bits per second: 8 kbit/s, a full packet a second.
pub const RATE_MIN: u64 = 8_000;

/// The highest rate that can be configured, in bits per second: 10 Gbit/s.
pub const RATE_MAX: u64 = 10_000_000_000;

/// The rate that a peer gets whatever the network seems to say, by default: 128 kbit/s.
pub const RATE_FLOOR_DEFAULT: u64 = 128_000;

/// The highest rate by default: 100 Mbit/s.
pub const RATE_CEILING_DEFAULT: u64 = 100_000_000;

/// The rate that a connection begins with, by default: 1 Mbit/s.
pub const RATE_START_DEFAULT: u64 = 1_000_000;
const _: () = assert!(
    RATE_MIN <= RATE_FLOOR_DEFAULT
        && RATE_FLOOR_DEFAULT <= RATE_START_DEFAULT
        && RATE_START_DEFAULT <= RATE_CEILING_DEFAULT
        && RATE_CEILING_DEFAULT <= RATE_MAX
);

/// How long an unreliable message waits when the rate does not let it go: 50 ms, three frames at 60 Hz.
/// Then it is dropped and counted, the oldest first: what is newer is worth more.
pub const UNRELIABLE_WAIT_MAX: Duration = Duration::from_millis(50);

/// The most datagrams that a [`Link`](crate::sim::Link) has under way, copies included: 16,384, which
/// is 16 MiB of them; the memory grows to what is really under way. One more is lost and counted in
/// [`lost_to_limit`](crate::sim::LinkStats::lost_to_limit).
///
/// Enough for 500 clients at 60 Hz half a second away.
pub const LINK_DATAGRAMS_MAX: usize = 16_384;
const _: () = assert!(LINK_DATAGRAMS_MAX >= 500 * 60 / 2);

/// What a link with a rate transmits in front of every datagram, in bytes:
/// 20 (IPv4 header, RFC 791) + 8 (UDP header, RFC 768).
pub const LINK_HEADER_BYTES: usize = 28;

/// The fastest rate that a link can be given, in bits per second: 100 Gbit/s. A faster one is no
/// different from none, which is what `None` is for.
pub const LINK_RATE_MAX: u64 = 100_000_000_000;

/// The queue in front of a link with a rate, in bytes: 64 KiB, half a second at 1 Mbit/s, as many home
/// routers have it. When it is full, the newest datagram is lost.
pub const LINK_QUEUE_BYTES_DEFAULT: usize = 64 << 10;

/// The largest such queue, in bytes: 4 MiB. It bounds how many datagrams can wait there.
pub const LINK_QUEUE_BYTES_MAX: usize = 4 << 20;
const _: () = assert!(LINK_QUEUE_BYTES_DEFAULT <= LINK_QUEUE_BYTES_MAX);
// A queue of full datagrams fits among those that may be under way.
const _: () =
    assert!(LINK_QUEUE_BYTES_MAX / (DATAGRAM_MAX + LINK_HEADER_BYTES) <= LINK_DATAGRAMS_MAX);

/// The longest latency, jitter and reordering delay of a link, each: one minute, three times the
/// idle timeout, so that a link can be worse than any connection survives.
pub const LINK_DELAY_MAX: Duration = Duration::from_secs(60);

/// How long a link holds back a datagram that others are to overtake, by default: 20 ms, a little
/// more than a tick at 60 Hz, so that what the next tick sends is there first.
pub const LINK_REORDER_DELAY_DEFAULT: Duration = Duration::from_millis(20);
const _: () = assert!(LINK_REORDER_DELAY_DEFAULT.as_nanos() <= LINK_DELAY_MAX.as_nanos());

/// The longest mean of a link's bursts of losses, in datagrams: a million, hours at 60 Hz. What
/// loses more at a stretch is a partition.
pub const LINK_BURST_LENGTH_MAX: f64 = 1_000_000.0;

/// Longest text of a [`CloseReason`](crate::CloseReason): 64 bytes of UTF-8.
pub const CLOSE_TEXT_MAX: usize = 64;
