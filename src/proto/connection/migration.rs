//! Migration of a peer to another address.

use std::net::SocketAddr;

use crate::proto::connection::Connection;
use crate::proto::connection::path_validation::PathValidation;
use crate::proto::recovery::rtt::RttEstimator;
use crate::proto::rng::SeededRng;
use crate::proto::time::Instant;
use crate::proto::wire::frame::{Frame, Frames};

impl Connection {
    /// Whether a packet from `from` answers the path challenge sent there.
    pub(super) fn proves_address(&self, from: SocketAddr, mut frames: Frames<'_>) -> bool {
        self.new_path.as_deref().is_some_and(|path| {
            path.address == from && frames.any(|frame| frame == Frame::Response(path.token))
        })
    }

    /// Handles an authentic packet from an unvalidated address. Its frames are ignored; it may
    /// start path validation.
    pub(super) fn on_packet_from_elsewhere(
        &mut self,
        from: SocketAddr,
        number: u64,
        len: usize,
        random: &mut SeededRng,
        now: Instant,
    ) {
        self.stats.unvalidated_address += 1;
        // A reordered packet may come from an old address (RFC 9000 section 9.3).
        let is_late = number < self.acks.expected();
        if is_late || self.closing.is_some() {
            return;
        }
        let is_known = |path: &PathValidation| path.address == from || !path.is_older_than(number);
        if !self.new_path.as_deref().is_some_and(is_known) {
            let path = PathValidation::new(from, random.bytes(), number, now);
            self.new_path = Some(Box::new(path));
        }
        if let Some(path) = self
            .new_path
            .as_deref_mut()
            .filter(|path| path.address == from)
        {
            path.on_received(number, len);
        }
    }

    pub(super) fn move_to(&mut self, address: SocketAddr) {
        self.address = address;
        self.new_path = None;
        // Another path has another round-trip time and capacity.
        self.round_trip = RttEstimator::new();
        self.rate.reset(self.last_received);
    }
}
