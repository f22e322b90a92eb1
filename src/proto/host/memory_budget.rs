//! Memory per peer.

use std::net::SocketAddr;
use std::time::Instant;

use crate::config::{Config, Security};
use crate::limits::{
    CHANNEL_KEPT, FRAGMENT_BYTES, IN_FLIGHT_MAX, MESSAGE_OVERHEAD, QUEUED_BYTES_MAX,
    QUEUED_MESSAGES_MAX, RECEIPTS_MAX, RELIABLE_OPEN_MAX, ROOMY_CHANNELS, SENT_FRAMES_MAX,
    STALE_NOTICES_MAX, UNRELIABLE_INCOMPLETE_MAX, UNRELIABLE_MAX,
};
use crate::proto::buffers;
use crate::proto::channel::stale_notices::STALE_NOTICE_BYTES;
use crate::proto::channel::{receipts, recv, send};
use crate::proto::congestion::controller::RateController;
use crate::proto::connection::Connection;
#[cfg(feature = "noise")]
use crate::proto::connection::packet_protection::NoiseTransport;
use crate::proto::event::Event;
use crate::proto::host::scheduler::SCHEDULED_BYTES;
use crate::proto::host::slots::PeerSlot;
use crate::proto::pool::CHUNK_BYTES;
use crate::proto::recovery::ack_tracker::{RANGES_BYTES_IDLE, RANGES_BYTES_MAX};
use crate::proto::recovery::sent_packets;
use crate::proto::stats::PeerStats;
#[cfg(feature = "noise")]
use crate::proto::wire::handshake::ACCEPT_SEALED_LEN;
use crate::proto::wire::handshake::ConnectFingerprint;

/// A vector or hash table doubles when it is full, so up to half of it is unused.
const GROWTH: usize = 2;

impl Config {
    /// Maximum memory of a peer that has exchanged no messages, in bytes of the allocator: at most
    /// 4 KiB. After messages, a peer that was idle for a [`keep_alive`](Config::keep_alive) uses up
    /// to 512 bytes more for congestion control, and a few hundred bytes per used channel. The
    /// slots of the [`Socket`](crate::Socket) and the kernel's buffers do not depend on the number
    /// of peers and are not included.
    #[must_use]
    pub fn peer_bytes_idle(&self) -> usize {
        let timer = size_of::<(Instant, u32)>() + size_of::<u32>();
        let scheduled = SCHEDULED_BYTES;
        let by_address = table_entry(size_of::<(SocketAddr, usize)>());
        let by_connect = table_entry(size_of::<((SocketAddr, ConnectFingerprint), usize)>());
        let untaken = 2 * size_of::<Event>();
        size_of::<Connection>()
            + self.keys_bytes()
            + RANGES_BYTES_IDLE
            + GROWTH * (size_of::<PeerSlot>() + timer + scheduled + untaken)
            + by_address
            + by_connect
    }

    fn keys_bytes(&self) -> usize {
        match self.security {
            #[cfg(feature = "noise")]
            Security::Noise(_) => size_of::<NoiseTransport>() + ACCEPT_SEALED_LEN,
            Security::Plain { .. } => 0,
        }
    }

    /// Maximum memory of a peer, in bytes of the allocator: all queues are full, in both directions
    /// and in every channel. If the peer accepts longer messages than this side, add five times the
    /// length of its longest message.
    ///
    /// Messages that the application has taken are not included. Each holds the chunk of 16 KiB
    /// that it was cut from, so copy a message that is kept for long.
    #[must_use]
    pub fn peer_bytes_max(&self) -> usize {
        let (clients, servers) = (self.message_max_from_clients, self.message_max_from_servers);
        let from_client = self.incoming_bytes_max(self.window_of_client());
        let from_server = self.incoming_bytes_max(self.window_of_server());
        let of_client = from_client + self.outgoing_bytes_max(servers);
        let of_server = from_server + self.outgoing_bytes_max(clients);
        // The final statistics are in an event while the connection is still closing.
        self.peer_bytes_idle() + of_client.max(of_server) + size_of::<PeerStats>()
    }

