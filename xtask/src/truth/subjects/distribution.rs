//! Commands of the Go distribution, everything in their packages new, on the standard library.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::truth::{
    subject::{Drive, Program, Subject, Tree, Variant},
    toolchain,
};

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

/// gofmt, also on a file that it can't parse.
pub(super) fn gofmt(dir: &Path, variant: &Variant) -> Result<Subject> {
    let src = variant.root()?.join("src");
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
    let about = "gofmt on the standard library's go/... packages";
    let gofmt = distribution(dir, variant, "gofmt", "cmd/gofmt", GOFMT, drives, about)?;
    Ok(Subject { profiled: Some(run(&["-cpuprofile", "PROFILE", "-l", "go", "net", "crypto", "encoding"])), ..gofmt })
}

/// The same commands on input that takes milliseconds: with a breakpoint in the way of every statement that becomes seconds.
pub(in crate::truth) fn small(name: &str, dir: &Path, variant: &Variant) -> Result<Subject> {
    let mut subject = match name {
        "vet" => vet_on(&["errors"], dir, variant)?,
        "compile" => compile_on(&["errors"], dir, variant)?,
        _ => gofmt(dir, variant)?,
    };
    if name == "gofmt" {
        let file = |name: &str| dir.join(name).to_string_lossy().into_owned();
        let src = variant.root()?.join("src");
        let run = |args: Vec<String>| Drive::Run { args, dir: src.clone() };
        let drives = vec![
            run(vec!["-d".to_owned(), "-s".to_owned(), file("ugly.go"), "errors".to_owned()]),
            run(vec!["-e".to_owned(), file("broken.go")]),
        ];
        subject.programs.iter_mut().for_each(|program| program.drives.clone_from(&drives));
    }
    Ok(subject)
}

const UGLY: &str = "package ugly\nimport (\"os\"; \"fmt\")\ntype T struct { a,b int; c string `x` } // c\n\
    var s = []T{T{1,2,\"x\"},T{3,4,\"y\"}}\nfunc f(x []int) { for i, _ := range x[0:len(x)] { fmt.Println( i ,os.Args) } }\n";

const VET: &[&str] = &[
    "cmd/vet",
    "go/ast",
    "go/build",
    "go/build/constraint",
    "go/constant",
    "go/doc",
    "go/doc/comment",
    "go/format",
    "go/importer",
    "go/internal/gcimporter",
    "go/internal/scannerhooks",
    "go/parser",
    "go/printer",
    "go/scanner",
    "go/token",
    "go/types",
    "go/version",
];

/// What vet looks at.
const VETTED: [&str; 6] = ["strconv", "text/template", "net/url", "encoding/json", "go/printer", "slices"];

/// Stands in for vet to `go vet`, and keeps the file that tells vet of a package: with it vet can be run again alone.
const KEEPER: &str = "#!/bin/sh
case \"$1\" in
-V=full) echo \"vet version go0.0.0 keeper=$$-$(date +%N)\"; exit 0;;
-flags) exec \"$VET\" -flags;;
esac
for last; do :; done
cp \"$last\" \"$KEPT/$(date +%s%N)-$$.cfg\"
exec \"$VET\" \"$@\"
";

/// vet on packages of the standard library, as `go vet` runs it.
pub(super) fn vet(dir: &Path, variant: &Variant) -> Result<Subject> {
    vet_on(&VETTED, dir, variant)
}

