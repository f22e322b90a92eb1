//! Rate-based congestion control for games.
//!
//! The pacing rate follows the delivery rate and the queueing delay. Delivery rate samples and
//! startup, which doubles the rate every round trip, are those of BBR (Cardwell et al., "BBR:
//! Congestion-Based Congestion Control", ACM Queue 14(5), 2016; draft-ietf-ccwg-bbr). After startup
//! the rate rises slowly until there is a queue, and then drops below the delivery rate until the
//! queue has drained. Additive increase and multiplicative decrease converge to a fair share (Chiu
//! and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer
//! Networks", 1989). Packet loss alone does not lower the rate: a radio link loses packets without
//! congestion.
//!
//! Four rules differ from congestion control for downloads:
//!
//! - **Delay counts at once**, because the game's own packets wait in the queue. See
//!   [`QueueDelay`].
//! - **External delay is ignored.** A delay that remains while this sender sends less is caused by
//!   jitter or by other traffic. It no longer counts as a queue, and startup begins again.
//! - **Application-limited flows keep their last estimate.** A game rarely fills the path, so its
//!   send rate does not measure the capacity. When it needs more, startup begins again at that
//!   estimate.
//! - **The rate has a floor**, [`Config::rate_floor`](crate::Config::rate_floor): a game that
//!   cannot send its inputs is not playable.
//!
//! The alternative was Copa (Arun and Balakrishnan, "Copa: Practical Delay-Based Congestion Control
//! for the Internet", NSDI 2018). The table compares both in simulation: a transfer beside a game
//! on 10 Mbit/s and 50 ms. The first value of a cell is for hosts that poll at deadlines, the
//! second for hosts that poll 60 times per second; each is the worst of five seeds that no constant
//! was tuned with. `cargo test --lib congestion -- --ignored --nocapture` prints all figures.
//!
//! | | share of the line | | added p99 of the game, ms | | lost in the queue | |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | | **here** | Copa | **here** | Copa | **here** | Copa |
//! | 1% loss | 87%, 84% | 77%, 87% | 21, 17 | 51, 33 | 0.2%, 0.2% | 6%, 25% |
//! | 5% loss | 82%, 79% | 75%, 81% | 20, 17 | 52, 33 | 0.2%, 0.3% | 32%, 37% |
//! | the rate halves and returns | 87%, 84% | 60%, 88% | 103, 67 | 64, 100 | 0.5%, 0.2% | 0%, 43% |
//! | 200 ms of jitter | 39%, 38% | 1%, 1% | 48, 33 | 1, 0 | 2%, 2% | 0%, 0% |
//! | a satellite, 600 ms | 71%, 71% | 74%, 73% | 198, 183 | 342, 317 | 0%, 0% | 1%, 2% |
//! | 256 kbit/s | 79%, 78% | 74%, 74% | 528, 567 | 279, 300 | 0%, 0% | 0%, 0% |
//!
//! Two transfers share the line with a Jain index of 0.97 and 0.93 here, 0.85 and 0.66 with Copa: a
//! loop that polls 60 times per second detects a queue a tick too late for a controller that reacts
//! to each acknowledgement.
//!
//! Known limitation: a queue on the return path, where the receiver fills its own uplink, looks
//! like a queue of this sender. See `tickwire bench rate`.

use super::delivery_rate::DeliveryRate;
use super::queue_delay::QueueDelay;
use super::{Controller, RateLimits, WINDOW_MIN};
use crate::limits::TIMER_GRANULARITY;
use crate::proto::recovery::delivery_snapshot::DeliverySnapshot;
use crate::proto::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct RateController {
    limits: RateLimits,
    /// Rate in bytes per second, before the gain of the phase.
    target: u64,
    phase: Phase,
    delivery: DeliveryRate,
    delay: QueueDelay,
    round: Round,
    /// Start of the current application-limited period.
    app_limited_since: Option<Instant>,
    standing_queue_test: Option<StandingQueueTest>,
    /// The back-off that is applied while the current queue drains: the target in percent of the
    /// delivery rate; `None` leaves the target unchanged.
    back_off_percent: Option<u64>,
    backed_off_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Doubles the rate every round while the delivery rate grows.
    Startup {
        best_rate: Option<u64>,
        stalled_rounds: u32,
    },
    /// Sends `gain_percent` of the target until `until`, so that the queue drains. Packets sent
    /// before `since` filled the path, so their samples measure its capacity.
    Drain {
        since: Instant,
        until: Instant,
        gain_percent: u64,
    },
    /// Waits for the acknowledgement of a packet sent after `until`, which shows whether the queue
    /// has drained.
    Settle { since: Instant, until: Instant },
    /// Raises the rate slowly until there is a queue.
    ProbeUp { since: Instant },
}

