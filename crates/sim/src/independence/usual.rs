//! What the other members let expect of a pair.

use super::MIN_OTHERS;

/// The shares of all pairs that can be compared, in thousandths.
pub(super) struct Usual {
    /// By follower, by source.
    shares: Vec<Vec<Option<u64>>>,
    /// The median of them all.
    all: Option<u64>,
}

impl Usual {
    /// Of the share of each pair, which is given by follower and source.
    pub(super) fn of(members: usize, pairs: impl Iterator<Item = ((usize, usize), u64)>) -> Self {
        let mut shares = vec![vec![None; members]; members];
        for ((follower, source), share) in pairs {
            shares[follower][source] = Some(share);
        }
        let all = median(shares.iter().flatten().flatten().copied());
        Self { shares, all }
    }

    /// The share that others let expect, if there are enough of them.
    ///
    /// A source that is large and quick precedes much of everybody's flags; a follower that is slow, or
    /// knows only what all know, is preceded by everybody. In a two-way table in which nothing but that
    /// is at work, the odds of a cell are those of its row times those of its column by the usual odds,
    /// all taken at the median here, which a few that copy do not move. Where that is less than what
    /// the source precedes anyway, that counts.
    pub(super) fn expected(&self, (follower, source): (usize, usize)) -> Option<u64> {
        let apart = |other: &usize| *other != follower && *other != source;
        let others = || (0..self.shares.len()).filter(apart);
        let by_source = median(others().filter_map(|other| self.shares[other][source]))?;
        let of_follower = median(others().filter_map(|other| self.shares[follower][other]));
        let product = of_follower.zip(self.all).map(|(row, all)| multiplied(by_source, row, all));
        Some(product.unwrap_or(0).max(by_source))
    }
}

/// The median, if there are enough; of an even count the greater of the two in the middle.
fn median(shares: impl Iterator<Item = u64>) -> Option<u64> {
    let mut shares: Vec<u64> = shares.collect();
    shares.sort_unstable();
    (shares.len() >= MIN_OTHERS).then(|| shares[shares.len() / 2])
}

/// The share whose odds are those of `one` times those of `other` by the `usual` ones.
fn multiplied(one: u64, other: u64, usual: u64) -> u64 {
    // Odds of 0 and of infinity would decide alone.
    let [one, other, usual] = [one, other, usual].map(|share| share.clamp(1, 999));
    let for_it = one * other * (1_000 - usual);
    let against = (1_000 - one) * (1_000 - other) * usual;
    for_it * 1_000 / (for_it + against)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_multiply() {
        assert_eq!(multiplied(500, 500, 500), 500);
        assert_eq!(multiplied(200, 300, 200), 300, "a usual source changes nothing");
        // 1 in 3, times 3 in 1, by 1 in 3: 3 in 1.
        assert_eq!(multiplied(250, 750, 250), 750);
        assert_eq!(multiplied(0, 0, 0), 1);
        assert_eq!(multiplied(1_000, 1_000, 500), 999);
    }

    /// Follower 0 is preceded by all, source 4 precedes all; 1 follows 2 alone.
    #[test]
    fn rows_and_columns_are_expected_and_single_pairs_are_not() {
        let share = |follower: usize, source: usize| match (follower, source) {
            (1, 2) => 900,
            (0, 4) => 800,
            (0, _) | (_, 4) => 500,
            _ => 200,
        };
        let pairs = (0..6).flat_map(|a| (0..6).map(move |b| (a, b))).filter(|(a, b)| a != b);
        let usual = Usual::of(6, pairs.clone().map(|of| (of, share(of.0, of.1))));
        assert_eq!(usual.expected((0, 4)), Some(800));
        assert_eq!(usual.expected((3, 4)), Some(500));
        assert_eq!(usual.expected((1, 2)), Some(200));
        let few = Usual::of(4, pairs.filter(|(a, b)| *a < 4 && *b < 4).map(|of| (of, 200)));
        assert_eq!(few.expected((0, 1)), None, "two others are not enough");
    }
}
