//! The report as GitHub Actions' workflow commands: what a job prints becomes annotations at the lines of a pull request.
//!
//! How text is escaped: `command.ts` of @actions/core. GitHub shows ten warnings and ten notices of a step, so that lines one
//! after the other, in one state for one reason, share a command.

use std::fmt::Write;

use super::{Item, Points, State};
use crate::lines::LineSet;

/// A warning for what did not run or was not armed, a notice for what can't be observed, and one in the end with the numbers.
pub fn render(points: &Points<'_>) -> String {
    let mut out = String::new();
    for (file, items) in points.by_file() {
        let wanted: Vec<_> = items.iter().copied().filter(|item| command(item.state).is_some()).collect();
        for group in wanted.chunk_by(|a, b| is_one(a, b)) {
            let Some((item, command)) = group.first().and_then(|item| Some((*item, command(item.state)?))) else {
                continue;
            };
            let lines: LineSet = group.iter().flat_map(|item| item.shown_lines()).collect();
            let (Some(first), Some(last)) = (lines.runs().first(), lines.runs().last()) else { continue };
            let file = property(file.as_str());
            let title = property(&format!("goat: {}", item.state.words()));
            let why = item.why();
            let text = match item.state {
                State::NotExecuted => format!("{lines} of {} did not run", item.function),
                State::NotArmed => format!("{lines} of {}: no probe could be set", item.function),
                _ => format!("{lines} of {}: no one can tell whether it ran", item.function),
            };
            let text = if why.is_empty() { text } else { format!("{text} ({why})") };
            // Writing to a String fails at nothing.
            let _ = writeln!(
                out,
                "::{command} file={file},line={},endLine={},title={title}::{}",
                first.first,
                last.last,
                message(&text)
            );
        }
    }
    let _ = writeln!(out, "::notice title=goat::{}", message(&format!("{}: {}", points.title(), points.sentence())));
    out
}

fn command(state: State) -> Option<&'static str> {
    match state {
        State::NotExecuted | State::NotArmed => Some("warning"),
        State::Unobservable => Some("notice"),
        State::Covered | State::Excluded => None,
    }
}

/// Whether one command can tell of both.
fn is_one(a: &Item, b: &Item) -> bool {
    let key = |item: &Item| (item.state, item.reason.clone(), item.function.clone());
    key(a) == key(b) && b.span().0 <= a.span().1.saturating_add(1)
}

/// `escapeData`.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// `escapeProperty`.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, report};

    #[test]
    fn what_did_not_run_is_a_warning_at_its_lines() {
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots[0].hits = 7;
        let report = report::new(&sample::plan(), &counts, DataType::Count);
        let expected = "\
::warning file=cart.go,line=12,endLine=12,title=goat%3A not executed::12 of (*Cart).Add did not run
::notice file=cart.go,line=14,endLine=14,title=goat%3A unobservable::14 of Total: no one can tell whether it ran (speculated: its instructions run whether or not the branch is taken)
::notice title=goat::shop 1.1.0, cmd/shopd: 50%25, 1 of 2 points covered, 1 not executed, 1 unobservable, 1 excluded
";
        assert_eq!(render(&report.points("").unwrap()), expected);
    }

    #[test]
    fn neighbours_share_a_command() {
        let report = report::new(&sample::plan(), &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        let text = render(&report.points("").unwrap());
        let expected = "::warning file=cart.go,line=10,endLine=12,title=goat%3A not executed::10-12 of (*Cart).Add";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn names_cannot_forge_commands() {
        for (text, escaped_data, escaped_property) in [
            ("a::b", "a::b", "a%3A%3Ab"),
            ("100%\n::error::x", "100%25%0A::error::x", "100%25%0A%3A%3Aerror%3A%3Ax"),
            ("a,line=1\r", "a,line=1%0D", "a%2Cline=1%0D"),
            ("%0A", "%250A", "%250A"),
        ] {
            assert_eq!((&*message(text), &*property(text)), (escaped_data, escaped_property));
        }
    }
}
