//! Paths inside a repository: relative to its root, `/` between the parts, as git stores them. A file of a dependency has its
//! module's path and version in front, as `-trimpath` names it: `golang.org/x/text@v0.14.0/unicode/norm/iter.go`.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A file's path from the repository's root. A copy shares the text: each answer names the same files for thousands of points.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RepoPath(Arc<str>);

impl RepoPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory that holds the file; empty for the root.
    pub fn dir(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(dir, _)| dir)
    }

    /// The file's own name.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }
}

impl From<&str> for RepoPath {
    fn from(path: &str) -> Self {
        Self(path.into())
    }
}

impl From<String> for RepoPath {
    fn from(path: String) -> Self {
        Self(path.into())
    }
}

impl Borrow<str> for RepoPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// A module's path or version as the module cache has it: upper-case letters as `!` and the lower-case one
/// (golang.org/x/mod/module, EscapePath and EscapeVersion).
pub fn escaped_module(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_uppercase() {
            out.push('!');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_cache_has_no_upper_case() {
        for (path, expected) in [
            ("golang.org/x/text", "golang.org/x/text"),
            ("github.com/BurntSushi/toml", "github.com/!burnt!sushi/toml"),
            ("v1.0.0-RC1", "v1.0.0-!r!c1"),
            ("", ""),
        ] {
            assert_eq!(escaped_module(path), expected);
        }
    }
}
