//! One state file in a directory, and the right to write it.
//!
//! The right is an flock(2) on a file beside it, `*.lock`, which stays there. A second goat of the same plan and directory finds
//! it taken and gets a file of its own, `-2`: each has counted for itself, and `goat merge` adds them up.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{
    ContentError, Error, State,
    file::{self, MAX_FILE},
    name, replace,
};
use crate::{
    DataType,
    plan::{self, Digest, ProbePlan},
};

/// How many goats may keep a state of one plan in one directory at a time.
const MAX_GOATS: usize = 64;

/// How many refused files of one name are put aside before goat stops and asks.
const MAX_ASIDE: usize = 100;

/// The right to write a state file. Dropping it gives it up.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    plan_path: PathBuf,
    /// Whether the plan is known to lie beside the state.
    has_plan: bool,
    _lock: File,
}

/// A store, and what was in it.
#[derive(Debug)]
pub struct Opened {
    /// To write to.
    pub store: Store,
    /// What was counted before; `None` if nothing was.
    pub state: Option<State>,
    /// A file in the state's place that is none, or not this plan's. It is kept under another name.
    pub refused: Option<Refused>,
}

/// A file that is no state that goat can use.
#[derive(Debug)]
pub struct Refused {
    /// What is wrong with it.
    pub error: Error,
    /// Where it is now.
    pub kept_as: PathBuf,
}

impl Store {
    /// Takes the first state of `plan` and `data_type` in `dir` that no other goat has, and reads it. `dir` is made if it is not
    /// there. In a directory that can't be written to, a state that is there is still read.
    pub fn open(dir: &Path, plan: &ProbePlan, data_type: DataType) -> Result<Opened, Error> {
        let digest = plan::digest(plan).map_err(Error::Digest)?;
        // Plans hold lines of source.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|source| Error::Directory { path: dir.into(), source })?;
        let plan_name = name::plan(&plan.app.name, digest);
        let plan_path = dir.join(format!("{plan_name}.goatplan"));
        for number in 1..=MAX_GOATS {
            let path = dir.join(format!("{}.goatstate", name::state(&plan_name, data_type, number)));
            let Some(lock) = lock(&path)? else { continue };
            let store = Self { path, plan_path, has_plan: false, _lock: lock };
            return match read_checked(&store.path, digest, plan.sites.len(), data_type) {
                Ok(state) => Ok(Opened { store, state, refused: None }),
                Err(error @ Error::Content { .. }) => {
                    let kept_as = put_aside(&store.path)?;
                    Ok(Opened { store, state: None, refused: Some(Refused { error, kept_as }) })
                }
                Err(error) => Err(error),
            };
        }
        Err(Error::Crowded { dir: dir.into(), count: MAX_GOATS })
    }

    /// Where the state is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `state`, and `plan` beside it if it is not there yet.
    pub fn save(&mut self, state: &State, plan: &ProbePlan) -> Result<(), Error> {
        if !self.has_plan {
            let is_there = |there: ProbePlan| plan::digest(&there).is_ok_and(|digest| digest == state.plan);
            if !plan::read(&self.plan_path).is_ok_and(is_there) {
                plan::write(&self.plan_path, plan)?;
            }
            self.has_plan = true;
        }
        let bytes = file::encode(state).map_err(|source| Error::Content { path: self.path.clone(), source })?;
        replace(&self.path, &bytes).map_err(|source| Error::Write { path: self.path.clone(), source })
    }
}

/// The lock of the state at `path`; `None` if another process has it.
pub(super) fn lock(path: &Path) -> Result<Option<File>, Error> {
    let lock_path = path.with_extension("lock");
    let failed = |source| Error::Lock { path: path.into(), source };
    // Read-only, so that no open file keeps a disk from being made read-only; and where it is, what is there can be locked.
    let mut options = File::options();
    options.read(true).mode(0o600).custom_flags(libc::O_CREAT | libc::O_NOFOLLOW);
    loop {
        let file = options.open(&lock_path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        // `goat clean` removes it with the state: a lock on a file that has no name keeps no one out.
        let ours = file.metadata().map_err(failed)?;
        if fs::metadata(&lock_path).is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
            return Ok(Some(file));
        }
    }
}

/// The bytes at `path` as a state.
pub(super) fn read(path: &Path) -> Result<State, Error> {
    let failed = |source| Error::Read { path: path.into(), source };
    let mut bytes = Vec::new();
    // One byte more than allowed tells that there is more.
    File::open(path).map_err(failed)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    file::decode(&bytes).map_err(|source| Error::Content { path: path.into(), source })
}

