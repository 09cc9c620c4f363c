//! A file's bytes, each part read when it is first asked for: of a binary of a hundred megabytes a plan wants a third.
//!
//! Not a mapping of the file: that changes under the reader, or kills it with SIGBUS, when a deployment overwrites or
//! truncates the file. What was read stays as it was; what can't be read any more is missing, and [`Bytes::check`] says why.

use std::{
    fs::File,
    io,
    ops::Range,
    os::unix::fs::{FileExt, MetadataExt},
    slice,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use memmap2::{MmapMut, MmapRaw};

/// How much is read at once, at least.
const CHUNK: usize = 64 << 10;

/// Bytes in memory, or of a file.
pub(super) enum Bytes {
    Whole(Vec<u8>),
    OfFile(OfFile),
}

/// A file, and as much memory as it has bytes; the kernel gives a page of it when it is written to.
pub(super) struct OfFile {
    file: File,
    version: Version,
    memory: MmapRaw,
    /// By chunk: whether it has been read.
    loaded: Box<[AtomicBool]>,
    /// Held to read a chunk; what went wrong first.
    failed: Mutex<Option<io::Error>>,
}

/// What changes when somebody writes to the file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    size: u64,
    modified: (i64, i64),
}

impl Version {
    fn of(file: &File) -> io::Result<Self> {
        let about = file.metadata()?;
        Ok(Self { size: about.len(), modified: (about.mtime(), about.mtime_nsec()) })
    }
}

impl Bytes {
    /// Those of `file`, of which nothing is read yet.
    pub(super) fn of_file(file: File) -> io::Result<Self> {
        let version = Version::of(&file)?;
        let len = usize::try_from(version.size).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if len == 0 {
            return Ok(Self::Whole(Vec::new()));
        }
        let memory = MmapRaw::from(MmapMut::map_anon(len)?);
        let loaded = (0..len.div_ceil(CHUNK)).map(|_| AtomicBool::new(false)).collect();
        Ok(Self::OfFile(OfFile { file, version, memory, loaded, failed: Mutex::default() }))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::OfFile(file) => file.memory.len(),
        }
    }

    /// Those in `range`; `None` if there are not so many, or they can't be read any more.
    pub(super) fn get(&self, range: Range<usize>) -> Option<&[u8]> {
        match self {
            Self::Whole(bytes) => bytes.get(range),
            Self::OfFile(file) => file.get(range),
        }
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, range: Range<usize>) -> Option<&mut [u8]> {
        match self {
            Self::Whole(bytes) => bytes.get_mut(range),
            Self::OfFile(file) => {
                let (start, len) = (range.start, file.get(range)?.len());
                // SAFETY: the bytes are there and have been read, and `&mut self` says that nothing else sees them.
                Some(unsafe { slice::from_raw_parts_mut(file.memory.as_mut_ptr().add(start), len) })
            }
        }
    }

    /// Those in `range` up to the first that is 0; `None` if there is none.
    pub(super) fn until_nul(&self, range: Range<usize>) -> Option<&[u8]> {
        /// Names are seldom longer; their table may be large.
        const STEP: usize = 256;
        let mut len = STEP;
        loop {
            let stop = range.start.saturating_add(len).min(range.end);
            let bytes = self.get(range.start..stop)?;
            match bytes.iter().position(|byte| *byte == 0) {
                Some(at) => return Some(&bytes[..at]),
                None if stop == range.end => return None,
                None => len = len.saturating_mul(4),
            }
        }
    }

    /// A copy of those in `range`, for what is wanted once: memory that is given back.
    pub(super) fn copy(&self, range: Range<usize>) -> Option<Vec<u8>> {
        match self {
            Self::Whole(bytes) => bytes.get(range).map(<[u8]>::to_vec),
            Self::OfFile(file) => {
                let len = range.end.checked_sub(range.start).filter(|_| range.end <= file.memory.len())?;
                let mut copy = Vec::new();
                copy.try_reserve_exact(len).ok()?;
                copy.resize(len, 0);
                file.read(&mut copy, range.start).then_some(copy)
            }
        }
    }

    /// Whether the file is still the one that was opened, and all of it could be read that was asked for.
    pub(super) fn check(&self) -> io::Result<()> {
        let Self::OfFile(file) = self else { return Ok(()) };
        if let Some(error) = file.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        if Version::of(&file.file)? != file.version {
            return Err(io::Error::other("it was written to meanwhile; once it is complete, try again"));
        }
        Ok(())
    }
}

