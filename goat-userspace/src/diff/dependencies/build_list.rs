//! What a revision says of its dependencies: which versions it takes, and what is taken in their place.
//!
//! go.mod lists every module that a package of the main module needs since `go 1.17`, with the version that is selected. Before, those
//! that only dependencies ask for are missing; go.sum has the hash of their code. In a workspace the latest version that any of its
//! modules lists is selected (go.dev/ref/mod#minimal-version-selection).

use std::{cmp::Ordering, collections::BTreeMap};

use super::{
    super::{Error, git::Snapshot, go_mod, modules::ancestors},
    mod_file::{ModFile, Replace, Replacement, Versioned},
    modules_txt::{self, Vendored},
    version,
};

/// From this release on (1.N) go.mod lists what dependencies of dependencies need.
const LISTS_ALL: u32 = 17;

/// Where a module's code comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// From the module cache, or what was vendored of it.
    Version(Versioned),
    /// From a directory of the repository itself.
    Repository(String),
    /// From a directory outside of it, as written.
    Outside(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(Versioned { path, version }) => write!(f, "{path} {version}"),
            Self::Repository(dir) if dir.is_empty() => write!(f, "the repository's root"),
            Self::Repository(dir) => write!(f, "the repository's {dir}"),
            Self::Outside(dir) => write!(f, "{dir}"),
        }
    }
}

/// The modules that a revision takes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct BuildList {
    /// Selected versions, by module path.
    selected: BTreeMap<String, String>,
    /// By module path, the latest version whose code go.sum has a hash of; only where go.mod does not list all.
    summed: BTreeMap<String, String>,
    /// Replacements with the directory that they are written in, those that win first.
    replaces: Vec<(String, Replace)>,
    /// The modules that are built where they lie, by path: the main one and those of its workspace.
    members: BTreeMap<String, String>,
    /// The vendor directory, from the repository's root, and what it holds.
    vendor: String,
    vendored: BTreeMap<String, Vendored>,
}

impl BuildList {
    /// What the module in the directory `dir` of `tree` asks for; `None` if there is none.
    pub(super) fn read(tree: &Snapshot<'_>, dir: &str) -> Result<Option<Self>, Error> {
        let Some(main) = tree.read_text(&join(dir, "go.mod"))? else { return Ok(None) };
        let mut list = Self::default();
        let mut members = vec![(dir.to_owned(), main)];
        let mut root = dir;
        if let Some((above, work)) = workspace(tree, dir)? {
            root = above;
            for used in work.uses {
                let Origin::Repository(used) = directory(above, &used) else { continue };
                if used != dir
                    && let Some(text) = tree.read_text(&join(&used, "go.mod"))?
                {
                    members.push((used, text));
                }
            }
            list.replaces.extend(work.replaces.into_iter().map(|replace| (above.to_owned(), replace)));
        }
        for (dir, text) in &members {
            let file = ModFile::read(text);
            if file.go.is_none_or(|minor| minor < LISTS_ALL) {
                list.add_sums(&tree.read_text(&join(dir, "go.sum"))?.unwrap_or_default());
            }
            list.members.extend(go_mod::module_path(text).map(|path| (path, dir.clone())));
            list.add(dir, file);
        }
        list.vendor = join(root, "vendor");
        let vendored = tree.read_text(&join(&list.vendor, "modules.txt"))?;
        list.vendored = vendored.map(|text| modules_txt::read(&text)).unwrap_or_default();
        Ok(Some(list))
    }

    fn add(&mut self, dir: &str, file: ModFile) {
        for required in file.requires.into_iter().filter(|required| !file.excludes.contains(required)) {
            raise(&mut self.selected, required);
        }
        self.replaces.extend(file.replaces.into_iter().map(|replace| (dir.to_owned(), replace)));
    }

    fn add_sums(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split_whitespace();
            if let (Some(path), Some(version)) = (words.next(), words.next())
                && !version.ends_with("/go.mod")
            {
                raise(&mut self.summed, Versioned { path: path.to_owned(), version: version.to_owned() });
            }
        }
    }

    /// The paths of the modules that are asked for.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.selected.keys().map(String::as_str)
    }

    /// Where the code of the module `path` comes from; `None` if nothing asks for it.
    pub(super) fn origin(&self, path: &str) -> Option<Origin> {
        if let Some(dir) = self.members.get(path) {
            return Some(Origin::Repository(dir.clone()));
        }
        let vendored = || self.vendored.get(path).map(|module| &module.version);
        let version = self.selected.get(path).or_else(vendored).or_else(|| self.summed.get(path))?;
        let fits = |replace: &Replace| replace.path == path && replace.version.as_ref().is_none_or(|v| v == version);
        let replace = self.replaces.iter().find(|(_, replace)| replace.version.is_some() && fits(replace));
        let replace = replace.or_else(|| self.replaces.iter().find(|(_, replace)| fits(replace)));
        Some(match replace {
            None => Origin::Version(Versioned { path: path.to_owned(), version: version.clone() }),
            Some((_, Replace { with: Replacement::Module(module), .. })) => Origin::Version(module.clone()),
            Some((base, Replace { with: Replacement::Directory(dir), .. })) => directory(base, dir),
        })
    }

    /// The packages of the module `path` that were vendored, by import path, and the vendor directory; `None` if there are none.
    pub(super) fn vendored(&self, path: &str) -> Option<(&str, &[String])> {
        self.vendored.get(path).map(|module| (&*self.vendor, &*module.packages))
    }
}

