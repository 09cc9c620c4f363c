//! Tables with wrong bytes in them.

use super::*;
use crate::binary::tests::cache;

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
        let rounds = if cache::in_full() { 420 } else { 140 };
        for round in 0..rounds {
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
            let _ = pclntab.symbols(&image).count();
            opened += 1;
            skipped += stats.functions_broken;
            fewer += usize::from(functions.len() < whole);
            assert!(functions.len() <= whole);
        }
        // The flips did reach the decoder.
        let third = rounds / 3;
        assert!(opened > third && skipped > third && fewer > third / 3, "{opened} {skipped} {fewer} of {rounds}");
    });
}
