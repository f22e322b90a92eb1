//! How fast the network takes what goes to a peer: the one place that decides it.
//!
//! It goes by what is delivered and by what queues up. The measured rate of delivery is that of BBR (Cardwell
//! and others, "BBR: Congestion-Based Congestion Control", ACM Queue 14(5), 2016; draft-ietf-ccwg-bbr), and so
//! is the beginning: twice as fast each round trip, until no more arrives or something queues up. From then on
//! it goes slowly up until there is a queue, and then at once below what is delivered, for as long as
//! that queue takes to drain: what goes up by steps and down by a share ends up fair to others who do so
//! (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer
//! Networks", 1989). Losses alone say nothing: a radio link loses packets without being full.
//!
//! Where a game is another application than a download:
//!
//! - **Delay counts at once.** A queue is what the game's own packets wait in. There is one when the shortest
//!   of the last few round trips is longer than the shortest of all by more than noise: [`QUEUE_NOISE`], or
//!   more where round trips vary. The shortest of a few, because a game that asks its socket once a tick
//!   measures in ticks.
//! - **Who is not the cause does not pay.** A delay that stays when less is sent has another reason: jitter, or
//!   somebody who fills the queue. Then the rate is again what it was, and that delay counts as none.
//! - **Who sends little keeps what was measured.** A game almost never fills the path, so what it sends says
//!   little of what there is. When it needs more it looks for the limit as a new connection does.
//! - **There is a floor**, and nothing gets below it: a game that cannot send its inputs is over anyway.
//!
//! The other candidate was Copa (Arun and Balakrishnan, "Copa: Practical Delay-Based Congestion Control for the
//! Internet", NSDI 2018). In the same virtual world, a transfer beside a game on 10 Mbit/s and 50 ms, driven by
//! deadlines and by 60 ticks a second; of each figure the worst of five seeds with which no constant was chosen
//! (`cargo test --test rate -- --ignored --nocapture` prints all of them):
//!
//! | | share of the line | | the game's p99, ms later | | lost in the queue | |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | | **here** | Copa | **here** | Copa | **here** | Copa |
//! | 1% loss | 87%, 84% | 77%, 87% | 21, 17 | 51, 33 | 0.2%, 0.2% | 6%, 25% |
//! | 5% loss | 82%, 79% | 75%, 81% | 20, 17 | 52, 33 | 0.2%, 0.3% | 32%, 37% |
//! | the rate halves and returns | 87%, 84% | 60%, 88% | 103, 67 | 64, 100 | 0.5%, 0.2% | 0%, 43% |
//! | 200 ms of jitter | 39%, 38% | 1%, 1% | 48, 33 | 1, 0 | 2%, 2% | 0%, 0% |
//! | a satellite, 600 ms | 71%, 71% | 74%, 73% | 198, 183 | 342, 317 | 0%, 0% | 1%, 2% |
//! | 256 kbit/s | 79%, 78% | 74%, 74% | 528, 567 | 279, 300 | 0%, 0% | 0%, 0% |
//!
//! Two transfers share with Jain's index of 0.97 and 0.93 here, 0.85 and 0.66 under Copa: a loop that looks 60
//! times a second sees a queue a tick too late for a controller that goes by each acknowledgement.
//!
//! What it cannot tell apart: a queue on the way back, where whoever receives sends as much as his side of the
//! line carries, looks like one of ours. See `tickwire bench rate`.
//!
//! It knows neither packets nor peers, and of messages only whether there were enough of them.

use crate::limits::{QUEUE_NOISE, RATE_SEARCH_AFTER, TIMER_GRANULARITY, WINDOW_SLACK};
use crate::proto::time::{Duration, Instant};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct RateController {
    limits: RateLimits,
    /// What to send in bytes per second, but for what the phase makes of it.
    target: u64,
    phase: Phase,
    delivery: DeliveryRate,
    delay: QueueDelay,
    round: Round,
    /// Since when the application has sent less than it might.
    idle_since: Option<Instant>,
    experiment: Option<StandingQueueTest>,
    /// What the last queue leaves of what is delivered, in percent; 0 if the target stays.
    part: u64,
    backed_off_at: Option<Instant>,
}

