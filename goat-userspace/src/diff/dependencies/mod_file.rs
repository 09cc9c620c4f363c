//! What a go.mod or go.work file says of other modules.
//!
//! Line by line, as their grammar is (go.dev/ref/mod#go-mod-file-grammar): a directive on a line of its own, or a block of lines
//! in parentheses behind its keyword. Directives of no interest here are passed over (`retract`, `toolchain`, `tool`, ...).

/// The directives of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct ModFile {
    /// The minor number of `go 1.N`.
    pub(super) go: Option<u32>,
    /// `require`, be it `// indirect`.
    pub(super) requires: Vec<Versioned>,
    /// `exclude`.
    pub(super) excludes: Vec<Versioned>,
    /// `replace`.
    pub(super) replaces: Vec<Replace>,
    /// `use`, in go.work: directories.
    pub(super) uses: Vec<String>,
}

/// A module's path and version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Versioned {
    pub(super) path: String,
    pub(super) version: String,
}

/// `replace PATH [VERSION] => WITH [VERSION]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Replace {
    pub(super) path: String,
    /// Which version is replaced; `None` for every one.
    pub(super) version: Option<String>,
    pub(super) with: Replacement,
}

/// What is taken in a module's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Replacement {
    Module(Versioned),
    /// A directory, as written.
    Directory(String),
}

impl Replacement {
    /// A path with a version is a module's, one without a directory's.
    pub(super) fn new(path: &str, version: Option<&str>) -> Self {
        match version {
            Some(version) => Self::Module(Versioned { path: path.to_owned(), version: version.to_owned() }),
            None => Self::Directory(path.to_owned()),
        }
    }
}

impl ModFile {
    /// Reads the file's text. A line that is not as the grammar asks is passed over.
    pub(super) fn read(text: &str) -> Self {
        let mut file = Self::default();
        let mut block: Option<String> = None;
        for line in text.lines() {
            let tokens = tokens(line);
            let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
            match (&block, &*tokens) {
                (Some(_), [")"]) => block = None,
                (Some(verb), arguments) => file.add(&verb.clone(), arguments),
                (None, [verb, "("]) => block = Some((*verb).to_owned()),
                (None, [verb, "(", arguments @ .., ")"]) => file.add(verb, arguments),
                (None, [verb, arguments @ ..]) => file.add(verb, arguments),
                (None, []) => {}
            }
        }
        file
    }

    fn add(&mut self, verb: &str, arguments: &[&str]) {
        let versioned = |path: &str, version: &str| Versioned { path: path.to_owned(), version: version.to_owned() };
        match (verb, arguments) {
            ("go", [release]) => self.go = release.strip_prefix("1.").and_then(leading_number),
            ("require", [path, version]) => self.requires.push(versioned(path, version)),
            ("exclude", [path, version]) => self.excludes.push(versioned(path, version)),
            ("use", [dir]) => self.uses.push((*dir).to_owned()),
            ("replace", [path, rest @ ..]) => {
                let (version, with) = match rest {
                    ["=>", with @ ..] => (None, with),
                    [version, "=>", with @ ..] => (Some((*version).to_owned()), with),
                    _ => return,
                };
                let with = match with {
                    [dir] => Replacement::new(dir, None),
                    [module, version] => Replacement::new(module, Some(version)),
                    _ => return,
                };
                self.replaces.push(Replace { path: (*path).to_owned(), version, with });
            }
            _ => {}
        }
    }
}

/// 21 of `21`, `21.3` and `21rc1`.
fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// A line's words, quotes taken off, up to its comment. Parentheses are words of their own.
fn tokens(line: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        let (token, behind) = match first {
            _ if rest.starts_with("//") => break,
            '(' | ')' => rest.split_at(1),
            '"' | '`' => {
                let Some(end) = rest[1..].find(first) else { break };
                tokens.push(rest[1..=end].to_owned());
                rest = rest[end + 2..].trim_start();
                continue;
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')')).unwrap_or(rest.len());
                rest.split_at(rest.find("//").map_or(end, |comment| comment.min(end)))
            }
        };
        tokens.push(token.to_owned());
        rest = behind.trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &ModFile) {
        assert_eq!(ModFile::read(text), *expected, "{text}");
    }

    fn versioned(list: &[(&str, &str)]) -> Vec<Versioned> {
        list.iter().map(|(path, version)| Versioned { path: (*path).into(), version: (*version).into() }).collect()
    }

    #[test]
    fn requirements_stand_on_a_line_or_in_a_block() {
        let expected = ModFile {
            go: Some(21),
            requires: versioned(&[("x.org/a", "v1.0.0"), ("x.org/b/v2", "v2.1.0"), ("x.org/c", "v0.1.0")]),
            ..ModFile::default()
        };
        check(
            "module x.org/m // us\n\ngo 1.21.3\n\ntoolchain go1.22.1\n\nrequire x.org/a v1.0.0\n\nrequire (\n\t\"x.org/b/v2\" `v2.1.0`\n\
             \tx.org/c v0.1.0 // indirect\n\t// x.org/d v1.0.0\n\n)\n\nretract [v1.0.0, v1.1.0] // broken\nretract (\n\tv0.1.0\n)\n",
            &expected,
        );
        check(
            "go 1.21\r\nrequire(\r\nx.org/a v1.0.0//indirect\r\nx.org/b/v2 v2.1.0\r\n)\r\nrequire ( x.org/c v0.1.0 )\r\n",
            &expected,
        );
    }

    #[test]
    fn replacements_are_modules_or_directories() {
        let replace =
            |version: Option<&str>, with| Replace { path: "x.org/a".into(), version: version.map(str::to_owned), with };
        let fork = || Replacement::new("x.org/fork", Some("v0.2.0"));
        let check_one = |line: &str, expected: Replace| {
            check(line, &ModFile { replaces: vec![expected], ..ModFile::default() });
        };
        check_one("replace x.org/a => x.org/fork v0.2.0", replace(None, fork()));
        check_one("replace x.org/a v1.0.0 => x.org/fork v0.2.0 // why", replace(Some("v1.0.0"), fork()));
        check_one("replace (\n\tx.org/a => ../a\n)", replace(None, Replacement::new("../a", None)));
        check_one("replace x.org/a => \"./a dir\"", replace(None, Replacement::new("./a dir", None)));
    }

    #[test]
    fn a_workspace_names_directories() {
        let expected = ModFile { go: Some(22), uses: vec![".".into(), "./lib".into()], ..ModFile::default() };
        check("go 1.22\nuse (\n\t.\n\t./lib // lib\n)\n", &expected);
        check("go 1.22\nuse .\nuse ./lib\n", &expected);
    }

    #[test]
    fn exclusions_are_kept_and_nonsense_is_not() {
        check(
            "exclude x.org/a v1.0.0\nexclude (\n\tx.org/b v1.0.0\n)\n",
            &ModFile { excludes: versioned(&[("x.org/a", "v1.0.0"), ("x.org/b", "v1.0.0")]), ..ModFile::default() },
        );
        for text in
            ["", "require", "require x.org/a", "replace x.org/a", "replace a =>", "go 2.0", "require \"x", "(", ")"]
        {
            check(text, &ModFile::default());
        }
    }

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reads_any_text_without_a_panic(text in "[(a\"`/ \n=>v.é)]{0,40}") {
            ModFile::read(&text);
        }
    }
}
