//! Conditions of a link, with their ranges.

use std::time::Duration;

use crate::error::{ConfigError, bits_per_second, bytes, check_range, count, duration};
use crate::limits::DATAGRAM_MAX;
use crate::sim::in_flight::LINK_DATAGRAMS_MAX;

/// Header bytes transmitted with every datagram: 20 (IPv4, RFC 791) + 8 (UDP, RFC 768).
pub const LINK_HEADER_BYTES: usize = 28;

/// Maximum rate of a link: 100 Gbit/s.
pub const LINK_RATE_MAX: u64 = 100_000_000_000;

/// Default queue of a bottleneck: 64 KiB, 500 ms at 1 Mbit/s, as in many home routers.
const LINK_QUEUE_BYTES_DEFAULT: usize = 64 << 10;

/// Maximum queue of a bottleneck.
pub const LINK_QUEUE_BYTES_MAX: usize = 4 << 20;
const _: () = assert!(LINK_QUEUE_BYTES_DEFAULT <= LINK_QUEUE_BYTES_MAX);
// A queue of full datagrams fits into the limit of datagrams in flight.
const _: () =
    assert!(LINK_QUEUE_BYTES_MAX / (DATAGRAM_MAX + LINK_HEADER_BYTES) <= LINK_DATAGRAMS_MAX);

/// Maximum latency, jitter and reordering delay: 60 s each, three times the idle timeout, so that a
/// link can be worse than any connection survives.
pub const LINK_DELAY_MAX: Duration = Duration::from_secs(60);

/// Default reordering delay: 20 ms, so that the next tick at 60 Hz overtakes.
const LINK_REORDER_DELAY_DEFAULT: Duration = Duration::from_millis(20);
const _: () = assert!(LINK_REORDER_DELAY_DEFAULT.as_nanos() <= LINK_DELAY_MAX.as_nanos());

/// Maximum mean length of a loss burst, in datagrams; hours at 60 Hz. For longer outages use
/// [`partitioned`](LinkConditions::partitioned).
pub const LINK_BURST_LENGTH_MAX: f64 = 1_000_000.0;

/// Conditions of one direction of a link. The default is a perfect link: every datagram arrives
/// once, in order and immediately.
///
/// ```
/// use std::time::Duration;
/// use tickwire::sim::{LinkConditions, Loss};
///
/// let conditions = LinkConditions {
///     latency: Duration::from_millis(50),
///     loss: Loss::Independent { probability: 0.02 },
///     ..LinkConditions::default()
/// };
/// # conditions.validate()?;
/// # Ok::<(), tickwire::ConfigError>(())
/// ```
///
/// Probabilities are 0 (never) to 1 (always), per datagram. Durations are 0 to [`LINK_DELAY_MAX`]
/// (60 s). [`Link`](crate::sim::Link#the-path-of-a-datagram) documents the order of effects.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkConditions {
    /// One-way delay of every datagram. 0 to [`LINK_DELAY_MAX`]. Default: 0.
    pub latency: Duration,

    /// Additional random delay of each datagram, uniform from zero to this value. 0 to
    /// [`LINK_DELAY_MAX`]. Default: 0.
    ///
    /// Jitter alone does not reorder: a datagram that would overtake the one ahead arrives together
    /// with it. So datagrams sent within the jitter arrive in bunches, on average later than half
    /// of it. See [`reorder`](Self::reorder).
    pub jitter: Duration,

    /// Which datagrams are lost. Default: [`Loss::None`].
    pub loss: Loss,

    /// Probability that a datagram is duplicated. The copy is made after the bottleneck and has its
    /// own jitter, corruption and reordering; a lost datagram has no copy. Default: 0.
    pub duplication: f64,

    /// Probability that a datagram is held back by [`reorder_delay`](Self::reorder_delay), so that
    /// datagrams sent within that time overtake it. Default: 0.
    pub reorder: f64,

    /// Additional delay of a datagram that is held back. 0 to [`LINK_DELAY_MAX`]. Default: 20 ms.
    pub reorder_delay: Duration,

    /// Rate of the bottleneck in bits per second, 1 to [`LINK_RATE_MAX`] (100 Gbit/s). Each
    /// datagram counts [`LINK_HEADER_BYTES`] (28) more than its length. Default: `None`, no
    /// bottleneck.
    pub rate: Option<u64>,

    /// Queue of the bottleneck in bytes, headers included, without the datagram in transmission. 0
    /// to [`LINK_QUEUE_BYTES_MAX`] (4 MiB). A datagram that does not fit is lost. Default: 64 KiB.
    /// No effect without a [`rate`](Self::rate).
    pub queue_bytes: usize,

    /// Probability that one random bit of a datagram is flipped, as damage that UDP's checksum does
    /// not detect. Default: 0.
    pub corruption: f64,

    /// Loses every datagram sent. Datagrams already in flight still arrive. Default: `false`.
    pub partitioned: bool,
}

