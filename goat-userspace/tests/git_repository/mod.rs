//! Repositories for tests, made with git, and what git itself says of them.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use goat::{
    diff::{ChangeSet, Error, Filter, Options, Precision, between},
    lines::{LineRange, LineSet},
};
use tempfile::TempDir;

/// Changed lines by path.
pub type Lines = BTreeMap<String, LineSet>;

/// A repository that goes away with the value.
pub struct Repo {
    dir: TempDir,
}

impl Repo {
    /// An empty repository on branch `main`.
    pub fn new() -> Self {
        let repo = Self { dir: TempDir::new().unwrap() };
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    /// The fixture repository, v1.0.0 to v1.1.0.
    pub fn shop() -> Self {
        let repo = Self { dir: TempDir::new().unwrap() };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/shop/make-repo.sh");
        let made = Command::new(script).arg(repo.path()).status().unwrap();
        assert!(made.success());
        repo
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    /// Runs git here; its output.
    pub fn git(&self, arguments: &[&str]) -> String {
        fs::create_dir_all(self.path()).unwrap();
        git(&self.path(), arguments)
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Commits everything as it is, and tags it.
    pub fn commit(&self, tag: &str) -> &Self {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", tag]);
        self.git(&["tag", tag]);
        self
    }

    pub fn between(&self, old: &str, new: &str, precision: Precision) -> Result<ChangeSet, Error> {
        between(&self.path(), &options(old, new, precision))
    }
}

/// Runs git in `dir`, without the user's configuration, with a fixed clock; its output.
pub fn git(dir: &Path, arguments: &[&str]) -> String {
    let (succeeded, output, errors) = try_git(dir, arguments);
    assert!(succeeded, "git {arguments:?}: {errors}");
    output
}

/// Whether git succeeded, its output and its errors.
pub fn try_git(dir: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new("git")
        .args(["-c", "core.quotePath=false", "-c", "protocol.file.allow=always", "-C"])
        .arg(dir)
        .args(arguments)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")])
        .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "Test")))
        .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "test@example.com")))
        .envs(["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"].map(|name| (name, "2024-01-01T12:00:00+0000")))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

pub fn options(old: &str, new: &str, precision: Precision) -> Options {
    Options { old: old.to_owned(), new: new.to_owned(), merge_base: false, precision, filter: Filter::default() }
}

pub fn lines_of(changes: &ChangeSet) -> Lines {
    changes.files.iter().map(|file| (file.path.to_string(), file.lines.clone())).collect()
}

/// The lines of Go files that `git diff -U0` adds, with `-M` or `--no-renames`.
pub fn git_diff(dir: &Path, old: &str, new: &str, renames: &str) -> Lines {
    let plain = ["diff", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", "--text", renames, old, new];
    let diff = git(dir, &plain);
    let mut found = Lines::new();
    let mut path = None;
    // Within a hunk a line may look like a header: the hunk's own counts say where it ends.
    let mut hunk_lines = 0;
    for line in diff.lines() {
        if hunk_lines > 0 && line.starts_with(['+', '-']) {
            hunk_lines -= 1;
        } else if let Some(to) = line.strip_prefix("+++ ") {
            // git ends a name with spaces by a tab.
            let to = to.trim_end_matches('\t').strip_prefix("b/");
            path = to.filter(|path| path.ends_with(".go")).map(str::to_owned);
        } else if let Some(hunk) = line.strip_prefix("@@ -") {
            let (old, rest) = hunk.split_once(" +").unwrap();
            let (new, _) = rest.split_once(" @@").unwrap();
            let run = |run: &str| {
                let (first, count) = run.split_once(',').unwrap_or((run, "1"));
                (first.parse::<u32>().unwrap(), count.parse::<u32>().unwrap())
            };
            let (first, count) = run(new);
            hunk_lines = run(old).1 + count;
            if let Some(path) = path.clone().filter(|_| count > 0) {
                found.entry(path).or_default().insert(LineRange::new(first, first + count - 1));
            }
        }
    }
    found
}

/// The lines of one file that `git blame OLD..NEW` gives to a commit that is neither `old` nor before it.
pub fn git_blame(dir: &Path, old: &str, new: &str, path: &str, known: &BTreeSet<String>) -> LineSet {
    let blame = git(dir, &["blame", "--porcelain", &format!("{old}..{new}"), "--", path]);
    let mut lines = LineSet::new();
    for line in blame.lines().filter(|line| !line.starts_with('\t')) {
        // <hash> <line in the commit> <line now> [<lines in the group>]
        let fields: Vec<_> = line.split(' ').collect();
        let is_hash = fields[0].len() == 40 && fields[0].bytes().all(|c| c.is_ascii_hexdigit());
        if is_hash && fields.len() >= 3 && !known.contains(fields[0]) {
            lines.insert(LineRange::new(fields[2].parse().unwrap(), fields[2].parse().unwrap()));
        }
    }
    lines
}

/// The commit itself and all before it.
pub fn history(dir: &Path, commit: &str) -> BTreeSet<String> {
    git(dir, &["rev-list", commit]).lines().map(str::to_owned).collect()
}
