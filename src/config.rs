//! Configuration: plain public fields with defaults for a game server.

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

/// Default receive buffer in bytes of `SO_RCVBUF`: a burst of three full datagrams from each of
/// 1,000 clients.
const RECEIVE_BUFFER_DEFAULT: usize = 4 << 20;
const _: () = assert!(RECEIVE_BUFFER_DEFAULT <= SOCKET_BUFFER_MAX);

/// Bytes of the receive buffer that Linux charges for a full datagram: `truesize` of an skb with
/// 1024 bytes of payload, measured over loopback.
const DATAGRAM_CHARGE_FULL: usize = 2304;
// Linux grants twice the requested size (socket(7)).
const _: () = assert!(2 * RECEIVE_BUFFER_DEFAULT / DATAGRAM_CHARGE_FULL >= 3 * 1000);

/// Default length of the send queue in datagrams: one tick of 1,000 clients.
const SEND_QUEUE_DEFAULT: usize = 1024;
const _: () = assert!(BATCH_MAX <= SEND_QUEUE_DEFAULT && SEND_QUEUE_DEFAULT <= SEND_QUEUE_MAX);

/// Maximum DSCP: six bits (RFC 2474 section 3).
const DSCP_MAX: u8 = 63;

/// Default maximum number of peers.
pub(crate) const PEERS_DEFAULT: usize = 1024;

/// Configuration of a [`Socket`](crate::Socket). Write it as a literal that ends in
/// `..SocketConfig::default()`, so that a new field is not a breaking change.
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
    /// Size of the kernel's receive buffer in bytes of `SO_RCVBUF`, at most [`SOCKET_BUFFER_MAX`]
    /// (1 GiB). `None` keeps the system's default. Default: 4 MiB.
    ///
    /// The system may grant less (on Linux `net.core.rmem_max`). This is logged as a warning: see
    /// [`receive_buffer`](crate::Socket::receive_buffer).
    pub receive_buffer: Option<usize>,

    /// Size of the kernel's send buffer in bytes of `SO_SNDBUF`, at most [`SOCKET_BUFFER_MAX`] (1
    /// GiB). Default: `None`, the system's default. Datagrams that do not fit stay in the send
    /// queue.
    pub send_buffer: Option<usize>,

    /// Maximum number of datagrams per system call: 1 to [`BATCH_MAX`] (64). Default: 64.
    ///
    /// 1 selects the portable path of one `recv_from` or `send_to` per datagram, which systems
    /// other than Linux always use.
    pub batch: usize,

    /// Length of the send queue in datagrams: 1 to [`SEND_QUEUE_MAX`] (65,536). Default: 1,024.
    /// When it is full, `send` returns [`QueueFull`](crate::SocketSendError::QueueFull).
    ///
    /// Each datagram has a slot of 1024 bytes. The address space is reserved at construction;
    /// memory is used as the queue grows.
    pub send_queue: usize,

    /// Maximum number of datagrams received in one drain, at least 1. At the limit
    /// [`may_have_more`](crate::Socket::may_have_more) is true.
    ///
    /// Default: `None`, the maximum that the kernel can queue: the granted receive buffer divided
    /// by 768 bytes on Linux, 8,192 datagrams elsewhere.
    pub drain_budget: Option<usize>,

    /// Allows binding an address that another socket has bound (`SO_REUSEADDR`), to take a port
    /// over from another process. Default: `false`. On Linux both sockets stay open, and unicast
    /// datagrams reach the socket that was bound last.
    pub reuse_address: bool,

    /// Restricts an IPv6 socket to IPv6 (`IPV6_V6ONLY`). Default: `false`: `[::]` serves both
    /// families on every system, and IPv4 addresses are reported as IPv4.
    pub only_v6: bool,

    /// Requests the kernel's receive time of each datagram (`SO_TIMESTAMPNS`, socket(7)), for
    /// [`recv_stamped`](crate::Socket::recv_stamped). Default: `false`. Linux only; other systems
    /// return no timestamps.
    ///
    /// Each timestamp is a control message, so datagrams are received one by one regardless of
    /// [`batch`](Self::batch), and cost a quarter more than with `batch: 1`.
    pub receive_timestamps: bool,

    /// Differentiated services code point of all datagrams sent: 0 to 63 (RFC 2474); 46 is
    /// expedited forwarding (RFC 3246). Default: `None`, the system's 0.
    ///
    /// Most internet paths clear it; a home router may honour it. An IPv6 socket marks datagrams to
    /// IPv4 addresses only on Linux. Windows marks no datagrams.
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
    /// The first field out of its range.
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

