//! goat.yaml: the keys of the original tool, read as it reads them, and checked as it does not.
//!
//! A key that is absent or null is `None` here; what then holds is decided in [`super::settings`].

use std::{
    collections::BTreeMap,
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, Visitor};

use super::budget::Budget;
use crate::{DataType, track::Granularity};

/// The file's name, unless `--config` or `GOAT_CONFIG` gives another.
pub(super) const FILE_NAME: &str = "goat.yaml";

/// No goat.yaml written by hand comes near this; a larger file is not one.
const MAX_BYTES: u64 = 64 * 1024;

/// libyaml's scanner takes time by the square of the open brackets; a goat.yaml has a handful.
const MAX_BRACKETS: usize = 1000;

/// What goat.yaml says.
#[derive(Clone, PartialEq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "a mapping of keys to values")]
pub(super) struct Config {
    pub(super) app_name: Option<String>,
    pub(super) app_version: Option<String>,
    pub(super) old_branch: Option<String>,
    pub(super) new_branch: Option<String>,
    pub(super) ignores: Option<Vec<String>>,
    pub(super) granularity: Option<Word<Granularity>>,
    pub(super) diff_precision: Option<Word<DiffPrecision>>,
    pub(super) threads: Option<u32>,
    pub(super) main_entries: Option<MainEntries>,
    pub(super) data_type: Option<Word<DataType>>,
    pub(super) max_overhead: Option<Word<Budget>>,
    pub(super) arm_overhead: Option<Word<Budget>>,
    pub(super) verbose: Option<Word<bool>>,
    pub(super) skip_nested_modules: Option<Word<bool>>,
    pub(super) dependencies: Option<Word<bool>>,
}

/// Keys that have an effect here.
const EFFECTIVE: [&str; 14] = [
    "appName",
    "appVersion",
    "oldBranch",
    "newBranch",
    "ignores",
    "granularity",
    "diffPrecision",
    "mainEntries",
    "dataType",
    "maxOverhead",
    "armOverhead",
    "verbose",
    "skipNestedModules",
    "dependencies",
];

/// Keys of the original that only rewriting of sources needs. `threads` is among them: goat shares out the work itself.
const WITHOUT_EFFECT: [&str; 8] = [
    "goatPackageName",
    "goatPackageAlias",
    "goatPackagePath",
    "threads",
    "race",
    "printerConfigMode",
    "printerConfigTabwidth",
    "printerConfigIndent",
];

/// A configuration file as read.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Loaded {
    /// Where it was found; `None` if there is none.
    pub(super) path: Option<PathBuf>,
    /// What it says.
    pub(super) config: Config,
    /// Keys that nobody knows, each a sentence with file and line.
    pub(super) warnings: Vec<String>,
    /// Keys that are accepted and have no effect.
    pub(super) without_effect: Vec<String>,
}

/// Why a configuration file is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot read {}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is {bytes} bytes long: a goat.yaml has at most {MAX_BYTES}; is it another file?", path.display())]
    TooLarge { path: PathBuf, bytes: u64 },
    #[error("{} holds more than {MAX_BRACKETS} opening brackets; is it another file?", path.display())]
    TooNested { path: PathBuf },
    #[error("{}{}: {message}", path.display(), line.map(|l| format!(":{l}")).unwrap_or_default())]
    Invalid { path: PathBuf, line: Option<usize>, message: String },
}

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Result<Loaded, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(io)?.len();
    if bytes > MAX_BYTES {
        return Err(Error::TooLarge { path: path.to_owned(), bytes });
    }
    parse(path, &std::fs::read_to_string(path).map_err(io)?)
}

