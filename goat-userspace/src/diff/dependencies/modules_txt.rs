//! vendor/modules.txt: which packages of which module lie in a vendor directory (cmd/go/internal/modcmd/vendor.go).

use std::collections::BTreeMap;

/// A vendored module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Vendored {
    /// The version that is asked for.
    pub(super) version: String,
    /// Its packages, by import path.
    pub(super) packages: Vec<String>,
}

/// The modules that have packages in the vendor directory, by path.
pub(super) fn read(text: &str) -> BTreeMap<String, Vendored> {
    let mut modules: BTreeMap<String, Vendored> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with("## ") {
            continue;
        }
        let Some(head) = line.strip_prefix("# ") else {
            if let Some(module) = current.as_ref().and_then(|path| modules.get_mut(path)) {
                module.packages.push(line.to_owned());
            }
            continue;
        };
        let mut words = head.split_whitespace();
        // A line without a version repeats a replacement, and has no packages.
        current = match (words.next(), words.next()) {
            (Some(path), Some(version)) if version != "=>" => {
                modules.insert(path.to_owned(), Vendored { version: version.to_owned(), packages: Vec::new() });
                Some(path.to_owned())
            }
            _ => None,
        };
    }
    modules.retain(|_, module| !module.packages.is_empty());
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_module_has_its_packages() {
        let found = read(
            "## workspace\n# x.org/a v1.0.0\n## explicit; go 1.21\nx.org/a\nx.org/a/b\n# x.org/none v1.1.0\n## explicit\n\
             # x.org/c v0.1.0 => x.org/fork v0.2.0\nx.org/c/d\n# x.org/e v0.0.0 => ./e\nx.org/e\n# x.org/e => ./e\n",
        );
        let expected = [
            ("x.org/a", "v1.0.0", vec!["x.org/a", "x.org/a/b"]),
            ("x.org/c", "v0.1.0", vec!["x.org/c/d"]),
            ("x.org/e", "v0.0.0", vec!["x.org/e"]),
        ];
        let expected = expected.map(|(path, version, packages)| {
            let packages = packages.into_iter().map(str::to_owned).collect();
            (path.to_owned(), Vendored { version: version.to_owned(), packages })
        });
        assert_eq!(found, BTreeMap::from(expected));
        assert_eq!(read("x.org/stray\n"), BTreeMap::new());
    }
}