/// Rates in bytes per second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimits {
    pub(crate) floor: u64,
    pub(crate) ceiling: u64,
    pub(crate) start: u64,
}

/// What a packet remembers from when it left until it is acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliverySnapshot {
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    /// The application had no more to send, so what is measured with it is no limit of the path.
    is_idle: bool,
}

impl DeliverySnapshot {
    /// Of a packet that left before there was anything to measure.
    pub(crate) fn of_idle(now: Instant) -> Self {
        Self {
            delivered: 0,
            delivered_at: now,
            first_sent_at: now,
            is_idle: true,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Twice as fast each round, as long as more arrives.
    Startup { best: u64, in_vain: u32 },
    /// The queue drains: since when, until when, and at which share of the target, in percent. What
    /// was sent before says how much the path delivers when it is full.
    Drain {
        since: Instant,
        until: Instant,
        gain: u64,
    },
    /// What was sent since then will show whether the queue is gone.
    Settle { since: Instant, until: Instant },
    /// A little faster all the time, since there was no queue.
    ProbeUp { since: Instant },
}

/// Less is sent, to see whether that makes a delay shorter.
#[derive(Debug, Clone, Copy)]
struct StandingQueueTest {
    since: Instant,
    target_before: u64,
    longest: Duration,
}

/// Rounds of a search that bring less than a quarter more, before it ends.
const SEARCH_ROUNDS_IN_VAIN: u32 = 3;

/// How much slower than the target it is while a queue drains, in percent: after a search, which leaves more
/// behind, and later.
const SEARCH_DRAIN_GAIN: u64 = 25;
const DRAIN_GAIN: u64 = 50;

/// Where the floor is near, it is reckoned with this.
const DRAIN_GAIN_MAX: u64 = 75;

/// The longest that a queue is given to drain, in round trips.
const DRAIN_ROUNDS_MAX: u32 = 4;

/// So many bytes may always be on their way: four packets, for a path of which nothing is known.
pub(crate) const WINDOW_MIN: usize = 4 * crate::limits::DATAGRAM_MAX;

/// What is left of what the path delivers when there was a queue, in percent. The rest goes to others.
const BACK_OFF: u64 = 89;

/// How often that is. In between queues only drain: of two who share a path and poll in ticks one always sees
/// the queue first, and would pay for both.
const BACK_OFF_EVERY: Duration = Duration::from_millis(500);

/// Unless less than this part of the target is delivered, in percent: then the path is narrower than it was, and
/// the target follows at once.
const FOLLOWED: u64 = 80;

/// How much faster it gets in a second, in bytes per second: 2 Mbit/s. It is the same for all who share a
/// path, so that they end up with the same.
const CLIMB: u64 = 250_000;

/// And the part of the rate that it gets faster beside that, where 2 Mbit/s are little: 1/32.
const CLIMB_PART: u64 = 32;

/// The most that it gets faster at a time: an eighth.
const CLIMB_STEP_PART: u64 = 8;

/// What has to be delivered of the target for a climb to go on, in percent. A path that loses a tenth at random
/// is climbed as well; one whose queue is too short to be seen loses no more than this leaves.
const CLIMB_DELIVERED: u64 = 83;

/// For how many seconds at most the climb doubles its speed with each of them.
const CLIMB_DOUBLINGS_MAX: u32 = 8;

/// For how long less is sent, and that it is a quarter then, before a delay that stays counts as nobody's fault.
/// Those who share a path go down together, and their queue is gone long before.
const EXPERIMENT_TIME: Duration = Duration::from_secs(3);
const EXPERIMENT_PART: u64 = 4;

impl RateController {
    pub(crate) fn new(limits: RateLimits, now: Instant) -> Self {
        Self {
            limits,
            target: limits.start,
            phase: SEARCH,
            delivery: DeliveryRate::new(now),
            delay: QueueDelay::new(now),
            round: Round::new(0, now),
            idle_since: None,
            experiment: None,
            part: BACK_OFF,
            backed_off_at: None,
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
        let rate = match self.phase {
            Phase::Drain { gain, .. } => self.target * gain / 100,
            _ => self.target,
        };
        self.limits.clamp(rate)
    }

    /// How many bytes may be on their way: only a bound for the case that nothing comes back.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "two minutes at 10 Gbit/s are less than 2^38 bytes; who has 32 bits has a ceiling"
    )]
    pub(crate) fn window(&self) -> usize {
        let time = 2 * self.delay.usual().unwrap_or(Duration::of(WINDOW_SLACK))
            + Duration::of(WINDOW_SLACK);
        let rate = self.limits.clamp(self.target);
        let bytes = rate.saturating_mul(time.as_micros()) / 1_000_000;
        bytes.min(u32::MAX.into()) as usize + WINDOW_MIN
    }

    /// The measured rate of delivery, in bytes per second: the most of the last two rounds.
    pub(crate) fn bandwidth(&self) -> u64 {
        self.round.bandwidth.max(self.round.bandwidth_before)
    }

    /// How long packets wait on their way, as far as that shows.
    pub(crate) fn queue_delay(&self) -> Duration {
        self.delay.queued
    }

    /// A packet leaves, while `in_flight` bytes are on their way.
    pub(crate) fn on_sent(&mut self, in_flight: usize, now: Instant) -> DeliverySnapshot {
        self.delivery.on_sent(in_flight, now)
    }

    /// The application has no more to send, while `in_flight` bytes are on their way.
    pub(crate) fn on_idle(&mut self, in_flight: usize, now: Instant) {
        self.delivery.idle_until = Some(self.delivery.bytes + in_flight as u64);
        self.idle_since.get_or_insert(now);
    }

    /// More waits than may leave.
    pub(crate) fn on_busy(&mut self, now: Instant) {
        let since = self.idle_since.take();
        let was_idle = since.is_some_and(|since| now >= since + Duration::of(RATE_SEARCH_AFTER));
        if was_idle && matches!(self.phase, Phase::ProbeUp { .. }) {
            // What was measured long ago is where to begin.
            self.phase = SEARCH;
        }
    }

    /// A packet was acknowledged. Those of one acknowledgement come with the newest first.
    pub(crate) fn on_acked(
        &mut self,
        stamp: DeliverySnapshot,
        sent_at: Instant,
        bytes: usize,
        now: Instant,
    ) {
        self.delivery.bytes += bytes as u64;
        self.delivery.at = now;
        self.delivery.newest.get_or_insert((stamp, sent_at));
    }

    /// All of an acknowledgement was taken in, with a sample of the round trip if it had one. How much round
    /// trips vary is measured here in another way: queues that drain must not count.
    pub(crate) fn on_ack(&mut self, sample: Option<Duration>, now: Instant) {
        let Some((stamp, sent_at)) = self.delivery.newest.take() else {
            return;
        };
        if let Some(sample) = sample {
            self.delay.on_sample(sample, now);
        }
        let shortest = self
            .delay
            .least()
            .unwrap_or(Duration::of(TIMER_GRANULARITY));
        let bandwidth = self.delivery.sample(stamp, sent_at, shortest);
        self.round.take(bandwidth, &stamp);
        self.on_phase(bandwidth, &stamp, sent_at, now);
        if stamp.delivered >= self.round.ends_at {
            self.on_round(now);
        }
    }

    fn on_phase(
        &mut self,
        bandwidth: Option<u64>,
        stamp: &DeliverySnapshot,
        sent_at: Instant,
        now: Instant,
    ) {
        match self.phase {
            Phase::Startup { .. } if self.delay.has_queue() => self.end_search(now),
            Phase::ProbeUp { .. } if self.delay.has_queue() => self.back_off(now),
            Phase::Startup { .. } | Phase::ProbeUp { .. } => {}
            Phase::Drain { since, until, .. } => {
                self.learn(bandwidth, stamp, sent_at, since);
                if now >= until {
                    self.phase = Phase::Settle { since, until: now };
                }
            }
            Phase::Settle { since, until } => {
                self.learn(bandwidth, stamp, sent_at, since);
                if sent_at >= until {
                    self.delay.forget_lately();
                    // Whoever sees queues more often than others must not climb less often.
                    self.climb_for(since, 0, now);
                    self.phase = Phase::ProbeUp { since: now };
                }
            }
        }
    }

    /// What was sent while there was a queue tells best how much gets through. The last word counts.
    fn learn(
        &mut self,
        bandwidth: Option<u64>,
        stamp: &DeliverySnapshot,
        sent_at: Instant,
        since: Instant,
    ) {
        if let Some(bandwidth) =
            bandwidth.filter(|_| sent_at < since && !stamp.is_idle && self.part > 0)
        {
            self.target = self.limits.clamp(bandwidth * self.part / 100);
        }
    }

    /// The queue of a search: what was sent since it began to show is as much again.
    fn end_search(&mut self, now: Instant) {
        self.part = BACK_OFF;
        self.reduce(100);
        let unseen = self.delay.usual().unwrap_or_default() / 2;
        self.drain(self.delay.queued + unseen, SEARCH_DRAIN_GAIN, now);
    }

    fn back_off(&mut self, now: Instant) {
        let queued = self.delay.queued;
        let experiment = self.experiment.get_or_insert(StandingQueueTest {
            since: now,
            target_before: self.target,
            longest: queued,
        });
        experiment.longest = experiment.longest.max(queued);
        let experiment = *experiment;
        if self.is_in_vain(&experiment, now) {
            self.experiment = None;
            self.delay.tolerate(experiment.longest * 3 / 2);
            self.phase = SEARCH;
            return;
        }
        self.part = self.part_left(now);
        if self.part > 0 {
            self.reduce(self.part);
        }
        self.drain(queued, DRAIN_GAIN, now);
    }

    /// What is to be left of what is delivered, in percent; 0 if the target stays.
    fn part_left(&mut self, now: Instant) -> u64 {
        let last = self.backed_off_at;
        if last.is_none_or(|at| now >= at + BACK_OFF_EVERY) {
            self.backed_off_at = Some(now);
            BACK_OFF
        } else if self.bandwidth() < self.target * FOLLOWED / 100 {
            100
        } else {
            0
        }
    }

    /// Whether much less was sent for long, and the delay is the same.
    fn is_in_vain(&self, experiment: &StandingQueueTest, now: Instant) -> bool {
        let is_long = now >= experiment.since + EXPERIMENT_TIME;
        let is_much_less = self.target * EXPERIMENT_PART <= experiment.target_before;
        is_long && (is_much_less || self.target <= self.least_target())
    }

    /// Who sends little is hardly the cause of a queue, and needs room for when he sends more.
    fn least_target(&self) -> u64 {
        if self.idle_since.is_some() {
            self.limits.start
        } else {
            self.limits.floor
        }
    }

    /// No more than a part of what is delivered, in percent.
    fn reduce(&mut self, part: u64) {
        let less = self.bandwidth() * part / 100;
        let least = self.least_target();
        self.target = self.limits.clamp(less.max(least).min(self.target));
    }

    fn drain(&mut self, queued: Duration, gain: u64, now: Instant) {
        let longest = self.delay.usual().unwrap_or_default() * DRAIN_ROUNDS_MAX;
        // It is not slower than the floor.
        let share = (self.limits.floor * 100 / self.target).clamp(gain, DRAIN_GAIN_MAX);
        #[allow(clippy::cast_possible_truncation, reason = "a percentage")]
        let time = queued * 100 / (100 - share as u32);
        self.phase = Phase::Drain {
            since: now,
            until: now + time.min(longest),
            gain,
        };
    }

    fn on_round(&mut self, now: Instant) {
        let round = self.round.next(self.delivery.bytes, now);
        match self.phase {
            Phase::Startup { best, in_vain } => self.search(best, in_vain, &round, now),
            Phase::ProbeUp { since } => self.climb(since, &round, now),
            Phase::Drain { .. } | Phase::Settle { .. } => {}
        }
    }

    fn search(&mut self, best: u64, in_vain: u32, round: &Round, now: Instant) {
        self.target = self
            .target
            .max(2 * round.bandwidth)
            .min(self.limits.ceiling);
        if self.target == self.limits.ceiling {
            self.phase = Phase::ProbeUp { since: now };
            return;
        }
        if !round.is_full {
            return;
        }
        if round.bandwidth >= best * 5 / 4 {
            let best = round.bandwidth;
            self.phase = Phase::Startup { best, in_vain: 0 };
        } else if in_vain + 1 < SEARCH_ROUNDS_IN_VAIN {
            let in_vain = in_vain + 1;
            self.phase = Phase::Startup { best, in_vain };
        } else {
            self.end_search(now);
        }
    }

    fn climb(&mut self, since: Instant, round: &Round, now: Instant) {
        if self.delay.has_none() {
            self.experiment = None;
        }
        // What is not used is not enough to go further up.
        if !round.is_full || round.bandwidth < self.target * CLIMB_DELIVERED / 100 {
            self.phase = Phase::ProbeUp { since: now };
            return;
        }
        let quiet = now.saturating_duration_since(since).as_nanos() / 1_000_000_000;
        #[allow(clippy::cast_possible_truncation, reason = "8 at most")]
        let doublings = quiet.min(u64::from(CLIMB_DOUBLINGS_MAX)) as u32;
        self.climb_for(round.since, doublings, now);
    }

    /// Higher by what the time since then is worth.
    fn climb_for(&mut self, since: Instant, doublings: u32, now: Instant) {
        let speed = (CLIMB + self.target / CLIMB_PART).min(self.target) << doublings;
        let took = now.saturating_duration_since(since).as_micros();
        let more = (speed * took.min(1_000_000) / 1_000_000).min(self.target / CLIMB_STEP_PART);
        self.target = self.limits.clamp(self.target + more);
    }
}

const SEARCH: Phase = Phase::Startup {
    best: 0,
    in_vain: 0,
};

impl RateLimits {
    fn clamp(&self, rate: u64) -> u64 {
        rate.clamp(self.floor, self.ceiling)
    }
}

/// What was delivered, for samples of the rate (draft-cheng-iccrg-delivery-rate-estimation).
#[derive(Debug)]
struct DeliveryRate {
    bytes: u64,
    at: Instant,
    first_sent_at: Instant,
    /// Everything that is on its way when the application has no more to send measures the application.
    idle_until: Option<u64>,
    /// The newest packet of the acknowledgement that is being taken in.
    newest: Option<(DeliverySnapshot, Instant)>,
}

impl DeliveryRate {
    fn new(now: Instant) -> Self {
        Self {
            bytes: 0,
            at: now,
            first_sent_at: now,
            idle_until: None,
            newest: None,
        }
    }

