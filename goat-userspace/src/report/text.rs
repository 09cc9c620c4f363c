//! The report for people: what did not run, file by file, and why, where no one can tell. What `goat run` and `goat track` print.

use std::{
    collections::HashMap,
    fmt::{Result, Write},
};

use super::{ComponentReport, Item, Report, State, Totals, points::explain};
use crate::{
    lines::{LineRange, LineSet},
    paths::RepoPath,
    style::{Style, Tone, printable},
};

/// The binary's own component; every component if goat does not know which one the binary is. Then the points of none.
pub fn render(report: &Report, style: Style) -> String {
    let own = report.component.and_then(|id| report.components.get(id as usize));
    let components: Vec<_> = own.map_or(&report.components[..], std::slice::from_ref).iter().collect();
    let mut out = self::components(report, &components, style);
    if !report.no_component.is_empty() {
        // Writing to a String fails at nothing.
        let _ = write!(out, "{}", if components.is_empty() { "" } else { "\n" });
        let _ = summary("in no component", Totals::of(&report.no_component), style, &mut out);
        let _ = files(&report.no_component, style, &mut out);
    }
    out
}

/// These `components` of `report`.
pub fn components(report: &Report, components: &[&ComponentReport], style: Style) -> String {
    let mut out = String::new();
    for (place, component) in components.iter().enumerate() {
        let title =
            format!("{} {}, {}", printable(&report.name), printable(&report.version), printable(&component.name));
        let _ = write!(out, "{}", if place > 0 { "\n" } else { "" });
        let _ = summary(&title, component.totals, style, &mut out);
        let _ = files(&component.items, style, &mut out);
    }
    out
}

fn summary(title: &str, totals: Totals, style: Style, out: &mut String) -> Result {
    let Totals { total, covered, .. } = totals;
    write!(out, "{}: ", style.paint(Tone::Strong, title))?;
    if total == 0 {
        write!(out, "nothing to observe")?;
    } else {
        let tone = if covered == total { Tone::Good } else { Tone::Bad };
        write!(out, "{} of {total} points covered", style.paint(tone, &format!("{}%, {covered}", totals.rate())))?;
    }
    for state in [State::NotExecuted, State::NotArmed, State::Unobservable, State::Excluded] {
        if totals.in_state(state) > 0 {
            write!(out, ", {}", style.paint(tone(state), &format!("{} {}", totals.in_state(state), state.words())))?;
        }
    }
    writeln!(out)
}

/// `items` are in the order of their files.
fn files(items: &[Item], style: Style, out: &mut String) -> Result {
    for items in items.chunk_by(|a, b| a.file == b.file) {
        let totals = Totals::of(items);
        let path: &RepoPath = &items[0].file;
        write!(out, "\n{}", style.paint(Tone::Strong, &printable(path.as_str())))?;
        if totals.total > 0 {
            let tone = if totals.covered == totals.total { Tone::Good } else { Tone::Dim };
            write!(out, "  {}", style.paint(tone, &format!("{}/{} covered", totals.covered, totals.total)))?;
        }
        writeln!(out)?;
        table(&rows(items), style, out)?;
    }
    Ok(())
}

/// Points of one file that did not run for one reason, in one function.
struct Row<'a> {
    state: State,
    reason: Option<&'a str>,
    function: &'a str,
    lines: LineSet,
}

fn rows(items: &[Item]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut places = HashMap::new();
    for item in items {
        // How an excluded file is divided does not matter to anyone.
        let function = if item.state == State::Excluded { "" } else { &*item.function };
        let reason = item.reason.as_deref();
        if item.state == State::Covered && reason.is_none() {
            continue;
        }
        let place = *places.entry((item.state, reason, function)).or_insert_with(|| {
            rows.push(Row { state: item.state, reason, function, lines: LineSet::new() });
            rows.len() - 1
        });
        // A branch has no changed line of its own: its first line stands for it.
        let branch = [LineRange::new(item.line, item.line)];
        let lines = if item.lines.is_empty() { &branch } else { item.lines.runs() };
        lines.iter().for_each(|&run| rows[place].lines.insert(run));
    }
    rows.sort_by_key(|row| row.lines.runs().first().map(|run| run.first));
    rows
}

