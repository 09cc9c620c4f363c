//! Keeps a state on disk while probes are in place: every second in which something has changed, and at the end.
//!
//! A disk that fails is no reason to end, nor to count less: what was counted stays in memory, the failure is said once, and
//! writing is tried again.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use super::{Carried, Error, Opened, State, Store, store::Refused};
use crate::{
    DataType,
    counts::{Counts, SlotCount},
    plan::{self, ProbePlan, Slot},
    status::Kept,
};

/// How often what has changed is written: what goat loses at most when it is killed.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// On a slow disk: the share of time that may be spent on writing.
const MAX_SHARE: u32 = 20;

/// The longest wait before a failed write is tried again.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Keeps what is counted by one plan.
pub struct Keeper {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    dir: PathBuf,
    plan: Arc<ProbePlan>,
    data_type: DataType,
    /// Locked while the disk is waited for; `held` is not.
    disk: Mutex<Disk>,
    held: Mutex<Held>,
    stop: Mutex<bool>,
    stopped: Condvar,
}

#[derive(Default)]
struct Disk {
    store: Option<Store>,
    /// What is in the file.
    written: Option<(Vec<SlotCount>, Vec<Carried>)>,
}

struct Held {
    /// What was counted before this goat; empty if nothing was.
    base: Arc<State>,
    /// What other plans have counted until now; by point.
    carried: Vec<Carried>,
    health: Kept,
    /// What the user should know and has not been told.
    news: Vec<String>,
}

impl Keeper {
    /// Opens the state of `plan` in `dir`, and goes on from it. What fails is said in [`Keeper::news`], and tried again.
    pub fn open(dir: &Path, plan: &Arc<ProbePlan>, data_type: DataType, now: SystemTime) -> Result<Self, Error> {
        let identity = &plan.identity;
        let build = identity.go_build_id.clone().or_else(|| identity.gnu_build_id.clone()).unwrap_or_default();
        let base = Arc::new(State {
            plan: plan::digest(plan).map_err(Error::Digest)?,
            build,
            data_type,
            since: now,
            counts: Counts::none(plan.sites.len(), SystemTime::UNIX_EPOCH),
            carried: Vec::new(),
        });
        let shared = Shared {
            dir: dir.into(),
            plan: Arc::clone(plan),
            data_type,
            disk: Mutex::default(),
            held: Mutex::new(Held { base, carried: Vec::new(), health: Kept::default(), news: Vec::new() }),
            stop: Mutex::new(false),
            stopped: Condvar::new(),
        };
        if let Err(error) = shared.open(&mut lock(&shared.disk)) {
            lock(&shared.held).fails(&error);
        }
        Ok(Self { shared: Arc::new(shared), writer: None })
    }

    /// Writes what `live` counts from now on, until the keeper is dropped. `live` counts from 0.
    pub fn start(&mut self, live: impl Fn() -> Counts + Send + 'static) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.writer = Some(thread::Builder::new().name("goat-state".into()).spawn(move || shared.run(&live))?);
        Ok(())
    }

    /// All that was ever counted, `live` being what this goat has.
    pub fn total(&self, live: &Counts) -> Counts {
        let base = Arc::clone(&lock(&self.shared.held).base);
        base.with(live)
    }

    /// The slots that had told whether before this goat began: [`State::told`].
    pub fn told(&self) -> Vec<Slot> {
        lock(&self.shared.held).base.told(&self.shared.plan)
    }

    /// What other plans have counted.
    pub fn carried(&self) -> Vec<Carried> {
        lock(&self.shared.held).carried.clone()
    }

    /// Takes in what other plans have counted of this one's points, beside [`Keeper::total`].
    pub fn carry(&self, carried: &[Carried]) {
        lock(&self.shared.held).carry(carried);
    }

    /// Writes what has been counted now, if it has changed.
    pub fn save(&self, live: &Counts) -> bool {
        self.shared.save(live)
    }

