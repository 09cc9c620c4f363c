//! What is said of a comparison that leaves nothing to observe: which rules left how many files out, and what to change.

use std::{collections::BTreeMap, fmt::Write};

use super::say;
use crate::diff::ChangeSet;

/// As many rules are named; in a repository of many modules each has one of its own.
const MOST_RULES: usize = 10;

/// Warns where no line of the change is left.
pub(super) fn warn(changes: &ChangeSet) {
    if let Some(text) = explain(changes) {
        say::warning(&text);
    }
}

/// `None` if there is something to observe.
fn explain(changes: &ChangeSet) -> Option<String> {
    if !changes.files.is_empty() {
        return None;
    }
    let old = changes.old.as_ref().map_or("INIT", |old| &*old.spec);
    let new = &changes.new.spec;
    if changes.filtered.is_empty() {
        return Some(format!("nothing to observe from {} to {new}: no line of a Go file is new", named(old)));
    }
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in changes.filtered.values() {
        *rules.entry(rule).or_default() += 1;
    }
    let mut text = format!("nothing to observe from {} to {new}: every changed Go file is left out", named(old));
    let mut by_number: Vec<_> = rules.into_iter().collect();
    by_number.sort_by_key(|(rule, files)| (usize::MAX - files, *rule));
    for (rule, files) in by_number.iter().take(MOST_RULES) {
        let advice = advice(rule).map(|advice| format!(": {advice}")).unwrap_or_default();
        write!(text, "\n  {files:>5}  {rule}{advice}").expect("a String takes every write");
    }
    if let Some(more) = by_number.len().checked_sub(MOST_RULES).filter(|more| *more > 0) {
        write!(text, "\n         and {more} more rules (`goat track` lists all)").expect("a String takes every write");
    }
    Some(text)
}

fn named(spec: &str) -> &str {
    if spec.is_empty() { "HEAD" } else { spec }
}

/// How to have the files in that `rule` leaves out, where that can be had.
fn advice(rule: &str) -> Option<String> {
    if let Some(module) = rule.strip_prefix("other module: ") {
        return Some(format!("put `skipNestedModules: false` into goat.yaml, or give --repo {module}"));
    }
    if let Some(entry) = rule.strip_prefix("ignores: ") {
        return Some(format!("take {entry} out of `ignores` in goat.yaml"));
    }
    Some(match rule {
        "test file" => "tests are no part of a release".to_owned(),
        "submodule" => "give the submodule's own repository as --repo".to_owned(),
        "Git LFS pointer" => "commit the file itself, not by way of LFS".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Revision;

    fn changes(old: Option<&str>, rules: &[&str]) -> ChangeSet {
        let revision =
            |spec: &str| Revision { spec: spec.into(), commit: "0".repeat(40), short: "0".repeat(7), time: 0 };
        ChangeSet {
            old: old.map(revision),
            new: revision("v2"),
            files: Vec::new(),
            filtered: rules.iter().zip(0..).map(|(rule, n)| (format!("{n}.go").into(), (*rule).into())).collect(),
            modules: BTreeMap::new(),
            components: Vec::new(),
            dependencies: Vec::new(),
        }
    }

    #[test]
    fn every_rule_is_named_with_what_to_change() {
        let check = |changes: &ChangeSet, expected: &str| assert_eq!(explain(changes).as_deref(), Some(expected));
        check(&changes(Some("v1"), &[]), "nothing to observe from v1 to v2: no line of a Go file is new");
        check(&changes(Some(""), &[]), "nothing to observe from HEAD to v2: no line of a Go file is new");
        check(
            &changes(None, &["test file", "vendor", "other module: tools", "ignores: gen", "ignores: gen"]),
            "nothing to observe from INIT to v2: every changed Go file is left out
      2  ignores: gen: take gen out of `ignores` in goat.yaml
      1  other module: tools: put `skipNestedModules: false` into goat.yaml, or give --repo tools
      1  test file: tests are no part of a release
      1  vendor",
        );
        let many: Vec<String> = (0..13).map(|n| format!("other module: m{n}")).collect();
        let many = explain(&changes(None, &many.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
        assert!(many.ends_with("and 3 more rules (`goat track` lists all)"), "{many}");
        assert_eq!(many.lines().count(), 2 + MOST_RULES);
    }
}
