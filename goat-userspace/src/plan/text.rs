//! The plan for people: per changed line where it is observed, or why not. What `goat plan` prints.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use super::{Blind, PlanFile, Point, ProbePlan, Site, Status};
use crate::{
    lines::LineSet,
    style::{Style, Tone, printable},
};

/// The plan as lines of text.
pub fn text(plan: &ProbePlan, style: Style) -> String {
    let mut out = String::new();
    // Writing to a String fails at nothing.
    let _ = summary(plan, style, &mut out);
    let mut points: Vec<Vec<&Point>> = vec![Vec::new(); plan.files.len()];
    for point in &plan.points {
        if let Some(points) = points.get_mut(point.file as usize) {
            points.push(point);
        }
    }
    for (file, points) in plan.files.iter().zip(points) {
        let _ = section(plan, file, &points, style, &mut out);
    }
    out
}

fn summary(plan: &ProbePlan, style: Style, out: &mut String) -> std::fmt::Result {
    let sum = plan.summary();
    let component = plan.component.and_then(|id| plan.components.get(id as usize));
    let title = format!("{} {}", printable(&plan.app.name), printable(&plan.app.version));
    write!(out, "{}", style.paint(Tone::Strong, &title))?;
    if let Some(component) = component {
        write!(out, ", {}", printable(&component.name))?;
    }
    writeln!(out, ": {} changed lines with code, {} without", sum.changed_lines, sum.no_code_lines)?;
    writeln!(
        out,
        "{} points by {}: {} observable, {} unobservable, {} excluded",
        sum.points, plan.granularity, sum.observable, sum.unobservable, sum.excluded
    )?;
    write!(out, "{} sites in {} copies, {} of them on emulated instructions", sum.sites, sum.instances, sum.emulated)?;
    if sum.fault_sites > 0 {
        write!(out, ", and {} whose faults count", sum.fault_sites)?;
    }
    match sum.blind {
        0 => writeln!(out)?,
        blind => writeln!(out, "; {blind} more copies cannot be observed")?,
    }
    dependencies(plan, out)?;
    for warning in &plan.warnings {
        writeln!(out, "{} {}", style.paint(Tone::Doubt, "warning:"), printable(warning))?;
    }
    Ok(())
}

/// `2 dependencies changed`, and each of them.
fn dependencies(plan: &ProbePlan, out: &mut String) -> std::fmt::Result {
    match plan.dependencies.len() {
        0 => return Ok(()),
        1 => writeln!(out, "1 dependency changed")?,
        n => writeln!(out, "{n} dependencies changed")?,
    }
    let width = plan.dependencies.iter().map(|d| d.path.chars().count()).max().unwrap_or_default();
    for dependency in &plan.dependencies {
        let change = match &dependency.old {
            Some(old) => format!("{} -> {}", printable(old), printable(&dependency.new)),
            None => format!("new, {}", printable(&dependency.new)),
        };
        let lines = match plan.lines_of(dependency) {
            0 => "no changed line with code in the binary".to_owned(),
            1 => "1 changed line with code".to_owned(),
            n => format!("{n} changed lines with code"),
        };
        writeln!(out, "  {:<width$}  {change}, {lines}", printable(&dependency.path))?;
    }
    Ok(())
}

/// One row of a file: the lines that it is about, and what is to be said of them.
struct Row<'a> {
    first: u32,
    lines: String,
    said: Said<'a>,
}

enum Said<'a> {
    Point(&'a Point),
    NoCode,
    Unassigned,
}

