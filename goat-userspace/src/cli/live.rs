//! What `attach` and `run` hold while probes are in place: the plan, the session, and the answer from both.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;

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
    http,
    plan::ProbePlan,
    report::{self, Report, State},
    session::{self, Session, Target},
};

/// The probes and the plan that says what their counts mean.
pub(super) struct Live {
    plan: ProbePlan,
    data_type: DataType,
    report_to: Option<PathBuf>,
    probes: Mutex<Probes>,
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
        let options = session::Options { backend, ..session::Options::default() };
        let session = session::attach(&plan, target, &options).context("cannot attach")?;
        say::status(&format!(
            "{} sites for {} points armed in {} by {} after {:.0?}",
            plan.sites.len(),
            plan.summary().observable,
            match target {
                Target::Pid(pid) => format!("process {pid}"),
                Target::Exe(path) => format!("every process of {}", path.display()),
            },
            match session.backend() {
                session::Backend::UprobeMulti => "uprobe-multi",
                session::Backend::PerfEvent => "perf-event",
            },
            session.attach_time(),
        ));
        let report_to = observe.report.clone();
        Ok(Self { plan, data_type, report_to, probes: Mutex::new(Probes::Attached(session)) })
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

    /// Whether the target still runs.
    pub(super) fn target_alive(&self) -> bool {
        match &*self.probes.lock().unwrap_or_else(PoisonError::into_inner) {
            Probes::Attached(session) => session.target_alive(),
            Probes::Detached(_) => false,
        }
    }

    /// Writes the report where the user asked for it; `None` if they did not.
    pub(super) fn write_report(&self) -> anyhow::Result<Option<&Path>> {
        let Some(path) = &self.report_to else { return Ok(None) };
        report_file::write(path, &http::Source::report(self))?;
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

    /// One line: how much of the change has run.
    pub(super) fn summary(&self) -> String {
        summary(&http::Source::report(self))
    }
}

fn counts(probes: &Probes) -> Counts {
    match probes {
        Probes::Attached(session) => session.counts(),
        Probes::Detached(counts) => counts.clone(),
    }
}

impl http::Source for Live {
    fn report(&self) -> Report {
        let counts = counts(&self.probes.lock().unwrap_or_else(PoisonError::into_inner));
        report::new(&self.plan, &counts, self.data_type)
    }

    fn is_ready(&self) -> bool {
        match &*self.probes.lock().unwrap_or_else(PoisonError::into_inner) {
            Probes::Attached(session) => session.is_ready(),
            Probes::Detached(_) => false,
        }
    }

    fn plan(&self) -> &ProbePlan {
        &self.plan
    }
}

fn summary(report: &Report) -> String {
    // A point of a shared package stands in several components, and is one point.
    let mut states: Vec<(u32, State)> =
        report.components.iter().flat_map(|c| &c.items).map(|item| (item.id, item.state)).collect();
    states.sort_unstable();
    states.dedup();
    let of = |state| states.iter().filter(|(_, s)| *s == state).count();
    let (covered, waiting, not_armed) = (of(State::Covered), of(State::NotExecuted), of(State::NotArmed));
    let mut text = format!("{covered} of {} points covered", covered + waiting + not_armed);
    for (n, what) in [(of(State::Unobservable), "can't be observed"), (not_armed, "could not be armed")] {
        if n > 0 {
            text += &format!(", {n} {what}");
        }
    }
    text
}

/// Takes the port before anything is probed, so that a port in use costs the target nothing.
pub(super) fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .with_context(|| format!("cannot listen on {address}"))
        .help("another goat may be serving there: give --listen ADDR:PORT (port 0 takes a free one)")?;
    listener.set_nonblocking(true).context("cannot listen")?;
    Ok(listener)
}

/// Serves `live` in the background, for as long as the runtime lives. To be called on the runtime.
pub(super) fn serve(live: &Arc<Live>, listener: TcpListener, component: Option<String>) -> anyhow::Result<()> {
    let address = listener.local_addr().context("cannot listen")?;
    let router = http::router(live.clone(), component);
    tokio::spawn(async move {
        if let Err(error) = http::serve(listener, router).await {
            say::error(&anyhow::Error::from(error).context("the HTTP server ended"));
        }
    });
    say::status(&format!("serving http://{address}"));
    Ok(())
}

/// Two threads: one for the command, one to answer requests.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().context("cannot start threads")
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::{
        lines::LineSet,
        report::{ComponentReport, Item, Totals},
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
            first_hit: None,
        }
    }

    #[test]
    fn a_point_of_two_components_counts_once() {
        let component = |id, items| ComponentReport { id, name: String::new(), totals: Totals::default(), items };
        let report = Report {
            name: String::new(),
            version: String::new(),
            taken: SystemTime::UNIX_EPOCH,
            components: vec![
                component(0, vec![item(1, State::Covered), item(2, State::NotExecuted)]),
                component(1, vec![item(1, State::Covered), item(3, State::Unobservable), item(4, State::NotArmed)]),
            ],
        };
        assert_eq!(summary(&report), "1 of 3 points covered, 1 can't be observed, 1 could not be armed");
    }
}
