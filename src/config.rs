//! What a user may change: plain public fields, with defaults that suit a game server.

use std::time::Duration;

use crate::error::{ConfigError, bits_per_second, bytes, check_range, count, duration};
#[cfg(feature = "noise")]
use crate::keys::PrivateKey;
use crate::limits::{
    ACK_DELAY_DEFAULT, ACK_DELAY_MAX, BATCH_MAX, CONNECT_TIMEOUT_DEFAULT, IDLE_TIMEOUT_DEFAULT,
    IDLE_TIMEOUT_MIN, KEEP_ALIVE_DEFAULT, MESSAGE_MAX, MESSAGE_MAX_FROM_CLIENTS_DEFAULT,
    MESSAGE_MAX_FROM_SERVERS_DEFAULT, MESSAGE_MAX_MIN, MESSAGE_OVERHEAD, PEERS_MAX,
    QUEUED_BYTES_MAX, RATE_CEILING_DEFAULT, RATE_FLOOR_DEFAULT, RATE_MAX, RATE_MIN,
    RATE_START_DEFAULT, RECEIVE_WINDOW_MAX, REDUNDANCY_DEFAULT, REDUNDANCY_MAX, SEND_QUEUE_MAX,
    SOCKET_BUFFER_MAX, TIMEOUT_MAX,
};
#[cfg(feature = "noise")]
use crate::limits::{HANDSHAKE_BURST_DEFAULT, HANDSHAKES_MAX, HANDSHAKES_PER_SECOND_DEFAULT};

/// The kernel's receive buffer that is asked for by default, in bytes of `SO_RCVBUF`: 4 MiB.
///
/// Enough for a burst of 1,000 clients that send three full datagrams each. Where the system grants
/// less, the socket works and says so once in the log.
const RECEIVE_BUFFER_DEFAULT: usize = 4 << 20;
const _: () = assert!(RECEIVE_BUFFER_DEFAULT <= SOCKET_BUFFER_MAX);

/// What Linux charges a full datagram against the receive buffer, in bytes (`truesize` of an skb
/// that holds 1024 bytes of payload, measured over loopback).
const DATAGRAM_CHARGE_FULL: usize = 2304;
// Linux grants the double of what is asked for (socket(7)).
const _: () = assert!(2 * RECEIVE_BUFFER_DEFAULT / DATAGRAM_CHARGE_FULL >= 3 * 1000);

/// How many datagrams may wait to be sent by default: 1,024, one tick of 1,000 clients.
///
/// At this many queued datagrams `send` returns [`QueueFull`](crate::SocketSendError::QueueFull); nothing
/// is dropped.
const SEND_QUEUE_DEFAULT: usize = 1024;
const _: () = assert!(BATCH_MAX <= SEND_QUEUE_DEFAULT && SEND_QUEUE_DEFAULT <= SEND_QUEUE_MAX);

/// The largest DSCP, six bits (RFC 2474 section 3).
const DSCP_MAX: u8 = 63;

/// How many peers a host has room for by default: 1,024.
pub(crate) const PEERS_DEFAULT: usize = 1024;

