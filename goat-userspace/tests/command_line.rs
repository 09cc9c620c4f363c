//! The `goat` command as a user meets it: exit status, what goes to stdout and what to stderr, and who overrides whom.

#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// goat, with no configuration but the test's own.
fn goat(dir: &Path, arguments: &[&str]) -> Command {
    let mut goat = Command::new(env!("CARGO_BIN_EXE_goat"));
    goat.current_dir(dir).args(arguments);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GOAT_")) {
        goat.env_remove(name);
    }
    goat
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A repository with two commits, the first tagged v1: the second changes a line of `f` and adds `g`.
fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]);
        assert!(git.args(arguments).current_dir(dir.path()).status().unwrap().success());
    };
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    git(&["init", "--quiet", "--initial-branch", "main"]);
    write("go.mod", "module example.com/small/v2\n\ngo 1.21\n");
    write("main.go", "package main\n\nfunc main() {\n\tprintln(1)\n}\n");
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "one"]);
    git(&["tag", "v1"]);
    write(
        "main.go",
        "package main\n\nfunc main() {\n\tprintln(2)\n\n\tprintln(3)\n\tgo g()\n}\n\nfunc g() {\n\tprintln(4)\n}\n",
    );
    git(&["commit", "--quiet", "--all", "--message", "two"]);
    git(&["tag", "v2"]);
    dir
}

#[test]
fn the_status_says_whose_mistake_it_was() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(".git")).unwrap();
    for (arguments, status) in [
        (&["--version"][..], 0),
        (&["version"], 0),
        (&["help", "attach"], 0),
        (&[], 2),
        (&["no-such-command"], 2),
        (&["plan"], 2),
        (&["attach", "--plan", "p"], 2),
        (&["init"], 1),
        (&["track", "--old", "v1"], 1),
        (&["inspect", "no-such-file"], 1),
        (&["run", "--plan", "no-such-plan", "--", "true"], 1),
    ] {
        let output = goat(dir.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", stderr(&output));
        if status == 1 {
            assert_eq!(stderr(&output).matches("error: ").count(), 1, "{}", stderr(&output));
            assert!(output.stdout.is_empty());
        }
    }
}

