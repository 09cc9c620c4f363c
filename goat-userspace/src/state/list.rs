//! The states in a directory, for those who read or remove them.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{Error, State, name, store};
use crate::plan::{self, Digest, ProbePlan};

/// A state file and what it holds.
#[derive(Debug)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub state: Result<State, Error>,
}

/// The state files directly in `dir`, by name; none if there is no such directory.
pub fn list(dir: &Path) -> Result<Vec<Found>, Error> {
    let paths = with_extension(dir, "goatstate")?;
    Ok(paths.into_iter().map(|path| Found { state: read(&path), path }).collect())
}

/// Reads the state at `path`, whoever writes to it.
pub fn read(path: &Path) -> Result<State, Error> {
    store::read(path)
}

/// The plan that `state`, read from `path`, is of: it lies beside it.
pub fn plan_of(path: &Path, state: &State) -> Result<ProbePlan, Error> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let is_it = |plan: &ProbePlan| plan::digest(plan).is_ok_and(|digest| digest == state.plan);
    let mut plans = with_extension(dir, "goatplan")?;
    // The one that is called so first: the others are looked at because files are copied and renamed.
    plans.sort_by_key(|path| !is_called(path, state.plan));
    let found = plans.iter().filter_map(|path| plan::read(path).ok()).find(is_it);
    found.ok_or_else(|| Error::NoPlan { path: path.into(), digest: state.plan })
}

/// The plans that goat keeps in `dir` for its states. Others, which only lie there, are someone's own.
pub fn kept_plans(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(kept(dir)?.into_iter().map(|(path, _)| path).collect())
}

/// Those of [`kept_plans`] that no state there needs any more.
pub fn stray_plans(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let needed: Vec<Digest> = list(dir)?.into_iter().filter_map(|found| Some(found.state.ok()?.plan)).collect();
    Ok(kept(dir)?.into_iter().filter(|(_, digest)| !needed.contains(digest)).map(|(path, _)| path).collect())
}

fn kept(dir: &Path) -> Result<Vec<(PathBuf, Digest)>, Error> {
    let plans = with_extension(dir, "goatplan")?.into_iter();
    let with_digest = |path: PathBuf| {
        let digest = plan::digest(&plan::read(&path).ok()?).ok()?;
        is_called(&path, digest).then_some((path, digest))
    };
    Ok(plans.filter_map(with_digest).collect())
}

/// The files in `dir` that were refused as states and put aside.
pub fn put_aside(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = files(dir)?;
    let is_aside = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let number = name.rsplit_once(".goatstate.bad").map(|(_, number)| number.to_owned());
        number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
    };
    paths.retain(is_aside);
    Ok(paths)
}

/// Takes the right to the state at `path` from every goat, until the answer is dropped; an error if one has it. If `look` is
/// set, the answer says no more than whether a goat had it.
pub fn claim(path: &Path, look: bool) -> Result<Option<File>, Error> {
    if look && !path.with_extension("lock").exists() {
        return Ok(None);
    }
    store::lock(path)?.map(Some).ok_or_else(|| Error::InUse { path: path.into() })
}

fn is_called(path: &Path, digest: Digest) -> bool {
    path.file_stem().is_some_and(|stem| name::is_of(&stem.to_string_lossy(), digest))
}

fn with_extension(dir: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let mut paths = files(dir)?;
    paths.retain(|path| path.extension().is_some_and(|e| e == extension));
    Ok(paths)
}

/// The files directly in `dir`, by name; none if there is no such directory.
fn files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: dir.into(), source };
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, state::Store};

    fn keep(dir: &Path, data_type: DataType) -> Store {
        let plan = sample::plan();
        let mut store = Store::open(dir, &plan, data_type).unwrap().store;
        let state = State {
            plan: plan::digest(&plan).unwrap(),
            build: String::new(),
            data_type,
            since: UNIX_EPOCH,
            counts: Counts::none(3, UNIX_EPOCH),
            carried: Vec::new(),
        };
        store.save(&state, &plan).unwrap();
        store
    }

    #[test]
    fn a_state_is_found_with_its_plan() {
        let dir = tempfile::tempdir().unwrap();
        assert!(list(&dir.path().join("none")).unwrap().is_empty());
        drop((keep(dir.path(), DataType::Bool), keep(dir.path(), DataType::Count)));
        fs::write(dir.path().join("x.goatstate"), "x").unwrap();
        let found = list(dir.path()).unwrap();
        assert_eq!(found.len(), 3);
        for Found { path, state } in &found[..2] {
            assert_eq!(plan_of(path, state.as_ref().unwrap()).unwrap(), sample::plan());
        }
        assert!(found[2].state.is_err());
        // Under another name, too, and not without it.
        let plan = found[1].path.with_extension("goatplan");
        fs::rename(&plan, dir.path().join("renamed.goatplan")).unwrap();
        let state = found[0].state.as_ref().unwrap();
        assert_eq!(plan_of(&found[0].path, state).unwrap(), sample::plan());
        fs::remove_file(dir.path().join("renamed.goatplan")).unwrap();
        assert!(plan_of(&found[0].path, state).unwrap_err().to_string().contains("--plan FILE"));
    }

    #[test]
    fn what_a_goat_writes_to_cannot_be_claimed() {
        let dir = tempfile::tempdir().unwrap();
        let store = keep(dir.path(), DataType::Bool);
        assert!(matches!(claim(store.path(), false), Err(Error::InUse { .. })));
        let path = store.path().to_owned();
        drop(store);
        assert!(claim(&path, false).unwrap().is_some());
        assert!(claim(&dir.path().join("none.goatstate"), true).unwrap().is_none());
    }

    #[test]
    fn a_plan_is_stray_once_no_state_needs_it() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (keep(dir.path(), DataType::Bool), keep(dir.path(), DataType::Count));
        // Someone's own, which only has the same content.
        plan::write(&dir.path().join("mine.goatplan"), &sample::plan()).unwrap();
        for store in [&first, &second] {
            assert_eq!(stray_plans(dir.path()).unwrap(), Vec::<PathBuf>::new());
            fs::remove_file(store.path()).unwrap();
        }
        let plan = first.path().with_extension("goatplan");
        assert_eq!(stray_plans(dir.path()).unwrap(), [plan]);
    }
}
