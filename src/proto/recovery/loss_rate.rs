//! How many of the packets to a peer are lost, lately.

/// The measured loss above which copies go on until the message is acknowledged: 2%, in millionths.
pub(crate) const LOSSY_PPM: u32 = 20_000;

/// An average in which a packet counts less with each one after it: half as much after 90.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LossRate {
    ppm: u32,
}

/// The weight of the newest packet is one in so many.
const WEIGHT: i64 = 128;

impl LossRate {
    /// The fate of a packet is known.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a million"
    )]
    pub(crate) fn on_packet(&mut self, is_lost: bool) {
        let target = if is_lost { 1_000_000 } else { 0 };
        let now = i64::from(self.ppm);
        self.ppm = (now + (target - now) / WEIGHT) as u32;
    }

    /// In millionths.
    pub(crate) fn ppm(self) -> u32 {
        self.ppm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(packets: impl Iterator<Item = bool>) -> u32 {
        let mut rate = LossRate::default();
        packets.for_each(|is_lost| rate.on_packet(is_lost));
        rate.ppm()
    }

    #[test]
    fn it_comes_near_what_is_really_lost() {
        let ppm = after((0..10_000).map(|n| n % 20 == 0));
        assert!((40_000..60_000).contains(&ppm), "{ppm}");
        assert_eq!(after(std::iter::repeat_n(false, 100)), 0);
        let ppm = after(std::iter::repeat_n(true, 10_000));
        assert!((990_000..=1_000_000).contains(&ppm), "{ppm}");
    }

    #[test]
    fn one_lost_packet_is_not_a_lossy_way_and_two_of_a_hundred_are_forgotten() {
        assert!(after([true].into_iter()) < LOSSY_PPM);
        let long_ago = [true, true]
            .into_iter()
            .chain(std::iter::repeat_n(false, 100));
        assert!(after(long_ago) < LOSSY_PPM);
    }
}
