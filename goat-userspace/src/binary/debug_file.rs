//! Debug information in a file of its own, as `objcopy --only-keep-debug` and distributions' build systems leave it: found by
//! build id or by `.gnu_debuglink` where gdb would look (GDB manual, "Debugging Information in Separate Files"), or named by
//! the user. Taken only if it is of the same build.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{Error, Identity, identity, object::Image};

/// Where debug files are installed, unless the caller knows better.
pub const DEBUG_DIR: &str = "/usr/lib/debug";

/// The file that the user named. That it is another build's is an error.
pub(super) fn named(path: &Path, image: &Image, identity: &Identity) -> Result<Image, Error> {
    let debug = Image::open_debug(path)?;
    if !super::dwarf::Tables::has_any(&debug) {
        return Err(Error::NoDwarf { path: path.into() });
    }
    let own = identity::build_ids(&debug);
    let (wanted, found) = (ids(identity), ids(&own));
    match same_build(&wanted, &found) {
        Some(true) => Ok(debug),
        _ if link(image).is_some_and(|link| link.checksum == debug.checksum()) => Ok(debug),
        _ => Err(Error::OtherDebugFile {
            path: path.into(),
            binary: image.path().into(),
            found: describe(&found),
            wanted: describe(&wanted),
        }),
    }
}

/// The first file in the usual places that is of the same build and has DWARF.
pub(super) fn find(image: &Image, identity: &Identity, debug_dirs: &[PathBuf]) -> Option<Image> {
    candidates(image, identity, debug_dirs).into_iter().find_map(|path| {
        if !path.is_file() {
            return None;
        }
        match named(&path, image, identity) {
            Ok(debug) => {
                tracing::debug!(path = %path.display(), "debug file found");
                Some(debug)
            }
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "debug file passed over");
                None
            }
        }
    })
}

fn candidates(image: &Image, identity: &Identity, debug_dirs: &[PathBuf]) -> Vec<PathBuf> {
    let mut candidates = Vec::new();
    if let Some((first, rest)) = identity.gnu_build_id.as_deref().and_then(|id| id.split_at_checked(2)) {
        let name = Path::new(".build-id").join(first).join(format!("{rest}.debug"));
        candidates.extend(debug_dirs.iter().map(|dir| dir.join(&name)));
    }
    // The path may be a link, as /proc/PID/exe is.
    let real = image.path().canonicalize().unwrap_or_else(|_| image.path().into());
    if let (Some(link), Some(dir)) = (link(image), real.parent()) {
        // A name, not a path: a binary does not choose what else is read.
        let Some(name) = Path::new(link.name).file_name() else { return candidates };
        candidates.push(dir.join(name));
        candidates.push(dir.join(".debug").join(name));
        let below_root = dir.strip_prefix("/").unwrap_or(dir);
        candidates.extend(debug_dirs.iter().map(|debug| debug.join(below_root).join(name)));
    }
    candidates.retain(|path| *path != real);
    candidates
}

/// `.gnu_debuglink`: a file's name, zeroes up to the next multiple of 4, and the file's CRC-32.
struct Link<'a> {
    name: &'a OsStr,
    checksum: u32,
}

fn link(image: &Image) -> Option<Link<'_>> {
    let data = image.section(".gnu_debuglink")?.data;
    let end = data.iter().position(|byte| *byte == 0)?;
    let checksum = data.get((end + 1).next_multiple_of(4)..)?.first_chunk()?;
    (end > 0).then(|| Link { name: OsStr::from_bytes(&data[..end]), checksum: u32::from_le_bytes(*checksum) })
}

/// The GNU build id and Go's.
type Ids<'a> = [Option<&'a str>; 2];

fn ids(identity: &Identity) -> Ids<'_> {
    [identity.gnu_build_id.as_deref(), identity.go_build_id.as_deref()]
}

/// Whether all ids that both have are the same; `None` if they have none in common.
fn same_build(one: &Ids<'_>, other: &Ids<'_>) -> Option<bool> {
    let both = one.iter().zip(other).filter_map(|(one, other)| Some((*one)? == (*other)?));
    both.reduce(|all, same| all && same)
}

fn describe(ids: &Ids<'_>) -> String {
    let named: Vec<_> =
        ["build id", "Go build id"].iter().zip(ids).filter_map(|(n, id)| Some(format!("{n} {}", (*id)?))).collect();
    if named.is_empty() { "no build id".into() } else { named.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_both_have_decide() {
        let check = |one: Ids<'_>, other: Ids<'_>, expected| {
            assert_eq!(same_build(&one, &other), expected, "{one:?} {other:?}")
        };
        check([Some("a"), Some("b")], [Some("a"), Some("b")], Some(true));
        check([Some("a"), Some("b")], [Some("a"), Some("c")], Some(false));
        check([None, Some("b")], [Some("a"), Some("b")], Some(true));
        check([Some("a"), None], [None, Some("b")], None);
        check([None, None], [None, None], None);
    }
}
