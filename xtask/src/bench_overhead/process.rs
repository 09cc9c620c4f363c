//! A child process, killed when dropped, and the time that a process has spent on CPUs.

use std::{
    mem::MaybeUninit,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

/// Ends with its owner.
pub(super) struct Running(pub(super) Child);

impl Running {
    /// Starts `command` without input and output.
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn().with_context(|| format!("cannot start {command:?}"))?))
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The CPU time of a process, user and system, all threads: clock_getcpuclockid(3). /proc/PID/stat has the same in steps of
/// 10 ms.
#[derive(Clone, Copy)]
pub(super) struct CpuClock(libc::clockid_t);

impl CpuClock {
    /// That of process `pid`.
    pub(super) fn of(pid: u32) -> Result<Self> {
        let mut clock = MaybeUninit::uninit();
        // SAFETY: writes one clock id where the pointer leads.
        let failed = unsafe { libc::clock_getcpuclockid(libc::pid_t::try_from(pid)?, clock.as_mut_ptr()) };
        ensure!(failed == 0, "process {pid} has no clock: {}", std::io::Error::from_raw_os_error(failed));
        // SAFETY: the call has succeeded.
        Ok(Self(unsafe { clock.assume_init() }))
    }

    /// How much it has spent; `None` when the process has been waited for.
    pub(super) fn read(self) -> Option<Duration> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: writes one timespec where the pointer leads.
        let done = unsafe { libc::clock_gettime(self.0, &raw mut time) };
        (done == 0).then(|| Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32))
    }

    /// The same for a process that is known to be there.
    pub(super) fn now(self) -> Result<Duration> {
        self.read().context("the process has ended")
    }
}

/// How many CPUs the measured program gets: one is left to what drives and what observes it.
pub(super) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get()).saturating_sub(1).max(1)
}
