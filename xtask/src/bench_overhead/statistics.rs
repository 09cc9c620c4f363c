//! Ratios that a few disturbed seconds do not change: medians, and the interval that holds the true one.

use serde::Serialize;

/// The median of some figures, and how sure it is.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Estimate {
    pub(super) median: f64,
    /// The median of the figures' population lies between these with a probability of 95 %, whatever their distribution.
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) samples: usize,
}

impl Estimate {
    /// Of `figures`, which must not be empty.
    pub(super) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        assert!(n > 0, "there is something to take the median of");
        let at = |index: usize| sorted[index.min(n - 1)];
        // The rank of the median is binomial: n/2 with a deviation of sqrt(n)/2 (W. J. Conover, Practical Nonparametric
        // Statistics, 3.2).
        let spread = 1.96 * (n as f64).sqrt() / 2.0;
        let rank = ((n as f64 + 1.0) / 2.0 - spread).floor().max(1.0) as usize;
        let (low, high) = (rank - 1, n - rank);
        Self { median: (at((n - 1) / 2) + at(n / 2)) / 2.0, low: at(low), high: at(high), samples: n }
    }

    /// `1.003 (0.998-1.007)`.
    pub(super) fn text(&self) -> String {
        format!("{:.3} ({:.3}-{:.3})", self.median, self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_its_interval() {
        let check = |figures: &[f64], median: f64, low: f64, high: f64| {
            let found = Estimate::of(figures.iter().copied());
            assert_eq!((found.median, found.low, found.high), (median, low, high), "{figures:?}");
        };
        check(&[3.0], 3.0, 3.0, 3.0);
        check(&[1.0, 2.0], 1.5, 1.0, 2.0);
        check(&[9.0, 1.0, 5.0], 5.0, 1.0, 9.0);
        // Conover's table: for 20 figures the 6th and the 15th.
        let twenty: Vec<f64> = (1..=20).map(f64::from).collect();
        check(&twenty, 10.5, 6.0, 15.0);
    }

    #[test]
    fn one_wild_figure_changes_little() {
        let wild = [1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 70.0];
        assert_eq!(Estimate::of(wild).median, 1.0);
    }
}
