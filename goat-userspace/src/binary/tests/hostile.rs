//! Broken binaries: an error or an answer, never a panic.

use std::path::Path;

use super::{cache, go_build::Build};
use crate::binary::{Binary, FileId, LineSource, identity, object::Image};

/// xorshift64: the same mutations in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// How many broken copies are read for each part of the file.
fn copies() -> usize {
    if cache::in_full() { 200 } else { 60 }
}

/// The part around the package's own entries, where a table is too large to be hit often.
const WINDOW: usize = 4096;

#[test]
fn broken_bytes_never_panic() {
    for build in [Build::Uncompressed, Build::Go121Uncompressed] {
        let Some(path) = build.binary() else { continue };
        let whole = std::fs::read(&path).unwrap();
        let image = Image::parse(&path, whole.clone()).unwrap();
        let section = |name: &str| image.section_bytes(name);
        // Around the places where `name` holds `text`.
        let around = |name: &str, text: &[u8]| {
            let range = section(name)?;
            let at = whole[range.clone()].windows(text.len()).position(|found| found == text)? + range.start;
            Some(at.saturating_sub(64).max(range.start)..(at + WINDOW).min(range.end))
        };
        let package = b"example.com/shop/cart";
        let parts = [
            Some(0..0x800),
            section(".note.go.buildid"),
            section(".go.buildinfo"),
            section(".symtab").map(|range| range.start..range.start + WINDOW),
            section(".debug_abbrev"),
            section(".debug_addr"),
            around(".debug_info", package),
            around(".debug_line", package).or_else(|| around(".debug_line", b"cart.go")),
            section(".debug_ranges").map(|range| range.start..range.end.min(range.start + WINDOW)),
            section(".debug_rnglists").map(|range| range.start..range.end.min(range.start + WINDOW)),
        ];
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let (mut answers, mut errors) = (0, 0);
        for part in parts.into_iter().flatten() {
            for _ in 0..copies() {
                let mut bytes = whole.clone();
                for _ in 0..1 + random.below(4) {
                    let at = part.start + random.below(part.len());
                    bytes[at] = match random.below(4) {
                        0 => 0,
                        1 => 0xff,
                        2 => bytes[at] ^ (1 << random.below(8)),
                        _ => random.below(256) as u8,
                    };
                }
                match read(&path, bytes) {
                    Some(()) => answers += 1,
                    None => errors += 1,
                }
            }
        }
        assert!(answers > 0 && errors > 0, "{build:?}: {answers} answers, {errors} errors");
    }
}

/// Does with the binary what the mapper does; `None` if it is refused.
fn read(path: &Path, bytes: Vec<u8>) -> Option<()> {
    let image = Image::parse(path, bytes).ok()?;
    let identity = identity::read(&image).ok()?;
    let binary = Binary::new(image, None, identity, LineSource::Dwarf).ok()?;
    let files = binary.files().ok()?;
    let wanted: Vec<FileId> =
        (0..).zip(&files.names).filter(|(_, name)| name.ends_with("cart.go")).map(|(id, _)| FileId(id)).collect();
    for function in binary.functions(&wanted).ok()? {
        assert!(binary.code(function.range).is_some());
        for row in &function.rows {
            assert!(function.range.contains(row.addr));
            assert!(files.names.len() > row.file.0 as usize);
            function.inlined_at(row.addr);
        }
        binary.symbol(function.range.low);
        binary.file_offset(function.range.low).unwrap();
    }
    Some(())
}