impl Phase {
    const STARTUP: Self = Self::Startup {
        best_rate: None,
        stalled_rounds: 0,
    };
}

/// A series of back-offs without an empty queue. Tests whether sending less reduces the delay.
#[derive(Debug, Clone, Copy)]
struct StandingQueueTest {
    since: Instant,
    target_before: u64,
    max_delay: Duration,
}

// Constants without a citation were tuned with seeds 0 to 9 of the simulation in `tests`.

/// Rounds with less than a quarter of growth before startup ends: 3, as in BBR.
const STARTUP_STALLED_ROUNDS: u32 = 3;

/// Application-limited time after which startup begins again when there is more to send: 5 s.
const STARTUP_AFTER_APP_LIMITED: Duration = Duration::from_secs(5);

/// Pacing gain while a queue drains, in percent of the target. The queue of startup is longer.
const STARTUP_DRAIN_PERCENT: u64 = 25;
const DRAIN_PERCENT: u64 = 50;

/// Maximum gain for the drain time, in percent: the floor may keep the rate above the gain.
const DRAIN_PERCENT_MAX: u64 = 75;
const _: () = assert!(STARTUP_DRAIN_PERCENT <= DRAIN_PERCENT && DRAIN_PERCENT <= DRAIN_PERCENT_MAX);

/// Maximum drain time, in round trips.
const DRAIN_ROUNDS_MAX: u32 = 4;

/// Multiplicative decrease: the target after a queue, in percent of the delivery rate.
const BACK_OFF_PERCENT: u64 = 89;

/// Minimum time between two decreases: 500 ms. In between, queues only drain: of two flows that
/// poll in ticks, the same one always detects the queue first and would decrease for both.
const BACK_OFF_INTERVAL: Duration = Duration::from_millis(500);

/// Delivery rate, in percent of the target, below which the path has become narrower: the target
/// follows at once.
const NARROWED_PERCENT: u64 = 80;

/// Additive increase per second, in bytes per second: 2 Mbit/s. The same for all flows of a path,
/// so that their rates converge.
const PROBE_UP_PER_SECOND: u64 = 250_000;

/// Additional increase per second, as a fraction of the target: 1/32, for fast paths.
const PROBE_UP_DIVISOR: u64 = 32;

/// Maximum increase per round, as a fraction of the target: 1/8.
const PROBE_UP_STEP_DIVISOR: u64 = 8;

/// Minimum delivery rate for an increase, in percent of the target. Allows for 10% random loss, and
/// bounds the loss in a queue that is too short to be detected.
const PROBE_UP_DELIVERED_PERCENT: u64 = 83;

/// Maximum doublings of the increase, one per second without a queue: 8.
const PROBE_UP_DOUBLINGS_MAX: u32 = 8;

/// A standing queue is external after 3 s, if the target has fallen to a quarter. The queue of
/// flows that decrease together drains long before.
const STANDING_QUEUE_TEST_TIME: Duration = Duration::from_secs(3);
const STANDING_QUEUE_TEST_DIVISOR: u64 = 4;

/// Window beyond the round-trip time: 16 ms at the target rate, a tick in which acknowledgements
/// wait.
const WINDOW_SLACK: Duration = Duration::from_millis(16);

impl Controller for RateController {
    type Snapshot = DeliverySnapshot;

    fn new(limits: RateLimits, now: Instant) -> Self {
        Self::with_delivered(limits, 0, now)
    }

    fn initial_snapshot(now: Instant) -> DeliverySnapshot {
        DeliverySnapshot::initial(now)
    }