    fn outgoing_bytes_max(&self, message_max: usize) -> usize {
        let unreliable = QUEUED_BYTES_MAX + QUEUED_MESSAGES_MAX * send::ENTRY_BYTES;
        // Acknowledged messages behind an unacknowledged one stay in the queue, but no longer count
        // as queued.
        let messages = QUEUED_MESSAGES_MAX + RELIABLE_OPEN_MAX;
        let places = messages_places(messages) * send::MESSAGE_BYTES;
        let again = RELIABLE_OPEN_MAX * send::COPY_BYTES + SENT_FRAMES_MAX * send::LOST_BYTES;
        let receipts = RECEIPTS_MAX * receipts::RECEIPT_BYTES;
        let rate = size_of::<RateController>();
        let in_flight = IN_FLIGHT_MAX * sent_packets::PACKET_BYTES
            + SENT_FRAMES_MAX * sent_packets::SENT_FRAME_BYTES;
        let channels = CHANNELS_MAX * send::SEND_CHANNEL_BYTES;
        buffered(self.queued_bytes_max(message_max), QUEUED_MESSAGES_MAX)
            + places
            + rate
            + GROWTH * (unreliable + again + receipts + in_flight + channels)
    }

    fn incoming_bytes_max(&self, window: usize) -> usize {
        let places = messages_places(RELIABLE_OPEN_MAX) * recv::STREAM_ENTRY_BYTES;
        let events = (QUEUED_MESSAGES_MAX + RECEIPTS_MAX) * size_of::<Event>();
        let incomplete = UNRELIABLE_INCOMPLETE_MAX * (UNRELIABLE_MAX + recv::INCOMPLETE_BYTES);
        let channels = CHANNELS_MAX * recv::RECV_CHANNEL_BYTES;
        let stale_notices = STALE_NOTICES_MAX * STALE_NOTICE_BYTES;
        WINDOW_FACTOR * window
            + places
            + incomplete
            + RANGES_BYTES_MAX
            + GROWTH * (events + QUEUED_BYTES_MAX + CHUNK_BYTES + channels + stale_notices)
    }
}

/// 256 ordered channels, and the unordered one.
const CHANNELS_MAX: usize = 257;

/// Maximum number of message entries in all channels while they hold `messages`: see
/// [`CHANNEL_KEPT`].
fn messages_places(messages: usize) -> usize {
    ROOMY_CHANNELS * GROWTH * messages + 4 * messages + CHANNELS_MAX * CHANNEL_KEPT
}

/// Memory of `bytes` of messages in buffers. A buffer is at most four times as long as its message,
/// and a message in the largest buffer exceeds the next smaller one.
fn buffered(bytes: usize, messages: usize) -> usize {
    let [smallest, middle, largest] = buffers::SIZES;
    (4 * bytes + messages * smallest).min(bytes + messages * (largest - middle))
}

/// Memory per byte of the receive window, at most.
const WINDOW_FACTOR: usize = 4;

/// Whether `WINDOW_FACTOR` suffices for a message of `len` bytes.
const fn is_window_enough(len: usize) -> bool {
    let allowed = WINDOW_FACTOR * (len + MESSAGE_OVERHEAD);
    let mut class = 0;
    while class < buffers::SIZES.len() - 1 && buffers::SIZES[class] < len {
        class += 1;
    }
    let waits = buffers::SIZES[class] + 4 * recv::STREAM_ENTRY_BYTES;
    let is_untaken = len + GROWTH * size_of::<Event>();
    waits <= allowed && is_untaken <= allowed
}
// The shortest message of each buffer size is the worst case.
const _: () = assert!(is_window_enough(0) && is_window_enough(1));
const _: () = assert!(is_window_enough(buffers::SIZES[0] + 1));
const _: () = assert!(is_window_enough(buffers::SIZES[1] + 1));
// Fragmented: the bytes of a fragment, the reassembly state, and the queue entry.
const _: () = assert!(
    FRAGMENT_BYTES + recv::ASSEMBLY_BYTES + 4 * recv::STREAM_ENTRY_BYTES
        <= WINDOW_FACTOR * (FRAGMENT_BYTES + MESSAGE_OVERHEAD)
);

