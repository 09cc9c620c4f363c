//! Whether a build takes a file in: its `//go:build` expression or `// +build` lines, and the operating system and architecture
//! in its name, against what the build was made with.
//!
//! Rules as in go/build (`shouldBuild`, `goodOSArchFile`, `matchTag`) and go/build/constraint; names as in internal/syslist.

use std::collections::BTreeSet;

use super::SourceFile;

/// What a build was made with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BuildContext {
    /// `GOOS`.
    pub goos: String,
    /// `GOARCH`.
    pub goarch: String,
    /// Whether `CGO_ENABLED` is 1.
    pub cgo: bool,
    /// Those of `-tags`, and those that other settings imply: `race`, `goexperiment.arenas`, `amd64.v3`, ...
    pub tags: BTreeSet<String>,
    /// The release's minor number, 26 of `go1.26.8`: the tags `go1.1` to `go1.26` are set. `None` if it is not known; then
    /// every release's tag is.
    pub minor: Option<u32>,
}

impl SourceFile {
    /// The rule that keeps the file out of a build, as written: `//go:build windows`, `file name *_windows.go`. `None` if the
    /// build takes it in, as far as the file itself says.
    pub fn left_out_by(&self, context: &BuildContext) -> Option<String> {
        let name = self.path.name();
        if name.starts_with(['_', '.']) {
            return Some(format!("file name {}*", &name[..1]));
        }
        if let Some(platform) = other_platform(name, context) {
            return Some(format!("file name *_{platform}.go"));
        }
        let rule = self.build_constraint.as_ref().and_then(|constraint| unsatisfied(constraint, context));
        rule.or_else(|| (self.cgo && !context.cgo).then(|| "import \"C\" and CGO_ENABLED=0".to_owned()))
    }
}

/// Of a `//go:build` expression or `// +build` lines, what does not hold.
fn unsatisfied(constraint: &str, context: &BuildContext) -> Option<String> {
    if constraint.starts_with("//") {
        return constraint.lines().find(|line| !is_line_satisfied(line, context)).map(str::to_owned);
    }
    (!is_satisfied(constraint, context)).then(|| format!("//go:build {constraint}"))
}

impl BuildContext {
    fn has(&self, tag: &str) -> bool {
        let implied = match (&*self.goos, tag) {
            ("android", "linux") | ("illumos", "solaris") | ("ios", "darwin") => true,
            (os, "unix") => UNIX.contains(&os),
            _ => false,
        };
        let tag = if tag == "boringcrypto" { "goexperiment.boringcrypto" } else { tag };
        implied
            || (self.cgo && tag == "cgo")
            || [&*self.goos, &self.goarch, "gc"].contains(&tag)
            || self.tags.contains(tag)
            || release(tag).is_some_and(|minor| minor >= 1 && self.minor.is_none_or(|newest| minor <= newest))
    }
}

/// The number in a release's tag: `go1.18`.
fn release(tag: &str) -> Option<u32> {
    let minor = tag.strip_prefix("go1.")?;
    let is_plain = minor.bytes().all(|byte| byte.is_ascii_digit()) && !minor.starts_with('0');
    minor.parse().ok().filter(|_| is_plain)
}

/// The `GOOS`, `GOARCH` or `GOOS_GOARCH` that the file's name ends in, if it is not the build's.
fn other_platform<'n>(name: &'n str, context: &BuildContext) -> Option<&'n str> {
    let stem = name.split('.').next().unwrap_or(name);
    // What stands before the first underscore is no platform: linux.go is for all of them.
    let (_, ending) = stem.split_once('_')?;
    let ending = ending.strip_suffix("_test").unwrap_or(ending);
    let (before, last) = ending.rsplit_once('_').map_or(("", ending), |(before, last)| (before, last));
    let os = before.rsplit('_').next().unwrap_or(before);
    if OSES.contains(&os) && ARCHES.contains(&last) {
        let both = &ending[ending.len() - os.len() - 1 - last.len()..];
        return (!context.has(os) || !context.has(last)).then_some(both);
    }
    ((OSES.contains(&last) || ARCHES.contains(&last)) && !context.has(last)).then_some(last)
}

/// Whether a `// +build` line is: one of its options, separated by blanks, of which each term, separated by commas, must hold.
fn is_line_satisfied(line: &str, context: &BuildContext) -> bool {
    let options = line.trim_start_matches('/').trim_start().strip_prefix("+build").unwrap_or_default();
    let holds = |term: &str| match term.strip_prefix('!') {
        Some(tag) => is_tag(tag) && !context.has(tag),
        None => is_tag(term) && context.has(term),
    };
    options.split_whitespace().any(|option| option.split(',').all(holds))
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
}