/// How a [`Socket`](crate::Socket) is set up. Write it as a literal that changes what you need and ends
/// with `..SocketConfig::default()`. This is the supported form: a new field is not a breaking change.
///
/// ```
/// use tickwire::{Socket, SocketConfig};
///
/// let config = SocketConfig { dscp: Some(46), ..SocketConfig::default() };
/// let socket = Socket::with_config("127.0.0.1:0".parse().unwrap(), &config)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketConfig {
    /// The kernel's receive buffer to ask for, in bytes of `SO_RCVBUF`, at most
    /// [`SOCKET_BUFFER_MAX`]. `None` leaves the system's own. Default: 4 MiB.
    ///
    /// A system may grant less; [`receive_buffer`](crate::Socket::receive_buffer) tells. Linux
    /// caps it at `net.core.rmem_max`.
    pub receive_buffer: Option<usize>,

    /// The kernel's send buffer to ask for, in bytes of `SO_SNDBUF`, at most [`SOCKET_BUFFER_MAX`].
    /// `None`, the default, leaves the system's own: what it does not take stays in the socket's queue.
    pub send_buffer: Option<usize>,

    /// How many datagrams one system call may receive or send, from 1 to [`BATCH_MAX`], 64, which is
    /// the default.
    ///
    /// 1 asks for the portable path: one `recv_from` per slot and one `send_to` per datagram.
    /// Batches are for Linux alone; elsewhere it is always 1.
    pub batch: usize,

    /// How many datagrams may wait to be sent, from 1 to [`SEND_QUEUE_MAX`]. Each has a slot of 1024
    /// bytes; the memory is reserved at once and touched only where the queue really grows. When all
    /// are taken, `send` returns [`QueueFull`](crate::SocketSendError::QueueFull). Default:
    /// 1,024.
    pub send_queue: usize,

    /// How many datagrams one drain may take before it ends with
    /// [`may_have_more`](crate::Socket::may_have_more), at least 1. `None`, the default, is what
    /// the kernel can have had queued when the drain began: the granted receive buffer divided by
    /// 768 bytes on Linux,
    /// 8,192 datagrams elsewhere.
    pub drain_budget: Option<usize>,

    /// Lets the address be bound while another socket has it (`SO_REUSEADDR`). Default: `false`.
    ///
    /// For UDP, Linux then lets both sockets live and gives unicast datagrams to the one that was
    /// bound last, so leave it off unless another process hands its port over to this one.
    pub reuse_address: bool,

    /// Makes an IPv6 socket take IPv6 alone (`IPV6_V6ONLY`). Default: `false`: `[::]` serves both
    /// families on every system, and IPv4 addresses look like IPv4.
    pub only_v6: bool,

    /// Asks the kernel when it took in each datagram (`SO_TIMESTAMPNS`, socket(7)), for
    /// [`recv_stamped`](crate::Socket::recv_stamped). Default: `false`.
    ///
    /// Linux alone; elsewhere nothing is stamped. Datagrams are then received one by one, whatever
    /// [`batch`](Self::batch) says, because a stamp travels beside its datagram: a quarter more per
    /// datagram than `batch: 1` costs.
    pub receive_timestamps: bool,

    /// The differentiated-services code point of everything sent, from 0 to 63 (RFC 2474; 46 is
    /// expedited forwarding, RFC 3246). It becomes the upper six bits of the IPv4 type of service and
    /// the IPv6 traffic class. `None`, the default, leaves the system's 0. On the open internet most
    /// networks clear it; a home router's queue may honour it.
    ///
    /// On an IPv6 socket only Linux marks what goes to IPv4 addresses as well, and Windows marks
    /// nothing.
    pub dscp: Option<u8>,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self {
            receive_buffer: Some(RECEIVE_BUFFER_DEFAULT),
            send_buffer: None,
            batch: BATCH_MAX,
            send_queue: SEND_QUEUE_DEFAULT,
            drain_budget: None,
            reuse_address: false,
            only_v6: false,
            receive_timestamps: false,
            dscp: None,
        }
    }
}

impl SocketConfig {
    /// Checks every field against its documented range.
    ///
    /// # Errors
    ///
    /// The first field that is out of range, its value and the range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (field, buffer) in [
            ("receive_buffer", self.receive_buffer),
            ("send_buffer", self.send_buffer),
        ] {
            check_range(field, buffer.unwrap_or(0), 0..=SOCKET_BUFFER_MAX, bytes)?;
        }
        check_range("batch", self.batch, 1..=BATCH_MAX, count)?;
        check_range("send_queue", self.send_queue, 1..=SEND_QUEUE_MAX, count)?;
        check_range("dscp", self.dscp.unwrap_or(0), 0..=DSCP_MAX, count)?;
        if self.drain_budget == Some(0) {
            return Err(ConfigError::new(
                "drain_budget",
                &0,
                "at least 1".to_owned(),
            ));
        }
        Ok(())
    }
}