    fn reset(&mut self, now: Instant) {
        // Snapshots of outstanding packets refer to the number of delivered bytes.
        *self = Self::with_delivered(self.limits, self.delivery.delivered(), now);
    }

    fn on_sent(&mut self, in_flight: usize, now: Instant) -> DeliverySnapshot {
        self.delivery.on_sent(in_flight, now)
    }

    fn on_app_limited(&mut self, in_flight: usize, now: Instant) {
        self.delivery.on_app_limited(in_flight);
        self.app_limited_since.get_or_insert(now);
    }

    fn on_backlogged(&mut self, now: Instant) {
        let since = self.app_limited_since.take();
        let is_outdated = since.is_some_and(|since| now >= since + STARTUP_AFTER_APP_LIMITED);
        if is_outdated && matches!(self.phase, Phase::ProbeUp { .. }) {
            self.phase = Phase::STARTUP;
        }
    }

    fn on_acked(
        &mut self,
        snapshot: DeliverySnapshot,
        sent_at: Instant,
        bytes: usize,
        now: Instant,
    ) {
        self.delivery.on_acked(snapshot, sent_at, bytes, now);
    }

    fn on_end_acks(&mut self, rtt: Option<Duration>, now: Instant) {
        let Some((snapshot, sent_at)) = self.delivery.take_newest_acked() else {
            return;
        };
        if let Some(rtt) = rtt {
            self.delay.on_sample(rtt, now);
        }
        let min_rtt = self.delay.min_rtt();
        let min_rtt = min_rtt.unwrap_or(Duration::of(TIMER_GRANULARITY));
        let rate = self.delivery.sample(snapshot, sent_at, min_rtt);
        self.round.on_sample(rate, &snapshot);
        self.update_phase(rate, &snapshot, sent_at, now);
        if snapshot.delivered >= self.round.end_delivered {
            self.on_round_end(now);
        }
    }

    fn pacing_rate(&self) -> u64 {
        let rate = match self.phase {
            Phase::Drain { gain_percent, .. } => self.target * gain_percent / 100,
            _ => self.target,
        };
        self.limits.clamp(rate)
    }

    /// Twice the bandwidth-delay product and some slack. Limits only when acknowledgements stop;
    /// otherwise the pacing rate does.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "at most u32::MAX, which fits `usize` on 32-bit targets"
    )]
    fn window(&self) -> usize {
        let rtt = self.delay.standing_rtt().unwrap_or(WINDOW_SLACK);
        let time = 2 * rtt + WINDOW_SLACK;
        let rate = self.limits.clamp(self.target);
        let bytes = rate.saturating_mul(time.as_micros()) / 1_000_000;
        (bytes.min(u32::MAX.into()) as usize).saturating_add(WINDOW_MIN)
    }

    /// The maximum of the last two rounds.
    fn delivery_rate(&self) -> Option<u64> {
        self.round.max_rate.max(self.round.previous_max_rate)
    }

    fn queue_delay(&self) -> Option<Duration> {
        self.delay.queued()
    }
}

impl RateController {
    fn with_delivered(limits: RateLimits, delivered: u64, now: Instant) -> Self {
        Self {
            limits,
            target: limits.start,
            phase: Phase::STARTUP,
            delivery: DeliveryRate::new(delivered, now),
            delay: QueueDelay::new(now),
            round: Round::new(delivered, now),
            app_limited_since: None,
            standing_queue_test: None,
            back_off_percent: Some(BACK_OFF_PERCENT),
            backed_off_at: None,
        }
    }

    fn update_phase(
        &mut self,
        rate: Option<u64>,
        snapshot: &DeliverySnapshot,
        sent_at: Instant,
        now: Instant,
    ) {
        match self.phase {
            Phase::Startup { .. } => {
                if self.delay.queue().is_some() {
                    self.end_startup(now);
                }
            }
            Phase::ProbeUp { .. } => {
                if let Some(queue) = self.delay.queue() {
                    self.back_off(queue, now);
                }
            }
            Phase::Drain { since, until, .. } => {
                self.follow_delivery(rate, snapshot, sent_at, since);
                if now >= until {
                    self.phase = Phase::Settle { since, until: now };
                }
            }
            Phase::Settle { since, until } => {
                self.follow_delivery(rate, snapshot, sent_at, since);
                if sent_at >= until {
                    self.delay.forget_recent();
                    // The drain time counts too: otherwise a flow that detects queues more often
                    // than others would increase less.
                    self.raise_target(since, 0, now);
                    self.phase = Phase::ProbeUp { since: now };
                }
            }
        }
    }

