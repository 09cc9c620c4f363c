//! Which of the binary's file names is which file of the repository.
//!
//! The compiler writes the name that it was given: the absolute path of the build's directory, or with `-trimpath` the import path
//! (cmd/go/internal/work/gc.go, trimpath, at go1.26). The first is compared from its end, and counts only where it
//! agrees with the directory that most files of the module come from: a file that the binary does not hold must not find
//! its namesake in a dependency. A dependency's own file, `MODULE@VERSION/...` here, has its module's path in its name wherever
//! it was compiled: in the module cache, in a vendor directory, by `-trimpath`; and nothing else will do.

use std::collections::{BTreeMap, HashMap};

use crate::paths::{RepoPath, escaped_module};

/// How many names stand beside a file that has no match.
const NEAREST: usize = 3;

/// A file of the repository, as the compiler named it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compiled {
    /// The name in the line table.
    pub file: String,
}

/// From the repository's files to the binary's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PathMap {
    /// By path in the repository; a file that the binary does not hold is absent.
    pub files: BTreeMap<RepoPath, Compiled>,
    /// Files without a match, with the nearest names that the binary has; of a dependency with none.
    pub unmatched: BTreeMap<RepoPath, Vec<String>>,
}

/// That names of files in the binary which begin with `compiled` are those of the repository's directory `dir`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathRule {
    /// What the binary's names begin with, without `/` at its end.
    pub compiled: String,
    /// The directory, from the repository's root; empty for the root.
    pub dir: String,
}

impl PathRule {
    /// What the binary calls `path`, if the rule speaks of it.
    fn compiled(&self, path: &RepoPath) -> Option<String> {
        let rest = match &*self.dir {
            "" => path.as_str(),
            dir => path.as_str().strip_prefix(dir)?.strip_prefix('/')?,
        };
        Some(format!("{}/{rest}", self.compiled))
    }
}

impl std::str::FromStr for PathRule {
    type Err = &'static str;

    /// `COMPILED=DIR`: `/build/src=.`, `example.com/shop@v1.1.0=services/shop`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (compiled, dir) = text.rsplit_once('=').ok_or("give COMPILED=DIR, as /build/src=.")?;
        let compiled = compiled.trim_end_matches('/').to_owned();
        let dir = dir.trim_start_matches("./").trim_end_matches('/');
        if dir.starts_with('/') || dir.split('/').any(|part| part == "..") {
            return Err("DIR is a directory from the repository's root");
        }
        Ok(Self { compiled, dir: if dir == "." { "" } else { dir }.to_owned() })
    }
}

