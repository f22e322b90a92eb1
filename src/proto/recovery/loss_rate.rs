//! Recent loss rate of packets to a peer.

/// Loss rate above which redundant copies continue until the message is acknowledged: 2%.
pub(crate) const LOSSY_PPM: u32 = 20_000;

/// Exponential moving average. The weight of a packet halves after 90 further packets.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LossRate {
    ppm: u32,
}

const WEIGHT: i64 = 128;

impl LossRate {
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
    fn converges_to_the_loss_rate() {
        let ppm = after((0..10_000).map(|n| n % 20 == 0));
        assert!((40_000..60_000).contains(&ppm), "{ppm}");
        assert_eq!(after(std::iter::repeat_n(false, 100)), 0);
        let ppm = after(std::iter::repeat_n(true, 10_000));
        assert!((990_000..=1_000_000).contains(&ppm), "{ppm}");
    }

    #[test]
    fn ignores_a_single_loss_and_decays() {
        assert!(after([true].into_iter()) < LOSSY_PPM);
        let long_ago = [true, true]
            .into_iter()
            .chain(std::iter::repeat_n(false, 100));
        assert!(after(long_ago) < LOSSY_PPM);
    }
}