    fn on_sent(&mut self, in_flight: usize, now: Instant) -> DeliverySnapshot {
        if in_flight == 0 {
            (self.at, self.first_sent_at) = (now, now);
        }
        DeliverySnapshot {
            delivered: self.bytes,
            delivered_at: self.at,
            first_sent_at: self.first_sent_at,
            is_idle: self.idle_until.is_some_and(|until| self.bytes <= until),
        }
    }

    /// The rate that a packet shows which has arrived, in bytes per second. In less than the `shortest`
    /// round trip there is no rate, only a clump.
    fn sample(
        &mut self,
        stamp: DeliverySnapshot,
        sent_at: Instant,
        shortest: Duration,
    ) -> Option<u64> {
        self.first_sent_at = sent_at;
        let sending = sent_at.saturating_duration_since(stamp.first_sent_at);
        let arriving = self.at.saturating_duration_since(stamp.delivered_at);
        let interval = sending.max(arriving);
        if interval.is_zero() || interval < shortest {
            return None;
        }
        let bytes = self.bytes - stamp.delivered;
        Some(bytes.saturating_mul(1_000_000_000) / interval.as_nanos())
    }
}

/// From the sending of a packet to its acknowledgement.
#[derive(Debug, Clone, Copy)]
struct Round {
    since: Instant,
    /// It is over when a packet is acknowledged that left when so much was delivered.
    ends_at: u64,
    bandwidth: u64,
    bandwidth_before: u64,
    /// Whether nothing in it was limited by the application.
    is_full: bool,
}

impl Round {
    fn new(ends_at: u64, now: Instant) -> Self {
        Self {
            since: now,
            ends_at,
            bandwidth: 0,
            bandwidth_before: 0,
            is_full: true,
        }
    }