/// How a host (a [`Host`](crate::Host) or a bare [`HostState`](crate::proto::HostState)) treats its
/// peers. Write it as a literal that changes what you need and ends with `..Config::plain(id)`,
/// `..Config::noise(id)` or `..Config::default()`. This is the supported form: a new field is not a
/// breaking change.
///
/// ```
/// use std::time::Duration;
/// use tickwire::Config;
///
/// let config = Config { peers_max: 64, ..Config::plain(0x7469_636b) };
/// assert_eq!(config.idle_timeout, Duration::from_secs(20));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How packets are protected. Both sides must choose the same; who differs is told so.
    pub security: Security,

    /// The most peers, those that this side connects to included: 0 to
    /// [`PEERS_MAX`], 65,536. Default: 1,024.
    ///
    /// Whoever comes then is told [`ServerFull`](crate::DisconnectReason::ServerFull); `connect` returns
    /// [`HostFull`](crate::ConnectError::HostFull). A peer counts until the event that it is gone was
    /// taken.
    pub peers_max: usize,

    /// Whether somebody else may connect to this host. Default: `true`. A host that only ever calls
    /// `connect` sets it to `false`, and tells everybody [`ServerClosed`](crate::DisconnectReason::ServerClosed).
    pub accept_incoming: bool,

    /// How long a peer may be silent before it is [`TimedOut`](crate::DisconnectReason::TimedOut):
    /// [`IDLE_TIMEOUT_MIN`] (100 ms) to [`TIMEOUT_MAX`] (1 h). Default: 20 s.
    pub idle_timeout: Duration,

    /// How long this side is silent before it asks its peer for a sign of life: up to
    /// [`TIMEOUT_MAX`] (1 h). Default: 5 s; a quarter more if the last that it sent was a mere
    /// acknowledgement, so that of two idle sides one asks and the other answers. Where a third of the
    /// peer's idle timeout is shorter, that counts. Also keeps a router from forgetting the connection; many do after 30 s (RFC 4787 asks for
    /// two minutes).
    pub keep_alive: Duration,

    /// How long a `connect` tries: up to [`TIMEOUT_MAX`] (1 h). Default: 10 s. Then it ends with
    /// [`ConnectTimeout`](crate::DisconnectReason::ConnectTimeout).
    pub connect_timeout: Duration,

    /// How long an acknowledgement may wait for a packet to travel with, up to [`ACK_DELAY_MAX`]
    /// (255 ms), in whole milliseconds. Default: 16 ms, a frame at 60 Hz.
    pub ack_delay_max: Duration,

    /// The longest reliable or ordered message that is taken from those who connect to this host, in bytes:
    /// [`MESSAGE_MAX_MIN`] (960) to [`MESSAGE_MAX`] (16 MiB). Default: 64 KiB. They are told, and cannot
    /// send a longer one.
    pub message_max_from_clients: usize,

    /// The same for those that this host connects to. Default: 1 MiB.
    pub message_max_from_servers: usize,

    /// How many bytes of reliable messages a peer may send before the application has taken some, each
    /// counted with [`MESSAGE_OVERHEAD`] (64) more: up to [`RECEIVE_WINDOW_MAX`] (64 MiB). Two of the
    /// longest messages of a client are always allowed, whatever stands here, and four of a server's, as
    /// far as those are no more than that. Default: 256 KiB.
    ///
    /// A channel holds half of the window at most. With four messages the next one leaves while the last is
    /// on its way, and a long transfer does not pause between them. A server has a window for each of its
    /// clients, so that two have to do there.
    ///
    /// A peer whose messages are not taken is held back when its window is full, and nothing is lost. On a
    /// way with a long round trip a larger window is faster: a window leaves at most once a round trip.
    pub receive_window: usize,

    /// How often a small reliable message is sent again before anybody knows whether it is lost: 0 to
    /// [`REDUNDANCY_MAX`] (8) times, with the next packets. Default: 2. A lost packet then costs a tick and
    /// not a round trip. While more than 2% of the packets are lost, copies go on until the message is
    /// acknowledged. Small means up to [`REDUNDANT_MESSAGE_MAX`](crate::limits::REDUNDANT_MESSAGE_MAX) (256) bytes.
    pub redundant_copies: u8,

    /// The least that a peer is sent to with, in bits per second, whatever the network seems to say:
    /// [`RATE_MIN`] to [`RATE_MAX`]. Default: 128 kbit/s.
    pub rate_floor: u64,

    /// The most, in bits per second: `rate_floor` to [`RATE_MAX`] (10 Gbit/s). Default: 100 Mbit/s.
    pub rate_ceiling: u64,

    /// Where it begins, in bits per second, from `rate_floor` to `rate_ceiling`. Default: 1 Mbit/s.
    pub rate_start: u64,
}

