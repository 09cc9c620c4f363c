//! Which lines count as changed: beside git, which is asked in the same test.

#![expect(clippy::unwrap_used, reason = "a test may unwrap, and so may what it is made of")]

mod git_repository;

use std::collections::BTreeMap;

use git_repository::{Lines, Repo, git_blame, git_diff, history, lines_of, options};
use goat::diff::{Filter, Precision, between};

/// Compares all three precisions with git; the lines at precision 1, 2 and 3.
fn check_beside_git(repo: &Repo, old: &str, new: &str) -> [Lines; 3] {
    let dir = repo.path();
    let lines = |precision| {
        let mut options = options(old, new, precision);
        options.filter = Filter { ignores: Vec::new(), skip_nested_modules: false };
        between(&dir, &options).unwrap()
    };
    let [blame, renames, plain] = [Precision::Blame, Precision::FollowRenames, Precision::NoRenames].map(lines);
    for (changes, option) in [(&renames, "-M"), (&plain, "--no-renames")] {
        let mut gits = git_diff(&dir, old, new, option);
        gits.retain(|path, _| !changes.filtered.contains_key(path.as_str()));
        assert_eq!(lines_of(changes), gits, "{option}");
    }
    let known = history(&dir, old);
    let gits: Lines = repo
        .git(&["ls-tree", "-r", "--name-only", new])
        .lines()
        .filter(|path| path.ends_with(".go") && !blame.filtered.contains_key(*path))
        .map(|path| (path.to_owned(), git_blame(&dir, old, new, path, &known)))
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    assert_eq!(lines_of(&blame), gits, "blame");
    [blame, renames, plain].map(|changes| lines_of(&changes))
}

/// Lines of text, one for each word.
fn text(words: &str) -> String {
    words.split(' ').map(|word| format!("line {word}\n")).collect()
}

