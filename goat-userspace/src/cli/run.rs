//! `goat run`: a command with probes from its first instruction on, and its report at its end.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, ExitStatus},
    sync::Arc,
    time::Instant,
};

use anyhow::Context;
use rustix::process::{self as unix, Pid, PidfdFlags, Signal};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use super::{
    args::RunArgs,
    config::Loaded,
    live::{self, Live, Server},
    memory,
    observation::Observation,
    plan_source::{self, Plans},
    privileges, say, settings,
};
use crate::{
    plan::ProbePlan,
    session::{self, Executable, Target, spawn},
};

pub(super) fn run(args: &RunArgs, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let [program, arguments @ ..] = &*args.command else { anyhow::bail!("no command to run") };
    let binary = find(program)?;
    memory::map_what_is_large();
    let plan = plan(args, loaded, &binary)?;
    let runtime = live::runtime()?;
    let listener = args.observe.listen.map(|address| {
        let serving = args.observe.serving(address)?;
        anyhow::Ok((live::bind(&runtime, address)?, serving))
    });
    let listener = listener.transpose()?;
    let signals = {
        let _on_the_runtime = runtime.enter();
        Signals::new()?
    };

    let mut command = Command::new(&binary);
    std::os::unix::process::CommandExt::arg0(&mut command, program);
    command.args(arguments);
    // A process stopped by ptrace obeys the thread that stopped it: spawning, attaching and resuming stay on this one.
    let stopped = spawn::stopped(&mut command).with_context(|| format!("cannot run {}", binary.display()))?;
    let observation = observe(args, loaded, &plan, stopped.pid()).context("cannot attach")?;
    let live = Arc::new(Live::new(Arc::clone(&observation), args.observe.report.clone()));
    let server = listener.map(|(listener, serving)| Server::start(&runtime, &live, listener, serving));
    let server = server.transpose()?;
    let child = stopped.resume().with_context(|| format!("cannot run {}", binary.display()))?;
    privileges::reduce(&live, &args.observe, args.state.as_deref(), &[child.id()], true);
    memory::give_back();
    let status = runtime.block_on(until_ended(child, signals, &live))?;

    if let Some(server) = server {
        server.stop(&runtime);
    }
    observation.detach()?;
    match live.write_report()? {
        Some(path) => say::status(&format!("wrote {}: {}", path.display(), live.summary())),
        None => eprint!("{}", live.text()),
    }
    Ok(exit_code(status))
}

/// The plan for the command's build.
fn plan(args: &RunArgs, loaded: &Loaded, binary: &Path) -> anyhow::Result<Arc<ProbePlan>> {
    let plans = plan_source::obtain(&args.source, loaded, Some(binary), &Plans::default())?;
    if let Some(plan) = plans.only() {
        return Ok(Arc::clone(plan));
    }
    let identity = Executable::open(binary)?.identity()?;
    let plan = plans.for_build(&identity);
    plan.cloned().with_context(|| format!("none of {} plans is for {}", plans.len(), session::describe(&identity)))
}

/// Probes in process `pid`.
fn observe(args: &RunArgs, loaded: &Loaded, plan: &Arc<ProbePlan>, pid: u32) -> anyhow::Result<Arc<Observation>> {
    let started = Instant::now();
    let options = settings::session(&args.observe, &loaded.config);
    let data_type = settings::data_type(args.observe.data_type, &loaded.config);
    let observation = Observation::open(plan, data_type, &options, Vec::new(), args.state.as_deref())?;
    observation.bind(&Target::Pid(pid))?;
    observation.say_armed(&format!("process {pid}"), started);
    Ok(Arc::new(observation))
}

/// The file that `program` names, by PATH as execvp(3) has it.
fn find(program: &OsStr) -> anyhow::Result<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Ok(PathBuf::from(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file() && unix_executable(file))
        .with_context(|| format!("there is no {} in PATH", program.display()))
}

fn unix_executable(file: &Path) -> bool {
    rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
}

/// The signals that goat outlives while the command runs.
struct Signals {
    interrupt: Stream,
    quit: Stream,
    terminate: Stream,
    hangup: Stream,
    user1: Stream,
    user2: Stream,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let of = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self {
            interrupt: of(SignalKind::interrupt())?,
            quit: of(SignalKind::quit())?,
            terminate: of(SignalKind::terminate())?,
            hangup: of(SignalKind::hangup())?,
            user1: of(SignalKind::user_defined1())?,
            user2: of(SignalKind::user_defined2())?,
        })
    }
}

/// Waits for the command, passing signals on.
async fn until_ended(mut child: Child, mut signals: Signals, live: &Live) -> anyhow::Result<ExitStatus> {
    let pid = Pid::from_child(&child);
    // By descriptor, since the number may be another process's once the command was waited for.
    let handle = unix::pidfd_open(pid, PidfdFlags::empty()).context("cannot hold on to the command")?;
    let send = |signal| {
        // It may have ended a moment ago, and then hears nothing.
        let _ = unix::pidfd_send_signal(&handle, signal);
    };
    let mut ended = tokio::task::spawn_blocking(move || child.wait());
    loop {
        tokio::select! {
            status = &mut ended => return status.context("waiting failed")?.context("cannot wait for the command"),
            _ = signals.interrupt.recv() => if !from_terminal() { send(Signal::INT) },
            _ = signals.quit.recv() => if !from_terminal() { send(Signal::QUIT) },
            _ = signals.terminate.recv() => send(Signal::TERM),
            _ = signals.hangup.recv() => send(Signal::HUP),
            _ = signals.user1.recv() => live.write_report_now(),
            _ = signals.user2.recv() => send(Signal::USR2),
        }
    }
}

/// Whether a key's signal went to the command too: it is in goat's process group, which a terminal has in its foreground.
fn from_terminal() -> bool {
    let Ok(terminal) = std::fs::File::open("/dev/tty") else { return false };
    rustix::termios::tcgetpgrp(&terminal).is_ok_and(|foreground| foreground == unix::getpgrp())
}

/// The command's own code, or 128 and the signal that killed it, as shells have it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_the_commands() {
        let check = |script: &str, expected: u8| {
            let status = Command::new("sh").args(["-c", script]).status().unwrap();
            assert_eq!(format!("{:?}", exit_code(status)), format!("{:?}", ExitCode::from(expected)), "{script}");
        };
        check("exit 0", 0);
        check("exit 3", 3);
        check("kill -TERM $$", 128 + 15);
        check("kill -KILL $$", 128 + 9);
    }

    #[test]
    fn a_command_is_found_as_a_shell_finds_it() {
        assert!(find(OsStr::new("sh")).unwrap().is_absolute());
        assert_eq!(find(OsStr::new("./tool")).unwrap(), PathBuf::from("./tool"));
        assert!(find(OsStr::new("no-such-command-here")).is_err());
    }
}
