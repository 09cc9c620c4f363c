//! A plan and a target in, armed probes out: the only part of goat that acts on the kernel. Dropping a [`Session`] detaches.

mod armer;
mod arming;
mod binding;
mod breakpoints;
mod calibrate;
mod cgroup;
mod counters;
mod coverage;
mod cpu_time;
mod error;
mod executable;
mod faults;
mod features;
mod finder;
mod governor;
mod lease;
mod linker;
mod loader;
mod neighbours;
mod perf_event;
pub mod privileges;
mod process;
mod scan;
mod slot_set;
pub mod spawn;
mod syscall_filter;
mod target;
mod text;
mod throttle;
pub mod trial;
mod uprobe_multi;
mod watch;

use std::{
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

pub use binding::BindingId;
pub use error::Error;
pub use executable::{Executable, Version, describe, is_same_build};
pub use features::{Capability, Features, bounded, check_privileges, held};
pub use finder::{Finder, Selection, exe};
use goat_common::{Cookie, MAX_SITES};
pub use linker::Backend;
pub use process::{Proc, Process};
pub use target::Target;

use self::{
    armer::Armer,
    arming::Arming,
    binding::{Bindings, Settings, Taken},
    breakpoints::Breakpoints,
    counters::Counters,
    coverage::Coverage,
    linker::{Link, Linker},
    throttle::{Ledger, Throttle},
    watch::{Duties, Watch},
};
use crate::{
    counts::{Armed, Counts, SlotCount},
    plan::{ProbePlan, Slot},
    status::Overhead,
};

/// How breakpoints are taken out of a running target.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DisarmBy {
    /// By writing to its text, a microsecond a site. Where that fails, by the other.
    Text,
    /// By links without the sites. Slower, and the probes of a link's other sites are made anew; needs no access to the target's
    /// memory, but uprobe_multi.
    Relink,
}

/// What is not part of the plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// `None`: uprobe_multi where the kernel has it, else perf_event.
    pub backend: Option<Backend>,
    /// Read each site back from the target's text. Needs ptrace access to it; without, every site stays
    /// [`Armed::Pending`] until its first hit.
    pub verify: bool,
    /// Take a point's breakpoints out of the target's text once the point is covered, so that they cost nothing any more:
    /// for `dataType: bool`. Needs `verify` or [`DisarmBy::Relink`]. Counts end with the first hits.
    pub disarm: bool,
    /// Leave it to the program, not to the kernel, to tell the target from other processes of its file. Chosen by itself
    /// where the kernel's own filter is broken.
    pub filter_in_program: bool,
    /// Bind without arming: the sites wait until someone arms them, some at a time ([`Session::arm_next`]).
    pub in_waves: bool,
    /// Which share of the targets' CPU time, or of one core if that is more, hits may take: what is hit too often is taken out
    /// of the text at times, and counted by samples. `None`: whatever they take. Needs `verify` or
    /// [`DisarmBy::Relink`].
    pub max_overhead: Option<f64>,
    /// Which share of the time arming may take in a busy target: sites are armed in waves. `None`: all at once.
    pub arm_overhead: Option<f64>,
    /// How that and `disarm` are done.
    pub disarm_by: DisarmBy,
    /// Slots that have told all that they can, by what was counted before: never armed.
    pub skip: Vec<Slot>,
    /// Where processes are looked up.
    pub proc: Proc,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backend: None,
            verify: true,
            disarm: false,
            filter_in_program: false,
            in_waves: false,
            max_overhead: None,
            arm_overhead: None,
            disarm_by: DisarmBy::Text,
            skip: Vec::new(),
            proc: Proc::default(),
        }
    }
}

/// A plan's probes and their counters: one program, loaded, with as many bindings as there are processes or files to
/// observe. Its counts are the sum over all of them, those that have ended too.
pub struct Session {
    // Dropped first: nothing more is to be armed, and no text written to while links close.
    armer: Option<Armer>,
    watch: Option<Watch>,
    breakpoints: Arc<Breakpoints>,
    ledger: Arc<Ledger>,
    disarms: bool,
    max_overhead: Option<f64>,
    bindings: Arc<Bindings>,
    counters: Arc<Counters>,
    arming: Arc<Arming>,
    plan: Arc<ProbePlan>,
    proc: Proc,
    /// Contents of files that were checked and found to be the plan's binary.
    checked: Mutex<Vec<Arc<Executable>>>,
    attach_time: Mutex<Duration>,
}

