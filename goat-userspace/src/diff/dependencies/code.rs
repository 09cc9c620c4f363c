//! A module's Go files at one version: in the module cache, in a vendor directory, or in a directory of the repository.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use super::{
    super::{Error, git::Snapshot},
    build_list::{BuildList, Origin, join},
    module_cache,
};

/// Where the files are.
pub(super) enum Code<'a> {
    /// A directory of the module cache.
    Unpacked(PathBuf),
    /// A directory of a commit.
    Committed {
        tree: &'a Snapshot<'a>,
        dir: String,
        /// The directories below `dir` of which the files count; `None` for all.
        packages: Option<BTreeSet<String>>,
    },
}

impl<'a> Code<'a> {
    /// The code of the module `path` as the revision with `list` and `tree` takes it from `origin`. `None` if it is not here.
    pub(super) fn find(
        path: &str,
        origin: &Origin,
        list: &BuildList,
        tree: &'a Snapshot<'a>,
        caches: &[PathBuf],
    ) -> Option<Self> {
        let vendored = list.vendored(path).map(|(vendor, packages)| {
            let below = |package: &String| Some(package.strip_prefix(path)?.trim_start_matches('/').to_owned());
            let packages = Some(packages.iter().filter_map(below).collect());
            Self::Committed { tree, dir: join(vendor, path), packages }
        });
        match origin {
            Origin::Repository(dir) => Some(Self::Committed { tree, dir: dir.clone(), packages: None }),
            Origin::Version(module) => vendored.or_else(|| module_cache::find(caches, module).map(Self::Unpacked)),
            Origin::Outside(_) => vendored,
        }
    }

    /// Whether the repository has it.
    pub(super) fn is_committed(&self) -> bool {
        matches!(self, Self::Committed { .. })
    }

    /// The Go files, by their paths from the module's directory, in byte order.
    pub(super) fn go_files(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Unpacked(dir) => module_cache::go_files(dir).map_err(unreadable(dir)),
            Self::Committed { tree, dir, packages } => {
                let mut files = tree.go_files(dir)?;
                files.retain(|file| packages.as_ref().is_none_or(|packages| packages.contains(dir_of(file))));
                Ok(files)
            }
        }
    }

    /// A file's content; `None` if it is too large.
    pub(super) fn read(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Unpacked(dir) => {
                let path = dir.join(file);
                module_cache::read(&path).map_err(unreadable(&path))
            }
            Self::Committed { tree, .. } => tree.read(&self.committed(file).unwrap_or_default()),
        }
    }

    /// Where the repository has a file; `None` if it has not.
    pub(super) fn committed(&self, file: &str) -> Option<String> {
        match self {
            Self::Unpacked(_) => None,
            Self::Committed { dir, .. } => Some(join(dir, file)),
        }
    }
}

/// The directory of a path; empty for the root.
pub(super) fn dir_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::ModuleCache { path, source }
}
