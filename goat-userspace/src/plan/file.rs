//! The plan as a file, `*.goatplan`: a magic number, a version, sizes, a checksum, and the plan, compressed.
//!
//! ```text
//! offset  size
//!      0     8  "GOATPLAN"
//!      8     4  version of the layout of all that follows, little-endian as every number here
//!     12     4  CRC-32 of everything behind this field
//!     16     8  bytes of the plan once decompressed
//!     24     8  bytes of the rest of the file
//!     32        zstd frame that holds the plan in postcard's encoding
//! ```
//!
//! Postcard does not name fields, so a change of any type in a plan is a new version.

use std::{
    fmt, fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::{Invalid, ProbePlan};

const MAGIC: [u8; 8] = *b"GOATPLAN";
const VERSION: u32 = 4;
const HEADER: usize = 32;

/// A plan file of a million sites has some ten megabytes.
const MAX_FILE: u64 = 128 << 20;

/// What a plan file may decompress to, mostly source lines.
const MAX_PLAN: u64 = 512 << 20;

/// zstd's level: 9 compresses plans within some percent of 19 in a tenth of the time.
const LEVEL: i32 = 9;

/// Why a plan file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Error {
    #[error("can't read the plan {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("can't write the plan {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is not a file: give a path for the plan that is free or holds an older plan")]
    NotAFile { path: PathBuf },
    #[error("{path} is no plan that goat can use")]
    Content { path: PathBuf, source: ContentError },
}

/// What is wrong with the bytes of a plan file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ContentError {
    #[error("not a plan of goat: it does not begin with \"GOATPLAN\" (`goat plan -o FILE` makes one)")]
    NotAPlan,
    #[error(
        "the plan has format {found}, this goat reads {VERSION}: use the goat that made it, or make the plan again"
    )]
    Version { found: u32 },
    #[error("the plan is torn: {found} of {expected} bytes are there (copy it again)")]
    Torn { found: u64, expected: u64 },
    #[error("the plan is damaged: its checksum is {found:#010x}, not {expected:#010x} (copy it again)")]
    Checksum { found: u32, expected: u32 },
    #[error("the plan has {size} bytes, more than the {limit} that goat reads")]
    TooLarge { size: u64, limit: u64 },
    #[error("the plan can't be decoded: {0}")]
    Decode(String),
    #[error("the plan can't be decoded: {size} bytes, not {expected} as it says")]
    Size { size: u64, expected: u64 },
    #[error("the plan does not hold together")]
    Invalid(#[from] Invalid),
}

/// Reads the plan at `path`.
pub fn read(path: &Path) -> Result<ProbePlan, Error> {
    let failed = |source| Error::Read { path: path.into(), source };
    let mut bytes = Vec::new();
    // One byte more than allowed tells that there is more.
    fs::File::open(path).map_err(failed)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    decode(&bytes).map_err(|source| Error::Content { path: path.into(), source })
}

