//! Randomness that can be played again: a story's dice are seeded.

use std::time::Duration;

/// `SplitMix64`. Nothing secret hangs on it.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).expect("below a usize")
    }

    /// Heads or tails.
    pub(crate) fn coin(&mut self) -> bool {
        self.number().is_multiple_of(2)
    }

    /// A duration below `longest`.
    pub(crate) fn pause(&mut self, longest: Duration) -> Duration {
        let nanos = u64::try_from(longest.as_nanos()).expect("below a century").max(1);
        Duration::from_nanos(self.number() % nanos)
    }

    /// 16 bytes as hexadecimal digits.
    pub(crate) fn name(&mut self) -> String {
        format!("{:016x}{:016x}", self.number(), self.number())
    }
}
