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

/// Where the files are: in a commit, in the module cache, or the packages that were vendored there and the others here.
pub(super) struct Code<'a> {
    committed: Option<Committed<'a>>,
    /// The module's directory in the module cache.
    unpacked: Option<PathBuf>,
}

struct Committed<'a> {
    tree: &'a Snapshot<'a>,
    dir: String,
    /// The directories below `dir` that were vendored: what nothing imports is not. `None` for all.
    packages: Option<BTreeSet<String>>,
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
        let below = |package: &String| Some(package.strip_prefix(path)?.trim_start_matches('/').to_owned());
        let vendored = list.vendored(path).map(|(vendor, packages)| Committed {
            tree,
            dir: join(vendor, path),
            packages: Some(packages.iter().filter_map(below).collect()),
        });
        let found = match origin {
            Origin::Repository(dir) => {
                let committed = Some(Committed { tree, dir: dir.clone(), packages: None });
                Self { committed, unpacked: None }
            }
            Origin::Version(module) => Self { committed: vendored, unpacked: module_cache::find(caches, module) },
            Origin::Outside(_) => Self { committed: vendored, unpacked: None },
        };
        (found.committed.is_some() || found.unpacked.is_some()).then_some(found)
    }

    /// Whether the repository has it, or what was vendored of it.
    pub(super) fn is_committed(&self) -> bool {
        self.committed.is_some()
    }

    /// Whether packages that were not vendored are nowhere to be seen.
    pub(super) fn is_partial(&self) -> bool {
        self.unpacked.is_none() && self.committed.as_ref().is_some_and(|committed| committed.packages.is_some())
    }

    /// The Go files that a build may take, by their paths from the module's directory, in byte order.
    pub(super) fn files(&self) -> Result<Vec<String>, Error> {
        match &self.committed {
            Some(Committed { tree, dir, .. }) => {
                let mut files = tree.go_files(dir)?;
                files.retain(|file| self.has_committed(file));
                Ok(files)
            }
            None => self.unpacked(),
        }
    }

    /// Those files, and of packages that were not vendored what the module cache has.
    pub(super) fn all_files(&self) -> Result<Vec<String>, Error> {
        let mut files = self.files()?;
        if self.is_committed() {
            files.extend(self.unpacked()?.into_iter().filter(|file| !self.has_committed(file)));
            files.sort();
        }
        Ok(files)
    }

    fn unpacked(&self) -> Result<Vec<String>, Error> {
        let Some(dir) = &self.unpacked else { return Ok(Vec::new()) };
        module_cache::go_files(dir).map_err(unreadable(dir))
    }

    /// A file's content; `None` if it is too large.
    pub(super) fn read(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        match (&self.committed, &self.unpacked) {
            (Some(Committed { tree, dir, .. }), _) if self.has_committed(file) => tree.read(&join(dir, file)),
            (_, Some(dir)) => {
                let path = dir.join(file);
                module_cache::read(&path).map_err(unreadable(&path))
            }
            _ => Ok(None),
        }
    }

    /// Whether the commit has the package that a file is of.
    pub(super) fn has_committed(&self, file: &str) -> bool {
        let packages = self.committed.as_ref().map(|committed| committed.packages.as_ref());
        packages.is_some_and(|packages| packages.is_none_or(|packages| packages.contains(dir_of(file))))
    }

    /// Where the repository has a file; `None` if it has not.
    pub(super) fn committed(&self, file: &str) -> Option<String> {
        self.committed.as_ref().filter(|_| self.has_committed(file)).map(|committed| join(&committed.dir, file))
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