fn check(found: &Lines, expected: &[(&str, &str)]) {
    let found: BTreeMap<_, _> = found.iter().map(|(path, lines)| (path.as_str(), lines.to_string())).collect();
    let expected = expected.iter().map(|(path, lines)| (*path, (*lines).to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_shops_lines_are_gits() {
    let repo = Repo::shop();
    let [blame, renames, plain] = check_beside_git(&repo, "v1.0.0", "v1.1.0");
    // Changed and changed back, so that only blame sees it.
    let pricing = "internal/price/pricing.go";
    assert!(blame[pricing].contains(46) && !renames[pricing].contains(46));
    assert!(!renames.contains_key("internal/report/money.go"));
    assert_eq!(plain["internal/report/money.go"].to_string(), "1-13");
    for (old, new) in [("v1.0.0", "HEAD~1"), ("v1.0.0", "HEAD~1^2"), ("v1.0.0", "HEAD~2"), ("HEAD~1", "HEAD")] {
        check_beside_git(&repo, old, new);
    }
}

#[test]
fn a_line_that_was_changed_and_changed_back_is_new_to_blame_alone() {
    let repo = Repo::new();
    repo.write("a.go", text("a b c")).commit("one");
    repo.write("a.go", text("a x c")).commit("two");
    repo.write("a.go", text("a b c")).commit("three");
    let [blame, renames, plain] = check_beside_git(&repo, "one", "three");
    check(&blame, &[("a.go", "2")]);
    check(&renames, &[]);
    check(&plain, &[]);
}

#[test]
fn a_line_of_a_branch_that_is_older_than_the_old_side_is_new_if_it_was_merged_since() {
    let repo = Repo::new();
    repo.write("a.go", text("a b c d e f g h")).commit("base");
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("a.go", text("a b c d e f g side")).write("side.go", text("s t")).commit("side-1");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("a.go", text("old b c d e f g h")).commit("old");
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    repo.commit("merged");
    let [blame, ..] = check_beside_git(&repo, "old", "merged");
    check(&blame, &[("a.go", "8"), ("side.go", "1-2")]);
}

#[test]
fn a_merge_gives_each_line_to_the_parent_that_has_it_and_keeps_its_own() {
    let repo = Repo::new();
    repo.write("a.go", text("a b c d e f g h i j")).commit("base");
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("a.go", text("a b side d e f g h i j")).commit("side-1");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("a.go", text("a b main d e f g h i j")).commit("old");
    let (merged, ..) = git_repository::try_git(&repo.path(), &["merge", "-q", "side"]);
    assert!(!merged, "the branches are in conflict");
    // The conflict is solved for the side, and the merge has a line of its own.
    repo.write("a.go", text("a b side d e f g own i j")).commit("merged");
    let [blame, ..] = check_beside_git(&repo, "old", "merged");
    check(&blame, &[("a.go", "3,8")]);
    let [blame, ..] = check_beside_git(&repo, "base", "merged");
    check(&blame, &[("a.go", "3,8")]);
    // From the side's commit, the line that main had in its place never was.
    let [blame, ..] = check_beside_git(&repo, "side-1", "merged");
    check(&blame, &[("a.go", "8")]);
}

#[test]
fn a_renamed_file_keeps_its_old_lines_unless_renames_are_not_looked_for() {
    let repo = Repo::new();
    let words = "a b c d e f g h i j";
    repo.write("old/name.go", text(words)).write("kept.go", text("k l m n o p")).commit("one");
    repo.git(&["mv", "old/name.go", "name.go"]);
    repo.git(&["mv", "kept.go", "moved.go"]);
    repo.write("name.go", text("a b c d e f g h i new")).commit("two");
    repo.git(&["mv", "name.go", "again.go"]);
    repo.write("again.go", text("a b c d e f g h i new more")).commit("three");
    let [blame, renames, plain] = check_beside_git(&repo, "one", "three");
    check(&blame, &[("again.go", "10-11")]);
    check(&renames, &[("again.go", "10-11")]);
    check(&plain, &[("again.go", "1-11"), ("moved.go", "1-6")]);
    let changes = repo.between("one", "three", Precision::Blame).unwrap();
    assert_eq!(changes.files[0].old_path.as_ref().unwrap().as_str(), "old/name.go");
    let changes = repo.between("one", "three", Precision::NoRenames).unwrap();
    assert_eq!(changes.files[0].old_path, None);
}

#[test]
fn renames_are_paired_as_git_pairs_them() {
    let repo = Repo::new();
    let words = |own: &str| text(&format!("a b c d e f g h i j k l {own}"));
    for (path, own) in
        [("p/a.go", "1 2"), ("p/b.go", "3 4"), ("p/c.go", "1 4"), ("q/doc.go", "5 6"), ("r/doc.txt", "7 8")]
    {
        repo.write(path, words(own));
    }
    repo.commit("one");
    repo.git(&["rm", "-rq", "."]);
    // Alike to several, the same name elsewhere, unique names, equal contents, a text that becomes Go.
    for (path, own) in
        [("s/x.go", "1 3"), ("s/b.go", "3 4"), ("t/c.go", "1 2 3"), ("t/doc.go", "5 7"), ("t/y.go", "7 8")]
    {
        repo.write(path, words(own));
    }
    repo.commit("two");
    check_beside_git(&repo, "one", "two");
}

#[test]
fn a_run_is_placed_where_git_places_it() {
    let repo = Repo::new();
    let function = |name: &str| format!("func {name}() {{\n\tif x {{\n\t\treturn\n\t}}\n}}\n\n");
    let tail: String = (0..80).map(|i| format!("// a line that stays, number {i}\n")).collect();
    let file = |names: &str| names.split(' ').map(function).collect::<String>();
    repo.write("a.go", file("a b c"))
        .write("b.go", file("a c") + &tail)
        .write("c.go", "}\n\n".repeat(500))
        .commit("one");
    repo.write("a.go", file("a a b new c")).write("b.go", file("a b b c") + &tail).write("c.go", "}\n\n".repeat(503));
    repo.commit("two");
    check_beside_git(&repo, "one", "two");
}

#[test]
fn line_ends_and_empty_files_are_as_git_sees_them() {
    let repo = Repo::new();
    repo.write("crlf.go", "a\nb\n").write("end.go", "a\nb").write("empty.go", "").write("gone.go", "a\n").commit("one");
    repo.write("crlf.go", "a\r\nb\n").write("end.go", "a\nb\n").write("empty.go", "a").write("new.go", "");
    repo.git(&["rm", "-q", "gone.go"]);
    repo.commit("two");
    let [_, renames, _] = check_beside_git(&repo, "one", "two");
    check(&renames, &[("crlf.go", "1"), ("empty.go", "1"), ("end.go", "2")]);
}

#[test]
fn without_an_old_side_every_line_is_new() {
    let repo = Repo::new();
    repo.write("a.go", text("a b")).write("b/b.go", text("c")).write("empty.go", "").commit("one");
    repo.write("a.go", text("a b c")).commit("two");
    for precision in [Precision::Blame, Precision::FollowRenames, Precision::NoRenames] {
        let changes = repo.between("INIT", "HEAD", precision).unwrap();
        assert_eq!(changes.old, None);
        check(&lines_of(&changes), &[("a.go", "1-3"), ("b/b.go", "1")]);
        assert!(changes.files.iter().all(|file| file.old_path.is_none()));
    }
}

#[test]
fn an_unrelated_history_that_was_merged_is_new() {
    let repo = Repo::new();
    repo.write("a.go", text("a b")).commit("old");
    repo.git(&["checkout", "-q", "--orphan", "other"]);
    repo.git(&["rm", "-rfq", "."]);
    repo.write("other.go", text("c d")).commit("root-2");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--allow-unrelated-histories", "-m", "merge", "other"]);
    repo.commit("new");
    let [blame, ..] = check_beside_git(&repo, "old", "new");
    check(&blame, &[("other.go", "1-2")]);
}

#[test]
fn random_histories_with_merges_and_renames_are_as_git_sees_them() {
    // A fixed sequence (a linear congruential generator), so that a failure can be repeated.
    let mut state = 7u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let repo = Repo::new();
    let mut files: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for name in ["a.go", "b.go", "d/c.go"] {
        files.insert(name.to_owned(), (0..30).map(|_| random(12)).collect());
    }
    let mut branches: Vec<(String, BTreeMap<String, Vec<u64>>)> = vec![("main".to_owned(), files)];
    let mut tags = Vec::new();
    for step in 0..45 {
        let at = random(branches.len() as u64) as usize;
        let (branch, mut files) = branches[at].clone();
        if step > 0 {
            repo.git(&["checkout", "-q", "-f", &branch]);
        }
        let action = random(10);
        if action == 0 && branches.len() < 4 && step > 0 {
            let name = format!("branch-{step}");
            repo.git(&["branch", &name]);
            branches.push((name, files));
            continue;
        }
        if action <= 2 && branches.len() > 1 {
            // A merge that takes each file from either side, and changes a line of its own.
            let (other, theirs) = branches[random(branches.len() as u64) as usize].clone();
            git_repository::try_git(&repo.path(), &["merge", "-q", "--no-ff", "--no-commit", "-s", "ours", &other]);
            for (name, lines) in theirs {
                if random(2) == 0 {
                    files.insert(name, lines);
                }
            }
        }
        let names: Vec<_> = files.keys().cloned().collect();
        let name = names[random(names.len() as u64) as usize].clone();
        let lines = files.get_mut(&name).unwrap();
        for _ in 0..=random(3) {
            let place = random(lines.len() as u64) as usize;
            match random(3) {
                0 => lines[place] = random(12),
                1 => lines.insert(place, random(12)),
                _ => _ = lines.remove(place),
            }
        }
        if random(6) == 0 {
            let moved = files.remove(&name).unwrap();
            files.insert(format!("d/moved-{step}.go"), moved);
        }
        if step > 0 {
            repo.git(&["rm", "-rfq", "--ignore-unmatch", "."]);
        }
        for (name, lines) in &files {
            let content: String = lines.iter().map(|line| format!("some line of code, {line}\n")).collect();
            repo.write(name, content);
        }
        let tag = format!("step-{step}");
        repo.commit(&tag);
        tags.push(tag);
        branches[at].1 = files;
    }
    let mut compared = 0;
    for (at, new) in tags.iter().enumerate() {
        for old in [3, 10, 25].into_iter().filter_map(|back| tags.get(at.checked_sub(back)?)) {
            let (is_ancestor, ..) = git_repository::try_git(&repo.path(), &["merge-base", "--is-ancestor", old, new]);
            if is_ancestor {
                check_beside_git(&repo, old, new);
                compared += 1;
            }
        }
    }
    assert!(compared > 25, "only {compared} pairs were compared");
}
