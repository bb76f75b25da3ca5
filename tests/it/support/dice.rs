//! Chance that can be had again.

use std::time::Duration;

/// Numbers by chance, the same ones for the same seed (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end`, without `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// A part of `whole`, each as likely as the other.
    pub(crate) fn part_of(&mut self, whole: Duration) -> Duration {
        let micros = usize::try_from(whole.as_micros()).unwrap();
        Duration::from_micros(self.below(micros + 1).try_into().unwrap())
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// How often: what the variable says, else `usual`.
pub(crate) fn number(variable: &str, usual: usize) -> usize {
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever has time asks for a larger number"
    )]
    let asked = std::env::var(variable).ok();
    asked.map_or(usual, |asked| asked.parse().unwrap())
}