fn section<'a>(
    plan: &'a ProbePlan,
    file: &'a PlanFile,
    points: &[&'a Point],
    style: Style,
    out: &mut String,
) -> std::fmt::Result {
    let mut answered: LineSet = file.no_code.clone();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for run in file.no_code.runs() {
        let lines: LineSet = (run.first..=run.last).collect();
        rows.push(Row { first: run.first, lines: lines.to_string(), said: Said::NoCode });
    }
    for &point in points {
        for run in point.lines.runs() {
            answered.insert(*run);
        }
        let first = point.lines.runs().first().map_or(point.span.first, |run| run.first);
        let lines = if point.lines.is_empty() { point.span.first.to_string() } else { point.lines.to_string() };
        rows.push(Row { first, lines, said: Said::Point(point) });
    }
    let unassigned: LineSet = file.changed.iter().filter(|&line| !answered.contains(line)).collect();
    if let Some(run) = unassigned.runs().first() {
        rows.push(Row { first: run.first, lines: unassigned.to_string(), said: Said::Unassigned });
    }
    rows.sort_by_key(|row| row.first);
    writeln!(out, "\n{}", style.paint(Tone::Strong, &printable(file.path.as_str())))?;
    let width = rows.iter().map(|row| row.lines.len()).max().unwrap_or(0).min(16);
    for row in &rows {
        write!(out, "  {:<width$}  ", row.lines)?;
        match row.said {
            Said::NoCode => writeln!(out, "{}", style.paint(Tone::Dim, "no code"))?,
            Said::Unassigned => writeln!(out, "{}", style.paint(Tone::Bad, "in no point"))?,
            Said::Point(point) => {
                write!(out, "#{} {} {}", point.id, printable(&point.kind), printable(&point.function))?;
                status(plan, point, width, style, out)?;
            }
        }
    }
    Ok(())
}

fn status(plan: &ProbePlan, point: &Point, width: usize, style: Style, out: &mut String) -> std::fmt::Result {
    let instances = match &point.status {
        Status::Observed(instances) => instances,
        Status::Unobservable(reason) => {
            let reason = format!("unobservable: {} ({})", reason.as_str(), reason.explain());
            return writeln!(out, "  {}", style.paint(Tone::Doubt, &reason));
        }
        Status::Excluded(..) => {
            let reason = point.status.reason().unwrap_or_default();
            return writeln!(out, "  {}", style.paint(Tone::Dim, &printable(&reason)));
        }
    };
    writeln!(out)?;
    for instance in instances {
        for site in instance.sites.iter().filter_map(|&slot| plan.sites.get(slot as usize)) {
            let Site { address, class, condition, fallback, .. } = site;
            write!(out, "  {:width$}    {address}  {:<8}  ", "", class.as_str())?;
            write!(out, "{}", printable(&instance.function))?;
            if instance.inlined {
                write!(out, "{}", style.paint(Tone::Dim, " (inlined copy)"))?;
            }
            if let Some(condition) = condition {
                let condition = condition.name(&plan.identity.arch);
                write!(out, "{}", style.paint(Tone::Dim, &format!(" (if flags satisfy {condition})")))?;
            }
            if let Some(fallback) = fallback {
                write!(
                    out,
                    "{}",
                    style.paint(Tone::Dim, &format!(" (or {} {})", fallback.address, fallback.class.as_str()))
                )?;
            }
            writeln!(out)?;
        }
    }
    if !point.blind.is_empty() {
        writeln!(out, "  {:width$}    {}", "", style.paint(Tone::Dim, &printable(&unobserved(&point.blind))))?;
    }
    Ok(())
}

/// As many functions are named for a point.
const MOST_FUNCTIONS: usize = 5;

