//! `goat attach`: probes in a running process, and the answer over HTTP until someone ends it.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use super::{
    args::AttachArgs,
    config::Loaded,
    listen,
    live::{self, Live, Server},
    memory, privileges, say, state_dir,
    supervisor::{Running, Supervisor},
};

/// `config` is the configuration that was named.
pub(super) fn run(args: &AttachArgs, loaded: &Loaded, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let address = match args.observe.listen {
        Some(address) => address,
        None => listen::by_default(|name| std::env::var(name).ok())?,
    };
    let serving = args.observe.serving(address)?;
    memory::map_what_is_large();
    let runtime = live::runtime()?;
    let listener = live::bind(&runtime, address)?;
    let supervisor = Supervisor::start(args, loaded, config)?;
    let live = supervisor.live();
    privileges::reduce(&live, &args.observe, state_dir::of(&args.state).as_deref(), &args.target.pid, false);
    // From here on a signal ends goat in good order; before, the kernel takes out what there is.
    let signals = {
        let _on_the_runtime = runtime.enter();
        Signals::new()?
    };
    let server = Server::start(&runtime, &live, listener, serving)?;
    memory::give_back();
    let (ended, targets_end) = oneshot::channel();
    let running = supervisor.run(ended)?;
    runtime.block_on(until_ended(&live, &running, signals, targets_end));
    // The last answers are given while there is something to answer from.
    server.stop(&runtime);
    running.stop()?.detach()?;
    if let Some(path) = live.write_report()? {
        say::status(&format!("wrote {}", path.display()));
    }
    say::status(&live.summary());
    Ok(ExitCode::SUCCESS)
}

/// The signals that goat obeys in its own way.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    user1: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let of = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self {
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
            hangup: of(SignalKind::hangup())?,
            user1: of(SignalKind::user_defined1())?,
        })
    }
}

/// Waits for Ctrl-C or SIGTERM, or for the targets' end if that is the end. SIGUSR1 writes the report, SIGHUP reads goat.yaml
/// and the plans again.
async fn until_ended(live: &Live, running: &Running, mut signals: Signals, mut ended: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            _ = signals.interrupt.recv() => return,
            _ = signals.terminate.recv() => return,
            _ = signals.hangup.recv() => running.reload(),
            _ = signals.user1.recv() => live.write_report_now(),
            _ = &mut ended => return,
        }
    }
}
