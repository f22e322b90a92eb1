//! Every number of the library: its unit, where it comes from, what happens at it, and the asserts
//! that tie it to its neighbours.
//!
//! What a user may change stands in [`EndpointConfig`](crate::EndpointConfig) and takes its default
//! from here.

use std::time::Duration;

/// The longest datagram that is sent, and the size of a receive slot, in bytes: 1024.
///
/// Everything counts, whatever a protocol puts in front of the payload included. A longer one is
/// refused by [`send`](crate::Endpoint::send) and arrives cut, with
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
/// less, the endpoint works and says so once in the log.
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
/// At this many queued datagrams `send` returns [`QueueFull`](crate::SendError::QueueFull); nothing
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

/// The most datagrams that a [`Link`](crate::proto::Link) has under way, copies included: 16,384, which
/// is 16 MiB of them; the memory grows to what is really under way. One more is lost and counted in
/// [`lost_to_limit`](crate::proto::LinkStats::lost_to_limit).
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
