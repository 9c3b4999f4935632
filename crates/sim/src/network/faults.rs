//! What is wrong with a network.

use interlock_record::Span;

use crate::dice::Dice;

/// What is wrong with a network, and how slow it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// The shortest time that a frame is under way, ms.
    pub least_delay_ms: u32,
    /// The longest, ms.
    pub most_delay_ms: u32,
    /// How many in a thousand pushed frames are lost.
    pub lost_permille: u64,
    /// How many in a thousand pushed frames arrive twice.
    pub twice_permille: u64,
    /// How many in a thousand pulls break off half way.
    pub broken_pulls_permille: u64,
    /// How far a member's clock goes ahead or behind at most, ms.
    pub skew_ms: u32,
}

impl Faults {
    /// Nothing is wrong, and every frame takes 1 to 20 ms.
    pub const NONE: Self = Self {
        least_delay_ms: 1,
        most_delay_ms: 20,
        lost_permille: 0,
        twice_permille: 0,
        broken_pulls_permille: 0,
        skew_ms: 0,
    };

    /// Much is wrong.
    pub const ROUGH: Self = Self {
        least_delay_ms: 1,
        most_delay_ms: 900,
        lost_permille: 200,
        twice_permille: 200,
        broken_pulls_permille: 300,
        skew_ms: 240,
    };

    /// The same clocks, and nothing else wrong.
    #[must_use]
    pub const fn calm(self) -> Self {
        Self { skew_ms: self.skew_ms, ..Self::NONE }
    }

    pub(super) fn delay(&self, dice: &mut Dice) -> Span {
        let more = u64::from(self.most_delay_ms.saturating_sub(self.least_delay_ms));
        let more = u32::try_from(dice.below(more + 1)).unwrap_or(0);
        Span::from_millis(self.least_delay_ms + more)
    }

    /// How far a clock is ahead, µs; negative where it is behind.
    pub(super) fn skew(&self, dice: &mut Dice) -> i64 {
        let most = i64::from(self.skew_ms) * 1_000;
        let span = u64::try_from(2 * most + 1).unwrap_or(1);
        i64::try_from(dice.below(span)).unwrap_or(0) - most
    }
}
