//! `--deps`: what changed in dependencies, joined to the change. Where the go command of the user keeps modules, and which of their
//! packages the binary holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    binary::{self, Binary},
    diff::{self, Built, BuiltModule, ChangeSet, DependencyOptions, Remarks},
    paths::RepoPath,
    track::{PathMap, PathRule},
};

/// Adds what changed in dependencies to `changes`: with the binary and its path rules, in the packages that it holds.
pub(super) fn add(
    repo: &Path,
    options: &diff::Options,
    binary: Option<(&Binary, &[PathRule])>,
    changes: &mut ChangeSet,
) -> anyhow::Result<Remarks> {
    let files = binary.map(|(binary, _)| binary.files_with_code()).transpose()?;
    let linked = |paths: &[RepoPath], modules: &BTreeMap<String, String>| -> BTreeSet<String> {
        match (&files, binary) {
            (Some(files), Some((_, rules))) => {
                let names = files.names.iter().map(|name| &**name);
                let found = PathMap::with_rules(rules, paths, modules, names);
                found.files.keys().map(|path| path.dir().to_owned()).collect()
            }
            _ => paths.iter().map(|path| path.dir().to_owned()).collect(),
        }
    };
    let built = binary.and_then(|(binary, _)| built(binary));
    let mut remarks = Remarks::default();
    match binary {
        None => remarks.notes.push(
            "without --binary, every package of a dependency that changed is listed, whether it is linked or not".to_owned(),
        ),
        Some(_) if built.is_none() => remarks.warnings.push(
            "the binary does not say which modules it was linked with: dependencies are compared as go.mod asks for them"
                .to_owned(),
        ),
        Some(_) => {}
    }
    let asked = DependencyOptions { caches: module_caches(&Environment::read()), built, linked: &linked };
    let Remarks { warnings, notes } = diff::add_dependencies(repo, options, &asked, changes)?;
    remarks.warnings.extend(warnings);
    // A note on what was compared means nothing where nothing was.
    if changes.dependencies.is_empty() {
        remarks.notes.clear();
    }
    remarks.notes.extend(notes);
    Ok(remarks)
}

fn built(binary: &Binary) -> Option<Built> {
    let module = |found: binary::Dependency| BuiltModule {
        path: found.module.path,
        version: found.module.version,
        replacement: found.replacement.map(|taken| (taken.path, taken.version)),
        sum: found.sum,
    };
    Some(Built {
        main: binary.identity().module.as_ref().map(|module| module.path.clone()),
        modules: binary.dependencies()?.into_iter().map(module).collect(),
    })
}

/// What says where the go command keeps modules.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Environment {
    mod_cache: Option<String>,
    go_path: Option<String>,
    /// What `go env -w` has written.
    settings: String,
    /// The user's home, and the one of who has called sudo.
    homes: Vec<PathBuf>,
}

impl Environment {
    fn read() -> Self {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let own = set("HOME").map(PathBuf::from);
        let caller =
            set("SUDO_USER").and_then(|user| home_of(&user, &fs::read_to_string("/etc/passwd").unwrap_or_default()));
        // sudo may keep HOME or not: who has called it has built the program.
        let mut homes: Vec<PathBuf> = caller.into_iter().chain(own).collect();
        homes.dedup();
        let files: Vec<PathBuf> = match set("GOENV") {
            // "off": there is none.
            Some(named) => Some(PathBuf::from(named)).filter(|file| file.is_absolute()).into_iter().collect(),
            None => {
                let config = set("XDG_CONFIG_HOME").map(|dir| PathBuf::from(dir).join("go/env"));
                config.into_iter().chain(homes.iter().map(|home| home.join(".config/go/env"))).collect()
            }
        };
        let settings = files.iter().find_map(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        Self { mod_cache: set("GOMODCACHE"), go_path: set("GOPATH"), settings, homes }
    }

    /// A variable that `go env -w` has set.
    fn written(&self, name: &str) -> Option<String> {
        let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix('=')?.trim().to_owned());
        self.settings.lines().find_map(value).filter(|value| !value.is_empty())
    }
}

/// Where modules may be: GOMODCACHE, or pkg/mod in the first directory of GOPATH, which is ~/go unless it is said.
fn module_caches(environment: &Environment) -> Vec<PathBuf> {
    if let Some(cache) = environment.mod_cache.clone().or_else(|| environment.written("GOMODCACHE")) {
        return vec![cache.into()];
    }
    if let Some(path) = environment.go_path.clone().or_else(|| environment.written("GOPATH")) {
        let first = env::split_paths(&path).next();
        return first.map(|dir| dir.join("pkg/mod")).into_iter().collect();
    }
    environment.homes.iter().map(|home| home.join("go/pkg/mod")).collect()
}

/// A user's home, by passwd(5).
fn home_of(user: &str, passwd: &str) -> Option<PathBuf> {
    let home = |line: &str| {
        let mut fields = line.split(':');
        (fields.next() == Some(user)).then(|| fields.nth(4).map(PathBuf::from))?
    };
    passwd.lines().find_map(home).filter(|home| !home.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_where_the_go_command_keeps_them() {
        let environment = |mod_cache: Option<&str>, go_path: Option<&str>, settings: &str| Environment {
            mod_cache: mod_cache.map(str::to_owned),
            go_path: go_path.map(str::to_owned),
            settings: settings.to_owned(),
            homes: vec!["/home/caller".into(), "/root".into()],
        };
        let check = |environment: Environment, expected: &[&str]| {
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(module_caches(&environment), expected, "{environment:?}");
        };
        check(environment(None, None, ""), &["/home/caller/go/pkg/mod", "/root/go/pkg/mod"]);
        check(environment(None, Some("/a:/b"), ""), &["/a/pkg/mod"]);
        check(environment(Some("/cache"), Some("/a"), "GOMODCACHE=/c"), &["/cache"]);
        check(environment(None, Some("/a"), "GOFLAGS=-x\nGOMODCACHE=/c\n"), &["/c"]);
        check(environment(None, None, "GOPATH=/d\nGOMODCACHE=\n"), &["/d/pkg/mod"]);
    }

    #[test]
    fn the_home_of_who_called_sudo_is_in_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000:Ann,,,:/home/ann:/bin/bash\nbad:x\n";
        assert_eq!(home_of("ann", passwd), Some("/home/ann".into()));
        assert_eq!(home_of("bad", passwd), None);
        assert_eq!(home_of("an", passwd), None);
    }
}
