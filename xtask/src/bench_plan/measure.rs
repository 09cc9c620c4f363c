//! A command run some times: how long it took, its memory, and what it said.

use std::{
    fs::File,
    io::Read,
    mem::MaybeUninit,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// What some runs took.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    /// The median of the time from start to end.
    pub(super) wall: Duration,
    /// User and system time of the run that was the median.
    pub(super) cpu: Duration,
    /// The most memory that a run had at once (`ru_maxrss` of getrusage(2), mapped files included), in bytes.
    pub(super) memory: u64,
    /// Standard error of the run that was the median.
    pub(super) said: String,
}

/// Runs `command` once to warm up, and `times` times.
pub(super) fn runs(times: usize, mut command: impl FnMut() -> Command) -> Result<Runs> {
    run(&mut command())?;
    let mut all = (0..times.max(1)).map(|_| run(&mut command())).collect::<Result<Vec<_>>>()?;
    let memory = all.iter().map(|run| run.memory).max().unwrap_or_default();
    all.sort_by_key(|run| run.wall);
    let median = all.swap_remove(all.len() / 2);
    Ok(Runs { memory, ..median })
}

/// Through its end, by wait4(2), which tells the resources of the one child.
fn run(command: &mut Command) -> Result<Runs> {
    let log = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log.path())?);
    let began = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    let pid = libc::pid_t::try_from(child.id())?;
    // SAFETY: writes one status and one rusage where the pointers lead. `child` is not waited for by anything else.
    let ended = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
    let wall = began.elapsed();
    ensure!(ended == pid, "cannot wait for {command:?}: {}", std::io::Error::last_os_error());
    let mut said = String::new();
    File::open(log.path())?.read_to_string(&mut said)?;
    ensure!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{command:?} failed:\n{said}");
    // SAFETY: the call has succeeded.
    let usage = unsafe { usage.assume_init() };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
    };
    let cpu = time(usage.ru_utime) + time(usage.ru_stime);
    Ok(Runs { wall, cpu, memory: usage.ru_maxrss.unsigned_abs() << 10, said })
}