// Readers on other threads share it.
/// For how long a link may outlive its descriptor: a child of this process, on its way to another program, holds a copy.
const LATE_CLOSE: Duration = Duration::from_secs(1);

const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<Session>();
};

/// Loads the program for `plan`, and binds it to nothing yet.
pub fn open(plan: &Arc<ProbePlan>, options: &Options) -> Result<Session, Error> {
    executable::check_arch(&plan.identity)?;
    let (backend, pid_filter) = choose(options.backend)?;
    check_limits(plan.sites.iter().filter(|site| !site.is_fault()).count(), backend)?;
    let (linker, counters, first_hits) = Linker::load(backend, plan.sites.len(), Some(plan))?;
    let can_write = options.verify || (options.disarm_by == DisarmBy::Relink && backend == Backend::UprobeMulti);
    let disarm = options.disarm && can_write;
    let max_overhead = options.max_overhead.filter(|_| can_write);
    let settled = faults::settle(plan, linker.tells_faults(), disarm);
    let arming = Arc::new(Arming::new(&settled));
    options.skip.iter().for_each(|slot| arming.skip(*slot as usize));
    let counters = Arc::new(Counters::open(counters.fd().as_fd(), plan.sites.len())?);
    let needed = if settled.fault_entry.is_some() { faults::needed(&settled).collect() } else { Box::default() };
    let settings = Settings {
        proc: options.proc.clone(),
        kernel_filters: pid_filter && !options.filter_in_program,
        verify: options.verify,
        write: (disarm || max_overhead.is_some()) && options.disarm_by == DisarmBy::Text,
        in_waves: options.in_waves || options.arm_overhead.is_some(),
    };
    let ledger = Arc::<Ledger>::default();
    if let (Some(_), Linker::Multi { program, .. }) = (max_overhead, &linker) {
        calibrate::start(program, Arc::clone(&ledger));
    }
    let bindings = Arc::new(Bindings::new(linker, Arc::clone(&arming), sites(&settled), needed, settings));
    let breakpoints = Arc::new(Breakpoints::new(
        Arc::clone(&arming),
        Arc::clone(&bindings),
        Arc::clone(&counters),
        Arc::clone(&ledger),
        options.disarm_by,
        !disarm,
    ));
    let throttle = |budget| {
        let (ledger, arming) = (Arc::clone(&ledger), Arc::clone(&arming));
        Throttle::new(&settled, budget, ledger, arming, Arc::clone(&breakpoints), Arc::clone(&counters))
    };
    let duties = Duties {
        coverage: disarm.then(|| Coverage::new(&settled, &options.skip)),
        throttle: max_overhead.map(throttle),
        breakpoints: Arc::clone(&breakpoints),
        counters: Arc::clone(&counters),
        first_hits,
    };
    let watch = (disarm || max_overhead.is_some()).then(|| Watch::start(duties)).transpose()?;
    let armer = match options.arm_overhead {
        Some(share) => Some(Armer::start(Arc::clone(&bindings), Arc::clone(&arming), share)?),
        None => None,
    };
    Ok(Session {
        armer,
        watch,
        breakpoints,
        ledger,
        disarms: disarm,
        max_overhead,
        bindings,
        counters,
        arming,
        plan: Arc::clone(plan),
        proc: options.proc.clone(),
        checked: Mutex::default(),
        attach_time: Mutex::default(),
    })
}

/// Loads the program for `plan`, and binds it to `target`.
pub fn attach(plan: &ProbePlan, target: &Target, options: &Options) -> Result<Session, Error> {
    let started = Instant::now();
    let session = open(&Arc::new(plan.clone()), options)?;
    session.bind(target)?;
    *session.attach_time.lock().unwrap_or_else(PoisonError::into_inner) = started.elapsed();
    Ok(session)
}

/// Fails if neither kernel nor privileges let goat attach by `backend`, or, without one, at all.
pub fn check(backend: Option<Backend>) -> Result<(), Error> {
    choose(backend).map(drop)
}

