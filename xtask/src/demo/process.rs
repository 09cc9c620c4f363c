//! A program that the demo has started: its output is read for a line to wait for, shown, and it is ended with the demo.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::interrupt;

/// How long a program may take to say that it is ready, and to end when it is told to.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program. Dropping it kills it.
pub(super) struct Running {
    name: String,
    child: Child,
    lines: Receiver<String>,
    /// Whether only root can end it.
    pub(super) by_sudo: bool,
}

impl Running {
    /// Starts `command` in a process group of its own, so that a Ctrl-C reaches the demo alone.
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().display().to_string();
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let (sender, lines) = mpsc::channel();
        let outputs = [
            child.stdout.take().map(|o| Box::new(o) as Box<dyn Read + Send>),
            child.stderr.take().map(|e| Box::new(e) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    println!("{line}");
                    // Nobody waits for lines any more; they are still shown.
                    let _ = sender.send(line);
                }
            });
        }
        Ok(Self { name, child, lines, by_sudo: false })
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line with `marker`, and returns what stands behind it.
    pub(super) fn wait_for(&mut self, marker: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && !interrupt::came() {
            match self.lines.recv_timeout(interrupt::POLL) {
                Ok(line) => {
                    if let Some((_, rest)) = line.split_once(marker) {
                        return Ok(rest.to_owned());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().with_context(|| format!("cannot wait for {}", self.name))?;
                    bail!("{} ended before it was ready: {status}", self.name);
                }
            }
        }
        bail!("{} did not say {marker:?}", self.name)
    }

    /// Whether it still runs.
    pub(super) fn is_alive(&mut self) -> Result<bool> {
        Ok(self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))?.is_none())
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn end(&mut self) -> Result<ExitStatus> {
        self.terminate();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))? {
                return Ok(status);
            }
            thread::sleep(interrupt::POLL);
        }
        bail!("{} does not end", self.name)
    }

    fn terminate(&self) {
        let id = self.child.id();
        if self.by_sudo {
            // Should it fail, the wait behind it says so.
            let _ = Command::new("sudo").args(["--non-interactive", "kill", "-TERM", &id.to_string()]).status();
        } else if let Ok(id) = libc::pid_t::try_from(id) {
            // SAFETY: kill has no memory preconditions; the child has not been waited for, so that the number is still its own.
            unsafe { libc::kill(id, libc::SIGTERM) };
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // goat is asked first: killed, it could not take its probes out by itself.
        if matches!(self.child.try_wait(), Ok(None)) && self.end().is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_waited_for_and_ended() {
        let mut running =
            Running::start(Command::new("sh").args(["-c", "echo starting; echo ready on 7 >&2; exec sleep 1000"]))
                .unwrap();
        assert_eq!(running.wait_for("ready on ").unwrap(), "7");
        assert!(running.is_alive().unwrap());
        assert!(!running.end().unwrap().success());
        assert!(!running.is_alive().unwrap());
    }

    #[test]
    fn a_program_that_ends_early_is_named() {
        let mut running = Running::start(Command::new("sh").args(["-c", "echo no; exit 3"])).unwrap();
        let error = running.wait_for("ready").unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
    }
}
