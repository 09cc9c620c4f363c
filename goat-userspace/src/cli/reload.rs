//! goat.yaml and plans, read again when they change.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use super::{
    args::{ObserveArgs, PlanSource},
    config::Loaded,
    plan_source::{self, Plans},
    say, settings,
};
use crate::DataType;

/// Where the answer to "what is to be observed, and how" is from.
#[derive(Clone)]
pub(super) struct Inputs {
    /// `--config`.
    pub(super) explicit: Option<PathBuf>,
    pub(super) source: PlanSource,
    /// `--data-type`.
    pub(super) data_type: Option<DataType>,
}

/// The answer.
pub(super) struct Wanted {
    pub(super) plans: Plans,
    pub(super) data_type: DataType,
}

impl Inputs {
    /// What the command line says.
    pub(super) fn new(explicit: Option<&Path>, source: &PlanSource, observe: &ObserveArgs) -> Self {
        Self { explicit: explicit.map(Into::into), source: source.clone(), data_type: observe.data_type }
    }

    /// Reads all of it. `target` is the target's own binary, if it is known.
    pub(super) fn read(&self, loaded: &Loaded, target: Option<&Path>, before: &Plans) -> anyhow::Result<Wanted> {
        let plans = plan_source::obtain(&self.source, loaded, target, before)?;
        Ok(Wanted { plans, data_type: settings::data_type(self.data_type, &loaded.config) })
    }

    /// The same in the background, goat.yaml too: making a plan takes its time.
    pub(super) fn read_again(
        &self,
        target: Option<PathBuf>,
        before: Plans,
    ) -> std::io::Result<JoinHandle<anyhow::Result<Wanted>>> {
        let inputs = self.clone();
        thread::Builder::new().name("goat-reload".into()).spawn(move || {
            let loaded = settings::load(inputs.explicit.as_deref(), &inputs.source.change.repo)?;
            loaded.warnings.iter().for_each(|warning| say::warning(warning));
            inputs.read(&loaded, target.as_deref(), &before)
        })
    }

    /// The files as they are now.
    fn signature(&self) -> Signature {
        let config = settings::path(self.explicit.as_deref(), &self.source.change.repo);
        let paths = config.into_iter().chain(plan_source::files(&self.source));
        Signature(paths.map(|path| (about(&path), path)).collect())
    }
}

/// What tells one content of files from another. A file that is replaced by rename is another inode; one that is written
/// over has another time.
#[derive(Clone, PartialEq, Eq)]
struct Signature(Vec<(Option<[i64; 5]>, PathBuf)>);

fn about(path: &Path) -> Option<[i64; 5]> {
    let about = fs::metadata(path).ok()?;
    Some([about.ino().cast_signed(), about.size().cast_signed(), about.mtime(), about.mtime_nsec(), about.ctime_nsec()])
}

/// Notices changes, by looking every now and then: that works on every file system, for files that are not there yet and for
/// those that a mounted ConfigMap replaces by way of links.
pub(super) struct Changes {
    inputs: Inputs,
    /// What was read last.
    known: Signature,
    /// What was seen last.
    seen: Signature,
}

impl Changes {
    /// From now on.
    pub(super) fn of(inputs: &Inputs) -> Self {
        let known = inputs.signature();
        Self { inputs: inputs.clone(), seen: known.clone(), known }
    }

    /// Whether there is something new to read. What changed since the last look may still be written to, and waits for the
    /// next.
    pub(super) fn look(&mut self) -> bool {
        let now = self.inputs.signature();
        let at_rest = now == self.seen;
        self.seen = now;
        at_rest && self.seen != std::mem::replace(&mut self.known, self.seen.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_noticed_once_and_when_it_is_at_rest() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".git")).unwrap();
        let mut source = PlanSource { plans: Some(dir.path().into()), ..PlanSource::default() };
        source.change.repo = dir.path().into();
        let mut changes = Changes::of(&Inputs { explicit: None, source, data_type: None });
        let mut check = |what: &str| {
            assert_eq!([(); 3].map(|()| changes.look()), [false, true, false], "{what}");
        };
        fs::write(dir.path().join("goat.yaml"), "appName: a\n").unwrap();
        check("a file that comes");
        fs::write(dir.path().join("goat.yaml"), "appName: ab\n").unwrap();
        check("a file that is written over");
        fs::write(dir.path().join("a.goatplan"), "").unwrap();
        check("a plan that comes");
        fs::write(dir.path().join("new"), "appName: ab\n").unwrap();
        fs::rename(dir.path().join("new"), dir.path().join("goat.yaml")).unwrap();
        check("a file that is replaced");
        fs::remove_file(dir.path().join("a.goatplan")).unwrap();
        check("a plan that goes");
    }
}
