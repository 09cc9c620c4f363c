//! The report as a comment on a pull request, in GitHub's Markdown: numbers first, then, file by file, what did not run.
//!
//! Names and reasons are others' text: each character of theirs that Markdown or HTML would obey is a character reference.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use super::{Item, Points, State, rfc3339};
use crate::{
    lines::LineSet,
    plan::{PlanFile, ProbePlan},
};

/// GitHub takes comments of 65 536 characters; the rest is for what the poster writes around it.
const MAX_CHARS: usize = 60_000;

/// With a plan, the lines that did not run are shown. Where all is too long for a comment, first the lines and then the last
/// files are left out, and it says so.
pub fn render(points: &Points<'_>, plan: Option<&ProbePlan>) -> String {
    let mut out = head(points);
    let files = |plan: Option<&ProbePlan>| -> Vec<String> {
        points.by_file().filter_map(|(_, items)| file(items, plan)).collect()
    };
    let mut room = MAX_CHARS.saturating_sub(out.chars().count());
    let mut parts = files(plan);
    if plan.is_some() && parts.iter().map(|part| part.chars().count()).sum::<usize>() > room {
        parts = files(None);
    }
    for (place, part) in parts.iter().enumerate() {
        let Some(left) = room.checked_sub(part.chars().count()) else {
            let more = parts.len() - place;
            // Writing to a String fails at nothing.
            let _ = writeln!(out, "\n{more} more files with lines that did not run are left out here.");
            break;
        };
        room = left;
        out.push_str(part);
    }
    out
}

fn head(points: &Points<'_>) -> String {
    let totals = points.totals();
    let mut out = String::new();
    let title = match totals.total {
        0 if totals.unobservable > 0 => "nothing of this change can be observed".to_owned(),
        0 => "this change has nothing to observe".to_owned(),
        _ if totals.covered == totals.total => "every line of this change that can be observed has run".to_owned(),
        _ => format!("{}% of this change has run", totals.rate()),
    };
    let _ = writeln!(out, "### goat: {title}\n\n{}, {} UTC\n", Text(&points.title()), instant(points));
    let _ = writeln!(out, "| points | |\n| --- | ---: |");
    for state in State::ALL {
        let count = totals.in_state(state);
        if count > 0 || matches!(state, State::Covered | State::NotExecuted) {
            let _ = writeln!(out, "| {} {} | {count} |", mark(state), state.words());
        }
    }
    out
}

fn instant(points: &Points<'_>) -> String {
    rfc3339(points.report.taken).chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// What did not run in a file; `None` if nothing is to be said of it.
fn file(items: &[&Item], plan: Option<&ProbePlan>) -> Option<String> {
    let told: Vec<&Item> = items.iter().copied().filter(|item| is_told(item.state)).collect();
    let path = &told.first()?.file;
    let covered = items.iter().filter(|item| item.state == State::Covered).count();
    let total = items.iter().filter(|item| item.is_observable()).count();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n<details><summary><code>{}</code>: {covered} of {total} covered</summary>\n",
        Text(path.as_str())
    );
    let _ = writeln!(out, "| | lines | function | |\n| --- | --- | --- | --- |");
    for (first, lines) in rows(&told) {
        let (mark, words, why) = (mark(first.state), first.state.words(), first.why());
        let function = Text(&first.function);
        let _ = writeln!(out, "| {mark} | {lines} | <code>{function}</code> | {words}{} |", Behind(&why));
    }
    let source = plan.and_then(|plan| plan.files.iter().find(|file| file.path == *path));
    if let Some(source) = source {
        code(source, &told, &mut out);
    }
    out.push_str("\n</details>\n");
    Some(out)
}

fn is_told(state: State) -> bool {
    matches!(state, State::NotExecuted | State::NotArmed | State::Unobservable)
}