/// Configuration of a [`Host`](crate::Host) or a [`HostState`](crate::proto::HostState). Write it
/// as a literal that ends in `..Config::noise(id)`, `..Config::plain(id)` or `..Config::default()`,
/// so that a new field is not a breaking change.
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
    /// Protection of packets. Both sides must use the same kind; otherwise a connect fails with
    /// [`SecurityMismatch`](crate::DisconnectReason::SecurityMismatch).
    pub security: Security,

    /// Maximum number of peers, in both roles: 0 to [`PEERS_MAX`] (65,536). Default: 1,024. A peer
    /// counts until its `Disconnected` event is taken.
    ///
    /// At the limit, clients are denied with [`ServerFull`](crate::DisconnectReason::ServerFull),
    /// and `connect` returns [`HostFull`](crate::ConnectError::HostFull).
    pub peers_max: usize,

    /// Whether clients may connect to this host. Default: `true`. With `false` they are denied with
    /// [`ServerClosed`](crate::DisconnectReason::ServerClosed).
    pub accept_incoming: bool,

    /// Idle timeout: a peer that sends nothing for this long is disconnected with
    /// [`TimedOut`](crate::DisconnectReason::TimedOut). [`IDLE_TIMEOUT_MIN`] (100 ms) to
    /// [`TIMEOUT_MAX`] (1 h). Default: 20 s.
    pub idle_timeout: Duration,

    /// Keep-alive interval: this side sends a ping when it has sent nothing for this long. 1 ms to
    /// [`TIMEOUT_MAX`] (1 h). Default: 5 s.
    ///
    /// The effective interval is at most a third of the peer's idle timeout. It is a quarter longer
    /// if the last packet sent was only an acknowledgement, so of two idle sides one pings and the
    /// other acknowledges. Keep-alives also keep NAT mappings open; many routers drop them after 30
    /// s (RFC 4787 requires two minutes).
    pub keep_alive: Duration,

    /// Connect timeout: an attempt that is neither accepted nor denied by then ends with
    /// [`ConnectTimeout`](crate::DisconnectReason::ConnectTimeout). 1 ms to [`TIMEOUT_MAX`] (1 h).
    /// Default: 10 s.
    pub connect_timeout: Duration,

    /// Maximum acknowledgement delay: how long an acknowledgement may wait for a packet to share. 0
    /// to [`ACK_DELAY_MAX`] (255 ms), announced to the peer in milliseconds, rounded down. Default:
    /// 16 ms, a frame at 60 Hz.
    pub ack_delay_max: Duration,

    /// Maximum length in bytes of a reliable or ordered message from a client of this host:
    /// [`MESSAGE_MAX_MIN`] (960) to [`MESSAGE_MAX`] (16 MiB). Default: 64 KiB. Announced to
    /// clients, whose `send` returns [`TooLong`](crate::SendError::TooLong) above it.
    pub message_max_from_clients: usize,

    /// Like [`message_max_from_clients`](Self::message_max_from_clients), for messages from a
    /// server that this host connects to. Default: 1 MiB.
    pub message_max_from_servers: usize,

    /// Receive window (flow control): bytes of reliable messages that a peer may send before the
    /// application takes them. Up to [`RECEIVE_WINDOW_MAX`] (64 MiB). Default: 256 KiB. Each
    /// message counts [`MESSAGE_OVERHEAD`] (64) bytes more than its length.
    ///
    /// When the window is full, the peer stops sending reliable messages; nothing is lost. At most
    /// one window is transferred per round trip, so a path with a long round trip needs a larger
    /// window.
    ///
    /// A channel uses at most half of the window. The effective window is therefore at least two
    /// messages of maximum length from each client, and four from a server (up to the maximum), so
    /// that the next message is in flight before the previous one is taken.
    pub receive_window: usize,

    /// Redundant copies of a reliable message of up to
    /// [`REDUNDANT_MESSAGE_MAX`](crate::limits::REDUNDANT_MESSAGE_MAX) (256) bytes in the next
    /// packets: 0 to [`REDUNDANCY_MAX`] (8). Default: 2.
    ///
    /// A lost packet then delays the message by a tick instead of a round trip. Above 2% packet
    /// loss, copies continue until the message is acknowledged.
    pub redundant_copies: u8,

    /// Minimum send rate per peer in bits per second: [`RATE_MIN`] (8 kbit/s) to [`RATE_MAX`] (10
    /// Gbit/s). Default: 128 kbit/s. Congestion control never goes below it.
    pub rate_floor: u64,

    /// Maximum send rate per peer in bits per second: `rate_floor` to [`RATE_MAX`] (10 Gbit/s).
    /// Default: 100 Mbit/s.
    pub rate_ceiling: u64,

    /// Initial send rate per peer in bits per second: `rate_floor` to `rate_ceiling`. Default: 1
    /// Mbit/s.
    pub rate_start: u64,
}

