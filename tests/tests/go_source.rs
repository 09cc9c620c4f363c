//! What goat reads in Go files against what Go's own parser reads, over the source of the Go installation.

#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute, not what they call")]

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use goat::{
    paths::RepoPath,
    source::{self, SourceFile, Span},
};

/// Packages that between them use all of the language; `GOAT_GO_SOURCE=all` reads the whole of GOROOT/src.
const PACKAGES: &[&str] = &["bufio", "encoding/json", "go/printer", "net/http", "reflect", "runtime", "slices", "sync"];

fn go(args: &[&str]) -> Option<String> {
    let output = Command::new("go").args(args).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

fn go_files(dir: &Path, deep: bool, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() && deep && path.file_name().is_some_and(|name| name != "testdata") {
            go_files(&path, deep, files);
        } else if path.extension().is_some_and(|extension| extension == "go") && path.is_file() {
            files.push(path);
        }
    }
}

/// What go/ast sees, by file, sorted.
fn expected(files: &[PathBuf]) -> BTreeMap<String, Vec<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/goast/main.go");
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("list");
    let mut text = fs::File::create(&list).unwrap();
    files.iter().for_each(|file| writeln!(text, "{}", file.display()).unwrap());
    let output = Command::new("go")
        .args(["run"])
        .arg(source)
        .stdin(fs::File::open(&list).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut file = String::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        if line.starts_with(['f', 's', 'b']) && line.as_bytes()[1] == b' ' {
            seen.get_mut(&file).unwrap().push(line.to_owned());
        } else {
            line.clone_into(&mut file);
            seen.insert(file.clone(), Vec::new());
        }
    }
    seen.values_mut().for_each(|lines| lines.sort());
    seen
}

fn place(span: Span) -> String {
    format!("{}:{}-{}:{}", span.start.line, span.start.column, span.end.line, span.end.column)
}

/// The same of ours.
fn got(file: &SourceFile) -> Vec<String> {
    let functions = file.functions.iter().map(|function| format!("f {}", place(function.span)));
    let statements = file.statements.iter().map(|s| format!("s {:?} {}", s.kind, place(s.span)));
    let bodies =
        file.blocks.iter().filter(|block| block.owner.is_some()).map(|block| format!("b {}", place(block.span)));
    let mut lines: Vec<String> = functions.chain(statements).chain(bodies).collect();
    lines.sort();
    lines
}

#[test]
fn every_function_and_statement_that_go_sees() {
    let Some(root) = go(&["env", "GOROOT"]) else {
        println!("skipped: no go command");
        return;
    };
    let mut files = Vec::new();
    let root = Path::new(&root).join("src");
    if std::env::var("GOAT_GO_SOURCE").is_ok_and(|value| value == "all") {
        go_files(&root, true, &mut files);
    } else {
        PACKAGES.iter().for_each(|package| go_files(&root.join(package), false, &mut files));
    }
    let expected = expected(&files);
    let (mut bytes, mut seconds, mut lines, mut invalid) = (0, 0.0, 0, 0);
    let mut wrong = Vec::new();
    for path in &files {
        let name = path.to_str().unwrap();
        let text = fs::read(path).unwrap();
        let before = Instant::now();
        let file = source::parse(&RepoPath::from(name), &text);
        seconds += before.elapsed().as_secs_f64();
        bytes += text.len();
        let Some(expected) = expected.get(name) else {
            invalid += 1;
            continue;
        };
        lines += expected.len();
        let got = got(&file);
        if !file.syntax_errors.is_empty() {
            wrong.push(format!(
                "{name}: syntax errors at {:?}",
                file.syntax_errors.iter().map(|s| place(*s)).collect::<Vec<_>>()
            ));
        } else if got != *expected {
            let missing: Vec<&String> = expected.iter().filter(|line| !got.contains(line)).take(5).collect();
            let extra: Vec<&String> = got.iter().filter(|line| !expected.contains(line)).take(5).collect();
            wrong.push(format!("{name}: missing {missing:?}, not there {extra:?}"));
        }
    }
    println!(
        "{} files, {invalid} of them not valid Go, {lines} functions, statements and bodies; {:.1} MB/s",
        files.len(),
        bytes as f64 / seconds / 1e6
    );
    assert!(lines > 10_000, "{lines}");
    assert!(wrong.is_empty(), "{} of {} files:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}
