//! The same work for many things, on all processors.

use std::{
    num::NonZero,
    panic,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// What `work` makes of each of `items`, in their order. Fewer than `least` of them are not worth a further thread.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], least: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    // Each thread takes the next one that nobody has begun with: they differ much in size.
    let take = || -> Vec<(usize, R)> {
        let one = || {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).map(|item| (at, work(item)))
        };
        std::iter::from_fn(one).collect()
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(items.len() / least.max(1));
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(take)).collect();
        let mut all = take();
        for other in others {
            all.extend(other.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        }
        all
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, done)| done).collect()
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use super::*;

    #[test]
    fn results_are_in_the_order_of_what_they_were_made_of() {
        let items: Vec<u64> = (0..1_000).collect();
        let done = map(&items, 2, |item| {
            // The first ones take longest.
            if *item < 3 {
                thread::sleep(std::time::Duration::from_millis(5));
            }
            item * 3
        });
        assert_eq!(done, items.iter().map(|item| item * 3).collect::<Vec<_>>());
        assert!(map(&[], 0, |item: &u64| *item).is_empty());
    }

    #[test]
    fn a_panic_reaches_whoever_asked() {
        let items: Vec<u64> = (0..100).collect();
        let panics = || map(&items, 1, |item| assert!(*item != 50, "fifty"));
        assert!(panic::catch_unwind(AssertUnwindSafe(panics)).is_err());
    }
}