/// Writes `plan` to `path`, all of it or nothing: a reader sees the file as it was before, or the whole plan.
pub fn write(path: &Path, plan: &ProbePlan) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.into(), source };
    let bytes = encode(plan).map_err(|source| Error::Content { path: path.into(), source })?;
    // Renaming over a device or a pipe would replace it.
    if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return Err(Error::NotAFile { path: path.into() });
    }
    let (draft, mut file) = create_beside(path).map_err(failed)?;
    let written =
        file.write_all(&bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, path)).map_err(failed);
    if written.is_err() {
        // The draft is of no use, and what failed before is what the user must know.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Creates a file that nothing else has, in the directory of `path`: only there a rename is atomic.
fn create_beside(path: &Path) -> io::Result<(PathBuf, fs::File)> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..16 {
        let mut draft = std::ffi::OsString::from(".");
        draft.push(name);
        draft.push(format!(".{}.{attempt}", std::process::id()));
        let draft = path.with_file_name(draft);
        match fs::File::create_new(&draft) {
            Ok(file) => return Ok((draft, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => taken = e,
            Err(e) => return Err(e),
        }
    }
    Err(taken)
}

/// Tells one plan from another: equal plans have equal digests, whatever compressed their files. A new layout of plan files
/// changes it.
pub fn digest(plan: &ProbePlan) -> Result<Digest, ContentError> {
    let plain = postcard::to_stdvec(plan).map_err(|e| ContentError::Decode(e.to_string()))?;
    let mut md5 = Md5::new();
    md5.update(VERSION.to_le_bytes());
    md5.update(&plain);
    Ok(Digest(md5.finalize().into()))
}

/// The MD5 of a plan: [`digest`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Digest(pub [u8; 16]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The bytes of a plan file. Equal plans give equal bytes.
pub fn encode(plan: &ProbePlan) -> Result<Vec<u8>, ContentError> {
    plan.check()?;
    let plain = postcard::to_stdvec(plan).map_err(|e| ContentError::Decode(e.to_string()))?;
    pack(&plain)
}

fn pack(plain: &[u8]) -> Result<Vec<u8>, ContentError> {
    let size = plain.len() as u64;
    if size > MAX_PLAN {
        return Err(ContentError::TooLarge { size, limit: MAX_PLAN });
    }
    let packed = zstd::bulk::compress(plain, LEVEL).map_err(|e| ContentError::Decode(e.to_string()))?;
    let mut checked = Vec::with_capacity(HEADER + packed.len());
    checked.extend(size.to_le_bytes());
    checked.extend((packed.len() as u64).to_le_bytes());
    checked.extend(packed);
    let mut bytes = Vec::with_capacity(HEADER + checked.len());
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(crc32fast::hash(&checked).to_le_bytes());
    bytes.extend(checked);
    let size = bytes.len() as u64;
    if size > MAX_FILE { Err(ContentError::TooLarge { size, limit: MAX_FILE }) } else { Ok(bytes) }
}

/// The plan in the bytes of a plan file; it passes [`ProbePlan::check`].
pub fn decode(bytes: &[u8]) -> Result<ProbePlan, ContentError> {
    let plain = unpack(bytes)?;
    let (mut plan, rest) =
        postcard::take_from_bytes::<ProbePlan>(&plain).map_err(|e| ContentError::Decode(e.to_string()))?;
    if !rest.is_empty() {
        return Err(ContentError::Decode(format!("{} bytes too many", rest.len())));
    }
    plan.check()?;
    plan.compact();
    Ok(plan)
}

/// The plan in what a plan file holds once its checksum is right.
#[cfg(fuzzing)]
pub fn decode_body(plain: &[u8]) -> Result<ProbePlan, ContentError> {
    decode(&pack(plain)?)
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, ContentError> {
    let Some(body) = bytes.strip_prefix(&MAGIC) else {
        return Err(ContentError::NotAPlan);
    };
    if bytes.len() as u64 > MAX_FILE {
        return Err(ContentError::TooLarge { size: bytes.len() as u64, limit: MAX_FILE });
    }
    let torn = |expected| ContentError::Torn { found: bytes.len() as u64, expected };
    let Some((version, body)) = body.split_first_chunk() else { return Err(torn(HEADER as u64)) };
    // Another version may have another layout from here on.
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(ContentError::Version { found: version });
    }
    let Some((crc, checked)) = body.split_first_chunk() else { return Err(torn(HEADER as u64)) };
    let Some((size, rest)) = checked.split_first_chunk() else { return Err(torn(HEADER as u64)) };
    let Some((packed_size, packed)) = rest.split_first_chunk() else { return Err(torn(HEADER as u64)) };
    let (size, packed_size) = (u64::from_le_bytes(*size), u64::from_le_bytes(*packed_size));
    if (packed.len() as u64) < packed_size {
        return Err(torn(packed_size.saturating_add(HEADER as u64)));
    }
    let (expected, found) = (u32::from_le_bytes(*crc), crc32fast::hash(checked));
    if expected != found {
        return Err(ContentError::Checksum { found, expected });
    }
    if size > MAX_PLAN {
        return Err(ContentError::TooLarge { size, limit: MAX_PLAN });
    }
    let mut plain = Vec::new();
    // The stated size is not believed: reading stops one byte behind it.
    zstd::Decoder::new(packed)
        .and_then(|decoder| decoder.take(size + 1).read_to_end(&mut plain))
        .map_err(|e| ContentError::Decode(e.to_string()))?;
    if plain.len() as u64 != size {
        return Err(ContentError::Size { size: plain.len() as u64, expected: size });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::sample;

    proptest! {
        #[test]
        fn what_is_written_is_read(plan in sample::any_plan()) {
            let bytes = encode(&plan).unwrap();
            prop_assert_eq!(&bytes, &encode(&plan).unwrap());
            prop_assert_eq!(decode(&bytes).unwrap(), plan);
        }

        #[test]
        fn a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), flip in 1u8..=255) {
            let mut bytes = encode(&sample::plan()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert!(decode(&bytes).is_err());
        }

        /// Behind a good checksum, too, bytes are not trusted: what is decoded holds together or is refused.
        #[test]
        fn a_forged_plan_is_refused_or_sound(
            plan in sample::any_plan(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut plain = postcard::to_stdvec(&plan).unwrap();
            for (at, value) in changes {
                let at = at.index(plain.len());
                plain[at] = value;
            }
            if let Ok(forged) = decode(&pack(&plain).unwrap()) {
                prop_assert_eq!(forged.check(), Ok(()));
                prop_assert!(forged.summary().points == forged.points.len());
                let counts = crate::counts::Counts::none(forged.sites.len(), std::time::UNIX_EPOCH);
                let report = crate::report::new(&forged, &counts, crate::DataType::Count);
                prop_assert_eq!(report.components.len(), forged.components.len());
                prop_assert!(!crate::plan::text(&forged, crate::style::Style::PLAIN).is_empty());
                prop_assert!(!crate::plan::json(&forged).is_empty());
            }
        }
    }

    /// A plan file that lies in the repository since its version was made: a change of any type in a plan makes it unreadable,
    /// and then asks for a new version. With GOAT_WRITE_GOLDEN set, the file of a new version is made; one that is there never
    /// changes.
    #[test]
    fn a_plan_of_this_version_stays_readable() {
        let mut golden = sample::plan_with_blind_copies();
        sample::add_fault(&mut golden);
        sample::add_dependency(&mut golden);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/version-{VERSION}.goatplan"));
        if std::env::var_os("GOAT_WRITE_GOLDEN").is_some() && !path.exists() {
            write(&path, &golden).unwrap();
        }
        assert_eq!(read(&path).expect("the layout has changed: raise VERSION"), golden);
    }

    #[test]
    fn each_fault_has_its_message() {
        let good = encode(&sample::plan()).unwrap();
        let check = |bytes: &[u8], expected: &str| {
            let message = decode(bytes).expect_err(expected).to_string();
            assert!(message.contains(expected), "{message:?} does not say {expected:?}");
        };
        check(b"", "not a plan");
        check(b"\x7fELF", "not a plan");
        check(b"GOATPLAN", "torn: 8 of 32 bytes");
        check(&good[..20], "torn: 20 of 32 bytes");
        check(&good[..good.len() - 1], &format!("torn: {} of {} bytes", good.len() - 1, good.len()));
        check(&[&good[..], b"x"].concat(), "checksum");
        check(&with(&good, 8, &1u32.to_le_bytes()), "format 1, this goat reads 4");
        check(&with(&good, good.len() - 1, &[good[good.len() - 1] ^ 1]), "checksum");
        check(&resealed(&with(&good, 16, &u64::MAX.to_le_bytes())), "more than the 536870912");
        check(&resealed(&with(&good, 16, &1u64.to_le_bytes())), "2 bytes, not 1 as it says");
        check(&resealed(&with(&good, 32, b"junk")), "can't be decoded");
        let mut plain = postcard::to_stdvec(&sample::plan()).unwrap();
        plain.push(0);
        check(&pack(&plain).unwrap(), "1 bytes too many");
        check(&pack(&[]).unwrap(), "can't be decoded");
        let mut wrong = sample::plan();
        wrong.component = Some(7);
        check(&pack(&postcard::to_stdvec(&wrong).unwrap()).unwrap(), "does not hold together");
        assert!(matches!(encode(&wrong), Err(ContentError::Invalid(_))));
    }

    fn with(bytes: &[u8], at: usize, new: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    }

    fn resealed(bytes: &[u8]) -> Vec<u8> {
        let crc = crc32fast::hash(&bytes[16..]);
        with(bytes, 12, &crc.to_le_bytes())
    }

    #[test]
    fn a_bomb_is_not_blown_up() {
        // 600 MB of zeros, which compress to some kilobytes.
        let packed = zstd::bulk::compress(&vec![0; 600 << 20], 1).unwrap();
        for (claimed, expected) in [(600u64 << 20, "more than the"), (1000, "1001 bytes, not 1000")] {
            let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &[0; 4], &claimed.to_le_bytes()].concat();
            bytes.extend((packed.len() as u64).to_le_bytes());
            bytes.extend(&packed);
            let message = decode(&resealed(&bytes)).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.goatplan");
        fs::write(&path, "an older plan").unwrap();
        assert!(matches!(read(&path), Err(Error::Content { source: ContentError::NotAPlan, .. })));
        write(&path, &sample::plan()).unwrap();
        assert_eq!(read(&path).unwrap(), sample::plan());
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["shop.goatplan"]);
    }

    #[test]
    fn what_can_not_be_written_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let plan = sample::plan();
        assert!(matches!(write(dir.path(), &plan), Err(Error::NotAFile { .. })));
        assert!(matches!(write(Path::new("/dev/null"), &plan), Err(Error::NotAFile { .. })));
        assert!(matches!(write(&dir.path().join("no/such/x.goatplan"), &plan), Err(Error::Write { .. })));
        assert!(matches!(read(&dir.path().join("none")), Err(Error::Read { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
