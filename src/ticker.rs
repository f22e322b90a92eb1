//! A fixed timestep that does not drift.

use std::time::{Duration, Instant};

use crate::clock;

/// Maximum tick rate in ticks per second: one tick per nanosecond, the resolution of the clock.
const TICK_RATE_MAX: u32 = 1_000_000_000;

/// Maximum number of late ticks that a loop catches up on. Without it a game whose steps take
/// longer than a tick would fall further and further behind.
const TICKS_BEHIND_MAX: u64 = 8;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A fixed timestep: tick `n` is due exactly `n` periods after the start. Neither a late tick nor a
/// period that is not a whole number of nanoseconds (60 Hz) shifts later ticks. ["Fix Your
/// Timestep!"](https://gafferongames.com/post/fix_your_timestep/) explains why a simulation needs
/// this.
///
/// It never sleeps. In a loop that waits for datagrams:
///
/// ```
/// use std::time::Instant;
/// use tickwire::{Socket, Ticker};
///
/// let mut socket = Socket::bind("127.0.0.1:0".parse().unwrap())?;
/// let mut ticker = Ticker::hz(500);
/// let mut steps = 0;
/// while steps < 5 {
///     socket.wait_until(ticker.deadline())?;
///     while let Some(datagram) = socket.recv()? {
///         // an input of the player at `datagram.from`
///     }
///     for _ in 0..ticker.steps_due(Instant::now()) {
///         steps += 1; // step the world, send its state
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A game in an engine's frame loop omits `wait_until`. A loop that sleeps from tick to tick:
///
/// ```
/// use std::thread;
/// use std::time::Instant;
/// use tickwire::Ticker;
///
/// let mut ticker = Ticker::hz(500);
/// for _ in 0..5 {
///     let tick = ticker.next_tick();
///     thread::sleep(tick.saturating_duration_since(Instant::now()));
///     // one step
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A late loop catches up by at most 8 ticks; earlier ones are skipped and counted in
/// [`overruns`](Self::overruns).
#[derive(Debug, Clone)]
pub struct Ticker {
    start: Instant,
    /// `steps` ticks take exactly `nanos`: 60 Hz has no period in whole nanoseconds.
    nanos: u64,
    steps: u32,
    /// Number of the next tick; the first is 1.
    next: u64,
    /// `next_tick` has returned the instant of `next`.
    is_returned: bool,
    overruns: u64,
}

impl Ticker {
    /// Ticks `rate` times per second, clamped to 1 to 1,000,000,000. The first tick is one period
    /// from now.
    #[must_use]
    pub fn hz(rate: u32) -> Self {
        Self::starting_at(clock::now(), rate)
    }

