//! The verdicts for people and for scripts.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::Result;
use serde::Serialize;

use super::{
    counts::Counts,
    goat::Site,
    judge::{Figures, Judged, Verdict},
};

/// Unobservable points shown for each reason.
const EXAMPLES: usize = 12;

/// A subject, judged.
#[derive(Default)]
pub(super) struct SubjectReport {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) programs: Vec<ProgramReport>,
    /// Programs that could not be judged.
    pub(super) failed: Vec<String>,
}

/// A program, judged.
pub(super) struct ProgramReport {
    pub(super) name: String,
    pub(super) figures: Figures,
    /// Of an address-only mapping on the same inputs.
    pub(super) baseline: Option<Figures>,
    pub(super) counts: Option<Counts>,
    /// Drives in which the probed program wrote something else, or ended otherwise.
    pub(super) changed_output: usize,
    pub(super) falsely_covered: Vec<Disagreement>,
    pub(super) missed: Vec<Disagreement>,
    pub(super) finer: Vec<Disagreement>,
    /// Points that lie in no block of the profile.
    pub(super) no_block: Vec<Disagreement>,
    /// By reason; those that ran come first.
    pub(super) unobservable: BTreeMap<String, Vec<Disagreement>>,
}

/// A point that goat does not answer as the oracle does.
#[derive(Serialize, Clone)]
pub(super) struct Disagreement {
    pub(super) file: String,
    pub(super) line: u32,
    function: String,
    kind: String,
    pub(super) source: String,
    pub(super) expected: u64,
    counted: u64,
    sites: Vec<Site>,
    code: String,
    #[serde(skip)]
    verdict: Verdict,
}

impl Disagreement {
    pub(super) fn new(judged: &Judged<'_>, source: String, code: String) -> Self {
        Self {
            file: judged.point.file.clone(),
            line: judged.point.line,
            function: judged.point.function.clone(),
            kind: judged.point.kind.clone(),
            source,
            expected: judged.expected,
            counted: judged.counted,
            sites: judged.point.sites.clone(),
            code,
            verdict: judged.verdict.clone(),
        }
    }
}

impl ProgramReport {
    pub(super) fn new(name: String, figures: Figures, changed_output: usize) -> Self {
        Self {
            name,
            figures,
            baseline: None,
            counts: None,
            changed_output,
            falsely_covered: Vec::new(),
            missed: Vec::new(),
            finer: Vec::new(),
            no_block: Vec::new(),
            unobservable: BTreeMap::new(),
        }
    }

    /// Keeps what is not agreed upon.
    pub(super) fn add(&mut self, one: Disagreement) {
        match &one.verdict {
            Verdict::FalselyCovered => self.falsely_covered.push(one),
            Verdict::Missed => self.missed.push(one),
            Verdict::Finer => self.finer.push(one),
            Verdict::Unobservable { reason, .. } => self.unobservable.entry(reason.clone()).or_default().push(one),
            Verdict::NoBlock => self.no_block.push(one),
            Verdict::Agreed { .. } | Verdict::Excluded | Verdict::Unsteady => {}
        }
    }
}

impl SubjectReport {
    /// All programs' figures.
    pub(super) fn total(&self) -> Figures {
        let mut total = Figures::default();
        for program in &self.programs {
            total.add(&program.figures);
        }
        total
    }

    /// That of the address-only mapping, if there is one.
    pub(super) fn baseline(&self) -> Option<Figures> {
        let mut total = None;
        for baseline in self.programs.iter().filter_map(|p| p.baseline.as_ref()) {
            total.get_or_insert_with(Figures::default).add(baseline);
        }
        total
    }

    /// All programs' counts.
    pub(super) fn counts(&self) -> Option<Counts> {
        let mut total = None;
        for counts in self.programs.iter().filter_map(|p| p.counts.as_ref()) {
            total.get_or_insert_with(Counts::default).add(counts);
        }
        total
    }
}

