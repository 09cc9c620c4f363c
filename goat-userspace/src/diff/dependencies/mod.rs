//! The modules that a release takes in another version than the one before, and the lines that are new in them.
//!
//! What the new side takes is what the binary says of itself, where it is known; go.mod's word otherwise. What the old side took is
//! what its go.mod, go.work, go.sum and vendor directory say. The two versions of a module are compared as two commits are.

mod build_list;
mod code;
mod mod_file;
mod module_cache;
mod modules_txt;
mod pair;
mod remarks;
mod version;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use self::{
    build_list::{BuildList, Origin, directory},
    mod_file::Versioned,
    pair::Compared,
    remarks::Said,
};
use super::{
    ChangeSet, Error, Options, Precision,
    filter::Rules,
    git::{Opened, Snapshot},
    go_mod,
    modules::{Modules, ancestors},
};
use crate::paths::RepoPath;
pub use remarks::Remarks;

/// Where dependencies' code is found, and which of it counts.
pub struct DependencyOptions<'a> {
    /// The module caches to look in, the first one first.
    pub caches: Vec<PathBuf>,
    /// What the binary was linked with; `None` takes go.mod's word.
    pub built: Option<Built>,
    /// Which packages the binary holds code of.
    pub linked: &'a Linked<'a>,
}

/// Of the given files' directories, those that a binary holds code of. The files are given by their paths here, with the module path
/// of each directory that a module begins in.
pub type Linked<'a> = dyn Fn(&[RepoPath], &BTreeMap<String, String>) -> BTreeSet<String> + 'a;

/// What a binary says it was linked with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Built {
    /// Its main module; `None` if it does not say.
    pub main: Option<String>,
    /// The others.
    pub modules: Vec<BuiltModule>,
}

/// A module that a binary was linked with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BuiltModule {
    /// The path that imports begin with.
    pub path: String,
    /// The version; `(devel)` for a module that was built where it lies.
    pub version: String,
    /// What was taken in its place, path and version; a directory has none, or `(devel)`.
    pub replacement: Option<(String, String)>,
    /// The `h1:` hash of what was taken; empty for a directory.
    pub sum: String,
}

/// Adds to `changes` what changed in the dependencies between its two sides. `dir` and `options` are those of the comparison.
pub fn add_dependencies(
    dir: &Path,
    options: &Options,
    asked: &DependencyOptions<'_>,
    changes: &mut ChangeSet,
) -> Result<Remarks, Error> {
    let mut said = Said::default();
    let opened = Opened::open(dir)?;
    let new = opened.snapshot(&changes.new.commit)?;
    let old = changes.old.as_ref().map(|old| opened.snapshot(&old.commit)).transpose()?;
    let around = opened.prefix(dir);
    let main = match main_module(changes, asked.built.as_ref(), &around) {
        Ok(main) => main,
        Err(why) => return Ok(said.give_up(&why)),
    };
    let Some(new_list) = BuildList::read(&new, &main)? else {
        return Ok(said.give_up(&format!("{} has no go.mod for the binary's main module", changes.new.spec)));
    };
    let old_list = match (&old, &changes.old) {
        (Some(tree), Some(revision)) => match old_build_list(tree, &main, changes.modules.get(&main))? {
            Some(list) => Some(list),
            None => return Ok(said.give_up(&format!("{} has no go.mod for the binary's main module", revision.spec))),
        },
        _ => None,
    };

    let nothing = BuildList::default();
    let sides = pair::Sides {
        old: old_list.as_ref().unwrap_or(&nothing),
        old_tree: old.as_ref().unwrap_or(&new),
        new: &new_list,
        new_tree: &new,
        caches: &asked.caches,
    };
    let mut pairs = Vec::new();
    for wanted in wanted(asked.built.as_ref(), &new_list, &main, &changes.modules, &mut said) {
        said.own_directory(&wanted, changes);
        pairs.extend(sides.pair(&wanted, &mut said));
    }
    let mut listed = Vec::new();
    for pair in pairs {
        match pair.new_files() {
            Ok(files) => listed.push((pair, files)),
            Err(error) => said.unreadable(&pair.dependency.path, &error),
        }
    }
    let paths: Vec<RepoPath> =
        listed.iter().flat_map(|(_, files)| files.iter().map(|(path, _)| path.clone())).collect();
    let modules: BTreeMap<String, String> =
        listed.iter().map(|(pair, _)| (pair.dependency.dir.clone(), pair.dependency.path.clone())).collect();
    let linked = (asked.linked)(&paths, &modules);

    let no_modules = Modules::new([], "");
    let rules = Rules::new(&options.filter, &no_modules)?;
    let follow_renames = options.precision != Precision::NoRenames;
    let is_known = asked.built.is_some();
    for (pair, mut files) in listed {
        let all = files.clone();
        files.retain(|(path, _)| linked.contains(path.dir()));
        // What only go.mod asks for need not be in the binary at all.
        if files.is_empty() && !is_known {
            continue;
        }
        match pair.compare(&opened, &files, &rules, follow_renames, changes) {
            // The vendored copy of a version that is the same may be another, and is not as a rule.
            Ok(Compared { changed: 0, .. }) if pair.is_same_version() => {}
            Ok(Compared { changed: 0, left_out: 1.. }) => said.left_out(&pair.dependency.path),
            Ok(_) => {
                said.packages(&all, &linked);
                if let (unknown @ 1.., Some((before, _))) = (pair.unknown_before(&files), &pair.old) {
                    said.not_vendored(before, unknown);
                }
                changes.dependencies.push(pair.dependency);
            }
            Err(error) => said.unreadable(&pair.dependency.path, &error),
        }
    }
    changes.files.sort_by(|a, b| a.path.cmp(&b.path));
    changes.dependencies.sort_by(|a, b| a.dir.cmp(&b.dir));
    let added = changes.dependencies.iter().map(|module| (module.dir.clone(), module.path.clone()));
    changes.modules.extend(added.collect::<Vec<_>>());
    Ok(said.finish(changes, options.precision == Precision::Blame, &asked.caches))
}

