//! Chance with a seed: the same seed gives the same station, the same calls, the same lines.
//!
//! Splitmix64 (Steele, Lea, Flood 2014): 64 bits of state and no weak seeds. It decides traffic, not secrets.

use std::time::Duration;

/// A source of decisions.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high.saturating_sub(low)) + 1;
        let step = ((self.bits() >> 32) * span) >> 32;
        low.saturating_add(u32::try_from(step).unwrap_or(0))
    }

    /// True in `percent` of 100 cases.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.between(1, 100) <= percent
    }

    /// A span of `low` to `high` milliseconds.
    pub(crate) fn pause(&mut self, low_ms: u32, high_ms: u32) -> Duration {
        Duration::from_millis(u64::from(self.between(low_ms, high_ms)))
    }

    /// One of `from`; the default of nothing at all.
    pub(crate) fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        let last = u32::try_from(from.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let at = usize::try_from(self.between(0, last)).unwrap_or(0);
        from.get(at).copied().unwrap_or_default()
    }

    /// One of `from`, each as often as its weight says.
    pub(crate) fn weigh<T: Copy + Default>(&mut self, from: &[(u32, T)]) -> T {
        let total: u32 = from.iter().map(|(weight, _)| weight).sum();
        let mut left = self.between(1, total);
        for &(weight, item) in from {
            if left <= weight {
                return item;
            }
            left -= weight;
        }
        T::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rng_stays_between_its_bounds_and_reaches_both() {
        let mut rng = Rng::new(7);
        let seen: Vec<u32> = (0..1000).map(|_| rng.between(3, 6)).collect();
        assert!(seen.iter().all(|n| (3..=6).contains(n)));
        assert!([3, 4, 5, 6].iter().all(|n| seen.contains(n)));
    }

    #[test]
    fn rng_weighs_as_told() {
        let mut rng = Rng::new(1);
        let heavy = (0..1000).filter(|_| rng.weigh(&[(1, 'a'), (9, 'b')]) == 'b').count();
        assert!((850..950).contains(&heavy), "{heavy} of 1000 for a weight of 9 in 10");
    }
}