/// How packets are protected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Security {
    /// Encryption and authenticity: a handshake of the [Noise] protocol framework
    /// (`Noise_NK_25519_AESGCM_SHA256`), then AES-256-GCM for every packet.
    ///
    /// Nobody on the way can read or change packets, or make some of his own. Who the server is is proven
    /// to those who know its key beforehand and name it when they connect. **Without a pinned key an
    /// active attacker in the middle can pose as the server.** Who a client is the application finds
    /// out: see [`set_admission`](crate::Host::set_admission).
    ///
    /// This library's own copies of private keys, ephemeral secrets and session keys are wiped when they
    /// are dropped. What `snow` and `ring` keep inside is not (chaining keys, key schedules), nor is the
    /// state of the host's generator.
    ///
    /// [Noise]: https://noiseprotocol.org/noise.html
    #[cfg(feature = "noise")]
    Noise(NoiseConfig),
    /// **No secrecy and no authenticity**: a checksum against accidents. Whoever sees the packets can
    /// read, change and forge them. For a trusted network, for learning, and for looking at packets.
    Plain {
        /// What both sides must have in common: the game, and the version of its messages. Mixed into
        /// the checksum of every packet.
        protocol_id: u64,
    },
}

impl Security {
    /// The protocol id that both sides must share, whatever the protection.
    #[must_use]
    pub fn protocol_id(&self) -> u64 {
        match self {
            #[cfg(feature = "noise")]
            Self::Noise(noise) => noise.protocol_id,
            Self::Plain { protocol_id } => *protocol_id,
        }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        match self {
            #[cfg(feature = "noise")]
            Self::Noise(noise) => noise.validate(),
            Self::Plain { .. } => Ok(()),
        }
    }
}

/// The settings of [`Security::Noise`]. Every field has a default; change what you need:
///
/// ```
/// use tickwire::{Config, NoiseConfig, PrivateKey, Security};
///
/// let key = PrivateKey::from_bytes([7; 32]); // PrivateKey::read_file("server.key")?
/// let noise = NoiseConfig { private_key: Some(key), ..NoiseConfig::new(0x7469_636b) };
/// let config = Config { security: Security::Noise(noise), ..Config::default() };
/// # assert!(config.validate().is_ok());
/// ```
#[cfg(feature = "noise")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoiseConfig {
    /// Identifies the game and the version of its messages. Both sides must use the same value. Not a
    /// secret: it travels in the first packet. Default: 0.
    pub protocol_id: u64,

    /// Static key of this host, which proves its identity to the clients that connect to it. `None`,
    /// the default, generates a key at start; then no client can pin its public half beforehand.
    pub private_key: Option<PrivateKey>,

    /// Handshakes per second with clients that connect to this host, and replies per second to its
    /// own handshakes: 1 to [`HANDSHAKES_MAX`]. Default: 500.
    /// Further connects are ignored and [counted](crate::HostStats::handshakes_over_rate); the client
    /// retries.
    pub handshakes_per_second: u32,

    /// Handshakes that may be processed in one burst: 1 to [`HANDSHAKES_MAX`]. Default:
    /// 32.
    pub handshake_burst: u32,
}

#[cfg(feature = "noise")]
impl NoiseConfig {
    /// The defaults, with a protocol id.
    #[must_use]
    pub fn new(protocol_id: u64) -> Self {
        Self {
            protocol_id,
            private_key: None,
            handshakes_per_second: HANDSHAKES_PER_SECOND_DEFAULT,
            handshake_burst: HANDSHAKE_BURST_DEFAULT,
        }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        for (field, value) in [
            ("handshakes_per_second", self.handshakes_per_second),
            ("handshake_burst", self.handshake_burst),
        ] {
            check_range(field, value, 1..=HANDSHAKES_MAX, count)?;
        }
        Ok(())
    }
}

