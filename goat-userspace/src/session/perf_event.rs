//! One perf event per site, for kernels without uprobe_multi: slow to attach, slower to detach, and each takes a file
//! descriptor.

use std::{fs, io, num::NonZeroU32, path::Path};

use aya::programs::{
    ProgramError, UProbe,
    uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLink, UProbeScope},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Backend, Error, uprobe_multi::Site};

/// The most sites. Detaching takes the kernel about 0.1 s a site, one after the other however many threads ask (it waits
/// for every task's trace section to end, under a lock): more sites would take minutes to go.
const MAX_SITES: usize = 1_000;

/// Descriptors left for everything that goat does beside.
const SPARE_DESCRIPTORS: u64 = 64;

/// Links, and the sites that the kernel would not take.
pub(super) struct Attached {
    pub(super) links: Vec<UProbeLink>,
    /// Indices into the sites.
    pub(super) refused: Vec<usize>,
}

/// Fails if `sites` perf events are too many, after raising the limit of open files as far as it goes.
pub(super) fn check_limits(sites: usize) -> Result<(), Error> {
    let too_many = |limit, reason| Error::TooManySites { sites, limit, backend: Backend::PerfEvent, reason };
    if sites > MAX_SITES {
        let reason = "each takes the kernel 0.1 s to detach; use Linux 6.6 or newer, which has uprobe_multi, or a coarser \
                      granularity";
        return Err(too_many(MAX_SITES, reason.into()));
    }
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) as u64;
    let wanted = sites as u64 + open + SPARE_DESCRIPTORS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|c| wanted <= c) {
        return Ok(());
    }
    // Raising the soft limit to the hard one needs no privilege.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let limit = if raised { maximum } else { current };
    match limit {
        Some(limit) if wanted > limit => {
            let room = usize::try_from(limit.saturating_sub(open + SPARE_DESCRIPTORS)).unwrap_or(usize::MAX);
            Err(too_many(room, format!("each needs a file descriptor, and the hard limit is {limit} (ulimit -Hn)")))
        }
        _ => Ok(()),
    }
}

/// Attaches `program` at each of `sites` in the file at `path`, in process `pid` alone if there is one.
pub(super) fn attach(
    program: &mut UProbe,
    path: &Path,
    sites: &[Site],
    pid: Option<NonZeroU32>,
) -> Result<Attached, Error> {
    let mut attached = Attached { links: Vec::with_capacity(sites.len()), refused: Vec::new() };
    for (index, site) in sites.iter().enumerate() {
        let point = UProbeAttachPoint {
            location: UProbeAttachLocation::AbsoluteOffset(site.offset),
            cookie: Some(site.cookie),
        };
        let scope = pid.map_or(UProbeScope::AllProcesses, UProbeScope::OneProcess);
        match program.attach(point, path, scope).and_then(|id| program.take_link(id)) {
            Ok(link) => attached.links.push(link),
            Err(ProgramError::SyscallError(e)) => {
                let blamed = super::uprobe_multi::blames_a_site(&e.io_error);
                if !blamed {
                    return Err(Error::kernel("open a perf event", e.io_error));
                }
                attached.refused.push(index);
            }
            Err(e) => return Err(Error::Kernel { action: "attach a uprobe", source: io::Error::other(e) }),
        }
    }
    Ok(attached)
}
