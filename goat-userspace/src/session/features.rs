//! What this kernel and these privileges allow, found by trying.

use std::{
    fmt, fs,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use super::{Backend, Error, uprobe_multi};

/// A capability that goat may need (capabilities(7)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "each is the kernel's constant of that name")]
pub enum Capability {
    DacOverride,
    DacReadSearch,
    Kill,
    SysPtrace,
    SysAdmin,
    Perfmon,
    Bpf,
}

impl Capability {
    const ALL: [Self; 7] =
        [Self::DacOverride, Self::DacReadSearch, Self::Kill, Self::SysPtrace, Self::SysAdmin, Self::Perfmon, Self::Bpf];

    /// All that it takes to probe any user's processes by uprobe_multi. /proc/PID/mem belongs to the process's user, mode 0600.
    pub const FOR_OTHERS: [Self; 4] = [Self::Bpf, Self::Perfmon, Self::SysPtrace, Self::DacOverride];

    /// Its number in include/uapi/linux/capability.h.
    fn bit(self) -> u32 {
        match self {
            Self::DacOverride => 1,
            Self::DacReadSearch => 2,
            Self::Kill => 5,
            Self::SysPtrace => 19,
            Self::SysAdmin => 21,
            Self::Perfmon => 38,
            Self::Bpf => 39,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DacOverride => "CAP_DAC_OVERRIDE",
            Self::DacReadSearch => "CAP_DAC_READ_SEARCH",
            Self::Kill => "CAP_KILL",
            Self::SysPtrace => "CAP_SYS_PTRACE",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::Perfmon => "CAP_PERFMON",
            Self::Bpf => "CAP_BPF",
        })
    }
}

/// What the running kernel can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Features {
    /// Whether many sites can share a link (Linux 6.6+).
    pub uprobe_multi: bool,
    /// Whether a link's pid means the process, not one of its threads (Linux 6.10, and 6.6 and 6.9 with the fix
    /// 46ba0e49b642).
    pub multi_pid_filter: bool,
    /// `uname -r`.
    pub release: String,
}

impl Features {
    /// Asks the kernel. Needs the privileges that attaching needs.
    pub fn probe() -> Result<Self, Error> {
        check_privileges(Backend::UprobeMulti)?;
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
        let Some(program) = idle_program()? else {
            return Ok(Self { uprobe_multi: false, multi_pid_filter: false, release });
        };
        // The link is never made. A fixed kernel finds the pid negative before it looks for the process; an old one
        // looks for it and finds none.
        let site = [uprobe_multi::Site { offset: 0, cookie: 0 }];
        let refusal = uprobe_multi::link(program.as_fd(), Path::new("/proc/self/exe"), &site, u32::MAX).err();
        let (uprobe_multi, multi_pid_filter) = match refusal.and_then(|e| e.raw_os_error()) {
            Some(libc::EINVAL) => (true, true),
            Some(libc::ESRCH) => (true, false),
            // EOPNOTSUPP: built without uprobes.
            _ => (false, false),
        };
        Ok(Self { uprobe_multi, multi_pid_filter, release })
    }
}

/// A program that does nothing, loaded for uprobe_multi; `None` if the kernel knows no such attach type.
fn idle_program() -> Result<Option<OwnedFd>, Error> {
    // mov64 r0, 0; exit
    let instructions = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    match uprobe_multi::load(&instructions, c"Apache-2.0") {
        Ok(program) => Ok(Some(program)),
        // Kernels check the attach types of kprobe programs since 6.6, where uprobe_multi came in; older ones ignore it,
        // and refuse the link.
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => Ok(None),
        Err(e) => Err(Error::kernel("load a uprobe program", e)),
    }
}

/// Fails unless the effective capabilities suffice for `backend`.
pub fn check_privileges(backend: Backend) -> Result<(), Error> {
    let status = Path::new("/proc/self/status");
    let text = fs::read_to_string(status).map_err(|source| Error::Read { path: status.into(), source })?;
    let missing = missing(set(&text, "CapEff:"), backend);
    if missing.is_empty() { Ok(()) } else { Err(Error::Privileges { backend, missing }) }
}

/// The capabilities that count, of those that goat knows, in the text of /proc/PID/status.
pub fn held(status: &str) -> Vec<Capability> {
    capabilities(set(status, "CapEff:"))
}

/// Those that could be had at most.
pub fn bounded(status: &str) -> Vec<Capability> {
    capabilities(set(status, "CapBnd:"))
}

/// The capability set called `name` in the text of /proc/PID/status.
pub(super) fn set(status: &str, name: &str) -> u64 {
    let hex = status.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
    u64::from_str_radix(hex.trim(), 16).unwrap_or(0)
}

/// Those that goat knows in `set`.
pub(super) fn capabilities(set: u64) -> Vec<Capability> {
    Capability::ALL.into_iter().filter(|c| set >> c.bit() & 1 == 1).collect()
}

pub(super) fn missing(effective: u64, backend: Backend) -> Vec<Capability> {
    let has = |c: Capability| effective >> c.bit() & 1 == 1;
    // CAP_SYS_ADMIN contains the two that were split off from it in 5.8.
    if has(Capability::SysAdmin) {
        return Vec::new();
    }
    let needed: &[Capability] = match backend {
        Backend::UprobeMulti => &[Capability::Bpf, Capability::Perfmon],
        // perf_event_open(2) refuses uprobes to anyone else since the fix of CVE-2025-38466.
        Backend::PerfEvent => &[Capability::SysAdmin],
    };
    needed.iter().copied().filter(|c| !has(*c)).collect()
}

#[cfg(test)]
mod tests {
    use Capability::*;

    use super::*;

    #[test]
    fn missing_capabilities_are_named_exactly() {
        check("CapEff:\t000001ffffffffff\n", Backend::UprobeMulti, &[]);
        check("CapEff:\t0000000000200000\n", Backend::UprobeMulti, &[]);
        check("CapEff:\t000000c000000000\n", Backend::UprobeMulti, &[]);
        check("CapEff:\t0000004000000000\n", Backend::UprobeMulti, &[Bpf]);
        check("CapEff:\t0000008000000000\n", Backend::UprobeMulti, &[Perfmon]);
        check("Name:\tgoat\nCapEff:\t0000000000000000\n", Backend::UprobeMulti, &[Bpf, Perfmon]);
        check("", Backend::UprobeMulti, &[Bpf, Perfmon]);
        check("CapEff:\t000000c000000000\n", Backend::PerfEvent, &[SysAdmin]);
        check("CapEff:\t0000000000200000\n", Backend::PerfEvent, &[]);
    }

    fn check(status: &str, backend: Backend, expected: &[Capability]) {
        assert_eq!(missing(set(status, "CapEff:"), backend), expected, "{status:?} {backend}");
    }
}
