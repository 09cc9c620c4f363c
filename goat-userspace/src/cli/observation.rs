//! A plan under observation: its probes, wherever they are bound, and what they have counted.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use anyhow::Context;

use super::{kept, say};
use crate::{
    DataType,
    counts::Counts,
    plan::{self, ProbePlan, Slot},
    report::{self, Carried, Report},
    session::{self, Backend, BindingId, Process, Session, Target},
    state::{self, Keeper},
    status::Kept,
};

/// One plan's probes. They may be taken out; what they have counted stays.
pub(super) struct Observation {
    plan: Arc<ProbePlan>,
    data_type: DataType,
    backend: Backend,
    probes: Arc<Mutex<Probes>>,
    /// Keeps the counts on disk, and has what was counted before this goat; `None` if they are not to be kept.
    keeper: Option<Mutex<Keeper>>,
    /// What another plan's probes have counted of the same points.
    carried: Mutex<Vec<Carried>>,
    /// What it is bound to.
    bound: Mutex<Vec<(BindingId, Target)>>,
}

enum Probes {
    Attached(Arc<Session>),
    /// The probes are gone; this is what they had counted.
    Detached(Counts),
}

impl Observation {
    /// Loads the program for `plan`, bound to nothing yet. `before` is what was counted of it before. Counts are kept in
    /// `state`, and go on from what is there.
    pub(super) fn open(
        plan: &Arc<ProbePlan>,
        data_type: DataType,
        options: &session::Options,
        before: Vec<Carried>,
        state: Option<&Path>,
    ) -> Result<Self, session::Error> {
        // Whether is known after the first hit; how often only when the probes stay.
        let disarm = data_type == DataType::Bool;
        let mut keeper = state.and_then(|dir| keep(dir, plan, data_type));
        let mut skip = if disarm { told(plan, &before) } else { Vec::new() };
        if let Some(keeper) = &keeper {
            let told = if disarm { keeper.told() } else { Vec::new() };
            say_kept(keeper, told.len());
            skip.extend(told);
        }
        let options = session::Options { disarm, skip, ..options.clone() };
        let session = session::open(plan, &options)?;
        let backend = session.backend();
        let probes = Arc::new(Mutex::new(Probes::Attached(Arc::new(session))));
        let mut carried = before;
        if let Some(keeper) = &mut keeper {
            keeper.carry(&in_state_terms(&carried));
            carried = kept::carried(&keeper.carried());
            let probes = Arc::clone(&probes);
            if let Err(error) = keeper.start(move || lock(&probes).counts()) {
                say::warning(&format!("counts are kept on disk at the end only, as there can be no thread: {error}"));
            }
        }
        Ok(Self {
            plan: Arc::clone(plan),
            data_type,
            backend,
            probes,
            keeper: keeper.map(Mutex::new),
            carried: Mutex::new(carried),
            bound: Mutex::default(),
        })
    }

    /// Its plan.
    pub(super) fn plan(&self) -> &Arc<ProbePlan> {
        &self.plan
    }

    /// Whether or how often.
    pub(super) fn data_type(&self) -> DataType {
        self.data_type
    }

