//! Quantiles and confidence intervals over runs. The only floating point of the cascade models, and
//! nothing is decided by it.
#![allow(clippy::float_arithmetic, clippy::cast_precision_loss)]

/// The share of cases in which an interval holds what it is for.
pub const CONFIDENCE: f64 = 0.95;
/// The quantiles that are reported over runs.
pub const QUANTILES: [f64; 3] = [0.05, 0.5, 0.95];

/// An estimate with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// What several runs say of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How many runs have a value.
    pub runs: usize,
    /// The mean.
    pub mean: Estimate,
    /// The quantiles of [`QUANTILES`].
    pub quantiles: [Estimate; 3],
}

impl Summary {
    /// The summary of the values of several runs; nothing where there is none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let mean = mean(&sorted)?;
        let mut quantiles = [mean; 3];
        for (slot, q) in quantiles.iter_mut().zip(QUANTILES) {
            *slot = quantile_estimate(&sorted, q)?;
        }
        Some(Self { runs: sorted.len(), mean, quantiles })
    }
}

/// The `q`-quantile of sorted values, by linear interpolation between the two nearest (type 7 of
/// Hyndman and Fan, "Sample quantiles in statistical packages", 1996).
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let part = place - below as f64;
    Some(sorted[below] + (sorted[above] - sorted[below]) * part)
}

/// The quantile and the two order statistics between which it lies with at least [`CONFIDENCE`],
/// whatever the distribution (the count of values below it is binomial). Too few values give the
/// least and the greatest, which is less sure.
fn quantile_estimate(sorted: &[f64], q: f64) -> Option<Estimate> {
    let value = quantile(sorted, q)?;
    let n = sorted.len();
    let tail = (1.0 - CONFIDENCE) / 2.0;
    // The greatest rank with P(count < rank) <= tail, and the least with P(count >= rank) <= tail,
    // both counted from 0 as indices.
    let mut cumulative = 0.0;
    let (mut low, mut high) = (0, n - 1);
    let mut found_high = false;
    for (count, chance) in binomial(n, q).into_iter().enumerate() {
        cumulative += chance;
        if cumulative <= tail {
            low = count.min(n - 1);
        }
        if !found_high && cumulative >= 1.0 - tail && count < n {
            high = count;
            found_high = true;
        }
    }
    Some(Estimate { value, low: sorted[low], high: sorted[high] })
}

/// The chances of 0 to `n` successes.
fn binomial(n: usize, p: f64) -> Vec<f64> {
    let mut logs = vec![0.0; n + 1];
    for k in 1..=n {
        logs[k] = logs[k - 1] + (k as f64).ln();
    }
    (0..=n)
        .map(|k| {
            let choose = logs[n] - logs[k] - logs[n - k];
            (choose + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).exp()
        })
        .collect()
}

/// The mean, with Student's interval; from one value alone there is none.
fn mean(values: &[f64]) -> Option<Estimate> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    if values.len() == 1 {
        return Some(Estimate { value, low: value, high: value });
    }
    let squares: f64 = values.iter().map(|one| (one - value) * (one - value)).sum();
    let half = student(values.len() - 1) * (squares / (n - 1.0) / n).sqrt();
    Some(Estimate { value, low: value - half, high: value + half })
}

/// The 97.5 % point of Student's t for so many degrees of freedom: a table up to 30, and above it the
/// expansion of Cornish and Fisher about the normal distribution, good to three decimals there.
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    const NORMAL: f64 = 1.959_964;
    let z = NORMAL;
    let expansion = z + (z.powi(3) + z) / (4.0 * freedom as f64);
    TABLE.get(freedom.saturating_sub(1)).copied().unwrap_or(expansion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_order_statistics() {
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(quantile(&ten, 0.5), Some(5.5));
        assert_eq!(quantile(&ten, 0.0), Some(1.0));
        assert_eq!(quantile(&ten, 1.0), Some(10.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.95), Some(3.0));
    }

    #[test]
    fn the_median_of_ten_lies_between_the_second_and_the_ninth() {
        // P(Binomial(10, 1/2) <= 1) = 11/1024, P(<= 2) = 56/1024: ranks 2 and 9, 97.9 % sure.
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        let median = quantile_estimate(&ten, 0.5).expect("there are values");
        assert_eq!((median.low, median.high), (2.0, 9.0));
    }

    #[test]
    fn few_values_give_the_least_and_the_greatest() {
        let median = quantile_estimate(&[1.0, 2.0, 3.0], 0.5).expect("there are values");
        assert_eq!((median.low, median.high), (1.0, 3.0));
        let one = Summary::of(&[7.0]).expect("there is a value");
        assert_eq!((one.mean.low, one.mean.high), (7.0, 7.0));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn the_mean_has_students_interval() {
        // Mean 3, standard deviation sqrt(2.5), t = 2.776 for four degrees of freedom.
        let five = Summary::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("there are values").mean;
        assert!((five.high - 4.963).abs() < 0.001, "{five:?}");
        assert!((student(100) - 1.984).abs() < 0.001);
    }

    #[test]
    fn intervals_hold_what_they_are_for_as_often_as_they_say() {
        let mut dice = crate::dice::Dice::new(5);
        let mut held = 0;
        for _ in 0..2_000 {
            let mut runs: Vec<f64> = (0..40).map(|_| dice.below(1_000_001) as f64).collect();
            runs.sort_unstable_by(f64::total_cmp);
            let median = quantile_estimate(&runs, 0.5).expect("there are values");
            held += u32::from(median.low <= 500_000.0 && 500_000.0 <= median.high);
        }
        assert!((1_880..=1_960).contains(&held), "{held} of 2000");
    }
}
