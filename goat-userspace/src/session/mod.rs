//! A plan and a target in, armed probes out: the only part of goat that acts on the kernel. Dropping a [`Session`] detaches.

mod arming;
mod counters;
mod disarm;
mod error;
mod features;
mod loader;
mod perf_event;
pub mod privileges;
pub mod spawn;
mod syscall_filter;
mod target;
mod text;
pub mod trial;
mod uprobe_multi;

use std::{
    fmt,
    num::NonZeroU32,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use aya::{
    maps::{MapData, RingBuf},
    programs::uprobe::UProbeLink,
};
pub use error::Error;
pub use features::{Capability, Features, bounded, check_privileges, held};
use goat_common::{Cookie, MAX_SITES, ProcessFilter};
pub use target::Target;

use self::{
    arming::Arming,
    counters::Counters,
    disarm::Disarmer,
    loader::Loaded,
    target::{Executable, Process},
    text::Text,
};
use crate::{
    counts::{Armed, Counts, SlotCount},
    plan::ProbePlan,
};

/// How the kernel is asked for probes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Backend {
    /// One link for many sites (Linux 6.6+).
    UprobeMulti,
    /// One perf event per site, for older kernels.
    PerfEvent,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UprobeMulti => "uprobe_multi",
            Self::PerfEvent => "perf_event",
        })
    }
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
    /// for `dataType: bool`. Needs `verify`. Counts end with the first hits.
    pub disarm: bool,
    /// Leave it to the program, not to the kernel, to tell the target from other processes of its file. Chosen by itself
    /// where the kernel's own filter is broken.
    pub filter_in_program: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { backend: None, verify: true, disarm: false, filter_in_program: false }
    }
}

/// Armed probes and their counters.
pub struct Session {
    // Dropped first: it must not write to the text while links close.
    disarmer: Option<Disarmer>,
    links: Links,
    backend: Backend,
    counters: Arc<Counters>,
    arming: Arc<Arming>,
    executable: Executable,
    process: Option<Process>,
    verify: bool,
    disarm: bool,
    attach_time: Duration,
}

// Readers on other threads share it.
const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<Session>();
};

/// What keeps the probes in. Closing it takes them out.
enum Links {
    Multi(Vec<OwnedFd>),
    PerfEvent(Vec<UProbeLink>),
}

