//! What can be said of a point whose sites were not armed all the time, because they were hit too often for the budget.

use std::time::Duration;

use super::Item;
use crate::counts::SlotCount;

/// The reason's word for a point whose sites were out of the text at times.
pub(super) const THROTTLED: &str = "throttled";

/// How often a point ran, and how long it was watched for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Estimate {
    /// With 95 % certainty, it ran no less.
    pub low: u64,
    /// And no more; `None` where nothing limits it.
    pub high: Option<u64>,
    /// For how long its sites were armed: the one that was armed for the least part of the time. In whole milliseconds.
    pub armed: Duration,
    /// Out of how long.
    pub watched: Duration,
}

impl Estimate {
    /// The best estimate and its limits for a point of these sites; `None` if what they counted is all there was.
    pub(super) fn of(sites: impl Iterator<Item = SlotCount>) -> Option<(u64, Self)> {
        let (mut count, mut low, mut high) = (0u64, 0u64, Some(0u64));
        let mut least: Option<(Duration, Duration)> = None;
        for SlotCount { hits, sampled, .. } in sites {
            let sampled = sampled.unwrap_or_else(|| {
                // Armed all the time: exact.
                crate::counts::Sampled { unseen_high: Some(0), ..Default::default() }
            });
            count = count.saturating_add(hits).saturating_add(sampled.unseen);
            low = low.saturating_add(hits).saturating_add(sampled.unseen_low);
            high = high.zip(sampled.unseen_high).map(|(sum, more)| sum.saturating_add(hits).saturating_add(more));
            let times = (sampled.armed, sampled.watched);
            if !sampled.watched.is_zero() && least.is_none_or(|least| share(times) < share(least)) {
                least = Some(times);
            }
        }
        let millis = |time: Duration| Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let (armed, watched) = least?;
        Some((count, Self { low, high, armed: millis(armed), watched: millis(watched) }))
    }

    /// `armed for 4.1 % of 300 s`.
    pub fn times(&self) -> String {
        let percent = 100.0 * share((self.armed, self.watched));
        // Never rounded to all or nothing.
        let percent = if percent < 0.01 { "less than 0.01".into() } else { format!("{:.2}", percent.min(99.99)) };
        format!("armed for {percent} % of {:.1} s", self.watched.as_secs_f64())
    }

    /// `between 1 100 and 1 400 times`.
    pub fn limits(&self) -> String {
        let low = spaced(self.low);
        match self.high {
            Some(high) => format!("between {low} and {} times", spaced(high)),
            None => format!("at least {low} times"),
        }
    }
}

/// The count for people where it is not exact: `~1 234`, `≥ 12`.
pub fn inexact(item: &Item) -> Option<String> {
    if item.estimate.is_some() {
        return Some(about(item.count));
    }
    item.at_least.then(|| format!("≥ {}", spaced(item.count)))
}

/// `~1 234`.
pub(super) fn about(count: u64) -> String {
    format!("~{}", spaced(count))
}

fn share((armed, watched): (Duration, Duration)) -> f64 {
    if watched.is_zero() { 1.0 } else { armed.as_secs_f64() / watched.as_secs_f64() }
}

/// Digits in groups of three.
fn spaced(number: u64) -> String {
    let digits = number.to_string();
    let first = (digits.len() - 1) % 3 + 1;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(|group| format!(" {}", String::from_utf8_lossy(group)));
    head.to_owned() + &groups.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Sampled;

    fn sampled(hits: u64, unseen: [u64; 2], high: Option<u64>, armed: u64, watched: u64) -> SlotCount {
        let [unseen, unseen_low] = unseen;
        let [armed, watched] = [armed, watched].map(Duration::from_millis);
        let sampled = Some(Sampled { unseen, unseen_low, unseen_high: high, armed, watched });
        SlotCount { hits, sampled, ..SlotCount::default() }
    }

    #[test]
    fn sites_add_up_and_the_least_watched_speaks_for_all() {
        let exact = |hits| SlotCount { hits, ..SlotCount::default() };
        let check = |sites: &[SlotCount], expected: Option<(u64, &str, &str)>| {
            let found = Estimate::of(sites.iter().copied());
            let found = found.map(|(count, e)| (count, e.limits(), e.times()));
            let expected = expected.map(|(count, limits, times)| (count, limits.to_owned(), times.to_owned()));
            assert_eq!(found, expected);
        };
        check(&[], None);
        check(&[exact(5), exact(7)], None);
        check(
            &[exact(5), sampled(1_000, [230_000, 200_000], Some(300_000), 1_500, 30_000)],
            Some((231_005, "between 201 005 and 301 005 times", "armed for 5.00 % of 30.0 s")),
        );
        check(
            &[sampled(1, [10, 5], None, 2, 3), sampled(1, [10, 5], Some(20), 1, 20_000)],
            Some((22, "at least 12 times", "armed for less than 0.01 % of 20.0 s")),
        );
        check(
            &[sampled(0, [0, 0], Some(3), 99_999, 100_000)],
            Some((0, "between 0 and 3 times", "armed for 99.99 % of 100.0 s")),
        );
        check(
            &[sampled(u64::MAX, [9, 9], Some(9), 1, 2), exact(3)],
            Some((
                u64::MAX,
                "between 18 446 744 073 709 551 615 and 18 446 744 073 709 551 615 times",
                "armed for 50.00 % of 0.0 s",
            )),
        );
    }

    #[test]
    fn numbers_are_easy_to_read() {
        for (number, expected) in [(0, "~0"), (999, "~999"), (1_000, "~1 000"), (1_234_567, "~1 234 567")] {
            assert_eq!(about(number), expected);
        }
    }
}