/// A hash table entry: one control byte, an eighth of the table free, and doubled at the last
/// growth.
fn table_entry(bytes: usize) -> usize {
    (GROWTH * (bytes + 1)).div_ceil(7) * 8
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::{RATE_MAX, UNRELIABLE_FRAGMENTS_MAX};
    use crate::proto::{ConnectOptions, Delivery, HostState, PeerId};

    struct HostPair {
        server: HostState,
        client: HostState,
        now: Instant,
    }

    impl HostPair {
        fn new(config: &Config) -> Self {
            let now = Instant::now();
            let host = |seed| HostState::new(config.clone(), [seed; 32], now).unwrap();
            Self {
                server: host(1),
                client: host(2),
                now,
            }
        }

        /// Exchanges packets until both sides are up to date. The client appears to be at
        /// `address`.
        fn exchange(&mut self, address: SocketAddr) {
            let mut buffer = [0; 1024];
            for _ in 0..4 {
                let (server, client, now) = (&mut self.server, &mut self.client, self.now);
                while let Some(sent) = client.poll_transmit(&mut buffer, now) {
                    server.handle_datagram(address, &buffer[..sent.len], now);
                }
                server.handle_timeout(now);
                while let Some(sent) = server.poll_transmit(&mut buffer, now) {
                    client.handle_datagram(SERVER.into(), &buffer[..sent.len], now);
                }
            }
        }
    }

    const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 7);

    fn connect(pair: &mut HostPair, number: u16) -> SocketAddr {
        let address = SocketAddr::from(([192, 0, 2, 2], number));
        let (config, seed) = (pair.server.config().clone(), [number.to_be_bytes()[1]; 32]);
        pair.client = HostState::new(config, seed, pair.now).unwrap();
        pair.client
            .connect(SERVER.into(), &ConnectOptions::default(), pair.now)
            .unwrap();
        pair.exchange(address);
        address
    }

    fn connect_out(pair: &mut HostPair) -> SocketAddr {
        let address = SocketAddr::from(([192, 0, 2, 2], 1));
        pair.server
            .connect(address, &ConnectOptions::default(), pair.now)
            .unwrap();
        pair.exchange(address);
        pair.exchange(address);
        address
    }

    fn configs() -> Vec<Config> {
        vec![
            Config::plain(7),
            #[cfg(feature = "noise")]
            Config {
                security: Security::Noise(crate::NoiseConfig {
                    handshakes_per_second: crate::limits::HANDSHAKES_MAX,
                    handshake_burst: crate::limits::HANDSHAKES_MAX,
                    ..crate::NoiseConfig::new(7)
                }),
                ..Config::default()
            },
        ]
    }

    #[test]
    fn bounds_the_memory_of_an_idle_peer() {
        configs().iter().for_each(assert_idle);
    }

    fn assert_idle(config: &Config) {
        assert!(
            config.peer_bytes_idle() <= 4096,
            "{}",
            config.peer_bytes_idle()
        );
        for peers in [100, 500, 1000_u16] {
            let mut pair = HostPair::new(config);
            connect(&mut pair, 9999);
            let info = allocation_counter::measure(|| {
                for number in 1..=peers {
                    connect(&mut pair, number);
                }
                // Only the server's memory is measured.
                pair.client = HostState::new(config.clone(), [0; 32], pair.now).unwrap();
            });
            let each = usize::try_from(info.bytes_current).unwrap() / usize::from(peers);
            assert_eq!(pair.server.stats().peers, usize::from(peers) + 1);
            assert!(each <= config.peer_bytes_idle(), "{each} of {peers}");
            assert!(
                each > config.peer_bytes_idle() / 4,
                "the bound is within a factor of four of the measurement"
            );
        }
    }

    #[test]
    fn bounds_the_memory_of_a_closing_peer() {
        for config in configs() {
            let mut pair = HostPair::new(&config);
            connect(&mut pair, 9999);
            let info = allocation_counter::measure(|| {
                for number in 1..=100 {
                    connect(&mut pair, number);
                }
                pair.server.shutdown(0, pair.now);
                pair.client = HostState::new(config.clone(), [0; 32], pair.now).unwrap();
            });
            assert_eq!(pair.server.stats().peers, 0);
            let each = usize::try_from(info.bytes_current).unwrap() / 100;
            let stated = config.peer_bytes_idle() + size_of::<PeerStats>();
            assert!(each <= stated, "{each} of {stated}");
        }
    }

    /// One second of game traffic and a level transfer, then only keep-alives.
    fn play_and_rest(pair: &mut HostPair, number: u16) {
        let address = connect(pair, number);
        let (server, client) = pair.peers();
        pair.server
            .send(server, Delivery::Ordered(1), &[7; 1 << 20], pair.now)
            .unwrap();
        for _ in 0..60 {
            for delivery in [Delivery::Sequenced(0), Delivery::Reliable] {
                pair.server
                    .send(server, delivery, &[7; 200], pair.now)
                    .unwrap();
                pair.client
                    .send(client, delivery, &[7; 40], pair.now)
                    .unwrap();
            }
            pair.wait(address);
            while pair.server.poll_event().is_some() || pair.client.poll_event().is_some() {}
        }
        while pair
            .server
            .peer_stats(server, pair.now)
            .unwrap()
            .queued_messages
            > 0
        {
            pair.wait(address);
        }
        for _ in 0..3 {
            pair.now += pair.server.config().keep_alive;
            pair.client.handle_timeout(pair.now);
            pair.wait(address);
        }
        while pair.client.poll_event().is_some() {}
    }

    /// Kept after traffic: a few hundred bytes per used channel, and congestion control.
    const KEPT_AFTER_PLAY: usize = 1024;

    #[test]
    fn an_idle_peer_releases_memory() {
        for config in configs() {
            let mut pair = HostPair::new(&config);
            // The first peer makes the host allocate what it keeps for later peers.
            play_and_rest(&mut pair, 1);
            let first = pair.server.peers().next().unwrap();
            pair.server.disconnect(first, 0, pair.now);
            pair.wait(SocketAddr::from(([192, 0, 2, 2], 1)));
            while pair.server.poll_event().is_some() {}
            assert_eq!(pair.server.stats().peers, 0);
            let nobody = |now| HostState::new(config.clone(), [0; 32], now).unwrap();
            pair.client = nobody(pair.now);
            let info = allocation_counter::measure(|| {
                play_and_rest(&mut pair, 2);
                pair.client = nobody(pair.now);
            });
            let kept = usize::try_from(info.bytes_current).unwrap();
            let stated = config.peer_bytes_idle() + KEPT_AFTER_PLAY;
            assert!(kept <= stated, "{kept} of {stated}");
            assert!(kept > stated / 4, "{kept} of {stated}");
        }
    }

    /// Queues messages until the queue is full; returns how many.
    fn flood(
        host: &mut HostState,
        peer: PeerId,
        delivery: Delivery,
        len: usize,
        now: Instant,
    ) -> usize {
        let message = vec![7; len];
        (0..)
            .take_while(|_| host.send(peer, delivery, &message, now).is_ok())
            .count()
    }

    /// Sends packets while time passes until nothing is left; returns how many.
    fn departures(
        host: &mut HostState,
        now: &mut Instant,
        mut packet: impl FnMut(&[u8], Instant),
    ) -> usize {
        let (mut buffer, mut count, mut pauses) = ([0; 1024], 0, 0);
        while pauses < 10 {
            if let Some(sent) = host.poll_transmit(&mut buffer, *now) {
                packet(&buffer[..sent.len], *now);
                (count, pauses) = (count + 1, 0);
            } else {
                *now += Duration::from_micros(10);
                host.handle_timeout(*now);
                pauses += 1;
            }
        }
        count
    }

    impl HostPair {
        fn peers(&self) -> (PeerId, PeerId) {
            let only = |host: &HostState| host.peers().next().unwrap();
            (only(&self.server), only(&self.client))
        }

        /// Sixteen messages of sixteen fragments each, without their first fragment.
        fn leave_incomplete(&mut self, address: SocketAddr) {
            let (_, client) = self.peers();
            for _ in 0..UNRELIABLE_INCOMPLETE_MAX {
                let message = [7; UNRELIABLE_MAX];
                let queued = self
                    .client
                    .send(client, Delivery::Unreliable, &message, self.now);
                queued.unwrap();
                let (server, now) = (&mut self.server, &mut self.now);
                let mut is_first = true;
                let sent = departures(&mut self.client, now, |packet, now| {
                    if !std::mem::take(&mut is_first) {
                        server.handle_datagram(address, packet, now);
                    }
                });
                assert!(sent >= UNRELIABLE_FRAGMENTS_MAX);
            }
        }

        fn use_all_channels(&mut self, address: SocketAddr) {
            let (server, client) = self.peers();
            for channel in 0..=255 {
                for delivery in [Delivery::Ordered(channel), Delivery::Sequenced(channel)] {
                    self.client.send(client, delivery, &[7], self.now).unwrap();
                    self.server.send(server, delivery, &[7], self.now).unwrap();
                }
            }
            self.wait(address);
            while self.client.poll_event().is_some() {}
        }

        /// Exchanges packets, including delayed acknowledgements.
        fn wait(&mut self, address: SocketAddr) {
            self.now += self.server.config().ack_delay_max;
            // Pacing allows only a few packets at once.
            for _ in 0..100 {
                self.now += Duration::from_micros(10);
                self.client.handle_timeout(self.now);
                self.exchange(address);
            }
        }

        /// Fills the receive side. Reliable messages go first, because a packet with a refused
        /// message is not acknowledged.
        fn fill_inbox(&mut self, address: SocketAddr, window: usize) {
            let (server, client) = self.peers();
            let window = window as u64;
            while self
                .server
                .peer_stats(server, self.now)
                .unwrap()
                .unread_bytes
                + 64
                <= window
            {
                flood(&mut self.client, client, Delivery::Reliable, 0, self.now);
                self.wait(address);
                while self.client.poll_event().is_some() {}
            }
            while self
                .server
                .peer_stats(server, self.now)
                .unwrap()
                .messages_refused
                == 0
            {
                flood(&mut self.client, client, Delivery::Unreliable, 40, self.now);
                self.wait(address);
            }
        }

        /// Fills the send side: nothing to the client is acknowledged.
        fn fill_outbox(&mut self) {
            let (server, _) = self.peers();
            let mut tracked = 0;
            while self
                .server
                .send_tracked(server, Delivery::Ordered(7), &[7; 257], self.now)
                .is_ok()
            {
                tracked += 1;
            }
            assert!(tracked > 500, "{tracked}");
            for _ in 0..2 {
                flood(&mut self.server, server, Delivery::Unreliable, 64, self.now);
                departures(&mut self.server, &mut self.now, |_, _| {});
            }
            assert!(flood(&mut self.server, server, Delivery::Unreliable, 64, self.now) > 1000);
        }
    }

    #[test]
    fn bounds_the_memory_of_a_busy_peer() {
        for mut config in configs() {
            // A rate so high that pacing is not the limit.
            config.rate_floor = RATE_MAX;
            config.rate_start = RATE_MAX;
            config.rate_ceiling = RATE_MAX;
            assert_busy(&config);
            config.message_max_from_clients = config.message_max_from_servers;
            assert_busy(&config);
        }
    }

    fn assert_busy(config: &Config) {
        let of_client = busy(config, config.window_of_client(), |pair| connect(pair, 1));
        let of_server = busy(config, config.window_of_server(), connect_out);
        let (each, stated) = (of_client.max(of_server), config.peer_bytes_max());
        assert!(each <= stated, "{each} of {stated}");
        assert!(each > stated / 4, "{each} of {stated}");
    }

    fn busy(config: &Config, window: usize, connect: fn(&mut HostPair) -> SocketAddr) -> usize {
        let mut pair = HostPair::new(config);
        let info = allocation_counter::measure(|| {
            let address = connect(&mut pair);
            pair.use_all_channels(address);
            pair.leave_incomplete(address);
            pair.fill_inbox(address, window);
            pair.fill_outbox();
            pair.client = HostState::new(config.clone(), [0; 32], pair.now).unwrap();
        });
        usize::try_from(info.bytes_current).unwrap()
    }

    #[test]
    fn bounds_the_memory_of_a_peer_with_long_messages() {
        let config = Config::plain(7);
        for message_max in [1 << 20, 4 << 20, 16 << 20] {
            let least = config.outgoing_bytes_max(config.message_max_from_servers);
            let more = config.outgoing_bytes_max(message_max) - least;
            assert!(more <= 5 * message_max, "{more}");
        }
    }
}