/// `+ 2 copies cannot be observed (speculated): f, g`. Without a hit elsewhere the point may still have run there.
fn unobserved(copies: &[Blind]) -> String {
    let reasons: BTreeSet<&str> = copies.iter().map(|copy| copy.reason.as_str()).collect();
    let reasons: Vec<&str> = reasons.into_iter().collect();
    let mut functions: BTreeMap<&str, usize> = BTreeMap::new();
    for copy in copies {
        *functions.entry(&copy.function).or_default() += 1;
    }
    let times = |(function, copies): (&&str, &usize)| match copies {
        1 => (*function).to_owned(),
        _ => format!("{function} ({copies})"),
    };
    let mut names: Vec<String> = functions.iter().take(MOST_FUNCTIONS).map(times).collect();
    if let Some(more) = functions.len().checked_sub(MOST_FUNCTIONS).filter(|more| *more > 0) {
        names.push(format!("{more} more functions"));
    }
    let noun = if copies.len() == 1 { "copy" } else { "copies" };
    format!("+ {} {noun} cannot be observed ({}): {}", copies.len(), reasons.join(", "), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample;

    #[test]
    fn each_changed_line_has_its_site_or_its_reason() {
        let expected = "\
shop 1.1.0, cmd/shopd: 7 changed lines with code, 1 without
6 points by patch: 2 observable, 1 unobservable, 3 excluded
3 sites in 3 copies, 2 of them on emulated instructions
warning: the binary does not say which commit it was built from

cart.go
  10-11  #1 statement (*Cart).Add
           0x49a1c0  emulated  example.com/shop/cart.(*Cart).Add
           0x49a1d0  emulated  example.com/shop/main.main (inlined copy)
  12     #2 header (*Cart).Add
           0x49a1e0  stepped   example.com/shop/cart.(*Cart).Add (if flags satisfy e)
  13     no code
  14     #3 branch Total  unobservable: speculated (its instructions run whether or not the branch is taken)

ctl.go
  20  #4 statement home  excluded: //go:build windows
  21  #5 statement usage  other-component: cmd/shopctl
  22  #6 statement old  other-component: no main package imports it
";
        assert_eq!(text(&sample::plan(), Style::PLAIN), expected);
    }

    #[test]
    fn dependencies_stand_with_their_versions() {
        let mut plan = sample::plan();
        plan.warnings.clear();
        sample::add_dependency(&mut plan);
        let check = |plan: &ProbePlan, expected: &str| {
            let text = text(plan, Style::PLAIN);
            assert!(text.contains(expected), "{text}");
        };
        let file = "\nexample.com/Dep/v2@v2.1.0/ctl/ctl.go\n";
        check(
            &plan,
            "1 dependency changed\n  example.com/Dep/v2  v2.0.0 -> v2.1.0, 3 changed lines with code\n\ncart.go\n",
        );
        check(&plan, file);
        let unlinked = super::super::Dependency {
            path: "x.org/a".into(),
            old: None,
            new: "v1.0.0".into(),
            dir: "x.org/a@v1.0.0".into(),
        };
        plan.dependencies.push(unlinked);
        check(&plan, "2 dependencies changed\n  example.com/Dep/v2  v2.0.0 -> v2.1.0, 3 changed");
        check(&plan, "\n  x.org/a             new, v1.0.0, no changed line with code in the binary\n");
    }

    #[test]
    fn copies_without_a_site_are_named_in_one_line() {
        let mut plan = sample::plan_with_blind_copies();
        let check =
            |plan: &ProbePlan, expected: &str| assert!(text(plan, Style::PLAIN).contains(expected), "{expected}");
        check(&plan, "3 sites in 3 copies, 2 of them on emulated instructions; 4 more copies cannot be observed\n");
        check(
            &plan,
            "cart.(*Cart).Add (if flags satisfy e)\n           + 4 copies cannot be observed (optimised-out, speculated): \
             example.com/shop/cart.Merge (2), example.com/shop/main.home, example.com/shop/main.main\n",
        );
        plan.points[1].blind.truncate(1);
        check(&plan, "           + 1 copy cannot be observed (speculated): example.com/shop/cart.Merge\n");
        let copy = |n| Blind { function: format!("f{n}"), ..plan.points[1].blind[0].clone() };
        plan.points[1].blind = (0..8).map(copy).collect();
        check(&plan, "+ 8 copies cannot be observed (speculated): f0, f1, f2, f3, f4, 3 more functions\n");
    }

    #[test]
    fn what_may_be_probed_instead_is_shown() {
        let mut plan = sample::plan();
        sample::add_fault(&mut plan);
        let text = text(&plan, Style::PLAIN);
        let check = |expected: &str| assert!(text.contains(expected), "{text}");
        check("3 sites in 3 copies, 2 of them on emulated instructions, and 1 whose faults count\n");
        check("0x49a1c0  emulated  example.com/shop/cart.(*Cart).Add (or 0x49a1b0 stepped)\n");
        check("0x49a1f0  fault     example.com/shop/cart.(*Cart).Add\n");
    }

    #[test]
    fn a_plan_can_not_write_to_the_terminal() {
        let mut plan = sample::plan();
        plan.points[0].function = "\x1b[2J".into();
        plan.warnings[0] = "\x07".into();
        assert!(!text(&plan, Style::PLAIN).chars().any(|c| c.is_control() && c != '\n'));
        assert!(text(&plan, Style { color: true }).contains("\x1b[33mwarning:\x1b[0m"));
    }

    #[test]
    fn a_changed_line_without_an_answer_is_shown() {
        let mut plan = sample::plan();
        plan.files[0].no_code = LineSet::new();
        assert!(text(&plan, Style::PLAIN).contains("  13     in no point\n"));
    }
}
