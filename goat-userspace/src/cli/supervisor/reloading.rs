//! Taking up goat.yaml and plans that have changed: the new is bound before the old is let go, or the old goes on.

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    super::{
        memory,
        observation::Observation,
        place::{self, Place},
        reload::{Changes, Inputs, Wanted},
        say,
    },
    Supervisor, detach_in_background,
};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// What is read, and whether it is being read.
pub(super) struct Reloading {
    inputs: Inputs,
    changes: Changes,
    looked: Instant,
    reading: Option<JoinHandle<anyhow::Result<Wanted>>>,
    /// Asked for while it was being read.
    again: bool,
}

impl Reloading {
    /// Nothing has changed yet.
    pub(super) fn new(inputs: Inputs) -> Self {
        Self { changes: Changes::of(&inputs), inputs, looked: Instant::now(), reading: None, again: false }
    }

    /// Whether it is time to read: `asked` for, or files have changed.
    fn is_due(&mut self, asked: bool) -> bool {
        self.again |= asked;
        if self.looked.elapsed() >= EVERY {
            self.looked = Instant::now();
            self.again |= self.changes.look();
        }
        self.reading.is_none() && std::mem::take(&mut self.again)
    }
}

impl Supervisor {
    /// Reads what has changed, or all if `asked`, and takes up what has been read.
    pub(super) fn reload(&mut self, asked: bool) {
        if self.reloading.reading.as_ref().is_some_and(|reading| reading.is_finished())
            && let Some(reading) = self.reloading.reading.take()
        {
            let read = reading.join().unwrap_or_else(|_| Err(anyhow::anyhow!("reading them has panicked")));
            if let Err(error) = read.and_then(|wanted| self.take_up(wanted)) {
                say::error(&error.context("goat.yaml or a plan was refused, and what was there before goes on"));
            }
            memory::give_back();
        }
        if !self.reloading.is_due(asked) {
            return;
        }
        let target = match &self.place {
            Place::File(named) => Some(named.path().to_owned()),
            Place::Processes(_) => {
                let probed = self.watched.iter().rfind(|w| w.up && w.observation.is_some());
                probed.map(|w| place::binary(&self.proc, &w.process))
            }
        };
        match self.reloading.inputs.read_again(target, self.wanted.plans.clone()) {
            Ok(reading) => self.reloading.reading = Some(reading),
            Err(error) => say::warning(&format!("cannot read goat.yaml and the plans again: {error}")),
        }
    }

    /// Binds what the new plans ask for beside the old, then lets the old go. On an error, all is as before.
    fn take_up(&mut self, wanted: Wanted) -> anyhow::Result<()> {
        let mut replaced = Vec::new();
        for old in &self.observations {
            let planned = wanted.plans.for_build(&old.plan().identity).unwrap_or(old.plan());
            if old.session().is_none() || (planned == old.plan() && wanted.data_type == old.data_type()) {
                continue;
            }
            let before = old.legacy(planned, wanted.data_type);
            let new =
                Arc::new(Observation::open(planned, wanted.data_type, &self.options, before, self.state.as_deref())?);
            // A breakpoint that the old has done with may be one that the new needs.
            let paused = Paused::of(old);
            let mut rebound = Vec::new();
            for (id, target) in old.bound() {
                match new.bind(&target) {
                    Ok(now) => rebound.push((id, now)),
                    // It has ended meanwhile, and the old binding with it.
                    Err(_) if !old.session().is_some_and(|s| s.is_current(id)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            replaced.push((Arc::clone(old), new, paused));
        }
        // A plan for a build that nothing runs yet is tried all the same.
        if let Some(plan) = wanted.plans.only()
            && !self.observations.iter().any(|o| o.plan().identity == plan.identity)
        {
            let opened = Observation::open(plan, wanted.data_type, &self.options, Vec::new(), self.state.as_deref())?;
            self.observations.push(Arc::new(opened));
        }
        for (old, new, paused) in replaced {
            new.take_over(&old);
            paused.for_good();
            for observation in &mut self.observations {
                if Arc::ptr_eq(observation, &old) {
                    *observation = Arc::clone(&new);
                }
            }
            for watched in &mut self.watched {
                if watched.observation.as_ref().is_some_and(|of| Arc::ptr_eq(of, &old)) {
                    watched.observation = Some(Arc::clone(&new));
                }
            }
            say::status(&format!(
                "reloaded: {} points at {} sites, {} granularity; what both plans have is kept",
                new.plan().summary().observable,
                new.plan().summary().sites,
                new.plan().granularity,
            ));
            detach_in_background(old);
        }
        self.wanted = wanted;
        // Those without a plan may have one now.
        self.watched.retain(|w| !w.up || w.observation.is_some());
        if let Place::File(named) = &mut self.place
            && self.observations.iter().all(|o| o.bound().is_empty())
        {
            named.forget();
        }
        self.publish();
        Ok(())
    }
}

/// An observation that leaves breakpoints in place. Unless that is for good, it disarms again when this is dropped.
struct Paused(Option<Arc<Observation>>);

impl Paused {
    fn of(observation: &Arc<Observation>) -> Self {
        if let Some(session) = observation.session() {
            session.pause_disarming(true);
        }
        Self(Some(Arc::clone(observation)))
    }

    fn for_good(mut self) {
        self.0 = None;
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let Some(session) = self.0.take().and_then(|observation| observation.session()) {
            session.pause_disarming(false);
        }
    }
}