/// Points one after the other, of one function, in one state for one reason: the first of them, and the lines of all.
fn rows<'a>(items: &[&'a Item]) -> Vec<(&'a Item, LineSet)> {
    let key = |item: &'a Item| (item.state, &item.reason, &item.function);
    let runs = items.chunk_by(|a, b| key(a) == key(b));
    let row = |run: &[&'a Item]| Some((*run.first()?, run.iter().flat_map(|item| item.shown_lines()).collect()));
    runs.filter_map(row).collect()
}

/// The lines in a block of code, with their numbers and states.
fn code(file: &PlanFile, items: &[&Item], out: &mut String) {
    let mut states = BTreeMap::new();
    for item in items {
        for line in item.shown_lines() {
            states.entry(line).or_insert(item.state);
        }
    }
    let told: Vec<_> = file.source.iter().filter_map(|source| Some((*states.get(&source.line)?, source))).collect();
    if told.is_empty() {
        return;
    }
    // Longer than any run of backticks in it: CommonMark 0.31, section 4.5.
    let longest = told.iter().flat_map(|(_, s)| s.text.split(|c| c != '`')).map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    // `diff` is the language that GitHub colours line by line.
    let _ = writeln!(out, "\n{fence}diff");
    let mut before = None;
    for (state, source) in told {
        if before.is_some_and(|before| before + 1 < source.line) {
            let _ = writeln!(out, "  ...");
        }
        before = Some(source.line);
        let sign = if state == State::Unobservable { '!' } else { '-' };
        let text: String = source.text.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        let _ = writeln!(out, "{sign} {:>5} {text}", source.line);
    }
    let _ = writeln!(out, "{fence}");
}

fn mark(state: State) -> &'static str {
    match state {
        State::Covered => "✅",
        State::NotExecuted => "❌",
        State::NotArmed => "⚠️",
        State::Unobservable => "❔",
        State::Excluded => "➖",
    }
}

/// Text as it is: entities are never structure, in Markdown (CommonMark 0.31, section 2.5) as in HTML.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '/' | '.' | ',' | ' ' | '-' | '(' | ')' => f.write_char(c),
            // `@` and `#` too: GitHub makes mentions and links of them.
            c if c.is_ascii_punctuation() => write!(f, "&#{};", u32::from(c)),
            c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER),
            c => f.write_char(c),
        })
    }
}

/// The same behind a comma, or nothing.
struct Behind<'a>(&'a str);

impl fmt::Display for Behind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", {}", Text(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, report};

    fn comment(plan: &ProbePlan, with_plan: bool) -> String {
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots[0].hits = 7;
        let report = report::new(plan, &counts, DataType::Count);
        render(&report.points("").unwrap(), with_plan.then_some(plan))
    }

    #[test]
    fn numbers_come_first_and_then_what_did_not_run() {
        let expected = "\
### goat: 50% of this change has run

shop 1.1.0, cmd/shopd, 1970-01-01 00:00 UTC

| points | |
| --- | ---: |
| ✅ covered | 1 |
| ❌ not executed | 1 |
| ❔ unobservable | 1 |
| ➖ excluded | 1 |

<details><summary><code>cart.go</code>: 1 of 2 covered</summary>

| | lines | function | |
| --- | --- | --- | --- |
| ❌ | 12 | <code>(&#42;Cart).Add</code> | not executed |
| ❔ | 14 | <code>Total</code> | unobservable, speculated&#58; its instructions run whether or not the branch is taken |

```diff
-    12 \tline12(a < b && \"<i>\")
  ...
!    14 \tline14(a < b && \"<i>\")
```

</details>
";
        assert_eq!(comment(&sample::plan(), true), expected);
        let (head, rest) = expected.split_once("\n```diff").unwrap();
        let (_, tail) = rest.split_once("```\n").unwrap();
        assert_eq!(comment(&sample::plan(), false), format!("{head}{tail}"));
    }

    #[test]
    fn nothing_of_a_plan_becomes_markdown() {
        const EVIL: &str = "</code>|`*_[x](y)_*` @everyone #1\n\n# x <script>";
        let mut plan = sample::plan();
        plan.app.name = EVIL.into();
        plan.files[0].path = EVIL.into();
        plan.points[1].function = EVIL.into();
        plan.files[0].source.iter_mut().for_each(|source| source.text = format!("```` {EVIL}").into());
        let text = comment(&plan, true);
        let (outside, rest) = text.split_once("\n`````diff\n").unwrap();
        let (code, behind) = rest.split_once("\n`````\n").unwrap();
        assert!(
            !outside.contains("<script>") && !outside.contains("@everyone") && !outside.contains("[x]"),
            "{outside}"
        );
        assert_eq!(code.lines().count(), 3);
        assert_eq!(behind, "\n</details>\n");
    }

    #[test]
    fn a_comment_is_no_longer_than_github_takes() {
        let mut plan = sample::plan();
        plan.files[0].source.iter_mut().for_each(|source| source.text = "x".repeat(MAX_CHARS).into());
        assert_eq!(comment(&plan, true), comment(&plan, false));
        plan.points[1].function = "x".repeat(MAX_CHARS).into();
        let text = comment(&plan, true);
        assert!(
            text.len() < MAX_CHARS && text.ends_with("\n1 more files with lines that did not run are left out here.\n")
        );
    }
}