    /// Ticks once per `period`, clamped to 1 ns to 2^64 ns (584 years). The first tick is one
    /// period from now.
    #[must_use]
    pub fn every(period: Duration) -> Self {
        let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX).max(1);
        Self::new(clock::now(), nanos, 1)
    }

    /// Like [`hz`](Self::hz), with the first tick one period after `start`. For tests and virtual
    /// time.
    #[must_use]
    pub fn starting_at(start: Instant, rate: u32) -> Self {
        Self::new(start, NANOS_PER_SECOND, rate.clamp(1, TICK_RATE_MAX))
    }

    fn new(start: Instant, nanos: u64, steps: u32) -> Self {
        Self {
            start,
            nanos,
            steps,
            next: 1,
            is_returned: false,
            overruns: 0,
        }
    }

    /// Returns when the next tick is due, for a loop that sleeps until then.
    ///
    /// Calls before that time return the same instant, so a loop that woke early can call it again.
    /// A later call returns the following tick, which is in the past if the loop is late.
    pub fn next_tick(&mut self) -> Instant {
        self.next_tick_at(clock::now())
    }

    /// [`next_tick`](Self::next_tick) with the time as an argument.
    pub fn next_tick_at(&mut self, now: Instant) -> Instant {
        if self.is_returned && now >= self.deadline() {
            self.next = self.next.saturating_add(1);
        }
        self.skip_missed_ticks(now);
        self.is_returned = true;
        self.deadline()
    }

    /// Number of ticks that became due since the last call, at most 8. Wait for
    /// [`deadline`](Self::deadline), not for `next_tick`, which would consume ticks.
    pub fn steps_due(&mut self, now: Instant) -> u32 {
        self.skip_missed_ticks(now);
        let due = (self.elapsed(now) + 1).saturating_sub(self.next);
        self.next += due;
        self.is_returned = false;
        u32::try_from(due).unwrap_or(u32::MAX)
    }

    /// When the next tick is due. May be in the past.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.start + self.offset(self.next)
    }

    /// Time between two ticks, rounded down to nanoseconds. The ticks themselves are not rounded.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.offset(1)
    }

    /// Number of ticks skipped because the loop was late.
    #[must_use]
    pub fn overruns(&self) -> u64 {
        self.overruns
    }

    fn skip_missed_ticks(&mut self, now: Instant) {
        let first_kept = (self.elapsed(now) + 1).saturating_sub(TICKS_BEHIND_MAX);
        if first_kept > self.next {
            self.overruns += first_kept - self.next;
            self.next = first_kept;
        }
    }

    /// Number of the last tick that is due at `now`.
    fn elapsed(&self, now: Instant) -> u64 {
        let nanos = now.saturating_duration_since(self.start).as_nanos();
        // The largest n with offset(n) <= nanos; offset rounds down.
        let ticks = ((nanos + 1) * u128::from(self.steps)).div_ceil(u128::from(self.nanos)) - 1;
        u64::try_from(ticks).unwrap_or(u64::MAX - 1)
    }

    fn offset(&self, tick: u64) -> Duration {
        let nanos = u128::from(tick) * u128::from(self.nanos) / u128::from(self.steps);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticker(rate: u32) -> (Ticker, Instant) {
        let start = clock::now();
        (Ticker::starting_at(start, rate), start)
    }

    #[test]
    fn sixty_ticks_at_60_hz_take_exactly_one_second() {
        let (mut ticker, start) = ticker(60);
        let mut now = start;
        for _ in 0..60 * 3600 {
            now = ticker.next_tick_at(now);
        }
        assert_eq!(now, start + Duration::from_secs(3600));
        assert_eq!(ticker.overruns(), 0);
    }

    #[test]
    fn early_calls_return_the_same_tick() {
        let (mut ticker, start) = ticker(10);
        let tick = ticker.next_tick_at(start);
        assert_eq!(tick, start + Duration::from_millis(100));
        assert_eq!(ticker.next_tick_at(start + Duration::from_millis(50)), tick);
        assert_eq!(ticker.next_tick_at(tick - Duration::from_nanos(1)), tick);
        assert_eq!(
            ticker.next_tick_at(tick),
            start + Duration::from_millis(200)
        );
    }

    #[test]
    fn a_late_tick_does_not_shift_later_ticks() {
        let (mut ticker, start) = ticker(10);
        ticker.next_tick_at(start);
        assert_eq!(
            ticker.next_tick_at(start + Duration::from_millis(170)),
            start + Duration::from_millis(200)
        );
    }

    #[test]
    fn catches_up_by_at_most_eight_ticks_and_counts_the_rest() {
        let (mut ticker, start) = ticker(100);
        ticker.next_tick_at(start);
        // Tick 1 was returned and has passed; of ticks 2 to 100 the last 8 are kept.
        let late = start + Duration::from_secs(1);
        let first = ticker.next_tick_at(late);
        assert_eq!(first, start + Duration::from_millis(930));
        assert_eq!(ticker.overruns(), 91);
        let due = std::iter::from_fn(|| Some(ticker.next_tick_at(late)))
            .take_while(|tick| *tick <= late)
            .count();
        assert_eq!(due, 7, "the first of the 8 was taken above");
        assert_eq!(ticker.overruns(), 91);
    }

    #[test]
    fn steps_due_counts_each_tick_once() {
        let (mut ticker, start) = ticker(60);
        let mut steps = 0;
        for millis in 0..=1000 {
            steps += ticker.steps_due(start + Duration::from_millis(millis));
        }
        assert_eq!(steps, 60);
        assert_eq!(ticker.deadline(), start + ticker.offset(61));
    }

    #[test]
    fn steps_due_returns_at_most_eight_steps_and_counts_the_rest() {
        let (mut ticker, start) = ticker(60);
        assert_eq!(ticker.steps_due(start + Duration::from_secs(1)), 8);
        assert_eq!(ticker.overruns(), 52);
        assert_eq!(ticker.steps_due(start + Duration::from_secs(1)), 0);
    }

    #[test]
    fn a_step_is_due_exactly_at_its_deadline_at_every_rate() {
        for rate in [
            1,
            3,
            7,
            20,
            30,
            60,
            64,
            128,
            144,
            999,
            1_000_000_007,
            u32::MAX,
        ] {
            let (mut ticker, start) = ticker(rate);
            for _ in 0..1000 {
                let deadline = ticker.deadline();
                assert_eq!(
                    ticker.steps_due(deadline - Duration::from_nanos(1)),
                    0,
                    "{rate} Hz"
                );
                assert_eq!(
                    ticker.steps_due(deadline),
                    1,
                    "{rate} Hz, at {:?}",
                    deadline - start
                );
            }
        }
    }

    #[test]
    fn clamps_the_rate_to_its_range() {
        assert_eq!(Ticker::hz(0).period(), Duration::from_secs(1));
        assert_eq!(Ticker::hz(u32::MAX).period(), Duration::from_nanos(1));
    }

    #[test]
    fn keeps_a_period_exactly() {
        let mut ticker = Ticker::every(Duration::from_millis(16));
        let first = ticker.deadline();
        assert_eq!(ticker.steps_due(first - Duration::from_nanos(1)), 0);
        assert_eq!(ticker.steps_due(first), 1);
        assert_eq!(ticker.deadline(), first + Duration::from_millis(16));
        assert_eq!(
            Ticker::every(Duration::ZERO).period(),
            Duration::from_nanos(1)
        );
        assert_eq!(
            Ticker::every(Duration::MAX).period(),
            Duration::from_nanos(u64::MAX)
        );
    }

    #[test]
    fn saturates_at_the_last_tick() {
        let start = clock::now();
        let mut ticker = Ticker::starting_at(start, TICK_RATE_MAX);
        // More than 2^64 ns: the next tick has no number.
        let beyond = start + Duration::from_nanos(u64::MAX) + Duration::from_secs(1);
        for _ in 0..20 {
            ticker.next_tick_at(beyond);
        }
        assert_eq!(ticker.deadline(), start + Duration::from_nanos(u64::MAX));
        assert_eq!(ticker.steps_due(beyond), 0);
    }

    #[test]
    fn no_step_is_due_before_the_start() {
        let start = clock::now() + Duration::from_secs(10);
        let mut ticker = Ticker::starting_at(start, 60);
        assert_eq!(ticker.steps_due(clock::now()), 0);
    }
}
