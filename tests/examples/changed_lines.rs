//! What goat takes for changed: `changed_lines REPOSITORY` reads lines of `PRECISION OLD NEW`, precision 1, 2 or 3, and prints for each
//! the changed lines by file, as JSON on a line of its own. Old sides that are not part of the new one's history are replaced by the
//! common ancestor.

use std::{
    collections::BTreeMap,
    io::{Read, stdin},
    path::Path,
};

use anyhow::{Context, Result, bail};
use goat::diff::{ChangeSet, Filter, Options, Precision, between};
use serde::Serialize;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The old side's commit, or the common ancestor that was taken for it.
    base: String,
    /// By path: first and last line of each run.
    files: BTreeMap<String, Vec<(u32, u32)>>,
    /// New path to old path.
    renamed: BTreeMap<String, String>,
    /// By path: why it does not count.
    left_out: BTreeMap<String, String>,
    error: Option<String>,
}

impl Answer {
    fn new(changes: &ChangeSet) -> Self {
        let runs = |file: &goat::diff::FileChange| file.lines.runs().iter().map(|run| (run.first, run.last)).collect();
        let renamed = changes.files.iter().filter_map(|file| {
            let old = file.old_path.as_ref().filter(|old| **old != file.path)?;
            Some((file.path.to_string(), old.to_string()))
        });
        Self {
            base: changes.old.as_ref().map(|old| old.commit.clone()).unwrap_or_default(),
            files: changes.files.iter().map(|file| (file.path.to_string(), runs(file))).collect(),
            renamed: renamed.collect(),
            left_out: changes.filtered.iter().map(|(path, rule)| (path.to_string(), rule.clone())).collect(),
            error: None,
        }
    }
}

fn main() -> Result<()> {
    let repository = std::env::args().nth(1).context("usage: changed_lines REPOSITORY < PAIRS")?;
    let mut pairs = String::new();
    stdin().read_to_string(&mut pairs)?;
    for line in pairs.lines() {
        let [precision, old, new] = line.split(' ').collect::<Vec<_>>()[..] else { bail!("no pair: {line:?}") };
        let precision = match precision {
            "1" => Precision::Blame,
            "2" => Precision::FollowRenames,
            "3" => Precision::NoRenames,
            _ => bail!("no precision: {precision:?}"),
        };
        let options = Options {
            old: old.to_owned(),
            new: new.to_owned(),
            merge_base: true,
            precision,
            filter: Filter { ignores: Vec::new(), skip_nested_modules: false },
        };
        let answer = match between(Path::new(&repository), &options) {
            Ok(changes) => Answer::new(&changes),
            Err(error) => Answer { error: Some(error.to_string()), ..Answer::default() },
        };
        println!("{}", serde_json::to_string(&answer)?);
    }
    Ok(())
}
