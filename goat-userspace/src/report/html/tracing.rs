//! How the tracing itself does: processes, probes, cost. tracing.js says the same of what comes later.

use std::fmt::Write;

use super::text::{clock, escaped};
use crate::status::{ProbeStates, Status, TargetStatus};

/// Processes that are named; of the others the page says how many there are.
const NAMED: usize = 5;

pub(super) fn section(status: Option<&Status>, out: &mut String) {
    let Some(status) = status else { return };
    out.push_str("<section class=\"tracing\" aria-label=\"Tracing\"><h2>Tracing</h2><dl>");
    let _ = write!(out, "<dt{0}>Processes</dt><dd id=\"targets\"{0}><ul>", hidden(status.targets.is_empty()));
    for target in status.targets.iter().rev().take(NAMED) {
        process(target, out);
    }
    if let Some(more @ 1..) = status.targets.len().checked_sub(NAMED) {
        let _ = write!(out, "<li>and {more} before</li>");
    }
    let _ = write!(out, "</ul></dd><dt>Probes</dt><dd id=\"probes\">{}</dd>", probes(status.probes));
    let cost = status.overhead.map(|overhead| {
        format!(
            "{} of the processes' CPU time, of {} allowed; {:.0} hits a second",
            percent(overhead.ratio),
            percent(overhead.budget),
            overhead.hits_per_second
        )
    });
    let _ = write!(out, "<dt{0}>Cost</dt><dd id=\"cost\"{0}>", hidden(cost.is_none()));
    let (ratio, budget) = status.overhead.map_or((0.0, 1.0), |overhead| (overhead.ratio, overhead.budget));
    let _ = write!(
        out,
        "<meter min=\"0\" max=\"{}\" high=\"{budget}\" optimum=\"0\" value=\"{ratio}\" aria-hidden=\"true\"></meter> <span>{}</span></dd>",
        (budget * 1.5).max(ratio),
        cost.unwrap_or_default()
    );
    let backend = status.backend.as_deref().unwrap_or_default();
    let since = status.started.map(|at| format!(" since {}", clock(at))).unwrap_or_default();
    if !backend.is_empty() || !since.is_empty() {
        let _ = write!(out, "<dt>Attached</dt><dd>{}{since}</dd>", escaped(backend));
    }
    out.push_str("</dl></section>");
}

fn hidden(is: bool) -> &'static str {
    if is { " hidden" } else { "" }
}

fn process(target: &TargetStatus, out: &mut String) {
    let (mark, word) = match (target.up, target.probed) {
        (true, true) => ("●", "runs"),
        (true, false) => ("○", "runs, without probes"),
        (false, _) => ("○", "has ended"),
    };
    let exe = target.exe.to_string_lossy();
    let name = exe.rsplit('/').next().unwrap_or_default();
    let _ = write!(
        out,
        "<li data-up=\"{}\"><span aria-hidden=\"true\">{mark}</span> {} <b>{}</b> {word}</li>",
        target.up,
        escaped(name),
        target.pid
    );
}

/// `96 armed, 12 taken out`.
fn probes(states: ProbeStates) -> String {
    let named = [
        (states.armed, "armed"),
        (states.disarmed, "taken out, as they have told what they can"),
        (states.throttled, "resting, as they are hit too often"),
        (states.pending, "waiting for a process"),
        (states.not_armed, "refused"),
    ];
    let said: Vec<String> = named.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if said.is_empty() { "none".into() } else { said.join(", ") }
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}
