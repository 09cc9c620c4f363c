//! What is opened, and what is refused with which words.

use std::{path::Path, process::Command};

use super::go_build::{Build, output};
use crate::{
    addr::{AddrRange, VirtAddr},
    binary::{Binary, Error, LineSource, object::Image},
};

#[test]
fn what_is_no_go_executable_is_refused_by_its_kind() {
    let check = |bytes: &[u8], expected: &str| {
        let error = Image::parse(Path::new("/x"), bytes.to_vec()).err().unwrap();
        assert_eq!(error.to_string(), expected);
    };
    let give = "not an ELF executable; give the Linux binary that `go build` made";
    check(b"", &format!("/x is an empty file, {give}"));
    check(b"#!/bin/sh\n", &format!("/x is a script, {give}"));
    check(b"MZ\x90\0", &format!("/x is a Windows executable, {give}"));
    check(b"\xcf\xfa\xed\xfe....", &format!("/x is a macOS executable (Mach-O), {give}"));
    check(b"package main\n", &format!("/x is something else, {give}"));
    let reads = "goat reads 64-bit little-endian executables for x86-64 and arm64";
    check(b"\x7fELF\x01\x01\x01", &format!("/x is a 32-bit ELF file; {reads}"));
    check(b"\x7fELF\x02\x02\x01", &format!("/x is a big-endian ELF file; {reads}"));
    check(b"\x7fELF\x02\x01\x01", "/x is truncated: its file header ends at byte 64, the file at 7; copy it again");
    let mut header = [0; 64];
    header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    header[16] = 2;
    header[18] = 243;
    check(&header, &format!("/x is built for another processor (ELF machine 243); {reads}"));
    header[18] = 62;
    header[16] = 1;
    check(&header, &format!("/x is an object file that is not linked yet; {reads}"));
    header[16] = 4;
    check(&header, &format!("/x is a core dump; {reads}"));
}

#[test]
fn paths_that_are_no_files_are_refused() {
    let check = |path: &str, expected: &str| {
        let error = Binary::open(Path::new(path), LineSource::Auto).err().unwrap();
        assert_eq!(error.to_string(), expected);
    };
    check("/", "/ is not a regular file; name the Go executable itself");
    check("/dev/zero", "/dev/zero is not a regular file; name the Go executable itself");
    check("/no/such/file", "cannot read /no/such/file");
}

#[test]
fn an_executable_of_another_language_is_refused() {
    // This test itself.
    let error = Binary::open(&std::env::current_exe().unwrap(), LineSource::Auto).err().unwrap();
    assert!(matches!(error, Error::NotGo { .. }), "{error}");
}

#[test]
fn a_copy_that_ends_early_is_refused() {
    let Some(path) = Build::Plain.binary() else { return };
    let bytes = std::fs::read(&path).unwrap();
    for len in [64, 4096, bytes.len() / 2, bytes.len() - 1] {
        let error = Image::parse(&path, bytes[..len].to_vec()).err().unwrap();
        assert!(matches!(error, Error::Truncated { .. } | Error::Corrupt { .. }), "{len}: {error}");
    }
}

#[test]
fn without_dwarf_there_are_no_lines_from_dwarf() {
    let Some(path) = Build::Stripped.binary() else { return };
    let error = Binary::open(&path, LineSource::Dwarf).err().unwrap();
    assert!(matches!(error, Error::NoDwarf { .. }), "{error}");
}

#[test]
fn offsets_are_places_in_the_file() {
    for build in [Build::Plain, Build::Pie, Build::Cgo, Build::Arm64] {
        let Some(path) = build.binary() else { continue };
        let file = std::fs::read(&path).unwrap();
        let image = Image::open(&path).unwrap();
        let Some(text) = output(Command::new("go").args(["tool", "nm"]).arg(&path)) else { return };
        // `4a2060 T main.main`
        let symbol = |name: &str| {
            let line = text.lines().find(|line| line.split_whitespace().nth(2) == Some(name)).unwrap();
            VirtAddr(u64::from_str_radix(line.split_whitespace().next().unwrap(), 16).unwrap())
        };
        let main = symbol("main.main");
        let code = image.code(AddrRange { low: main, high: VirtAddr(main.0 + 32) }).unwrap();
        let offset = image.file_offset(main).unwrap().0 as usize;
        assert_eq!(code, &file[offset..offset + 32], "{build:?}");
        assert_eq!(image.data(main, 32), Some(code), "{build:?}");
        let data = symbol("runtime.firstmoduledata");
        assert_eq!(image.file_offset(data), None, "{build:?}: data is not code");
        assert_eq!(image.data(data, 8), None, "{build:?}: the program may change it");
        // The first field of moduledata points to pclntab, which holds no relocation itself.
        let first = u64::from_le_bytes(image.initial_bytes(data, 8).unwrap().try_into().unwrap());
        let pclntab = image.section(".gopclntab").or_else(|| image.section(".data.rel.ro.gopclntab")).unwrap();
        assert_eq!(VirtAddr(first), pclntab.addr, "{build:?}");
    }
}

#[test]
fn sections_read_the_same_however_they_are_compressed() {
    let Some(path) = Build::Uncompressed.binary() else { return };
    let plain = Image::open(&path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    // The last is what the Go linker wrote up to Go 1.18.
    for format in ["zlib", "zstd", "zlib-gnu"] {
        let copy = dir.path().join(format);
        let mut objcopy = Command::new("objcopy");
        objcopy.arg(format!("--compress-debug-sections={format}")).args([&path, &copy]);
        if output(&mut objcopy).is_none() {
            continue;
        }
        let compressed = Image::open(&copy).unwrap();
        assert!(
            compressed.section_bytes(".debug_info").unwrap().len() < plain.section_bytes(".debug_info").unwrap().len()
        );
        for name in [".debug_info", ".debug_line", ".debug_abbrev", ".gopclntab"] {
            let data = |image: &Image| image.section(name).unwrap().data.to_vec();
            assert!(data(&compressed) == data(&plain), "{format}: {name}");
        }
    }
}

#[test]
fn a_section_that_claims_to_expand_without_end_is_not_read() {
    let Some(path) = Build::Plain.binary() else { return };
    let mut bytes = std::fs::read(&path).unwrap();
    let place = Image::parse(&path, bytes.clone()).unwrap().section_bytes(".debug_info").unwrap().start;
    // The size stands before the alignment, which stands before the stream.
    bytes[place - 16..place - 8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    let image = Image::parse(&path, bytes).unwrap();
    assert!(image.has_section(".debug_info") && image.section(".debug_info").is_none());
}
