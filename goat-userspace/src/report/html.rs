//! The page for people: the release's changed lines as in a review, each with what is known of it.
//!
//! It stands alone: style and script are in it, nothing else is loaded, and a saved copy still reads. All text from the plan
//! is escaped; the Content-Security-Policy, which a server sends and a frozen page brings along, allows no script but ours,
//! should that ever fail.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write,
};

use super::{ComponentReport, Item, Report, State, Totals, estimate::about, rfc3339};
use crate::{
    DataType,
    plan::{PlanFile, ProbePlan},
};

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Whether the page goes on living.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode<'a> {
    /// It asks its server for news; the number, which no author of a plan can guess, is what the server's
    /// Content-Security-Policy allows script and style by.
    Live(&'a str),
    /// A file of its own, which shows one instant and asks no one.
    Frozen,
}

/// For a frozen page. `frame-ancestors` has no effect in a document (CSP level 3, section 3.3) and is left out.
const FROZEN_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The page of `component`; of the points that are in none, if there is no component at all.
pub fn render(plan: &ProbePlan, report: &Report, component: Option<&ComponentReport>, mode: Mode<'_>) -> String {
    let items = component.map_or(&[][..], |component| &component.items);
    let totals = component.map(|component| component.totals).unwrap_or_default();
    let number = component.map(|component| component.id.to_string()).unwrap_or_default();
    fill(PAGE, |name, out| match name {
        "policy" => policy(mode, out),
        "style" => style(mode, out),
        "script" => script(mode, out),
        "instant" => instant(report, mode, out),
        "app" => escape(&report.name, out),
        "version" => escape(&report.version, out),
        "component" => escape(component.map_or("no component", |component| &component.name), out),
        "number" => out.push_str(&number),
        "items" => out.push_str(&items.len().to_string()),
        "type" => out.push_str(if report.data_type == DataType::Bool { "bool" } else { "count" }),
        "rate" => out.push_str(&totals.rate().to_string()),
        "covered" => out.push_str(&totals.covered.to_string()),
        "total" => out.push_str(&totals.total.to_string()),
        "commits" => commits(plan, out),
        // Links need a server.
        "components" if mode == Mode::Frozen => {}
        "components" => components(report, component, out),
        "warnings" => warnings(plan, out),
        "bar" => bar(totals, out),
        "legend" => legend(totals, out),
        "files" => files(plan, report, items, out),
        other => unreachable!("page.html has a gap {other:?} that html.rs does not know"),
    })
}

fn policy(mode: Mode<'_>, out: &mut String) {
    if mode == Mode::Frozen {
        let _ = writeln!(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"{FROZEN_POLICY}\">");
    }
}

fn style(mode: Mode<'_>, out: &mut String) {
    let _ = match mode {
        Mode::Live(nonce) => write!(out, "<style nonce=\"{nonce}\">\n{STYLE}</style>"),
        Mode::Frozen => write!(out, "<style>\n{STYLE}</style>"),
    };
}

fn script(mode: Mode<'_>, out: &mut String) {
    if let Mode::Live(nonce) = mode {
        let _ = writeln!(out, "<script nonce=\"{nonce}\">\n{SCRIPT}</script>");
    }
}

/// When the counters of a frozen page were read.
fn instant(report: &Report, mode: Mode<'_>, out: &mut String) {
    if mode == Mode::Frozen {
        let at = rfc3339(report.taken);
        let _ = write!(out, " <small>as of <time datetime=\"{at}\">{} {} UTC</time></small>", &at[..10], &at[11..19]);
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

/// Safe as text and inside quoted attributes.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A browser drops or guesses at control characters; a reader should see that one is there.
            c if c.is_control() && c != '\t' && c != '\n' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, &mut out);
    out
}

fn commits(plan: &ProbePlan, out: &mut String) {
    let short = |commit: &str| escaped(&commit.chars().take(8).collect::<String>());
    let old = plan.app.old_commit.as_deref().map_or_else(|| "nothing".into(), short);
    let _ = write!(out, "{old}<span class=\"vh\"> to </span><span aria-hidden=\"true\"> → </span>");
    let _ = write!(out, "{}, by {}", short(&plan.app.new_commit), plan.granularity);
}

