//! `goat init`: a commented goat.yaml beside the nearest go.mod.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, anyhow};

use super::{
    args::InitArgs,
    config::FILE_NAME,
    pipeline::{directory_name, module_name},
    say,
    say::HelpExt,
};

/// What is compared with where the repository has no tag.
const DEFAULT_BRANCH: &str = "main";

/// A go.mod's `module` line stands near its top.
const MAX_GO_MOD_BYTES: u64 = 1024 * 1024;

pub(super) fn run(args: &InitArgs, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let root = module_root(&args.repo)
        .ok_or_else(|| anyhow!("{} is not in a Go module", args.repo.display()))
        .help("run it where the release's go.mod is, or make one with `go mod init`")?;
    let path = match config.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => args.repo.join(path),
        None => root.join(FILE_NAME),
    };
    let app_name = match module_of(&root.join("go.mod"))? {
        Some(module) => module_name(&module).to_owned(),
        None => directory_name(&root),
    };
    let old = latest_tag(&root).unwrap_or_else(|| DEFAULT_BRANCH.to_owned());
    let mut options = OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = match options.open(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(anyhow!("{} is there already", path.display())).help("--force replaces it");
        }
        opened => opened.with_context(|| format!("cannot write {}", path.display()))?,
    };
    file.write_all(text(&app_name, &old).as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    say::print(&format!("wrote {}: {app_name}, compared with {old}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The nearest directory with a go.mod, from `dir` upwards.
fn module_root(dir: &Path) -> Option<PathBuf> {
    let dir = dir.canonicalize().ok()?;
    dir.ancestors().find(|dir| dir.join("go.mod").is_file()).map(Path::to_owned)
}

/// The module path that a go.mod declares.
fn module_of(path: &Path) -> anyhow::Result<Option<String>> {
    let read = || -> std::io::Result<String> {
        let bytes = fs::metadata(path)?.len();
        if bytes > MAX_GO_MOD_BYTES {
            return Err(std::io::Error::other(format!("{bytes} bytes are too many for a go.mod")));
        }
        fs::read_to_string(path)
    };
    let text = read().with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().find_map(|line| {
        let line = line.split("//").next().unwrap_or(line);
        let path = line.trim().strip_prefix("module")?.strip_prefix([' ', '\t'])?.trim();
        Some(path.trim_matches(['"', '`']).to_owned())
    }))
}

/// The latest tag before HEAD's own, as git has it; `None` without git, repository or tag.
fn latest_tag(dir: &Path) -> Option<String> {
    // A release's own tag may be there already, and compared with itself it would have changed nothing.
    ["HEAD^", "HEAD"].into_iter().find_map(|rev| {
        let mut git = Command::new("git");
        git.arg("-C").arg(dir).args(["describe", "--tags", "--abbrev=0", rev]);
        let output = git.output().ok().filter(|output| output.status.success())?;
        let tag = String::from_utf8(output.stdout).ok()?;
        Some(tag.trim().to_owned()).filter(|tag| !tag.is_empty())
    })
}

fn text(app_name: &str, old: &str) -> String {
    include_str!("goat.yaml.template").replace("{appName}", &quoted(app_name)).replace("{oldBranch}", &quoted(old))
}

/// As a YAML string, whatever is in it: JSON's strings are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings;

    #[test]
    fn what_init_writes_is_read_back_without_a_word() {
        let dir = tempfile::tempdir().unwrap();
        for (name, old) in [("shop", "v1.0.0"), ("1.0", "feature/x: y #1"), ("quote\"d", "-")] {
            fs::write(dir.path().join(FILE_NAME), text(name, old)).unwrap();
            let loaded = settings::load(None, dir.path()).unwrap();
            assert_eq!(loaded.warnings, Vec::<String>::new());
            assert_eq!(loaded.without_effect, Vec::<String>::new());
            assert_eq!(loaded.config.app_name.as_deref(), Some(name));
            assert_eq!(loaded.config.old_branch.as_deref(), Some(old));
            let from_file = settings::Settings::merge(&Default::default(), &loaded.config);
            let by_default = settings::Settings::merge(&Default::default(), &Default::default());
            // Beyond the two names, the file says what holds anyway.
            assert_eq!(from_file.granularity, by_default.granularity);
            assert_eq!(from_file.precision, by_default.precision);
            assert_eq!(from_file.filter.ignores, by_default.filter.ignores);
            assert_eq!(from_file.filter.skip_nested_modules, by_default.filter.skip_nested_modules);
            assert_eq!(from_file.main_entries, by_default.main_entries);
            assert_eq!((from_file.new, from_file.app_version), (by_default.new, by_default.app_version));
        }
    }

    #[test]
    fn the_module_path_is_read_from_go_mod() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("go.mod");
        for (text, expected) in [
            ("module example.com/shop\n\ngo 1.26\n", Some("example.com/shop")),
            ("// Deprecated: no.\nmodule \"example.com/a\" // here\n", Some("example.com/a")),
            ("modules x\n", None),
            ("", None),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(module_of(&path).unwrap().as_deref(), expected, "{text:?}");
        }
    }
}
