//! The programs that the figures in docs/accuracy.md are of.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::{
    subject::{Drive, Program, Subject, Tree},
    toolchain,
};
use crate::repository;

/// The names that `cargo xtask truth` knows.
pub(super) const NAMES: [&str; 2] = ["corpus", "gofmt"];

/// Makes the subject `name`, its repository and whatever else it needs in `dir`.
pub(super) fn make(name: &str, dir: &Path) -> Result<Subject> {
    match name {
        "corpus" => corpus(dir),
        "gofmt" => gofmt(dir),
        _ => bail!("no subject is called {name}: there are {}", NAMES.join(", ")),
    }
}

/// tests/fixtures/truth: a main package for each trap. Its file `args`, if there, has a line of arguments for each run.
fn corpus(dir: &Path) -> Result<Subject> {
    let repo = dir.join("repo");
    toolchain::copy_tree(&repository::root().join("tests/fixtures/truth"), &repo, &|_| true)?;
    toolchain::commit_all(&repo)?;
    let mut programs = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(&repo)?.map(|e| Ok(e?.path())).collect::<Result<_>>()?;
    entries.sort();
    for path in entries.into_iter().filter(|path| path.join("main.go").exists()) {
        let name = path.file_name().context("a trap without a name")?.to_string_lossy().into_owned();
        let lines = fs::read_to_string(path.join("args")).unwrap_or_else(|_| "\n".to_owned());
        let args = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        programs.push(Program {
            package: format!("./{name}"),
            dir: repo.clone(),
            flags: Vec::new(),
            packages: vec![format!("./{name}/...")],
            drives: lines.lines().map(|line| Drive::Run { args: args(line), dir: path.clone() }).collect(),
            name,
        });
    }
    let tree = Tree { root: repo.clone(), repo, old: "INIT".to_owned(), new: "HEAD".to_owned() };
    let about = "one small program for each known trap of optimised code".to_owned();
    Ok(Subject { name: "corpus".to_owned(), about, tree, programs })
}

const GOFMT: &[&str] = &[
    "cmd/gofmt",
    "cmd/internal/telemetry/counter",
    "go/ast",
    "go/build/constraint",
    "go/doc/comment",
    "go/internal/scannerhooks",
    "go/parser",
    "go/printer",
    "go/scanner",
    "go/token",
    "internal/diff",
];

fn gofmt(dir: &Path) -> Result<Subject> {
    let src = toolchain::root()?.join("src");
    let broken = dir.join("broken.go");
    fs::create_dir_all(dir)?;
    fs::write(&broken, "package broken\n\nfunc f( {\n\tif x := 1; {\n\t}\n")?;
    let ugly = dir.join("ugly.go");
    fs::write(&ugly, UGLY)?;
    let (broken, ugly) = (broken.to_string_lossy().into_owned(), ugly.to_string_lossy().into_owned());
    let run = |args: &[&str]| Drive::Run { args: args.iter().map(|a| (*a).to_owned()).collect(), dir: src.clone() };
    let drives = vec![
        run(&["-l", "go"]),
        run(&["-d", "-s", "go/printer/testdata", &ugly]),
        run(&["-r", "a[b:len(a)] -> a[b:]", "-l", "go/ast"]),
        run(&["-e", &broken]),
    ];
    distribution(dir, "gofmt", "cmd/gofmt", GOFMT, drives, "gofmt on the standard library's go/... packages")
}

const UGLY: &str = "package ugly\nimport (\"os\"; \"fmt\")\ntype T struct { a,b int; c string `x` } // c\n\
    var s = []T{T{1,2,\"x\"},T{3,4,\"y\"}}\nfunc f(x []int) { for i, _ := range x[0:len(x)] { fmt.Println( i ,os.Args) } }\n";

/// A command of the Go distribution, everything in `packages` new.
fn distribution(
    dir: &Path,
    name: &str,
    command: &str,
    packages: &[&str],
    drives: Vec<Drive>,
    about: &str,
) -> Result<Subject> {
    let root = toolchain::root()?;
    let repo = dir.join("repo");
    for package in packages {
        let from = root.join("src").join(package);
        for entry in fs::read_dir(&from).with_context(|| format!("this Go release has no {package}"))? {
            let path = entry?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if file.ends_with(".go") && !file.ends_with("_test.go") {
                toolchain::copy_file(&path, &repo.join("src").join(package).join(file))?;
            }
        }
    }
    for module in ["src/go.mod", "src/cmd/go.mod"] {
        toolchain::copy_file(&root.join(module), &repo.join(module))?;
    }
    // The commands are a module of their own.
    fs::write(repo.join("goat.yaml"), format!("appName: {name}\nskipNestedModules: false\n"))?;
    toolchain::commit_all(&repo)?;
    let program = Program {
        name: name.to_owned(),
        package: command.to_owned(),
        dir: root.join("src/cmd"),
        flags: Vec::new(),
        packages: packages.iter().map(|p| (*p).to_owned()).collect(),
        drives,
    };
    let tree = Tree { repo, old: "INIT".to_owned(), new: "HEAD".to_owned(), root };
    Ok(Subject { name: name.to_owned(), about: about.to_owned(), tree, programs: vec![program] })
}