fn components(report: &Report, shown: Option<&ComponentReport>, out: &mut String) {
    if report.components.len() < 2 {
        return;
    }
    out.push_str("<nav aria-label=\"Components\"><ul>");
    for component in &report.components {
        let current = if shown.is_some_and(|shown| shown.id == component.id) { " aria-current=\"page\"" } else { "" };
        let name = escaped(&component.name);
        let own = if report.component == Some(component.id) { " <small>this binary</small>" } else { "" };
        let _ = write!(out, "<li><a href=\"?component={}\"{current}>{name}{own}</a></li>", component.id);
    }
    out.push_str("</ul></nav>");
}

fn warnings(plan: &ProbePlan, out: &mut String) {
    for warning in &plan.warnings {
        let _ = write!(out, "<p class=\"warning\"><strong>Warning:</strong> {}</p>", escaped(warning));
    }
}

/// One segment per state. Widths are attributes of SVG, which the policy allows, where `style` is not.
fn bar(totals: Totals, out: &mut String) {
    let all: usize = State::ALL.iter().map(|&state| totals.in_state(state)).sum();
    let mut x = 0;
    for state in State::ALL {
        let width = (totals.in_state(state) * 1000).checked_div(all).unwrap_or(0);
        let _ =
            write!(out, "<rect data-bar=\"{}\" x=\"{x}\" y=\"0\" width=\"{width}\" height=\"10\"/>", state.as_str());
        x += width;
    }
}

fn legend(totals: Totals, out: &mut String) {
    for state in State::ALL {
        let (word, count) = (state.as_str(), totals.in_state(state));
        let _ = write!(
            out,
            "<li data-state=\"{word}\"><span class=\"mark\" aria-hidden=\"true\">{}</span> \
             <b data-total=\"{word}\">{count}</b> {}</li>",
            mark(state),
            state.words()
        );
    }
}

/// Every file with a point of this component, or of none, or with nothing to observe.
fn files(plan: &ProbePlan, report: &Report, items: &[Item], out: &mut String) {
    let elsewhere: HashSet<_> = report.components.iter().flat_map(|c| &c.items).map(|item| &item.file).collect();
    let mut by_file: HashMap<_, Vec<&Item>> = HashMap::new();
    for item in items.iter().chain(&report.no_component) {
        by_file.entry(&item.file).or_default().push(item);
    }
    for file in &plan.files {
        let here = by_file.remove(&file.path).unwrap_or_default();
        if here.is_empty() && elsewhere.contains(&file.path) {
            continue;
        }
        let totals = Totals::of(here.iter().copied());
        let path = escaped(file.path.as_str());
        let open = if totals.total + totals.unobservable > 0 { " open" } else { "" };
        let _ = write!(out, "<details class=\"file\"{open}><summary><h2>{path}</h2><span data-file=\"{path}\">");
        let _ = match (totals.total, here.is_empty()) {
            (0, true) => write!(out, "nothing to observe"),
            (0, false) => write!(out, "nothing that can be observed"),
            (total, _) => write!(out, "{}/{total} covered", totals.covered),
        };
        out.push_str("</span></summary><ol>");
        lines(file, &here, report.data_type, out);
        out.push_str("</ol></details>\n");
    }
}

