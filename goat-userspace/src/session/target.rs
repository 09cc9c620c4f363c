//! What is probed: one process, or every process of an executable.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use goat_common::ProcessFilter;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Error;
use crate::{
    binary::{self, Identity},
    plan::ProbePlan,
};

/// Where the probes go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// One process.
    Pid(u32),
    /// Every process that runs this file, those started later too.
    Exe(PathBuf),
}

/// A running process, held by a pidfd: a later process of the same number is not mistaken for it.
pub(super) struct Process {
    pub(super) pid: u32,
    pidfd: OwnedFd,
}

impl Process {
    /// Takes hold of process `pid`.
    pub(super) fn open(pid: u32) -> Result<Self, Error> {
        let valid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Error::NoProcess { pid })?;
        // ESRCH: none of that number; EINVAL: that of a thread which is not its process's first.
        let pidfd = pidfd_open(valid, PidfdFlags::empty()).map_err(|_| Error::NoProcess { pid })?;
        Ok(Self { pid, pidfd })
    }

    /// Whether it has not exited yet.
    pub(super) fn is_alive(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one initialised element, as the count says; a pidfd becomes readable when the process exits.
        let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
        ready == 0
    }

    /// The process as it sees itself, for the program's own filter.
    pub(super) fn filter(&self) -> Result<ProcessFilter, Error> {
        let namespace = PathBuf::from(format!("/proc/{}/ns/pid", self.pid));
        let namespace = fs::metadata(&namespace).map_err(|source| inaccessible(namespace, source))?;
        let status = PathBuf::from(format!("/proc/{}/status", self.pid));
        let text = fs::read_to_string(&status).map_err(|source| Error::Read { path: status, source })?;
        // The ids from goat's pid namespace inwards: the last is the process's own.
        let tgid = text.lines().find_map(|l| l.strip_prefix("NStgid:")).and_then(|ids| ids.split_whitespace().last());
        let dev = namespace.dev();
        Ok(ProcessFilter {
            namespace_dev: u64::from(libc::major(dev)) << 20 | u64::from(libc::minor(dev)),
            namespace_ino: namespace.ino(),
            tgid: tgid.and_then(|id| id.parse().ok()).ok_or(Error::NoProcess { pid: self.pid })?,
            reserved: 0,
        })
    }
}

/// The file that is probed, held open: whatever its path means later, it stays the one that was checked.
pub(super) struct Executable {
    file: File,
    dev: u64,
    ino: u64,
}

impl Executable {
    /// Opens the file at `path`: a binary, or /proc/PID/exe.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| inaccessible(path.into(), source))?;
        let about = file.metadata().map_err(|source| Error::Read { path: path.into(), source })?;
        Ok(Self { file, dev: about.dev(), ino: about.ino() })
    }

    /// A path to this very file, whatever mount namespace it is in.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// The processes that run it now and that goat may see.
    pub(super) fn processes(&self) -> Vec<u32> {
        let runs_it = |pid: &u32| {
            fs::metadata(format!("/proc/{pid}/exe")).is_ok_and(|m| m.dev() == self.dev && m.ino() == self.ino)
        };
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).filter(runs_it).collect()
    }

    /// Fails unless this is the binary that `plan` was made for, down to the bytes at the sites.
    pub(super) fn check(&self, plan: &ProbePlan) -> Result<(), Error> {
        let path = self.path();
        let binary = binary::open(&path)?;
        if !is_same_build(&plan.identity, binary.identity()) {
            return Err(Error::OtherBinary { planned: describe(&plan.identity), found: describe(binary.identity()) });
        }
        for site in &plan.sites {
            let mut found = vec![0; site.instruction.len()];
            match self.file.read_exact_at(&mut found, site.offset.0) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => found.clear(),
                Err(source) => return Err(Error::Read { path, source }),
            }
            if found.is_empty() || found != site.instruction {
                return Err(Error::OtherCode {
                    address: site.address,
                    offset: site.offset,
                    planned: hex(&site.instruction),
                    found: hex(&found),
                });
            }
        }
        Ok(())
    }
}

/// Fails if this machine can't run the plan's binary: its instructions mean something else here.
pub(super) fn check_arch(planned: &Identity) -> Result<(), Error> {
    let here = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    // Plans say it; what says nothing is left to the checks of identity and code.
    if planned.arch.is_empty() || planned.arch == here {
        return Ok(());
    }
    Err(Error::OtherArch { planned: planned.arch.clone(), here })
}

/// Build ids decide where there are any; a binary without (`-ldflags=-buildid=`) must agree in all that it says of itself.
fn is_same_build(planned: &Identity, found: &Identity) -> bool {
    if planned.go_build_id.is_none() && planned.gnu_build_id.is_none() {
        return planned == found;
    }
    planned.go_build_id == found.go_build_id && planned.gnu_build_id == found.gnu_build_id
}

fn describe(identity: &Identity) -> String {
    let name = if identity.path.is_empty() { "a binary" } else { &identity.path };
    match (&identity.go_build_id, &identity.gnu_build_id, &identity.vcs_revision) {
        (Some(id), _, _) => format!("{name} with Go build id {id}"),
        (None, Some(id), _) => format!("{name} with GNU build id {id}"),
        (None, None, Some(revision)) => format!("{name} without build id, of commit {revision}"),
        (None, None, None) => format!("{name} without build id"),
    }
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "behind the end of the file".into();
    }
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

pub(super) fn inaccessible(path: PathBuf, source: io::Error) -> Error {
    match source.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => Error::Inaccessible { path, source },
        _ => Error::Read { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_ids_decide_and_only_without_them_the_rest() {
        let id = |go: Option<&str>, gnu: Option<&str>, revision: &str| Identity {
            go_build_id: go.map(Into::into),
            gnu_build_id: gnu.map(Into::into),
            vcs_revision: Some(revision.into()),
            ..Identity::default()
        };
        let check = |planned: &Identity, found: &Identity, same: bool| {
            assert_eq!(is_same_build(planned, found), same, "{planned:?} {found:?}");
        };
        check(&id(Some("a"), None, "1"), &id(Some("a"), None, "1"), true);
        check(&id(Some("a"), None, "1"), &id(Some("b"), None, "1"), false);
        check(&id(Some("a"), None, "1"), &id(None, None, "1"), false);
        check(&id(None, Some("a"), "1"), &id(None, Some("a"), "1"), true);
        check(&id(Some("a"), Some("x"), "1"), &id(Some("a"), Some("y"), "1"), false);
        check(&id(None, None, "1"), &id(None, None, "1"), true);
        check(&id(None, None, "1"), &id(None, None, "2"), false);
        check(&id(None, None, "1"), &id(Some("a"), None, "1"), false);
    }
}
