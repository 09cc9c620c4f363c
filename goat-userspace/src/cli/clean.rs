//! `goat clean`: what goat has left in a repository and in the state directory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;

use super::{args::CleanArgs, config::Loaded, go_files, say, state_dir};
use crate::{
    plan,
    state::{self, Found},
};

/// What the original writes in front of each call that it inserts.
const MARKER: &[u8] = b"+goat:";

pub(super) fn run(args: &CleanArgs, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let root = match loaded.path.as_deref().and_then(Path::parent) {
        Some(dir) => dir,
        None => &args.repo,
    };
    for path in plans(root)? {
        remove(&path, args.dry_run)?;
    }
    if let Some(dir) = state_dir::of(&args.state.as_attach()) {
        states(&dir, args.dry_run)?;
    }
    for (path, blocks) in leftovers(root) {
        say::warning(&format!(
            "{}: {blocks} +goat: comments of the original tool are in this source; remove them with its own `goat clean`",
            path.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(path: &Path, dry_run: bool) -> anyhow::Result<()> {
    if dry_run {
        return say::print(&format!("would remove {}", path.display()));
    }
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    say::print(&format!("removed {}", path.display()))
}

/// The states in `dir` that no running goat writes to, with their plans and what was put aside.
fn states(dir: &Path, dry_run: bool) -> anyhow::Result<()> {
    let mut in_use = 0;
    for Found { path, .. } in state::list(dir)? {
        // Held until the lock's own file is gone: whoever comes then makes a new one.
        let _claim = match state::claim(&path, dry_run) {
            Ok(claim) => claim,
            Err(error @ state::Error::InUse { .. }) => {
                in_use += 1;
                say::warning(&format!("kept: {error}"));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        remove(&path, dry_run)?;
        let lock = path.with_extension("lock");
        if !dry_run && lock.exists() {
            fs::remove_file(&lock).with_context(|| format!("cannot remove {}", lock.display()))?;
        }
    }
    for path in state::put_aside(dir)? {
        remove(&path, dry_run)?;
    }
    // Dry, the states are still there, and every plan is one's. With one in use, its goat may be about to write its plan.
    if in_use == 0 {
        let plans = if dry_run { state::kept_plans(dir)? } else { state::stray_plans(dir)? };
        plans.iter().try_for_each(|path| remove(path, dry_run))?;
    }
    Ok(())
}

/// Plan files directly in `dir`. A file that only has the name is someone else's.
fn plans(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listing = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    let mut paths: Vec<PathBuf> = listing
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "goatplan") && path.is_file())
        .collect();
    paths.sort();
    paths.retain(|path| {
        plan::read(path)
            .inspect_err(|e| say::warning(&format!("{}: kept, as it can't be read: {e}", path.display())))
            .is_ok()
    });
    Ok(paths)
}

/// Go files below `root` that hold the original's comments, and how many.
fn leftovers(root: &Path) -> Vec<(PathBuf, usize)> {
    let count = |path: PathBuf| {
        let text = fs::read(&path).unwrap_or_default();
        let blocks = text.split(|b| *b == b'\n').filter(|line| is_marker(line)).count();
        (blocks > 0).then_some((path, blocks))
    };
    go_files::below(root).into_iter().filter_map(count).collect()
}

/// Whether `line` is a comment that begins with the marker.
fn is_marker(line: &[u8]) -> bool {
    let comment = line.trim_ascii_start().strip_prefix(b"//").map(<[u8]>::trim_ascii_start);
    comment.is_some_and(|text| text.starts_with(MARKER))
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::SystemTime};

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, state::Keeper};

    #[test]
    fn states_go_unless_a_goat_writes_to_them() {
        let dir = tempfile::tempdir().unwrap();
        let files = || fs::read_dir(dir.path()).unwrap().count();
        let keep = |data_type| {
            let keeper = Keeper::open(dir.path(), &Arc::new(sample::plan()), data_type, SystemTime::now()).unwrap();
            let mut counts = Counts::none(3, SystemTime::now());
            counts.slots[0].hits = 1;
            assert!(keeper.save(&counts));
            keeper
        };
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        plan::write(&dir.path().join("mine.goatplan"), &sample::plan()).unwrap();
        let (running, ended) = (keep(DataType::Bool), keep(DataType::Count));
        fs::write(ended.health().path.unwrap().with_extension("goatstate.bad"), "x").unwrap();
        drop(ended);
        // Two of the user's; the plan; two states with their locks; one put aside.
        assert_eq!(files(), 2 + 1 + 4 + 1);
        states(dir.path(), true).unwrap();
        assert_eq!(files(), 8, "nothing is removed dry");
        states(dir.path(), false).unwrap();
        assert_eq!(files(), 2 + 1 + 2, "the running goat's stay, and the plan");
        drop(running);
        states(dir.path(), false).unwrap();
        assert_eq!(files(), 2);
    }

    #[test]
    fn the_originals_comments_are_found_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a/one.go", "package a\n\t// +goat:generate\n\tgoat.Track(1)\n\t//+goat:end\n");
        write("two.go", "package a\nconst s = \"// +goat:end\"\n// goat: +goat:end\n");
        write("three.txt", "// +goat:end\n");
        write("vendor/four.go", "// +goat:end\n");
        assert_eq!(leftovers(dir.path()), [(dir.path().join("a/one.go"), 2)]);
    }
}
