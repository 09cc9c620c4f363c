//! Two versions of a directory that no repository holds, compared as precisions 2 and 3 compare two commits.

use std::collections::{BTreeMap, BTreeSet};

use git2::{ObjectType, Oid};

use super::{
    Error, Opened, changed_lines,
    renames::{self, Known},
    repository::git,
    tree::{Delta, Entry, Kind},
};
use crate::{diff::similarity::Pieces, lines::LineSet};

/// Files' contents by path.
pub(in crate::diff) type Texts = BTreeMap<String, Vec<u8>>;

/// A file that the new version has otherwise than the old one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::diff) struct Changed {
    pub(in crate::diff) path: String,
    /// Where it was; `None` for a new file.
    pub(in crate::diff) old_path: Option<String>,
    /// The lines that are new.
    pub(in crate::diff) lines: LineSet,
}

/// Where `new` differs from `old`; in byte order of the paths. A file that `old` alone has is gone, and may have been renamed.
/// `opened` is any repository.
pub(in crate::diff) fn compare(
    opened: &Opened,
    old: &Texts,
    new: &Texts,
    follow_renames: bool,
) -> Result<Vec<Changed>, Error> {
    let entry = |text: Option<&Vec<u8>>| -> Result<Option<Entry>, Error> {
        let id = text.map(|text| Oid::hash_object(ObjectType::Blob, text)).transpose().map_err(git("hash"))?;
        Ok(id.map(|id| Entry { id, kind: Kind::File }))
    };
    let mut deltas = Vec::new();
    let mut known = Known::default();
    for path in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (old.get(path), new.get(path));
        if before == after {
            continue;
        }
        let (old, new) = (entry(before)?, entry(after)?);
        // What may be one of a pair is all that the search for renames reads.
        if let (Some(only), None) | (None, Some(only)) = (old, new)
            && follow_renames
        {
            known.insert(only.id, before.or(after).map(|text| Pieces::of(text)));
        }
        deltas.push(Delta { path: path.as_bytes().into(), old, new, kind_changed: false });
    }
    let renamed = if follow_renames {
        renames::detect(opened.repository(), &deltas, |_| true, &mut known)?
    } else {
        Default::default()
    };
    let path_of = |delta: &Delta| String::from_utf8_lossy(&delta.path).into_owned();
    let mut changed = Vec::new();
    for (at, delta) in deltas.iter().enumerate().filter(|(_, delta)| delta.new.is_some()) {
        let path = path_of(delta);
        let source = renamed.get(&at).map_or(delta, |gone| &deltas[*gone]);
        let old_path = source.old.map(|_| path_of(source));
        let before = old_path.as_ref().and_then(|path| old.get(path)).map_or(&[][..], Vec::as_slice);
        let lines = changed_lines(before, new.get(&path).map_or(&[][..], Vec::as_slice))?;
        if !lines.is_empty() {
            changed.push(Changed { path, old_path, lines });
        }
    }
    Ok(changed)
}
