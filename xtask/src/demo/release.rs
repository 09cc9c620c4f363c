//! The example service's repository, with a tag for each of its releases.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::repository;

/// Makes a repository in `dir`: examples/till/v1 as v1.0.0, examples/till/v2 as v1.1.0.
pub(super) fn make(dir: &Path) -> Result<()> {
    let till = repository::root().join("examples/till");
    fs::create_dir(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    git(dir, &["init", "--quiet", "--initial-branch", "main"])?;
    for (tree, tag) in [("v1", "v1.0.0"), ("v2", "v1.1.0")] {
        copy(&till.join(tree), dir)?;
        git(dir, &["add", "--all"])?;
        git(dir, &["commit", "--quiet", "--message", tag])?;
        git(dir, &["tag", tag])?;
    }
    Ok(())
}

/// Builds the release as anyone would: optimised, and with the commit in it.
pub(super) fn build(dir: &Path, binary: &Path) -> Result<()> {
    // Said aloud, since GOFLAGS may say otherwise.
    let mut go = Command::new("go");
    go.args(["build", "-buildvcs=true", "-o"]).arg(binary).arg(".").current_dir(dir);
    run(go)
}

fn git(dir: &Path, arguments: &[&str]) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false", "-c", "core.autocrlf=false"]);
    git.args(arguments).current_dir(dir);
    for who in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{who}_NAME"), "till").env(format!("GIT_{who}_EMAIL"), "till@example.com");
    }
    // Inside a hook these would lead git to the repository of goat itself.
    git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    run(git)
}

fn run(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("cannot copy to {}", target.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_says_which_commit_it_was_built_from() {
        let dir = tempfile::tempdir().unwrap();
        let (repo, binary) = (dir.path().join("till"), dir.path().join("bin"));
        make(&repo).unwrap();
        build(&repo, &binary).unwrap();
        let out = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).current_dir(&repo).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(out("git", &["tag"]), "v1.0.0\nv1.1.0\n");
        let info = out("go", &["version", "-m", &binary.display().to_string()]);
        let head = out("git", &["rev-parse", "v1.1.0"]);
        assert!(info.contains(&format!("vcs.revision={}", head.trim())), "{info}");
        assert!(info.contains("vcs.modified=false"), "{info}");
    }
}
