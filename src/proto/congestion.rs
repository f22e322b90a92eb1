//! How fast the network takes what goes to a peer: the one place that decides it.
//!
//! A model of the path, as BBR makes one (Cardwell and others, "BBR: Congestion-Based Congestion Control",
//! ACM Queue 14(5), 2016; draft-ietf-ccwg-bbr): the highest rate at which packets were lately delivered,
//! and the shortest time that one took. Packets leave at that rate. Now and then a little faster, to see
//! whether there is more, and a little slower, so that what queued up on the way drains. Losses alone say
//! nothing: a radio link loses packets without being full.
//!
//! Where a game is another application than a download:
//!
//! - **Delay counts at once.** When the shortest round trip of a whole round is longer than the shortest of
//!   all by more than noise, there is a queue, which the game's own packets wait in. Then the rate goes
//!   below what is delivered until it is gone, and old measurements of the rate count no more. Noise is
//!   [`QUEUE_NOISE`], or twice the deviation of the round trip where that is more: a game that asks its
//!   socket once a tick measures in ticks.
//! - **Who sends little keeps what was measured.** A game almost never fills the path, so what it sends says
//!   little of what there is, and must not lower the rate. When it needs more it looks for the limit as a
//!   new connection does, doubling each round trip.
//! - **There is a floor**, and nothing gets below it: a game that cannot send its inputs is over anyway.
//!
//! It knows neither packets nor peers, and of messages only whether there were enough of them.

use std::time::{Duration, Instant};

use crate::limits::{
    DATAGRAM_MAX, QUEUE_NOISE, RATE_SEARCH_AFTER, ROUND_TRIP_INITIAL, TIMER_GRANULARITY,
    WINDOW_SLACK,
};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Congestion {
    limits: Limits,
    delivery: Delivery,
    round: Round,
    /// The most that was delivered in each of the last rounds, in bytes per second.
    bandwidths: [u64; BANDWIDTH_ROUNDS],
    least: LeastRoundTrip,
    phase: Phase,
    /// Since when the application has sent less than it might.
    idle_since: Option<Instant>,
    /// Of the last round: how much longer than the shortest its shortest round trip was.
    queue_delay: Duration,
    /// By how much round trips vary.
    deviation: Duration,
    /// What was taken for a queue and did not go away when less was sent: the path itself is like that.
    noise: Duration,
    /// For how many rounds there has been a queue, and how long it was at first.
    queue_rounds: u32,
    queue_at_first: Duration,
}

/// How many rounds a measured rate counts, unless there is a queue.
const BANDWIDTH_ROUNDS: usize = 10;

/// Rates in bytes per second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) floor: u64,
    pub(crate) ceiling: u64,
    pub(crate) start: u64,
}

/// What a packet remembers from when it left until it is acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    /// The application had no more to send, so what is measured with it is no limit of the path.
    is_idle: bool,
}

/// What was delivered, for samples of the rate (draft-cheng-iccrg-delivery-rate-estimation).
#[derive(Debug)]
struct Delivery {
    bytes: u64,
    at: Instant,
    first_sent_at: Instant,
    /// Everything that is on its way when the application has no more to send measures the application.
    idle_until: u64,
    /// The newest packet of the acknowledgement that is being taken in.
    newest: Option<(Stamp, Instant)>,
}

/// From the sending of a packet to its acknowledgement.
#[derive(Debug)]
struct Round {
    /// It is over when a packet is acknowledged that left when so much was delivered.
    ends_at: u64,
    bandwidth: u64,
    least: Option<Duration>,
    /// How many samples in a row were so long that there must be a queue.
    long_in_row: u32,
    /// Whether nothing in it was limited by the application.
    is_full: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Twice as fast each round, as long as more arrives.
    Search { best: u64, in_vain: u32 },
    /// The queue that the search has left drains.
    Drain,
    /// A little faster, a little slower, and as fast as it is for a while.
    Cruise { round: u32 },
}