    /// Follows samples of packets that were sent while the path was full; the last one wins.
    fn follow_delivery(
        &mut self,
        rate: Option<u64>,
        snapshot: &DeliverySnapshot,
        sent_at: Instant,
        drain_since: Instant,
    ) {
        if sent_at >= drain_since || snapshot.is_app_limited {
            return;
        }
        if let (Some(rate), Some(percent)) = (rate, self.back_off_percent) {
            self.target = self.limits.clamp(rate * percent / 100);
        }
    }

    fn end_startup(&mut self, now: Instant) {
        self.back_off_percent = Some(BACK_OFF_PERCENT);
        self.reduce_target(100);
        // Packets sent while the last sample travelled back make it longer.
        let unseen = self.delay.standing_rtt().unwrap_or_default() / 2;
        let queued = self.delay.queued().unwrap_or_default();
        self.drain(queued + unseen, STARTUP_DRAIN_PERCENT, now);
    }

    fn back_off(&mut self, queue: Duration, now: Instant) {
        let target = self.target;
        let test = self.standing_queue_test.get_or_insert(StandingQueueTest {
            since: now,
            target_before: target,
            max_delay: queue,
        });
        test.max_delay = test.max_delay.max(queue);
        let test = *test;
        if self.is_queue_external(&test, now) {
            self.standing_queue_test = None;
            self.delay.ignore_external(test.max_delay * 3 / 2);
            self.phase = Phase::STARTUP;
            return;
        }
        self.back_off_percent = self.next_back_off(now);
        if let Some(percent) = self.back_off_percent {
            self.reduce_target(percent);
        }
        self.drain(queue, DRAIN_PERCENT, now);
    }

    /// The new target in percent of the delivery rate, or `None` if it stays.
    fn next_back_off(&mut self, now: Instant) -> Option<u64> {
        let last = self.backed_off_at;
        if last.is_none_or(|at| now >= at + BACK_OFF_INTERVAL) {
            self.backed_off_at = Some(now);
            Some(BACK_OFF_PERCENT)
        } else if self.delivery_rate() < Some(self.target * NARROWED_PERCENT / 100) {
            Some(100)
        } else {
            None
        }
    }

    fn is_queue_external(&self, test: &StandingQueueTest, now: Instant) -> bool {
        let is_long = now >= test.since + STANDING_QUEUE_TEST_TIME;
        let is_much_less = self.target * STANDING_QUEUE_TEST_DIVISOR <= test.target_before;
        is_long && (is_much_less || self.target <= self.target_min())
    }

    /// An application-limited flow hardly causes a queue, and keeps its initial rate for when it
    /// sends more.
    fn target_min(&self) -> u64 {
        if self.app_limited_since.is_some() {
            self.limits.start
        } else {
            self.limits.floor
        }
    }

    /// Lowers the target to a share of the delivery rate, in percent.
    fn reduce_target(&mut self, percent: u64) {
        let rate = self.delivery_rate().unwrap_or_default() * percent / 100;
        let reduced = rate.max(self.target_min()).min(self.target);
        self.target = self.limits.clamp(reduced);
    }

    fn drain(&mut self, queue: Duration, gain_percent: u64, now: Instant) {
        let longest = self.delay.standing_rtt().unwrap_or_default() * DRAIN_ROUNDS_MAX;
        // The rate does not fall below the floor, so the queue may drain more slowly.
        let share = (self.limits.floor * 100 / self.target).clamp(gain_percent, DRAIN_PERCENT_MAX);
        #[allow(clippy::cast_possible_truncation, reason = "a percentage")]
        let time = queue * 100 / (100 - share as u32);
        self.phase = Phase::Drain {
            since: now,
            until: now + time.min(longest),
            gain_percent,
        };
    }