    fn take(&mut self, bandwidth: Option<u64>, stamp: &DeliverySnapshot) {
        self.is_full &= !stamp.is_idle;
        self.bandwidth = self.bandwidth.max(bandwidth.unwrap_or(0));
    }

    /// Begins the next one, and returns what was.
    fn next(&mut self, ends_at: u64, now: Instant) -> Self {
        let next = Self {
            bandwidth_before: self.bandwidth,
            ..Self::new(ends_at, now)
        };
        std::mem::replace(self, next)
    }
}

/// How long round trips are, and how much of that is a queue.
#[derive(Debug)]
struct QueueDelay {
    /// The shortest of the last ten to twenty seconds.
    current: Option<Duration>,
    before: Option<Duration>,
    since: Instant,
    /// The last few.
    lately: [Duration; LATELY],
    lately_len: usize,
    queued: Duration,
    last: Option<Duration>,
    /// How much shorter one is than the one before, on average.
    falls: Duration,
    /// How much longer they are for reasons of others.
    tolerated: Duration,
}

/// Of how many round trips the shortest counts.
const LATELY: usize = 3;

/// Over how many round trips they are averaged, and how many of them are noise. A queue that builds up makes
/// them longer each time, and only jitter makes them shorter as often.
const FALLS: u32 = 16;
const NOISE_FALLS: u32 = 6;

/// More than this is no queue that drains but a path with much jitter. What is over it counts so many times.
const JITTER: Duration = Duration::from_millis(4);
const JITTER_FALLS: u32 = 24;

/// How long one half of the window is.
const LEAST_WINDOW: Duration = Duration::from_secs(10);

impl QueueDelay {
    fn new(now: Instant) -> Self {
        Self {
            current: None,
            before: None,
            since: now,
            lately: [Duration::ZERO; LATELY],
            lately_len: 0,
            queued: Duration::ZERO,
            last: None,
            falls: Duration::ZERO,
            tolerated: Duration::ZERO,
        }
    }

