//! The file that is probed, held open: whatever its path means later, it stays the one that was checked.

use std::{
    fs::{self, File, Metadata},
    io,
    ops::Range,
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{
    Error,
    lease::Lease,
    neighbours::{self, Whose},
    process::{Proc, Process, inaccessible},
};
use crate::{
    binary::{self, Identity},
    plan::ProbePlan,
};

/// How much of a binary is read at once where its sites are looked at.
const WINDOW: usize = 64 << 10;

/// An open binary.
pub struct Executable {
    file: File,
    version: Version,
    /// In whom it is probed, as often as it is said.
    announced: Mutex<Vec<Whose>>,
}

/// What tells one content of one file from another. Not its device: on stacked file systems the same file has several.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Version {
    ino: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Version {
    fn of(about: &Metadata) -> Self {
        Self {
            ino: about.ino(),
            size: about.size(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }

    /// Of the file at `path` as it is now.
    pub fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|about| Self::of(&about))
    }

    /// Whether `other` is the same file, whatever is in it.
    pub fn is_same_file(&self, other: &Self) -> bool {
        self.ino == other.ino
    }

    /// Whether `other` is the same file with the same content. A changed name or mode changes neither.
    pub fn is_content_of(&self, other: &Self) -> bool {
        (self.ino, self.size, self.modified) == (other.ino, other.size, other.modified)
    }
}

impl Executable {
    /// Opens the file at `path`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_as(path, path)
    }

    /// Opens the file that `process` runs, whatever mount namespace it is in and whether it still has a name.
    pub fn of(process: &Process) -> Result<Self, Error> {
        Self::open_as(&process.file("exe"), &process.shown("exe"))
    }

    fn open_as(path: &Path, shown: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| inaccessible(shown.into(), source))?;
        let about = file.metadata().map_err(|source| Error::Read { path: shown.into(), source })?;
        Ok(Self { version: Version::of(&about), file, announced: Mutex::default() })
    }

    /// The same file by a descriptor of its own.
    pub(super) fn again(&self) -> Result<Self, Error> {
        Self::open(&self.path())
    }

    /// A path to this very file, whatever mount namespace it is in.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// Says to other sessions that it is probed, until [`Self::withdraw`] has been called as often.
    pub(super) fn announce(&self, whose: Whose) {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).push(whose);
        neighbours::announce(&self.file, whose);
    }

    /// Says that it is no longer probed there.
    pub(super) fn withdraw(&self, whose: Whose) {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = announced.iter().position(|known| *known == whose) {
            announced.swap_remove(at);
        }
        neighbours::withdraw(&self.file);
        announced.iter().for_each(|whose| neighbours::announce(&self.file, *whose));
    }

    /// Whether another session probes any of those that this one does.
    pub(super) fn is_shared(&self) -> bool {
        let announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        announced.iter().any(|whose| neighbours::are_there(&self.file, *whose))
    }

    /// Which content of which file it was when it was opened.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Holds writers back.
    pub(super) fn lease(&self) -> io::Result<Lease> {
        Lease::take(&self.file)
    }

    /// What it says of itself.
    pub fn identity(&self) -> Result<Identity, Error> {
        Ok(binary::identify(&self.path())?)
    }

    /// Whether process `pid` runs it, as far as goat may see.
    pub(super) fn is_run_by(&self, proc: &Proc, pid: u32) -> bool {
        Version::at(&proc.file(pid, "exe")).is_ok_and(|v| v.is_content_of(&self.version))
    }

    /// Fails unless it is the plan's binary, with the plan's instructions at its sites.
    pub fn check(&self, plan: &ProbePlan) -> Result<(), Error> {
        let path = self.path();
        let found = self.identity()?;
        if !is_same_build(&plan.identity, &found) {
            return Err(Error::OtherBinary { planned: describe(&plan.identity), found: describe(&found) });
        }
        let sites = plan.sites.iter().map(|s| (s.address, s.offset, &s.instruction));
        let fallbacks = plan.sites.iter().filter_map(|s| s.fallback.as_ref());
        let fallbacks = fallbacks.map(|f| (f.address, f.offset, &f.instruction));
        let entry = plan.fault_entry.iter().map(|e| (e.address, e.offset, &e.instruction));
        let mut window = Window { file: &self.file, start: 0, bytes: Vec::new() };
        for (address, offset, instruction) in sites.chain(fallbacks).chain(entry) {
            let found = match window.at(offset.0, instruction.len()) {
                Ok(found) => found,
                Err(source) => return Err(Error::Read { path, source }),
            };
            if found.is_empty() || found != *instruction {
                return Err(Error::OtherCode { address, offset, planned: hex(instruction), found: hex(found) });
            }
        }
        Ok(())
    }
}

/// A part of a file, read at once: a system call for each of ten thousand sites takes longer than attaching to them.
struct Window<'a> {
    file: &'a File,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// The `len` bytes at `offset`; none where the file ends before.
    fn at(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        if self.held(offset, len).is_none() {
            self.bytes.resize(WINDOW.max(len), 0);
            let mut read = 0;
            while read < self.bytes.len() {
                match self.file.read_at(&mut self.bytes[read..], offset.saturating_add(read as u64)) {
                    Ok(0) => break,
                    Ok(more) => read += more,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            self.bytes.truncate(read);
            self.start = offset;
        }
        Ok(self.held(offset, len).map_or(&[], |range| &self.bytes[range]))
    }

    fn held(&self, offset: u64, len: usize) -> Option<Range<usize>> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let end = at.checked_add(len)?;
        (end <= self.bytes.len()).then_some(at..end)
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
pub fn is_same_build(planned: &Identity, found: &Identity) -> bool {
    if planned.go_build_id.is_none() && planned.gnu_build_id.is_none() {
        return planned == found;
    }
    planned.go_build_id == found.go_build_id && planned.gnu_build_id == found.gnu_build_id
}

/// A binary by its build id, for people.
pub fn describe(identity: &Identity) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_moves_over_the_file_and_ends_with_it() {
        let bytes: Vec<u8> = (0..WINDOW * 2 + 3).map(|n| (n % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        let mut window = Window { file: &file, start: 0, bytes: Vec::new() };
        let end = bytes.len();
        for (offset, len) in [(0, 5), (7, 15), (WINDOW - 2, 4), (WINDOW * 2, 3), (3, 1), (end - 1, 1), (0, WINDOW + 9)]
        {
            assert_eq!(window.at(offset as u64, len).unwrap(), &bytes[offset..offset + len], "{offset} {len}");
        }
        for (offset, len) in [(end as u64 - 1, 2), (end as u64, 1), (1 << 40, 4)] {
            assert_eq!(window.at(offset, len).unwrap(), b"", "{offset} {len}");
        }
    }

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
