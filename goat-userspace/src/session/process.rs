//! A running process: held so that neither a later process of its number nor another program in it is mistaken for it.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use goat_common::ProcessFilter;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Error;

/// What the kernel tells times in to user space, on every architecture of Go's: per second (USER_HZ).
const TICKS: f64 = 100.0;

/// Where processes are looked up: a mount of procfs. On a host whose `/proc` is mounted elsewhere in goat's container, the
/// numbers there are those of the host's pid namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proc {
    root: PathBuf,
    /// Whether its numbers are those that goat's own system calls take.
    own_numbers: bool,
}

impl Default for Proc {
    fn default() -> Self {
        Self { root: "/proc".into(), own_numbers: true }
    }
}

impl Proc {
    /// The mount at `root`.
    pub fn at(root: &Path) -> Result<Self, Error> {
        let link = root.join("self");
        let itself = fs::read_link(&link).map_err(|source| Error::Read { path: link, source })?;
        let own_numbers = itself == Path::new(&std::process::id().to_string());
        Ok(Self { root: root.into(), own_numbers })
    }

    /// Where it is mounted.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The processes that are there now, in no order.
    pub fn pids(&self) -> Vec<u32> {
        let Ok(entries) = fs::read_dir(&self.root) else { return Vec::new() };
        entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect()
    }

    /// How long ago process `pid` was started; `None` if there is none.
    pub(super) fn age(&self, pid: u32) -> Option<Duration> {
        let uptime = fs::read_to_string(self.root.join("uptime")).ok()?;
        let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
        let stat = fs::read(self.file(pid, "stat")).ok()?;
        // Behind the name, which may hold anything, stands field 3; field 22 is the start, in ticks since boot
        // (proc_pid_stat(5)).
        let stat = String::from_utf8_lossy(&stat);
        let start: f64 = stat.rsplit(") ").next()?.split(' ').nth(22 - 3)?.parse().ok()?;
        Some(Duration::from_secs_f64((uptime - start / TICKS).max(0.0)))
    }

    /// The file `name` of process `pid`.
    pub fn file(&self, pid: u32, name: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(name)
    }
}

/// A process and the program that it runs now.
pub struct Process {
    pid: u32,
    /// Its directory in procfs: of this process, whoever gets the number later.
    directory: File,
    /// Readable once it has exited; `None` where its number means nothing to goat's own system calls.
    pidfd: Option<OwnedFd>,
    /// Its memory, to notice exec(2); `None` where goat may not look into it.
    memory: Option<File>,
    found: SystemTime,
    /// For messages.
    root: PathBuf,
}

impl Process {
    /// Takes hold of process `pid`, a number of `proc`'s.
    pub fn open(proc: &Proc, pid: u32) -> Result<Self, Error> {
        let gone = || Error::NoProcess { pid };
        let valid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
        let root = proc.root.join(pid.to_string());
        let directory = File::open(&root).map_err(|_| gone())?;
        // ESRCH: none of that number; EINVAL: that of a thread which is not its process's first.
        let pidfd = match proc.own_numbers {
            true => Some(pidfd_open(valid, PidfdFlags::empty()).map_err(|_| gone())?),
            false => None,
        };
        let mut process = Self { pid, directory, pidfd, memory: None, found: SystemTime::now(), root };
        // A thread of another process has a directory too, and is not listed.
        let status = process.read("status").map_err(|_| gone())?;
        if field(&status, "Tgid:") != Some(&pid.to_string()) {
            return Err(gone());
        }
        process.memory = File::open(process.file("mem")).ok();
        if process.is_alive() { Ok(process) } else { Err(gone()) }
    }

    /// Its number, as goat was told it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// When goat came upon it.
    pub fn found(&self) -> SystemTime {
        self.found
    }

    /// Its number for goat's own system calls; `None` where they know it by another, or not at all.
    pub(super) fn kernel_pid(&self) -> Option<u32> {
        self.pidfd.is_some().then_some(self.pid)
    }

