//! Snapshots that requests share, so that many who ask cost little more than one.
//!
//! No answer is older than its question, as long as making the snapshots takes less than a tenth of one core; beyond that,
//! those who ask within [`MAX_AGE`] get the same one.

use std::{
    ops::Deref,
    sync::{Arc, Mutex as Sync, PoisonError},
    time::{Duration, Instant},
};

use axum::body::Bytes;
use tokio::sync::Mutex;

use super::{Snapshot, Source};

/// The oldest snapshot that a request may get while snapshots take too much time.
const MAX_AGE: Duration = Duration::from_millis(50);

/// One of so many parts of a core may go into snapshots.
const SHARE: u32 = 10;

/// Time for snapshots that can be saved up: a few requests at once get a fresh one each.
const SAVINGS: Duration = Duration::from_millis(100);

/// Renderings kept with a snapshot. More questions than that are answered, but not remembered.
const MAX_RENDERED: usize = 8;

/// The last snapshot, and where the next comes from.
pub(super) struct Snapshots {
    source: Arc<dyn Source>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    taken: Option<(Instant, Arc<Taken>)>,
    spent: Spent,
}

/// A snapshot and what has been written from it.
pub(super) struct Taken {
    snapshot: Arc<Snapshot>,
    rendered: Sync<Vec<(String, Bytes)>>,
}

impl Snapshots {
    pub(super) fn new(source: Arc<dyn Source>) -> Self {
        Self { source, last: Mutex::default() }
    }

    /// The answer as of now, or of a moment ago.
    pub(super) async fn now(&self) -> Arc<Taken> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((began, taken)) = &last.taken {
            let is_fresh = *began >= asked;
            if is_fresh || began.elapsed() < MAX_AGE && last.spent.is_too_much(asked) {
                return Arc::clone(taken);
            }
        }
        let source = Arc::clone(&self.source);
        let began = Instant::now();
        let snapshot = super::off_the_worker(move || source.snapshot()).await;
        last.spent.add(began, began.elapsed());
        let taken = Arc::new(Taken { snapshot: Arc::new(snapshot), rendered: Sync::default() });
        last.taken = Some((began, Arc::clone(&taken)));
        taken
    }
}

impl Taken {
    /// The snapshot, to be kept.
    pub(super) fn shared(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// What `write` writes from the snapshot, or has written before for the same `question`.
    pub(super) fn text(&self, question: String, write: impl FnOnce(&Snapshot) -> String) -> Bytes {
        let known = |rendered: &Vec<(String, Bytes)>| {
            rendered.iter().find(|(asked, _)| *asked == question).map(|(_, text)| text.clone())
        };
        if let Some(text) = known(&self.rendered.lock().unwrap_or_else(PoisonError::into_inner)) {
            return text;
        }
        // Two who ask the same at once may both write: cheaper than holding the lock while writing.
        let text = Bytes::from(write(&self.snapshot));
        let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        if rendered.len() < MAX_RENDERED {
            rendered.push((question, text.clone()));
        }
        text
    }
}

impl Deref for Taken {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

/// Time that snapshots took, of which one part in [`SHARE`] of the time that passes is forgiven.
#[derive(Default)]
struct Spent {
    time: Duration,
    reckoned: Option<Instant>,
}

impl Spent {
    fn is_too_much(&self, now: Instant) -> bool {
        self.at(now) > SAVINGS
    }

    fn at(&self, now: Instant) -> Duration {
        let passed = self.reckoned.map_or(Duration::ZERO, |before| now.saturating_duration_since(before));
        self.time.saturating_sub(passed / SHARE)
    }

    fn add(&mut self, now: Instant, took: Duration) {
        self.time = self.at(now) + took;
        self.reckoned = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::http::sample;

    /// Counts how often it is asked.
    struct Counting(sample::Sample, AtomicU64);

    impl Source for Counting {
        fn snapshot(&self) -> Snapshot {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.snapshot()
        }

        fn is_ready(&self) -> bool {
            true
        }
    }

    #[tokio::test]
    async fn whoever_asks_after_an_answer_gets_a_newer_one() {
        let source = Arc::new(Counting(sample::Sample::new(), AtomicU64::new(0)));
        let snapshots = Snapshots::new(source.clone());
        for asked in 1..=3 {
            snapshots.now().await;
            assert_eq!(source.1.load(Ordering::Relaxed), asked);
        }
    }

    #[tokio::test]
    async fn those_who_wait_share_one() {
        let source = Arc::new(Counting(sample::Sample::new(), AtomicU64::new(0)));
        let snapshots = Arc::new(Snapshots::new(source.clone()));
        let held = snapshots.last.lock().await;
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let snapshots = Arc::clone(&snapshots);
                tokio::spawn(async move { snapshots.now().await })
            })
            .collect();
        // They have all asked, and wait for the lock.
        tokio::task::yield_now().await;
        drop(held);
        for task in waiting {
            task.await.unwrap();
        }
        assert_eq!(source.1.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_tenth_of_the_time_is_free() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut spent = Spent::default();
        assert!(!spent.is_too_much(start));
        spent.add(start, ms(90));
        assert!(!spent.is_too_much(start));
        spent.add(start, ms(20));
        assert!(spent.is_too_much(start));
        assert!(spent.is_too_much(start + ms(99)));
        assert!(!spent.is_too_much(start + ms(100)));
        spent.add(start + ms(1_100), ms(100));
        assert_eq!(spent.at(start + ms(1_100)), ms(100));
    }

    #[tokio::test]
    async fn the_same_question_is_written_once() {
        let taken = Snapshots::new(Arc::new(sample::Sample::new())).now().await;
        let ask = |question: &str, answer: &str| taken.text(question.into(), |_| answer.into());
        assert_eq!(ask("a", "1"), "1");
        assert_eq!(ask("a", "2"), "1");
        assert_eq!(ask("b", "3"), "3");
        for other in 0..2 * MAX_RENDERED {
            assert_eq!(ask(&format!("other {other}"), "x"), "x");
        }
        assert_eq!(taken.rendered.lock().unwrap().len(), MAX_RENDERED);
    }
}
