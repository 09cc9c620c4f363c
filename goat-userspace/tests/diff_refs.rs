//! What may be named as a side of a comparison, and what a user is told of a repository that can't be compared.

#![expect(clippy::unwrap_used, reason = "a test may unwrap, and so may what it is made of")]

mod git_repository;

use std::path::Path;

use git_repository::{Repo, git, options};
use goat::diff::{Error, Options, Precision, between};

/// Three commits on `main`, `one` to `three`, and a branch `side` off `one`.
fn repo() -> Repo {
    let repo = Repo::new();
    repo.write("go.mod", "module m\n").write("a.go", "package a\n").commit("one");
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("side.go", "package a\n").commit("side-1");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("b.go", "package a\n").commit("two");
    repo.write("c.go", "package a\n").commit("three");
    repo
}

fn check_error(dir: &Path, old: &str, new: &str, expected: &[&str]) {
    let error = between(dir, &options(old, new, Precision::Blame)).unwrap_err();
    let text = error.to_string();
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn every_usual_name_of_a_commit_is_understood() {
    let repo = repo();
    repo.git(&["tag", "-a", "-m", "annotated", "v1.0.0", "one"]);
    repo.git(&["update-ref", "refs/remotes/origin/release", "two"]);
    let hash = |name: &str| repo.git(&["rev-parse", &format!("{name}^{{commit}}")]).trim().to_owned();
    let full = hash("two");
    let check = |spec: &str, expected: &str| {
        let changes = repo.between(spec, "main", Precision::FollowRenames).unwrap();
        let old = changes.old.unwrap();
        assert_eq!((old.commit, changes.new.commit), (hash(expected), hash("three")), "{spec:?}");
    };
    check("v1.0.0", "one");
    check("v1.0.0^{commit}", "one");
    check("refs/tags/v1.0.0", "one");
    check("origin/release", "two");
    check(&full, "two");
    check(&full[..8], "two");
    check("HEAD~1", "two");
    check("main^^", "one");
    check("", "three");
    check("HEAD", "three");
    check("@", "three");
}

#[test]
fn a_revision_says_what_it_is() {
    let repo = repo();
    let changes = repo.between("one", "", Precision::Blame).unwrap();
    assert_eq!(changes.new.spec, "HEAD");
    assert_eq!(changes.new.short, repo.git(&["rev-parse", "--short", "HEAD"]).trim());
    assert_eq!(changes.old.as_ref().unwrap().spec, "one");
    assert_eq!(changes.old.as_ref().unwrap().time, 1_704_110_400);
}

#[test]
fn nothing_is_new_between_a_commit_and_itself() {
    for precision in [Precision::Blame, Precision::FollowRenames, Precision::NoRenames] {
        let changes = repo().between("HEAD", "main", precision).unwrap();
        assert!(changes.files.is_empty() && changes.filtered.is_empty());
        assert_eq!(changes.modules[""], "m");
    }
}

#[test]
fn the_old_side_must_be_part_of_the_new_ones_history() {
    let repo = repo();
    let base = repo.git(&["rev-parse", "one"]);
    check_error(
        &repo.path(),
        "side",
        "main",
        &["side (", "is not an ancestor of main (", base.trim(), "merge or rebase"],
    );
    check_error(&repo.path(), "three", "one", &["is not an ancestor", "other way round"]);
    repo.git(&["checkout", "-q", "--orphan", "other"]);
    repo.commit("unrelated");
    check_error(&repo.path(), "three", "unrelated", &["no commit in common", "INIT"]);
}

#[test]
fn a_merge_base_takes_the_place_of_a_side_that_is_no_ancestor() {
    let repo = repo();
    let check = |old: &str, new: &str, expected: &str, files: usize| {
        let changes =
            between(&repo.path(), &Options { merge_base: true, ..options(old, new, Precision::Blame) }).unwrap();
        let old_side = changes.old.unwrap();
        assert_eq!(old_side.commit, repo.git(&["rev-parse", expected]).trim(), "{old} {new}");
        assert_eq!(changes.files.len(), files, "{old} {new}");
    };
    check("side", "main", "one", 2);
    check("main", "side", "one", 1);
    check("two", "main", "two", 1);
    check("main", "two", "two", 0);
}

#[test]
fn unknown_names_come_with_what_to_do() {
    let repo = repo();
    repo.git(&["tag", "v1.2.3"]);
    check_error(&repo.path(), "v1.2.4", "HEAD", &["\"v1.2.4\" is no tag", "did you mean \"v1.2.3\"?"]);
    check_error(&repo.path(), "HEAD", "nonsense", &["\"nonsense\" is no tag", "git fetch --tags"]);
    check_error(&repo.path(), "HEAD~9", "HEAD", &["\"HEAD~9\" is no tag"]);
    check_error(&repo.path(), "one..two", "HEAD", &["\"one..two\" does not name one commit"]);
    check_error(&repo.path(), "HEAD:a.go", "HEAD", &["\"HEAD:a.go\" does not name one commit"]);
    check_error(&repo.path(), "0000000000000000000000000000000000000000", "HEAD", &["is no tag, branch or commit"]);
}

#[test]
fn a_repository_without_a_commit_is_told_apart() {
    let repo = Repo::new();
    check_error(&repo.path(), "HEAD", "HEAD", &["no commit yet"]);
    check_error(&repo.path(), "INIT", "", &["no commit yet"]);
}

#[test]
fn a_directory_outside_of_any_repository_is_named() {
    let outside = tempfile::TempDir::new().unwrap();
    check_error(outside.path(), "HEAD", "HEAD", &[outside.path().to_str().unwrap(), "is not in a git repository"]);
    let gone = outside.path().join("gone");
    check_error(&gone, "HEAD", "HEAD", &[gone.to_str().unwrap(), "is not in a git repository"]);
}

#[test]
fn bare_repositories_worktrees_and_directories_below_give_the_same() {
    let repo = repo();
    repo.write("sub/d.go", "package d\n").commit("four");
    let expected = repo.between("one", "four", Precision::Blame).unwrap();
    let near = repo.path().parent().unwrap().to_owned();
    git(&near, &["clone", "-q", "--bare", "repo", "bare.git"]);
    repo.git(&["worktree", "add", "-q", "--detach", "../tree", "one"]);
    for dir in ["bare.git", "tree", "repo/sub", "repo/.git"] {
        let found = between(&near.join(dir), &options("one", "four", Precision::Blame)).unwrap();
        assert_eq!(found, expected, "{dir}");
    }
    // A worktree has a HEAD of its own.
    let found = between(&near.join("tree"), &options("INIT", "HEAD", Precision::Blame)).unwrap();
    assert_eq!(found.new.commit, repo.git(&["rev-parse", "one"]).trim());
}

#[test]
fn a_shallow_clone_that_lacks_history_says_so() {
    let repo = repo();
    let near = repo.path().parent().unwrap().to_owned();
    let from = format!("file://{}", repo.path().display());
    git(&near, &["clone", "-q", "--depth", "1", "--branch", "main", &from, "shallow"]);
    let shallow = near.join("shallow");
    check_error(&shallow, "one", "HEAD", &["shallow", "git fetch --unshallow"]);
    check_error(&shallow, "HEAD~1", "HEAD", &["shallow", "git fetch --unshallow"]);
    // The old commit is there, what lies between is not.
    git(&shallow, &["fetch", "-q", "--depth", "1", "origin", "tag", "one"]);
    check_error(&shallow, "one", "HEAD", &["no commit in common", "git fetch --unshallow"]);
    git(&shallow, &["fetch", "-q", "--unshallow", "--tags"]);
    assert_eq!(
        between(&shallow, &options("one", "three", Precision::Blame)).unwrap(),
        repo.between("one", "three", Precision::Blame).unwrap()
    );
}

#[test]
fn a_partial_clone_that_lacks_a_file_says_so_and_its_advice_works() {
    let repo = repo();
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let near = repo.path().parent().unwrap().to_owned();
    let from = format!("file://{}", repo.path().display());
    git(&near, &["clone", "-q", "--bare", "--filter=blob:none", &from, "partial.git"]);
    let partial = near.join("partial.git");
    let lacked = repo.git(&["rev-parse", "main:go.mod"]);
    check_error(&partial, "one", "three", &[lacked.trim(), "partial clone", "git fetch --refetch --no-filter"]);
    git(&partial, &["fetch", "-q", "--refetch", "--no-filter"]);
    assert_eq!(
        between(&partial, &options("one", "three", Precision::Blame)).unwrap(),
        repo.between("one", "three", Precision::Blame).unwrap()
    );
}

#[test]
fn a_sha256_repository_is_refused_with_the_reason() {
    let near = tempfile::TempDir::new().unwrap();
    git(near.path(), &["init", "-q", "--object-format=sha256"]);
    git(near.path(), &["commit", "-q", "--allow-empty", "-m", "one"]);
    check_error(near.path(), "HEAD", "HEAD", &["sha256", "SHA-1"]);
}

#[test]
fn errors_keep_what_caused_them() {
    let mut options = options("HEAD", "HEAD", Precision::Blame);
    options.filter.ignores = vec!["a[".to_owned()];
    let error = between(&repo().path(), &options).unwrap_err();
    assert!(matches!(error, Error::BadIgnore { .. }) && std::error::Error::source(&error).is_some());
}