/// Checks that `target` runs the plan's binary, arms every site of `plan` in it, and reads each back from its text.
pub fn attach(plan: &ProbePlan, target: &Target, options: &Options) -> Result<Session, Error> {
    let started = Instant::now();
    target::check_arch(&plan.identity)?;
    let (backend, pid_filter) = choose(options.backend)?;
    let (process, path) = match target {
        Target::Pid(pid) => (Some(Process::open(*pid)?), PathBuf::from(format!("/proc/{pid}/exe"))),
        Target::Exe(path) => (None, path.clone()),
    };
    let executable = Executable::open(&path)?;
    executable.check(plan)?;
    check_limits(plan.sites.len(), backend)?;

    let filter_in_program = options.filter_in_program || !pid_filter;
    let (filter, pid) = match &process {
        Some(process) if filter_in_program => (process.filter()?, None),
        Some(process) => (ProcessFilter::default(), NonZeroU32::new(process.pid)),
        None => (ProcessFilter::default(), None),
    };
    let arming = Arc::new(Arming::new(plan));
    let Linked { links, refused, counters, first_hits } = link(backend, &executable, &sites(plan), filter, pid)?;
    let counters = Arc::new(Counters::open(counters.fd().as_fd(), plan.sites.len())?);
    refused.into_iter().for_each(|slot| arming.refuse(slot));

    let disarm = options.disarm && options.verify;
    let mut session = Session {
        disarmer: None,
        links,
        backend,
        counters,
        arming,
        executable,
        process,
        verify: options.verify,
        disarm,
        attach_time: Duration::ZERO,
    };
    session.refresh()?;
    if let Some(process) = session.process.as_ref().filter(|p| !p.is_alive()) {
        return Err(Error::NoProcess { pid: process.pid });
    }
    if disarm {
        let (arming, counters) = (Arc::clone(&session.arming), Arc::clone(&session.counters));
        session.disarmer = Some(Disarmer::start(plan, arming, counters, first_hits)?);
    }
    session.attach_time = started.elapsed();
    Ok(session)
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
fn sites(plan: &ProbePlan) -> Vec<uprobe_multi::Site> {
    let slots = 0u32..;
    let site = |(slot, site): (u32, &crate::plan::Site)| uprobe_multi::Site {
        offset: site.offset.0,
        cookie: Cookie { slot, condition: site.condition.map(|c| c.0) }.pack(),
    };
    slots.zip(&plan.sites).map(site).collect()
}

struct Linked {
    links: Links,
    /// Slots that the kernel would not take.
    refused: Vec<usize>,
    counters: MapData,
    first_hits: RingBuf<MapData>,
}

/// Loads the program and attaches it at each of `sites`.
fn link(
    backend: Backend,
    executable: &Executable,
    sites: &[uprobe_multi::Site],
    filter: ProcessFilter,
    pid: Option<NonZeroU32>,
) -> Result<Linked, Error> {
    match backend {
        Backend::UprobeMulti => {
            let Loaded { program, counters, first_hits } = loader::for_multi(sites.len(), filter)?;
            let pid = pid.map_or(0, NonZeroU32::get);
            let uprobe_multi::Linked { links, refused } =
                uprobe_multi::link_all(program.as_fd(), &executable.path(), sites, pid)?;
            Ok(Linked { links: Links::Multi(links), refused, counters, first_hits })
        }
        Backend::PerfEvent => {
            let Loaded { mut program, counters, first_hits } = loader::for_perf_event(sites.len(), filter)?;
            let program = loader::uprobe(&mut program)?;
            let perf_event::Attached { links, refused } = perf_event::attach(program, &executable.path(), sites, pid)?;
            Ok(Linked { links: Links::PerfEvent(links), refused, counters, first_hits })
        }
    }
}

impl Session {
    /// Reads every counter. Costs no system call.
    pub fn counts(&self) -> Counts {
        let taken = SystemTime::now();
        let slot = |slot| {
            let hits = self.counters.hits(slot);
            // The program adds to the counter and then stores the time: between the two, it is now.
            let first_hit = (hits > 0).then(|| self.counters.first_hit(slot).unwrap_or(taken));
            let armed = match self.arming.state(slot) {
                Armed::Pending if hits > 0 => Armed::Armed,
                state => state,
            };
            SlotCount { hits, first_hit, armed }
        };
        Counts { taken, slots: (0..self.counters.len()).map(slot).collect() }
    }

    /// How the probes were attached.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// How long attaching took.
    pub fn attach_time(&self) -> Duration {
        self.attach_time
    }

    /// Whether every site was attached.
    pub fn is_ready(&self) -> bool {
        (0..self.counters.len()).all(|slot| self.arming.state(slot) != Armed::NotArmed)
    }

    /// Whether the target still runs. Always true for [`Target::Exe`].
    pub fn target_alive(&self) -> bool {
        self.process.as_ref().is_none_or(Process::is_alive)
    }

    /// Reads the sites back from the text of processes that have come since, and disarms in them what is disarmed
    /// elsewhere. To be called every now and then for [`Target::Exe`]; says how many processes run the file.
    pub fn refresh(&self) -> Result<usize, Error> {
        let running = match &self.process {
            Some(process) if process.is_alive() => vec![process.pid],
            Some(_) => Vec::new(),
            None => self.executable.processes(),
        };
        if !self.verify {
            return Ok(running.len());
        }
        self.arming.retain(&running);
        for pid in &running {
            if self.arming.knows(*pid) {
                continue;
            }
            match Text::open(*pid, self.disarm) {
                Ok(text) => self.arming.read_back(text),
                // A process that exits meanwhile is no failure.
                Err(Error::Read { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(running.len())
    }

    /// Whether covered points are disarmed.
    pub fn is_disarming(&self) -> bool {
        self.disarmer.is_some() && self.disarm_failure().is_none()
    }

    /// Why covered points are not disarmed any more, though the options ask for it; `None` while all is well.
    pub fn disarm_failure(&self) -> Option<String> {
        self.disarmer.as_ref().and_then(Disarmer::failure)
    }

    /// Takes the probes out, waits until they are gone, and checks that the target's text is the binary's again. By
    /// [`Backend::PerfEvent`] each site takes 0.1 s; dropping the session instead leaves that to a thread.
    pub fn detach(mut self) -> Result<(), Error> {
        self.disarmer = None;
        self.links = Links::Multi(Vec::new());
        match self.arming.differing() {
            Some((first, count)) if self.target_alive() => Err(Error::NotRestored { count, first }),
            _ => Ok(()),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.disarmer = None;
        match std::mem::replace(&mut self.links, Links::Multi(Vec::new())) {
            Links::Multi(links) => drop(links),
            // Nobody waits for the minutes that this may take. If there can be no thread, closing takes place here.
            Links::PerfEvent(links) => {
                let closer = thread::Builder::new().name("goat-detach".into());
                let _ = closer.spawn(move || drop(links));
            }
        }
    }
}
