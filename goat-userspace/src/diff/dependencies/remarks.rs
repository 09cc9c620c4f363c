//! What a person should know of the dependencies that were compared, and of those that could not be.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error as _,
    path::PathBuf,
};

use super::{
    super::{ChangeSet, Error, modules::below},
    Wanted,
    build_list::Origin,
    mod_file::Versioned,
    pair::Listed,
};

/// What is to be said.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Remarks {
    /// What is not observed, though it may have changed; and what puts the answer in doubt.
    pub warnings: Vec<String>,
    /// What was left out for good reason.
    pub notes: Vec<String>,
}

/// Remarks in the making.
#[derive(Default)]
pub(super) struct Said {
    remarks: Remarks,
    /// Versions that no module cache has, as the go command is asked for them.
    missing: BTreeSet<String>,
    /// Those of which only a part was vendored, and how many packages were not.
    not_vendored: BTreeMap<String, usize>,
    /// Modules of which all that changed is left out.
    left_out: Vec<String>,
    packages_left_out: usize,
    packages: usize,
}

impl Said {
    /// Nothing can be compared.
    pub(super) fn give_up(mut self, why: &str) -> Remarks {
        self.remarks.warnings.push(format!("{why}: which dependencies changed is not known, and none is observed"));
        self.remarks
    }

    /// The repository's own directory is in the binary as a module.
    pub(super) fn own_directory(&mut self, wanted: &Wanted, changes: &ChangeSet) {
        let Origin::Repository(dir) = &wanted.origin else { return };
        let rule = format!("other module: {dir}");
        let of_it = changes.filtered.iter().filter(|(path, why)| **why == rule && below(path.as_str(), dir).is_some());
        let files = of_it.count();
        if files > 0 {
            self.remarks.notes.push(format!(
                "{} is the repository's own directory {dir}, of which {} left out as another module's: `skipNestedModules: false` \
                 in goat.yaml takes them in",
                wanted.path,
                if files == 1 { "1 changed file is".to_owned() } else { format!("{files} changed files are") },
            ));
        }
    }

    /// A module is taken from a directory of which no one knows what it was before.
    pub(super) fn outside(&mut self, path: &str, dir: &str) {
        self.remarks.warnings.push(format!(
            "{path} is taken from {dir}, outside of the repository: what changed in it is not known, and not observed"
        ));
    }

    /// No module cache has the module.
    pub(super) fn missing(&mut self, module: &Versioned) {
        self.missing.insert(format!("{}@{}", module.path, module.version));
    }

    /// Packages of the module `before`, path and version, were not vendored, and no module cache has it.
    pub(super) fn not_vendored(&mut self, before: &str, packages: usize) {
        self.not_vendored.insert(before.to_owned(), packages);
    }

    /// The module cache has other code under the version than the binary was built from.
    pub(super) fn other_hash(&mut self, module: &Versioned, found: &str, built: &str) {
        let Versioned { path, version } = module;
        self.remarks.warnings.push(format!(
            "{path} {version} in the module cache has the hash {found}, the binary was built from one with {built}: its lines may be \
             wrong"
        ));
    }

    /// The binary and go.mod name different origins.
    pub(super) fn disagreement(&mut self, path: &str, built: &Origin, asked: &Origin) {
        self.remarks.warnings.push(format!(
            "{path}: the binary was linked with {built}, go.mod asks for {asked}; what the binary says is compared"
        ));
    }

    /// A module's files can't be read.
    pub(super) fn unreadable(&mut self, path: &str, error: &Error) {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        self.remarks.warnings.push(format!("{error}{cause}; what changed in {path} is not observed"));
    }

    /// All that changed in a module is left out.
    pub(super) fn left_out(&mut self, path: &str) {
        self.left_out.push(path.to_owned());
    }

    /// Of which packages the binary holds code.
    pub(super) fn packages(&mut self, files: &[Listed], linked: &BTreeSet<String>) {
        let dirs: BTreeSet<&str> = files.iter().map(|(path, _)| path.dir()).collect();
        self.packages += dirs.len();
        self.packages_left_out += dirs.iter().filter(|dir| !linked.contains(**dir)).count();
    }

    /// All that there is to say. `is_blame`: whether the repository's own lines were told by blame.
    pub(super) fn finish(mut self, changes: &ChangeSet, is_blame: bool, caches: &[PathBuf]) -> Remarks {
        let Remarks { warnings, notes } = &mut self.remarks;
        if !self.missing.is_empty() {
            let versions: Vec<&str> = self.missing.iter().map(String::as_str).collect();
            let caches: Vec<String> = caches.iter().map(|cache| cache.display().to_string()).collect();
            warnings.push(format!(
                "{} not in the module cache ({}), and what changed in {} is not observed: get {} with `go mod download {}`",
                if versions.len() == 1 { format!("{} is", versions[0]) } else { format!("{} modules are", versions.len()) },
                if caches.is_empty() { "none is known; set GOMODCACHE".to_owned() } else { caches.join(", ") },
                if versions.len() == 1 { "that module" } else { "them" },
                if versions.len() == 1 { "it" } else { "them" },
                versions.join(" "),
            ));
        }
        if !self.not_vendored.is_empty() {
            let versions: Vec<&str> = self.not_vendored.keys().map(String::as_str).collect();
            let packages: usize = self.not_vendored.values().sum();
            warnings.push(format!(
                "packages that were not vendored before ({packages}) are taken as new, all of their lines: `go mod download {}` lets goat \
                 compare them",
                versions.join(" "),
            ));
        }
        if !self.left_out.is_empty() {
            notes.push(format!("all that changed in {} is left out by `ignores`", self.left_out.join(", ")));
        }
        if !changes.dependencies.is_empty() {
            if self.packages > 0 && self.packages == self.packages_left_out {
                warnings.push(
                    "the binary holds no file of the changed dependencies under a name that fits; if it has other names for them, say \
                     so with --path-map COMPILED=MODULE@VERSION"
                        .to_owned(),
                );
            } else if self.packages_left_out > 0 {
                notes.push(format!(
                    "of {} packages of changed dependencies the binary holds code of {}; the others are left out",
                    self.packages,
                    self.packages - self.packages_left_out,
                ));
            }
            if is_blame {
                notes.push(
                    "dependencies are compared by diff with renames followed (precision 2): they have no history here to blame"
                        .to_owned(),
                );
            }
        }
        self.remarks
    }
}