fn lines(file: &PlanFile, items: &[&Item], data_type: DataType, out: &mut String) {
    let mut text: BTreeMap<u32, &str> = file.source.iter().map(|source| (source.line, &*source.text)).collect();
    let mut owners: BTreeMap<u32, &Item> = BTreeMap::new();
    let mut branches: BTreeMap<u32, Vec<&Item>> = BTreeMap::new();
    for &item in items {
        for line in item.lines.iter() {
            owners.entry(line).or_insert(item);
            text.entry(line).or_default();
        }
        if item.lines.is_empty() {
            branches.entry(item.line).or_default().push(item);
            text.entry(item.line).or_default();
        }
    }
    let mut before: Option<(u32, Option<u32>)> = None;
    for (&line, text) in &text {
        let owner = owners.get(&line).copied();
        if before.is_some_and(|(last, _)| last + 1 < line) {
            out.push_str("<li class=\"gap\"><span class=\"vh\">lines left out</span></li>");
        }
        let kind = match owner {
            Some(_) => "changed",
            None if file.no_code.contains(line) => "changed none",
            None if file.changed.contains(line) => "changed elsewhere",
            None => "context",
        };
        let _ = write!(out, "<li class=\"{kind}\"");
        if let Some(item) = owner {
            subject(item, out);
        }
        let _ = write!(out, "><span class=\"no\">{line}</span>");
        match owner {
            Some(item) => mark_of(item, out),
            None => out.push_str("<span class=\"mark\"></span>"),
        }
        let _ = write!(out, "<code>{}</code>", escaped(text));
        // What is known of a point stands once in each of its runs of lines.
        let new_run = before != owner.and_then(|item| Some((line.checked_sub(1)?, Some(item.id))));
        if let Some(item) = owner.filter(|_| new_run) {
            let _ = write!(out, "<span class=\"say\">{}</span>", escaped(&say(item, data_type)));
        }
        for item in branches.get(&line).into_iter().flatten() {
            out.push_str("<span class=\"branch\" data-prefix=\"this branch: \"");
            subject(item, out);
            out.push('>');
            mark_of(item, out);
            let _ = write!(out, "<span class=\"say\">this branch: {}</span></span>", escaped(&say(item, data_type)));
        }
        out.push_str("</li>");
        before = Some((line, owner.map(|item| item.id)));
    }
}

fn subject(item: &Item, out: &mut String) {
    let _ = write!(out, " data-point=\"{}\" data-state=\"{}\"", item.id, item.state.as_str());
}

fn mark_of(item: &Item, out: &mut String) {
    let (mark, words) = (mark(item.state), item.state.words());
    let _ = write!(out, "<span class=\"mark\" role=\"img\" aria-label=\"{words}\">{mark}</span>");
}

/// What is known of a point, in words. The script says it in the same words.
fn say(item: &Item, data_type: DataType) -> String {
    let mut text = match (item.state, data_type) {
        (State::Covered, DataType::Bool) => "ran".into(),
        (State::Covered, DataType::Count) if item.estimate.is_some() => format!("{} ×", about(item.count)),
        (State::Covered, DataType::Count) => format!("{} ×", item.count),
        (state, _) => state.words().to_string(),
    };
    if let Some(first) = item.first_hit {
        let at = rfc3339(first);
        let _ = write!(text, ", first {} {} UTC", &at[..10], &at[11..19]);
    }
    let why = item.why();
    if !why.is_empty() {
        let _ = write!(text, " ({why})");
    }
    text
}

