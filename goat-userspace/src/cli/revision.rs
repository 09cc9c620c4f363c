//! Whether a binary is the build of the commit that the change ends in. Line numbers mean nothing otherwise.

use anyhow::anyhow;

use super::say::HelpExt;
use crate::{binary::Identity, diff::Revision};

/// Compares `identity` with `new`. What is in doubt comes back as warnings; a mismatch is one too if it is allowed.
pub(super) fn check(identity: &Identity, new: &Revision, allow_mismatch: bool) -> anyhow::Result<Vec<String>> {
    let mut warnings = Vec::new();
    match identity.vcs_revision.as_deref() {
        None => warnings.push(format!(
            "the binary does not say which commit it was built from; lines are only right if it was {} ({}). \
             `go build -buildvcs=true` in the repository records it",
            new.spec, new.short
        )),
        Some(built) if built != new.commit => {
            let mismatch = format!("the binary was built from {built}, not from {} ({})", new.spec, new.commit);
            if !allow_mismatch {
                return Err(anyhow!(mismatch))
                    .help(format!("compare up to its commit with --new {built}, or accept it with --allow-mismatch"));
            }
            warnings.push(mismatch + "; lines may be wrong");
        }
        Some(_) => {}
    }
    if identity.vcs_modified == Some(true) {
        warnings.push(
            "the binary was built from a work tree with changes (vcs.modified=true): lines of changed files may be wrong"
                .to_owned(),
        );
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "1111111111111111111111111111111111111111";
    const OTHER: &str = "2222222222222222222222222222222222222222";

    fn check_pair(revision: Option<&str>, modified: Option<bool>, allow: bool) -> Result<usize, String> {
        let identity =
            Identity { vcs_revision: revision.map(String::from), vcs_modified: modified, ..Identity::default() };
        let new = Revision { spec: "HEAD".into(), commit: HEAD.into(), short: HEAD[..7].into(), time: 0 };
        check(&identity, &new, allow).map(|warnings| warnings.len()).map_err(|e| e.to_string())
    }

    #[test]
    fn only_the_new_commits_build_passes_without_a_word() {
        assert_eq!(check_pair(Some(HEAD), Some(false), false), Ok(0));
        assert_eq!(check_pair(Some(HEAD), None, false), Ok(0));
        assert_eq!(check_pair(None, None, false), Ok(1));
        assert_eq!(check_pair(Some(HEAD), Some(true), false), Ok(1));
        assert_eq!(check_pair(Some(OTHER), Some(true), true), Ok(2));
    }

    #[test]
    fn another_commits_build_is_an_error_that_names_both() {
        let error = check_pair(Some(OTHER), Some(false), false).unwrap_err();
        assert!(error.contains(HEAD) && error.contains(OTHER), "{error}");
        assert_eq!(check_pair(Some(OTHER), Some(false), true), Ok(1));
    }
}
