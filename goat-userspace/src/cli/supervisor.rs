//! What `attach` does while it is attached: sees to processes that come, go and are replaced, and to plans that change.
//!
//! Each build has an observation of its own. A process is bound to the observation of its build, or not probed at all.

mod builds;
mod reloading;
mod watched;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::sync::oneshot;

use self::{builds::Builds, reloading::Reloading, watched::Watched};
use super::{
    args::AttachArgs,
    config::Loaded,
    live::Live,
    observation::Observation,
    place::{self, Place},
    plan_source::Plans,
    reload::{Inputs, Wanted},
    say, settings, state_dir,
};
use crate::{
    binary::Identity,
    plan::ProbePlan,
    session::{self, Executable, Proc, Process, Target},
};

/// How soon goat notices that a process has ended, that another has come, or that a file has changed.
const TICK: Duration = Duration::from_millis(250);

/// How many observations without a process are kept, in case a process of their build comes again.
const MAX_IDLE: usize = 8;

/// What the supervisor is told.
enum Command {
    Reload,
    Stop,
}

/// The supervisor, as a thread.
pub(super) struct Running {
    commands: Sender<Command>,
    thread: JoinHandle<Supervisor>,
}

/// All that is observed.
pub(super) struct Supervisor {
    live: Arc<Live>,
    proc: Proc,
    options: session::Options,
    /// Where counts are kept.
    state: Option<PathBuf>,
    place: Place,
    reloading: Reloading,
    wanted: Wanted,
    builds: Builds,
    /// By the time when they began.
    observations: Vec<Arc<Observation>>,
    watched: Vec<Watched>,
    exit_with_target: bool,
    /// Whether the file that was named is probed.
    is_bound: bool,
}

impl Supervisor {
    /// Attaches to what the command line names. What is wrong from the start is an error.
    pub(super) fn start(
        args: &AttachArgs,
        loaded: &Loaded,
        explicit: Option<&std::path::Path>,
    ) -> anyhow::Result<Self> {
        let backend = settings::backend(args.observe.backend);
        session::check(backend).context("cannot attach")?;
        let proc = Proc::at(&args.target.proc).context("cannot look up processes")?;
        let mut place = Place::open(&args.target, &proc)?;
        let mut builds = Builds::default();
        let target = match &mut place {
            Place::File(named) => Some(named.path().to_owned()),
            Place::Processes(finder) => {
                let go = finder.poll().into_iter().find(|p| builds.of(&proc, p).is_some_and(|b| !b.path.is_empty()));
                go.map(|process| place::binary(&proc, &process))
            }
        };
        let inputs = Inputs::new(explicit, &args.source, &args.observe);
        let wanted = inputs.read(loaded, target.as_deref(), &Plans::default())?;
        let options = session::Options { proc: proc.clone(), ..settings::session(&args.observe, &loaded.config) };
        let first = match (wanted.plans.only(), &target) {
            (Some(plan), _) => Arc::clone(plan),
            (None, Some(path)) => {
                let identity = Executable::open(path)?.identity()?;
                let plan = wanted.plans.for_build(&identity).with_context(|| {
                    format!("none of {} plans is for {}", wanted.plans.len(), session::describe(&identity))
                })?;
                Arc::clone(plan)
            }
            (None, None) => bail!("there is no process whose build a plan could be for"),
        };
        let state = state_dir::of(&args.state);
        let open = || Observation::open(&first, wanted.data_type, &options, Vec::new(), state.as_deref());
        let observation = Arc::new(open().context("cannot attach")?);
        let live = Arc::new(Live::new(Arc::clone(&observation), args.observe.report.clone()));
        let mut supervisor = Self {
            live,
            proc,
            options,
            state,
            place,
            reloading: Reloading::new(inputs),
            wanted,
            builds,
            observations: vec![observation],
            watched: Vec::new(),
            exit_with_target: args.exit_with_target,
            is_bound: false,
        };
        supervisor.first_look()?;
        // One that was there may have ended before its probes were.
        supervisor.publish();
        Ok(supervisor)
    }

