//! What holds in the end: flags override the environment, which overrides goat.yaml, which overrides the defaults.
//!
//! clap has joined flags and environment already; here they meet the file.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{
    args::{Backend, ChangeArgs, ObserveArgs},
    budget::{self, Budget},
    config::{self, Config, DiffPrecision, Loaded, MainEntries, Word},
    say::HelpExt,
};
use crate::{
    DataType,
    diff::{Filter, Precision},
    session,
    track::Granularity,
};

/// How a plan is made.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) repo: PathBuf,
    /// `None`: the module's own name.
    pub(super) app_name: Option<String>,
    /// `None`: the short hash of the new commit.
    pub(super) app_version: Option<String>,
    /// `None`: the user has not said.
    old: Option<String>,
    pub(super) new: String,
    /// Compare with the common ancestor of both sides.
    pub(super) merge_base: bool,
    pub(super) filter: Filter,
    /// Whether dependencies count.
    pub(super) dependencies: bool,
    pub(super) granularity: Granularity,
    /// 1, 2 or 3.
    pub(super) precision: u8,
    /// `None`: all of them.
    pub(super) main_entries: Option<Vec<String>>,
}

impl Settings {
    /// What flags, environment and `config` say together.
    pub(super) fn merge(flags: &ChangeArgs, config: &Config) -> Self {
        let filter = Filter::default();
        Self {
            repo: flags.repo.clone(),
            app_name: config.app_name.clone().filter(|name| !name.is_empty()),
            app_version: config.app_version.clone().filter(|version| !version.is_empty()),
            old: flags.old.clone().or_else(|| config.old_branch.clone()),
            new: flags.new.clone().or_else(|| config.new_branch.clone()).unwrap_or_else(|| "HEAD".to_owned()),
            merge_base: flags.merge_base,
            filter: Filter {
                ignores: config.ignores.clone().unwrap_or(filter.ignores),
                skip_nested_modules: config.skip_nested_modules.map_or(filter.skip_nested_modules, |Word(skip)| skip),
            },
            dependencies: flags.deps.or(config.dependencies.map(|Word(wanted)| wanted)).unwrap_or_default(),
            granularity: flags.granularity.or(config.granularity.map(|Word(g)| g)).unwrap_or_default(),
            precision: flags.diff_precision.or(config.diff_precision.map(|Word(DiffPrecision(p))| p)).unwrap_or(1),
            main_entries: match &config.main_entries {
                None | Some(MainEntries::All) => None,
                Some(MainEntries::Dirs(dirs)) => Some(dirs.clone()),
            },
        }
    }

    /// The old side, which has no default.
    pub(super) fn old(&self) -> anyhow::Result<&str> {
        self.old
            .as_deref()
            .context("nothing says which commit to compare with")
            .help("give --old REV, or oldBranch in goat.yaml (`goat init` writes one)")
    }

    /// The precision in the diff's terms.
    pub(super) fn diff_precision(&self) -> Precision {
        match self.precision {
            2 => Precision::FollowRenames,
            3 => Precision::NoRenames,
            _ => Precision::Blame,
        }
    }
}

/// How the kernel is asked for probes; `None`: as it allows.
pub(super) fn backend(flag: Backend) -> Option<session::Backend> {
    match flag {
        Backend::Auto => None,
        Backend::UprobeMulti => Some(session::Backend::UprobeMulti),
        Backend::PerfEvent => Some(session::Backend::PerfEvent),
    }
}

/// Whether or how often.
pub(super) fn data_type(flag: Option<DataType>, config: &Config) -> DataType {
    flag.or(config.data_type.map(|Word(t)| t)).unwrap_or_default()
}

/// How probes are attached.
pub(super) fn session(observe: &ObserveArgs, config: &Config) -> session::Options {
    session::Options {
        backend: backend(observe.backend),
        max_overhead: max_overhead(observe.max_overhead, config).share(),
        arm_overhead: arm_overhead(observe.arm_overhead, config).share(),
        ..session::Options::default()
    }
}

/// What hits may cost.
fn max_overhead(flag: Option<Budget>, config: &Config) -> Budget {
    flag.or(config.max_overhead.map(|Word(b)| b)).unwrap_or(budget::MAX_OVERHEAD)
}

/// What arming may cost.
fn arm_overhead(flag: Option<Budget>, config: &Config) -> Budget {
    flag.or(config.arm_overhead.map(|Word(b)| b)).unwrap_or(budget::ARM_OVERHEAD)
}

/// Reads the configuration: `explicit` (`--config` or GOAT_CONFIG, from `repo`), or the nearest goat.yaml, or none.
pub(super) fn load(explicit: Option<&Path>, repo: &Path) -> anyhow::Result<Loaded> {
    Ok(path(explicit, repo).map(|path| config::read(&path)).transpose()?.unwrap_or_default())
}

