use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use super::{super::object::Image, *};

/// A program with inlining at several depths, generics, closures, methods and a loop, for Go 1.18 and later.
const MAIN: &str = include_str!("testdata/main.go.txt");
const SHOP: &str = include_str!("testdata/shop.go.txt");
/// Makes it a cgo program, so that C's start-up code stands before Go's text.
const CGO: &str = include_str!("testdata/cgo.go.txt");

#[derive(Clone, Copy, Default)]
struct Build {
    toolchain: &'static str,
    arch: &'static str,
    cgo: bool,
    args: &'static [&'static str],
}

impl Build {
    /// Builds the program in `dir`, or says why it can't.
    fn run(self, dir: &Path) -> Result<PathBuf, String> {
        let package = dir.join("internal/shop");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(dir.join("go.mod"), "module example.com/fixture\n\ngo 1.18\n").unwrap();
        std::fs::write(dir.join("main.go"), MAIN).unwrap();
        std::fs::write(package.join("shop.go"), SHOP).unwrap();
        if self.cgo {
            std::fs::write(dir.join("cgo.go"), CGO).unwrap();
        }
        let out = dir.join("program");
        let built = self.go(dir).args(["build", "-o"]).arg(&out).args(self.args).arg(".").output();
        let built = built.map_err(|e| format!("no go command: {e}"))?;
        if !built.status.success() {
            return Err(String::from_utf8_lossy(&built.stderr).into_owned());
        }
        Ok(out)
    }

    fn go(self, dir: &Path) -> Command {
        let mut go = Command::new("go");
        go.current_dir(dir).env("GOTOOLCHAIN", self.toolchain).env("GOFLAGS", "-mod=mod").env("GOARCH", self.arch);
        go.env("GOOS", "linux").env("CGO_ENABLED", if self.cgo { "1" } else { "0" });
        go
    }
}

/// Runs `check` on the image and pclntab of every build that this machine can make, and prints which it can't.
fn each_build(builds: &[Build], check: impl Fn(Build, &Path, &Image, &Pclntab)) {
    for &build in builds {
        let what = format!("{} {} cgo={} {:?}", build.toolchain, build.arch, build.cgo, build.args);
        let dir = tempfile::tempdir().unwrap();
        match build.run(dir.path()) {
            Err(why) => eprintln!("skipped {what}: {}", why.trim()),
            Ok(path) => {
                eprintln!("checking {what}");
                let image = Image::open(&path).unwrap();
                let pclntab = open(&image).unwrap();
                check(build, &path, &image, &pclntab);
            }
        }
    }
}

fn all(pclntab: &Pclntab, image: &Image) -> Vec<Function> {
    let files: Vec<FileId> = (0..pclntab.files.names.len() as u32).map(FileId).collect();
    let decoded = pclntab.functions(image, &files);
    assert_eq!(decoded.skipped, 0);
    decoded.functions
}

const HERE: Build = Build { toolchain: "local", arch: "amd64", cgo: false, args: &[] };

fn builds() -> Vec<Build> {
    let mut builds = vec![
        HERE,
        Build { args: &["-trimpath"], ..HERE },
        Build { args: &["-buildmode=pie"], ..HERE },
        Build { args: &["-gcflags=all=-l"], ..HERE },
        Build { cgo: true, ..HERE },
        Build { cgo: true, args: &["-ldflags=-linkmode=external"], ..HERE },
        Build { cgo: true, args: &["-ldflags=-linkmode=external", "-buildmode=pie"], ..HERE },
        Build { arch: "arm64", ..HERE },
        Build { arch: "arm64", args: &["-buildmode=pie"], ..HERE },
    ];
    for toolchain in ["go1.18.10", "go1.20.14", "go1.21.13", "go1.24.11", "go1.27.0"] {
        let other = Build { toolchain, ..HERE };
        builds.extend([
            other,
            Build { args: &["-buildmode=pie"], ..other },
            Build { cgo: true, args: &["-ldflags=-linkmode=external", "-buildmode=pie"], ..other },
            Build { arch: "arm64", ..other },
        ]);
    }
    builds
}

#[test]
fn functions_begin_where_the_symbol_table_says() {
    each_build(&builds(), |build, path, image, pclntab| {
        let nm = build.go(path.parent().unwrap()).args(["tool", "nm", "-type", "program"]).output().unwrap();
        assert!(nm.status.success(), "{}", String::from_utf8_lossy(&nm.stderr));
        let nm = String::from_utf8(nm.stdout).unwrap();
        let mut symbols: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
        for line in nm.lines() {
            let mut fields = line.split_whitespace();
            let addr = fields.next().and_then(|addr| u64::from_str_radix(addr, 16).ok());
            if let (Some(addr), Some("T" | "t")) = (addr, fields.next()) {
                symbols.entry(addr).or_default().insert(line.splitn(3, [' ']).last().unwrap());
            }
        }
        let functions = all(pclntab, image);
        assert!(functions.len() > 1000);
        for function in &functions {
            let names = symbols.get(&function.range.low.0).unwrap_or_else(|| panic!("nothing at {:?}", function.range));
            let name = function.name.split('[').next().unwrap();
            assert!(names.iter().any(|n| n.contains(name)), "{} is {names:?}", function.name);
        }
        for name in ["main.main", "example.com/fixture/internal/shop.(*Cart).Total", "runtime.main"] {
            assert!(functions.iter().any(|f| &*f.name == name), "{name}");
        }
    });
}

#[test]
fn every_instruction_has_the_line_that_objdump_prints() {
    each_build(&builds(), |build, path, image, pclntab| {
        let mut go = build.go(path.parent().unwrap());
        let dump = go.args(["tool", "objdump", "-s", "^main\\.|/shop\\."]).arg(path).output().unwrap();
        let functions = all(pclntab, image);
        let mut checked = 0;
        for line in String::from_utf8(dump.stdout).unwrap().lines() {
            // `  cart.go:12\t0x4a1b20\t\t493b6610\tCMPQ ...`
            let mut fields = line.split_whitespace();
            let (Some((file, line)), Some(addr)) = (fields.next().and_then(|at| at.split_once(':')), fields.next())
            else {
                continue;
            };
            let Some(addr) = addr.strip_prefix("0x").and_then(|addr| u64::from_str_radix(addr, 16).ok()) else {
                continue;
            };
            let addr = VirtAddr(addr);
            let Some(function) = functions[..functions.partition_point(|f| f.range.low <= addr)].last() else {
                continue;
            };
            // Padding behind the function's end.
            let Some(row) = function.row(addr) else { continue };
            let name = pclntab.files.names[row.file.0 as usize].rsplit('/').next().unwrap();
            assert_eq!((name, row.line.to_string().as_str()), (file, line), "{} at {addr}", function.name);
            checked += 1;
        }
        assert!(checked > 100, "{checked} instructions");
    });
}
