//! The head of a Go file: its package clause and its imports, and nothing after them.
//!
//! The Go specification's grammar, as far as it comes before the first declaration: comments, semicolons and line ends between
//! tokens, interpreted and raw strings as import paths. Components need the head of every Go file of a repository, so this
//! scanner stops at the first token that is not part of an import instead of parsing the file.

/// What a Go file says before its first declaration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct GoHeader<'a> {
    /// The name in the package clause.
    pub(super) package: &'a str,
    /// The import paths, in order, as written; `C` among them for cgo.
    pub(super) imports: Vec<&'a str>,
}

impl<'a> GoHeader<'a> {
    /// Reads the head of `source`; `None` if it does not begin with a package clause. An import that is not written
    /// as the grammar asks ends the list.
    pub(super) fn read(source: &'a [u8]) -> Option<Self> {
        let mut scanner = Scanner { rest: source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source) };
        if scanner.word()? != "package" {
            return None;
        }
        let mut header = Self { package: scanner.word()?, imports: Vec::new() };
        while scanner.word() == Some("import") {
            if !scanner.import(&mut header.imports) {
                break;
            }
        }
        Some(header)
    }
}

struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    /// What follows the keyword `import`: one spec, or several in parentheses. Whether it was well formed.
    fn import(&mut self, paths: &mut Vec<&'a str>) -> bool {
        if !self.take(b'(') {
            return self.import_spec(paths);
        }
        while !self.take(b')') {
            if !self.import_spec(paths) {
                return false;
            }
        }
        true
    }

    /// `"path"`, with a name, `.` or `_` before it or without.
    fn import_spec(&mut self, paths: &mut Vec<&'a str>) -> bool {
        if !self.take(b'.') {
            self.word();
        }
        let path = self.string();
        paths.extend(path);
        path.is_some()
    }

    /// Steps over what separates tokens: white space, semicolons, comments.
    fn skip_separators(&mut self) {
        loop {
            let blank = |c: &u8| matches!(c, b' ' | b'\t' | b'\r' | b'\n' | b';');
            let from = self.rest.iter().position(|c| !blank(c)).unwrap_or(self.rest.len());
            self.rest = &self.rest[from..];
            if self.rest.starts_with(b"//") {
                self.skip_past(b"\n");
            } else if self.rest.starts_with(b"/*") {
                self.rest = &self.rest[2..];
                self.skip_past(b"*/");
            } else {
                return;
            }
        }
    }

    fn skip_past(&mut self, end: &[u8]) {
        let at = self.rest.windows(end.len()).position(|w| w == end);
        self.rest = at.map_or(&[], |at| &self.rest[at + end.len()..]);
    }

    fn take(&mut self, wanted: u8) -> bool {
        self.skip_separators();
        let found = self.rest.first() == Some(&wanted);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    /// An identifier or keyword. Letters beyond ASCII are taken without asking whether Unicode calls them letters.
    fn word(&mut self) -> Option<&'a str> {
        self.skip_separators();
        let part = |c: &u8| c.is_ascii_alphanumeric() || *c == b'_' || *c >= 0x80;
        self.split(self.rest.iter().position(|c| !part(c)).unwrap_or(self.rest.len()), 0)
    }

    /// A string on one line, without its quotes. Escapes are not undone: an import path has no use for them.
    fn string(&mut self) -> Option<&'a str> {
        self.skip_separators();
        let quote = *self.rest.first().filter(|c| matches!(c, b'"' | b'`'))?;
        let len = self.rest[1..].iter().position(|c| *c == quote || *c == b'\n')?;
        if self.rest[1 + len] != quote {
            return None;
        }
        self.rest = &self.rest[1..];
        self.split(len, 1)
    }

    /// Takes `len` bytes as text, and steps over `more` after them; `None` if there are none or they are not UTF-8.
    fn split(&mut self, len: usize, more: usize) -> Option<&'a str> {
        let (text, rest) = self.rest.split_at(len);
        self.rest = &rest[more..];
        std::str::from_utf8(text).ok().filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(source: &str, expected: Option<(&str, &[&str])>) {
        let header = GoHeader::read(source.as_bytes());
        let found = header.as_ref().map(|h| (h.package, &*h.imports));
        assert_eq!(found, expected, "{source:?}");
    }

    #[test]
    fn finds_the_package_clause_behind_comments() {
        check("package main", Some(("main", &[])));
        check("\u{feff}//go:build ignore\r\n\r\npackage main\r\n", Some(("main", &[])));
        check("/* package x\n * import \"y\" */ package /* z */ lib // import \"vanity\"\n", Some(("lib", &[])));
        check("/**/package π;func f(){}", Some(("π", &[])));
    }

    #[test]
    fn finds_every_form_of_import() {
        check(
            r#"package a; import "b"; import c "d/e"; import . "f"; import _ "g""#,
            Some(("a", &["b", "d/e", "f", "g"])),
        );
        check(
            "package a\nimport (\n\t\"b\" // \"no\"\n\tc `d`;. \"e\"\n\t/* \"no\" */ _ \"f\"\n)\nimport ()\nimport \"C\"\n",
            Some(("a", &["b", "d", "e", "f", "C"])),
        );
        check("package a\nimport(\"b\";\"c\")\nimport\"d\"", Some(("a", &["b", "c", "d"])));
    }

    #[test]
    fn stops_at_the_first_declaration() {
        check("package a\nimport \"b\"\nvar s = `\nimport \"c\"\n`\n", Some(("a", &["b"])));
        check("package a\nimportant()\nimport \"c\"", Some(("a", &[])));
    }

    #[test]
    fn keeps_what_it_understood_of_a_broken_file() {
        check("", None);
        check("// package a", None);
        check("/* package a", None);
        check("func f() {}", None);
        check("package", None);
        check("package \"a\"", None);
        check("package a\nimport \"b\nimport \"c\"", Some(("a", &[])));
        check("package a\nimport (\"b\"; \"", Some(("a", &["b"])));
        check("package a\nimport (\"b\"; x", Some(("a", &["b"])));
        check("package a\nimport \"\"", Some(("a", &[])));
    }

    proptest! {
        #[test]
        fn reads_any_bytes_without_a_panic(source in prop::collection::vec(any::<u8>(), 0..80)) {
            GoHeader::read(&source);
        }

        #[test]
        fn reads_any_row_of_tokens_without_a_panic(
            tokens in prop::collection::vec(
                prop::sample::select(vec!["package ", "import", "(", ")", "\"a\"", "`", "\"", "//", "/*", "*/", "\n", ".", "_ ", "x"]),
                0..24,
            ),
        ) {
            GoHeader::read(tokens.concat().as_bytes());
        }
    }
}
