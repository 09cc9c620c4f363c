//! A made-up history: of some commands and their packages, changed a file at a time, with a merge now and then.

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::truth::toolchain;

/// How large.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) commits: u32,
    /// Go files at all times.
    pub(super) files: u32,
    /// How many commits before the last one the old side stands.
    pub(super) changed: u32,
}

/// Files of a package, packages of a command.
const FILES: u32 = 20;
const PACKAGES: u32 = 250;
/// Every so many commits one is made on a branch and merged.
const MERGE: u32 = 20;

/// The repository below `dir`, its last commit checked out and tagged `new`, the old side tagged `old`. Made only once.
pub(super) fn generate(dir: &Path, size: Size) -> Result<PathBuf> {
    let repository = dir.join(format!("generated-{}-{}-{}", size.commits, size.files, size.changed));
    let done = repository.join(".git/goat-bench-complete");
    if done.exists() {
        return Ok(repository);
    }
    if repository.exists() {
        fs::remove_dir_all(&repository).with_context(|| format!("cannot remove {}", repository.display()))?;
    }
    fs::create_dir_all(&repository)?;
    git(&repository, &["init", "-q", "-b", "main"])?;
    let mut import = command(&repository);
    let mut import = import.args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().context("cannot run git")?;
    let stream = BufWriter::new(import.stdin.take().context("git has no standard input")?);
    write(stream, size).context("cannot write to git fast-import")?;
    let status = import.wait()?;
    ensure!(status.success(), "git fast-import: {status}");
    // As a clone has it: fast-import's own packs are not made to be read.
    git(&repository, &["repack", "-q", "-a", "-d", "-f", "--depth=20", "--window=5"])?;
    git(&repository, &["checkout", "-q", "-f", "main"])?;
    fs::write(done, "")?;
    Ok(repository)
}

fn command(repository: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")]);
    git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    git
}

fn git(repository: &Path, args: &[&str]) -> Result<()> {
    toolchain::output(command(repository).args(args)).map(drop)
}

fn write(mut stream: impl Write, size: Size) -> std::io::Result<()> {
    let Size { commits, files, changed } = size;
    let mut revisions = vec![0u32; files as usize];
    for number in 0..commits {
        // Marks name commits; a merge's first parent is the commit before the branch's.
        let (from, merged) = match number % MERGE {
            // A branch off the commit before the last.
            1 if number > 2 => (number - 1, None),
            // Its merge: the main line, and the branch.
            2 if number > 2 => (number - 2, Some(number - 1)),
            _ => (number.saturating_sub(1), None),
        };
        let branch = if number % MERGE == 1 && number > 2 { "side" } else { "main" };
        writeln!(stream, "commit refs/heads/{branch}\nmark :{}", number + 1)?;
        let time = 1_600_000_000 + u64::from(number) * 60;
        writeln!(stream, "committer Bench <bench@example.com> {time} +0000\ndata 8\nchange\n")?;
        if number > 0 {
            writeln!(stream, "from :{}", from + 1)?;
        }
        if let Some(merged) = merged {
            writeln!(stream, "merge :{}", merged + 1)?;
        }
        if number == 0 {
            data(&mut stream, "go.mod", "module example.com/generated\n\ngo 1.21\n")?;
            for command in 0..files.div_ceil(FILES * PACKAGES) {
                data(&mut stream, &format!("cmd/c{command}/main.go"), &main(command, files))?;
            }
            for file in 0..files {
                data(&mut stream, &path(file), &text(file, 0))?;
            }
        } else {
            let file = changed_by(number, files);
            revisions[file as usize] += 1;
            data(&mut stream, &path(file), &text(file, revisions[file as usize]))?;
            // A merge has the branch's change, and one of its own.
            let file = changed_by(merged.unwrap_or(number), files);
            if merged.is_some() {
                data(&mut stream, &path(file), &text(file, revisions[file as usize]))?;
            }
        }
        writeln!(stream)?;
    }
    for (tag, commit) in [("old", commits.saturating_sub(changed).max(1)), ("new", commits)] {
        writeln!(stream, "reset refs/tags/{tag}\nfrom :{commit}\n")?;
    }
    writeln!(stream, "done")?;
    stream.flush()
}

/// The file that a commit changes: some often, most seldom.
fn changed_by(number: u32, files: u32) -> u32 {
    /// How many change often.
    const BUSY: u32 = 97;
    let spread = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let among = if number.is_multiple_of(4) { BUSY.min(files) } else { files };
    (spread % u64::from(among)) as u32
}

fn data(stream: &mut impl Write, path: &str, text: &str) -> std::io::Result<()> {
    write!(stream, "M 100644 inline {path}\ndata {}\n{text}\n", text.len())
}

fn package(number: u32) -> String {
    format!("svc/a{}/b{}", number / PACKAGES, number % PACKAGES)
}

fn path(file: u32) -> String {
    format!("{}/f{}.go", package(file / FILES), file % FILES)
}

/// A main package that calls each of its packages' files.
fn main(command: u32, files: u32) -> String {
    let packages = (command * PACKAGES..(command + 1) * PACKAGES).take_while(|number| number * FILES < files);
    let (mut imports, mut calls) = (String::new(), String::new());
    for number in packages {
        imports += &format!("\tb{number} \"example.com/generated/{}\"\n", package(number));
        for file in (0..FILES).filter(|file| number * FILES + file < files) {
            calls += &format!("\tn += b{number}.F{file}(n)\n");
        }
    }
    format!(
        "package main\n\nimport (\n\t\"os\"\n{imports})\n\nfunc main() {{\n\tn := len(os.Args)\n{calls}\tprintln(n)\n}}\n"
    )
}

/// A file's text after so many changes: of each a line is left, of the latest ones.
fn text(file: u32, revision: u32) -> String {
    let (package, name) = (file / FILES % PACKAGES, file % FILES);
    let mut text =
        format!("package b{package}\n\n// F{name} is called by a command.\nfunc F{name}(n int) int {{\n\tsum := 0\n");
    for step in 0..6 {
        text += &format!(
            "\tfor i := 0; i < n; i++ {{\n\t\tif i%{} == {step} {{\n\t\t\tsum += helper{name}(i)\n\t\t}} else {{\n\t\t\tsum ^= i << {step}\n\t\t}}\n\t}}\n",
            step + 3
        );
    }
    for kept in revision.saturating_sub(8)..revision {
        text += &format!("\tif sum == {kept} {{\n\t\tprintln(\"revision {kept} of file {file}\")\n\t}}\n");
    }
    text + &format!(
        "\treturn sum\n}}\n\n//go:noinline\nfunc helper{name}(n int) int {{ return n*{} + 1 }}\n",
        revision + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_as_large_as_asked_for_and_can_be_built() {
        let dir = tempfile::tempdir().unwrap();
        let repository = generate(dir.path(), Size { commits: 90, files: 45, changed: 30 }).unwrap();
        let say = |args: &[&str]| toolchain::output(command(&repository).args(args)).unwrap().trim().to_owned();
        assert_eq!(say(&["rev-list", "--count", "new"]), "90");
        assert_eq!(say(&["rev-list", "--merges", "--count", "new"]), "4");
        assert_eq!(say(&["ls-files", "svc"]).lines().count(), 45);
        assert_eq!(say(&["merge-base", "old", "new"]), say(&["rev-parse", "old"]));
        assert_eq!(say(&["status", "--porcelain"]), "");
        toolchain::output(toolchain::go().current_dir(&repository).args(["vet", "./..."])).unwrap();
    }
}