impl PathMap {
    /// As [`PathMap::new`], but files that a rule speaks of are where it says, or nowhere.
    pub fn with_rules<'a>(
        rules: &[PathRule],
        paths: impl IntoIterator<Item = &'a RepoPath>,
        modules: &BTreeMap<String, String>,
        compiled: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Self {
        let ruled = |path: &RepoPath| -> Vec<String> { rules.iter().filter_map(|rule| rule.compiled(path)).collect() };
        let (by_rule, by_likeness): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| !ruled(path).is_empty());
        let mut map = Self::new(by_likeness, modules, compiled.clone());
        if by_rule.is_empty() {
            return map;
        }
        let names = Names::new(compiled);
        for path in by_rule {
            match ruled(path).into_iter().find(|name| names.all.binary_search(&&**name).is_ok()) {
                Some(file) => drop(map.files.insert(path.clone(), Compiled { file })),
                None => drop(map.unmatched.insert(path.clone(), names.nearest(path))),
            }
        }
        map
    }

    /// Matches each of `paths` to one of `compiled`, the binary's file names. `modules` is the directory and module path of each
    /// `go.mod` of the repository ([`crate::diff::ChangeSet::modules`]).
    pub fn new<'a>(
        paths: impl IntoIterator<Item = &'a RepoPath>,
        modules: &BTreeMap<String, String>,
        compiled: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let names = Names::new(compiled);
        let trimmed: BTreeMap<&str, bool> =
            modules.iter().map(|(dir, module)| (dir.as_str(), names.hold_module(module))).collect();
        let files: Vec<Candidates<'_>> = paths
            .into_iter()
            .map(|path| {
                let place = Place::new(path, modules);
                Candidates::new(path, &place, &names, place.dir.is_some_and(|dir| trimmed[dir]))
            })
            .collect();
        let roots = roots(&files);
        let chosen: Vec<Option<&str>> = files.iter().map(|file| file.choose(&roots)).collect();
        // A module of the repository that the build took from elsewhere has the dependency's names, which are the dependency's.
        let mut claims: HashMap<(&str, bool), usize> = HashMap::new();
        for (file, name) in files.iter().zip(&chosen) {
            name.iter().for_each(|name| *claims.entry((name, file.is_dependency)).or_default() += 1);
        }
        let is_own = |file: &Candidates<'_>, name: &str| {
            claims[&(name, file.is_dependency)] == 1 && (file.is_dependency || !claims.contains_key(&(name, true)))
        };

        let mut map = Self::default();
        for (file, name) in files.iter().zip(chosen) {
            match name.filter(|name| is_own(file, name)) {
                Some(name) => drop(map.files.insert(file.path.clone(), Compiled { file: name.to_owned() })),
                // One of a dependency has its one name, or is not there.
                None if file.is_dependency => drop(map.unmatched.insert(file.path.clone(), Vec::new())),
                None => drop(map.unmatched.insert(file.path.clone(), names.nearest(file.path))),
            }
        }
        map
    }
}

/// Where a file is in its module.
struct Place<'a> {
    /// The module's directory; `None` outside of every module.
    dir: Option<&'a str>,
    module: &'a str,
    /// The file's path from there.
    rel: &'a str,
    /// Whether the repository is the Go distribution's.
    in_go: bool,
}

impl<'a> Place<'a> {
    fn new(path: &'a RepoPath, modules: &'a BTreeMap<String, String>) -> Self {
        let mut dir = path.dir();
        let in_go = modules.values().any(|module| is_go(module));
        loop {
            if let Some((known, module)) = modules.get_key_value(dir) {
                let rel = path.as_str()[dir.len()..].trim_start_matches('/');
                return Self { dir: Some(known), module, rel, in_go };
            }
            if dir.is_empty() {
                return Self { dir: None, module: "", rel: path.as_str(), in_go };
            }
            dir = dir.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }

    /// What the compiler calls the file under `-trimpath` in a build of the module itself.
    fn import_name(&self) -> String {
        match self.module {
            "std" => self.rel.to_owned(),
            module => format!("{module}/{}", self.rel),
        }
    }

    /// Whether the name is the module's path, at a version or not, and the file's path in it: a dependency's name, one in the
    /// module cache, in GOPATH or in a vendor directory.
    fn is_named_by(&self, name: &str) -> bool {
        if self.dir.is_none() || self.is_go() {
            return false;
        }
        let Some(above) = name.strip_suffix(self.rel).and_then(|above| above.strip_suffix('/')) else { return false };
        let module = without_version(above);
        let is_of = |path: &str| is_tail(module, path) || is_tail(module, &escaped_module(path));
        // One that is replaced lies in the module cache as what replaces it.
        is_of(self.module) || self.dir.filter(|_| self.is_dependency()).is_some_and(|dir| is_of(without_version(dir)))
    }

    /// Whether the file is of a module that the repository only requires.
    fn is_dependency(&self) -> bool {
        let version = self.dir.and_then(|dir| dir.rsplit('/').next()?.split_once('@')).map(|(_, version)| version);
        version
            .and_then(|version| version.strip_prefix('v'))
            .is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// Whether this is Go's own source, whose packages have no module path.
    fn is_go(&self) -> bool {
        is_go(self.module)
    }
}

/// Whether the module is one of the Go distribution's own.
fn is_go(module: &str) -> bool {
    matches!(module, "std" | "cmd")
}

/// A name that ends as a file's path does.
struct Candidate<'a> {
    name: &'a str,
    /// How many components are the same.
    common: usize,
    /// What stands before those: in the name, and in the repository. Files of one build have this in common.
    root: (&'a str, &'a str),
}

/// What the binary has for one file.
struct Candidates<'a> {
    path: &'a RepoPath,
    module: &'a str,
    is_dependency: bool,
    /// Names by the module's path: no doubt about them.
    named: Vec<&'a str>,
    by_suffix: Vec<Candidate<'a>>,
}

