//! What becomes due.

use super::Connection;
use super::sending::CHALLENGE_LEN;
use crate::proto::introduction::Introduction;
use crate::proto::path::NewPath;
use crate::proto::time::Instant;

impl Connection {
    /// When it has something to do of itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if let Some(closing) = &self.closing {
            return closing.next_at();
        }
        let mut at = self.seldom_at;
        let mut no_later = |other: Option<Instant>| {
            if let Some(other) = other {
                at = at.min(other);
            }
        };
        no_later(self.received.ack_at());
        no_later(self.probe_at());
        // Copies that may not leave now leave when something is acknowledged or given up.
        if self.may_send_reliable() {
            let copies_at = self.outbox.copies_alone_at();
            no_later(copies_at.map(|at| at.max(self.rate.ready_at())));
        }
        if self.waits_for_rate() {
            no_later(Some(self.rate.ready_at()));
        }
        Some(at)
    }

    /// When something is due of what seldom happens. All of it moves away with every packet but what
    /// begins, and then [`seldom_at`](Self::seldom_at) is set anew.
    fn next_seldom(&self) -> Instant {
        let own = (self.last_received + self.idle_timeout).min(self.keep_alive_at);
        let others = [
            self.introduction.as_ref().and_then(Introduction::next_at),
            self.new_path.as_deref().map(NewPath::next_at),
        ];
        others.into_iter().flatten().fold(own, Instant::min)
    }

    /// Something began that has a time of its own.
    pub(super) fn look_soon(&mut self) {
        self.seldom_at = self.seldom_at.min(self.next_seldom());
    }

    /// Nothing happened for a turn, and it may be long until something does: what seldom happens is reckoned
    /// anew, because all of it has moved away with the last packets.
    pub(crate) fn on_quiet(&mut self) {
        self.seldom_at = self.next_seldom();
    }

    fn probe_at(&self) -> Option<Instant> {
        let is_blocked = self.outbox.is_blocked();
        self.sent
            .probe_at(&self.round_trip, self.their_ack_delay, is_blocked)
    }

    /// Looks at the time. Returns whether the peer was silent for too long.
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
        if now >= self.seldom_at {
            self.look_at_seldom(now);
        }
        false
    }

    fn look_at_seldom(&mut self, now: Instant) {
        if now >= self.keep_alive_at {
            self.wants_ping = true;
        }
        let introduction = self.introduction.as_mut();
        self.wants_ping |= introduction.is_some_and(|introduction| introduction.is_due(now));
        self.look_at_new_path(now);
        self.seldom_at = self.next_seldom();
    }

    /// Nobody has answered in time: he is asked again, with what he may be missing.
    fn on_probe(&mut self) {
        let outbox = &mut self.outbox;
        self.sent.on_probe(|unit| outbox.on_probe(unit));
        self.inbox.on_probe();
        self.wants_ping = true;
        self.is_probing = true;
    }

    fn look_at_new_path(&mut self, now: Instant) {
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
