//! The probabilities: a bound for one pair, and the correction for having looked at many.
#![allow(clippy::float_arithmetic)]

/// How improbable at least it is that a shuffle gives `observed` where it gives `expected` on average,
/// as -ln of the probability.
///
/// The sum over the occasions of a number from 0 to 1 that depends on the occasion and on the place
/// that the shuffle gives it is a combinatorial sum, for which
/// `P(X - E >= t) <= exp(-t^2 / (4 E + 2 t))` (S. Chatterjee, "Stein's method for concentration
/// inequalities", Probability Theory and Related Fields 138, 2007, proposition 1.1). It holds for
/// spans that are shuffled each by itself too: the bound on the logarithm of the moment generating
/// function, from which it comes, is a sum over them.
pub(super) fn nats(observed: f64, expected: f64) -> f64 {
    let above = observed - expected;
    if above > 0.0 { above * above / (4.0 * expected + 2.0 * above) } else { 0.0 }
}

/// The probabilities `exp(-nats)`, each corrected for there being so many, after S. Holm, "A simple
/// sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979. It
/// holds however the tests depend on each other.
pub(super) fn holm(nats: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..nats.len()).collect();
    order.sort_by(|a, b| nats[*b].total_cmp(&nats[*a]));
    let mut corrected = vec![1.0; nats.len()];
    let mut least = 0.0_f64;
    let mut left = f64::from(u32::try_from(nats.len()).unwrap_or(u32::MAX));
    for index in order {
        least = least.max((left * (-nats[index]).exp()).min(1.0));
        corrected[index] = least;
        left -= 1.0;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn only_what_is_above_chance_is_improbable() {
        assert!(near(nats(3.0, 3.0), 0.0));
        assert!(near(nats(2.0, 3.0), 0.0));
        assert!(near(nats(30.0, 10.0), 400.0 / 80.0));
        assert!(near(nats(5.0, 0.0), 2.5));
    }

    #[test]
    fn the_least_probable_is_corrected_most() {
        let of = |p: f64| -p.ln();
        let corrected = holm(&[of(0.04), of(0.001), of(0.03)]);
        assert!(near(corrected[1], 0.003));
        assert!(near(corrected[2], 0.06));
        assert!(near(corrected[0], 0.06), "never below one that is less probable");
        assert!(holm(&[]).is_empty());
        assert!(near(holm(&[0.0, 0.1])[0], 1.0), "a probability is at most 1");
    }
}