/// What the rate is of what is delivered, in percent.
const SEARCH_GAIN: u64 = 200;
const DRAIN_GAIN: u64 = 50;
const QUEUE_GAIN: u64 = 80;
const CRUISE_GAINS: [u64; 8] = [125, 80, 100, 100, 100, 100, 100, 100];

/// So many samples in a row are no accident.
const LONG_SAMPLES: u32 = 4;

/// In so many rounds a queue has drained, or it is none.
const QUEUE_ROUNDS_MAX: u32 = 6;

/// A round takes this part of the noise away, in case the path is better now.
const NOISE_FADES: u32 = 64;

/// Rounds of a search that bring less than a quarter more, before it ends.
const SEARCH_ROUNDS_IN_VAIN: u32 = 3;

impl Congestion {
    pub(crate) fn new(limits: Limits, now: Instant) -> Self {
        let half = limits.start * 100 / SEARCH_GAIN;
        Self {
            limits,
            delivery: Delivery {
                bytes: 0,
                at: now,
                first_sent_at: now,
                idle_until: 0,
                newest: None,
            },
            round: Round::new(0),
            bandwidths: [half; BANDWIDTH_ROUNDS],
            least: LeastRoundTrip::new(now),
            phase: SEARCH,
            idle_since: None,
            queue_delay: Duration::ZERO,
            deviation: Duration::ZERO,
            noise: Duration::ZERO,
            queue_rounds: 0,
            queue_at_first: Duration::ZERO,
        }
    }

    /// Another path: what is known of the old one counts no more.
    pub(crate) fn reset(&mut self, now: Instant) {
        let delivered = self.delivery.bytes;
        *self = Self::new(self.limits, now);
        self.delivery.bytes = delivered;
        self.round.ends_at = delivered;
    }

    /// How fast to send, in bytes per second.
    pub(crate) fn rate(&self) -> u64 {
        let gain = match self.phase {
            Phase::Search { in_vain: 0, .. } => SEARCH_GAIN,
            Phase::Search { .. } => 100,
            Phase::Drain => DRAIN_GAIN,
            Phase::Cruise { .. } if self.has_queue() => QUEUE_GAIN,
            Phase::Cruise { round } => CRUISE_GAINS[round as usize % CRUISE_GAINS.len()],
        };
        (self.bandwidth() * gain / 100).clamp(self.limits.floor, self.limits.ceiling)
    }

    /// How many bytes may be on their way: what the path holds, and what waits for acknowledgements at both
    /// ends. More would only queue.
    #[allow(clippy::cast_possible_truncation, reason = "a minute at 10 Gbit/s fits")]
    pub(crate) fn window(&self) -> usize {
        let round_trip = self.least.value().unwrap_or(ROUND_TRIP_INITIAL);
        let time = round_trip + WINDOW_SLACK + 2 * self.deviation;
        let gain = match self.phase {
            Phase::Search { .. } => SEARCH_GAIN,
            Phase::Drain | Phase::Cruise { .. } => 100,
        };
        let rate = (self.bandwidth() * gain / 100).max(self.limits.floor);
        let bytes = u128::from(rate) * time.as_nanos() / 1_000_000_000;
        bytes as usize + 4 * DATAGRAM_MAX
    }

    /// The measured rate, in bytes per second.
    pub(crate) fn bandwidth(&self) -> u64 {
        self.bandwidths.iter().copied().fold(0, u64::max)
    }

    /// How long packets waited on their way in the last round, as far as that shows.
    pub(crate) fn queue_delay(&self) -> Duration {
        self.queue_delay
    }

    fn has_queue(&self) -> bool {
        self.queue_delay > Duration::ZERO
    }

    /// A packet leaves, while `in_flight` bytes are on their way.
    pub(crate) fn on_sent(&mut self, in_flight: usize, now: Instant) -> Stamp {
        let delivery = &mut self.delivery;
        if in_flight == 0 {
            (delivery.at, delivery.first_sent_at) = (now, now);
        }
        Stamp {
            delivered: delivery.bytes,
            delivered_at: delivery.at,
            first_sent_at: delivery.first_sent_at,
            is_idle: delivery.bytes < delivery.idle_until,
        }
    }