/// Deeper than any person nests them; the expression comes from a file.
const MAX_DEPTH: usize = 200;

/// Whether the expression of a `//go:build` line is. One that the grammar does not allow is not: such a file can't be built.
fn is_satisfied(expression: &str, context: &BuildContext) -> bool {
    let mut parser = Expression { rest: expression, context };
    parser.any_of(0).filter(|_| parser.rest.trim().is_empty()).unwrap_or(false)
}

/// The rest of an expression. Each method takes its part of it and gives its value; `None` if the grammar does not allow it.
struct Expression<'e> {
    rest: &'e str,
    context: &'e BuildContext,
}

impl Expression<'_> {
    fn any_of(&mut self, depth: usize) -> Option<bool> {
        let mut value = self.all_of(depth)?;
        while self.take("||") {
            value |= self.all_of(depth)?;
        }
        Some(value)
    }

    fn all_of(&mut self, depth: usize) -> Option<bool> {
        let mut value = self.not(depth)?;
        while self.take("&&") {
            value &= self.not(depth)?;
        }
        Some(value)
    }

    fn not(&mut self, depth: usize) -> Option<bool> {
        if !self.take("!") {
            return self.atom(depth);
        }
        // The grammar has no double negation.
        if self.take("!") { None } else { self.atom(depth).map(|value| !value) }
    }

    fn atom(&mut self, depth: usize) -> Option<bool> {
        if self.take("(") {
            let value = (depth < MAX_DEPTH).then(|| self.any_of(depth + 1))??;
            return self.take(")").then_some(value);
        }
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.')).unwrap_or(self.rest.len());
        let (tag, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!tag.is_empty()).then(|| self.context.has(tag))
    }

    /// Takes `token` if it comes next, and the blanks before it either way.
    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// internal/syslist's `KnownOS`: past, present and future values of GOOS that a file's name may end in.
const OSES: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
];

/// Its `UnixOS`. The tag `unix` stands for them in expressions; a file's name may end in `_unix` without meaning it.
const UNIX: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "linux",
    "netbsd",
    "openbsd",
    "solaris",
];

