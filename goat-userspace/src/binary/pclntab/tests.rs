mod agreement;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use super::{super::object::Image, *};
use crate::binary::{Binary, LineSource};

/// A program with inlining at several depths, generics, closures, methods and a loop, for Go 1.18 and later.
const MAIN: &str = include_str!("testdata/main.go.txt");
const SHOP: &str = include_str!("testdata/shop.go.txt");
/// Makes it a cgo program, so that C's start-up code stands before Go's text.
const CGO: &str = include_str!("testdata/cgo.go.txt");

#[derive(Clone, Copy)]
struct Build {
    toolchain: &'static str,
    arch: &'static str,
    cgo: bool,
    args: &'static [&'static str],
    /// The package that is built; `.` is the fixture.
    package: &'static str,
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
    fn run(self, dir: &Path) -> PathBuf {
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

fn all(pclntab: &Pclntab, image: &Image) -> Vec<Function> {
    let files: Vec<FileId> = (0..pclntab.files.names.len() as u32).map(FileId).collect();
    let (functions, stats) = pclntab.functions(image, &files);
    assert_eq!(stats.functions_broken, 0);
    functions
}

const HERE: Build = Build { toolchain: "local", arch: "amd64", cgo: false, args: &[], package: "." };

fn builds() -> Vec<Build> {
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

/// What `go tool nm` says of the text: names by address.
fn symbols(build: Build, path: &Path) -> BTreeMap<u64, BTreeSet<String>> {
    let nm = build.go(path.parent().unwrap()).args(["tool", "nm"]).arg(path).output().unwrap();
    assert!(nm.status.success(), "{}", String::from_utf8_lossy(&nm.stderr));
    let mut symbols: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(nm.stdout).unwrap().lines() {
        if let [addr, "T" | "t", name] = line.trim_start().splitn(3, ' ').collect::<Vec<_>>()[..] {
            symbols.entry(u64::from_str_radix(addr, 16).unwrap()).or_default().insert(name.into());
        }
    }
    symbols
}

/// What `go tool objdump` says of the fixture's instructions: the file's name and line by address.
fn instructions(build: Build, path: &Path) -> BTreeMap<u64, (String, u32)> {
    let mut go = build.go(path.parent().unwrap());
    let dump = go.args(["tool", "objdump", "-s", "^main\\.|/shop\\."]).arg(path).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let dump = String::from_utf8(dump.stdout).unwrap();
    // `  cart.go:12\t0x4a1b20\t\t493b6610\tCMPQ ...`
    let instruction = |line: &str| {
        let mut fields = line.split_whitespace();
        let (file, line) = fields.next()?.split_once(':')?;
        let addr = u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?;
        Some((addr, (file.to_string(), line.parse().ok()?)))
    };
    dump.lines().filter_map(instruction).collect()
}

#[test]
fn functions_and_lines_are_those_that_go_tool_prints() {
    each_build(&builds(), |build, path, image, pclntab| {
        let functions = all(pclntab, image);
        assert!(functions.len() > 1000);
        let symbols = symbols(build, path);
        for function in &functions {
            let names = symbols.get(&function.range.low.0).unwrap_or_else(|| panic!("nothing at {:?}", function.range));
            // The symbol table writes the linker's middle dot as a plain one; generics differ before Go 1.21.
            let name = function.name.replace('·', ".");
            let name = name.split('[').next().unwrap();
            assert!(names.iter().any(|n| n.contains(name)), "{} is {names:?}", function.name);
        }
        for name in ["main.main", "main.main.func1", "main.byPrice.Less", "runtime.main"] {
            assert!(functions.iter().any(|f| &*f.name == name), "{name}");
        }

        let mut checked = 0;
        for (addr, (file, line)) in instructions(build, path) {
            if file.is_empty() {
                continue; // objdump does not find .data.rel.ro.gopclntab.
            }
            let addr = VirtAddr(addr);
            let function = functions[..functions.partition_point(|f| f.range.low <= addr)].last().unwrap();
            // No row where objdump disassembles the padding behind the function.
            if let Some(row) = function.row(addr) {
                let name = pclntab.files.names[row.file.0 as usize].rsplit('/').next().unwrap();
                assert_eq!((name, row.line), (&*file, line), "{} at {addr}", function.name);
                checked += 1;
            }
        }
        let blind = image.is_pie() && image.section(".gopclntab").is_none();
        assert!(blind || checked > 500, "{checked} instructions");
    });
}

#[test]
fn a_stripped_binary_has_the_same_functions() {
    const STRIPPED: [(&[&str], &[&str]); 3] = [
        (&[], &["-ldflags=-s -w"]),
        (&["-buildmode=pie"], &["-buildmode=pie", "-ldflags=-s -w"]),
        (&["-trimpath"], &["-trimpath", "-ldflags=-s -w"]),
    ];
    for toolchain in ["local", "go1.18.10", "go1.24.11", "go1.27.0"] {
        for (whole, stripped) in STRIPPED {
            each_build(&[Build { toolchain, args: whole, ..HERE }], |build, path, image, pclntab| {
                // In the same directory: its name is in the table.
                let path = Build { args: stripped, ..build }.run(path.parent().unwrap());
                let other_image = Image::open(&path).unwrap();
                let other = open(&other_image).unwrap();
                assert!(other_image.symbols().is_empty() && !image.symbols().is_empty());
                assert!(other.files() == pclntab.files());
                let functions = all(pclntab, image);
                assert!(all(&other, &other_image) == functions);
                let main = functions.iter().find(|f| &*f.name == "main.main").unwrap();
                assert_eq!(other.symbols(&other_image).name(main.range.low), Some("main.main"));
            });
        }
    }
}

#[test]
fn lines_come_from_pclntab_where_there_is_no_dwarf() {
    let stripped = Build { args: &["-ldflags=-s -w"], ..HERE };
    each_build(&[HERE, stripped], |build, path, _, pclntab| {
        let binary = Binary::open(path, LineSource::Auto).unwrap();
        let has_dwarf = build.args.is_empty();
        assert_eq!(binary.line_source(), if has_dwarf { LineSource::Dwarf } else { LineSource::Pclntab });
        assert_eq!(Binary::open(path, LineSource::Dwarf).is_ok(), has_dwarf);
        let binary = Binary::open(path, LineSource::Pclntab).unwrap();
        assert_eq!(&binary.files().unwrap(), pclntab.files());
        let file = binary.files().unwrap().names.iter().position(|name| name.ends_with("/shop.go")).unwrap();
        let functions = binary.functions(&[FileId(file as u32)]).unwrap();
        let main = functions.iter().find(|f| &*f.name == "main.main").unwrap();
        assert_eq!(binary.symbol(main.range.low), Some("main.main"));
        assert!(binary.stats().functions_read >= functions.len() && binary.stats().functions_broken == 0);
    });
}

#[test]
fn a_file_without_section_headers_is_read_by_its_segments() {
    each_build(&[HERE, Build { arch: "arm64", ..HERE }], |_, path, image, pclntab| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[0x28..0x30].fill(0); // e_shoff
        bytes[0x3c..0x40].fill(0); // e_shnum, e_shstrndx
        let bare = Image::parse(path, bytes).unwrap();
        assert!(bare.section(".gopclntab").is_none());
        assert!(all(&open(&bare).unwrap(), &bare) == all(pclntab, image));
    });
}

#[test]
fn a_program_that_is_not_go_has_no_pclntab() {
    let image = Image::open(&std::env::current_exe().unwrap()).unwrap();
    let error = open(&image).unwrap_err().to_string();
    assert!(error.ends_with("there is none, or its Go is older than 1.18"), "{error}");
}

#[test]
fn the_functions_of_a_file_are_those_with_a_row_in_it() {
    each_build(&[HERE], |_, _, image, pclntab| {
        let everything = all(pclntab, image);
        for (file, name) in
            pclntab.files().names.iter().enumerate().filter(|(i, name)| i % 7 == 0 || name.ends_with("shop.go"))
        {
            let file = FileId(file as u32);
            let expected = everything.iter().filter(|f| f.rows.iter().any(|row| row.file == file));
            let (found, _) = pclntab.functions(image, &[file]);
            assert!(found.iter().eq(expected), "{name}");
        }
        assert_eq!(pclntab.functions(image, &[]).0, []);
        assert_eq!(pclntab.functions(image, &[FileId(u32::MAX)]).0, []);
    });
}

#[test]
fn inlined_calls_nest_as_the_source_does() {
    each_build(&builds(), |build, _, image, pclntab| {
        if build.args.contains(&"-gcflags=all=-l") {
            assert!(all(pclntab, image).iter().all(|f| f.inlined.is_empty()));
            return;
        }
        let functions = all(pclntab, image);
        let price = functions.iter().find(|f| &*f.name == "main.byPrice.Less").unwrap();
        let calls: Vec<(&str, Option<u32>, u32, u32)> =
            price.inlined.iter().map(|c| (&*c.name, c.parent, c.call_line, c.start_line)).collect();
        let (own, callee) = (14, |line| if build.toolchain == "go1.18.10" { 0 } else { line });
        const SHOP: &str = "example.com/fixture/internal/shop.";
        let name = |name: &str| format!("{SHOP}{name}");
        let (price_of, double, plus) = (name("Item.Price"), name("Double"), name("plus"));
        assert_eq!(price.start_line, callee(own));
        // What is left of the second call of Price differs from release to release.
        assert_eq!(
            calls[..3],
            [
                (&*price_of, None, own, callee(42)),
                (&*double, Some(0), 42, callee(45)),
                (&*plus, Some(1), 46, callee(49)),
            ]
        );
        let file = |id: Option<FileId>| pclntab.files.names[id.unwrap().0 as usize].rsplit('/').next().unwrap();
        assert_eq!(file(price.file), "main.go");
        for function in &functions {
            for call in &function.inlined {
                assert!(call.ranges.is_sorted_by(|a, b| a.high < b.low), "{}", function.name);
                assert!(
                    call.ranges
                        .iter()
                        .all(|r| r.low < r.high && function.range.low <= r.low && r.high <= function.range.high)
                );
                if let Some(parent) = call.parent.map(|parent| &function.inlined[parent as usize]) {
                    let inside = |r: &AddrRange| parent.ranges.iter().any(|p| p.low <= r.low && r.high <= p.high);
                    assert!(call.ranges.iter().all(inside), "{}", function.name);
                }
            }
        }
    });
}

/// Where the tables stand in the file: what to damage.
fn parts(image: &Image, bytes: &[u8], pclntab: &Pclntab) -> Vec<std::ops::Range<usize>> {
    let segment = locate::bytes_from(image, pclntab.addr).unwrap();
    let header = Tables::parse(segment).unwrap().header;
    let table = bytes.windows(72).position(|window| window == &segment[..72]).unwrap();
    let module = image.section(".go.module").unwrap().data;
    let module_at = bytes.windows(module.len()).position(|window| window == module).unwrap();
    let offsets = [0, header.funcnametab, header.cutab, header.filetab, header.pctab, header.functab];
    let end = image.section(".gopclntab").unwrap().data.len();
    let mut parts: Vec<_> =
        offsets.iter().zip(offsets[1..].iter().chain([&end])).map(|(&a, &b)| table + a..table + b).collect();
    parts.push(module_at..module_at + module.len());
    parts
}

#[test]
fn damaged_tables_neither_panic_nor_run_away() {
    let build = Build { args: &["-ldflags=-s -w"], ..HERE };
    each_build(&[build], |_, path, image, pclntab| {
        let bytes = std::fs::read(path).unwrap();
        let whole = all(pclntab, image).len();
        let parts = parts(image, &bytes, pclntab);
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % below as u64) as usize
        };
        let (mut opened, mut skipped, mut fewer) = (0, 0, 0);
        for round in 0..420 {
            let mut bytes = bytes.clone();
            let part = &parts[round % parts.len()];
            // One byte where each counts, many elsewhere.
            let flips = if part.len() < 1000 { 1 } else { 1 << random(10) };
            for _ in 0..flips {
                bytes[part.start + random(part.len())] ^= 1 << random(8);
            }
            let Ok(image) = Image::parse(path, bytes) else { continue };
            let Ok(pclntab) = open(&image) else { continue };
            let files: Vec<FileId> = (0..pclntab.files.names.len() as u32).map(FileId).collect();
            let (functions, stats) = pclntab.functions(&image, &files);
            pclntab.symbols(&image);
            opened += 1;
            skipped += stats.functions_broken;
            fewer += usize::from(functions.len() < whole);
            assert!(functions.len() <= whole);
        }
        // The flips did reach the decoder.
        assert!(opened > 150 && skipped > 300 && fewer > 60, "{opened} {skipped} {fewer}");
    });
}
