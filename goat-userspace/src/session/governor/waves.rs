//! Arming a few sites at a time: while the target is busy, each site that is armed costs it some 40 microseconds.

use std::time::Duration;

/// The first wave, and the smallest.
const FEWEST: usize = 64;
/// The most waves: each is a link, and closing a link takes the kernel a while.
const MOST_WAVES: usize = 32;
/// What a wave should take.
const LENGTH: Duration = Duration::from_millis(4);
/// A target that uses less than this share of a core while goat looks is idle, and is armed at once.
const IDLE: f64 = 0.05;

/// How many sites come next, and when.
pub(in crate::session) struct Waves {
    sites: usize,
    waiting: usize,
    share: f64,
    size: usize,
}

impl Waves {
    /// For `sites` sites. Arming may take `share` of the time; `None` for all at once.
    pub(in crate::session) fn new(sites: usize, share: Option<f64>) -> Self {
        let size = match share {
            Some(_) => FEWEST.max(sites.div_ceil(MOST_WAVES)),
            None => sites,
        };
        Self { sites, waiting: sites, share: share.unwrap_or(1.0), size }
    }

    /// Whether a target that used `cpu` within `wall` may be armed at once.
    pub(in crate::session) fn is_idle(cpu: Duration, wall: Duration) -> bool {
        cpu.as_secs_f64() < IDLE * wall.as_secs_f64()
    }

    /// The next sites to arm, by their place in the plan; empty when all are.
    pub(in crate::session) fn next(&mut self) -> std::ops::Range<usize> {
        let first = self.sites - self.waiting;
        let count = self.size.min(self.waiting);
        self.waiting -= count;
        first..first + count
    }

    /// How long to pause after a wave of `armed` sites that took `took`.
    pub(in crate::session) fn pause(&mut self, armed: usize, took: Duration) -> Duration {
        if self.waiting == 0 || self.share >= 1.0 {
            return Duration::ZERO;
        }
        if took < LENGTH / 2 && armed >= self.size {
            self.size = self.size.saturating_mul(2);
        }
        took.mul_f64((1.0 / self.share - 1.0).min(1e3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arming_takes_its_share_of_the_time() {
        // Sites, what one of them costs in microseconds; waves, milliseconds of arming, and of all.
        check(0, 37, (0, 0, 0));
        check(50, 37, (1, 1, 1));
        check(6_680, 37, (32, 247, 4_801));
        // An idle target: waves grow.
        check(6_680, 1, (6, 6, 129));
        check(100_000, 37, (32, 3_700, 71_803));
    }

    fn check(sites: usize, micros: u64, expected: (usize, u128, u128)) {
        let mut waves = Waves::new(sites, Some(0.05));
        let (mut count, mut arming, mut all, mut next) = (0, Duration::ZERO, Duration::ZERO, 0);
        loop {
            let wave = waves.next();
            if wave.is_empty() {
                break;
            }
            assert_eq!(wave.start, next);
            next = wave.end;
            let took = Duration::from_micros(micros * wave.len() as u64);
            count += 1;
            arming += took;
            all += took + waves.pause(wave.len(), took);
        }
        assert_eq!(next, sites);
        assert_eq!((count, arming.as_millis(), all.as_millis()), expected, "{sites} of {micros} us");
    }

    #[test]
    fn without_a_budget_all_come_at_once() {
        assert_eq!(Waves::new(5_000, None).next(), 0..5_000);
        assert!(Waves::is_idle(Duration::from_micros(100), Duration::from_millis(4)));
        assert!(!Waves::is_idle(Duration::from_micros(300), Duration::from_millis(4)));
    }
}
