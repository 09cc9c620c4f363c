//! The change as in a review: files, runs of lines, and what is known of each changed one.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write,
};

use super::{
    Page,
    text::{escaped, mark, say},
};
use crate::{
    DataType,
    plan::PlanFile,
    report::{Item, Totals},
};

/// The files that a page shows.
pub(super) struct Change<'a> {
    pub(super) files: Vec<ChangedFile<'a>>,
}

/// A file with the points of the shown component, and of none.
pub(super) struct ChangedFile<'a> {
    pub(super) file: &'a PlanFile,
    pub(super) totals: Totals,
    /// In the order of their first points.
    pub(super) functions: Vec<Function<'a>>,
    items: Vec<&'a Item>,
    /// The functions' places by name.
    places: HashMap<&'a str, usize>,
}

/// A function and its points.
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) line: u32,
    pub(super) totals: Totals,
}

impl<'a> Change<'a> {
    /// Every file with a point of this component, or of none, or with nothing to observe.
    pub(super) fn of(page: &Page<'a>) -> Self {
        let (plan, report) = (page.plan, page.report);
        let elsewhere: HashSet<_> = report.components.iter().flat_map(|c| &c.items).map(|item| &item.file).collect();
        let mut by_file: HashMap<_, Vec<&Item>> = HashMap::new();
        let own = page.component.map_or(&[][..], |component| &component.items);
        for item in own.iter().chain(&report.no_component) {
            by_file.entry(&item.file).or_default().push(item);
        }
        let shown = plan.files.iter().filter_map(|file| {
            let items = by_file.remove(&file.path).unwrap_or_default();
            (!items.is_empty() || !elsewhere.contains(&file.path)).then(|| ChangedFile::new(file, items))
        });
        Self { files: shown.collect() }
    }
}

impl<'a> ChangedFile<'a> {
    fn new(file: &'a PlanFile, items: Vec<&'a Item>) -> Self {
        let mut functions: Vec<(&str, u32, Vec<&Item>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for &item in &items {
            let at = *places.entry(&item.function).or_insert(functions.len());
            match functions.get_mut(at) {
                Some((_, _, items)) => items.push(item),
                None => functions.push((&item.function, item.span().0, vec![item])),
            }
        }
        let functions = functions
            .into_iter()
            .map(|(name, line, items)| Function { name, line, totals: Totals::of(items) })
            .collect();
        Self { file, totals: Totals::of(items.iter().copied()), functions, items, places }
    }

    fn function_of(&self, item: &Item) -> usize {
        self.places.get(&*item.function).copied().unwrap_or(0)
    }

    /// `3/5 covered`.
    pub(super) fn sum(&self) -> String {
        match (self.totals.total, self.items.is_empty()) {
            (0, true) => "nothing to observe".into(),
            (0, false) => "nothing that can be observed".into(),
            (total, _) => format!("{}/{total} covered", self.totals.covered),
        }
    }
}

pub(super) fn files(change: &Change<'_>, data_type: DataType, out: &mut String) {
    for (number, changed) in change.files.iter().enumerate() {
        let Totals { total, covered, unobservable, .. } = changed.totals;
        let open = if total + unobservable > 0 { " open" } else { "" };
        let path = escaped(changed.file.path.as_str());
        let rows = Rows::of(changed);
        // Until it is near the screen a browser lays nothing of a file out; this is how high it takes it to be.
        let height = rows.text.len().max(1).ilog2().min(12);
        let _ = write!(
            out,
            "<details class=\"file h{height}\" id=\"f{number}\" data-path=\"{path}\"{open}><summary><h2>{path}</h2>\
             <span class=\"sum\">{}</span>",
            changed.sum()
        );
        if total > 0 {
            let _ = write!(out, "<progress value=\"{covered}\" max=\"{total}\" aria-hidden=\"true\"></progress>");
        }
        out.push_str("</summary>");
        lines(number, changed, &rows, data_type, out);
        out.push_str("</details>\n");
    }
}

/// What stands at which line.
struct Rows<'a> {
    text: BTreeMap<u32, &'a str>,
    owners: HashMap<u32, &'a Item>,
    branches: HashMap<u32, Vec<&'a Item>>,
}