    /// The answers from now on.
    pub(super) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live)
    }

    /// Goes on in the background. `ended` hears when the processes have ended and that is the end.
    pub(super) fn run(mut self, ended: oneshot::Sender<()>) -> anyhow::Result<Running> {
        let (commands, received) = channel();
        let thread = thread::Builder::new().name("goat-supervisor".into()).spawn(move || {
            if self.until_stopped(&received) {
                // Whoever waited for it may have gone.
                let _ = ended.send(());
                while let Ok(Command::Reload) = received.recv() {}
            }
            self
        });
        Ok(Running { commands, thread: thread.context("cannot start threads")? })
    }

    /// Says whether the processes' end was the end.
    fn until_stopped(&mut self, commands: &Receiver<Command>) -> bool {
        loop {
            match commands.recv_timeout(TICK) {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Ok(Command::Reload) => self.reload(true),
                Err(RecvTimeoutError::Timeout) => self.reload(false),
            }
            let had_any = self.has_any();
            self.see_to_sessions();
            self.watched.iter_mut().for_each(Watched::look);
            if had_any && !self.has_any() {
                if self.exit_with_target {
                    self.publish();
                    return true;
                }
                say::status("still serving what ran, until Ctrl-C; what takes the place of what ended is observed too");
            }
            self.see_to_processes();
            watched::forget_oldest(&mut self.watched);
            self.retire();
            self.publish();
        }
    }

    /// Whether any process is probed.
    fn has_any(&self) -> bool {
        self.watched.iter().any(|w| w.up && w.observation.is_some())
    }

    /// All at first that is to be observed must be fit for it, where it was named; of a container's processes, one will do.
    fn first_look(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        match &mut self.place {
            Place::File(named) => {
                let path = named.path().to_owned();
                let executable = named.look().with_context(|| format!("cannot read {}", path.display()))?;
                let observation = Arc::clone(&self.observations[0]);
                observation.bind(&Target::File(executable)).context("cannot attach")?;
                self.see_to_members();
                observation.say_armed(&format!("every process of {}", path.display()), started);
            }
            Place::Processes(finder) => {
                let strict = !finder.waits();
                for process in finder.poll() {
                    let bound = self.admit(&process).context("cannot attach")?;
                    if strict && !bound {
                        return Err(self.why_not(&process).context("cannot attach"));
                    }
                }
                if !self.has_any() {
                    say::warning("no process runs a planned build yet: waiting for one");
                }
            }
        }
        Ok(())
    }

    fn see_to_sessions(&self) {
        self.observations.iter().for_each(|o| o.say_news_of_keeping());
        for session in self.observations.iter().filter_map(|o| o.session()) {
            if let Err(error) = session.refresh() {
                self.live.warn_once(&format!("cannot see to a new process: {:#}", anyhow::Error::from(error)));
            }
            if let Some(failure) = session.disarm_failure() {
                self.live.warn_once(&format!(
                    "probes of covered points and hot ones stay in place and go on costing time: {failure}"
                ));
            }
            if let Some(failure) = session.arm_failure() {
                self.live.warn_once(&format!("not all sites could be armed: {failure}"));
            }
        }
    }

    fn see_to_processes(&mut self) {
        let found = match &mut self.place {
            Place::File(named) => {
                if let Some(executable) = named.look() {
                    self.see_new_file(executable);
                }
                return self.see_to_members();
            }
            Place::Processes(finder) => finder.poll(),
        };
        for process in found {
            let is_new = self.watched.iter().all(|w| !Arc::ptr_eq(&w.process, &process));
            // Another may have taken the place that there was.
            let is_wanted = matches!(&self.place, Place::Processes(finder) if finder.holds(&process));
            if !is_new || !is_wanted {
                continue;
            }
            if let Err(error) = self.admit(&process)
                && process.is_current()
            {
                let error = anyhow::Error::from(error);
                say::warning(&format!("process {} is not probed: {error:#}", process.pid()));
                self.watched.push(Watched::refused(process, None));
            }
        }
    }

    /// Binds `process` to the observation of its build. Says whether there is a plan for that.
    fn admit(&mut self, process: &Arc<Process>) -> Result<bool, session::Error> {
        let started = Instant::now();
        let identity = self.builds.of(&self.proc, process);
        let observation = match &identity {
            Some(identity) => self.observation_for(identity)?,
            None => None,
        };
        let Some(observation) = observation else {
            let refused = Watched::refused(Arc::clone(process), identity.as_deref());
            // In a container, other programs are nobody's concern. One in the place of an observed one is.
            if self.watched.iter().any(|w| w.observation.is_some() && w.exe == refused.exe) {
                say::warning(&format!(
                    "process {} runs another build of {}, and is not probed: there is no plan for {}",
                    process.pid(),
                    refused.exe.display(),
                    identity.as_deref().map_or_else(|| "it".into(), session::describe),
                ));
            }
            self.watched.push(refused);
            return Ok(false);
        };
        observation.bind(&Target::Process(Arc::clone(process)))?;
        self.watched.push(Watched::bound(Arc::clone(process), &observation));
        if let Place::Processes(finder) = &mut self.place {
            finder.settle(process);
        }
        observation.say_armed(&format!("process {}", process.pid()), started);
        Ok(true)
    }

    /// Why a process that was named can't be observed.
    fn why_not(&self, process: &Process) -> anyhow::Error {
        let check = |plan: &Arc<ProbePlan>| Executable::of(process).and_then(|executable| executable.check(plan));
        match self.wanted.plans.only().map(check) {
            Some(Err(error)) => error.into(),
            _ => anyhow::anyhow!("none of {} plans is for process {}", self.wanted.plans.len(), process.pid()),
        }
    }

    /// The observation of the build that says `identity` of itself: one that is there, or a new one.
    fn observation_for(&mut self, identity: &Identity) -> Result<Option<Arc<Observation>>, session::Error> {
        let is_of = |plan: &ProbePlan| session::is_same_build(&plan.identity, identity);
        let planned = self.wanted.plans.for_build(identity);
        let there = self
            .observations
            .iter()
            .find(|o| o.session().is_some() && planned.map_or_else(|| is_of(o.plan()), |plan| plan == o.plan()));
        if let Some(there) = there {
            return Ok(Some(Arc::clone(there)));
        }
        let Some(plan) = planned else { return Ok(None) };
        let opened = Observation::open(plan, self.wanted.data_type, &self.options, Vec::new(), self.state.as_deref())?;
        let opened = Arc::new(opened);
        self.observations.push(Arc::clone(&opened));
        Ok(Some(opened))
    }

    /// There is another file at the path.
    fn see_new_file(&mut self, executable: Arc<Executable>) {
        let Place::File(named) = &self.place else { return };
        let path = named.path().display().to_string();
        let started = Instant::now();
        let bound = executable.identity().map_err(anyhow::Error::from).and_then(|identity| {
            let Some(observation) = self.observation_for(&identity)? else {
                bail!("there is no plan for {}", session::describe(&identity))
            };
            observation.bind(&Target::File(executable))?;
            Ok(observation)
        });
        match bound {
            Ok(observation) => observation.say_armed(&format!("every process of the new {path}"), started),
            Err(error) => say::warning(&format!("the new {path} is not probed: {error:#}")),
        }
    }

    /// Processes that have come to run a bound file, and files that nobody runs any more.
    fn see_to_members(&mut self) {
        let Place::File(named) = &self.place else { return };
        let current = session::Version::at(named.path()).ok();
        let mut is_bound = false;
        for observation in self.observations.clone() {
            let processes = observation.processes();
            for (_, process) in &processes {
                if self.watched.iter().all(|w| !Arc::ptr_eq(&w.process, process)) {
                    self.watched.push(Watched::bound(Arc::clone(process), &observation));
                }
            }
            for (id, target) in observation.bound() {
                let Target::File(executable) = target else { continue };
                let is_at_path = current.is_some_and(|now| executable.version().is_content_of(&now));
                is_bound |= is_at_path;
                if !is_at_path && processes.iter().all(|(of, _)| *of != id) {
                    observation.unbind(id);
                }
            }
        }
        // A writer came, took the file and left it as it was.
        if std::mem::replace(&mut self.is_bound, is_bound)
            && !is_bound
            && let Place::File(named) = &mut self.place
        {
            named.forget();
        }
    }

    /// Lets go of observations that have long been without a process.
    fn retire(&mut self) {
        let idle = |o: &&Arc<Observation>| o.bound().is_empty();
        let idle: Vec<_> = self.observations.iter().filter(idle).cloned().collect();
        let last = self.observations.last().cloned();
        for old in idle.iter().rev().skip(MAX_IDLE).filter(|o| last.as_ref().is_none_or(|last| !Arc::ptr_eq(o, last))) {
            self.observations.retain(|o| !Arc::ptr_eq(o, old));
            detach_in_background(Arc::clone(old));
        }
    }

    /// The first observation that still has processes is the one that answers; without any, the one that began last.
    fn publish(&self) {
        let has_processes = |o: &&Arc<Observation>| {
            self.watched.iter().any(|w| w.up && w.observation.as_ref().is_some_and(|of| Arc::ptr_eq(of, o)))
        };
        let shown = self.observations.iter().find(has_processes).or(self.observations.last());
        if let Some(shown) = shown {
            self.live.show(Arc::clone(shown), self.watched.iter().map(Watched::status).collect());
        }
    }

    /// Takes all probes out.
    pub(super) fn detach(self) -> anyhow::Result<()> {
        self.observations.iter().map(|o| o.detach()).collect::<Vec<_>>().into_iter().collect()
    }
}

fn detach_in_background(observation: Arc<Observation>) {
    let detach = move || {
        if let Err(error) = observation.detach() {
            say::warning(&format!("{error:#}"));
        }
    };
    // If there can be no thread, the closure is dropped, and with it the probes.
    let _ = thread::Builder::new().name("goat-detach".into()).spawn(detach);
}

impl Running {
    /// Has goat.yaml and the plans read again.
    pub(super) fn reload(&self) {
        // A supervisor that has ended has nothing to reload.
        let _ = self.commands.send(Command::Reload);
    }

    /// Ends the watch; the probes stay until [`Supervisor::detach`].
    pub(super) fn stop(self) -> anyhow::Result<Supervisor> {
        let _ = self.commands.send(Command::Stop);
        self.thread.join().map_err(|_| anyhow::anyhow!("the supervisor has panicked; the probes are gone with it"))
    }
}
