//! What goat keeps of its privileges once the probes are in place: what arming again takes, and nothing else.
//!
//! Capabilities belong to threads, and there are threads already: each is made to give its own up by a signal, as the C
//! libraries do for setuid(2). no_new_privs and the system call filter go to all threads at once.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Access, AtFlags, CWD},
    thread::{CapabilitySet, CapabilitySets},
};

use super::{Backend, Capability, Error, features, syscall_filter};

/// How long a thread may take to hear the signal. It may be in a system call that ends late: a page that is read from disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// What goat goes on to do.
#[derive(Clone, Copy, Debug)]
pub struct Duties<'a> {
    /// How it attaches again: to a target that restarts, or with other sites.
    pub backend: Backend,
    /// Whether it passes signals on to a command, which may have become another user's.
    pub sends_signals: bool,
    /// Whether targets may be another user's: their /proc/PID/mem is written to, which is a file of theirs, mode 0600.
    pub other_users: bool,
    /// The files that it writes, each by replacing it. Where the directory is another user's, that takes CAP_DAC_OVERRIDE.
    pub writes: &'a [&'a Path],
}

/// Gives up every capability that `duties` do not need, in all threads of this process and for ever; sets no_new_privs and
/// filters system calls that goat has no more use for. Returns what was kept.
///
/// To be called when the command of `goat run` has been resumed: starting it takes what is given up.
pub fn reduce(duties: &Duties<'_>) -> Result<Vec<Capability>, Error> {
    let failed = |action| move |e: rustix::io::Errno| Error::Kernel { action, source: e.into() };
    let sets = rustix::thread::capabilities(None).map_err(failed("read its capabilities"))?;
    let mut keep = sets.permitted & needed(sets.permitted, duties);
    let only = CapabilitySets { effective: keep, ..sets };
    // Only effectively, which can be taken back: to see whether the files can be written without.
    rustix::thread::set_capabilities(None, only).map_err(failed("give up capabilities"))?;
    if !duties.writes.iter().all(|path| can_replace(path)) {
        keep |= sets.permitted & CapabilitySet::DAC_OVERRIDE;
    }
    // The bounding set is changed by CAP_SETPCAP.
    rustix::thread::set_capabilities(None, sets).map_err(failed("give up capabilities"))?;
    reduce_threads(keep)?;
    syscall_filter::install(duties.backend)
        .map_err(|source| Error::Kernel { action: "filter system calls", source })?;
    Ok(features::capabilities(keep.bits()))
}

/// What there is to keep in `permitted`.
fn needed(permitted: CapabilitySet, duties: &Duties<'_>) -> CapabilitySet {
    let bpf = CapabilitySet::BPF | CapabilitySet::PERFMON;
    let probes = match duties.backend {
        Backend::UprobeMulti if permitted.contains(bpf) => bpf,
        // CAP_SYS_ADMIN contains the two; perf events need itself.
        Backend::UprobeMulti | Backend::PerfEvent => CapabilitySet::SYS_ADMIN | bpf,
    };
    // To read the text of processes of other users, and of those that have capabilities which goat now lacks; and to find a
    // restarted target's binary, a plan or a configuration where not everyone may look.
    let targets = CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH;
    let theirs = if duties.other_users { CapabilitySet::DAC_OVERRIDE } else { CapabilitySet::empty() };
    let signals = if duties.sends_signals { CapabilitySet::KILL } else { CapabilitySet::empty() };
    probes | targets | theirs | signals
}

/// Whether process `pid` is goat's own user's; not, when it is gone.
pub fn is_own(pid: u32) -> bool {
    fs::metadata(format!("/proc/{pid}/mem")).is_ok_and(|mem| mem.uid() == rustix::process::geteuid().as_raw())
}