fn table(rows: &[Row<'_>], style: Style, out: &mut String) -> Result {
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0).min(40);
    let cells: Vec<_> =
        rows.iter().map(|row| (row.state.words(), row.lines.to_string(), printable(row.function))).collect();
    let state_width = width(&mut cells.iter().map(|(state, ..)| state.len()));
    let lines_width = width(&mut cells.iter().map(|(_, lines, _)| lines.len()));
    let function_width = width(&mut cells.iter().map(|(.., function)| function.chars().count()));
    for (row, (state, lines, function)) in rows.iter().zip(&cells) {
        let reason = row.reason.map(|reason| explain(row.state.beside(reason))).unwrap_or_default();
        let state = style.paint(tone(row.state), &format!("{state:<state_width$}")).into_owned();
        let line = format!("  {state}  {lines:<lines_width$}  {function:<function_width$}  {}", printable(&reason));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn tone(state: State) -> Tone {
    match state {
        State::Covered => Tone::Good,
        State::NotExecuted => Tone::Bad,
        State::NotArmed | State::Unobservable => Tone::Doubt,
        State::Excluded => Tone::Dim,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{
        DataType,
        counts::{Armed, Counts},
        plan::sample,
        report,
    };

    #[test]
    fn what_did_not_run_is_listed_with_its_lines() {
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots[0].hits = 1;
        let expected = "\
shop 1.1.0, cmd/shopd: 50%, 1 of 2 points covered, 1 not executed, 1 unobservable, 1 excluded

cart.go  1/2 covered
  not executed  12  (*Cart).Add
  unobservable  14  Total        speculated: its instructions run whether or not the branch is taken

ctl.go
  excluded  20    //go:build windows

in no component: nothing to observe, 1 excluded

ctl.go
  excluded  22    other-component: no main package imports it
";
        assert_eq!(render(&report::new(&sample::plan(), &counts, DataType::Bool), Style::PLAIN), expected);
    }

    #[test]
    fn not_executed_says_where_it_could_not_look() {
        let report = report::new(&sample::plan_with_blind_copies(), &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        let text = render(&report, Style::PLAIN);
        assert!(text.contains("\n  not executed  12     (*Cart).Add  4 of 5 copies can't be observed\n"), "{text}");
    }

    #[test]
    fn points_of_one_function_and_reason_share_a_row() {
        let expected = "\
shop 1.1.0, cmd/shopd: 0%, 0 of 2 points covered, 2 not armed, 1 unobservable, 1 excluded

cart.go  0/2 covered
  not armed     10-11  (*Cart).Add  2 of 2 sites
";
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots.iter_mut().for_each(|slot| slot.armed = Armed::NotArmed);
        let text = render(&report::new(&sample::plan(), &counts, DataType::Bool), Style::PLAIN);
        assert!(text.starts_with(expected), "{text}");
        let text = render(&report::new(&sample::plan(), &Counts::none(3, UNIX_EPOCH), DataType::Bool), Style::PLAIN);
        assert!(text.contains("\n  not executed  10-12  (*Cart).Add\n"), "{text}");
    }

    #[test]
    fn a_binary_of_no_component_shows_them_all() {
        let mut plan = sample::plan();
        plan.component = None;
        let text = render(&report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool), Style::PLAIN);
        assert!(text.contains("1.1.0, cmd/shopctl: ") && text.contains("1.1.0, cmd/shopd: "), "{text}");
    }

    #[test]
    fn colours_come_only_when_asked_for_and_never_from_the_plan() {
        let mut plan = sample::plan();
        plan.points[1].function = "\x1b[2J".into();
        let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        assert!(!render(&report, Style::PLAIN).contains('\x1b'));
        assert!(render(&report, Style { color: true }).contains("\x1b[31mnot executed\x1b[0m"));
    }
}