/// The nearest goat.yaml in `dir` or above it, not further up than the repository's root.
pub(super) fn find(dir: &Path) -> Option<PathBuf> {
    let dir = dir.canonicalize().ok()?;
    for dir in dir.ancestors() {
        let candidate = dir.join(FILE_NAME);
        if candidate.is_file() {
            return Some(candidate);
        }
        if dir.join(".git").exists() {
            break;
        }
    }
    None
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Loaded, Error> {
    let invalid = |e: serde_norway::Error| {
        let line = e.location().map(|l| l.line());
        Error::Invalid { path: path.to_owned(), line, message: without_location(&e) }
    };
    if text.bytes().filter(|b| matches!(b, b'[' | b'{')).count() > MAX_BRACKETS {
        return Err(Error::TooNested { path: path.to_owned() });
    }
    let config: Option<Config> = serde_norway::from_str(text).map_err(invalid)?;
    let keys: Option<BTreeMap<String, IgnoredAny>> = serde_norway::from_str(text).map_err(invalid)?;
    let mut loaded = Loaded { path: Some(path.to_owned()), config: config.unwrap_or_default(), ..Loaded::default() };
    for key in keys.into_iter().flatten().map(|(key, _)| key) {
        if WITHOUT_EFFECT.contains(&&*key) {
            loaded.without_effect.push(key);
        } else if !EFFECTIVE.contains(&&*key) {
            loaded.warnings.push(unknown(path, text, &key));
        }
    }
    Ok(loaded)
}

fn unknown(path: &Path, text: &str, key: &str) -> String {
    // The deserializer gives no place for a key: the first line that begins with it is where it stands.
    let line = text.lines().position(|l| l.trim_start().trim_start_matches(['"', '\'']).starts_with(key));
    let place = line.map(|l| format!(":{}", l + 1)).unwrap_or_default();
    let known = EFFECTIVE.iter().chain(&WITHOUT_EFFECT);
    let nearest = known.max_by(|a, b| similarity(a, key).total_cmp(&similarity(b, key)));
    let hint = nearest.filter(|k| similarity(k, key) > 0.75).map(|k| format!(": did you mean {k}?"));
    format!("{}{place}: unknown key {key}{}", path.display(), hint.unwrap_or_default())
}

fn similarity(known: &str, key: &str) -> f64 {
    strsim::jaro_winkler(&known.to_lowercase(), &key.to_lowercase().replace(['-', '_'], ""))
}

/// The error's text without the place that it ends in; the line is printed in front instead.
fn without_location(e: &serde_norway::Error) -> String {
    let text = e.to_string();
    match text.rfind(" at line ") {
        Some(at) if e.location().is_some() => text[..at].to_owned(),
        _ => text,
    }
}

/// A scalar that is one of a few words, `yes` and `off` for a boolean among them as the original's parser has it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Word<T>(pub(super) T);

/// 1, 2 or 3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DiffPrecision(pub(super) u8);

impl FromStr for DiffPrecision {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "1" => Ok(Self(1)),
            "2" => Ok(Self(2)),
            "3" => Ok(Self(3)),
            _ => Err(format!(
                "unknown precision {word:?}: use 1 (blame), 2 (diff, renames followed) or 3 (diff, a renamed file is new)"
            )),
        }
    }
}

/// Words as a user writes them.
pub(super) trait FromWord: Sized {
    /// The value, or a sentence with the words that are allowed.
    fn from_word(word: &str) -> Result<Self, String>;
}

impl FromWord for Granularity {
    fn from_word(word: &str) -> Result<Self, String> {
        word.parse()
    }
}

impl FromWord for DiffPrecision {
    fn from_word(word: &str) -> Result<Self, String> {
        word.parse()
    }
}

impl FromWord for DataType {
    fn from_word(word: &str) -> Result<Self, String> {
        match word {
            "bool" => Ok(Self::Bool),
            "count" => Ok(Self::Count),
            _ => Err(format!("unknown data type {word:?}: use bool or count")),
        }
    }
}

impl FromWord for bool {
    fn from_word(word: &str) -> Result<Self, String> {
        match word.to_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Ok(true),
            "false" | "no" | "off" | "n" => Ok(false),
            _ => Err(format!("{word:?} is neither true nor false")),
        }
    }
}

