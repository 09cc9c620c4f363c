//! The fixture, built by several Go releases and in the ways that move or strip the tables.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::*;

/// A program with inlining at several depths, generics, closures, methods and a loop, for Go 1.18 and later.
const MAIN: &str = include_str!("../testdata/main.go.txt");
const SHOP: &str = include_str!("../testdata/shop.go.txt");
/// Makes it a cgo program, so that C's start-up code stands before Go's text.
const CGO: &str = include_str!("../testdata/cgo.go.txt");

#[derive(Clone, Copy)]
pub(super) struct Build {
    pub(super) toolchain: &'static str,
    pub(super) arch: &'static str,
    pub(super) cgo: bool,
    pub(super) args: &'static [&'static str],
    /// The package that is built; `.` is the fixture.
    pub(super) package: &'static str,
}

impl Build {
    /// Why this machine can't make the build.
    fn missing(self) -> Option<String> {
        let runs = |command: &mut Command| match command.output() {
            Ok(out) if out.status.success() => None,
            Ok(out) => Some(String::from_utf8_lossy(&out.stderr).trim().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let toolchain = runs(self.go(Path::new("/")).arg("version"));
        toolchain.or_else(|| runs(Command::new("gcc").arg("--version")).filter(|_| self.cgo))
    }

    /// Builds the program in `dir`.
    pub(super) fn run(self, dir: &Path) -> PathBuf {
        let package = dir.join("internal/shop");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(dir.join("go.mod"), "module example.com/fixture\n\ngo 1.18\n").unwrap();
        std::fs::write(dir.join("main.go"), MAIN).unwrap();
        std::fs::write(package.join("shop.go"), SHOP).unwrap();
        if self.cgo {
            std::fs::write(dir.join("cgo.go"), CGO).unwrap();
        }
        let out = dir.join("program");
        let mut go = self.go(dir);
        let built = go.args(["build", "-o"]).arg(&out).args(self.args).arg(self.package).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        out
    }

    pub(super) fn go(self, dir: &Path) -> Command {
        let mut go = Command::new("go");
        go.current_dir(dir).env("GOTOOLCHAIN", self.toolchain).env("GOFLAGS", "-mod=mod").env("GOARCH", self.arch);
        go.env("GOOS", "linux").env("CGO_ENABLED", if self.cgo { "1" } else { "0" });
        go
    }
}

/// Runs `check` on the image and pclntab of every build that this machine can make, and prints which it can't.
pub(super) fn each_build(builds: &[Build], check: impl Fn(Build, &Path, &Image, &Pclntab)) {
    for &build in builds {
        let what = format!("{} {} {} cgo={} {:?}", build.package, build.toolchain, build.arch, build.cgo, build.args);
        if let Some(why) = build.missing() {
            eprintln!("skipped {what}: {why}");
            continue;
        }
        eprintln!("checking {what}");
        let dir = tempfile::tempdir().unwrap();
        let path = build.run(dir.path());
        let image = Image::open(&path).unwrap();
        let pclntab = open(&image).unwrap();
        check(build, &path, &image, &pclntab);
    }
}

pub(super) fn all(pclntab: &Pclntab, image: &Image) -> Vec<Function> {
    let files: Vec<FileId> = (0..pclntab.files.names.len() as u32).map(FileId).collect();
    let (functions, stats) = pclntab.functions(image, &files);
    assert_eq!(stats.functions_broken, 0);
    functions
}

pub(super) const HERE: Build = Build { toolchain: "local", arch: "amd64", cgo: false, args: &[], package: "." };

pub(super) fn builds() -> Vec<Build> {
    const EXTERNAL: &[&str] = &["-ldflags=-linkmode=external", "-buildmode=pie"];
    let mut builds = vec![
        HERE,
        Build { args: &["-trimpath"], ..HERE },
        Build { args: &["-buildmode=pie"], ..HERE },
        Build { args: &["-gcflags=all=-l"], ..HERE },
        Build { cgo: true, args: &["-ldflags=-linkmode=external"], ..HERE },
        Build { cgo: true, args: EXTERNAL, ..HERE },
        Build { arch: "arm64", ..HERE },
        Build { arch: "arm64", args: &["-buildmode=pie"], ..HERE },
        Build { toolchain: "go1.24.11", args: &["-buildmode=pie"], ..HERE },
    ];
    for toolchain in ["go1.18.10", "go1.20.14", "go1.21.13", "go1.24.11", "go1.27.0"] {
        let other = Build { toolchain, ..HERE };
        builds.extend([other, Build { cgo: true, args: EXTERNAL, ..other }, Build { arch: "arm64", ..other }]);
    }
    builds
}
