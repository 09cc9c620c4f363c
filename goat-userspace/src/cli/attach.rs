//! `goat attach`: probes in a running process, and the answer over HTTP until someone ends it.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    args::AttachArgs,
    config::Loaded,
    listen,
    live::{self, Live, Server},
    plan_source, say,
};
use crate::session::Target;

/// How soon goat notices that the target has ended, or that another process has begun to run the file.
const REFRESH_INTERVAL: Duration = Duration::from_millis(250);

pub(super) fn run(args: &AttachArgs, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let (target, binary) = target(args)?;
    let address = match args.observe.listen {
        Some(address) => address,
        None => listen::by_default(|name| std::env::var(name).ok())?,
    };
    let serving = args.observe.serving(address)?;
    let runtime = live::runtime()?;
    let listener = live::bind(&runtime, address)?;
    let plan = plan_source::obtain(&args.source, loaded, &binary)?;
    let live = Arc::new(Live::attach(plan, &target, &args.observe, &loaded.config)?);
    // From here on a signal ends goat in good order; before, the kernel takes out what there is.
    let signals = {
        let _on_the_runtime = runtime.enter();
        Signals::new()?
    };
    let server = Server::start(&runtime, &live, listener, serving)?;
    runtime.block_on(until_ended(&live, signals, args.exit_with_target));
    // The last answers are given while there is something to answer from.
    server.stop(&runtime);
    live.detach()?;
    if let Some(path) = live.write_report()? {
        say::status(&format!("wrote {}", path.display()));
    }
    say::status(&live.summary());
    Ok(ExitCode::SUCCESS)
}

/// The target, and the file that it runs.
fn target(args: &AttachArgs) -> anyhow::Result<(Target, PathBuf)> {
    match (args.pid, &args.exe) {
        // The link still leads to the file when it was replaced or removed, and from another mount namespace.
        (Some(pid), _) => {
            let exe = PathBuf::from(format!("/proc/{pid}/exe"));
            anyhow::ensure!(Path::new(&format!("/proc/{pid}")).exists(), "there is no process {pid}");
            Ok((Target::Pid(pid), exe))
        }
        (None, Some(exe)) => {
            let exe = exe.canonicalize().with_context(|| format!("cannot find {}", exe.display()))?;
            Ok((Target::Exe(exe.clone()), exe))
        }
        (None, None) => anyhow::bail!("nothing to attach to: give --pid or --exe"),
    }
}

/// The signals that goat obeys in its own way.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    user1: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let of = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self {
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
            user1: of(SignalKind::user_defined1())?,
        })
    }
}

/// Waits for Ctrl-C or SIGTERM, or, if asked to, for the target's end. SIGUSR1 writes the report.
async fn until_ended(live: &Live, mut signals: Signals, exit_with_target: bool) {
    let mut alive = true;
    let mut tick = tokio::time::interval(REFRESH_INTERVAL);
    loop {
        tokio::select! {
            _ = signals.interrupt.recv() => return,
            _ = signals.terminate.recv() => return,
            _ = signals.user1.recv() => live.write_report_now(),
            _ = tick.tick(), if alive => {
                alive = live.refresh();
                if !alive && exit_with_target {
                    say::status("the process has ended");
                    return;
                }
                if !alive {
                    say::status("the process has ended; still serving what it ran, until Ctrl-C");
                }
            }
        }
    }
}
