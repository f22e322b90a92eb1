//! Timeouts of a connection.

use crate::proto::connection::Connection;
use crate::proto::connection::accept_confirmation::AcceptConfirmation;
use crate::proto::connection::send::CHALLENGE_LEN;
use crate::proto::time::Instant;

impl Connection {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if let Some(closing) = &self.closing {
            return closing.next_at();
        }
        let mut at = self.rare_deadline();
        let mut no_later = |other: Option<Instant>| {
            if let Some(other) = other {
                at = at.min(other);
            }
        };
        no_later(self.acks.ack_at());
        no_later(self.probe_at());
        no_later(self.messages_at());
        Some(at)
    }

    /// When pacing allows the next message. Messages held back for another reason wait for an
    /// acknowledgement or a loss.
    fn messages_at(&self) -> Option<Instant> {
        let ready_at = self.rate.ready_at();
        if self.outbound.has_unreliable() {
            return Some(ready_at);
        }
        if !self.may_send_reliable() {
            return None;
        }
        if self.outbound.has_reliable() {
            return Some(ready_at);
        }
        let copies_at = self.outbound.copies_alone_at()?;
        Some(copies_at.max(ready_at))
    }

    /// Timers that move back with every packet and rarely expire.
    fn rare_deadline(&self) -> Instant {
        let mut at = (self.last_received + self.idle_timeout).min(self.keep_alive_at);
        if let Some(confirmation_at) = self
            .confirmation
            .as_ref()
            .and_then(AcceptConfirmation::next_at)
        {
            at = at.min(confirmation_at);
        }
        if let Some(path) = &self.new_path {
            at = at.min(path.next_at());
        }
        if let Some(linger) = &self.linger {
            at = at.min(linger.until);
        }
        at
    }

    fn probe_at(&self) -> Option<Instant> {
        let is_blocked = self.outbound.is_blocked();
        self.sent
            .probe_at(&self.round_trip, self.remote_ack_delay, is_blocked)
    }

    /// Returns whether the peer has timed out.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> bool {
        if self.closing.is_some() {
            return false;
        }
        if now >= self.last_received + self.idle_timeout {
            return true;
        }
        if self.probe_at().is_some_and(|at| now >= at) {
            self.on_probe();
        }
        self.run_rare_timers(now);
        false
    }

    /// The timers of `rare_deadline`.
    fn run_rare_timers(&mut self, now: Instant) {
        if now >= self.keep_alive_at {
            self.wants_ping = true;
            self.release_memory();
        }
        let confirmation = self.confirmation.as_mut();
        self.wants_ping |= confirmation.is_some_and(|confirmation| confirmation.is_due(now));
        self.run_path_timer(now);
    }

    /// Retransmits in a probe what may be lost.
    fn on_probe(&mut self) {
        let outbound = &mut self.outbound;
        self.sent.on_probe(|frame| outbound.on_probe(frame));
        self.inbound.on_probe();
        self.wants_ping = true;
        self.is_probing = true;
    }

    /// Abandons a path validation that timed out, and defers a challenge over the amplification
    /// limit.
    fn run_path_timer(&mut self, now: Instant) {
        let Some(path) = &mut self.new_path else {
            return;
        };
        if path.is_given_up(now) {
            self.new_path = None;
        } else if now >= path.next_at() && !path.wants_challenge(CHALLENGE_LEN, now) {
            path.put_off(now);
        }
    }
}