    /// The application has no more to send, while `in_flight` bytes are on their way.
    pub(crate) fn on_idle(&mut self, in_flight: usize, now: Instant) {
        self.delivery.idle_until = (self.delivery.bytes + in_flight as u64).max(1);
        self.idle_since.get_or_insert(now);
    }

    /// More waits than may leave.
    pub(crate) fn on_busy(&mut self, now: Instant) {
        let since = self.idle_since.take();
        let was_idle = since.is_some_and(|since| now >= since + RATE_SEARCH_AFTER);
        if was_idle && matches!(self.phase, Phase::Cruise { .. }) {
            // What was measured long ago is where to begin.
            self.bandwidths = [self.bandwidth() * 100 / SEARCH_GAIN; BANDWIDTH_ROUNDS];
            self.phase = SEARCH;
        }
    }

    /// A packet was acknowledged. Those of one acknowledgement come with the newest first.
    pub(crate) fn on_acked(&mut self, stamp: Stamp, sent_at: Instant, bytes: usize, now: Instant) {
        self.delivery.bytes += bytes as u64;
        self.delivery.at = now;
        self.delivery.newest.get_or_insert((stamp, sent_at));
    }

    /// All of an acknowledgement was taken in, with a sample of the round trip if it had one.
    pub(crate) fn on_ack(&mut self, sample: Option<Duration>, deviation: Duration, now: Instant) {
        let Some((stamp, sent_at)) = self.delivery.newest.take() else {
            return;
        };
        if let Some(sample) = sample {
            self.on_sample(sample, now);
        }
        self.deviation = deviation;
        self.take_sample(stamp, sent_at);
        self.look_for_overshoot();
        self.delivery.first_sent_at = sent_at;
        if stamp.delivered >= self.round.ends_at {
            self.on_round();
        }
    }

    fn on_sample(&mut self, sample: Duration, now: Instant) {
        self.least.on_sample(sample, now);
        let round = &mut self.round;
        round.least = Some(round.least.map_or(sample, |least| least.min(sample)));
        let shortest = self.least.value().unwrap_or(sample);
        let is_long = sample > shortest + QUEUE_NOISE.max(self.noise);
        round.long_in_row = if is_long { round.long_in_row + 1 } else { 0 };
    }

    /// A search that is twice as fast as the path fills every queue within a round trip: it ends as soon as
    /// that shows (as HyStart++ does, RFC 9406).
    fn look_for_overshoot(&mut self) {
        let is_searching = matches!(self.phase, Phase::Search { .. });
        if !is_searching || self.round.long_in_row < LONG_SAMPLES || self.round.bandwidth == 0 {
            return;
        }
        self.bandwidths.fill(0);
        self.bandwidths[0] = self.round.bandwidth;
        self.queue_delay = QUEUE_NOISE;
        self.phase = Phase::Drain;
    }

    fn take_sample(&mut self, stamp: Stamp, sent_at: Instant) {
        let sending = sent_at.saturating_duration_since(stamp.first_sent_at);
        let arriving = self
            .delivery
            .at
            .saturating_duration_since(stamp.delivered_at);
        let interval = sending.max(arriving);
        self.round.is_full &= !stamp.is_idle;
        // In less than a round trip there is no rate, only a clump.
        let shortest = self.least.value().unwrap_or(TIMER_GRANULARITY);
        if interval.is_zero() || interval < shortest {
            return;
        }
        let bytes = self.delivery.bytes - stamp.delivered;
        let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        let bandwidth = bytes.saturating_mul(1_000_000_000) / nanos;
        if !stamp.is_idle || bandwidth > self.bandwidth() {
            self.round.bandwidth = self.round.bandwidth.max(bandwidth);
        }
    }

