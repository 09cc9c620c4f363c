//! What listeners get, and when they are let go.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::http::{Source, sample};

/// The sample, with as many hits at slot 2 as the test says.
struct Stage(sample::Sample, AtomicU64);

impl Source for Stage {
    fn snapshot(&self) -> Snapshot {
        self.0.with_hits(2, self.1.load(Ordering::Relaxed))
    }

    fn is_ready(&self) -> bool {
        true
    }
}

fn stage() -> (Arc<Stage>, Arc<Feed>) {
    let source = Arc::new(Stage(sample::Sample::new(), AtomicU64::new(0)));
    (source.clone(), Arc::new(Feed::new(Arc::new(Snapshots::new(source)))))
}

fn text(event: &Bytes) -> &str {
    std::str::from_utf8(event).unwrap()
}

#[tokio::test]
async fn listeners_hear_of_a_hit() {
    let (source, feed) = stage();
    let mut events = feed.listen(&Arc::new(source.snapshot()), None).ok().unwrap();
    let first = events.recv().await.unwrap();
    assert!(text(&first).starts_with("retry: 2000\n\nevent: snapshot\nid: "), "{}", text(&first));
    assert!(text(&first).contains("\"resumed\":false"));
    assert!(
        text(&first).contains("\nevent: points\n") && text(&first).contains("{\"id\":2,\"state\":\"not-executed\"")
    );
    source.1.store(1, Ordering::Relaxed);
    let next = events.recv().await.unwrap();
    let expected = "data: {\"points\":[{\"id\":2,\"state\":\"covered\",\"count\":1,\"firstHit\":null,\"why\":\"\"}],\"components\":[";
    assert!(text(&next).starts_with("event: points\nid: ") && text(&next).contains(expected), "{}", text(&next));
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed() {
    let (source, feed) = stage();
    let place = feed.place_of(&Arc::new(source.snapshot()));
    source.1.store(1, Ordering::Relaxed);
    let after = feed.place_of(&Arc::new(source.snapshot()));
    assert_ne!(place, after);
    let beginning = async |since: &str| {
        let mut events = feed.listen(&Arc::new(source.snapshot()), Some(since)).ok().unwrap();
        text(&events.recv().await.unwrap()).to_owned()
    };
    let missed = beginning(&place).await;
    assert!(missed.contains("\"resumed\":true") && missed.contains("{\"points\":[{\"id\":2,"), "{missed}");
    assert!(!missed.contains("\"id\":3,\"state\""), "points that have not changed: {missed}");
    let nothing = beginning(&after).await;
    assert!(nothing.contains("\"resumed\":true") && !nothing.contains("event: points"), "{nothing}");
    let epoch = place.split('-').next().unwrap();
    for unknown in
        ["", "x", "0-0", &format!("{epoch}-99"), &format!("{epoch}-x"), &format!("{epoch}-18446744073709551615")]
    {
        let all = beginning(unknown).await;
        assert!(all.contains("\"resumed\":false") && all.contains("\"id\":3,\"state\""), "{unknown}: {all}");
    }
}

#[tokio::test]
async fn what_is_no_longer_kept_is_told_as_a_whole() {
    let (source, feed) = stage();
    let place = feed.place_of(&Arc::new(source.snapshot()));
    for hits in 1..=KEPT as u64 + 1 {
        source.1.store(hits, Ordering::Relaxed);
        // Every second look finds it not executed again, which no counter does, but is a change.
        feed.place_of(&Arc::new(source.0.with_hits(2, hits % 2)));
    }
    assert_eq!(feed.lock().kept.len(), KEPT);
    assert!(feed.lock().missed(&place).is_none());
}

#[tokio::test]
async fn a_listener_who_does_not_read_is_let_go() {
    let (source, feed) = stage();
    let mut slow = feed.listen(&Arc::new(source.snapshot()), None).ok().unwrap();
    for look in 0..=QUEUE as u64 {
        feed.place_of(&Arc::new(source.0.with_hits(2, (look + 1) % 2)));
    }
    assert!(feed.lock().listeners.is_empty());
    let mut queued = 0;
    while slow.recv().await.is_some() {
        queued += 1;
    }
    assert_eq!(queued, QUEUE);
}

#[tokio::test]
async fn there_is_room_for_so_many_and_gone_ones_make_room() {
    let (source, feed) = stage();
    let listen = || feed.listen(&Arc::new(source.snapshot()), None).ok();
    let listeners: Vec<_> = (0..MAX_LISTENERS).map(|_| listen().unwrap()).collect();
    assert!(listen().is_none());
    drop(listeners);
    assert!(listen().is_some());
}

#[tokio::test]
async fn another_plan_makes_everyone_begin_anew() {
    let (source, feed) = stage();
    let place = feed.place_of(&Arc::new(source.snapshot()));
    let mut events = feed.listen(&Arc::new(source.snapshot()), Some(&place)).ok().unwrap();
    events.recv().await.unwrap();
    let mut other = source.snapshot();
    let mut plan = (*other.plan).clone();
    plan.app.version = "1.2.0".into();
    other.plan = Arc::new(plan);
    feed.place_of(&Arc::new(other));
    let next = events.recv().await.unwrap();
    assert!(text(&next).starts_with("event: snapshot\n"), "{}", text(&next));
    assert!(feed.lock().missed(&place).is_none());
}

#[tokio::test]
async fn what_is_older_takes_nothing_back() {
    let (source, feed) = stage();
    let mut later = source.0.with_hits(2, 1);
    later.report.taken += Duration::from_secs(1);
    assert_ne!(feed.place_of(&Arc::new(later)), "");
    let older = Arc::new(source.snapshot());
    assert_eq!(feed.place_of(&older), "");
    let mut events = feed.listen(&older, None).ok().unwrap();
    let first = events.recv().await.unwrap();
    assert!(text(&first).contains("{\"id\":2,\"state\":\"covered\""), "{}", text(&first));
}
