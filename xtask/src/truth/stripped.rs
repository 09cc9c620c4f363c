//! Are the plans for a program and for its stripped build the same? Every point of a subject at line granularity, as goat reads
//! it from DWARF and from pclntab: whether it can be observed, why not, and at which addresses.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;

use super::{Format, directory, document, goat, oracle, subject::Subject, subject::Variant};

/// How many differences of each kind are shown.
const EXAMPLES: usize = 8;

/// What a program's two plans have in common.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Agreement {
    program: String,
    points: usize,
    observable: usize,
    sites: usize,
    /// Points with the same answer: observable or not and why, the same addresses, the same copies that are blind.
    same: usize,
    /// By what differs first: how many points, and some of them.
    different: BTreeMap<&'static str, Vec<String>>,
}

/// Makes a subject of this name in a directory.
type Make<'a> = &'a dyn Fn(&str, &Path) -> Result<Subject>;

/// Compares the plans of the named subjects. Fails if a point's answers differ.
pub(super) fn run(goat: &Path, names: &[&str], make: Make<'_>, format: Format, document: Option<&Path>) -> Result<()> {
    let mut all = Vec::new();
    for name in names {
        let (dir, _lock) = directory(&format!("stripped-{name}"))?;
        let subject = make(name, &dir)?;
        for agreement in of_subject(goat, &subject, &dir).with_context(|| format!("planning for {name}"))? {
            if format == Format::Text {
                print(&agreement);
            }
            all.push(agreement);
        }
    }
    document::tell(&all, format, document, document::STRIPPED, markdown)?;
    let different: usize = all.iter().map(|a| a.points - a.same).sum();
    ensure!(different == 0, "{different} points have other answers in the stripped build");
    Ok(())
}

fn of_subject(goat: &Path, subject: &Subject, dir: &Path) -> Result<Vec<Agreement>> {
    let mut all = Vec::new();
    let plans = |kind: &str, flags: &str| -> Result<Vec<Vec<Value>>> {
        let variant = Variant { flags: vec![flags.to_owned()], env: Vec::new() };
        let out = dir.join(kind);
        oracle::release(&subject.programs, &variant, &out)?;
        let plan = |name: &str| -> Result<Vec<Value>> {
            let json = goat::plan_json(goat, &subject.tree, &out.join(name), "line", None)?;
            let mut plan: Value = serde_json::from_str(&json).context("goat plan wrote no JSON")?;
            let Value::Array(points) = plan["points"].take() else { anyhow::bail!("the plan has no points") };
            Ok(points)
        };
        subject.programs.iter().map(|program| plan(&program.name)).collect()
    };
    let (whole, stripped) = (plans("whole", "-ldflags=")?, plans("stripped", "-ldflags=-s -w")?);
    for ((program, whole), stripped) in subject.programs.iter().zip(whole).zip(stripped) {
        ensure!(whole.len() == stripped.len(), "{}: the plans have different points", program.name);
        let mut agreement = Agreement { program: program.name.clone(), points: whole.len(), ..Agreement::default() };
        for (whole, stripped) in whole.iter().zip(&stripped) {
            agreement.observable += usize::from(whole["observable"] == true);
            agreement.sites += whole["sites"].as_array().map_or(0, Vec::len);
            match difference(whole, stripped) {
                None => agreement.same += 1,
                Some((what, text)) => {
                    let place = format!("{}:{} {text}", text_of(&whole["file"]), whole["line"]);
                    agreement.different.entry(what).or_default().push(place);
                }
            }
        }
        all.push(agreement);
    }
    Ok(all)
}

/// What differs first, by weight.
fn difference(whole: &Value, stripped: &Value) -> Option<(&'static str, String)> {
    let both = |name: &str| format!("with DWARF {}, stripped {}", whole[name], stripped[name]);
    if whole["observable"] != stripped["observable"] {
        return Some(("observable in one alone", both("reason")));
    }
    if whole["reason"] != stripped["reason"] {
        return Some(("unobservable for another reason", both("reason")));
    }
    let addresses = |point: &Value| -> Vec<String> {
        let sites = point["sites"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut all: Vec<String> = sites
            .iter()
            .map(|site| format!("{} {} {}", text_of(&site["address"]), text_of(&site["class"]), site["condition"]))
            .collect();
        all.sort();
        all.dedup();
        all
    };
    let (ours, theirs) = (addresses(whole), addresses(stripped));
    if ours != theirs {
        return Some(("other sites", format!("with DWARF {ours:?}, stripped {theirs:?}")));
    }
    (whole["blind"] != stripped["blind"]).then(|| ("other blind copies", both("blind")))
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn print(agreement: &Agreement) {
    let Agreement { program, points, observable, sites, same, different } = agreement;
    println!("-- {program}: {points} points, {observable} observable at {sites} sites; {same} the same in both builds");
    for (what, places) in different {
        println!("   {}: {what}", places.len());
        places.iter().take(EXAMPLES).for_each(|place| println!("      {place}"));
    }
}

fn markdown(all: &[Agreement]) -> String {
    let mut text = String::from(
        "By `cargo xtask truth --stripped`: the plan for each program built with `-ldflags=\"-s -w\"`, from pclntab, against that for the \
         same program with DWARF. A point is the same if it can be observed in both or in neither for the same reason, at the same \
         addresses, with the same copies that can't be.\n\n\
         | | points | observable | sites | the same |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    for Agreement { program, points, observable, sites, same, .. } in all {
        let _ = writeln!(text, "| {program} | {points} | {observable} | {sites} | {same} |");
    }
    for a in all.iter().filter(|a| !a.different.is_empty()) {
        let _ = writeln!(text, "\n{}, for example:\n", a.program);
        for (what, places) in &a.different {
            let _ = writeln!(text, "- {} {what}: {}", places.len(), places.first().map_or("", String::as_str));
        }
    }
    text
}
