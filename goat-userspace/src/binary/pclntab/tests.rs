mod agreement;
mod builds;
mod damage;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use self::builds::{Build, HERE, all, builds, each_build, releases};
use super::{super::object::Image, *};
use crate::binary::{Binary, LineSource};

/// What `go tool nm` says of the text: names by address.
fn symbols(build: Build, path: &Path) -> BTreeMap<u64, BTreeSet<String>> {
    let nm = build.go().args(["tool", "nm"]).arg(path).output().unwrap();
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
    let mut go = build.go();
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
        // objdump finds no table under the name that it has in a PIE.
        let blind = image.section(".gopclntab").is_none();
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
    for &toolchain in ["local"].iter().chain(releases()) {
        for (whole, stripped) in STRIPPED {
            each_build(&[Build { toolchain, args: whole, ..HERE }], |build, _, image, pclntab| {
                let path = Build { args: stripped, ..build }.binary().unwrap();
                let other_image = Image::open(&path).unwrap();
                let other = open(&other_image).unwrap();
                assert!(other_image.symbols().is_empty() && !image.symbols().is_empty());
                assert!(other.files() == pclntab.files());
                let functions = all(pclntab, image);
                assert!(all(&other, &other_image) == functions);
                let main = functions.iter().find(|f| &*f.name == "main.main").unwrap();
                assert_eq!(other.symbol(&other_image, main.range.low), Some("main.main"));
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