#[cfg(feature = "noise")]
impl Default for NoiseConfig {
    fn default() -> Self {
        Self::new(0)
    }
}

/// Encrypted, with the protocol id 0 and a key that is drawn at start: see [`Security::Noise`]. There is
/// no default without the feature `noise`, so that nobody loses encryption by switching features off.
#[cfg(feature = "noise")]
impl Default for Config {
    fn default() -> Self {
        Self::noise(0)
    }
}

impl Config {
    /// The defaults, encrypted, for a game of its own: see [`Security::Noise`].
    #[cfg(feature = "noise")]
    #[must_use]
    pub fn noise(protocol_id: u64) -> Self {
        Self::with_security(Security::Noise(NoiseConfig::new(protocol_id)))
    }

    /// The defaults, without encryption: see [`Security::Plain`].
    #[must_use]
    pub fn plain(protocol_id: u64) -> Self {
        Self::with_security(Security::Plain { protocol_id })
    }

    /// The defaults, protected like that.
    fn with_security(security: Security) -> Self {
        Self {
            security,
            peers_max: PEERS_DEFAULT,
            accept_incoming: true,
            idle_timeout: IDLE_TIMEOUT_DEFAULT,
            keep_alive: KEEP_ALIVE_DEFAULT,
            connect_timeout: CONNECT_TIMEOUT_DEFAULT,
            ack_delay_max: ACK_DELAY_DEFAULT,
            message_max_from_clients: MESSAGE_MAX_FROM_CLIENTS_DEFAULT,
            message_max_from_servers: MESSAGE_MAX_FROM_SERVERS_DEFAULT,
            receive_window: QUEUED_BYTES_MAX,
            redundant_copies: REDUNDANCY_DEFAULT,
            rate_floor: RATE_FLOOR_DEFAULT,
            rate_ceiling: RATE_CEILING_DEFAULT,
            rate_start: RATE_START_DEFAULT,
        }
    }

    /// How much of what is reliable may wait for the application of this side, from a client.
    pub(crate) fn window_of_client(&self) -> usize {
        let two = 2 * (self.message_max_from_clients + MESSAGE_OVERHEAD);
        self.receive_window.max(two)
    }

    /// The same, from a server.
    pub(crate) fn window_of_server(&self) -> usize {
        let four = 4 * (self.message_max_from_servers + MESSAGE_OVERHEAD);
        self.receive_window.max(four.min(RECEIVE_WINDOW_MAX))
    }

    /// How many bytes of reliable messages may wait for a peer that takes messages of at most
    /// `message_max` bytes.
    pub(crate) fn queued_bytes_max(&self, message_max: usize) -> usize {
        QUEUED_BYTES_MAX.max(2 * message_max)
    }

    /// Checks every field against its documented range.
    ///
    /// # Errors
    ///
    /// The first field that is out of range, its value and the range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.security.validate()?;
        check_range("peers_max", self.peers_max, 0..=PEERS_MAX, count)?;
        let shortest = Duration::from_millis(1);
        for (field, time, range) in [
            (
                "idle_timeout",
                self.idle_timeout,
                IDLE_TIMEOUT_MIN..=TIMEOUT_MAX,
            ),
            ("keep_alive", self.keep_alive, shortest..=TIMEOUT_MAX),
            (
                "connect_timeout",
                self.connect_timeout,
                shortest..=TIMEOUT_MAX,
            ),
            (
                "ack_delay_max",
                self.ack_delay_max,
                Duration::ZERO..=ACK_DELAY_MAX,
            ),
        ] {
            check_range(field, time, range, duration)?;
        }
        let messages = MESSAGE_MAX_MIN..=MESSAGE_MAX;
        for (field, length, range) in [
            (
                "message_max_from_clients",
                self.message_max_from_clients,
                messages.clone(),
            ),
            (
                "message_max_from_servers",
                self.message_max_from_servers,
                messages,
            ),
            (
                "receive_window",
                self.receive_window,
                0..=RECEIVE_WINDOW_MAX,
            ),
        ] {
            check_range(field, length, range, bytes)?;
        }
        let copies = self.redundant_copies;
        check_range("redundant_copies", copies, 0..=REDUNDANCY_MAX, count)?;
        let (floor, ceiling) = (self.rate_floor, self.rate_ceiling);
        for (field, rate, range) in [
            ("rate_floor", floor, RATE_MIN..=RATE_MAX),
            ("rate_ceiling", ceiling, floor..=RATE_MAX),
            ("rate_start", self.rate_start, floor..=ceiling),
        ] {
            check_range(field, rate, range, bits_per_second)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        assert!(SocketConfig::default().validate().is_ok());
    }

