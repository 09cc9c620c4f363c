//! The text of a running process, by file offset: read and written through /proc/PID/mem.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    sync::Arc,
};

use super::{
    Error,
    process::{Process, inaccessible},
    slot_set::SlotSet,
};

/// /proc/PID/maps of a process with very many mappings; what lies behind is not looked at.
const MAX_MAPS_BYTES: usize = 64 << 20;

/// The executable mappings of a process's own binary. Stays with the process's present image: after exec(2) it fails.
pub(super) struct Text {
    process: Arc<Process>,
    memory: File,
    mappings: Vec<Mapping>,
    linked: Arc<SlotSet>,
}

/// A part of the file that lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mapping {
    start: u64,
    end: u64,
    offset: u64,
}

impl Text {
    /// Opens the text of `process`; with no `write`, only to read it. `linked` are the slots whose probes it has.
    pub(super) fn open(process: Arc<Process>, write: bool, linked: Arc<SlotSet>) -> Result<Self, Error> {
        let file = |name| (process.file(name), process.shown(name));
        let (path, shown) = file("mem");
        let memory = File::options().read(true).write(write).open(path).map_err(|e| inaccessible(shown, e))?;
        let (path, shown) = file("maps");
        let mut maps = fs::read(path).map_err(|e| inaccessible(shown, e))?;
        maps.truncate(MAX_MAPS_BYTES);
        let (path, shown) = file("exe");
        let about = fs::metadata(&path).map_err(|e| inaccessible(shown.clone(), e))?;
        let link = fs::read_link(path).map_err(|e| inaccessible(shown, e))?;
        let mappings = mappings(&String::from_utf8_lossy(&maps), &link, about.ino());
        Ok(Self { process, memory, mappings, linked })
    }

    /// Whose text it is.
    pub(super) fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// The slots at whose sites the kernel knows a uprobe in this text. A breakpoint written anywhere else would kill the
    /// process.
    pub(super) fn linked(&self) -> &Arc<SlotSet> {
        &self.linked
    }

    /// Fills `bytes` from the text at `offset` of the file.
    pub(super) fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.memory.read_exact_at(bytes, self.address(offset, bytes.len())?)
    }

    /// Writes `bytes` over the text at `offset` of the file.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.memory.write_all_at(bytes, self.address(offset, bytes.len())?)
    }

    /// Where in the file the byte at `address` comes from; `None` if it is no code of the binary.
    pub(super) fn offset(&self, address: u64) -> Option<u64> {
        let mapping = self.mappings.iter().find(|m| (m.start..m.end).contains(&address))?;
        Some(mapping.offset + (address - mapping.start))
    }

    fn address(&self, offset: u64, len: usize) -> io::Result<u64> {
        let holds = |m: &&Mapping| m.offset <= offset && offset - m.offset + len as u64 <= m.end - m.start;
        let mapping = self.mappings.iter().find(holds).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(mapping.start + (offset - mapping.offset))
    }
}

/// The executable mappings in `maps` (proc_pid_maps(5)) of the file that was mapped as `exe`. Its device is not compared:
/// on stacked file systems the table's is not stat's.
fn mappings(maps: &str, exe: &Path, ino: u64) -> Vec<Mapping> {
    let parse = |line: &str| {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let is_executable = fields.next()?.contains('x');
        let offset = fields.next()?;
        let _device = fields.next()?;
        let inode: u64 = fields.next()?.parse().ok()?;
        let path = fields.next().unwrap_or_default().trim_start();
        let mapping = Mapping {
            start: u64::from_str_radix(start, 16).ok()?,
            end: u64::from_str_radix(end, 16).ok()?,
            offset: u64::from_str_radix(offset, 16).ok()?,
        };
        let is_exe = inode != 0 && (inode == ino || Path::new(path) == exe);
        (is_executable && is_exe && mapping.start < mapping.end).then_some(mapping)
    };
    maps.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_mappings_of_the_binary_count() {
        let maps = "\
00400000-00500000 r-xp 00001000 fe:00 42                         /srv/my app
00500000-00580000 r--p 00101000 fe:00 42                         /srv/my app
7f0000000000-7f0000001000 r-xp 00000000 fe:00 7                  /lib/libc.so.6
7f0000002000-7f0000003000 r-xp 00000000 00:00 0
garbage
7f0000004000-zz r-xp 0 fe:00 42 /srv/my app
";
        let text = Mapping { start: 0x40_0000, end: 0x50_0000, offset: 0x1000 };
        let check = |exe: &str, ino: u64, expected: &[Mapping]| {
            assert_eq!(mappings(maps, Path::new(exe), ino), expected, "{exe} {ino}");
        };
        check("/srv/my app", 42, &[text]);
        check("/elsewhere", 42, &[text]);
        check("/srv/my app", 1, &[text]);
        check("/elsewhere", 1, &[]);
        check("/elsewhere", 0, &[]);
    }
}