/// Which datagrams a link loses.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// No datagram.
    #[default]
    None,
    /// Each datagram with the same probability, independently.
    Independent {
        /// 0 to 1.
        probability: f64,
    },
    /// In bursts, as on a radio link: the simple Gilbert model. A burst loses every datagram, a gap
    /// loses no datagram, and both have geometric lengths, counted in datagrams.
    Bursts {
        /// Average share of lost datagrams: 0 to `mean_length / (mean_length + 1)`, because at
        /// least one datagram arrives between two bursts.
        probability: f64,
        /// Mean length of a burst in datagrams: 1 to [`LINK_BURST_LENGTH_MAX`] (1,000,000).
        mean_length: f64,
    },
}

impl Default for LinkConditions {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Loss::None,
            duplication: 0.0,
            reorder: 0.0,
            reorder_delay: LINK_REORDER_DELAY_DEFAULT,
            rate: None,
            queue_bytes: LINK_QUEUE_BYTES_DEFAULT,
            corruption: 0.0,
            partitioned: false,
        }
    }
}

impl LinkConditions {
    /// Wi-Fi one wall away from the access point: 3 ms plus up to 10 ms, 1% loss in bursts of 2.
    /// Round numbers, not a measurement.
    #[must_use]
    pub fn wifi() -> Self {
        Self {
            latency: Duration::from_millis(3),
            jitter: Duration::from_millis(10),
            loss: Loss::Bursts {
                probability: 0.01,
                mean_length: 2.0,
            },
            ..Self::default()
        }
    }

    /// A phone on a train: 40 ms plus up to 30 ms, 2% loss in bursts of 4, 5 Mbit/s with a queue of
    /// 256 KiB (0.4 s). Round numbers, not a measurement.
    #[must_use]
    pub fn mobile() -> Self {
        Self {
            latency: Duration::from_millis(40),
            jitter: Duration::from_millis(30),
            loss: Loss::Bursts {
                probability: 0.02,
                mean_length: 4.0,
            },
            rate: Some(5_000_000),
            queue_bytes: 256 << 10,
            ..Self::default()
        }
    }

    /// A geostationary satellite: 280 ms plus up to 20 ms, 1% loss, 10 Mbit/s with a queue of 512
    /// KiB (0.4 s). Round numbers, not a measurement, except the latency: light takes 239 ms for
    /// 35,786 km up and down.
    #[must_use]
    pub fn satellite() -> Self {
        Self {
            latency: Duration::from_millis(280),
            jitter: Duration::from_millis(20),
            loss: Loss::Independent { probability: 0.01 },
            rate: Some(10_000_000),
            queue_bytes: 512 << 10,
            ..Self::default()
        }
    }

    /// Checks every field against its documented range.
    ///
    /// # Errors
    ///
    /// The first field that is out of range, its value and the range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.loss.validate()?;
        for (field, probability) in [
            ("duplication", self.duplication),
            ("reorder", self.reorder),
            ("corruption", self.corruption),
        ] {
            check_range(field, probability, 0.0..=1.0, count)?;
        }
        for (field, delay) in [
            ("latency", self.latency),
            ("jitter", self.jitter),
            ("reorder_delay", self.reorder_delay),
        ] {
            check_range(field, delay, Duration::ZERO..=LINK_DELAY_MAX, duration)?;
        }
        if let Some(rate) = self.rate {
            check_range("rate", rate, 1..=LINK_RATE_MAX, bits_per_second)?;
        }
        let queue = self.queue_bytes;
        check_range("queue_bytes", queue, 0..=LINK_QUEUE_BYTES_MAX, bytes)
    }
}

