//! A process that is or was watched.

use std::{path::PathBuf, sync::Arc};

use super::super::{observation::Observation, say};
use crate::{
    binary::Identity,
    session::{self, Process},
    status::TargetStatus,
};

/// How many processes that have ended are still told of.
const MAX_ENDED: usize = 32;

/// A process, and what becomes of it.
pub(super) struct Watched {
    pub(super) process: Arc<Process>,
    /// The file that it runs, as it calls it.
    pub(super) exe: PathBuf,
    build: Option<String>,
    pub(super) up: bool,
    /// `None`: it is not probed.
    pub(super) observation: Option<Arc<Observation>>,
}

impl Watched {
    /// One that is probed.
    pub(super) fn bound(process: Arc<Process>, observation: &Arc<Observation>) -> Self {
        let mut watched = Self::refused(process, Some(&observation.plan().identity));
        watched.observation = Some(Arc::clone(observation));
        watched
    }

    /// One that is not.
    pub(super) fn refused(process: Arc<Process>, identity: Option<&Identity>) -> Self {
        let exe = session::exe(&process).unwrap_or_default();
        Self { exe, process, build: identity.and_then(|i| i.go_build_id.clone()), up: true, observation: None }
    }

    /// Notices its end, and says so if it was probed.
    pub(super) fn look(&mut self) {
        if !self.up || self.process.is_current() {
            return;
        }
        self.up = false;
        if self.observation.is_some() {
            let pid = self.process.pid();
            say::status(&match self.process.is_alive() {
                true => format!("process {pid} runs another program now"),
                false => format!("process {pid} has ended"),
            });
        }
    }

    /// For those who ask.
    pub(super) fn status(&self) -> TargetStatus {
        TargetStatus {
            pid: self.process.pid(),
            exe: self.exe.clone(),
            build_id: self.build.clone(),
            since: self.process.found(),
            up: self.up,
            probed: self.observation.is_some(),
        }
    }
}

/// Forgets what ended long ago, and what was never probed and has ended.
pub(super) fn forget_oldest(all: &mut Vec<Watched>) {
    all.retain(|w| w.up || w.observation.is_some());
    let ended = all.iter().filter(|w| !w.up).count();
    let mut surplus = ended.saturating_sub(MAX_ENDED);
    all.retain(|w| {
        w.up || surplus == 0 || {
            surplus -= 1;
            false
        }
    });
}
