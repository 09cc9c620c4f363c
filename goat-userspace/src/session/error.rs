//! What can go wrong between a plan and the kernel.

use std::{io, path::PathBuf};

use super::{Backend, features::Capability};
use crate::{
    addr::{FileOffset, VirtAddr},
    binary,
};

/// Why probes could not be attached, read back or taken out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process lacks privileges.
    #[error(
        "goat lacks {} for {backend}: run it as root, or give it the capability (setcap, or securityContext.capabilities.add \
         in Kubernetes)",
        join(missing)
    )]
    Privileges {
        /// What was to be done.
        backend: Backend,
        /// All that is missing for it.
        missing: Vec<Capability>,
    },
    /// The privileges seem to be there, and the kernel refuses all the same.
    #[error(
        "the kernel does not let goat {action}, though its capabilities suffice: a user namespace, a seccomp profile that \
         filters bpf(2), or kernel lockdown forbids it"
    )]
    Forbidden {
        /// What was to be done.
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel has no such probes.
    #[error("this kernel ({release}) has no {backend}: {need}")]
    Unsupported {
        /// What was asked for.
        backend: Backend,
        /// The running kernel.
        release: String,
        /// What would do.
        need: &'static str,
    },
    /// There is no such process.
    #[error("there is no process {pid}: it has exited, or it is in a pid namespace that goat does not see")]
    NoProcess {
        /// The process id asked for.
        pid: u32,
    },
    /// A process is known by a number of another pid namespace, and the backend needs goat's own.
    #[error(
        "process {pid} is a number of another pid namespace, and perf events are opened by goat's own: run goat in the host's pid \
         namespace (hostPID: true), or use uprobe_multi"
    )]
    OtherNumbers {
        /// The process, as the other namespace knows it.
        pid: u32,
    },
    /// No process is in such a container.
    #[error(
        "no process below {} is in a container {name}: goat must see the host's processes (hostPID: true, or --proc with the host's \
         /proc), and the container must run",
        proc.display()
    )]
    NoContainer {
        /// What was asked for.
        name: String,
        /// Where processes were looked for.
        proc: PathBuf,
    },
    /// Several containers begin like that.
    #[error("{name} is the beginning of several containers' ids: {ids}")]
    ManyContainers {
        /// What was asked for.
        name: String,
        /// Those that begin so.
        ids: String,
    },
    /// There is no such control group.
    #[error("there is no control group {}", path.display())]
    NoCgroup {
        /// What was asked for.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The target's files in /proc can't be read.
    #[error(
        "cannot open {}: for another user's process goat needs CAP_SYS_PTRACE and CAP_DAC_OVERRIDE; for any, Yama \
         (kernel.yama.ptrace_scope) and the container's security module must allow it",
        path.display()
    )]
    Inaccessible {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The target's executable can't be parsed.
    #[error("cannot tell which binary the target runs")]
    Binary(#[from] binary::Error),
    /// The target is another build than the plan's.
    #[error(
        "the target is not the binary of the plan: the plan is for {planned}, the target is {found}; make a plan for it"
    )]
    OtherBinary {
        /// The plan's identity, in short.
        planned: String,
        /// The target's.
        found: String,
    },
    /// The plan is for another instruction set than this machine's.
    #[error("the plan is for {planned}, and this machine runs {here}: attach where the binary runs")]
    OtherArch {
        /// The plan's, as Go names it.
        planned: String,
        /// This machine's.
        here: &'static str,
    },
    /// The target's code is not the plan's.
    #[error(
        "the instruction at {address} (file offset {offset}) is {found} in the target, and {planned} in the plan: the file was \
         changed after it was built; make a plan for it as it is"
    )]
    OtherCode {
        /// The site.
        address: VirtAddr,
        /// Where it lies in the file.
        offset: FileOffset,
        /// The plan's bytes, in hex.
        planned: String,
        /// The file's.
        found: String,
    },
    /// The plan has more sites than the backend takes.
    #[error("the plan has {sites} sites, and {backend} takes {limit} at most: {reason}")]
    TooManySites {
        /// The plan's.
        sites: usize,
        /// The backend's.
        limit: usize,
        /// How the sites were to be attached.
        backend: Backend,
        /// Where the limit is from, and what to do.
        reason: String,
    },
    /// The kernel refuses more sites than can be told apart in a tolerable time.
    #[error(
        "the kernel refuses more than {refused} of the plan's sites: the plan was made for another kernel or processor; make \
         it with this version of goat"
    )]
    MostlyRefused {
        /// How many were found so far.
        refused: usize,
    },
    /// aya could not make the maps or load the program.
    #[error("cannot load the uprobe program")]
    Load(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The kernel refused something for a reason of its own.
    #[error("the kernel does not let goat {action}")]
    Kernel {
        /// What was to be done.
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A command could not be started.
    #[error("cannot start {program}")]
    Spawn {
        /// The command.
        program: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A command ended before its first instruction.
    #[error("{program} did not stop at its first instruction: {status}")]
    NotStopped {
        /// The command.
        program: String,
        /// What became of it.
        status: String,
    },
    /// The probes are gone, but the target's text is not what it was.
    #[error("{} sites still differ from the binary after detaching, the first at {first}", count)]
    NotRestored {
        /// How many.
        count: usize,
        /// The first of them.
        first: VirtAddr,
    },
}

fn join(missing: &[Capability]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

impl Error {
    /// `source` from an attempt to `action`: a refusal is told from a failure.
    pub(super) fn kernel(action: &'static str, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Forbidden { action, source },
            _ => Self::Kernel { action, source },
        }
    }
}