impl<'a> Rows<'a> {
    fn of(changed: &ChangedFile<'a>) -> Self {
        let source = changed.file.source.iter().map(|source| (source.line, &*source.text));
        let mut rows = Self { text: source.collect(), owners: HashMap::new(), branches: HashMap::new() };
        for &item in &changed.items {
            for line in item.lines.iter() {
                rows.owners.entry(line).or_insert(item);
                rows.text.entry(line).or_default();
            }
            if item.lines.is_empty() {
                rows.branches.entry(item.line).or_default().push(item);
                rows.text.entry(item.line).or_default();
            }
        }
        rows
    }

    /// The lines in runs without a gap.
    fn hunks(&self) -> Vec<Vec<u32>> {
        let numbers: Vec<u32> = self.text.keys().copied().collect();
        numbers.chunk_by(|a, b| a + 1 == *b).map(<[u32]>::to_vec).collect()
    }
}

fn lines(number: usize, changed: &ChangedFile<'_>, rows: &Rows<'_>, data_type: DataType, out: &mut String) {
    let file = changed.file;
    for hunk in rows.hunks() {
        heading(&hunk, rows, out);
        out.push_str("<ol>");
        let mut before: Option<u32> = None;
        for line in hunk {
            let owner = rows.owners.get(&line).copied();
            let text = rows.text.get(&line).copied().unwrap_or_default();
            let kind = match owner {
                Some(_) => "changed",
                None if file.no_code.contains(line) => "none",
                None if file.changed.contains(line) => "elsewhere",
                None => "context",
            };
            match (owner, kind) {
                // Most lines are context: no more than they need.
                (None, "context") => {
                    let _ = write!(out, "<li><i>{line}</i>");
                }
                (None, _) => {
                    let what = "<span class=\"mark\" role=\"img\" aria-label=\"changed, nothing to observe\">+</span>";
                    let _ = write!(out, "<li class=\"{kind}\"><i>{line}</i>{what}");
                }
                (Some(item), _) => {
                    let _ = write!(out, "<li id=\"f{number}-{line}\"");
                    subject(changed, item, out);
                    let _ = write!(out, "><i>{line}</i>");
                    mark_of(item, out);
                }
            }
            let _ = write!(out, "<code>{}</code>", escaped(text));
            // What is known of a point stands once in each of its runs of lines.
            if let Some(item) = owner.filter(|item| before != Some(item.id)) {
                let _ = write!(out, "<span class=\"say\">{}</span>", escaped(&say(item, data_type)));
            }
            for item in rows.branches.get(&line).into_iter().flatten() {
                out.push_str("<span class=\"branch\" data-prefix=\"this branch: \"");
                subject(changed, item, out);
                out.push('>');
                mark_of(item, out);
                let _ =
                    write!(out, "<span class=\"say\">this branch: {}</span></span>", escaped(&say(item, data_type)));
            }
            out.push_str("</li>");
            before = owner.map(|item| item.id);
        }
        out.push_str("</ol>");
    }
}

/// `lines 31 to 57 · (*Cart).Add, clamp`.
fn heading(hunk: &[u32], rows: &Rows<'_>, out: &mut String) {
    let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { return };
    let _ = write!(out, "<h3>lines {first}–{last}");
    let mut named: Vec<&str> = Vec::new();
    for item in hunk.iter().filter_map(|line| rows.owners.get(line)) {
        if !named.contains(&&*item.function) {
            named.push(&item.function);
        }
    }
    for (place, name) in named.iter().take(3).enumerate() {
        let _ = write!(out, "{}<span>{}</span>", if place == 0 { " · " } else { ", " }, escaped(name));
    }
    if named.len() > 3 {
        let _ = write!(out, " and {} more", named.len() - 3);
    }
    out.push_str("</h3>");
}

fn subject(changed: &ChangedFile<'_>, item: &Item, out: &mut String) {
    let function = changed.function_of(item);
    let _ = write!(out, " data-point=\"{}\" data-state=\"{}\" data-fn=\"{function}\"", item.id, item.state.as_str());
}

fn mark_of(item: &Item, out: &mut String) {
    let (mark, words) = (mark(item.state), item.state.words());
    let _ = write!(out, "<span class=\"mark\" role=\"img\" aria-label=\"{words}\">{mark}</span>");
}
