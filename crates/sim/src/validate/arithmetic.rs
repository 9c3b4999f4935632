//! What is expected, where a formula says so.

/// The probability that a Poisson number of this mean is at most `most`.
pub(super) fn poisson_at_most(mean: f64, most: u32) -> f64 {
    let mut term = (-mean).exp();
    let mut sum = term;
    for number in 1..=most {
        term *= mean / f64::from(number);
        sum += term;
    }
    sum
}

/// The probability that of `n` independent trials with chance `p` at least `k` come true.
pub(super) fn binomial_at_least(n: u32, p: f64, k: u32) -> f64 {
    let mut term = (1.0 - p).powf(f64::from(n));
    let mut below = 0.0;
    for number in 0..k {
        below += term;
        term *= f64::from(n - number) / f64::from(number + 1) * p / (1.0 - p);
    }
    1.0 - below
}

/// What share of a random graph of mean degree `z` locks where a share `first` of it does so first and
/// a member of `k` peers when `needed(k)` of them have: equations 1 and 2 of J. P. Gleeson and D. J.
/// Cahalane, Physical Review E 75, 2007. Of more than `most` peers nobody is taken to be.
pub(super) fn share_that_locks(z: f64, first: f64, needed: impl Fn(u32) -> u32, most: u32) -> f64 {
    // The probability that of `peers`, each of which has locked with chance `q`, enough have.
    let enough = |peers: u32, of: u32, q: f64| {
        let needed = needed(of);
        if needed > peers { 0.0 } else { binomial_at_least(peers, q, needed) }
    };
    let sum = |term: &dyn Fn(u32) -> f64| {
        let mut probability = (-z).exp();
        let mut sum = probability * term(0);
        for peers in 1..=most {
            probability *= z / f64::from(peers);
            sum += probability * term(peers);
        }
        sum
    };
    let mut q = first;
    loop {
        // A peer is met by one of its edges, and is as likely as it has edges.
        let by_edge = sum(&|peers| match peers {
            0 => 0.0,
            peers => f64::from(peers) / z * enough(peers - 1, peers, q),
        });
        let next = first + (1.0 - first) * by_edge;
        // It rises from step to step, and to less than 1.
        if next - q < 1e-12 {
            return first + (1.0 - first) * sum(&|peers| enough(peers, peers, q));
        }
        q = next;
    }
}

/// Where `f` crosses 0 between `from` and `to`, looked for in steps of a thousandth.
pub(super) fn crossings(from: f64, to: f64, f: impl Fn(f64) -> f64) -> Vec<f64> {
    const STEP: f64 = 0.001;
    let mut found = Vec::new();
    let mut left = from;
    while left < to {
        let right = left + STEP;
        if (f(left) > 0.0) != (f(right) > 0.0) {
            found.push(crossing(left, right, &f));
        }
        left = right;
    }
    found
}

fn crossing(mut left: f64, mut right: f64, f: &impl Fn(f64) -> f64) -> f64 {
    for _ in 0..50 {
        let middle = f64::midpoint(left, right);
        if (f(left) > 0.0) == (f(middle) > 0.0) { left = middle } else { right = middle }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 5e-5, "{found}, not {expected}");
    }

    #[test]
    fn sums_of_probabilities() {
        near(poisson_at_most(2.0, 0), 0.13534);
        near(poisson_at_most(2.0, 3), 0.85712);
        near(binomial_at_least(30, 0.01, 1), 0.26030);
        near(binomial_at_least(2, 0.5, 2), 0.25);
        near(binomial_at_least(2, 0.5, 0), 1.0);
    }

    #[test]
    fn a_parabola_crosses_twice() {
        let found = crossings(-3.0, 3.0, |x| x * x - 2.0);
        assert_eq!(found.len(), 2);
        near(found[0], -std::f64::consts::SQRT_2);
        near(found[1], std::f64::consts::SQRT_2);
    }
}
