//! The page for people: the release's changed lines as in a review, each with what is known of it.
//!
//! It stands alone: style and script are in it, nothing else is loaded, and a saved copy still reads. Without its script it is
//! whole, and stands still. All text from the plan is escaped; the Content-Security-Policy, which a server sends and a frozen
//! page brings along, allows no script but ours, should that ever fail.

mod diff;
mod overview;
mod plot;
mod policy;
mod text;
mod tracing;
mod tree;

use std::fmt::Write;

use self::{diff::Change, text::escape};
use super::{ComponentReport, Item, Report, Totals, rfc3339};
use crate::{DataType, plan::ProbePlan, status::Status};
pub use policy::policy;

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = concat!("\n", include_str!("html/style.css"));
/// One script, in the order in which its parts need one another.
const SCRIPT: &str = concat!(
    "\n\"use strict\";\n(() => {\n",
    include_str!("html/points.js"),
    include_str!("html/plot.js"),
    include_str!("html/filter.js"),
    include_str!("html/keys.js"),
    include_str!("html/tracing.js"),
    include_str!("html/live.js"),
    "})();\n"
);

/// What is shown.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The lines.
    pub plan: &'a ProbePlan,
    /// What is known of them.
    pub report: &'a Report,
    /// Whose points; `None` for those that are in none, if there is no component at all.
    pub component: Option<&'a ComponentReport>,
    /// How the tracing does, if it goes on.
    pub status: Option<&'a Status>,
    /// Where news come from; `None` for a file of its own, which shows one instant and asks no one.
    pub live: Option<Live<'a>>,
}

/// Where a page gets its news.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// The events' URL, from the page's own.
    pub events: &'a str,
    /// The place in the events from which on there are news for this page.
    pub place: &'a str,
    /// The plan's tag: under another one this page is another.
    pub plan: &'a str,
}

impl<'a> Page<'a> {
    fn items(&self) -> &'a [Item] {
        self.component.map_or(&self.report.no_component, |component| &component.items)
    }

    fn totals(&self) -> Totals {
        self.component.map_or_else(|| Totals::of(self.items()), |component| component.totals)
    }
}

/// The page.
pub fn render(page: &Page<'_>) -> String {
    let Page { plan, report, component, status, live } = *page;
    let change = Change::of(page);
    let totals = page.totals();
    let number = component.map(|component| component.id.to_string()).unwrap_or_default();
    fill(PAGE, |name, out| match name {
        "policy" => own_policy(live, out),
        "style" => out.push_str(STYLE),
        "script" => out.push_str(SCRIPT),
        "instant" => instant(report, live, out),
        "app" => escape(&report.name, out),
        "version" => escape(&report.version, out),
        "component" => escape(component.map_or("no component", |component| &component.name), out),
        "number" => out.push_str(&number),
        "events" => escape(live.map_or("", |live| live.events), out),
        "place" => escape(live.map_or("", |live| live.place), out),
        "plan" => escape(live.map_or("", |live| live.plan), out),
        "type" => out.push_str(if report.data_type == DataType::Bool { "bool" } else { "count" }),
        // Of nothing there is no share: 0% would say that something has not run.
        "rate" | "percent" if totals.total == 0 => out.push_str(if name == "rate" { "–" } else { "" }),
        "rate" => out.push_str(&totals.rate().to_string()),
        "percent" => out.push('%'),
        "sentence" => overview::sentence(totals, out),
        "commits" => overview::commits(plan, out),
        // Links need a server.
        "components" if live.is_none() => {}
        "components" => overview::components(report, component, out),
        "warnings" => overview::warnings(plan, status, out),
        "bar" => overview::bar(totals, out),
        "legend" => overview::legend(totals, out),
        "plot" => plot::svg(page, out),
        "data" => plot::data(page, out),
        "tracing" => tracing::section(status, out),
        "tree" => tree::files(&change, out),
        "files" => diff::files(&change, report.data_type, out),
        other => unreachable!("page.html has a gap {other:?} that html.rs does not know"),
    })
}

fn own_policy(live: Option<Live<'_>>, out: &mut String) {
    if live.is_none() {
        let _ = writeln!(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">", policy());
    }
}

/// When the counters of a frozen page were read.
fn instant(report: &Report, live: Option<Live<'_>>, out: &mut String) {
    if live.is_none() {
        let at = rfc3339(report.taken);
        let _ = write!(out, "<p>as of <time datetime=\"{at}\">{}</time></p>", text::clock(report.taken));
    }
}

/// `template` with each `{{name}}` replaced by what `write` writes for it. What is written is not searched again.
fn fill(template: &str, write: impl Fn(&str, &mut String)) -> String {
    let mut out = String::with_capacity(template.len() + STYLE.len() + SCRIPT.len());
    let mut rest = template;
    while let Some((before, (name, after))) = rest.split_once("{{").and_then(|(a, b)| Some((a, b.split_once("}}")?))) {
        out.push_str(before);
        write(name, &mut out);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