    fn on_sample(&mut self, sample: Duration, now: Instant) {
        if now.saturating_duration_since(self.since) >= LEAST_WINDOW {
            let least = self.least();
            self.before = self.current.take();
            // A way that got longer is the shortest by now: what it has grown by is not tolerated once more.
            let grown = self.before.zip(least);
            let grown = grown.map(|(now, then)| now.saturating_sub(then));
            self.tolerated = (self.tolerated * 3 / 4).saturating_sub(grown.unwrap_or_default());
            self.since = now;
        }
        self.current = Some(self.current.map_or(sample, |least| least.min(sample)));
        let fall = self.last.unwrap_or(sample).saturating_sub(sample);
        self.falls = (self.falls * (FALLS - 1) + fall) / FALLS;
        self.last = Some(sample);
        self.lately.rotate_right(1);
        self.lately[0] = sample;
        self.lately_len = (self.lately_len + 1).min(LATELY);
        self.queued = self.queue();
    }

    /// The last round trips belong to another time.
    fn forget_lately(&mut self) {
        self.lately_len = 0;
        self.queued = Duration::ZERO;
    }

    /// So long a delay is not of our making.
    fn tolerate(&mut self, delay: Duration) {
        self.tolerated = self.tolerated.max(delay);
        self.forget_lately();
    }