impl<'a> Candidates<'a> {
    fn new(path: &'a RepoPath, place: &Place<'a>, names: &Names<'a>, trimmed: bool) -> Self {
        let same_name = names.by_name.get(path.name()).map_or(&[][..], Vec::as_slice);
        let import_name = place.import_name();
        let mut named: Vec<&str> = same_name.iter().copied().filter(|name| *name == import_name).collect();
        if named.is_empty() {
            let fits = |name: &&str| place.is_named_by(name) && (place.in_go || !names.is_vendored_by_go(name));
            named = same_name.iter().copied().filter(fits).collect();
        }
        let needed = components(place.rel).min(2);
        let suffix = |&name: &&'a str| {
            let common = common_components(path.as_str(), name);
            let fits = match name.strip_prefix("./") {
                // `go build main.go`: the directory is not told.
                Some(rest) => common == components(rest),
                None if trimmed || names.is_foreign(name, path, place) => false,
                None if is_absolute(name) => common >= needed,
                // Build systems that run the compiler in the source's directory.
                None => name == place.rel || name == path.as_str(),
            };
            let root = (without_components(name, common), without_components(path.as_str(), common));
            fits.then_some(Candidate { name, common, root })
        };
        let is_dependency = place.is_dependency();
        let is_searched = named.is_empty() && !is_dependency;
        let by_suffix = if is_searched { same_name.iter().filter_map(suffix).collect() } else { Vec::new() };
        Self { path, module: place.dir.unwrap_or_default(), is_dependency, named, by_suffix }
    }

    /// The file's name, if it is beyond doubt.
    fn choose(&self, roots: &BTreeMap<&str, (&str, &str)>) -> Option<&'a str> {
        if let [name, others @ ..] = &self.named[..] {
            return others.is_empty().then_some(name);
        }
        match roots.get(self.module) {
            Some(root) => self.by_suffix.iter().find(|candidate| candidate.root == *root).map(|found| found.name),
            None => {
                let longest = self.by_suffix.iter().map(|candidate| candidate.common).max()?;
                let mut found = self.by_suffix.iter().filter(|candidate| candidate.common == longest);
                found.next().filter(|_| found.next().is_none()).map(|found| found.name)
            }
        }
    }
}

/// By module, where most of its files come from; nothing where none stands out.
fn roots<'a>(files: &[Candidates<'a>]) -> BTreeMap<&'a str, (&'a str, &'a str)> {
    let mut votes: BTreeMap<&str, BTreeMap<(&str, &str), usize>> = BTreeMap::new();
    for file in files {
        for candidate in &file.by_suffix {
            *votes.entry(file.module).or_default().entry(candidate.root).or_default() += 1;
        }
    }
    let mut roots = BTreeMap::new();
    for (module, votes) in votes {
        let most = votes.values().max().copied().unwrap_or_default();
        let mut first = votes.iter().filter(|(_, n)| **n == most);
        if let (Some((root, _)), None) = (first.next(), first.next()) {
            roots.insert(module, *root);
        }
    }
    roots
}

/// The binary's file names, by the file's own name.
struct Names<'a> {
    all: Vec<&'a str>,
    by_name: HashMap<&'a str, Vec<&'a str>>,
    /// The Go installation's source directory in the names, with `/` at its end.
    go: Option<&'a str>,
}

impl<'a> Names<'a> {
    fn new(compiled: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all: Vec<&str> = compiled.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        let mut by_name: HashMap<&str, Vec<&str>> = HashMap::new();
        for name in &all {
            by_name.entry(file_name(name)).or_default().push(name);
        }
        // Every program has this file.
        let runtime = by_name.get("proc.go").into_iter().flatten();
        let go = runtime.filter_map(|name| name.strip_suffix("runtime/proc.go")).find(|above| above.ends_with("/src/"));
        Self { all, by_name, go }
    }

