//! What `attach` and `run` hold while probes are in place: the plan, the session, and the answer from both.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use anyhow::Context;
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot, task::JoinHandle};

use super::{
    args::{Backend, ObserveArgs},
    config::Config,
    report_file, say,
    say::HelpExt,
    settings,
};
use crate::{
    DataType,
    counts::Counts,
    http::{self, Snapshot, Source as _},
    plan::ProbePlan,
    report::{self, Item, Report, Totals},
    session::{self, Session, Target},
    status::{ProbeStates, Status},
};

/// The probes and the plan that says what their counts mean.
pub(super) struct Live {
    plan: Arc<ProbePlan>,
    data_type: DataType,
    started: SystemTime,
    report_to: Option<PathBuf>,
    probes: Mutex<Probes>,
    /// Whether the user was told that something goes wrong while attached.
    warned: AtomicBool,
}

enum Probes {
    Attached(Session),
    /// The probes are gone; this is what they had counted.
    Detached(Counts),
}

impl Live {
    /// Attaches `plan` to `target`, and says so.
    pub(super) fn attach(
        plan: ProbePlan,
        target: &Target,
        observe: &ObserveArgs,
        config: &Config,
    ) -> anyhow::Result<Self> {
        let backend = match observe.backend {
            Backend::Auto => None,
            Backend::UprobeMulti => Some(session::Backend::UprobeMulti),
            Backend::PerfEvent => Some(session::Backend::PerfEvent),
        };
        let data_type = settings::data_type(observe.data_type, config);
        // Whether is known after the first hit; how often only when the probes stay.
        let disarm = data_type == DataType::Bool;
        let options = session::Options { backend, disarm, ..session::Options::default() };
        let session = session::attach(&plan, target, &options).context("cannot attach")?;
        say::status(&format!(
            "{} sites for {} points armed in {} by {} after {:.0?}",
            plan.summary().sites,
            plan.summary().observable,
            match target {
                Target::Pid(pid) => format!("process {pid}"),
                Target::Process(process) => format!("process {}", process.pid()),
                Target::Exe(path) => format!("every process of {}", path.display()),
            },
            session.backend(),
            session.attach_time(),
        ));
        let report_to = observe.report.clone();
        Ok(Self {
            plan: Arc::new(plan),
            data_type,
            started: SystemTime::now(),
            report_to,
            probes: Mutex::new(Probes::Attached(session)),
            warned: AtomicBool::new(false),
        })
    }

    /// Takes the probes out. The counts stay.
    pub(super) fn detach(&self) -> anyhow::Result<()> {
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counts(&probes);
        match std::mem::replace(&mut *probes, Probes::Detached(counts)) {
            Probes::Attached(session) => session.detach().context("cannot take the probes out"),
            Probes::Detached(_) => Ok(()),
        }
    }

    /// Sees to processes that have come since, warns of what has gone wrong, and says whether the target still runs.
    pub(super) fn refresh(&self) -> bool {
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let Probes::Attached(session) = &*probes else { return false };
        if let Err(error) = session.refresh() {
            self.warn_once(&format!("cannot see to a new process: {:#}", anyhow::Error::from(error)));
        }
        if let Some(failure) = session.disarm_failure() {
            self.warn_once(&format!("probes of covered points stay in place and go on costing time: {failure}"));
        }
        session.target_alive()
    }

    fn warn_once(&self, text: &str) {
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

fn counts(probes: &Probes) -> Counts {
    match probes {
        Probes::Attached(session) => session.counts(),
        Probes::Detached(counts) => counts.clone(),
    }
}

impl http::Source for Live {
    fn snapshot(&self) -> Snapshot {
        let (counts, backend) = {
            let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
            let backend = match &*probes {
                Probes::Attached(session) => Some(session.backend().to_string()),
                Probes::Detached(_) => None,
            };
            (counts(&probes), backend)
        };
        let status =
            Status { started: Some(self.started), backend, probes: ProbeStates::of(&counts), ..Status::default() };
        Snapshot { report: report::new(&self.plan, &counts, self.data_type), plan: Arc::clone(&self.plan), status }
    }

    fn is_ready(&self) -> bool {
        match &*self.probes.lock().unwrap_or_else(PoisonError::into_inner) {
            Probes::Attached(session) => session.is_ready(),
            Probes::Detached(_) => false,
        }
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
        component: Option<String>,
    ) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("cannot listen")?;
        let (stop, stopped) = oneshot::channel();
        let task = runtime.spawn(http::serve(listener, http::router(live.clone(), component), async {
            // A sender that is gone says the same as one that has sent.
            let _ = stopped.await;
        }));
        say::status(&format!("serving http://{address}/track"));
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
            function: String::new(),
            kind: String::new(),
            state,
            reason: None,
            blind: 0,
            first_hit: None,
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