/// Protection of packets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Security {
    /// Encryption and authenticity: a handshake of the [Noise] protocol framework
    /// (`Noise_NK_25519_AESGCM_SHA256`), then AES-256-GCM for every packet.
    ///
    /// An attacker on the path cannot read, change or forge packets. The server is authenticated to
    /// clients that [pin](crate::ConnectOptions::pin) its public key. **Without a pinned key an
    /// active attacker on the path can impersonate the server.** Clients are not authenticated: see
    /// [`set_admission`](crate::Host::set_admission).
    ///
    /// The library wipes its copies of private keys, ephemeral secrets and session keys on drop,
    /// but not internal copies of `snow` and `ring` (chaining keys, key schedules) and the state of
    /// the host's random generator.
    ///
    /// [Noise]: https://noiseprotocol.org/noise.html
    #[cfg(feature = "noise")]
    Noise(NoiseConfig),
    /// **No confidentiality and no authenticity**, only a checksum against accidental damage:
    /// anyone on the path can read, change and forge packets. For trusted networks, learning and
    /// packet inspection.
    Plain {
        /// Identifies the game and the version of its messages; both sides must use the same. Mixed
        /// into the checksum of every packet.
        protocol_id: u64,
    },
}

impl Security {
    /// The protocol id, under either kind of security.
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

/// Settings of [`Security::Noise`].
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
    /// Identifies the game and the version of its messages; both sides must use the same. Not a
    /// secret: the first packet contains it. Default: 0.
    pub protocol_id: u64,

    /// Static key that proves this host's identity to its clients. Default: `None`, a key generated
    /// at startup, which clients cannot pin in advance.
    pub private_key: Option<PrivateKey>,

    /// Limit of handshakes per second, separately for clients and for replies to this host's own
    /// attempts: 1 to [`HANDSHAKES_MAX`] (1,000,000). Default: 500. Further connects are dropped
    /// and [counted](crate::HostStats::handshakes_over_rate); the client retries.
    pub handshakes_per_second: u32,

    /// Maximum burst of handshakes: 1 to [`HANDSHAKES_MAX`] (1,000,000). Default: 32.
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

/// [`Config::noise`] with protocol id 0. Without the feature `noise` there is no default, so
/// disabling features cannot silently disable encryption.
#[cfg(feature = "noise")]
impl Default for Config {
    fn default() -> Self {
        Self::noise(0)
    }
}

impl Config {
    /// The defaults with encryption: see [`Security::Noise`].
    #[cfg(feature = "noise")]
    #[must_use]
    pub fn noise(protocol_id: u64) -> Self {
        Self::with_security(Security::Noise(NoiseConfig::new(protocol_id)))
    }

    /// The defaults without encryption: see [`Security::Plain`].
    #[must_use]
    pub fn plain(protocol_id: u64) -> Self {
        Self::with_security(Security::Plain { protocol_id })
    }

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

    /// Receive window that this host announces to a client.
    pub(crate) fn window_of_client(&self) -> usize {
        let two = 2 * (self.message_max_from_clients + MESSAGE_OVERHEAD);
        self.receive_window.max(two)
    }

    /// Receive window that this host announces to a server.
    pub(crate) fn window_of_server(&self) -> usize {
        let four = 4 * (self.message_max_from_servers + MESSAGE_OVERHEAD);
        self.receive_window.max(four.min(RECEIVE_WINDOW_MAX))
    }

    /// Maximum bytes of queued reliable messages for a peer that accepts messages of up to
    /// `message_max` bytes.
    pub(crate) fn queued_bytes_max(&self, message_max: usize) -> usize {
        QUEUED_BYTES_MAX.max(2 * message_max)
    }

    /// Checks every field against its documented range.
    ///
    /// # Errors
    ///
    /// The first field out of its range.
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
    fn accepts_the_defaults() {
        assert!(SocketConfig::default().validate().is_ok());
    }

    #[cfg(feature = "noise")]
    #[test]
    fn encrypts_by_default() {
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
    fn rejects_handshake_rates_out_of_range_by_name() {
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
    fn debug_output_contains_no_private_key() {
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
    fn rejects_socket_options_out_of_range_by_name() {
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

    fn refusal(change: impl FnOnce(&mut Config)) -> Option<String> {
        let mut config = Config::plain(1);
        change(&mut config);
        config.validate().err().map(|error| error.to_string())
    }

    #[test]
    fn accepts_both_ends_of_every_message_range() {
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
    fn requires_floor_start_and_ceiling_in_ascending_order() {
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
    fn windows_and_queues_hold_two_messages_of_maximum_length() {
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
