//! News for those who listen: one look at the counters serves all of them, and none of them can hold goat up.
//!
//! While someone listens, a task compares snapshots and hands each listener the same bytes. A listener whose queue is full is
//! let go; the browser comes back by itself, and gets what it has missed, or everything.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::body::Bytes;
use serde::Serialize;
use tokio::{sync::mpsc, time};

use super::{
    Snapshot,
    news::{self, Known},
    snapshots::Snapshots,
    tracing_json,
};

/// How soon a hit is news.
const LOOK: Duration = Duration::from_millis(200);
/// How often counts alone are news, and how often the tracing's own state is told.
const STATUS: Duration = Duration::from_secs(2);
/// How often a comment keeps a quiet connection open through proxies.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Looking takes one of so many parts of the time at most.
const SHARE: u32 = 10;

/// Listeners at a time.
pub(super) const MAX_LISTENERS: usize = 128;
/// Events that a listener may be behind.
const QUEUE: usize = 64;
/// Events kept for those who come back, and their size together in bytes.
const KEPT: usize = 1024;
const KEPT_BYTES: usize = 4 << 20;

/// Where events come from.
pub(super) struct Feed {
    snapshots: Arc<Snapshots>,
    state: Mutex<State>,
}

struct State {
    /// Tells this feed's events from those of another goat at the same address.
    epoch: String,
    plan: Option<String>,
    /// What is known is this snapshot's.
    latest: Option<Arc<Snapshot>>,
    known: Known,
    /// The number of the last event.
    last: u64,
    kept: VecDeque<(u64, Bytes)>,
    listeners: Vec<mpsc::Sender<Bytes>>,
    is_looking: bool,
}

/// More than [`MAX_LISTENERS`].
pub(super) struct TooMany;

impl Feed {
    pub(super) fn new(snapshots: Arc<Snapshots>) -> Self {
        let state = State {
            epoch: epoch(),
            plan: None,
            latest: None,
            known: Known::default(),
            last: 0,
            kept: VecDeque::new(),
            listeners: Vec::new(),
            is_looking: false,
        };
        Self { snapshots, state: Mutex::new(state) }
    }

    /// Tells listeners what `snapshot` has new, and gives the place in the events at which all of it has been said: whoever knows
    /// the snapshot has missed nothing before. No place, if listeners know a later one: from there on everything is told.
    pub(super) fn place_of(&self, snapshot: &Arc<Snapshot>) -> String {
        let mut state = self.lock();
        if state.look(snapshot, true) { state.place() } else { String::new() }
    }

    /// Events from `since` on, a place that [`Feed::place_of`] or an event's id has named; from the whole state on, if that is
    /// unknown or too long ago.
    pub(super) fn listen(
        self: &Arc<Self>,
        snapshot: &Arc<Snapshot>,
        since: Option<&str>,
    ) -> Result<mpsc::Receiver<Bytes>, TooMany> {
        let mut state = self.lock();
        state.listeners.retain(|listener| !listener.is_closed());
        if state.listeners.len() >= MAX_LISTENERS {
            return Err(TooMany);
        }
        state.look(snapshot, true);
        let (listener, events) = mpsc::channel(QUEUE);
        // The queue is empty: the first always fits.
        let latest = state.latest.clone().unwrap_or_else(|| Arc::clone(snapshot));
        let _ = listener.try_send(state.beginning(&latest, since));
        state.listeners.push(listener);
        if !state.is_looking {
            state.is_looking = true;
            tokio::spawn(Arc::clone(self).look_out());
        }
        Ok(events)
    }

    /// Looks for news until no one listens.
    async fn look_out(self: Arc<Self>) {
        let (mut told, mut beat) = (Instant::now(), Instant::now());
        loop {
            let began = Instant::now();
            let snapshot = self.snapshots.now().await.shared();
            let status = told.elapsed() >= STATUS;
            {
                let mut state = self.lock();
                state.look(&snapshot, status);
                if status {
                    told = began;
                    let text = event("status", None, &tracing_json::view(&snapshot.status, snapshot.report.taken));
                    state.send(&text);
                }
                if beat.elapsed() >= HEARTBEAT {
                    beat = began;
                    state.send(&Bytes::from_static(b": still here\n\n"));
                }
                state.listeners.retain(|listener| !listener.is_closed());
                if state.listeners.is_empty() {
                    state.is_looking = false;
                    return;
                }
            }
            time::sleep(LOOK.max(began.elapsed() * (SHARE - 1))).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Tells what `snapshot` has new; not if it is older than what is known, which would take hits back.
    fn look(&mut self, snapshot: &Arc<Snapshot>, counts: bool) -> bool {
        if self.latest.as_ref().is_some_and(|latest| snapshot.report.taken < latest.report.taken) {
            return false;
        }
        self.latest = Some(Arc::clone(snapshot));
        let plan = news::tag(&snapshot.plan);
        if self.plan.as_ref() != Some(&plan) {
            // Ids mean other points now: no one can go on from where they were.
            let was_another = self.plan.replace(plan).is_some();
            (self.epoch, self.known) = (epoch(), Known::default());
            self.kept.clear();
            let _ = self.known.learn(&snapshot.report, true);
            if was_another {
                let text = event("snapshot", Some(&self.place()), &news::summary(snapshot, false));
                self.send(&text);
            }
            return true;
        }
        if let Some(news) = self.known.learn(&snapshot.report, counts) {
            self.last += 1;
            let text = event("points", Some(&self.place()), &news);
            self.kept.push_back((self.last, text.clone()));
            let mut bytes: usize = self.kept.iter().map(|(_, text)| text.len()).sum();
            while self.kept.len() > KEPT || bytes > KEPT_BYTES {
                bytes -= self.kept.pop_front().map_or(bytes, |(_, text)| text.len());
            }
            self.send(&text);
        }
        true
    }

    /// Whoever is too far behind is let go.
    fn send(&mut self, text: &Bytes) {
        self.listeners.retain(|listener| listener.try_send(text.clone()).is_ok());
    }

    fn place(&self) -> String {
        format!("{}-{}", self.epoch, self.last)
    }

    fn beginning(&self, snapshot: &Snapshot, since: Option<&str>) -> Bytes {
        let missed = since.and_then(|since| self.missed(since));
        let place = self.place();
        let summary = event("snapshot", Some(&place), &news::summary(snapshot, missed.is_some()));
        let status = event("status", None, &tracing_json::view(&snapshot.status, snapshot.report.taken));
        let rest = missed.unwrap_or_else(|| vec![event("points", Some(&place), &news::all(&snapshot.report))]);
        let mut text = Vec::from("retry: 2000\n\n");
        for part in [summary, status].into_iter().chain(rest) {
            text.extend_from_slice(&part);
        }
        text.into()
    }

    /// The events after `since`; `None` if they are not kept any more, or never were.
    fn missed(&self, since: &str) -> Option<Vec<Bytes>> {
        let (epoch, number) = since.rsplit_once('-')?;
        let number: u64 = number.parse().ok()?;
        let first = self.kept.front().map_or(self.last + 1, |(first, _)| *first);
        let is_kept = epoch == self.epoch && number <= self.last && number + 1 >= first;
        is_kept.then(|| self.kept.iter().filter(|(n, _)| *n > number).map(|(_, text)| text.clone()).collect())
    }
}

/// An event as the HTML standard, section 9.2.5, has it. JSON on one line holds no line break.
fn event(name: &str, id: Option<&str>, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("events have string keys only and fail at nothing");
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n").into()
}

/// A number that no other feed has: std keys its hashers from the system's random source.
fn epoch() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests;
