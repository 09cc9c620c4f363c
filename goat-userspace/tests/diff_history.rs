//! Compares with git on a history of the tester's choice:
//! `GOAT_TEST_HISTORY=<repository> cargo test --test diff_history -- --ignored --nocapture`.

#![expect(clippy::unwrap_used, reason = "a test may unwrap, and so may what it is made of")]

mod git_repository;

use std::{path::Path, time::Instant};

use git_repository::{git, git_blame, git_diff, history, lines_of, options, try_git};
use goat::diff::{Filter, Precision, between};

/// Neighbouring tags that are each in the history of the next, evenly spread, at most this many pairs.
fn pairs(dir: &Path) -> Vec<(String, String)> {
    let most = std::env::var("GOAT_TEST_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let tags: Vec<_> =
        git(dir, &["tag", "--merged", "HEAD", "--sort=creatordate"]).lines().map(str::to_owned).collect();
    let step = tags.len().div_ceil(most).max(1);
    let tags: Vec<_> = tags.into_iter().step_by(step).collect();
    tags.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

#[test]
#[ignore = "needs GOAT_TEST_HISTORY, a repository with tags"]
fn gits_lines_are_found_on_a_real_history() {
    let dir = std::env::var("GOAT_TEST_HISTORY").expect("GOAT_TEST_HISTORY names a repository");
    let dir = Path::new(&dir);
    let modes = [
        (Precision::FollowRenames, Some("-M")),
        (Precision::NoRenames, Some("--no-renames")),
        (Precision::Blame, None),
    ];
    let mut different = Vec::new();
    for (precision, renames) in modes {
        let (mut compared, mut files, mut lines, mut ours_ms, mut gits_ms) = (0, 0, 0, 0, 0);
        for (old, new) in pairs(dir) {
            if !try_git(dir, &["diff", "-M", &old, &new]).0 {
                println!("{old}..{new}: git can't read it all");
                continue;
            }
            let mut options = options(&old, &new, precision);
            options.filter = Filter { ignores: Vec::new(), skip_nested_modules: false };
            let start = Instant::now();
            let changes = match between(dir, &options) {
                Ok(changes) => changes,
                Err(error) => {
                    println!("{old}..{new}: {error}");
                    continue;
                }
            };
            ours_ms += start.elapsed().as_millis();
            let ours = lines_of(&changes);
            let start = Instant::now();
            let mut gits = match renames {
                Some(renames) => git_diff(dir, &old, &new, renames),
                None => {
                    let known = history(dir, &old);
                    // Every file that git's own diff or ours has, and every one that the commits between touched.
                    let range = format!("{old}..{new}");
                    let log = git(dir, &["log", "-m", "--format=", "--name-only", "--no-renames", &range]);
                    let tree = git(dir, &["ls-tree", "-r", "--name-only", &new]);
                    let touched: std::collections::BTreeSet<_> = log.lines().collect();
                    tree.lines()
                        .filter(|path| path.ends_with(".go") && touched.contains(path))
                        .filter(|path| !changes.filtered.contains_key(*path))
                        .map(|path| (path.to_owned(), git_blame(dir, &old, &new, path, &known)))
                        .filter(|(_, lines)| !lines.is_empty())
                        .collect()
                }
            };
            gits_ms += start.elapsed().as_millis();
            if renames == Some("-M") {
                let pairs = git(dir, &["diff", "-M", "--name-status", "--diff-filter=R", &old, &new]);
                let pairs: Vec<_> = pairs.lines().map(|line| line.split('\t').skip(1).collect::<Vec<_>>()).collect();
                for file in &changes.files {
                    let path = file.path.as_str();
                    let gits = pairs.iter().find(|pair| pair[1] == path).map(|pair| pair[0]);
                    let ours = file.old_path.as_ref().map(|old| old.as_str()).filter(|old| *old != path);
                    if gits != ours {
                        different.push(format!("{old}..{new} {path}: renamed from {gits:?}, ours {ours:?}"));
                    }
                }
            }
            gits.retain(|path, _| !changes.filtered.contains_key(path.as_str()));
            compared += 1;
            files += gits.len();
            lines += gits.values().map(|lines| lines.len()).sum::<usize>();
            for path in gits.keys().chain(ours.keys()).collect::<std::collections::BTreeSet<_>>() {
                if gits.get(path) != ours.get(path) {
                    different.push(format!(
                        "{precision:?} {old}..{new} {path}: git {:?}, ours {:?}",
                        gits.get(path),
                        ours.get(path)
                    ));
                }
            }
        }
        println!("{precision:?}: {compared} pairs, {files} files, {lines} lines; ours {ours_ms} ms, git {gits_ms} ms");
    }
    assert!(different.is_empty(), "{} differences:\n{}", different.len(), different.join("\n"));
}