    #[cfg(feature = "noise")]
    #[test]
    fn hosts_are_encrypted_unless_they_ask_not_to_be() {
        assert!(Config::default().validate().is_ok());
        assert_eq!(
            Config::default().security,
            Security::Noise(NoiseConfig::default())
        );
        assert_eq!(Config::noise(7).security.protocol_id(), 7);
        assert_eq!(Config::plain(7).security.protocol_id(), 7);
    }

    #[cfg(feature = "noise")]
    #[test]
    fn a_rate_of_handshakes_out_of_range_is_refused_by_name() {
        let with = |handshakes_per_second, handshake_burst| Config {
            security: Security::Noise(NoiseConfig {
                handshakes_per_second,
                handshake_burst,
                ..NoiseConfig::default()
            }),
            ..Config::default()
        };
        let text = |config: Config| config.validate().unwrap_err().to_string();
        assert_eq!(
            text(with(0, 1)),
            "handshakes_per_second is 0, but must be between 1 and 1000000"
        );
        assert_eq!(
            text(with(1, 1_000_001)),
            "handshake_burst is 1000001, but must be between 1 and 1000000"
        );
        assert!(with(1, 1_000_000).validate().is_ok());
    }

    #[cfg(feature = "noise")]
    #[test]
    fn a_config_shows_no_private_key() {
        let config = Config {
            security: Security::Noise(NoiseConfig {
                private_key: Some(PrivateKey::from_bytes([0xab; 32])),
                ..NoiseConfig::new(7)
            }),
            ..Config::default()
        };
        let text = format!("{config:?}");
        assert!(text.contains("PrivateKey { .. }"), "{text}");
        assert!(!text.contains("171"), "{text}");
    }

    #[test]
    fn a_value_out_of_range_is_refused_by_name() {
        let default = SocketConfig::default;
        let cases = [
            (
                SocketConfig {
                    batch: 0,
                    ..default()
                },
                "batch is 0, but must be between 1 and 64",
            ),
            (
                SocketConfig {
                    batch: 65,
                    ..default()
                },
                "batch is 65, but must be between 1 and 64",
            ),
            (
                SocketConfig {
                    send_queue: 0,
                    ..default()
                },
                "send_queue is 0, but must be between 1 and 65536",
            ),
            (
                SocketConfig {
                    send_queue: 65_537,
                    ..default()
                },
                "send_queue is 65537, but must be between 1 and 65536",
            ),
            (
                SocketConfig {
                    dscp: Some(64),
                    ..default()
                },
                "dscp is 64, but must be between 0 and 63",
            ),
        ];
        for (config, text) in cases {
            assert_eq!(config.validate().unwrap_err().to_string(), text);
        }
        let too_much = SocketConfig {
            send_buffer: Some(SOCKET_BUFFER_MAX + 1),
            ..default()
        };
        assert!(
            too_much
                .validate()
                .unwrap_err()
                .to_string()
                .starts_with("send_buffer is")
        );
        let no_budget = SocketConfig {
            drain_budget: Some(0),
            ..default()
        };
        assert!(
            no_budget
                .validate()
                .unwrap_err()
                .to_string()
                .starts_with("drain_budget is 0")
        );
    }