    fn on_round_end(&mut self, now: Instant) {
        let round = self.round.start_next(self.delivery.delivered(), now);
        match self.phase {
            Phase::Startup {
                best_rate,
                stalled_rounds,
            } => self.continue_startup(best_rate, stalled_rounds, &round, now),
            Phase::ProbeUp { since } => self.probe_up(since, &round, now),
            Phase::Drain { .. } | Phase::Settle { .. } => {}
        }
    }

    fn continue_startup(
        &mut self,
        best_rate: Option<u64>,
        stalled_rounds: u32,
        round: &Round,
        now: Instant,
    ) {
        let doubled = 2 * round.max_rate.unwrap_or_default();
        self.target = self.target.max(doubled).min(self.limits.ceiling);
        if self.target == self.limits.ceiling {
            self.phase = Phase::ProbeUp { since: now };
            return;
        }
        if round.is_app_limited {
            return;
        }
        if best_rate.is_none_or(|best| round.max_rate >= Some(best * 5 / 4)) {
            self.phase = Phase::Startup {
                best_rate: round.max_rate,
                stalled_rounds: 0,
            };
        } else if stalled_rounds + 1 < STARTUP_STALLED_ROUNDS {
            self.phase = Phase::Startup {
                best_rate,
                stalled_rounds: stalled_rounds + 1,
            };
        } else {
            self.end_startup(now);
        }
    }

    fn probe_up(&mut self, since: Instant, round: &Round, now: Instant) {
        if self.delay.is_empty() {
            self.standing_queue_test = None;
        }
        let required = self.target * PROBE_UP_DELIVERED_PERCENT / 100;
        if round.is_app_limited || round.max_rate < Some(required) {
            self.phase = Phase::ProbeUp { since: now };
            return;
        }
        let seconds = now.saturating_duration_since(since).as_nanos() / 1_000_000_000;
        #[allow(clippy::cast_possible_truncation, reason = "8 at most")]
        let doublings = seconds.min(u64::from(PROBE_UP_DOUBLINGS_MAX)) as u32;
        self.raise_target(round.since, doublings, now);
    }

    /// Raises the target by the increase for the time since `since`, at most one second.
    fn raise_target(&mut self, since: Instant, doublings: u32, now: Instant) {
        let per_second = PROBE_UP_PER_SECOND + self.target / PROBE_UP_DIVISOR;
        let per_second = per_second.min(self.target) << doublings;
        let micros = now.saturating_duration_since(since).as_micros();
        let step = per_second * micros.min(1_000_000) / 1_000_000;
        let step = step.min(self.target / PROBE_UP_STEP_DIVISOR);
        self.target = self.limits.clamp(self.target + step);
    }
}

/// Ends when a packet is acknowledged that was sent after the round began.
#[derive(Debug, Clone, Copy)]
struct Round {
    since: Instant,
    /// The round ends with a packet that was sent when this many bytes were delivered.
    end_delivered: u64,
    /// Maximum delivery rate of this and of the previous round, in bytes per second.
    max_rate: Option<u64>,
    previous_max_rate: Option<u64>,
    is_app_limited: bool,
}

impl Round {
    fn new(end_delivered: u64, now: Instant) -> Self {
        Self {
            since: now,
            end_delivered,
            max_rate: None,
            previous_max_rate: None,
            is_app_limited: false,
        }
    }

    fn on_sample(&mut self, rate: Option<u64>, snapshot: &DeliverySnapshot) {
        self.is_app_limited |= snapshot.is_app_limited;
        self.max_rate = self.max_rate.max(rate);
    }