/// Its `KnownArch`.
const ARCHES: &[&str] = &[
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "armbe",
    "arm64",
    "arm64be",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::source::parse;

    fn linux() -> BuildContext {
        BuildContext {
            goos: "linux".into(),
            goarch: "amd64".into(),
            cgo: false,
            tags: ["prod".into(), "amd64.v1".into()].into(),
            minor: Some(26),
        }
    }

    #[test]
    fn an_expression_is_true_or_it_is_not() {
        #[track_caller]
        fn check(expression: &str, expected: bool) {
            assert_eq!(is_satisfied(expression, &linux()), expected, "{expression}");
        }
        check("linux", true);
        check("unix", true);
        check("windows", false);
        check("ignore", false);
        check("gc && !gccgo", true);
        check("linux && !cgo", true);
        check("prod&&amd64", true);
        check("windows || linux && arm64", false);
        check("(windows || linux) && (amd64 || arm64)", true);
        check("!(windows || linux)", false);
        check("\tamd64.v1 ", true);
        check("go1.1 && go1.26 && !go1.27", true);
        check("go1.0 || go1 || go1.26.1 || go1.018", false);
        for broken in ["", "linux windows", "linux &&", "(linux", "linux)", "!!linux", "linux & amd64", "linux, amd64"]
        {
            check(broken, false);
        }
        check(&format!("{}linux{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH)), true);
        check(&format!("{}linux{}", "(".repeat(1 << 20), ")".repeat(1 << 20)), false);
        let unknown = BuildContext { minor: None, ..linux() };
        assert!(is_satisfied("go1.99", &unknown));
        let android = BuildContext { goos: "android".into(), ..linux() };
        assert!(is_satisfied("linux && android && unix && !darwin", &android));
    }

    #[test]
    fn what_leaves_a_file_out_is_said_as_it_is_written() {
        #[track_caller]
        fn check(name: &str, header: &str, expected: Option<&str>) {
            let text = format!("{header}\n\npackage p\n");
            let file = parse(&name.into(), text.as_bytes());
            assert_eq!(file.left_out_by(&linux()).as_deref(), expected, "{name} {header:?}");
        }
        check("path.go", "", None);
        check("path_unix.go", "//go:build unix", None);
        check("path_unix.go", "", None);
        check("path_windows.go", "", Some("file name *_windows.go"));
        check("path_linux.go", "//go:build cgo", Some("//go:build cgo"));
        check("path_linux_arm64.go", "", Some("file name *_linux_arm64.go"));
        check("path_windows_amd64.go", "", Some("file name *_windows_amd64.go"));
        check("path_linux_amd64.go", "", None);
        check("path_linux_arm64_test.go", "", Some("file name *_linux_arm64.go"));
        check("x_arm64_linux.go", "", None);
        check("windows.go", "", None);
        check("windows_amd64.go", "", None);
        check("windows/path.go", "", None);
        check("_windows.go", "", Some("file name _*"));
        check(".x.go", "", Some("file name .*"));
        check("zz_arm64.pb.go", "", Some("file name *_arm64.go"));
        check("gen.go", "//go:build ignore", Some("//go:build ignore"));
        check("old.go", "// +build linux darwin\n// +build !cgo", None);
        check("old.go", "// +build linux darwin\n// +build cgo", Some("// +build cgo"));
        check("old.go", "//+build linux,!amd64 windows", Some("//+build linux,!amd64 windows"));
        check("old.go", "// +build !!linux", Some("// +build !!linux"));
        check("both.go", "//go:build linux\n// +build windows", None);
    }

    #[test]
    fn a_file_that_imports_c_is_in_a_build_with_cgo_alone() {
        let file = parse(&"x.go".into(), b"package p\n\nimport \"C\"\n");
        assert_eq!(file.left_out_by(&linux()).as_deref(), Some("import \"C\" and CGO_ENABLED=0"));
        assert_eq!(file.left_out_by(&BuildContext { cgo: true, ..linux() }), None);
    }

    /// What the go command says of the standard library's files: each one's path, and whether the build takes it in.
    fn listed(context: &BuildContext) -> Vec<(String, bool)> {
        let form = ["+GoFiles", "+CgoFiles", "-IgnoredGoFiles"]
            .map(|kind| format!("{{{{range .{}}}}}{}{{{{$.Dir}}}}/{{{{.}}}}\n{{{{end}}}}", &kind[1..], &kind[..1]));
        let mut go = Command::new("go");
        go.args([
            "list",
            "-tags",
            &Vec::from_iter(context.tags.iter().cloned()).join(","),
            "-f",
            &form.concat(),
            "std",
        ]);
        go.env_remove("GOFLAGS").env("GOTOOLCHAIN", "local").env("GOOS", &context.goos).env("GOARCH", &context.goarch);
        let out = go.env("CGO_ENABLED", if context.cgo { "1" } else { "0" }).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let list = String::from_utf8(out.stdout).unwrap();
        let lines = list.lines().filter(|line| !line.is_empty());
        lines.map(|line| (line[1..].to_owned(), line.starts_with('+'))).collect()
    }

    #[test]
    fn the_go_command_takes_the_same_files_of_the_standard_library() {
        let version = Command::new("go").args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").output();
        let Ok(version) = version else {
            eprintln!("skipped: cannot run go");
            return;
        };
        let version = String::from_utf8(version.stdout).unwrap();
        let minor = version.trim().split('.').nth(1).and_then(|minor| minor.parse().ok());
        assert!(minor.is_some(), "{version}");
        for (goos, goarch, cgo) in [("linux", "amd64", true), ("windows", "arm64", false)] {
            let tags = ["purego".to_owned(), "netgo".to_owned()].into();
            let context = BuildContext { goos: goos.into(), goarch: goarch.into(), cgo, tags, minor };
            let files = listed(&context);
            let mut left_out = 0;
            for (path, taken) in &files {
                let text = std::fs::read(path).unwrap();
                // What matters stands before the first function.
                let head = text.windows(6).position(|w| w == b"\nfunc ").map_or(&*text, |at| &text[..at]);
                let file = parse(&path.as_str().into(), head);
                // Which experiments a release has on is its own choice.
                if file.build_constraint.as_ref().is_some_and(|c| c.contains("goexperiment") || c.contains("amd64.v")) {
                    continue;
                }
                let rule = file.left_out_by(&context);
                assert_eq!(rule.is_none(), *taken, "{path} {rule:?}");
                left_out += usize::from(rule.is_some());
            }
            assert!(files.len() > 1500 && left_out > 500, "{} {left_out}", files.len());
        }
    }
}