    /// The probes, if they are in place. Held for as long as it takes to ask; closing them waits for that.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        match &*lock(&self.probes) {
            Probes::Attached(session) => Some(Arc::clone(session)),
            Probes::Detached(_) => None,
        }
    }

    /// Arms `target`.
    pub(super) fn bind(&self, target: &Target) -> Result<Option<BindingId>, session::Error> {
        let Some(session) = self.session() else { return Ok(None) };
        let id = session.bind(target)?;
        lock(&self.bound).push((id, target.clone()));
        Ok(Some(id))
    }

    /// Says that `what` is armed, since `started`.
    pub(super) fn say_armed(&self, what: &str, started: Instant) {
        say::status(&format!(
            "{} sites for {} points {} in {what} by {} after {:.0?}",
            self.plan.summary().sites,
            self.plan.summary().observable,
            if self.session().is_some_and(|session| session.waiting() > 0) { "being armed in waves" } else { "armed" },
            self.backend,
            started.elapsed(),
        ));
    }

    /// Takes the probes out of what `id` is bound to.
    pub(super) fn unbind(&self, id: BindingId) {
        if let Some(session) = self.session() {
            session.unbind(id);
        }
        lock(&self.bound).retain(|(bound, _)| *bound != id);
    }

    /// What it is bound to now.
    pub(super) fn bound(&self) -> Vec<(BindingId, Target)> {
        let Some(session) = self.session() else { return Vec::new() };
        let mut bound = lock(&self.bound);
        bound.retain(|(id, _)| session.is_bound(*id));
        bound.clone()
    }

    /// The processes that are probed.
    pub(super) fn processes(&self) -> Vec<(BindingId, Arc<Process>)> {
        self.session().map(|session| session.processes()).unwrap_or_default()
    }

    /// Whether every site is where it should be.
    pub(super) fn is_ready(&self) -> bool {
        self.session().is_some_and(|session| session.is_ready())
    }

    /// What this plan's probes have counted, in goat's earlier lives too.
    pub(super) fn counts(&self) -> Counts {
        let live = lock(&self.probes).counts();
        match &self.keeper {
            Some(keeper) => lock(keeper).total(&live),
            None => live,
        }
    }

    /// How counts are kept on disk; `None` if they are not to be.
    pub(super) fn kept(&self) -> Option<Kept> {
        self.keeper.as_ref().map(|keeper| lock(keeper).health())
    }

    /// What the user should know of that, each once.
    pub(super) fn say_news_of_keeping(&self) {
        if let Some(keeper) = &self.keeper {
            lock(keeper).news().iter().for_each(|news| say::warning(news));
        }
    }

    /// What was counted, before too, and what the counters say of the sites.
    pub(super) fn report(&self) -> (Report, Counts) {
        let counts = self.counts();
        let mut report = report::new(&self.plan, &counts, self.data_type);
        report.add(&lock(&self.carried));
        (report, counts)
    }

    /// Notes what another plan's probes have counted until now, and no longer do.
    pub(super) fn take_over(&self, from: &Self) {
        // First the other's: a hit in between is then missed by one, rather than counted twice.
        let before = from.report().0;
        let now = report::new(&self.plan, &self.counts(), self.data_type);
        let mut carried = report::carry(&before, &from.plan, &now, &self.plan);
        if let Some(keeper) = &self.keeper {
            let keeper = lock(keeper);
            keeper.carry(&in_state_terms(&carried));
            carried = kept::carried(&keeper.carried());
        }
        *lock(&self.carried) = carried;
    }

    /// What it would hand on to a plan that follows, if that began now.
    pub(super) fn legacy(&self, plan: &ProbePlan, data_type: DataType) -> Vec<Carried> {
        let nothing = Counts::none(plan.sites.len(), SystemTime::now());
        report::carry(&self.report().0, &self.plan, &report::new(plan, &nothing, data_type), plan)
    }

    /// Takes the probes out, and waits until they are gone. The counts stay.
    pub(super) fn detach(&self) -> anyhow::Result<()> {
        let session = {
            let mut probes = lock(&self.probes);
            let Probes::Attached(session) = &*probes else { return Ok(()) };
            let counts = session.counts();
            let Probes::Attached(session) = std::mem::replace(&mut *probes, Probes::Detached(counts)) else {
                return Ok(());
            };
            session
        };
        // First of all: taking the probes out may fail, and takes its time.
        if let Some(keeper) = &self.keeper {
            let mut keeper = lock(keeper);
            keeper.stop();
            keeper.save(&lock(&self.probes).counts());
            keeper.news().iter().for_each(|news| say::warning(news));
        }
        let mut session = session;
        // Whoever asks it something is soon done.
        let session = loop {
            match Arc::try_unwrap(session) {
                Ok(session) => break session,
                Err(shared) => session = shared,
            }
            std::thread::yield_now();
        };
        session.detach().context("cannot take the probes out")
    }
}

impl Probes {
    /// What they have counted.
    fn counts(&self) -> Counts {
        match self {
            Self::Attached(session) => session.counts(),
            Self::Detached(counts) => counts.clone(),
        }
    }
}

/// Takes a state in `dir`. Without, goat counts all the same.
fn keep(dir: &Path, plan: &Arc<ProbePlan>, data_type: DataType) -> Option<Keeper> {
    let opened = Keeper::open(dir, plan, data_type, SystemTime::now());
    opened.inspect_err(|error| say::warning(&format!("counts are not kept on disk: {error}"))).ok()
}

fn say_kept(keeper: &Keeper, told: usize) {
    keeper.news().iter().for_each(|news| say::warning(news));
    if let Some(path) = keeper.health().path {
        let told = if told > 0 { format!("; {told} sites have told whether and stay disarmed") } else { String::new() };
        say::status(&format!("counts are kept in {}{told}", path.display()));
    }
}

fn in_state_terms(carried: &[Carried]) -> Vec<state::Carried> {
    carried.iter().map(|c| state::Carried { point: c.id, count: c.count, first_hit: c.first_hit }).collect()
}

/// The slots whose points all ran before: they have nothing more to tell.
fn told(plan: &ProbePlan, before: &[Carried]) -> Vec<Slot> {
    let mut told = vec![true; plan.sites.len()];
    let covered: HashSet<u32> = before.iter().map(|c| c.id).collect();
    for point in plan.points.iter().filter(|point| !covered.contains(&point.id)) {
        let plan::Status::Observed(instances) = &point.status else { continue };
        for slot in instances.iter().flat_map(|i| &i.sites) {
            if let Some(slot) = told.get_mut(*slot as usize) {
                *slot = false;
            }
        }
    }
    // A site of no point at all is not one that ran.
    let any = !before.is_empty();
    (0..).zip(told).filter(|(_, told)| any && *told).map(|(slot, _)| slot).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole, whatever a thread was doing when it panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample;

    #[test]
    fn a_site_has_told_all_when_each_of_its_points_ran() {
        let plan = sample::plan();
        let all: Vec<Carried> = plan.points.iter().map(|p| Carried { id: p.id, count: 1, first_hit: None }).collect();
        assert_eq!(told(&plan, &[]), Vec::<Slot>::new());
        assert_eq!(told(&plan, &all).len(), plan.sites.len());
        for point in &plan.points {
            let plan::Status::Observed(instances) = &point.status else { continue };
            let but_one: Vec<Carried> = all.iter().copied().filter(|c| c.id != point.id).collect();
            let rest = told(&plan, &but_one);
            assert!(instances.iter().flat_map(|i| &i.sites).all(|slot| !rest.contains(slot)), "{point:?}");
        }
    }
}