fn mark(state: State) -> &'static str {
    match state {
        State::Covered => "✓",
        State::NotExecuted => "✗",
        State::NotArmed => "!",
        State::Unobservable => "?",
        State::Excluded => "–",
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::{
        counts::{Armed, Counts, SlotCount},
        plan::sample,
        report,
    };

    fn page(plan: &ProbePlan, data_type: DataType) -> String {
        let mut counts = Counts::none(plan.sites.len(), UNIX_EPOCH);
        let first_hit = Some(UNIX_EPOCH + Duration::from_millis(1_795_253_844_123));
        counts.slots[0] = SlotCount { hits: 12, first_hit, armed: Armed::Armed, sampled: None };
        let report = report::new(plan, &counts, data_type);
        render(plan, &report, report.components.last(), Mode::Live("0123"))
    }

    /// The text of the page's line, tags left out.
    fn line(page: &str, number: u32) -> String {
        let (_, rest) = page.split_once(&format!("<span class=\"no\">{number}</span>")).expect("the line is there");
        let (line, _) = rest.split_once("</li>").expect("the line ends");
        line.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect::<Vec<_>>().join("")
    }

    #[test]
    fn each_changed_line_says_what_is_known_of_it() {
        let page = page(&sample::plan(), DataType::Count);
        let check = |number, expected: &str| assert_eq!(line(&page, number), expected);
        check(9, "\tline9(a &lt; b &amp;&amp; &quot;&lt;i&gt;&quot;)");
        check(10, "✓\tline10(a &lt; b &amp;&amp; &quot;&lt;i&gt;&quot;)12 ×, first 2026-11-21 09:37:24 UTC");
        check(11, "✓\tline11(a &lt; b &amp;&amp; &quot;&lt;i&gt;&quot;)");
        check(12, "✗\tline12(a &lt; b &amp;&amp; &quot;&lt;i&gt;&quot;)not executed");
        check(13, "\tline13(a &lt; b &amp;&amp; &quot;&lt;i&gt;&quot;)");
        assert!(
            line(&page, 14)
                .ends_with("unobservable (speculated: its instructions run whether or not the branch is taken)")
        );
        assert!(line(&page, 20).ends_with("excluded (//go:build windows)"));
        assert!(page.contains("<span data-file=\"cart.go\">1/2 covered</span>"));
        assert!(page.contains("<title>50% shop 1.1.0</title>"));
    }

    #[test]
    fn not_executed_says_where_it_could_not_look() {
        let page = page(&sample::plan_with_blind_copies(), DataType::Bool);
        assert!(line(&page, 12).ends_with("not executed (4 of 5 copies can&#39;t be observed)"), "{}", line(&page, 12));
    }

    #[test]
    fn bool_does_not_claim_to_have_counted() {
        assert!(line(&page(&sample::plan(), DataType::Bool), 10).ends_with("ran, first 2026-11-21 09:37:24 UTC"));
    }

    #[test]
    fn a_branch_stands_at_its_first_line() {
        let mut plan = sample::plan();
        plan.points[1].lines = crate::lines::LineSet::new();
        plan.points[1].span = crate::lines::LineRange::new(9, 9);
        assert!(line(&page(&plan, DataType::Bool), 9).ends_with("✗this branch: not executed"));
    }

    #[test]
    fn nothing_of_a_plan_becomes_markup() {
        const EVIL: &str = "</script><img src=x onerror='a\"{{script}}'>\u{0}";
        let mut plan = sample::plan();
        plan.app = crate::plan::AppInfo {
            name: EVIL.into(),
            version: EVIL.into(),
            old_commit: Some(EVIL.into()),
            new_commit: EVIL.into(),
            new_time: 0,
        };
        plan.components.iter_mut().for_each(|component| component.name = EVIL.into());
        plan.files.iter_mut().for_each(|file| {
            file.path = format!("{}{EVIL}", file.path).into();
            file.source.iter_mut().for_each(|source| source.text = EVIL.into());
        });
        plan.points.iter_mut().for_each(|point| (point.function, point.kind) = (EVIL.into(), EVIL.into()));
        plan.points[3].status = crate::plan::Status::Excluded(crate::plan::Excluded::Excluded, EVIL.into());
        plan.warnings = vec![EVIL.into()];
        let page = page(&plan, DataType::Bool);
        assert!(page.contains("&lt;/script&gt;&lt;img src=x onerror=&#39;a&quot;{{script}}&#39;&gt;\u{fffd}"));
        assert!(!page.contains("<img") && !page.contains('\0'));
        assert_eq!(page.matches("<script").count(), 1);
        assert_eq!(page.matches("</script>").count(), 1);
    }

    #[test]
    fn a_commit_that_is_no_hash_does_no_harm() {
        let mut plan = sample::plan();
        plan.app.new_commit = "ééééééééé".into();
        assert!(page(&plan, DataType::Bool).contains("éééééééé, by patch"));
    }

    #[test]
    fn without_components_there_is_a_page_still() {
        let mut plan = sample::plan();
        (plan.component, plan.components) = (None, vec![]);
        let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        let page = render(&plan, &report, None, Mode::Live("0123"));
        assert!(line(&page, 12).ends_with("not executed"));
        assert!(page.contains("data-component=\"\""));
    }

    #[test]
    fn all_that_the_page_needs_is_in_it() {
        let page = page(&sample::plan(), DataType::Bool);
        assert!(!page.contains("{{"), "a gap was left");
        for word in ["http://", "https://", "src=", "@import", "url(", " style=", " onclick="] {
            assert!(!page.contains(word), "{word}");
        }
        assert_eq!(page.matches("nonce=\"0123\"").count(), 2);
    }

    #[test]
    fn a_frozen_page_runs_no_script_and_says_when_it_was_taken() {
        let plan = sample::plan();
        let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        let page = render(&plan, &report, report.components.last(), Mode::Frozen);
        assert!(page.contains("<time datetime=\"1970-01-01T00:00:00.000Z\">1970-01-01 00:00:00 UTC</time>"));
        for word in ["{{", "<script", "nonce", "<nav", "http://", "https://"] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"));
        assert!(line(&page, 12).ends_with("not executed"));
    }
}
