//! The report as Cobertura's XML (its DTD: coverage-04.dtd), for Jenkins, GitLab, Azure and diff-cover.
//!
//! A package is a directory, a class a file. Branches and complexity, which goat does not measure, are 0 as the DTD asks for them.

use std::{collections::BTreeMap, time::SystemTime};

use super::{Points, line_hits::line_hits, xml::Element};
use crate::paths::RepoPath;

/// The lines that can be observed. Paths are from the repository's root.
pub fn render(points: &Points<'_>) -> String {
    let mut packages: BTreeMap<&str, Vec<Class<'_>>> = BTreeMap::new();
    for (file, items) in points.by_file() {
        let hits = line_hits(items);
        if !hits.is_empty() {
            packages.entry(file.dir()).or_default().push(Class { file, hits });
        }
    }
    let all = packages.values().flatten().fold(Lines::default(), Lines::and);
    let since = points.report.taken.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    rated(Element::new("coverage"), all)
        .with("lines-covered", all.covered)
        .with("lines-valid", all.valid)
        .with("branches-covered", 0)
        .with("branches-valid", 0)
        .with("version", concat!("goat ", env!("CARGO_PKG_VERSION")))
        .with("timestamp", since.as_millis())
        .child(Element::new("sources").child(Element::new("source").text(".")))
        .child(Element::new("packages").children(packages.iter().map(|(dir, classes)| package(dir, classes))))
        .document()
}

/// A file and its lines.
struct Class<'a> {
    file: &'a RepoPath,
    hits: BTreeMap<u32, u64>,
}

#[derive(Clone, Copy, Default)]
struct Lines {
    valid: usize,
    covered: usize,
}

impl Lines {
    fn and(self, class: &Class<'_>) -> Self {
        let covered = class.hits.values().filter(|&&hits| hits > 0).count();
        Self { valid: self.valid + class.hits.len(), covered: self.covered + covered }
    }
}

fn package(dir: &str, classes: &[Class<'_>]) -> Element {
    let name = if dir.is_empty() { "." } else { dir };
    let classes_of = Element::new("classes").children(classes.iter().map(class));
    rated(Element::new("package").with("name", name), classes.iter().fold(Lines::default(), Lines::and))
        .child(classes_of)
}

fn class(class: &Class<'_>) -> Element {
    let lines = class
        .hits
        .iter()
        .map(|(number, hits)| Element::new("line").with("number", number).with("hits", hits).with("branch", "false"));
    let element = Element::new("class").with("name", class.file.name()).with("filename", class.file);
    rated(element, Lines::default().and(class))
        .child(Element::new("methods"))
        .child(Element::new("lines").children(lines))
}

/// The attributes that every level has.
fn rated(element: Element, Lines { valid, covered }: Lines) -> Element {
    let rate = if valid == 0 { 0.0 } else { covered as f64 / valid as f64 };
    element.with("line-rate", format_args!("{rate:.4}")).with("branch-rate", 0).with("complexity", 0)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, report};

    #[test]
    fn directories_are_packages_and_files_classes() {
        let mut plan = sample::plan();
        plan.files[0].path = "internal/cart/cart.go".into();
        let mut counts = Counts::none(3, UNIX_EPOCH + Duration::from_secs(9));
        counts.slots[0].hits = 7;
        let report = report::new(&plan, &counts, DataType::Count);
        let expected = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<coverage line-rate="0.6667" branch-rate="0" complexity="0" lines-covered="2" lines-valid="3" branches-covered="0" branches-valid="0" version="goat {}" timestamp="9000">
  <sources>
    <source>.</source>
  </sources>
  <packages>
    <package name="internal/cart" line-rate="0.6667" branch-rate="0" complexity="0">
      <classes>
        <class name="cart.go" filename="internal/cart/cart.go" line-rate="0.6667" branch-rate="0" complexity="0">
          <methods/>
          <lines>
            <line number="10" hits="7" branch="false"/>
            <line number="11" hits="7" branch="false"/>
            <line number="12" hits="0" branch="false"/>
          </lines>
        </class>
      </classes>
    </package>
  </packages>
</coverage>
"#,
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(render(&report.points("").unwrap()), expected);
    }
}