/// The backend, and whether its pid filter can be relied on.
fn choose(wanted: Option<Backend>) -> Result<(Backend, bool), Error> {
    if wanted == Some(Backend::PerfEvent) {
        check_privileges(Backend::PerfEvent)?;
        return Ok((Backend::PerfEvent, true));
    }
    let features = Features::probe()?;
    if features.uprobe_multi {
        return Ok((Backend::UprobeMulti, features.multi_pid_filter));
    }
    if let Some(backend) = wanted {
        let need = "use Linux 6.6 or newer, built with CONFIG_UPROBES, or the backend perf_event";
        return Err(Error::Unsupported { backend, release: features.release, need });
    }
    check_privileges(Backend::PerfEvent)?;
    Ok((Backend::PerfEvent, true))
}

fn check_limits(sites: usize, backend: Backend) -> Result<(), Error> {
    if sites > MAX_SITES {
        let reason = "the kernel's limit for one link; use a coarser granularity".into();
        return Err(Error::TooManySites { sites, limit: MAX_SITES, backend, reason });
    }
    match backend {
        Backend::UprobeMulti => Ok(()),
        Backend::PerfEvent => perf_event::check_limits(sites),
    }
}

/// The plan's sites, as the kernel wants them.
fn sites(plan: &ProbePlan) -> Box<[uprobe_multi::Site]> {
    let slots = 0u32..;
    let site = |(slot, site): (u32, &crate::plan::Site)| uprobe_multi::Site {
        offset: site.offset.0,
        cookie: Cookie { slot, condition: site.condition.map(|c| c.0) }.pack(),
    };
    slots.zip(&plan.sites).map(site).collect()
}

impl Session {
    /// Checks that `target` runs the plan's binary, and arms every site of the plan in it.
    pub fn bind(&self, target: &Target) -> Result<BindingId, Error> {
        let (executable, process) = match target {
            Target::File(executable) => (executable.again()?, None),
            Target::Exe(path) => (Executable::open(path)?, None),
            Target::Process(process) => (Executable::of(process)?, Some(Arc::clone(process))),
            Target::Pid(pid) => {
                let process = Process::open(&self.proc, *pid)?;
                (Executable::of(&process)?, Some(Arc::new(process)))
            }
        };
        let executable = self.checked(executable)?;
        let id = self.bindings.add(executable, process)?;
        if let Some(armer) = &self.armer {
            armer.arm()?;
        }
        Ok(id)
    }

    /// The file, once it is known to be the plan's binary.
    fn checked(&self, executable: Executable) -> Result<Arc<Executable>, Error> {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = checked.iter().find(|known| known.version() == executable.version()) {
            return Ok(Arc::clone(known));
        }
        executable.check(&self.plan)?;
        let executable = Arc::new(executable);
        // Those that no binding has any more need not be held.
        checked.retain(|known| Arc::strong_count(known) > 1);
        checked.push(Arc::clone(&executable));
        Ok(executable)
    }

    /// Takes the probes of one binding out, and returns when they are gone. What it has counted stays.
    pub fn unbind(&self, id: BindingId) {
        self.bindings.remove(id);
    }

    /// Whether the binding is still there: [`Session::refresh`] ends those whose process has exited or runs another program.
    pub fn is_bound(&self, id: BindingId) -> bool {
        self.bindings.has(id)
    }

    /// Whether the binding is there, and its process, if it is one's, still runs the program that it was made for.
    pub fn is_current(&self, id: BindingId) -> bool {
        self.bindings.is_current(id)
    }

    /// Arms the next sites, at most `limit` of them, of a binding that was made in waves. Says how many: 0 once none waits.
    pub fn arm_next(&self, limit: usize) -> Result<usize, Error> {
        self.bindings.arm_next(limit)
    }

    /// How many sites wait for [`Session::arm_next`].
    pub fn waiting(&self) -> usize {
        self.bindings.waiting()
    }

    /// The processes that are probed, by binding: several of a binding for every process of a file.
    pub fn processes(&self) -> Vec<(BindingId, Arc<Process>)> {
        self.bindings.processes()
    }

    /// The plan that it is of.
    pub fn plan(&self) -> &Arc<ProbePlan> {
        &self.plan
    }