impl Loss {
    fn validate(self) -> Result<(), ConfigError> {
        match self {
            Self::None => Ok(()),
            Self::Independent { probability } => {
                check_range("loss.probability", probability, 0.0..=1.0, count)
            }
            Self::Bursts {
                probability,
                mean_length,
            } => {
                let lengths = 1.0..=LINK_BURST_LENGTH_MAX;
                check_range("loss.mean_length", mean_length, lengths, count)?;
                let most = mean_length / (mean_length + 1.0);
                check_range("loss.probability", probability, 0.0..=most, count)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default() -> LinkConditions {
        LinkConditions::default()
    }

    fn lossy(loss: Loss) -> LinkConditions {
        LinkConditions { loss, ..default() }
    }

    #[test]
    fn presets_are_valid() {
        for conditions in [
            default(),
            LinkConditions::wifi(),
            LinkConditions::mobile(),
            LinkConditions::satellite(),
        ] {
            assert_eq!(conditions.validate(), Ok(()));
        }
    }

    #[test]
    fn accepts_the_ends_of_the_ranges() {
        let worst = LinkConditions {
            latency: LINK_DELAY_MAX,
            jitter: LINK_DELAY_MAX,
            loss: Loss::Bursts {
                probability: 0.75,
                mean_length: 3.0,
            },
            duplication: 1.0,
            reorder: 1.0,
            reorder_delay: LINK_DELAY_MAX,
            rate: Some(1),
            queue_bytes: LINK_QUEUE_BYTES_MAX,
            corruption: 1.0,
            partitioned: true,
        };
        assert_eq!(worst.validate(), Ok(()));
        let fastest = LinkConditions {
            rate: Some(LINK_RATE_MAX),
            queue_bytes: 0,
            ..default()
        };
        assert_eq!(fastest.validate(), Ok(()));
    }

    #[test]
    fn names_a_field_that_is_out_of_range() {
        let too_long = LINK_DELAY_MAX + Duration::from_secs(1);
        let cases = [
            (
                LinkConditions {
                    latency: too_long,
                    ..default()
                },
                "latency is 61 s, but must be between 0 ms and 1 min",
            ),
            (
                LinkConditions {
                    jitter: too_long,
                    ..default()
                },
                "jitter is 61 s, but must be between 0 ms and 1 min",
            ),
            (
                LinkConditions {
                    reorder_delay: too_long,
                    ..default()
                },
                "reorder_delay is 61 s, but must be between 0 ms and 1 min",
            ),
            (
                LinkConditions {
                    duplication: -0.5,
                    ..default()
                },
                "duplication is -0.5, but must be between 0 and 1",
            ),
            (
                LinkConditions {
                    reorder: 1.5,
                    ..default()
                },
                "reorder is 1.5, but must be between 0 and 1",
            ),
            (
                LinkConditions {
                    corruption: f64::NAN,
                    ..default()
                },
                "corruption is NaN, but must be between 0 and 1",
            ),
            (
                LinkConditions {
                    rate: Some(0),
                    ..default()
                },
                "rate is 0 bit/s, but must be between 1 bit/s and 100000000000 bit/s",
            ),
            (
                LinkConditions {
                    queue_bytes: LINK_QUEUE_BYTES_MAX + 1,
                    ..default()
                },
                "queue_bytes is 4194305 bytes, but must be between 0 bytes and 4194304 bytes",
            ),
        ];
        for (conditions, text) in cases {
            assert_eq!(conditions.validate().unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn names_a_loss_that_is_out_of_range() {
        let cases = [
            (
                Loss::Independent { probability: 1.01 },
                "loss.probability is 1.01, but must be between 0 and 1",
            ),
            (
                Loss::Bursts {
                    probability: 0.76,
                    mean_length: 3.0,
                },
                "loss.probability is 0.76, but must be between 0 and 0.75",
            ),
            (
                Loss::Bursts {
                    probability: 0.1,
                    mean_length: 0.5,
                },
                "loss.mean_length is 0.5, but must be between 1 and 1000000",
            ),
            (
                Loss::Bursts {
                    probability: 0.1,
                    mean_length: f64::INFINITY,
                },
                "loss.mean_length is inf, but must be between 1 and 1000000",
            ),
        ];
        for (loss, text) in cases {
            assert_eq!(lossy(loss).validate().unwrap_err().to_string(), text);
        }
        let error = lossy(Loss::Independent { probability: 2.0 }).validate();
        assert_eq!(error.unwrap_err().field(), "loss.probability");
    }
}
