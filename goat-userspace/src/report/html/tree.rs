//! Files and their functions, each with how much of it has run.

use std::fmt::Write;

use super::{
    diff::{Change, ChangedFile},
    text::escaped,
};
use crate::report::Totals;

/// With more files than this, functions are folded away.
const UNFOLDED: usize = 12;

pub(super) fn files(change: &Change<'_>, out: &mut String) {
    let open = if change.files.len() <= UNFOLDED { " open" } else { "" };
    out.push_str("<ul>");
    for (number, changed) in change.files.iter().enumerate() {
        file(number, changed, open, out);
    }
    out.push_str("</ul>");
}

fn file(number: usize, changed: &ChangedFile<'_>, open: &str, out: &mut String) {
    let path = escaped(changed.file.path.as_str());
    let (directory, name) = path.rsplit_once('/').map_or(("", &*path), |(directory, name)| (directory, name));
    let slash = if directory.is_empty() { "" } else { "/" };
    let label = format!("<a href=\"#f{number}\"><span class=\"dir\">{directory}{slash}</span><wbr>{name}</a>");
    let _ = write!(out, "<li data-file=\"{number}\">");
    if changed.functions.is_empty() {
        let _ = write!(out, "<p>{label}<span class=\"sum\">–</span></p></li>");
        return;
    }
    let _ = write!(out, "<details{open}><summary>{label}");
    share(changed.totals, out);
    out.push_str("</summary><ul>");
    for (place, function) in changed.functions.iter().enumerate() {
        let name = if function.name.is_empty() { "package".into() } else { escaped(function.name) };
        let _ = write!(out, "<li data-fn=\"{place}\"><a href=\"#f{number}-{}\">{name}</a>", function.line);
        share(function.totals, out);
        out.push_str("</li>");
    }
    out.push_str("</ul></details></li>");
}

fn share(totals: Totals, out: &mut String) {
    let Totals { covered, total, .. } = totals;
    let _ = match total {
        0 => write!(out, "<span class=\"sum\">–</span>"),
        _ => write!(
            out,
            "<span class=\"sum\">{covered}/{total}</span><progress value=\"{covered}\" max=\"{total}\" aria-hidden=\"true\"></progress>"
        ),
    };
}
