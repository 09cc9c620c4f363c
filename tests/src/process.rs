//! A process that runs while the test looks at it, with all that it writes.

use std::{
    io::Read,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result, bail};

use crate::deadline;

/// A running process in a process group of its own. Dropping it kills the group.
pub struct Process {
    child: Child,
    command: String,
    stdout: Stream,
    stderr: Stream,
}

/// How a process ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Process {
    /// Starts `command` without input.
    pub fn start(command: &mut Command) -> Result<Self> {
        Self::start_with_input(command, Stdio::null())
    }

    /// Starts `command` with `input` as its standard input.
    pub fn start_with_input(command: &mut Command, input: impl Into<Stdio>) -> Result<Self> {
        let mut child = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        let stdout = Stream::read(child.stdout.take().context("no stdout")?);
        let stderr = Stream::read(child.stderr.take().context("no stderr")?);
        Ok(Self { child, command: format!("{command:?}"), stdout, stderr })
    }

    /// Starts `command` and waits for its end.
    pub fn run(command: &mut Command) -> Result<Outcome> {
        Self::start(command)?.wait()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits until `look` finds something; an error with all output if the process ends before.
    pub fn until<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
        let found = deadline::until(what, || {
            let found = look();
            if found.is_none()
                && let Some(status) = self.child.try_wait()?
            {
                bail!("{status} before there was {what}");
            }
            Ok(found)
        });
        found.with_context(|| self.written())
    }

    /// What it has written to standard error until now.
    pub fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// Sends `signal`.
    pub fn signal(&self, signal: i32) -> Result<()> {
        let pid = i32::try_from(self.pid())?;
        // SAFETY: kill(2) takes two integers. The child has not been waited for, so the pid is still its own.
        if unsafe { libc::kill(pid, signal) } != 0 {
            return Err(std::io::Error::last_os_error())
                .with_context(|| format!("signal {signal} to {}", self.command));
        }
        Ok(())
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Result<Outcome> {
        let ended = deadline::until("its end", || Ok(self.child.try_wait()?));
        let status = ended.with_context(|| self.written())?;
        self.kill_group();
        Ok(Outcome { status, stdout: self.stdout.all(), stderr: self.stderr.all() })
    }

    fn written(&self) -> String {
        format!("{}\n--- stdout\n{}--- stderr\n{}---", self.command, self.stdout.so_far(), self.stderr.so_far())
    }

    fn kill_group(&self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // SAFETY: as in `signal`; the group is the child's own and only this test's processes are in it. With no
            // one left the call fails, which is as good.
            unsafe { libc::kill(-pid, libc::SIGKILL) };
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// The exit code as a shell has it: 128 + n for signal n.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    /// Standard error without goat's own lines, for a program that goat ran.
    pub fn program_stderr(&self) -> String {
        let is_goats = |line: &&str| ["goat: ", "warning: ", "note: "].iter().any(|start| line.starts_with(start));
        self.stderr.split_inclusive('\n').filter(|line| !is_goats(line)).collect()
    }

    /// The outcome, or an error with all output if the exit code is not 0.
    pub fn succeeded(self) -> Result<Self> {
        if !self.status.success() {
            bail!("{}\n--- stdout\n{}--- stderr\n{}---", self.status, self.stdout, self.stderr);
        }
        Ok(self)
    }
}

/// A pipe that a thread reads, so that the writer never blocks.
struct Stream {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn read(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(len @ 1..) = pipe.read(&mut chunk) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..len]);
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.so_far()
    }
}
