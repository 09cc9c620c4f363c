//! What a file's comments tell the compiler: whether to build it, and what to call its lines.

/// The file's build constraint: the expression of `//go:build`, or else its `// +build` lines. `header` is the text up to the
/// package clause. Rules as in go/build/constraint and go/build's shouldBuild.
pub(super) fn build_constraint(header: &[u8]) -> Option<String> {
    let header = String::from_utf8_lossy(header);
    let mut in_comment = false;
    // `// +build` lines count only up to the header's last blank line: behind it begins the package's comment.
    let mut plus_build: Vec<(bool, &str)> = Vec::new();
    for line in header.lines().map(str::trim) {
        if in_comment {
            in_comment = !line.contains("*/");
        } else if line.is_empty() {
            plus_build.iter_mut().for_each(|(counts, _)| *counts = true);
        } else if let Some(expression) = line.strip_prefix("//go:build") {
            if expression.starts_with([' ', '\t']) {
                return Some(expression.trim().to_owned());
            }
        } else if let Some(rest) = line.strip_prefix("//") {
            if rest.trim_start().strip_prefix("+build").is_some_and(|tags| tags.starts_with([' ', '\t'])) {
                plus_build.push((false, line));
            }
        } else if let Some(rest) = line.strip_prefix("/*") {
            in_comment = !rest.contains("*/");
        }
    }
    let lines: Vec<&str> = plus_build.into_iter().filter(|(counts, _)| *counts).map(|(_, line)| line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Whether a comment that begins in `column` (from 1) is `//line FILE:LINE[:COLUMN]` or `/*line FILE:LINE:COLUMN*/`.
/// See "Line directives" in cmd/compile's documentation.
pub(super) fn is_line_directive(comment: &[u8], column: u32) -> bool {
    let name = match comment {
        [b'/', b'/', b'l', b'i', b'n', b'e', b' ', rest @ ..] if column == 1 => rest,
        [b'/', b'*', b'l', b'i', b'n', b'e', b' ', rest @ .., b'*', b'/'] => rest,
        _ => return false,
    };
    let number = name.trim_ascii_end().rsplit(|&byte| byte == b':').next().unwrap_or_default();
    name.contains(&b':') && !number.is_empty() && number.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_build_constraint_as_go_build_does() {
        #[track_caller]
        fn check(header: &str, expected: Option<&str>) {
            assert_eq!(build_constraint(header.as_bytes()).as_deref(), expected, "{header}");
        }
        check("", None);
        check("//go:build linux && !cgo\n\n", Some("linux && !cgo"));
        check("// Copyright\n\n//go:build\tignore\n// +build ignore\n\n", Some("ignore"));
        check("//go:buildx linux\n", None);
        check("// +build linux darwin\n// +build !cgo\n\n", Some("// +build linux darwin\n// +build !cgo"));
        check("//+build linux\n\n// Package p\n", Some("//+build linux"));
        check("// +build linux\n", None);
        check("/* //go:build linux\n//go:build windows\n*/\n//go:build arm64\n", Some("arm64"));
    }

    #[test]
    fn knows_line_directives() {
        #[track_caller]
        fn check(comment: &str, column: u32, expected: bool) {
            assert_eq!(is_line_directive(comment.as_bytes(), column), expected, "{comment} {column}");
        }
        check("//line foo.y:12", 1, true);
        check("//line foo.y:12:3\r", 1, true);
        check("//line :1", 1, true);
        check("//line foo.y:12", 2, false);
        check("// line foo.y:12", 1, false);
        check("//line numbers are kept", 1, false);
        check("//lines a:1", 1, false);
        check("/*line foo.y:12:3*/", 9, true);
        check("/*line up*/", 9, false);
    }
}
