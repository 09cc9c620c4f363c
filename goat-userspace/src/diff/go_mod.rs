//! The `module` directive of a `go.mod` file, all that a comparison needs of it.

/// The module path that `text` declares; `None` if it declares none, which the go command takes as a directory that is
/// no module's part all the same.
pub(super) fn module_path(text: &str) -> Option<String> {
    let text = without_block_comments(text);
    let mut lines = text.lines().map(|line| line.split("//").next().unwrap_or(line).trim());
    let rest = lines.by_ref().find_map(|line| {
        let rest = line.strip_prefix("module")?;
        rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '"' | '`' | '(')).then_some(rest.trim())
    })?;
    // The grammar of go.mod lets every directive be a block: module ( path ).
    let path = match rest.strip_prefix('(') {
        Some(first) => std::iter::once(first.trim()).chain(lines).find(|line| !line.is_empty())?,
        None => rest,
    };
    let path = path.strip_suffix(')').unwrap_or(path).trim();
    let quoted = |quote| path.strip_prefix(quote)?.strip_suffix(quote);
    let path = quoted('"').or_else(|| quoted('`')).unwrap_or(path);
    (!path.is_empty()).then(|| path.to_owned())
}

/// The text without block comments. The go command refuses them in `go.mod`; the changed lines can be found all the same.
fn without_block_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("/*") {
        // In a line comment or a string, `/*` opens nothing.
        let line = &rest[rest[..start].rfind('\n').map_or(0, |at| at + 1)..start];
        let (end, kept) = if line.contains("//") || line.contains('"') || line.contains('`') {
            (start + 2, start + 2)
        } else {
            (rest[start..].find("*/").map_or(rest.len(), |at| start + at + 2), start)
        };
        out.push_str(&rest[..kept]);
        rest = &rest[end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_module_path() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(module_path(text).as_deref(), expected, "{text:?}");
        };
        check("module example.com/shop\n\ngo 1.21\n", Some("example.com/shop"));
        check("// module no\r\nmodule example.com/shop // Deprecated: use v2\r\n", Some("example.com/shop"));
        check("go 1.21\nmodule \"example.com/shop\"\n", Some("example.com/shop"));
        check("module `example.com/shop`", Some("example.com/shop"));
        check("module\t(\n\t// why\n\texample.com/shop\n)\n", Some("example.com/shop"));
        check("module ( example.com/shop )\n", Some("example.com/shop"));
        check("/* a licence\nmodule no\n*/\nmodule example.com/shop\n", Some("example.com/shop"));
        check("// see a/*\nmodule example.com/shop\n// */\n", Some("example.com/shop"));
        check("/* never closed\nmodule no\n", None);
        check("modules no\nrequire module no\n", None);
        check("module \"\"\n", None);
        check("module (\n", None);
        check("", None);
    }
}