/// For people: every disagreement, then the figures.
pub(super) fn text(report: &SubjectReport) -> String {
    let mut text = format!("== {}: {}\n", report.name, report.about);
    for program in &report.programs {
        for (title, list) in
            [("FALSELY COVERED", &program.falsely_covered), ("MISSED", &program.missed), ("finer", &program.finer)]
        {
            for one in list {
                let _ = writeln!(
                    text,
                    "{title} {} {}:{} {} {}: oracle {}, goat {}: {}",
                    program.name, one.file, one.line, one.function, one.kind, one.expected, one.counted, one.source
                );
                for site in &one.sites {
                    let inlined = if site.inlined { " inlined" } else { "" };
                    let condition = site.condition.map(|c| format!(" if {c}")).unwrap_or_default();
                    let _ = writeln!(text, "    site {} {}{inlined}{condition}", site.address, site.function);
                }
                text += &one.code;
            }
        }
    }
    for program in &report.programs {
        for (reason, list) in &program.unobservable {
            // Functions that are not in the binary are of interest only where they ran.
            let list: Vec<_> = list.iter().filter(|one| reason != "not-linked" || one.expected > 0).collect();
            for one in list.iter().take(EXAMPLES) {
                let _ = writeln!(
                    text,
                    "{reason} {} {}:{} {} {} (ran {}): {}",
                    program.name, one.file, one.line, one.function, one.kind, one.expected, one.source
                );
            }
            if list.len() > EXAMPLES {
                let _ = writeln!(text, "{reason} {}: {} more", program.name, list.len() - EXAMPLES);
            }
        }
    }
    for program in &report.programs {
        for one in program.no_block.iter().take(EXAMPLES) {
            let _ = writeln!(
                text,
                "no block {} {}:{} {} {} (goat {}): {}",
                program.name, one.file, one.line, one.function, one.kind, one.counted, one.source
            );
        }
    }
    if report.programs.len() > 1 {
        for program in &report.programs {
            text += &figures(&program.name, &program.figures, program.changed_output);
        }
    }
    let changed = report.programs.iter().map(|p| p.changed_output).sum();
    text += &figures(&format!("{}, all of it", report.name), &report.total(), changed);
    if let Some(counts) = report.counts() {
        let share = super::judge::share(counts.equal, counts.functions);
        let (exact, exact_equal) = counts.exact();
        let _ = writeln!(
            text,
            "-- {}, calls: {} functions, equal {} ({share:.2} %), exact {exact}, equal {exact_equal}, at least {}, equal {}, too high {}, \
             hot {}, unsteady {}",
            report.name,
            counts.functions,
            counts.equal,
            counts.at_least,
            counts.at_least_equal,
            counts.too_high,
            counts.hot,
            counts.unsteady
        );
        for line in &counts.different {
            let _ = writeln!(text, "   {line}");
        }
    }
    if let Some(baseline) = report.baseline() {
        text += &figures(&format!("{}, address-only mapping", report.name), &baseline, 0);
    }
    text
}

fn figures(name: &str, f: &Figures, changed_output: usize) -> String {
    let mut text = format!("-- {name}\n");
    let (blind, blind_share) = f.blind();
    let _ = writeln!(
        text,
        "   judged {}: ran and covered {}, neither {}, FALSELY COVERED {}, MISSED {} ({} have copies that can't be observed), finer {}; recall {:.2} %",
        f.judged(),
        f.true_covered,
        f.true_not_executed,
        f.falsely_covered,
        f.missed,
        f.missed_in_part,
        f.finer,
        f.recall()
    );
    let _ = write!(text, "   unobservable {blind} ({blind_share:.2} % of linked)");
    for (reason, (points, ran)) in &f.unobservable {
        let _ = write!(text, ", {reason} {points} (ran {ran})");
    }
    let _ = writeln!(text, "; aside: excluded {}, no block {}, unsteady {}", f.excluded, f.no_block, f.unsteady);
    let emulated = super::judge::share(f.emulated, f.sites);
    let _ = writeln!(text, "   sites {}, emulated {} ({emulated:.1} %)", f.sites, f.emulated);
    if f.not_armed > 0 {
        let _ = writeln!(text, "   NOT ARMED {}", f.not_armed);
    }
    if changed_output > 0 {
        let _ = writeln!(text, "   drives that differ with probes: {changed_output}");
    }
    text
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Program<'a> {
    subject: &'a str,
    program: &'a str,
    true_covered: usize,
    true_not_executed: usize,
    falsely_covered: &'a [Disagreement],
    missed: &'a [Disagreement],
    finer: &'a [Disagreement],
    unobservable: &'a BTreeMap<String, Vec<Disagreement>>,
    excluded: usize,
    no_block: usize,
    unsteady: usize,
    not_armed: usize,
    sites: usize,
    emulated: usize,
    recall: f64,
    changed_output: usize,
    /// With `--counts`.
    counts: Option<&'a Counts>,
}

/// For scripts: a list of programs.
pub(super) fn json(reports: &[SubjectReport]) -> Result<String> {
    let programs = reports.iter().flat_map(|r| r.programs.iter().map(move |p| (r, p)));
    let view: Vec<Program<'_>> = programs
        .map(|(report, program)| Program {
            subject: &report.name,
            program: &program.name,
            true_covered: program.figures.true_covered,
            true_not_executed: program.figures.true_not_executed,
            falsely_covered: &program.falsely_covered,
            missed: &program.missed,
            finer: &program.finer,
            unobservable: &program.unobservable,
            excluded: program.figures.excluded,
            no_block: program.figures.no_block,
            unsteady: program.figures.unsteady,
            not_armed: program.figures.not_armed,
            sites: program.figures.sites,
            emulated: program.figures.emulated,
            recall: program.figures.recall(),
            changed_output: program.changed_output,
            counts: program.counts.as_ref(),
        })
        .collect();
    Ok(serde_json::to_string_pretty(&view)?)
}