    /// The file `name` in its directory, by a path that never leads to another process's.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.directory.as_raw_fd()))
    }

    /// The same file for people.
    pub(super) fn shown(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The path of the file that it runs, as it calls it: in its own mount namespace, with ` (deleted)` behind it once it is.
    pub fn exe(&self) -> io::Result<PathBuf> {
        fs::read_link(self.file("exe"))
    }

    /// Whether it has not exited yet.
    pub fn is_alive(&self) -> bool {
        match &self.pidfd {
            Some(pidfd) => {
                let mut poll = libc::pollfd { fd: pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                // SAFETY: one initialised element, as the count says; a pidfd becomes readable when the process exits.
                let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
                ready == 0
            }
            // ESRCH when it was waited for. Behind the name, which may hold anything, stands the state.
            None => self.read("stat").is_ok_and(|stat| {
                let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
                !matches!(state, None | Some('Z' | 'X' | 'x'))
            }),
        }
    }

    /// Whether it still runs the program that it ran when it was found: not after its end, nor after exec(2), even of the
    /// same file.
    pub fn is_current(&self) -> bool {
        // Nothing is mapped at address 0 (vm.mmap_min_addr), so that reading there fails while the memory is there. Of an
        // image that was given up, nothing is read without an error (mem_rw in fs/proc/base.c).
        let given_up = self.memory.as_ref().is_some_and(|m| matches!(m.read_at(&mut [0], 0), Ok(0)));
        !given_up && self.is_alive()
    }

    /// The CPU time that all of its threads have used; `None` where it can't be told.
    pub(super) fn cpu_time(&self) -> Option<Duration> {
        match self.kernel_pid().and_then(|pid| libc::pid_t::try_from(pid).ok()) {
            Some(pid) => {
                let (mut clock, mut time) = (0, libc::timespec { tv_sec: 0, tv_nsec: 0 });
                // SAFETY: both are written to before they are read, if the calls succeed.
                let known = unsafe {
                    libc::clock_getcpuclockid(pid, &raw mut clock) == 0
                        && libc::clock_gettime(clock, &raw mut time) == 0
                };
                known.then(|| Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0)))
            }
            None => ticks(&self.read("stat").ok()?),
        }
    }

    /// The process as it sees itself, for the program's own filter.
    pub(super) fn filter(&self) -> Result<ProcessFilter, Error> {
        let namespace = fs::metadata(self.file("ns/pid")).map_err(|e| inaccessible(self.shown("ns/pid"), e))?;
        let status = self.read("status").map_err(|source| Error::Read { path: self.shown("status"), source })?;
        // The ids from the outermost pid namespace inwards: the last is the process's own.
        let tgid = field(&status, "NStgid:").and_then(|ids| ids.split_whitespace().last());
        let dev = namespace.dev();
        Ok(ProcessFilter {
            namespace_dev: u64::from(libc::major(dev)) << 20 | u64::from(libc::minor(dev)),
            namespace_ino: namespace.ino(),
            tgid: tgid.and_then(|id| id.parse().ok()).ok_or(Error::NoProcess { pid: self.pid })?,
            reserved: 0,
        })
    }

    fn read(&self, name: &str) -> io::Result<String> {
        fs::read(self.file(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// utime and stime in the text of /proc/PID/stat, in hundredths of a second (USER_HZ is 100 on every architecture of Linux that
/// Go knows). The name, which may hold anything, is in brackets.
fn ticks(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).map(|field| field.parse::<u64>().ok());
    Some(Duration::from_millis(10 * (fields.next()?? + fields.next()??)))
}

/// What stands behind `name` in the text of /proc/PID/status.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

pub(super) fn inaccessible(path: PathBuf, source: io::Error) -> Error {
    match source.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => Error::Inaccessible { path, source },
        _ => Error::Read { path, source },
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::*;

    #[test]
    fn a_process_is_held_to_its_end() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let process = Process::open(&Proc::default(), child.id()).unwrap();
        assert!(process.is_alive() && process.is_current());
        assert!(process.exe().unwrap().is_absolute());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive() && !process.is_current());
        assert!(Process::open(&Proc::default(), child.id()).is_err());
    }

    #[test]
    fn a_program_that_gives_way_to_another_is_no_longer_current() {
        // The shell becomes `cat`, which waits for the end of its input.
        let mut child = Command::new("sh")
            .args(["-c", "read line; exec cat"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let process = Process::open(&Proc::default(), child.id()).unwrap();
        let can_tell = process.memory.is_some();
        assert!(process.is_current());
        let mut input = child.stdin.take().unwrap();
        io::Write::write_all(&mut input, b"go\nx\n").unwrap();
        // cat answers: the exec is behind it.
        io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0; 2]).unwrap();
        let (alive, current) = (process.is_alive(), process.is_current());
        let anew = Process::open(&Proc::default(), child.id()).map(|p| p.is_current());
        drop(input);
        child.wait().unwrap();
        assert!(alive && anew.unwrap());
        match can_tell {
            true => assert!(!current),
            false => eprintln!("skipped: another process's memory can't be read here"),
        }
    }

    #[test]
    fn cpu_time_is_read_behind_the_name() {
        let check =
            |stat: &str, millis: Option<u64>| assert_eq!(ticks(stat), millis.map(Duration::from_millis), "{stat}");
        check("7 (a b) 1 2) S 1 7 7 0 -1 4194304 105 0 0 0 12 34 0 0 20 0 1 0", Some(460));
        check("7 (a) S 1 7 7", None);
        check("", None);
    }

    #[test]
    fn a_thread_is_no_process() {
        let (started, ended) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                started.wait();
                ended.wait();
            });
            started.wait();
            let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
            let threads = threads.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
            let others: Vec<u32> = threads.filter(|id| *id != std::process::id()).collect();
            let found: Vec<_> = others.iter().filter(|id| Process::open(&Proc::default(), **id).is_ok()).collect();
            ended.wait();
            assert!(!others.is_empty() && found.is_empty(), "{others:?} {found:?}");
        });
    }

    #[test]
    fn another_mount_of_procfs_is_told_by_its_numbers() {
        assert_eq!(Proc::at(Path::new("/proc")).unwrap(), Proc::default());
        let other = tempfile::tempdir().unwrap();
        assert!(Proc::at(other.path()).is_err());
        std::os::unix::fs::symlink("4711", other.path().join("self")).unwrap();
        assert!(!Proc::at(other.path()).unwrap().own_numbers);
    }
}