/// A module of the new side and where its code comes from.
struct Wanted {
    path: String,
    origin: Origin,
    /// The hash of its code, where the binary has it.
    sum: String,
}

/// The directory of the main module: the binary's, else the one around the directory that the comparison was started in.
fn main_module(changes: &ChangeSet, built: Option<&Built>, around: &str) -> Result<String, String> {
    let of_path = |path: &str| {
        let same = changes.modules.iter().filter(|(_, module)| *module == path).map(|(dir, _)| dir);
        same.min_by_key(|dir| dir.len()).cloned()
    };
    if let Some(path) = built.and_then(|built| built.main.as_deref()) {
        return of_path(path).ok_or_else(|| format!("the binary's main module, {path}, is not in the repository"));
    }
    let found = ancestors(around).find(|dir| changes.modules.contains_key(*dir)).map(str::to_owned);
    found.ok_or_else(|| "there is no go.mod here; give --repo the directory of the binary's module".to_owned())
}

/// What the old side asks for, in the same directory or where the main module was then.
fn old_build_list(tree: &Snapshot<'_>, main: &str, path: Option<&String>) -> Result<Option<BuildList>, Error> {
    if let Some(list) = BuildList::read(tree, main)? {
        return Ok(Some(list));
    }
    for dir in tree.modules()? {
        let text = tree.read_text(&build_list::join(&dir, "go.mod"))?;
        if text.and_then(|text| go_mod::module_path(&text)).as_ref() == path {
            return BuildList::read(tree, &dir);
        }
    }
    Ok(None)
}

/// The modules in question: those of the binary, or else those that go.mod asks for. Where the two differ, that is said.
fn wanted(
    built: Option<&Built>,
    list: &BuildList,
    main: &str,
    own: &BTreeMap<String, String>,
    said: &mut Said,
) -> Vec<Wanted> {
    let Some(built) = built else {
        let origin = |path: &str| list.origin(path).map(|origin| (path.to_owned(), origin));
        let wanted = list.paths().filter_map(origin);
        return wanted.map(|(path, origin)| Wanted { path, origin, sum: String::new() }).collect();
    };
    let mut all = Vec::new();
    for module in &built.modules {
        let asked = list.origin(&module.path);
        let is_directory = |version: &str| version.is_empty() || version == "(devel)";
        let (path, version) = match &module.replacement {
            Some((path, version)) => (path, version),
            None => (&module.path, &module.version),
        };
        let origin = match &asked {
            // Both name a directory; go.mod says from where.
            Some(asked @ (Origin::Repository(_) | Origin::Outside(_))) if is_directory(version) => asked.clone(),
            _ if is_directory(version) && module.replacement.is_some() => directory(main, path),
            // A workspace that the repository does not say.
            _ if is_directory(version) => own
                .iter()
                .find(|(_, module)| *module == path)
                .map_or_else(|| Origin::Outside(path.clone()), |(dir, _)| Origin::Repository(dir.clone())),
            _ => Origin::Version(Versioned { path: path.clone(), version: version.clone() }),
        };
        if let Some(asked) = asked.filter(|asked| *asked != origin) {
            said.disagreement(&module.path, &origin, &asked);
        }
        all.push(Wanted { path: module.path.clone(), origin, sum: module.sum.clone() });
    }
    all
}