/// Whether the file at `path` can be replaced by another with the effective capabilities.
fn can_replace(path: &Path) -> bool {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    rustix::fs::accessat(CWD, dir, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

/// The capabilities that threads keep when they hear the signal.
static KEEP: AtomicU64 = AtomicU64::new(0);

/// Makes every thread keep only `keep`, and looks whether they did.
fn reduce_threads(keep: CapabilitySet) -> Result<(), Error> {
    let failed = |source| Error::Kernel { action: "give up capabilities", source };
    KEEP.store(keep.bits(), Ordering::Release);
    reduce_this_thread(keep).map_err(|e| failed(e.into()))?;
    let signal = listen().map_err(failed)?;
    let deadline = Instant::now() + PATIENCE;
    let (mut asked, mut clean) = (BTreeSet::new(), 0);
    // A thread that another one starts meanwhile may be missed by one look, but not by the next: by then its parent has
    // given up what it had.
    while clean < 2 {
        let behind = behind(keep).map_err(failed)?;
        clean = if behind.is_empty() { clean + 1 } else { 0 };
        for thread in &behind {
            if asked.insert(*thread) {
                send(*thread, signal).map_err(failed)?;
            }
        }
        if Instant::now() > deadline {
            return Err(failed(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{} threads kept theirs", behind.len()),
            )));
        }
        if !behind.is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

/// Gives up what is not in `keep`, and the way back: no program that this thread executes has more.
fn reduce_this_thread(keep: CapabilitySet) -> rustix::io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    for capability in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
        if !keep.contains(capability) {
            // Takes CAP_SETPCAP, without which no_new_privs does as well; and there are not 64 of them.
            let _ = rustix::thread::remove_capability_from_bounding_set(capability);
        }
    }
    // What is not inheritable is not ambient either.
    let inheritable = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: keep, permitted: keep, inheritable })
}

/// The threads that have more than `keep`, or no_new_privs not set.
fn behind(keep: CapabilitySet) -> io::Result<Vec<libc::pid_t>> {
    let mut behind = Vec::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        // A thread that is gone needs nothing.
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else { continue };
        let has_more = features::set(&status, "CapPrm:") & !keep.bits() != 0;
        if has_more || !status.contains("\nNoNewPrivs:\t1\n") {
            behind.extend(entry.file_name().to_str().and_then(|tid| tid.parse::<libc::pid_t>().ok()));
        }
    }
    Ok(behind)
}

/// Has the signal that is returned reduce the thread that gets it. It stays so: one that comes late must not kill goat.
fn listen() -> io::Result<libc::c_int> {
    extern "C" fn reduce(_signal: libc::c_int) {
        // SAFETY: the thread's own errno, which the code that was interrupted may be about to read.
        let errno = unsafe { *libc::__errno_location() };
        // Makes system calls alone, so that it may run at any moment. Who sent the signal looks whether it worked.
        let _ = reduce_this_thread(CapabilitySet::from_bits_retain(KEEP.load(Ordering::Acquire)));
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = errno };
    }
    // Nothing in goat uses a real-time signal.
    let signal = libc::SIGRTMAX() - 1;
    // SAFETY: all zeros is a sigaction with no handler, no flags and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = reduce as extern "C" fn(libc::c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: a whole sigaction, whose handler does only what signal-safety(7) allows.
    let done = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    if done == 0 { Ok(signal) } else { Err(io::Error::last_os_error()) }
}

fn send(thread: libc::pid_t, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: takes three numbers; the kernel refuses a thread that is not this process's.
    let done = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, signal) };
    match io::Error::last_os_error() {
        // It has ended by itself.
        e if done != 0 && e.raw_os_error() != Some(libc::ESRCH) => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arming_again_takes_is_kept() {
        let all = CapabilitySet::from_bits_retain((1 << 41) - 1);
        let (bpf, perfmon, admin) = (CapabilitySet::BPF, CapabilitySet::PERFMON, CapabilitySet::SYS_ADMIN);
        let always = CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH;
        let for_others = CapabilitySet::KILL | CapabilitySet::DAC_OVERRIDE;
        let check = |permitted: CapabilitySet, backend, for_others, expected: CapabilitySet| {
            let duties = Duties { backend, sends_signals: for_others, other_users: for_others, writes: &[] };
            assert_eq!(permitted & needed(permitted, &duties), expected, "{permitted:?} {duties:?}");
        };
        check(all, Backend::UprobeMulti, false, bpf | perfmon | always);
        check(all, Backend::UprobeMulti, true, bpf | perfmon | always | for_others);
        check(all, Backend::PerfEvent, false, admin | bpf | perfmon | always);
        check(bpf | perfmon, Backend::UprobeMulti, true, bpf | perfmon);
        check(admin | CapabilitySet::CHOWN, Backend::UprobeMulti, false, admin);
        check(CapabilitySet::empty(), Backend::UprobeMulti, false, CapabilitySet::empty());
    }

    #[test]
    fn a_directory_decides_whether_a_file_can_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        assert!(can_replace(&dir.path().join("report.json")));
        assert!(can_replace(Path::new("report.json")));
        assert!(!can_replace(&dir.path().join("nowhere/report.json")));
    }
}
