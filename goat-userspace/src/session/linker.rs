//! The loaded program, and its links to sites by either backend.

use std::{
    fmt,
    num::NonZeroU32,
    os::fd::{AsFd, OwnedFd},
    sync::{Mutex, PoisonError},
    thread,
};

use aya::{
    Ebpf,
    maps::{MapData, RingBuf},
    programs::uprobe::UProbeLink,
};
use goat_common::{Cookie, ProcessFilter};

use super::{
    Error,
    executable::Executable,
    faults::Faults,
    loader, perf_event,
    process::Process,
    uprobe_multi::{self, Site},
};
use crate::plan::{ProbePlan, Slot};

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

/// The program and its maps.
pub(super) enum Linker {
    Multi {
        maps: loader::Maps,
        program: OwnedFd,
        /// `None` where the plan does without, or this kernel has to.
        faults: Option<Faults>,
    },
    PerfEvent(Box<Mutex<Ebpf>>),
}

/// Whose hits count.
pub(super) enum Scope {
    /// Every process of the file.
    Everyone,
    /// One process: the kernel traps no other.
    Process(NonZeroU32),
    /// One process: the programs, loaded for it alone, ignore the others' hits.
    Program(OwnedFd, Option<Faults>),
}

/// What keeps a few probes in. Closing it takes them out.
pub(super) enum Link {
    Multi {
        #[expect(dead_code, reason = "held to be closed")]
        link: OwnedFd,
        /// What it holds.
        slots: Box<[Slot]>,
    },
    PerfEvent {
        #[expect(dead_code, reason = "held to be closed")]
        link: UProbeLink,
    },
}

/// Links, and the sites that the kernel would not take.
pub(super) struct Linked {
    pub(super) links: Vec<Link>,
    /// Indices into the sites, in no order.
    pub(super) refused: Vec<usize>,
}

impl Linker {
    /// Loads the programs for `slots` counters, and for the faults of `plan` where there is one and the kernel can.
    pub(super) fn load(
        backend: Backend,
        slots: usize,
        plan: Option<&ProbePlan>,
    ) -> Result<(Self, MapData, RingBuf<MapData>), Error> {
        let everyone = ProcessFilter::default();
        match backend {
            Backend::UprobeMulti => {
                let (maps, counters, first_hits) = loader::maps(slots)?;
                let program = loader::for_multi(&maps, everyone)?;
                // What a kernel may lack is a program that waits for user memory (6.6 has it).
                let faults =
                    plan.map_or(Ok(None), |plan| Faults::load(plan, &maps, everyone)).unwrap_or_else(|error| {
                        tracing::debug!(%error, "faults are not told of");
                        None
                    });
                Ok((Self::Multi { maps, program, faults }, counters, first_hits))
            }
            Backend::PerfEvent => {
                let loader::Loaded { program, counters, first_hits } = loader::for_perf_event(slots, everyone)?;
                Ok((Self::PerfEvent(Box::new(Mutex::new(program))), counters, first_hits))
            }
        }
    }

    /// Whether faults are told of.
    pub(super) fn tells_faults(&self) -> bool {
        matches!(self, Self::Multi { faults: Some(_), .. })
    }

    /// Attaches the program for faults, if there is one.
    pub(super) fn link_faults(&self, executable: &Executable, scope: &Scope) -> Result<Option<Link>, Error> {
        let (faults, pid) = match (self, scope) {
            (_, Scope::Program(_, own)) => (own, None),
            (Self::Multi { faults, .. }, Scope::Process(pid)) => (faults, Some(*pid)),
            (Self::Multi { faults, .. }, Scope::Everyone) => (faults, None),
            (Self::PerfEvent(_), _) => (&None, None),
        };
        let link = faults.as_ref().map(|faults| faults.link(executable, pid.map_or(0, NonZeroU32::get))).transpose()?;
        // None that could be taken out of it.
        Ok(link.map(|link| Link::Multi { link, slots: Box::default() }))
    }

    /// How it links.
    pub(super) fn backend(&self) -> Backend {
        match self {
            Self::Multi { .. } => Backend::UprobeMulti,
            Self::PerfEvent(_) => Backend::PerfEvent,
        }
    }

    /// `process` alone, or everyone: by the kernel if it is to be trusted with that (`kernel_filters`) and knows the process
    /// by its number.
    pub(super) fn scope(&self, process: Option<&Process>, kernel_filters: bool) -> Result<Scope, Error> {
        let Some(process) = process else { return Ok(Scope::Everyone) };
        match (process.kernel_pid().and_then(NonZeroU32::new), self) {
            (Some(pid), Self::PerfEvent(_)) => Ok(Scope::Process(pid)),
            (Some(pid), Self::Multi { .. }) if kernel_filters => Ok(Scope::Process(pid)),
            (_, Self::Multi { maps, faults, .. }) => {
                let filter = process.filter()?;
                let own = faults.as_ref().map(|faults| faults.reloaded(maps, filter)).transpose()?;
                Ok(Scope::Program(loader::for_multi(maps, filter)?, own))
            }
            (None, Self::PerfEvent(_)) => Err(Error::OtherNumbers { pid: process.pid() }),
        }
    }

    /// Attaches the program at each of `sites` in `executable`.
    pub(super) fn link(&self, executable: &Executable, sites: &[Site], scope: &Scope) -> Result<Linked, Error> {
        let path = executable.path();
        let pid = if let Scope::Process(pid) = scope { Some(*pid) } else { None };
        match self {
            Self::Multi { program, .. } => {
                let program = if let Scope::Program(own, _) = scope { own } else { program };
                let pid = pid.map_or(0, NonZeroU32::get);
                let uprobe_multi::Linked { links, refused } =
                    uprobe_multi::link_all(program.as_fd(), &path, sites, pid)?;
                let slots = |held: std::ops::Range<usize>| {
                    sites[held].iter().map(|site| Cookie::unpack(site.cookie).slot).collect()
                };
                let links = links.into_iter().map(|(link, held)| Link::Multi { link, slots: slots(held) });
                Ok(Linked { links: links.collect(), refused })
            }
            Self::PerfEvent(bpf) => {
                // A half-attached program is as good as a whole one.
                let mut bpf = bpf.lock().unwrap_or_else(PoisonError::into_inner);
                let perf_event::Attached { links, refused } =
                    perf_event::attach(loader::uprobe(&mut bpf)?, &path, sites, pid)?;
                Ok(Linked { links: links.into_iter().map(|link| Link::PerfEvent { link }).collect(), refused })
            }
        }
    }
}

/// How many links are closed at once. Each waits for grace periods of the kernel, 50 ms and more, which those that wait
/// together share.
const CLOSERS: usize = 64;

/// Closes `links`, and returns when their probes are gone.
pub(super) fn close(mut links: Vec<Link>) {
    if links.len() < 2 || matches!(links[0], Link::PerfEvent { .. }) {
        return drop(links);
    }
    let share = links.len().div_ceil(CLOSERS);
    thread::scope(|scope| {
        while !links.is_empty() {
            let part = links.split_off(links.len().saturating_sub(share));
            // If there can be no thread, they are closed here.
            let _ = thread::Builder::new().name("goat-detach".into()).spawn_scoped(scope, move || drop(part));
        }
    });
}