    /// Whether the binary names files of the module by its path, as `-trimpath` does.
    fn hold_module(&self, module: &str) -> bool {
        match module {
            "std" | "cmd" => self.by_name.get("proc.go").is_some_and(|names| names.contains(&"runtime/proc.go")),
            module => {
                let from = self.all.partition_point(|name| *name < module);
                let mut same = self.all[from..].iter().map_while(|name| name.strip_prefix(module));
                same.any(|rest| rest.starts_with(['/', '@']))
            }
        }
    }

    /// Whether it is the copy of a module that the Go distribution vendors for its own packages: every server has that of
    /// golang.org/x/net, beside the one that it requires.
    fn is_vendored_by_go(&self, name: &str) -> bool {
        let in_go = self.go.and_then(|go| name.strip_prefix(go)).unwrap_or(name);
        in_go.starts_with("vendor/") || in_go.starts_with("cmd/vendor/")
    }

    /// Whether the name tells that it is of another module than the file.
    fn is_foreign(&self, name: &str, path: &RepoPath, place: &Place<'_>) -> bool {
        let has_version =
            |part: &str| part.split_once("@v").is_some_and(|(_, v)| v.starts_with(|c: char| c.is_ascii_digit()));
        let mut dirs = name.split(['/', '\\']);
        let vendored = dirs.any(|part| part == "vendor") && !path.as_str().split('/').any(|part| part == "vendor");
        let in_go = self.go.is_some_and(|go| name.starts_with(go));
        // A release that the go command fetched lies in the module cache itself, at a version.
        let versioned = || name.split(['/', '\\']).any(has_version) && !(in_go && place.is_go());
        vendored || in_go && !place.is_go() || versioned()
    }

    /// The names most like a path: of the same file name, or else of the same directory.
    fn nearest(&self, path: &RepoPath) -> Vec<String> {
        let mut near: Vec<(usize, &str)> = match self.by_name.get(path.name()) {
            Some(names) => names.iter().map(|name| (common_components(path.as_str(), name), *name)).collect(),
            None => {
                let dirs =
                    self.all.iter().map(|name| (common_components(path.dir(), without_components(name, 1)), *name));
                dirs.filter(|(common, _)| *common > 0).collect()
            }
        };
        near.sort_by_key(|(common, name)| (std::cmp::Reverse(*common), *name));
        near.into_iter().take(NEAREST).map(|(_, name)| name.to_owned()).collect()
    }
}

/// A Windows name may have either separator.
fn file_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// `golang.org/x/text` of `golang.org/x/text@v0.14.0`, and of itself.
fn without_version(module: &str) -> &str {
    match module.rsplit_once('@') {
        Some((module, version)) if !version.contains('/') => module,
        _ => module,
    }
}

/// How many components two paths have in common, from the end.
fn common_components(one: &str, other: &str) -> usize {
    let parts = |path| str::rsplit(path, ['/', '\\']);
    parts(one).zip(parts(other)).take_while(|(a, b)| a == b && !a.is_empty()).count()
}

/// The path without its last `n` components.
fn without_components(path: &str, n: usize) -> &str {
    (0..n).fold(path, |path, _| path.rfind(['/', '\\']).map_or("", |at| &path[..at]))
}

fn components(path: &str) -> usize {
    path.split(['/', '\\']).count()
}

/// `/a/b` or `C:/a/b`.
fn is_absolute(name: &str) -> bool {
    name.starts_with(['/', '\\']) || name.get(1..3).is_some_and(|colon| colon == ":/" || colon == ":\\")
}

/// Whether `path` is `tail`, or ends with it at a component's start.
fn is_tail(path: &str, tail: &str) -> bool {
    path.strip_suffix(tail).is_some_and(|above| above.is_empty() || above.ends_with('/'))
}