    /// What the user should know, each once.
    pub fn news(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared.held).news)
    }

    /// How keeping does.
    pub fn health(&self) -> Kept {
        lock(&self.shared.held).health.clone()
    }

    /// Ends writing. Nothing is written any more that [`Keeper::save`] is not given.
    pub fn stop(&mut self) {
        *lock(&self.shared.stop) = true;
        self.shared.stopped.notify_all();
        if let Some(writer) = self.writer.take() {
            // A panic has been printed already.
            let _ = writer.join();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Takes a state file, and goes on from what is in it.
    fn open(&self, disk: &mut Disk) -> Result<(), Error> {
        let Opened { store, state, refused } = Store::open(&self.dir, &self.plan, self.data_type)?;
        let mut held = lock(&self.held);
        if let Some(Refused { error, kept_as }) = refused {
            let said = with_cause(&error);
            held.news.push(format!("{said}; it is kept as {}, and counting begins anew", kept_as.display()));
        }
        disk.written = state.as_ref().map(|state| (state.counts.slots.clone(), state.carried.clone()));
        if let Some(state) = state {
            held.carry(&state.carried);
            held.base = Arc::new(state);
        }
        held.health.path = Some(store.path().to_owned());
        disk.store = Some(store);
        Ok(())
    }

    fn run(&self, live: &dyn Fn() -> Counts) {
        let mut wait = INTERVAL;
        let mut stop = lock(&self.stop);
        loop {
            let waited = self.stopped.wait_timeout_while(stop, wait, |stop| !*stop);
            stop = waited.unwrap_or_else(PoisonError::into_inner).0;
            if *stop {
                return;
            }
            drop(stop);
            let begun = Instant::now();
            let saved = self.save(&live());
            wait = if saved { INTERVAL.max(begun.elapsed() * MAX_SHARE) } else { (wait * 2).min(MAX_WAIT) };
            stop = lock(&self.stop);
        }
    }

    /// Whether what `live` has counted is on disk now.
    fn save(&self, live: &Counts) -> bool {
        let saved = self.write(&mut lock(&self.disk), live);
        let mut held = lock(&self.held);
        match saved {
            Ok(at) => {
                held.health.saved = at.or(held.health.saved);
                if held.health.failure.take().is_some() {
                    held.news.push("counts are kept on disk again".into());
                }
                true
            }
            Err(error) => {
                held.fails(&error);
                false
            }
        }
    }

    /// Says as of when it was written; `None` if nothing has changed.
    fn write(&self, disk: &mut Disk, live: &Counts) -> Result<Option<SystemTime>, Error> {
        if disk.store.is_none() {
            self.open(disk)?;
        }
        let (base, carried) = {
            let held = lock(&self.held);
            (Arc::clone(&held.base), held.carried.clone())
        };
        let counts = base.with(live);
        let is_written =
            disk.written.as_ref().is_some_and(|(slots, points)| (slots, points) == (&counts.slots, &carried));
        let Some(store) = disk.store.as_mut().filter(|_| !is_written) else { return Ok(None) };
        let state = State { plan: base.plan, build: base.build.clone(), counts, carried, ..*base };
        store.save(&state, &self.plan)?;
        disk.written = Some((state.counts.slots, state.carried));
        Ok(Some(state.counts.taken))
    }
}

impl Held {
    /// Takes in what other plans have counted. Of a point that is known already, the greater count: both are of all that was
    /// counted until then.
    fn carry(&mut self, carried: &[Carried]) {
        let mut points: BTreeMap<u32, Carried> = self.carried.iter().map(|c| (c.point, *c)).collect();
        for new in carried.iter().filter(|c| c.count > 0) {
            let known = points.entry(new.point).or_insert(*new);
            known.count = known.count.max(new.count);
            known.first_hit = known.first_hit.into_iter().chain(new.first_hit).min();
        }
        self.carried = points.into_values().collect();
    }

    /// Notes a failure. It is news if there was none before.
    fn fails(&mut self, error: &Error) {
        let failure = with_cause(error);
        if self.health.failure.is_none() {
            self.news.push(format!("counts are not kept on disk: {failure}; counting goes on, and goat tries again"));
        }
        self.health.failure = Some(failure);
    }
}

fn with_cause(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// What is locked here is whole whatever a thread was doing when it panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{fs, time::UNIX_EPOCH};

    use super::*;
    use crate::{counts::Armed, plan::sample};

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    fn open(dir: &Path) -> Keeper {
        Keeper::open(dir, &Arc::new(sample::plan()), DataType::Count, at(1)).unwrap()
    }

    fn live(second: u64, hits: [u64; 3]) -> Counts {
        let slot = |hits| SlotCount {
            hits,
            first_hit: (hits > 0).then(|| at(second)),
            armed: Armed::Armed,
            ..SlotCount::default()
        };
        Counts { taken: at(second), slots: hits.map(slot).to_vec() }
    }

    fn hits(counts: &Counts) -> Vec<u64> {
        counts.slots.iter().map(|slot| slot.hits).collect()
    }

    #[test]
    fn counts_go_on_from_life_to_life() {
        let dir = tempfile::tempdir().unwrap();
        for (life, told) in [(1, vec![]), (2, vec![0, 1, 2]), (3, vec![0, 1, 2])] {
            let keeper = open(dir.path());
            assert_eq!(keeper.told(), told);
            assert_eq!(hits(&keeper.total(&live(10 * life, [0; 3]))), [5 * (life - 1), 0, 7 * (life - 1)]);
            assert!(keeper.save(&live(10 * life, [2, 0, 3])));
            assert!(keeper.save(&live(10 * life + 1, [5, 0, 7])));
            assert_eq!(keeper.news(), Vec::<String>::new());
            assert_eq!(keeper.health().saved, Some(at(10 * life + 1)));
        }
    }

    #[test]
    fn what_other_plans_have_counted_is_kept_too() {
        let dir = tempfile::tempdir().unwrap();
        let of = |point, count, second| Carried { point, count, first_hit: Some(at(second)) };
        let keeper = open(dir.path());
        keeper.carry(&[of(2, 5, 7), of(1, 0, 3)]);
        assert!(keeper.save(&live(10, [0; 3])));
        drop(keeper);
        let keeper = open(dir.path());
        assert_eq!(keeper.carried(), [of(2, 5, 7)]);
        assert_eq!(keeper.told(), [2], "point 2 is at slot 2");
        keeper.carry(&[of(2, 3, 6), of(1, 1, 8)]);
        assert_eq!(keeper.carried(), [of(1, 1, 8), of(2, 5, 6)]);
    }

    #[test]
    fn nothing_is_written_while_nothing_changes() {
        let dir = tempfile::tempdir().unwrap();
        let keeper = open(dir.path());
        keeper.save(&live(10, [1, 0, 0]));
        let path = keeper.health().path.unwrap();
        fs::remove_file(&path).unwrap();
        keeper.save(&live(11, [1, 0, 0]));
        assert!(path.exists(), "a first hit later than before is a change");
        fs::remove_file(&path).unwrap();
        keeper.save(&Counts { taken: at(20), ..live(11, [1, 0, 0]) });
        assert!(!path.exists());
        keeper.save(&live(11, [2, 0, 0]));
        assert!(path.exists());
    }

    #[test]
    fn a_disk_that_fails_is_said_once_and_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("state");
        fs::write(&place, "in the way").unwrap();
        let keeper = open(&place);
        let [news] = &keeper.news()[..] else { panic!("one failure") };
        assert!(news.starts_with("counts are not kept on disk: can't make the state directory"), "{news}");
        assert!(!keeper.save(&live(10, [1, 0, 0])));
        assert!(!keeper.save(&live(11, [2, 0, 0])));
        assert_eq!(keeper.news(), Vec::<String>::new());
        assert!(keeper.health().failure.is_some() && keeper.health().path.is_none());
        assert_eq!(hits(&keeper.total(&live(12, [3, 0, 0]))), [3, 0, 0]);

        fs::remove_file(&place).unwrap();
        assert!(keeper.save(&live(13, [4, 0, 0])));
        assert_eq!(keeper.news(), ["counts are kept on disk again"]);
        assert_eq!(keeper.health().failure, None);
        drop(keeper);
        assert_eq!(hits(&open(&place).total(&live(20, [0; 3]))), [4, 0, 0]);
    }

    #[test]
    fn a_refused_state_is_said_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let keeper = open(dir.path());
        keeper.save(&live(10, [1, 0, 0]));
        let path = keeper.health().path.unwrap();
        drop(keeper);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..20]).unwrap();
        let keeper = open(dir.path());
        let [news] = &keeper.news()[..] else { panic!("one refusal") };
        assert!(news.contains("the state is torn: 20 of") && news.contains(".goatstate.bad, and counting"), "{news}");
        assert_eq!(hits(&keeper.total(&live(10, [0; 3]))), [0; 3]);
    }

    #[test]
    fn what_is_counted_is_written_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let mut keeper = open(dir.path());
        keeper.start(|| live(10, [0, 9, 0])).unwrap();
        while keeper.health().saved.is_none() {
            thread::sleep(Duration::from_millis(10));
        }
        keeper.stop();
        drop(keeper);
        assert_eq!(hits(&open(dir.path()).total(&live(10, [0; 3]))), [0, 9, 0]);
    }
}
