//! A command, stopped before its first instruction, so that probes see all that it does.

use std::{
    io,
    marker::PhantomData,
    os::unix::process::CommandExt,
    process::{Child, Command},
};

use super::Error;

/// A process between exec(2) and its first instruction. Dropped, it is killed.
///
/// ptrace(2) ties it to the thread that started it, which is why it can't be sent to another; if goat dies, or that thread
/// ends, the kernel kills it.
#[derive(Debug)]
pub struct Stopped {
    child: Option<Child>,
    _thread: PhantomData<*const ()>,
}

/// Starts `command` and stops it before its first instruction. Its standard streams are what `command` says: by default
/// goat's own.
pub fn stopped(command: &mut Command) -> Result<Stopped, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    // SAFETY: runs in the child between fork and exec, and does nothing but one system call.
    unsafe { command.pre_exec(|| ptrace(libc::PTRACE_TRACEME, 0, 0)) };
    let child = match command.spawn() {
        Ok(child) => child,
        Err(source) => return Err(Error::Spawn { program, source }),
    };
    let stopped = Stopped { child: Some(child), _thread: PhantomData };
    let pid = stopped.pid().cast_signed();

    let mut status = 0;
    // SAFETY: `status` is one integer, as the call wants.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    if waited != pid {
        return Err(Error::Spawn { program, source: io::Error::last_os_error() });
    }
    // exec(2) of a traced process ends in a SIGTRAP.
    if !libc::WIFSTOPPED(status) || libc::WSTOPSIG(status) != libc::SIGTRAP {
        return Err(Error::NotStopped { program, status: describe(status) });
    }
    ptrace(libc::PTRACE_SETOPTIONS, pid, libc::PTRACE_O_EXITKILL as usize)
        .map_err(|source| Error::Spawn { program, source })?;
    Ok(stopped)
}

impl Stopped {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Lets it run, untraced.
    pub fn resume(mut self) -> Result<Child, Error> {
        ptrace(libc::PTRACE_DETACH, self.pid().cast_signed(), 0)
            .map_err(|source| Error::Kernel { action: "resume the command", source })?;
        Ok(self.child.take().expect("only resume and drop take the child"))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have been killed already: then there is nothing to do.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn ptrace(request: libc::c_uint, pid: libc::pid_t, data: usize) -> io::Result<()> {
    // SAFETY: the requests made here take no pointer.
    let result = unsafe { libc::ptrace(request, pid, 0usize, data) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn describe(status: i32) -> String {
    if libc::WIFEXITED(status) {
        format!("it exited with {}", libc::WEXITSTATUS(status))
    } else if libc::WIFSIGNALED(status) {
        format!("signal {} killed it", libc::WTERMSIG(status))
    } else {
        format!("signal {} stopped it", libc::WSTOPSIG(status))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Stdio};

    use super::*;

    #[test]
    fn the_command_runs_only_when_resumed() {
        let mut stopped =
            stopped(Command::new("/bin/sh").args(["-c", "echo ran; exit 7"]).stdout(Stdio::piped())).unwrap();
        let state = fs::read_to_string(format!("/proc/{}/status", stopped.pid())).unwrap();
        assert!(state.contains("State:\tt (tracing stop)"), "{state}");
        assert!(state.starts_with("Name:\tsh\n"), "{state}");
        assert!(stopped.child.as_mut().unwrap().try_wait().unwrap().is_none());
        let output = stopped.resume().unwrap().wait_with_output().unwrap();
        assert_eq!(output.stdout, b"ran\n");
        assert_eq!(output.status.code(), Some(7));
    }

    #[test]
    fn a_dropped_command_never_runs() {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("ran");
        let stopped = stopped(Command::new("/bin/sh").arg("-c").arg(format!("touch {}", trace.display()))).unwrap();
        let pid = stopped.pid();
        drop(stopped);
        assert!(!fs::exists(format!("/proc/{pid}")).unwrap());
        assert!(!trace.exists());
    }

    #[test]
    fn what_can_not_be_executed_is_an_error() {
        let error = stopped(&mut Command::new("/nonexistent/program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start /nonexistent/program");
        let error = stopped(&mut Command::new("/etc/passwd")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start /etc/passwd");
    }
}