/// Where [`load`] reads the configuration; `None` if there is none.
pub(super) fn path(explicit: Option<&Path>, repo: &Path) -> Option<PathBuf> {
    match explicit.filter(|p| !p.as_os_str().is_empty()) {
        Some(path) => Some(repo.join(path)),
        None => config::find(repo),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(config::FILE_NAME), text).unwrap();
        load(None, dir.path()).unwrap().config
    }

    #[test]
    fn flags_override_the_file_which_overrides_the_defaults() {
        let none = Settings::merge(&ChangeArgs::default(), &Config::default());
        assert_eq!((none.granularity, none.precision, &*none.new), (Granularity::Patch, 1, "HEAD"));
        assert_eq!(none.filter.ignores, Filter::default().ignores);
        assert!(none.filter.skip_nested_modules);
        assert!(none.old().is_err());

        let file = config(
            "oldBranch: v1\nnewBranch: v2\ngranularity: func\ndiffPrecision: 3\nignores: []\nskipNestedModules: false\nappName: ''\n",
        );
        let from_file = Settings::merge(&ChangeArgs::default(), &file);
        assert_eq!((from_file.granularity, from_file.precision, &*from_file.new), (Granularity::Func, 3, "v2"));
        assert_eq!(from_file.old().unwrap(), "v1");
        assert_eq!(from_file.filter.ignores, Vec::<String>::new());
        assert!(!from_file.filter.skip_nested_modules);
        assert_eq!(from_file.app_name, None);

        let flags = ChangeArgs {
            old: Some("INIT".into()),
            new: Some("v3".into()),
            granularity: Some(Granularity::Line),
            diff_precision: Some(2),
            ..ChangeArgs::default()
        };
        let both = Settings::merge(&flags, &file);
        assert_eq!((both.granularity, both.precision, &*both.new), (Granularity::Line, 2, "v3"));
        assert_eq!(both.old().unwrap(), "INIT");
    }

    #[test]
    fn dependencies_count_where_someone_says_so() {
        let check = |flag: Option<bool>, file: &str, expected: bool| {
            let flags = ChangeArgs { deps: flag, ..ChangeArgs::default() };
            assert_eq!(Settings::merge(&flags, &config(file)).dependencies, expected, "{flag:?} {file}");
        };
        check(None, "", false);
        check(None, "dependencies: true", true);
        check(Some(true), "", true);
        check(Some(false), "dependencies: true", false);
    }

    #[test]
    fn an_empty_old_branch_is_an_answer() {
        let settings = Settings::merge(&ChangeArgs::default(), &config("oldBranch: \"\"\n"));
        assert_eq!(settings.old().unwrap(), "");
    }

    #[test]
    fn the_data_type_is_bool_unless_someone_says_count() {
        let file = config("dataType: count");
        assert_eq!(data_type(None, &Config::default()), DataType::Bool);
        assert_eq!(data_type(None, &file), DataType::Count);
        assert_eq!(data_type(Some(DataType::Bool), &file), DataType::Bool);
    }

    #[test]
    fn budgets_have_defaults_that_can_be_switched_off() {
        let file = config("maxOverhead: 2%\narmOverhead: 'off'");
        let none = Config::default();
        assert_eq!((max_overhead(None, &none).share(), arm_overhead(None, &none).share()), (Some(0.01), Some(0.05)));
        assert_eq!((max_overhead(None, &file).share(), arm_overhead(None, &file).share()), (Some(0.02), None));
        assert_eq!(max_overhead(Some(config::FromWord::from_word("off").unwrap()), &file).share(), None);
    }

    #[test]
    fn main_entries_all_is_no_restriction() {
        let entries = |text: &str| Settings::merge(&ChangeArgs::default(), &config(text)).main_entries;
        assert_eq!(entries("mainEntries: ['*']"), None);
        assert_eq!(entries("mainEntries: [cmd/a]"), Some(vec!["cmd/a".to_owned()]));
    }

    #[test]
    fn a_configuration_that_was_named_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".git")).unwrap();
        assert_eq!(load(None, dir.path()).unwrap(), Loaded::default());
        assert_eq!(load(Some(Path::new("")), dir.path()).unwrap(), Loaded::default());
        assert!(load(Some(Path::new("other.yaml")), dir.path()).is_err());
        std::fs::write(dir.path().join("other.yaml"), "appName: x").unwrap();
        let loaded = load(Some(Path::new("other.yaml")), dir.path()).unwrap();
        assert_eq!(loaded.config.app_name.as_deref(), Some("x"));
    }
}
