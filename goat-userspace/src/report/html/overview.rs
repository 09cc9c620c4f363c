//! The head of the page: what is shown, and how much of it has run.

use std::fmt::Write;

use super::text::{escape, escaped, mark};
use crate::{
    plan::ProbePlan,
    report::{ComponentReport, Report, State, Totals},
    status::Status,
};

/// `2 of 4 points have run`.
pub(super) fn sentence(totals: Totals, out: &mut String) {
    let _ = match totals.total {
        0 if totals.unobservable > 0 => write!(out, "nothing that can be observed"),
        0 => write!(out, "nothing to observe"),
        1 => write!(out, "{} of 1 point has run", totals.covered),
        total => write!(out, "{} of {total} points have run", totals.covered),
    };
}

pub(super) fn commits(plan: &ProbePlan, out: &mut String) {
    let short = |commit: &str| escaped(&commit.chars().take(8).collect::<String>());
    let old = plan.app.old_commit.as_deref().map_or_else(|| "nothing".into(), short);
    let _ = write!(out, "{old}<span class=\"vh\"> to </span><span aria-hidden=\"true\"> → </span>");
    let _ = write!(out, "{}, by {}", short(&plan.app.new_commit), plan.granularity);
}

pub(super) fn components(report: &Report, shown: Option<&ComponentReport>, out: &mut String) {
    if report.components.len() < 2 {
        return;
    }
    out.push_str("<nav class=\"components\" aria-label=\"Components\"><ul>");
    for component in &report.components {
        let current = if shown.is_some_and(|shown| shown.id == component.id) { " aria-current=\"page\"" } else { "" };
        let name = escaped(&component.name);
        let own = if report.component == Some(component.id) { " <small>this binary</small>" } else { "" };
        let _ = write!(out, "<li><a href=\"?component={}\"{current}>{name}{own}</a></li>", component.id);
    }
    out.push_str("</ul></nav>");
}

pub(super) fn warnings(plan: &ProbePlan, status: Option<&Status>, out: &mut String) {
    for warning in &plan.warnings {
        let _ = write!(out, "<p class=\"warning\"><strong>Warning:</strong> {}</p>", escaped(warning));
    }
    let is_down = status.is_some_and(|s| !s.targets.is_empty() && s.targets.iter().all(|target| !target.up));
    let hidden = if is_down { "" } else { " hidden" };
    let _ = write!(
        out,
        "<p class=\"warning\" id=\"down\"{hidden}><strong>No watched process runs:</strong> what is shown is what ran until the last one \
         ended.</p>"
    );
}

/// One segment per state. Widths are attributes of SVG, which the policy allows, where `style` is not.
pub(super) fn bar(totals: Totals, out: &mut String) {
    let all: usize = State::ALL.iter().map(|&state| totals.in_state(state)).sum();
    let mut x = 0;
    for state in State::ALL {
        let width = (totals.in_state(state) * 1000).checked_div(all).unwrap_or(0);
        let _ =
            write!(out, "<rect data-bar=\"{}\" x=\"{x}\" y=\"0\" width=\"{width}\" height=\"10\"/>", state.as_str());
        x += width;
    }
}

pub(super) fn legend(totals: Totals, out: &mut String) {
    for state in State::ALL {
        let (word, count) = (state.as_str(), totals.in_state(state));
        let _ = write!(
            out,
            "<li data-state=\"{word}\"><span class=\"mark\" aria-hidden=\"true\">{}</span> <b>{count}</b> <span>",
            mark(state)
        );
        escape(state.words(), out);
        out.push_str("</span></li>");
    }
}
