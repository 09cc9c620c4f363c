//! What `attach` and `run` answer from while probes are in place.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use anyhow::Context;
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot, task::JoinHandle};

use super::{observation::Observation, report_file, say, say::HelpExt, serving::Serving};
use crate::{
    http::{self, Snapshot, Source as _},
    report::{self, Item, Report, Totals},
    session,
    status::{ProbeStates, Status, TargetStatus},
};

/// The observation that is shown, and the processes that are watched.
pub(super) struct Live {
    shown: RwLock<Shown>,
    started: SystemTime,
    report_to: Option<PathBuf>,
    /// Whether the user was told that something goes wrong while attached.
    warned: AtomicBool,
}

#[derive(Clone)]
struct Shown {
    observation: Arc<Observation>,
    targets: Vec<TargetStatus>,
}

impl Live {
    /// Shows `observation`, from now on.
    pub(super) fn new(observation: Arc<Observation>, report_to: Option<PathBuf>) -> Self {
        Self {
            shown: RwLock::new(Shown { observation, targets: Vec::new() }),
            started: SystemTime::now(),
            report_to,
            warned: AtomicBool::new(false),
        }
    }

    /// Shows another observation, or other processes.
    pub(super) fn show(&self, observation: Arc<Observation>, targets: Vec<TargetStatus>) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Shown { observation, targets };
    }

    fn shown(&self) -> Shown {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the probes are attached; `None` when they are gone.
    pub(super) fn backend(&self) -> Option<session::Backend> {
        self.shown().observation.session().map(|session| session.backend())
    }

    /// Says that something goes wrong; only the first time that something does.
    pub(super) fn warn_once(&self, text: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            say::warning(text);
        }
    }

    /// Writes the report where the user asked for it; `None` if they did not.
    pub(super) fn write_report(&self) -> anyhow::Result<Option<&Path>> {
        let Some(path) = &self.report_to else { return Ok(None) };
        report_file::write(path, &self.snapshot().report)?;
        Ok(Some(path))
    }

    /// The same while goat goes on: what fails is said, and no reason to end.
    pub(super) fn write_report_now(&self) {
        match self.write_report() {
            Ok(Some(path)) => say::status(&format!("wrote {}", path.display())),
            Ok(None) => say::note("no --report to write to"),
            Err(error) => say::error(&error),
        }
    }

    /// The answer for people, coloured if stderr is a terminal.
    pub(super) fn text(&self) -> String {
        report::text::render(&self.snapshot().report, say::stderr_style())
    }

    /// One line: how much of the change has run.
    pub(super) fn summary(&self) -> String {
        summary(&self.snapshot().report)
    }
}

impl http::Source for Live {
    fn snapshot(&self) -> Snapshot {
        let Shown { observation, targets } = self.shown();
        let (report, counts) = observation.report();
        let session = observation.session();
        let backend = session.as_ref().map(|session| session.backend().to_string());
        let overhead = session.as_ref().and_then(|session| session.overhead());
        drop(session);
        let status = Status {
            started: Some(self.started),
            backend,
            targets,
            probes: ProbeStates::of(&counts),
            kept: observation.kept(),
            overhead,
        };
        Snapshot { report, plan: Arc::clone(observation.plan()), status }
    }

    fn is_ready(&self) -> bool {
        self.shown().observation.is_ready()
    }
}

fn summary(report: &Report) -> String {
    // A point of a shared package stands in several components, and is one point.
    let items = report.components.iter().flat_map(|c| &c.items).chain(&report.no_component);
    let once: BTreeMap<u32, &Item> = items.map(|item| (item.id, item)).collect();
    let totals = Totals::of(once.into_values());
    let mut text = format!("{} of {} points covered", totals.covered, totals.total);
    for (n, what) in [(totals.unobservable, "can't be observed"), (totals.not_armed, "could not be armed")] {
        if n > 0 {
            text += &format!(", {n} {what}");
        }
    }
    text
}

/// Takes the port: before anything is probed, so that a port in use costs the target nothing.
pub(super) fn bind(runtime: &Runtime, address: SocketAddr) -> anyhow::Result<TcpListener> {
    runtime.block_on(http::bind(address)).help("give --listen ADDR:PORT; port 0 takes a free one")
}

/// An HTTP server in the background.
pub(super) struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `live`, and says where.
    pub(super) fn start(
        runtime: &Runtime,
        live: &Arc<Live>,
        listener: TcpListener,
        serving: Serving,
    ) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("cannot listen")?;
        let (stop, stopped) = oneshot::channel();
        let scheme = serving.scheme();
        let router = http::router(live.clone(), serving.options);
        let task = runtime.spawn(http::serve_by(listener, router, serving.tls, async {
            // A sender that is gone says the same as one that has sent.
            let _ = stopped.await;
        }));
        say::status(&format!("serving {scheme}://{address}/track"));
        Ok(Self { stop, task })
    }

    /// Lets answers under way be given, and ends.
    pub(super) fn stop(self, runtime: &Runtime) {
        let _ = self.stop.send(());
        if let Err(error) = runtime.block_on(self.task) {
            tracing::debug!(%error, "the HTTP server did not end well");
        }
    }
}

/// Two threads: this one for the command, one to answer requests.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().context("cannot start threads")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        DataType,
        lines::LineSet,
        report::{ComponentReport, State},
    };

    fn item(id: u32, state: State) -> Item {
        Item {
            id,
            count: 0,
            file: "a.go".into(),
            line: 1,
            end_line: 1,
            lines: LineSet::new(),
            function: "".into(),
            kind: "".into(),
            state,
            reason: None,
            blind: 0,
            first_hit: None,
            at_least: false,
            estimate: None,
        }
    }

    #[test]
    fn a_point_of_two_components_counts_once() {
        let component = |id, items| ComponentReport { id, name: String::new(), totals: Totals::default(), items };
        let report = Report {
            name: String::new(),
            version: String::new(),
            data_type: DataType::Bool,
            taken: SystemTime::UNIX_EPOCH,
            component: None,
            no_component: vec![item(5, State::Excluded)],
            components: vec![
                component(0, vec![item(1, State::Covered), item(2, State::NotExecuted)]),
                component(1, vec![item(1, State::Covered), item(3, State::Unobservable), item(4, State::NotArmed)]),
            ],
        };
        assert_eq!(summary(&report), "1 of 3 points covered, 1 can't be observed, 1 could not be armed");
    }
}