fn vet_on(packages: &[&str], dir: &Path, variant: &Variant) -> Result<Subject> {
    let src = variant.root()?.join("src");
    let (keeper, vet, kept, work) = (dir.join("keeper"), dir.join("vet"), dir.join("kept"), dir.join("work-of-go"));
    for dir in [&kept, &work] {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    fs::write(&keeper, KEEPER)?;
    fs::set_permissions(&keeper, fs::Permissions::from_mode(0o755))?;
    toolchain::output(variant.go().current_dir(src.join("cmd")).arg("build").arg("-o").arg(&vet).arg("cmd/vet"))?;
    let mut go = variant.go();
    go.current_dir(&src).args(["vet", "-work"]).arg(format!("-vettool={}", keeper.display())).args(packages);
    toolchain::output(go.env("VET", &vet).env("KEPT", &kept).env("GOTMPDIR", &work))?;

    let mut configs: Vec<PathBuf> = fs::read_dir(&kept)?.map(|e| Ok(e?.path())).collect::<Result<_>>()?;
    configs.sort();
    let mut drives = Vec::new();
    for config in configs {
        let text = fs::read_to_string(&config)?;
        let json: serde_json::Value = serde_json::from_str(&text).context("go vet wrote no configuration")?;
        if json["ImportPath"].as_str().is_some_and(|path| packages.contains(&path)) {
            drives.push(Drive::Run { args: vec![config.to_string_lossy().into_owned()], dir: src.clone() });
        }
    }
    distribution(dir, variant, "vet", "cmd/vet", VET, drives, "vet on packages of the standard library")
}

const COMPILER: &[&str] = &[
    "cmd/compile",
    "cmd/compile/internal/base",
    "cmd/compile/internal/deadlocals",
    "cmd/compile/internal/devirtualize",
    "cmd/compile/internal/escape",
    "cmd/compile/internal/gc",
    "cmd/compile/internal/inline",
    "cmd/compile/internal/ir",
    "cmd/compile/internal/liveness",
    "cmd/compile/internal/noder",
    "cmd/compile/internal/reflectdata",
    "cmd/compile/internal/ssa",
    "cmd/compile/internal/ssagen",
    "cmd/compile/internal/staticinit",
    "cmd/compile/internal/syntax",
    "cmd/compile/internal/typecheck",
    "cmd/compile/internal/types",
    "cmd/compile/internal/types2",
    "cmd/compile/internal/walk",
];

/// What the compiler compiles.
const COMPILED: [&str; 3] = ["strconv", "go/printer", "slices"];

/// The compiler on packages of the standard library.
pub(super) fn compile(dir: &Path, variant: &Variant) -> Result<Subject> {
    compile_on(&COMPILED, dir, variant)
}

fn compile_on(packages: &[&str], dir: &Path, variant: &Variant) -> Result<Subject> {
    let src = variant.root()?.join("src");
    fs::create_dir_all(dir)?;
    let exports = "{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}";
    let list = toolchain::output(
        variant.go().current_dir(&src).args(["list", "-export", "-deps", "-f", exports]).args(packages),
    )?;
    let config = dir.join("importcfg");
    fs::write(&config, list)?;
    let mut drives = Vec::new();
    for &package in packages {
        let files = "{{range .GoFiles}}{{.}}\n{{end}}";
        let files = toolchain::output(variant.go().current_dir(&src).args(["list", "-f", files, package]))?;
        let output = dir.join("object.a");
        let (config, output) = (config.to_string_lossy(), output.to_string_lossy());
        let args = ["-o", &*output, "-p", package, "-std", "-complete", "-c=1", "-importcfg", &*config, "-pack"];
        let args = args.into_iter().chain(files.lines().filter(|file| !file.is_empty()));
        drives.push(Drive::Run { args: args.map(str::to_owned).collect(), dir: src.join(package) });
    }
    let about = "the compiler on packages of the standard library";
    distribution(dir, variant, "compile", "cmd/compile", COMPILER, drives, about)
}

/// Files that are written by programs, for the better part for other processors: they would drown the rest.
fn is_table(name: &str) -> bool {
    name.starts_with("rewrite") && name != "rewrite.go" || name == "opGen.go"
}

/// A command of the Go distribution, everything in `packages` new.
fn distribution(
    dir: &Path,
    variant: &Variant,
    name: &str,
    command: &str,
    packages: &[&str],
    drives: Vec<Drive>,
    about: &str,
) -> Result<Subject> {
    let root = variant.root()?;
    let repo = dir.join("repo");
    // A release has fewer of them than the newest.
    let has = |package: &&&str| root.join("src").join(package).is_dir();
    for package in packages.iter().filter(has) {
        let from = root.join("src").join(package);
        for entry in fs::read_dir(&from).with_context(|| format!("cannot list {}", from.display()))? {
            let path = entry?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if file.ends_with(".go") && !file.ends_with("_test.go") && !is_table(&file) {
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
        packages: packages.iter().filter(has).map(|p| (*p).to_owned()).collect(),
        drives,
    };
    let tree = Tree { repo, old: "INIT".to_owned(), new: "HEAD".to_owned(), root, has_remarks: false };
    Ok(Subject { name: name.to_owned(), about: about.to_owned(), tree, programs: vec![program], profiled: None })
}