    /// A config with one change, and what is wrong with it.
    fn refusal(change: impl FnOnce(&mut Config)) -> Option<String> {
        let mut config = Config::plain(1);
        change(&mut config);
        config.validate().err().map(|error| error.to_string())
    }

    #[test]
    fn what_messages_can_be_set_to_has_two_ends_and_both_are_in() {
        type Set = fn(&mut Config, usize);
        let messages = (MESSAGE_MAX_MIN, MESSAGE_MAX);
        let cases: [(&str, Set, (usize, usize)); 4] = [
            (
                "message_max_from_clients",
                |config, value| config.message_max_from_clients = value,
                messages,
            ),
            (
                "message_max_from_servers",
                |config, value| config.message_max_from_servers = value,
                messages,
            ),
            (
                "receive_window",
                |config, value| config.receive_window = value,
                (0, RECEIVE_WINDOW_MAX),
            ),
            (
                "redundant_copies",
                |config, value| config.redundant_copies = u8::try_from(value).unwrap(),
                (0, REDUNDANCY_MAX.into()),
            ),
        ];
        for (field, set, (min, max)) in cases {
            for value in [min, max] {
                assert_eq!(refusal(|config| set(config, value)), None, "{field}");
            }
            for value in [min.checked_sub(1), Some(max + 1)].into_iter().flatten() {
                let bytes = if field == "redundant_copies" {
                    ""
                } else {
                    " bytes"
                };
                let text = format!(
                    "{field} is {value}{bytes}, but must be between {min}{bytes} and {max}{bytes}"
                );
                assert_eq!(refusal(|config| set(config, value)), Some(text));
            }
        }
    }

    #[test]
    fn the_rates_stand_in_their_order() {
        let rates = |floor, start, ceiling| {
            refusal(|config| {
                config.rate_floor = floor;
                config.rate_start = start;
                config.rate_ceiling = ceiling;
            })
        };
        assert_eq!(rates(RATE_MIN, RATE_MIN, RATE_MIN), None);
        assert_eq!(rates(RATE_MAX, RATE_MAX, RATE_MAX), None);
        let low = "rate_floor is 7999 bit/s, but must be between 8000 bit/s and 10000000000 bit/s";
        assert_eq!(rates(7999, 9000, 9000).as_deref(), Some(low));
        let high = "rate_ceiling is 10000000001 bit/s, but must be between 8000 bit/s and 10000000000 bit/s";
        assert_eq!(rates(8000, 9000, RATE_MAX + 1).as_deref(), Some(high));
        let below = "rate_start is 8999 bit/s, but must be between 9000 bit/s and 9500 bit/s";
        assert_eq!(rates(9000, 8999, 9500).as_deref(), Some(below));
        let above = "rate_start is 9501 bit/s, but must be between 9000 bit/s and 9500 bit/s";
        assert_eq!(rates(9000, 9501, 9500).as_deref(), Some(above));
    }

    #[test]
    fn two_of_the_longest_messages_fit_whatever_is_configured() {
        for message_max in [MESSAGE_MAX_MIN, 65_536, 1 << 20, MESSAGE_MAX] {
            let config = Config {
                receive_window: 0,
                message_max_from_clients: message_max,
                message_max_from_servers: message_max,
                ..Config::plain(1)
            };
            let window = 2 * (message_max + MESSAGE_OVERHEAD);
            assert_eq!(config.window_of_client(), window);
            assert!(window <= RECEIVE_WINDOW_MAX);
            let four = (2 * window).min(RECEIVE_WINDOW_MAX);
            assert_eq!(config.window_of_server(), four);
            assert!(four >= window);
            assert!(config.queued_bytes_max(message_max) >= 2 * message_max);
        }
        let config = Config {
            message_max_from_clients: MESSAGE_MAX_MIN,
            message_max_from_servers: MESSAGE_MAX_MIN,
            ..Config::plain(1)
        };
        assert_eq!(config.window_of_client(), QUEUED_BYTES_MAX);
        assert_eq!(config.window_of_server(), QUEUED_BYTES_MAX);
        assert_eq!(config.queued_bytes_max(MESSAGE_MAX_MIN), QUEUED_BYTES_MAX);
    }
}
