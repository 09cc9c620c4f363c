//! `goat doctor`: what this machine, these privileges and this process let goat do, line by line, with the way out.

mod advice;
mod host;
mod privileges;
mod target;
mod trial;

use std::{fmt::Write, fs, process::ExitCode};

use super::{
    args::{DoctorArgs, Format},
    say,
};
use crate::style::{Style, Tone, printable};

pub(super) fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut checks = host::checks();
    checks.extend(privileges::checks(&status, args.pid));
    checks.extend(trial::checks());
    if let Some(pid) = args.pid {
        checks.extend(target::checks(pid));
    }
    say::print(&match args.format {
        Format::Text => text(&checks, say::stdout_style()),
        Format::Json => json(&checks),
    })?;
    Ok(if is_usable(&checks) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line of the answer.
#[derive(PartialEq, Eq, Debug)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    /// What there is.
    found: String,
    /// What that means, where it is not what one would wish.
    meaning: String,
    /// How to change it, line by line.
    remedy: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Ok,
    /// goat works, with less than it could.
    Warn,
    /// goat does not work.
    Fail,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, found: found.into(), meaning: String::new(), remedy: Vec::new() }
    }

    fn warn(name: &'static str, found: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, meaning: meaning.into(), ..Self::ok(name, found) }
    }

    fn fail(name: &'static str, found: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, ..Self::warn(name, found, meaning) }
    }

    fn remedy(mut self, lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.remedy.extend(lines.into_iter().map(Into::into));
        self
    }
}

fn is_usable(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.verdict != Verdict::Fail)
}

fn text(checks: &[Check], style: Style) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        writeln!(text, "{line}").expect("a String takes every write");
    };
    let width = checks.iter().map(|c| c.name.len()).max().unwrap_or_default();
    for Check { name, verdict, found, meaning, remedy } in checks {
        let mark = match verdict {
            Verdict::Ok => style.paint(Tone::Good, "ok  "),
            Verdict::Warn => style.paint(Tone::Doubt, "warn"),
            Verdict::Fail => style.paint(Tone::Bad, "fail"),
        };
        line(format!("{mark}  {name:width$}  {}", printable(found)));
        let indent = " ".repeat(width + 8);
        if !meaning.is_empty() {
            line(format!("{indent}{}", printable(meaning)));
        }
        for step in remedy {
            line(format!("{indent}{}", style.paint(Tone::Strong, &printable(step))));
        }
    }
    let count = |verdict| checks.iter().filter(|c| c.verdict == verdict).count();
    line(match (count(Verdict::Fail), count(Verdict::Warn)) {
        (0, 0) => style.paint(Tone::Good, "goat can attach here").into_owned(),
        (0, n) => format!("{}, with {}", style.paint(Tone::Good, "goat can attach here"), counted(n, "warning")),
        (n, _) => format!("{}: {}", style.paint(Tone::Bad, "goat can't attach here"), counted(n, "check") + " failed"),
    });
    text
}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn json(checks: &[Check]) -> String {
    let check = |check: &Check| {
        serde_json::json!({
            "name": check.name,
            "verdict": match check.verdict {
                Verdict::Ok => "ok",
                Verdict::Warn => "warn",
                Verdict::Fail => "fail",
            },
            "found": check.found,
            "meaning": check.meaning,
            "remedy": check.remedy,
        })
    };
    let checks_json: Vec<_> = checks.iter().map(check).collect();
    serde_json::json!({ "usable": is_usable(checks), "checks": checks_json }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_makes_it_unusable() {
        let check = |checks: &[Check], usable: bool, last: &str| {
            assert_eq!(is_usable(checks), usable, "{checks:?}");
            assert_eq!(text(checks, Style::PLAIN).lines().last(), Some(last));
            let json: serde_json::Value = serde_json::from_str(&json(checks)).unwrap();
            assert_eq!(json["usable"], usable);
            assert_eq!(json["checks"].as_array().unwrap().len(), checks.len());
        };
        let warn = || Check::warn("a", "b", "c");
        check(&[Check::ok("a", "b")], true, "goat can attach here");
        check(&[Check::ok("a", "b"), warn()], true, "goat can attach here, with 1 warning");
        check(&[warn(), Check::fail("a", "b", "c")], false, "goat can't attach here: 1 check failed");
    }

    #[test]
    fn a_check_says_what_was_found_what_it_means_and_what_to_do() {
        let checks = [Check::ok("kernel", "6.18.0"), Check::warn("Yama", "1", "not all").remedy(["sysctl x", "y"])];
        let expected = "\
ok    kernel  6.18.0
warn  Yama    1
              not all
              sysctl x
              y
goat can attach here, with 1 warning
";
        assert_eq!(text(&checks, Style::PLAIN), expected);
    }
}