    fn on_round(&mut self) {
        let round = std::mem::replace(&mut self.round, Round::new(self.delivery.bytes));
        self.queue_delay = self.queue_in(&round);
        self.learn_noise();
        if round.bandwidth > 0 && (round.is_full || round.bandwidth > self.bandwidth()) {
            self.on_bandwidth(round.bandwidth);
        }
        self.phase = match self.phase {
            Phase::Search { best, in_vain } => self.search(best, in_vain, &round),
            Phase::Drain if self.has_queue() => Phase::Drain,
            Phase::Drain => Phase::Cruise { round: 2 },
            // After a queue it is no time to look for more.
            Phase::Cruise { .. } if self.has_queue() => Phase::Cruise { round: 2 },
            Phase::Cruise { round: number } if round.is_full => Phase::Cruise { round: number + 1 },
            Phase::Cruise { round } => Phase::Cruise { round },
        };
    }

    /// How much longer than the shortest of all the shortest round trip of a round was, if that is more
    /// than noise.
    fn queue_in(&self, round: &Round) -> Duration {
        let (Some(least), Some(shortest)) = (round.least, self.least.value()) else {
            return Duration::ZERO;
        };
        let longer = least.saturating_sub(shortest);
        if longer > QUEUE_NOISE.max(self.deviation).max(self.noise) {
            longer
        } else {
            Duration::ZERO
        }
    }

    /// A queue drains when less is sent than is delivered. What stays as it is, is none.
    fn learn_noise(&mut self) {
        self.noise -= self.noise / NOISE_FADES;
        if !self.has_queue() {
            self.queue_rounds = 0;
            return;
        }
        if self.queue_rounds == 0 {
            self.queue_at_first = self.queue_delay;
        }
        self.queue_rounds += 1;
        if self.queue_rounds >= QUEUE_ROUNDS_MAX {
            if self.queue_delay > self.queue_at_first / 2 {
                self.noise = self.queue_delay * 5 / 4;
            }
            self.queue_rounds = 0;
        }
    }

    fn on_bandwidth(&mut self, bandwidth: u64) {
        self.bandwidths.rotate_right(1);
        self.bandwidths[0] = bandwidth;
        if self.has_queue() {
            // What was delivered before there was a queue is not to be had any more.
            let lately = bandwidth.max(self.bandwidths[1]);
            self.bandwidths.fill(0);
            self.bandwidths[0] = lately.min(bandwidth * 5 / 4);
        }
    }

    fn search(&self, best: u64, in_vain: u32, round: &Round) -> Phase {
        if self.has_queue() {
            return Phase::Drain;
        }
        if !round.is_full {
            return Phase::Search { best, in_vain };
        }
        if round.bandwidth >= best * 5 / 4 {
            let best = round.bandwidth;
            return Phase::Search { best, in_vain: 0 };
        }
        if in_vain + 1 < SEARCH_ROUNDS_IN_VAIN {
            let in_vain = in_vain + 1;
            return Phase::Search { best, in_vain };
        }
        Phase::Drain
    }
}

const SEARCH: Phase = Phase::Search {
    best: 0,
    in_vain: 0,
};

impl Round {
    fn new(ends_at: u64) -> Self {
        Self {
            ends_at,
            bandwidth: 0,
            least: None,
            long_in_row: 0,
            is_full: true,
        }
    }
}

/// The shortest round trip of the last ten to twenty seconds.
#[derive(Debug)]
struct LeastRoundTrip {
    since: Instant,
    current: Option<Duration>,
    before: Option<Duration>,
}

/// How long one half of the window is.
const LEAST_WINDOW: Duration = Duration::from_secs(10);

impl LeastRoundTrip {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            current: None,
            before: None,
        }
    }

    fn on_sample(&mut self, sample: Duration, now: Instant) {
        if now.saturating_duration_since(self.since) >= LEAST_WINDOW {
            self.before = self.current.take();
            self.since = now;
        }
        self.current = Some(self.current.map_or(sample, |least| least.min(sample)));
    }

    fn value(&self) -> Option<Duration> {
        match (self.current, self.before) {
            (Some(current), Some(before)) => Some(current.min(before)),
            (current, before) => current.or(before),
        }
    }
}