impl OfFile {
    fn get(&self, range: Range<usize>) -> Option<&[u8]> {
        let len = range.end.checked_sub(range.start).filter(|_| range.end <= self.memory.len())?;
        if len == 0 {
            return Some(&[]);
        }
        if !self.load(range.start / CHUNK..range.end.div_ceil(CHUNK)) {
            return None;
        }
        // SAFETY: the bytes lie in the memory, as was checked, and in chunks that have been read: nothing writes to these
        // while `self` is borrowed.
        Some(unsafe { slice::from_raw_parts(self.memory.as_mut_ptr().add(range.start), len) })
    }

    /// Has the chunks read; whether that was possible.
    fn load(&self, chunks: Range<usize>) -> bool {
        let is_loaded = |chunk: &usize| self.loaded[*chunk].load(Ordering::Acquire);
        let Some(first) = chunks.clone().find(|chunk| !is_loaded(chunk)) else { return true };
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = first;
        while at < chunks.end {
            if is_loaded(&at) {
                at += 1;
                continue;
            }
            let end = (at..chunks.end).find(is_loaded).unwrap_or(chunks.end);
            let bytes = at * CHUNK..(end * CHUNK).min(self.memory.len());
            // SAFETY: the bytes lie in the memory; nobody else writes to it while the lock is held, and no slice of chunks
            // that have not been read has been given out.
            let memory = unsafe { slice::from_raw_parts_mut(self.memory.as_mut_ptr().add(bytes.start), bytes.len()) };
            if let Err(error) = self.file.read_exact_at(memory, bytes.start as u64) {
                failed.get_or_insert(error);
                return false;
            }
            self.loaded[at..end].iter().for_each(|loaded| loaded.store(true, Ordering::Release));
            at = end;
        }
        true
    }

    fn read(&self, into: &mut [u8], start: usize) -> bool {
        let done = self.file.read_exact_at(into, start as u64);
        match done {
            Ok(()) => true,
            Err(error) => {
                self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_files_bytes_are_those_of_a_whole_copy() {
        let whole: Vec<u8> = (0..3 * CHUNK + 100).map(|i| ((i * i) >> 7) as u8).collect();
        let file = file(&whole);
        let bytes = Bytes::of_file(file.reopen().unwrap()).unwrap();
        let copy = Bytes::Whole(whole.clone());
        assert_eq!(bytes.len(), whole.len());
        let n = whole.len();
        #[expect(clippy::reversed_empty_ranges, reason = "a damaged file asks for it")]
        for range in
            [2 * CHUNK - 1..2 * CHUNK + 1, 0..0, n..n, 0..10, 5..n, n - 1..n, n - 1..n + 1, 10..5, n + 1..n + 1]
        {
            assert_eq!(bytes.get(range.clone()), copy.get(range.clone()), "{range:?}");
            assert_eq!(bytes.copy(range.clone()), copy.copy(range.clone()), "{range:?}");
        }
        assert_eq!(Bytes::Whole(b"ab\0c".to_vec()).until_nul(1..4), Some(&b"b"[..]));
        assert_eq!(Bytes::Whole(b"ab\0c".to_vec()).until_nul(3..4), None);
        assert_eq!(Bytes::Whole([vec![1; 999], vec![0]].concat()).until_nul(0..1000).unwrap().len(), 999);
        bytes.check().unwrap();
        assert!(Bytes::of_file(self::file(b"").reopen().unwrap()).unwrap().get(0..1).is_none());
    }

    #[test]
    fn what_was_changed_here_stays_changed_and_leaves_the_file_alone() {
        let file = file(&[7; CHUNK + 1]);
        let mut bytes = Bytes::of_file(file.reopen().unwrap()).unwrap();
        bytes.get_mut(CHUNK - 1..CHUNK + 1).unwrap().copy_from_slice(&[1, 2]);
        assert_eq!(bytes.get(CHUNK - 2..CHUNK + 1).unwrap(), [7, 1, 2]);
        assert_eq!(std::fs::read(file.path()).unwrap(), [7; CHUNK + 1]);
    }

    #[test]
    fn a_file_that_shrinks_or_is_written_to_is_told_of() {
        let file = file(&[7; 4 * CHUNK]);
        let bytes = Bytes::of_file(file.reopen().unwrap()).unwrap();
        assert_eq!(bytes.get(0..8).unwrap(), [7; 8]);
        file.as_file().set_len(8).unwrap();
        assert_eq!(bytes.get(0..8).unwrap(), [7; 8]);
        assert!(bytes.get(2 * CHUNK..2 * CHUNK + 1).is_none());
        assert_eq!(bytes.check().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(bytes.check().unwrap_err().to_string().contains("written to"));
    }
}