    /// Reads every counter. Costs no system call.
    pub fn counts(&self) -> Counts {
        let taken = SystemTime::now();
        let slot = |slot| {
            let hits = self.counters.hits(slot);
            // The program adds to the counter and then stores the time: between the two, it is now.
            // And clocks jump: no first hit is later than the reading.
            let first_hit = (hits > 0).then(|| self.counters.first_hit(slot).map_or(taken, |at| at.min(taken)));
            let armed = match self.arming.state(slot) {
                Armed::Pending if hits > 0 => Armed::Armed,
                state => state,
            };
            let (hits, sampled) = self.ledger.known(slot as Slot, hits);
            SlotCount { hits, first_hit, armed, sampled }
        };
        Counts { taken, slots: (0..self.counters.len()).map(slot).collect() }
    }

    /// How the probes are attached.
    pub fn backend(&self) -> Backend {
        self.bindings.linker().backend()
    }

    /// How long [`attach`] took.
    pub fn attach_time(&self) -> Duration {
        *self.attach_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every site was attached.
    pub fn is_ready(&self) -> bool {
        (0..self.counters.len()).all(|slot| self.arming.state(slot) != Armed::NotArmed) && self.waiting() == 0
    }

    /// Whether there is still something to count: a process, or a file that processes may come to run.
    pub fn target_alive(&self) -> bool {
        self.bindings.any_alive()
    }

    /// Ends bindings to processes that have exited or run another program, and to files that someone is about to write to, who
    /// waits for that. Reads the sites back from the text of processes
    /// that have come to run a bound file since, and disarms in them what is disarmed elsewhere. To be called every now and
    /// then; says how many processes are probed.
    pub fn refresh(&self) -> Result<usize, Error> {
        self.bindings.refresh()
    }

    /// Leaves breakpoints where they are, or goes on to disarm: another session may need those that this one has done with.
    pub fn pause_disarming(&self, paused: bool) {
        self.arming.pause(paused);
    }

    /// Whether covered points are disarmed.
    pub fn is_disarming(&self) -> bool {
        self.disarms && self.disarm_failure().is_none()
    }

    /// Why nothing is taken out of the targets' texts any more, covered points or what is hit too often, though the options ask
    /// for it; `None` while all is well.
    pub fn disarm_failure(&self) -> Option<String> {
        self.watch.as_ref().and_then(Watch::failure)
    }

    /// Why not all sites could be armed, if something went wrong while waves were.
    pub fn arm_failure(&self) -> Option<String> {
        self.armer.as_ref().and_then(Armer::failure)
    }

    /// What the probes cost; `None` where no budget was set.
    pub fn overhead(&self) -> Option<Overhead> {
        let account = self.ledger.account();
        let waiting = self.waiting();
        self.max_overhead.map(|budget| Overhead {
            ratio: account.ratio,
            budget,
            hits_per_second: account.traps_per_second,
            waiting,
        })
    }

    /// Takes the probes out, waits until they are gone, and checks that the targets' text is the binary's again. By
    /// [`Backend::PerfEvent`] each site takes 0.1 s; dropping the session instead leaves that to a thread.
    pub fn detach(mut self) -> Result<(), Error> {
        self.armer = None;
        self.watch = None;
        self.breakpoints.settle();
        let Taken { links, mut texts, leases } = self.bindings.take();
        linker::close(links);
        drop(leases);
        texts.retain(|text| text.process().is_current());
        let closed = Instant::now();
        let left = loop {
            let left = self.arming.differing(&texts);
            // Another goat's probes stay; if it goes in the meantime, the next look finds them gone, too.
            if left.is_none() || self.is_shared() {
                break None;
            }
            if closed.elapsed() > LATE_CLOSE {
                break left;
            }
            thread::sleep(Duration::from_millis(5));
            texts.retain(|text| text.process().is_current());
        };
        match left {
            Some((first, count)) => Err(Error::NotRestored { count, first }),
            None => Ok(()),
        }
    }

    /// Whether another session probes a file of this one.
    fn is_shared(&self) -> bool {
        let checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.iter().any(|executable| executable.is_shared())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.armer = None;
        self.watch = None;
        self.breakpoints.settle();
        let Taken { links, leases, .. } = self.bindings.take();
        match links.first() {
            // Nobody waits for the minutes that this may take. If there can be no thread, closing takes place here.
            Some(Link::PerfEvent { .. }) => {
                let closer = thread::Builder::new().name("goat-detach".into());
                let _ = closer.spawn(move || {
                    drop(links);
                    drop(leases);
                });
            }
            _ => {
                linker::close(links);
                drop(leases);
            }
        }
    }
}
