//! The fixture, built by several Go releases and in the ways that move or strip the tables.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::*;
use crate::binary::tests::cache;

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
    /// The program, built now or before; why this machine can't build it.
    pub(super) fn binary(self) -> Result<PathBuf, String> {
        let toolchain = if self.toolchain == "local" { cache::local_release() } else { self.toolchain };
        let name = format!("{}-{toolchain}-{}", self.package.replace(['.', '/'], ""), self.arch);
        let key = (toolchain, self.arch, self.cgo, self.args, self.package, self.source());
        cache::made(&name, key, |path| {
            self.missing().map_or(Ok(()), Err)?;
            let built = self.go().args(["build", "-o"]).arg(path).args(self.args).arg(self.package).output().unwrap();
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
            Ok(())
        })
    }

    /// Why this machine can't make the build.
    fn missing(self) -> Option<String> {
        let runs = |command: &mut Command| match command.output() {
            Ok(out) if out.status.success() => None,
            Ok(out) => Some(String::from_utf8_lossy(&out.stderr).trim().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let toolchain = runs(self.go().arg("version"));
        toolchain.or_else(|| runs(Command::new("gcc").arg("--version")).filter(|_| self.cgo))
    }

    /// The fixture's directory, the same for every build: it is in the tables.
    fn source(self) -> PathBuf {
        let source = cache::made("fixture", (self.cgo, MAIN, SHOP, CGO), |dir| {
            let package = dir.join("internal/shop");
            std::fs::create_dir_all(&package).unwrap();
            std::fs::write(dir.join("go.mod"), "module example.com/fixture\n\ngo 1.18\n").unwrap();
            std::fs::write(dir.join("main.go"), MAIN).unwrap();
            std::fs::write(package.join("shop.go"), SHOP).unwrap();
            if self.cgo {
                std::fs::write(dir.join("cgo.go"), CGO).unwrap();
            }
            Ok(())
        });
        source.unwrap()
    }

    pub(super) fn go(self) -> Command {
        let mut go = Command::new("go");
        go.current_dir(self.source()).env("GOTOOLCHAIN", self.toolchain).env("GOARCH", self.arch);
        go.env("GOFLAGS", "-mod=mod -buildvcs=false").env("GOOS", "linux");
        go.env("CGO_ENABLED", if self.cgo { "1" } else { "0" });
        go
    }
}

/// Runs `check` on the image and pclntab of every build that this machine can make, and prints which it can't.
pub(super) fn each_build(builds: &[Build], check: impl Fn(Build, &Path, &Image, &Pclntab)) {
    for &build in builds {
        let what = format!("{} {} {} cgo={} {:?}", build.package, build.toolchain, build.arch, build.cgo, build.args);
        let path = match build.binary() {
            Ok(path) => path,
            Err(why) => {
                eprintln!("skipped {what}: {why}");
                continue;
            }
        };
        eprintln!("checking {what}");
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
    for &toolchain in releases() {
        let other = Build { toolchain, ..HERE };
        builds.push(other);
        if cache::in_full() {
            builds.extend([Build { cgo: true, args: EXTERNAL, ..other }, Build { arch: "arm64", ..other }]);
        }
    }
    builds
}

/// Releases beside the local one: the oldest that goat reads, whose tables are laid out in another way, and the first of the
/// layout that is used today; or every one whose tables differ in something.
pub(super) fn releases() -> &'static [&'static str] {
    if cache::in_full() {
        &["go1.18.10", "go1.20.14", "go1.21.13", "go1.24.11", "go1.27.0"]
    } else {
        &["go1.18.10", "go1.20.14"]
    }
}