    fn shortest_lately(&self) -> Option<Duration> {
        let is_known = self.lately_len == LATELY;
        self.lately.iter().copied().min().filter(|_| is_known)
    }

    fn queue(&self) -> Duration {
        let (Some(lately), Some(least)) = (self.shortest_lately(), self.least()) else {
            return Duration::ZERO;
        };
        let longer = lately.saturating_sub(least);
        let jitter = self.falls.saturating_sub(JITTER) * JITTER_FALLS;
        let noise = Duration::of(QUEUE_NOISE)
            .max(self.falls * NOISE_FALLS)
            .max(jitter);
        if longer > noise.max(self.tolerated) {
            longer
        } else {
            Duration::ZERO
        }
    }

    fn has_queue(&self) -> bool {
        !self.queued.is_zero()
    }

    /// Whether that is known.
    fn has_none(&self) -> bool {
        self.lately_len == LATELY && self.queued.is_zero()
    }

    fn least(&self) -> Option<Duration> {
        match (self.current, self.before) {
            (Some(current), Some(before)) => Some(current.min(before)),
            (current, before) => current.or(before),
        }
    }

    /// How long a round trip takes that is not held up by chance.
    fn usual(&self) -> Option<Duration> {
        self.shortest_lately().max(self.least())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const LIMITS: RateLimits = RateLimits {
        floor: 16_000,
        ceiling: 12_500_000,
        start: 125_000,
    };
    const PACKET: usize = 1000;

    /// A path with a rate and a queue of any length, and somebody who sends a packet whenever he may.
    struct PathModel {
        congestion: RateController,
        now: Instant,
        start: Instant,
        bytes_per_second: u64,
        free_at: Instant,
        next_at: Instant,
        on_the_way: std::collections::VecDeque<(Instant, Instant, DeliverySnapshot)>,
    }

    impl PathModel {
        fn new(bytes_per_second: u64) -> Self {
            let now = Instant::START;
            Self {
                congestion: RateController::new(LIMITS, now),
                now,
                start: now,
                bytes_per_second,
                free_at: now,
                next_at: now,
                on_the_way: std::collections::VecDeque::new(),
            }
        }

        fn time(bytes_per_second: u64) -> Duration {
            Duration::from_secs(1) * u32::try_from(PACKET).unwrap()
                / u32::try_from(bytes_per_second).unwrap()
        }

        /// Until that time, at `share` of the rate in percent: below 100 the application has no more.
        fn run(&mut self, until: Duration, share: u64) {
            while self.now < self.start + until {
                while self.next_at <= self.now {
                    self.send(share < 100);
                    let rate = self.congestion.rate() * share / 100;
                    self.next_at += Self::time(rate);
                }
                self.now += MS;
                self.hear();
            }
        }

        fn send(&mut self, is_idle: bool) {
            let in_flight = self.on_the_way.len() * PACKET;
            let stamp = self.congestion.on_sent(in_flight, self.now);
            self.free_at = self.free_at.max(self.now) + Self::time(self.bytes_per_second);
            let back = self.free_at + 50 * MS;
            self.on_the_way.push_back((back, self.now, stamp));
            if is_idle {
                self.congestion.on_idle(in_flight + PACKET, self.now);
            } else {
                self.congestion.on_busy(self.now);
            }
        }

        fn hear(&mut self) {
            while self.on_the_way.front().is_some_and(|one| one.0 <= self.now) {
                let (_, at, stamp) = self.on_the_way.pop_front().unwrap();
                self.congestion.on_acked(stamp, at, PACKET, self.now);
                let sample = Some(self.now - at);
                self.congestion.on_ack(sample, self.now);
            }
        }

        fn queue(&self) -> Duration {
            self.free_at.saturating_duration_since(self.now)
        }
    }

    #[test]
    fn a_delay_that_came_to_stay_hides_no_queue_behind_it() {
        let mut delay = QueueDelay::new(Instant::START);
        let mut now = Instant::START;
        let mut hear = |delay: &mut QueueDelay, sample: Duration, samples: u32| {
            for _ in 0..samples {
                now += 50 * MS;
                delay.on_sample(sample, now);
            }
        };
        hear(&mut delay, 50 * MS, 20);
        hear(&mut delay, 250 * MS, 20);
        assert!(delay.has_queue());
        // Less was sent, and that made it no shorter.
        delay.tolerate(300 * MS);
        hear(&mut delay, 250 * MS, 20);
        assert!(delay.has_none());
        // Nobody remembers that it was ever shorter.
        hear(&mut delay, 250 * MS, 450);
        assert_eq!(delay.least(), Some(250 * MS));
        hear(&mut delay, 310 * MS, 20);
        assert!(delay.has_queue(), "{delay:?}");
    }

    #[test]
    fn a_path_is_found_within_a_second_and_its_queue_drains() {
        let mut path = PathModel::new(1_250_000);
        path.run(1000 * MS, 100);
        let rate = path.congestion.bandwidth();
        assert!((900_000..1_400_000).contains(&rate), "{rate}");
        path.run(10_000 * MS, 100);
        assert!(path.queue() < 30 * MS, "{:?}", path.queue());
        let target = path.congestion.target;
        assert!((1_000_000..1_400_000).contains(&target), "{target}");
    }

    #[test]
    fn a_path_that_gets_narrower_is_followed() {
        let mut path = PathModel::new(1_250_000);
        path.run(5000 * MS, 100);
        path.bytes_per_second = 300_000;
        path.run(10_000 * MS, 100);
        assert!(path.congestion.target < 400_000);
        assert!(path.queue() < 60 * MS, "{:?}", path.queue());
    }

    #[test]
    fn who_sends_little_keeps_the_rate_and_finds_more_when_he_needs_it() {
        let mut path = PathModel::new(1_250_000);
        path.run(10_000 * MS, 10);
        assert!(path.congestion.rate() >= LIMITS.start);
        path.run(11_000 * MS, 100);
        assert!(path.congestion.bandwidth() > 800_000);
    }

    #[test]
    fn nothing_gets_below_the_floor_or_above_the_ceiling() {
        let mut path = PathModel::new(8_000);
        path.run(20_000 * MS, 100);
        assert_eq!(path.congestion.rate(), LIMITS.floor);
        let mut path = PathModel::new(125_000_000);
        path.run(5000 * MS, 100);
        assert_eq!(path.congestion.rate(), LIMITS.ceiling);
    }

    #[test]
    fn a_delay_that_stays_is_nobodys_fault() {
        let now = Instant::START;
        let mut delay = QueueDelay::new(now);
        let sample = |delay: &mut QueueDelay, millis: u32| {
            (0..LATELY).for_each(|_| delay.on_sample(millis * MS, now));
        };
        sample(&mut delay, 50);
        sample(&mut delay, 90);
        assert_eq!(delay.queued, 40 * MS);
        delay.tolerate(60 * MS);
        sample(&mut delay, 90);
        assert!(delay.has_none());
        sample(&mut delay, 120);
        assert!(delay.has_queue());
    }

    #[test]
    fn jitter_is_no_queue() {
        let now = Instant::START;
        let mut delay = QueueDelay::new(now);
        for index in 0..500_u32 {
            delay.on_sample((100 + index * 37 % 100) * MS, now);
            assert!(index < 50 || delay.has_none());
        }
    }

    #[test]
    fn another_path_begins_anew() {
        let mut path = PathModel::new(1_250_000);
        path.run(5000 * MS, 100);
        path.congestion.reset(path.now);
        assert_eq!(path.congestion.rate(), LIMITS.start);
        path.run(8000 * MS, 100);
        assert!(path.congestion.target > 900_000);
    }
}