impl<'de, T: FromWord> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Judges the word while the parser still knows where it stands.
        struct Scalar<T>(PhantomData<T>);
        impl<T: FromWord> Visitor<'_> for Scalar<T> {
            type Value = Word<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a single word")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Word<T>, E> {
                T::from_word(word).map(Word).map_err(E::custom)
            }
        }
        // As text, whatever YAML would make of it: 2, "2" and '2' are one.
        deserializer.deserialize_str(Scalar(PhantomData))
    }
}

/// `mainEntries`: which main packages the user cares for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum MainEntries {
    /// `"*"`.
    All,
    /// Their directories.
    Dirs(Vec<String>),
}

impl<'de> Deserialize<'de> for MainEntries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Vec<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"*\" or a list of directories of main packages")
            }

            fn visit_str<E: de::Error>(self, one: &str) -> Result<Vec<String>, E> {
                Ok(vec![one.to_owned()])
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut many: A) -> Result<Vec<String>, A::Error> {
                let mut dirs = Vec::new();
                while let Some(dir) = many.next_element()? {
                    dirs.push(dir);
                }
                Ok(dirs)
            }
        }
        let dirs = deserializer.deserialize_any(OneOrMany)?;
        Ok(if dirs.iter().any(|d| d == "*") { Self::All } else { Self::Dirs(dirs) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Loaded, String> {
        parse(Path::new("goat.yaml"), text).map_err(|e| e.to_string())
    }

    fn check_error(text: &str, expected: &str) {
        assert_eq!(load(text).unwrap_err(), expected);
    }

    #[test]
    fn reads_every_key_of_the_original() {
        let loaded = load(
            "appName: shop\nappVersion: 1.10\noldBranch: 12e4567\nnewBranch: HEAD\nignores: [gen, third_party]\n\
             goatPackageName: goat\ngoatPackageAlias: goat\ngoatPackagePath: goat\ngranularity: func\ndiffPrecision: 2\n\
             threads: 4\nrace: true\nmainEntries: [cmd/shopd]\nprinterConfigMode: [useSpaces, tabIndent]\n\
             printerConfigTabwidth: 8\nprinterConfigIndent: 0\ndataType: count\nverbose: true\nskipNestedModules: no\n",
        )
        .unwrap();
        let config = loaded.config;
        assert_eq!(config.app_name.as_deref(), Some("shop"));
        // A version or a hash that looks like a number keeps its digits.
        assert_eq!(config.app_version.as_deref(), Some("1.10"));
        assert_eq!(config.old_branch.as_deref(), Some("12e4567"));
        assert_eq!(config.ignores, Some(vec!["gen".to_owned(), "third_party".to_owned()]));
        assert_eq!(config.granularity, Some(Word(Granularity::Func)));
        assert_eq!(config.diff_precision, Some(Word(DiffPrecision(2))));
        assert_eq!(config.main_entries, Some(MainEntries::Dirs(vec!["cmd/shopd".to_owned()])));
        assert_eq!(config.data_type, Some(Word(DataType::Count)));
        assert_eq!((config.verbose, config.skip_nested_modules), (Some(Word(true)), Some(Word(false))));
        assert_eq!(loaded.warnings, Vec::<String>::new());
        assert_eq!(loaded.without_effect.len(), WITHOUT_EFFECT.len());
    }

    #[test]
    fn a_file_that_says_nothing_is_no_error() {
        for text in ["", "# only a comment\n", "---\n", "appName:\nignores: ~\nmainEntries:\ngranularity: null\n"] {
            assert_eq!(load(text).map(|l| l.config), Ok(Config::default()), "{text:?}");
        }
    }

    #[test]
    fn main_entries_are_a_star_or_directories() {
        let entries = |text: &str| load(text).unwrap().config.main_entries;
        assert_eq!(entries("mainEntries: '*'"), Some(MainEntries::All));
        assert_eq!(entries("mainEntries:\n  - \"*\"\n"), Some(MainEntries::All));
        assert_eq!(entries("mainEntries: cmd/a"), Some(MainEntries::Dirs(vec!["cmd/a".into()])));
        assert_eq!(entries("mainEntries: []"), Some(MainEntries::Dirs(vec![])));
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line_and_what_is_allowed() {
        check_error(
            "appName: a\ngranularity: lines\n",
            "goat.yaml:2: granularity: unknown granularity \"lines\": use line, patch, scope or func",
        );
        check_error(
            "diffPrecision: 4",
            "goat.yaml:1: diffPrecision: unknown precision \"4\": use 1 (blame), 2 (diff, renames followed) or 3 (diff, a renamed file is new)",
        );
        check_error("\n\ndataType: int", "goat.yaml:3: dataType: unknown data type \"int\": use bool or count");
        check_error("verbose: maybe", "goat.yaml:1: verbose: \"maybe\" is neither true nor false");
        check_error("threads: many", "goat.yaml:1: threads: invalid type: string \"many\", expected u32");
        check_error("ignores: vendor", "goat.yaml:1: ignores: invalid type: string \"vendor\", expected a sequence");
        check_error(
            "mainEntries: 3",
            "goat.yaml:1: mainEntries: invalid type: integer `3`, expected \"*\" or a list of directories of main packages",
        );
        check_error("- a\n- b\n", "goat.yaml:1: invalid type: sequence, expected a mapping of keys to values");
        check_error("appName: a\nappName: b\n", "goat.yaml:1: duplicate field `appName`");
    }

    #[test]
    fn broken_yaml_is_named_with_its_line() {
        let error = load("appName: a\nignores: [b\n").unwrap_err();
        assert!(error.starts_with("goat.yaml:"), "{error}");
        assert!(load("a: b: c").is_err());
        assert!(load("a: 1\n---\nb: 2\n").is_err());
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_known_one() {
        let warnings = |text: &str| load(text).unwrap().warnings;
        assert_eq!(
            warnings("appName: a\ngranulariti: line\n"),
            ["goat.yaml:2: unknown key granulariti: did you mean granularity?"]
        );
        assert_eq!(
            warnings("diff_precision: 1"),
            ["goat.yaml:1: unknown key diff_precision: did you mean diffPrecision?"]
        );
        assert_eq!(warnings("colour: red"), ["goat.yaml:1: unknown key colour"]);
    }

    #[test]
    fn a_yaml_bomb_is_an_error_and_soon() {
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (prev, next) in ('a'..='h').zip('b'..='i') {
            bomb += &format!("{next}: &{next} [{}]\n", vec![format!("*{prev}"); 9].join(","));
        }
        // Under a key whose value is not looked at, nothing needs to be expanded.
        assert!(load(&bomb).is_ok_and(|l| l.warnings.len() == 9));
        assert!(load(&format!("{bomb}ignores: *i\n")).is_err());
        for deep in ["[", "{a: ", "- ", "? ", "[{"] {
            let text = "ignores: \n ".to_owned() + &deep.repeat(MAX_BYTES as usize / deep.len());
            assert!(load(&text).is_err(), "{deep}");
        }
    }

    #[test]
    fn a_file_too_large_to_be_a_configuration_is_refused_unread() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        std::fs::write(&path, vec![b'#'; MAX_BYTES as usize + 1]).unwrap();
        assert!(matches!(read(&path), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn the_file_is_looked_for_up_to_the_repository_root() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("repo/cmd/app")).unwrap();
        std::fs::create_dir(root.join("repo/.git")).unwrap();
        std::fs::write(root.join(FILE_NAME), "").unwrap();
        assert_eq!(find(&root.join("repo/cmd/app")), None);
        std::fs::write(root.join("repo").join(FILE_NAME), "").unwrap();
        assert_eq!(find(&root.join("repo/cmd/app")), Some(root.join("repo").join(FILE_NAME)));
    }
}
