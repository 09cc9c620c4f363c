//! Which pages of a program's text are the process's own copies, and how they become that: a breakpoint's page is, and stays so
//! when the breakpoint goes.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
};

use anyhow::{Context, Result, ensure};

const PAGE: u64 = 4096;
/// In /proc/PID/pagemap: the page is of a file (Documentation/admin-guide/mm/pagemap.rst).
const OF_FILE: u64 = 1 << 61;
/// And: it is in memory.
const PRESENT: u64 = 1 << 63;

/// The private pages in the text of the program that process `pid` runs, counted from its beginning.
pub(super) fn private(pid: u32) -> Result<Vec<u64>> {
    let (start, end) = text(pid)?;
    let map = File::open(format!("/proc/{pid}/pagemap"))?;
    let mut entries = vec![0; usize::try_from((end - start) / PAGE * 8)?];
    map.read_exact_at(&mut entries, start / PAGE * 8).context("cannot read the page map")?;
    let (entries, _) = entries.as_chunks::<8>();
    let is_private = |entry: &[u8; 8]| u64::from_ne_bytes(*entry) & (PRESENT | OF_FILE) == PRESENT;
    Ok((0..).zip(entries).filter(|(_, entry)| is_private(entry)).map(|(page, _)| page).collect())
}

/// Makes these pages private in process `pid`: writes a byte of each as it is.
pub(super) fn make_private(pid: u32, pages: &[u64]) -> Result<()> {
    let (start, _) = text(pid)?;
    let memory = OpenOptions::new().read(true).write(true).open(format!("/proc/{pid}/mem"))?;
    for page in pages {
        let mut byte = [0];
        memory.read_exact_at(&mut byte, start + page * PAGE)?;
        memory.write_all_at(&byte, start + page * PAGE)?;
    }
    let found = private(pid)?;
    ensure!(pages.iter().all(|page| found.contains(page)), "the pages of process {pid} did not become private");
    Ok(())
}

/// Where the program's executable segment lies.
fn text(pid: u32) -> Result<(u64, u64)> {
    let exe = fs::read_link(format!("/proc/{pid}/exe"))?;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let line = maps.lines().find(|line| line.contains(" r-xp ") && line.ends_with(&*exe.to_string_lossy()));
    let line = line.with_context(|| format!("process {pid} maps no text of {}", exe.display()))?;
    let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).context("no range")?;
    Ok((u64::from_str_radix(start, 16)?, u64::from_str_radix(end, 16)?))
}
