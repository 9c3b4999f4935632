//! Probabilities as whole numbers, and how many times in a row nothing happens.

use crate::dice::Dice;

/// A probability, in steps of 2^-64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u128);

const ONE: u128 = 1 << 64;

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(ONE);

    /// So many times out of so many; always where the first is not the smaller one.
    pub const fn of(times: u64, out_of: u64) -> Self {
        if times >= out_of { Self::ALWAYS } else { Self(((times as u128) << 64) / out_of as u128) }
    }

    /// Whether it happens this time.
    pub fn happens(self, dice: &mut Dice) -> bool {
        u128::from(dice.next()) < self.0
    }
}

/// How many times in a row something does not happen: geometric numbers by inversion, without
/// logarithms, which are not the same on every machine.
#[derive(Debug)]
pub(super) struct Gaps {
    /// The chance that it does not happen 1, 2, 4, 8 ... times in a row, in steps of 2^-64, as long
    /// as it is not 0; nothing if it never happens.
    not_in_a_row: Option<Vec<u64>>,
}

impl Gaps {
    pub(super) fn new(chance: Chance) -> Self {
        let Ok(mut not) = u64::try_from(ONE - chance.0) else { return Self { not_in_a_row: None } };
        let mut not_in_a_row = Vec::new();
        while not > 0 && not_in_a_row.len() < 63 {
            not_in_a_row.push(not);
            not = upper(u128::from(not) * u128::from(not));
        }
        Self { not_in_a_row: Some(not_in_a_row) }
    }

    /// How many times it does not happen before it does.
    pub(super) fn next(&self, dice: &mut Dice) -> u64 {
        let Some(not_in_a_row) = &self.not_in_a_row else { return u64::MAX };
        let roll = dice.next();
        // The longest run whose chance is still greater than the roll, put together bit by bit. It
        // begins with a chance of one, less the smallest step; both ways of a bit take the same time.
        let (mut run, mut chance) = (0, u64::MAX);
        for (bit, not) in not_in_a_row.iter().enumerate().rev() {
            let longer = upper(u128::from(chance) * u128::from(*not));
            let goes_on = longer > roll;
            chance = if goes_on { longer } else { chance };
            run |= u64::from(goes_on) << bit;
        }
        run
    }
}

/// The upper half of a product of two numbers below 2^64.
#[allow(clippy::cast_possible_truncation)] // 64 bits are left.
fn upper(product: u128) -> u64 {
    (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_and_impossible_things() {
        let mut dice = Dice::new(1);
        assert!((0..100).all(|_| Chance::of(3, 3).happens(&mut dice)));
        assert!((0..100).all(|_| Chance::of(1, 0).happens(&mut dice)));
        assert!(!(0..100).any(|_| Chance::of(0, 3).happens(&mut dice)));
        assert_eq!(Gaps::new(Chance::ALWAYS).next(&mut dice), 0);
        assert_eq!(Gaps::new(Chance::NEVER).next(&mut dice), u64::MAX);
    }

    #[test]
    fn gaps_are_as_often_so_long_as_chance_says() {
        let mut dice = Dice::new(2);
        let gaps = Gaps::new(Chance::of(1, 4));
        let mut counts = [0_u64; 4];
        let draws = 100_000_u64;
        for _ in 0..draws {
            let gap = gaps.next(&mut dice);
            if let Some(count) = usize::try_from(gap).ok().and_then(|gap| counts.get_mut(gap)) {
                *count += 1;
            }
        }
        // 1/4, 3/16, 9/64, 27/256 of the draws, within five times the standard deviation.
        for (count, expected) in counts.into_iter().zip([25_000, 18_750, 14_062, 10_546]) {
            assert!(count.abs_diff(expected) < 700, "{counts:?}");
        }
    }
}