/// The directory `dir`, written in a file of `base`.
pub(super) fn directory(base: &str, dir: &str) -> Origin {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in dir.split('/') {
        let is_inside = match part {
            "" | "." => true,
            ".." => parts.pop().is_some(),
            part => {
                parts.push(part);
                true
            }
        };
        if !is_inside || dir.starts_with('/') {
            return Origin::Outside(dir.to_owned());
        }
    }
    Origin::Repository(parts.join("/"))
}

/// The go.work file whose workspace the module in `dir` is part of, and its directory.
fn workspace<'a>(tree: &Snapshot<'_>, dir: &'a str) -> Result<Option<(&'a str, ModFile)>, Error> {
    for above in ancestors(dir) {
        if let Some(text) = tree.read_text(&join(above, "go.work"))? {
            let work = ModFile::read(&text);
            let is_used = work.uses.iter().any(|used| directory(above, used) == Origin::Repository(dir.to_owned()));
            return Ok(is_used.then_some((above, work)));
        }
    }
    Ok(None)
}

/// Notes a version, unless a later one is known.
fn raise(versions: &mut BTreeMap<String, String>, module: Versioned) {
    let known = versions.entry(module.path).or_default();
    if version::compare(known, &module.version) != Ordering::Greater {
        *known = module.version;
    }
}

pub(super) fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_origin(list: &BuildList, path: &str, expected: Option<&str>) {
        assert_eq!(list.origin(path).map(|origin| origin.to_string()).as_deref(), expected, "{path}");
    }

    #[test]
    fn a_replacement_of_the_version_comes_before_one_of_all() {
        let mut list = BuildList::default();
        list.add(
            "svc",
            ModFile::read(
                "require (\n x.org/a v1.0.0\n x.org/b v1.0.0\n x.org/c v1.0.0\n x.org/d v1.0.0\n x.org/e v1.0.0\n)\n\
                 replace x.org/a => x.org/all v0.1.0\nreplace x.org/a v1.0.0 => x.org/one v0.1.0\n\
                 replace x.org/b v1.1.0 => x.org/one v0.1.0\nreplace x.org/c => ../lib\nreplace x.org/d => ../../lib\n",
            ),
        );
        check_origin(&list, "x.org/a", Some("x.org/one v0.1.0"));
        check_origin(&list, "x.org/b", Some("x.org/b v1.0.0"));
        check_origin(&list, "x.org/c", Some("the repository's lib"));
        check_origin(&list, "x.org/d", Some("../../lib"));
        check_origin(&list, "x.org/e", Some("x.org/e v1.0.0"));
        check_origin(&list, "x.org/f", None);
    }

    #[test]
    fn the_latest_version_is_selected_unless_it_is_excluded() {
        let mut list = BuildList::default();
        list.add("", ModFile::read("require x.org/a v1.9.0\nrequire x.org/b v1.0.0\n"));
        list.add("lib", ModFile::read("require x.org/a v1.10.0\nrequire x.org/b v1.1.0\nexclude x.org/b v1.1.0\n"));
        list.add_sums(
            "x.org/a v1.11.0 h1:a=\nx.org/c v0.2.0 h1:c=\nx.org/c v0.3.0/go.mod h1:m=\nx.org/c v0.1.0 h1:c=\n",
        );
        check_origin(&list, "x.org/a", Some("x.org/a v1.10.0"));
        check_origin(&list, "x.org/b", Some("x.org/b v1.0.0"));
        check_origin(&list, "x.org/c", Some("x.org/c v0.2.0"));
    }

    #[test]
    fn directories_are_in_the_repository_or_outside() {
        for (base, dir, expected) in [
            ("", "./lib", "the repository's lib"),
            ("a/b", "../c/./d", "the repository's a/c/d"),
            ("a", "..", "the repository's root"),
            ("a", "../../c", "../../c"),
            ("a", "/c", "/c"),
        ] {
            assert_eq!(directory(base, dir).to_string(), expected, "{base} {dir}");
        }
    }
}