/// The state at `path`, if there is one, for a plan with that digest and so many sites.
fn read_checked(path: &Path, digest: Digest, sites: usize, data_type: DataType) -> Result<Option<State>, Error> {
    let state = match read(path) {
        Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let wrong = |source| Err(Error::Content { path: path.into(), source });
    match &state {
        _ if state.plan != digest => wrong(ContentError::OtherPlan { found: state.plan, expected: digest }),
        _ if state.counts.slots.len() != sites => {
            wrong(ContentError::Sites { found: state.counts.slots.len(), expected: sites })
        }
        _ if state.data_type != data_type => wrong(ContentError::DataType(match state.data_type {
            DataType::Bool => "bool",
            DataType::Count => "count",
        })),
        _ => Ok(Some(state)),
    }
}

/// Renames `path` to a name that nothing has, `*.goatstate.bad`, `.bad2`, ...
fn put_aside(path: &Path) -> Result<PathBuf, Error> {
    let failed = |source| Error::Aside { path: path.into(), source };
    for number in 1..=MAX_ASIDE {
        let mut aside = path.as_os_str().to_owned();
        aside.push(if number == 1 { ".bad".to_owned() } else { format!(".bad{number}") });
        let aside = PathBuf::from(aside);
        // A link fails where the name is taken; a rename would replace what is there.
        match fs::hard_link(path, &aside) {
            Ok(()) => {
                fs::remove_file(path).map_err(failed)?;
                return Ok(aside);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            // No hard links here.
            Err(_) if !aside.exists() => {
                fs::rename(path, &aside).map_err(failed)?;
                return Ok(aside);
            }
            Err(_) => {}
        }
    }
    Err(failed(io::Error::from(io::ErrorKind::AlreadyExists)))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;
    use crate::{counts::Counts, plan::sample};

    fn state(hits: u64) -> State {
        let mut counts = Counts::none(3, UNIX_EPOCH + Duration::from_secs(9));
        counts.slots[1].hits = hits;
        State {
            plan: plan::digest(&sample::plan()).unwrap(),
            build: String::new(),
            data_type: DataType::Bool,
            since: SystemTime::UNIX_EPOCH,
            counts,
            carried: Vec::new(),
        }
    }

    fn open(dir: &Path) -> Opened {
        Store::open(dir, &sample::plan(), DataType::Bool).unwrap()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_saved_is_there_the_next_time() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("made/by goat");
        let mut first = open(&dir);
        assert!(first.state.is_none() && first.refused.is_none());
        first.store.save(&state(3), &sample::plan()).unwrap();
        first.store.save(&state(4), &sample::plan()).unwrap();
        drop(first);
        assert_eq!(open(&dir).state, Some(state(4)));
        let stem = name::plan("shop", state(0).plan);
        assert_eq!(names(&dir), [".goatplan", ".goatstate", ".lock"].map(|ending| format!("{stem}{ending}")));
        assert_eq!(plan::read(&dir.join(format!("{stem}.goatplan"))).unwrap(), sample::plan());
    }

    #[test]
    fn a_second_goat_has_a_state_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let (mut first, mut second) = (open(dir.path()), open(dir.path()));
        first.store.save(&state(1), &sample::plan()).unwrap();
        second.store.save(&state(2), &sample::plan()).unwrap();
        assert!(second.store.path().to_string_lossy().ends_with("-2.goatstate"));
        drop((first, second));
        // Whoever comes first goes on with the first.
        let (first, second) = (open(dir.path()), open(dir.path()));
        assert_eq!((first.state, second.state), (Some(state(1)), Some(state(2))));
    }

    #[test]
    fn other_data_types_and_plans_have_other_states() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).store.save(&state(1), &sample::plan()).unwrap();
        assert_eq!(Store::open(dir.path(), &sample::plan(), DataType::Count).unwrap().state, None);
        let mut other = sample::plan();
        other.identity.go_build_id = Some("another".into());
        assert_eq!(Store::open(dir.path(), &other, DataType::Bool).unwrap().state, None);
        assert_eq!(open(dir.path()).state, Some(state(1)));
    }

    #[test]
    fn what_is_no_state_of_the_plan_is_put_aside_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = open(dir.path());
        let path = opened.store.path().to_owned();
        opened.store.save(&state(1), &sample::plan()).unwrap();
        drop(opened);
        let good = fs::read(&path).unwrap();
        let other = |change: &dyn Fn(&mut State)| {
            let mut state = state(1);
            change(&mut state);
            file::encode(&state).unwrap()
        };
        let mut newer = good.clone();
        newer[8] = 9;
        for (number, (bytes, expected)) in [
            (good[..good.len() - 1].to_vec(), "torn"),
            (b"something else".to_vec(), "does not begin with"),
            (newer, "format 9"),
            (other(&|state| state.plan = Digest([0; 16])), "of another plan"),
            (other(&|state| state.counts.slots.truncate(2)), "2 sites, and its plan 3"),
            (other(&|state| state.data_type = DataType::Count), "says count"),
        ]
        .into_iter()
        .enumerate()
        {
            fs::write(&path, &bytes).unwrap();
            let Opened { state, refused: Some(Refused { error, kept_as }), .. } = open(dir.path()) else {
                panic!("{expected}: not refused")
            };
            assert_eq!(state, None);
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains(expected), "{cause}");
            let ending = if number == 0 { ".bad".to_owned() } else { format!(".bad{}", number + 1) };
            assert!(kept_as.to_string_lossy().ends_with(&format!(".goatstate{ending}")), "{kept_as:?}");
            assert_eq!(fs::read(&kept_as).unwrap(), bytes);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_torn_state_is_never_taken_for_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = open(dir.path());
        let path = opened.store.path().to_owned();
        opened.store.save(&state(1), &sample::plan()).unwrap();
        drop(opened);
        let good = fs::read(&path).unwrap();
        for len in 0..good.len() {
            fs::write(&path, &good[..len]).unwrap();
            let opened = open(dir.path());
            assert!(opened.state.is_none() && opened.refused.is_some(), "{len} bytes");
            fs::remove_file(&opened.refused.unwrap().kept_as).unwrap();
        }
    }
}