    fn start_next(&mut self, end_delivered: u64, now: Instant) -> Self {
        let next = Self {
            previous_max_rate: self.max_rate,
            ..Self::new(end_delivered, now)
        };
        std::mem::replace(self, next)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const LIMITS: RateLimits = RateLimits {
        floor: 16_000,
        ceiling: 12_500_000,
        start: 125_000,
    };
    const PACKET: usize = 1000;

    /// A path with a rate and an unlimited queue, and a sender without a pacer.
    struct PathModel {
        controller: RateController,
        now: Instant,
        start: Instant,
        bytes_per_second: u64,
        free_at: Instant,
        next_at: Instant,
        in_flight: VecDeque<(Instant, Instant, DeliverySnapshot)>,
    }

    impl PathModel {
        fn new(bytes_per_second: u64) -> Self {
            let now = Instant::START;
            Self {
                controller: RateController::new(LIMITS, now),
                now,
                start: now,
                bytes_per_second,
                free_at: now,
                next_at: now,
                in_flight: VecDeque::new(),
            }
        }

        fn packet_time(bytes_per_second: u64) -> Duration {
            Duration::from_secs(1) * u32::try_from(PACKET).unwrap()
                / u32::try_from(bytes_per_second).unwrap()
        }

        /// Below 100 percent the sender is application-limited.
        fn run(&mut self, until: Duration, percent: u64) {
            while self.now < self.start + until {
                while self.next_at <= self.now {
                    self.send(percent < 100);
                    let rate = self.controller.pacing_rate() * percent / 100;
                    self.next_at += Self::packet_time(rate);
                }
                self.now += MS;
                self.receive_acks();
            }
        }

        fn send(&mut self, is_app_limited: bool) {
            let bytes_in_flight = self.in_flight.len() * PACKET;
            let snapshot = self.controller.on_sent(bytes_in_flight, self.now);
            self.free_at = self.free_at.max(self.now) + Self::packet_time(self.bytes_per_second);
            let back = self.free_at + 50 * MS;
            self.in_flight.push_back((back, self.now, snapshot));
            if is_app_limited {
                self.controller
                    .on_app_limited(bytes_in_flight + PACKET, self.now);
            } else {
                self.controller.on_backlogged(self.now);
            }
        }

        fn receive_acks(&mut self) {
            while self
                .in_flight
                .front()
                .is_some_and(|packet| packet.0 <= self.now)
            {
                let (_, at, snapshot) = self.in_flight.pop_front().unwrap();
                self.controller.on_acked(snapshot, at, PACKET, self.now);
                let rtt = Some(self.now - at);
                self.controller.on_end_acks(rtt, self.now);
            }
        }

        fn queue(&self) -> Duration {
            self.free_at.saturating_duration_since(self.now)
        }
    }

    #[test]
    fn finds_the_path_rate_within_a_second_and_drains_the_queue() {
        let mut path = PathModel::new(1_250_000);
        path.run(1000 * MS, 100);
        let rate = path.controller.delivery_rate().unwrap();
        assert!((900_000..1_400_000).contains(&rate), "{rate}");
        path.run(10_000 * MS, 100);
        assert!(path.queue() < 30 * MS, "{:?}", path.queue());
        let target = path.controller.target;
        assert!((1_000_000..1_400_000).contains(&target), "{target}");
    }

    #[test]
    fn follows_a_path_that_becomes_narrower() {
        let mut path = PathModel::new(1_250_000);
        path.run(5000 * MS, 100);
        path.bytes_per_second = 300_000;
        path.run(10_000 * MS, 100);
        assert!(path.controller.target < 400_000);
        assert!(path.queue() < 60 * MS, "{:?}", path.queue());
    }

    #[test]
    fn application_limited_flow_keeps_its_rate_and_finds_more_when_needed() {
        let mut path = PathModel::new(1_250_000);
        path.run(10_000 * MS, 10);
        assert!(path.controller.pacing_rate() >= LIMITS.start);
        path.run(11_000 * MS, 100);
        assert!(path.controller.delivery_rate().unwrap() > 800_000);
    }

    #[test]
    fn stays_between_floor_and_ceiling() {
        let mut path = PathModel::new(8_000);
        path.run(20_000 * MS, 100);
        assert_eq!(path.controller.pacing_rate(), LIMITS.floor);
        let mut path = PathModel::new(125_000_000);
        path.run(5000 * MS, 100);
        assert_eq!(path.controller.pacing_rate(), LIMITS.ceiling);
    }

    #[test]
    fn reset_starts_over() {
        let mut path = PathModel::new(1_250_000);
        path.run(5000 * MS, 100);
        path.controller.reset(path.now);
        assert_eq!(path.controller.pacing_rate(), LIMITS.start);
        path.run(8000 * MS, 100);
        assert!(path.controller.target > 900_000);
    }
}
