//! When a datagram came: to the client, and before that to the kernel.

use std::time::{Duration, Instant, SystemTime};

/// When a datagram came to the client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    /// How long it had waited in the kernel by then; `None` where the kernel was not asked.
    pub(super) waited: Option<Duration>,
}

impl Arrival {
    /// One that the client has just been given, and the kernel had taken in at `stamp`.
    pub(super) fn just_now(stamp: Option<SystemTime>) -> Self {
        let at = Instant::now();
        Self {
            at,
            // A stamp from the future is one from before the clock was set: it says nothing.
            waited: stamp.and_then(|stamp| stamp.elapsed().ok()),
        }
    }
}

/// Of a kernel that was not asked.
impl From<Instant> for Arrival {
    fn from(at: Instant) -> Self {
        Self { at, waited: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_has_waited_since_its_stamp() {
        let second = Duration::from_secs(1);
        let arrival = Arrival::just_now(Some(SystemTime::now() - second));
        assert!(arrival.waited >= Some(second), "{arrival:?}");
    }

    #[test]
    fn without_a_stamp_or_with_one_from_the_future_nothing_is_said() {
        assert_eq!(Arrival::just_now(None).waited, None);
        let later = SystemTime::now() + Duration::from_secs(3600);
        assert_eq!(Arrival::just_now(Some(later)).waited, None);
    }
}