#[test]
fn init_writes_a_configuration_once() {
    let dir = repository();
    let sub = dir.path().join("cmd");
    fs::create_dir(&sub).unwrap();
    assert!(goat(&sub, &["init"]).status().unwrap().success());
    let written = fs::read_to_string(dir.path().join("goat.yaml")).unwrap();
    assert!(written.contains("appName: \"small\"") && written.contains("oldBranch: \"v1\""), "{written}");

    fs::write(dir.path().join("goat.yaml"), "appName: mine\n").unwrap();
    let again = goat(dir.path(), &["init"]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("help: --force"), "{}", stderr(&again));
    assert_eq!(fs::read_to_string(dir.path().join("goat.yaml")).unwrap(), "appName: mine\n");
    assert!(goat(dir.path(), &["init", "--force"]).status().unwrap().success());
    assert_eq!(fs::read_to_string(dir.path().join("goat.yaml")).unwrap(), written);
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let dir = repository();
    let functions_tracked = |arguments: &[&str], env: &[(&str, &str)]| {
        let output = goat(dir.path(), arguments).envs(env.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let check = |text: &str, expected: &str| assert!(text.contains(expected), "{text}");
    fs::write(dir.path().join("goat.yaml"), "oldBranch: v1\ngranularity: func\n").unwrap();
    check(&functions_tracked(&["track"], &[]), "2 track points in 1 file");
    check(&functions_tracked(&["track"], &[("GOAT_GRANULARITY", "line")]), "4 track points in 1 file");
    let line = [("GOAT_GRANULARITY", "line")];
    check(&functions_tracked(&["track", "--granularity", "func"], &line), "2 track points in 1 file");
    check(&functions_tracked(&["track", "--old", "v2"], &[]), "0 track points in 0 files");

    fs::write(dir.path().join("other.yaml"), "oldBranch: v1\ngranularity: line\n").unwrap();
    check(&functions_tracked(&["track"], &[("GOAT_CONFIG", "other.yaml")]), "4 track points in 1 file");
    check(&functions_tracked(&["--config", "goat.yaml", "track"], &[("GOAT_CONFIG", "other.yaml")]), "2 track points");
}

#[test]
fn a_wrong_configuration_stops_what_obeys_it() {
    let dir = repository();
    fs::write(dir.path().join("goat.yaml"), "oldBranch: v1\ngranularity: lines\n").unwrap();
    let output = goat(dir.path(), &["track"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("goat.yaml:2: granularity: "), "{}", stderr(&output));

    fs::write(dir.path().join("goat.yaml"), "oldBranch: v1\ngranularty: line\n").unwrap();
    let output = goat(dir.path(), &["track"]).output().unwrap();
    assert!(output.status.success());
    assert!(stderr(&output).contains("warning: ") && stderr(&output).contains("did you mean granularity?"));

    fs::write(dir.path().join("goat.yaml"), "oldBranch: v1\nrace: true\ngoatPackageName: goat\n").unwrap();
    let output = goat(dir.path(), &["track"]).output().unwrap();
    assert!(output.status.success());
    assert!(stderr(&output).contains("without effect, as goat rewrites no sources: goatPackageName, race"));
}

#[test]
fn tracking_without_a_binary_lists_the_points_and_changes_nothing() {
    let dir = repository();
    let before = fs::read(dir.path().join("main.go")).unwrap();
    let output =
        goat(dir.path(), &["track", "--old", "v1", "--granularity", "line", "--format", "json"]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let lines: Vec<_> = answer["points"].as_array().unwrap().iter().map(|p| p["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [4, 6, 7, 11]);
    assert_eq!(fs::read(dir.path().join("main.go")).unwrap(), before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn a_change_of_which_nothing_is_left_is_warned_of() {
    let dir = repository();
    fs::write(dir.path().join("goat.yaml"), "oldBranch: v1\nignores: ['*.go']\n").unwrap();
    // The plan needs a Go binary: any will do, as long as its commit is not asked for.
    let built =
        Command::new("go").args(["build", "-buildvcs=false", "-o", "small", "."]).current_dir(dir.path()).status();
    assert!(built.unwrap().success());
    for arguments in [&["track"][..], &["plan", "--binary", "small"], &["run", "--binary", "small", "--", "true"]] {
        let output = goat(dir.path(), arguments).output().unwrap();
        let said = stderr(&output);
        assert!(
            said.contains("warning: nothing to observe from v1 to HEAD: every changed Go file is left out"),
            "{said}"
        );
        assert!(said.contains("1  ignores: *.go: take *.go out of `ignores` in goat.yaml"), "{said}");
    }
    fs::write(dir.path().join("goat.yaml"), "oldBranch: v1\n").unwrap();
    let output = goat(dir.path(), &["track"]).output().unwrap();
    assert!(!stderr(&output).contains("nothing to observe"), "{}", stderr(&output));
}

#[test]
fn clean_keeps_what_is_not_goats() {
    let dir = repository();
    fs::write(dir.path().join("notes.goatplan"), "my own plans for the goat").unwrap();
    fs::write(dir.path().join("old.go"), "package main\n\n// +goat:generate\n").unwrap();
    let output = goat(dir.path(), &["clean"]).output().unwrap();
    assert!(output.status.success());
    assert!(dir.path().join("notes.goatplan").exists());
    assert!(stderr(&output).contains("notes.goatplan: kept") && stderr(&output).contains("old.go: 1 +goat:"));
}

#[test]
fn a_port_in_use_is_found_before_anything_is_planned() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let pid = std::process::id().to_string();
    let output = goat(dir.path(), &["attach", "--pid", &pid, "--plan", "none", "--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is in use"), "{}", stderr(&output));

    let port = taken.local_addr().unwrap().port().to_string();
    let mut by_environment = goat(dir.path(), &["attach", "--pid", &pid, "--plan", "none"]);
    let output = by_environment.env("GOAT_PORT", port).output().unwrap();
    assert!(stderr(&output).contains("is in use"), "{}", stderr(&output));
}
