//! The same program with counters of other makes: Go's own, and calls in its sources.

use std::{
    env, fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::subject::Subject;
use crate::truth::toolchain;

/// Parses and writes Go, which Go does best.
const REWRITE: &str = include_str!("rewrite.go");

/// Builds `package` of the module in `dir` as a release would be.
pub(super) fn build(dir: &Path, package: &str, flags: &[&str], to: &Path) -> Result<()> {
    let mut go = toolchain::go();
    go.current_dir(dir).env("CGO_ENABLED", "0").args(["build", "-o"]).arg(to).args(flags).arg(package);
    toolchain::output(&mut go).map(drop)
}

/// Builds the subject with `call` (`Store(1)`) in front of every changed statement, and says how many there are.
pub(super) fn rewritten(subject: &Subject, call: &str, dir: &Path, to: &Path) -> Result<usize> {
    let copy = dir.join("rewritten");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    toolchain::output(Command::new("git").arg("clone").arg("-q").arg(&subject.repo).arg(&copy))?;
    let module = toolchain::output(toolchain::go().current_dir(&copy).args(["list", "-m", "-f", "{{.Path}}"]))?;
    let module = module.lines().next().context("the sources are no module")?;
    let script = dir.join("rewrite.go");
    fs::write(&script, REWRITE)?;
    let mut rewrite = toolchain::go();
    rewrite.current_dir(env::temp_dir()).arg("run").arg(&script).arg(&copy).args([module, call]);
    let mut child = rewrite.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot run go")?;
    child.stdin.take().context("no standard input")?.write_all(changed(subject)?.as_bytes())?;
    let out = child.wait_with_output()?;
    ensure!(out.status.success(), "{rewrite:?}: {}", out.status);
    let statements = String::from_utf8_lossy(&out.stdout).trim().parse().context("rewrite.go says no number")?;
    build(&copy, &subject.package, &["-buildvcs=false"], to)?;
    Ok(statements)
}

/// The changed lines, as rewrite.go reads them: a file a line.
fn changed(subject: &Subject) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(&subject.repo).args([
        "-c",
        "core.quotePath=false",
        "diff",
        "-U0",
        "-M",
        "--no-color",
        "--no-ext-diff",
    ]);
    let diff =
        toolchain::output(git.args([&subject.old, "HEAD", "--", "*.go", ":!*_test.go", ":!vendor", ":!*/testdata/*"]))?;
    let mut text = String::new();
    for line in diff.lines() {
        if let Some(path) = line.strip_prefix("+++ ") {
            // /dev/null: deleted.
            text += "\n";
            text += path.strip_prefix("b/").filter(|path| is_of_module(&subject.repo, path)).unwrap_or("");
        } else if let Some(span) = line.strip_prefix("@@ ").and_then(hunk) {
            text += &format!(" {span}");
        }
    }
    Ok(text.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).map(|line| format!("{line}\n")).collect())
}

/// `-1,2 +3,4 @@ ...` as `3-6`; `None` where lines are only deleted.
fn hunk(header: &str) -> Option<String> {
    let (first, count) = match header.split(' ').nth(1)?.strip_prefix('+')?.split_once(',') {
        Some((first, count)) => (first.parse::<u32>().ok()?, count.parse::<u32>().ok()?),
        None => (header.split(' ').nth(1)?.strip_prefix('+')?.parse().ok()?, 1),
    };
    (count > 0).then(|| format!("{first}-{}", first + count - 1))
}

/// Whether no directory between the file and the root is a module of its own.
fn is_of_module(repo: &Path, path: &str) -> bool {
    !Path::new(path)
        .ancestors()
        .skip(1)
        .any(|dir| !dir.as_os_str().is_empty() && repo.join(dir).join("go.mod").exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks_become_spans() {
        let check = |header: &str, expected: Option<&str>| assert_eq!(hunk(header).as_deref(), expected, "{header}");
        check("-1,2 +3,4 @@ func f", Some("3-6"));
        check("-1 +3 @@", Some("3-3"));
        check("-1,2 +3,0 @@", None);
    }
}
